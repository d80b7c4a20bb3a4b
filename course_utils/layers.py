"""Layers of a network: their names, their activations, what part of the picture they see, and local recomputation.

Receptive fields and local recomputation share one idea. `torch.fx` writes the model's forward down as a list of steps.
Each step is a sliding window (convolution, pooling), works on each position by itself (ReLU, sums, concatenation), or
mixes all positions (flatten, linear, global pooling). Up to the first step that mixes, it is known which pixels
a unit sees, and so which units a changed pixel can reach.
"""

from __future__ import annotations

import contextlib
import copy
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from .runtime import check_pictures, frozen, pick

# ---------------------------------------------------------------- names and activations


def names(model: nn.Module) -> list[str]:
    """The dotted names of the model's layers (modules without children), in the order in which they were registered."""
    return [name for name, module in model.named_modules() if name and not any(module.children())]


def resolve(model: nn.Module, layer: str | nn.Module) -> nn.Module:
    """The module that `layer` means: a dotted name (also of a block of layers) or a module of the model itself."""
    return dict(model.named_modules())[layer_name(model, layer)]


def layer_name(model: nn.Module, layer: str | nn.Module) -> str:
    """The dotted name of `layer`; a ValueError with the nearest names if the model has no such layer."""
    known = dict(model.named_modules())
    if isinstance(layer, str):
        return pick("layer", layer, [name for name in known if name])
    for name, module in known.items():
        if module is layer:
            return name
    raise ValueError(
        f"the given {type(layer).__name__} is not a layer of this {type(model).__name__}; "
        "give one of its own modules or a name from layers.names(model)."
    )


class Captured(dict):
    """Activations by layer name; the module itself is accepted as the key, too."""

    def __init__(self, wanted: dict[str, nn.Module]) -> None:
        super().__init__()
        self.wanted = wanted

    def __missing__(self, key: str | nn.Module) -> Tensor:
        name = next((name for name, module in self.wanted.items() if module is key), key)
        if name in self:
            return self[name]
        pick("captured layer", name, self.wanted)
        raise ValueError(f"layer {name!r} has not run yet: run the model on pictures inside the `with` block first.")


@contextlib.contextmanager
def capture(model: nn.Module, *layers: str | nn.Module) -> Iterator[Captured]:
    """`with capture(model, "features.3") as seen: model(x)`, then `seen["features.3"]` is that layer's output.

    It is the output of the layer's last call in the block. The rest of the network goes on with a copy, so that
    a following in-place ReLU cannot change what was captured, and gradients flow both to it and from it. The hooks are
    gone after the block, also after an error.
    """
    if not layers:
        raise ValueError("capture was given no layer; name at least one of layers.names(model).")
    wanted = {layer_name(model, layer): resolve(model, layer) for layer in layers}
    seen = Captured(wanted)

    def keep(name: str) -> Callable:
        def hook(module: nn.Module, inputs: tuple, output: Any) -> Tensor | None:
            seen[name] = output
            return output.clone() if isinstance(output, Tensor) else None

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in wanted.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


# ---------------------------------------------------------------- the steps of a forward, and what each can reach


class _Window(NamedTuple):
    """A sliding window: pairs (rows, columns). `run` computes it on a padded crop; None if it cannot run on a crop."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    ceil: bool
    border: int  # what lies outside the map: _ZERO or _LOWEST
    run: Callable[[Tensor], Tensor] | None


_ZERO, _LOWEST = 0, 1
_EACH_POSITION = (  # modules that, in eval mode, work on each position by itself
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh,
    nn.Softplus, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout,
    nn.BatchNorm2d, nn.LocalResponseNorm,
)  # fmt: skip
_EACH_POSITION_FUNCTIONS = set(
    "relu relu6 leaky_relu elu selu gelu silu sigmoid tanh softplus hardtanh hardswish hardsigmoid dropout dropout2d "
    "add sub mul div truediv neg pow square sqrt rsqrt exp log abs sign clamp clamp_min clamp_max where maximum minimum "
    "lt le gt ge eq ne detach clone contiguous float cat concat".split()
)
_IN_PLACE = {operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
             operator.itruediv: operator.truediv}  # fmt: skip
_MIX_ALL = set(
    "flatten view reshape mean sum amax adaptiveavgpool2d adaptivemaxpool2d adaptive_avg_pool2d adaptive_max_pool2d "
    "linear softmax log_softmax layernorm groupnorm instancenorm2d matmul multiheadattention squeeze".split()
)


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (tuple(value) * 2)[:2]


def _window(module: object, size: tuple[int, int]) -> _Window | None:
    """The sliding window that `module` is on a map of `size`, or None."""
    if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros":
        dilation, stride = module.dilation, module.stride
        padding = {"valid": (0, 0), "same": tuple(d * (k - 1) // 2 for d, k in zip(dilation, module.kernel_size))}.get(
            module.padding, module.padding
        )
        run = lambda x: F.conv2d(x, module.weight, module.bias, stride, 0, dilation, module.groups)  # noqa: E731
        return _Window(module.kernel_size, stride, padding, dilation, False, _ZERO, run)
    if isinstance(module, nn.MaxPool2d) and not module.return_indices:
        kernel, stride, padding, dilation = map(
            _pair, (module.kernel_size, module.stride, module.padding, module.dilation)
        )
        run = lambda x: F.max_pool2d(x, kernel, stride, 0, dilation)  # noqa: E731
        return _Window(kernel, stride, padding, dilation, module.ceil_mode, _LOWEST, run)
    if isinstance(module, nn.AvgPool2d):
        kernel, stride, padding = map(_pair, (module.kernel_size, module.stride, module.padding))
        # where windows at the border are divided by fewer cells, a crop would have to know where it lies
        even = not module.ceil_mode and (padding == (0, 0) or module.count_include_pad)
        run = (lambda x: F.avg_pool2d(x, kernel, stride, divisor_override=module.divisor_override)) if even else None
        return _Window(kernel, stride, padding, (1, 1), module.ceil_mode, _ZERO, run)
    if isinstance(module, nn.AdaptiveAvgPool2d):  # an ordinary pooling where the cells divide evenly
        wanted = tuple(n if m is None else m for n, m in zip(size, _pair(module.output_size)))
        if all(n % m == 0 and (m > 1 or n == 1) for n, m in zip(size, wanted)):
            kernel = tuple(n // m for n, m in zip(size, wanted))
            return _Window(kernel, kernel, (0, 0), (1, 1), False, _ZERO, lambda x: F.avg_pool2d(x, kernel))
    return None


@dataclass(frozen=True)
class _Axis:
    """What the units of a map see along one axis of the picture.

    Borders ignored, unit i sees pixels start + i * stride ... start + i * stride + size - 1.
    In truth it sees first[i] ... last[i], always inside the picture (first > last: nothing).
    """

    size: int
    stride: int
    start: int
    first: Tensor
    last: Tensor

    @staticmethod
    def picture(pixels: int) -> _Axis:
        return _Axis(1, 1, 0, torch.arange(pixels), torch.arange(pixels))

    def slide(self, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> _Axis:
        """The axis of the map that a sliding window makes of this one."""
        cells, reach = len(self.first), dilation * (kernel - 1)
        units = (cells + 2 * padding - reach - 1 + (stride - 1 if ceil else 0)) // stride + 1
        if ceil and (units - 1) * stride >= cells + padding:  # the last window must not start behind the map
            units -= 1
        units = max(units, 0)
        taps = torch.arange(units)[:, None] * stride - padding + torch.arange(kernel) * dilation
        inside, taps = (taps >= 0) & (taps < cells), taps.clamp(0, cells - 1)
        far = torch.iinfo(torch.int64).max
        return _Axis(
            self.size + reach * self.stride, self.stride * stride, self.start - padding * self.stride,
            self.first[taps].where(inside, far).amin(1), self.last[taps].where(inside, -1).amax(1),
        )  # fmt: skip

    def join(self, other: _Axis) -> _Axis:
        """The union over two paths that meet in one map."""
        start = min(self.start, other.start)
        end = max(self.start + self.size, other.start + other.size)
        return _Axis(end - start, self.stride, start, self.first.minimum(other.first), self.last.maximum(other.last))

    def reached(self, low: Tensor, high: Tensor) -> tuple[Tensor, int]:
        """Which units see any of the pixels low[k] ... high[k]: the first such unit for each k, and the largest count.

        The first units are moved so that a run of `count` units lies inside the map for every k.
        """
        hit = (self.first <= high[:, None]) & (self.last >= low[:, None])
        begin, end = hit.int().argmax(1), hit.shape[1] - hit.int().flip(1).argmax(1)
        count = max(1, int((end - begin)[hit.any(1)].max()) if bool(hit.any()) else 1)
        return begin.clamp(max=hit.shape[1] - count), count


class _Tracer(fx.Tracer):
    """Writes a forward down and notes which step gives each module's output (its last call counts)."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: dict[nn.Module, fx.Node] = {}

    def call_module(self, m: nn.Module, forward: Callable, args: tuple, kwargs: dict) -> Any:
        output = super().call_module(m, forward, args, kwargs)
        if isinstance(output, fx.Proxy):
            self.outputs[m] = output.node
        return output


class _Plan:
    """The steps of a model's forward on pictures of a size, each with what its units see.

    `sees[node]` is a pair of axes; or the name of the step that mixed all positions; or None for a constant.
    """

    def __init__(self, model: nn.Module, size: tuple[int, int]) -> None:
        tracer = _Tracer()
        with frozen(model):
            self.graph = tracer.trace(model)
        self.outputs = tracer.outputs
        self.constants: dict[fx.Node, Any] = {}
        self.windows: dict[fx.Node, _Window] = {}
        self.sees: dict[fx.Node, tuple[_Axis, _Axis] | str | None] = {}
        self.calls = {node: self._call(model, node) for node in self.graph.nodes}
        for node in self.graph.nodes:
            self.sees[node] = self._seen_by(node, size)
        self.input = next(iter(self.graph.nodes))

    def _call(self, model: nn.Module, node: fx.Node) -> Any:
        """What runs at this step, without changing its input in place, so that every step's value can be kept."""
        if node.op == "call_module":
            module = copy.copy(model.get_submodule(node.target))  # shares the weights
            module.training = False
            if getattr(module, "inplace", False):
                module.inplace = False
            return module
        if node.op == "get_attr":
            return operator.attrgetter(node.target)(model)
        if node.op.startswith("call_") and getattr(node.target, "__module__", "") != "_operator":
            if _short(node).endswith("_"):
                raise NotImplementedError(f"step {node.name} changes its input in place")
        if node.op == "call_method":
            return lambda first, *args, **kwargs: getattr(first, node.target)(*args, **kwargs)
        if node.op == "call_function":
            if node.kwargs.get("inplace"):
                node.kwargs = {**node.kwargs, "inplace": False}
            return _IN_PLACE.get(node.target, node.target)
        return None

    def _seen_by(self, node: fx.Node, size: tuple[int, int]) -> tuple[_Axis, _Axis] | str | None:
        if node.op == "placeholder":
            if not any(seen is not None for seen in self.sees.values()):
                return _Axis.picture(size[0]), _Axis.picture(size[1])
            self.constants[node] = node.args[0] if node.args else None  # an option of forward, left at its default
            return None
        inputs = [self.sees[source] for source in node.all_input_nodes]
        if node.op == "output":
            return inputs[0] if len(inputs) == 1 else "output"
        moving = [seen for seen in inputs if seen is not None]
        if not moving:
            self.constants[node] = self.calls[node] if node.op == "get_attr" else self.run(node, self.constants)
            return None
        for seen in moving:
            if isinstance(seen, str):
                return seen
        sizes = {tuple(len(axis.first) for axis in seen) for seen in moving}
        window = _window(_as_module(node, self.calls[node]), next(iter(sizes)))
        if window is not None and len(moving) == 1:
            self.windows[node] = window
            return tuple(
                axis.slide(*(pair[i] for pair in window[:4]), window.ceil) for i, axis in enumerate(moving[0])
            )  # type: ignore[return-value]
        strides = {tuple(axis.stride for axis in seen) for seen in moving}
        if len(sizes) == len(strides) == 1 and self._each_position(node):
            rows, columns = moving[0]
            for other in moving[1:]:
                rows, columns = rows.join(other[0]), columns.join(other[1])
            return rows, columns
        return f"{node.target if isinstance(node.target, str) else node.name!s} ({_short(node, self.calls[node])})"

    def _each_position(self, node: fx.Node) -> bool:
        call, name = self.calls[node], _short(node)
        if node.op == "call_module":
            return isinstance(call, _EACH_POSITION) and getattr(call, "running_mean", True) is not None
        constants = [self.constants[source] for source in node.all_input_nodes if source in self.constants]
        even = all(not isinstance(c, Tensor) or c.numel() == 1 or c.shape[-2:] == (1, 1) for c in constants)
        if name in ("cat", "concat"):  # along the channels only
            even = (node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)) in (1, -3)
        return even and name in _EACH_POSITION_FUNCTIONS

    def run(self, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
        """One step, on the values of the steps before it."""
        args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
        call = self.calls[node]
        if node.op == "output":
            return args[0]
        return call.forward(*args, **kwargs) if isinstance(call, nn.Module) else call(*args, **kwargs)


def _short(node: fx.Node, call: object = None) -> str:
    """The name of what runs at a step: "relu", "cat", "AdaptiveAvgPool2d"."""
    if isinstance(call, nn.Module):
        return type(call).__name__
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def _as_module(node: fx.Node, call: object) -> object:
    """Pooling written as a function, as the module that it equals."""
    if node.op == "call_function" and not any(isinstance(arg, fx.Node) for arg in node.args[1:]):
        options = {name: value for name, value in node.kwargs.items() if name != "input"}
        if _short(node) == "avg_pool2d":
            return nn.AvgPool2d(*node.args[1:], **options)
        if _short(node) in ("max_pool2d", "boolean_dispatch", "fn") and node.target is F.max_pool2d:
            order = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
            return nn.MaxPool2d(**dict(zip(order, node.args[1:])), **options)
    return call


# ---------------------------------------------------------------- receptive fields


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that the units of a layer see: ints, or (rows, columns) where the two differ.

    Borders ignored, the unit in row r sees the `size` pixel rows that begin at start + r * stride; columns alike.
    `start` is below 0 where padding lets the first unit's field begin outside the picture. Where paths join (branches,
    shortcuts) the field is the smallest box around the fields of all paths.
    """

    size: int | tuple[int, int]
    stride: int | tuple[int, int]
    start: int | tuple[int, int]
    axes: tuple[_Axis, _Axis] = field(repr=False, compare=False)

    @property
    def units(self) -> tuple[int, int]:
        """Rows and columns of the layer's map."""
        return len(self.axes[0].first), len(self.axes[1].first)

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """What unit (row, column) really sees: pixels [y0:y1, x0:x1], inside the picture, as (y0, x0, y1, x1)."""
        for name, index, count in zip(("row", "column"), (row, column), self.units):
            if not 0 <= index < count:
                raise ValueError(f"{name} is {index}; this layer's map has {count}: 0 to {count - 1}.")
        rows, columns = self.axes
        ends = int(rows.last[row]) + 1, int(columns.last[column]) + 1
        return min(int(rows.first[row]), ends[0]), min(int(columns.first[column]), ends[1]), *ends


def receptive_field(model: nn.Module, layer: str | nn.Module, size: int | tuple[int, int]) -> ReceptiveField:
    """Which pixels of a picture of `size` the units of `layer` see; exact, through branches, padding and dilation.

    The arithmetic, layer by layer (kernel k, stride s, padding p, dilation d, starting from 1, 1, 0):
    start -= p * stride;  size += d * (k - 1) * stride;  stride *= s.
    """
    name, module = layer_name(model, layer), resolve(model, layer)
    plan = _Plan(model, _pair(size))
    if module not in plan.outputs:
        raise ValueError(f"layer {name!r} gives no output of its own when the model runs; choose another layer.")
    seen = plan.sees[plan.outputs[module]]
    if seen is None or isinstance(seen, str):
        clear = {plan.outputs[m]: n for n, m in model.named_modules() if n and m in plan.outputs}
        last = [n for node, n in clear.items() if isinstance(plan.sees[node], tuple)][-1:]
        hint = f" Choose a layer before it, such as {last[0]!r}." if last else ""
        known = seen is None or seen.rstrip(")").split("(")[-1].lower() in _MIX_ALL
        why = "every pixel is seen by every unit" if known else "it is not known which pixels a unit sees"
        raise ValueError(f"layer {name!r} has no receptive field of its own: from {seen} on, {why}.{hint}")
    if 0 in (len(seen[0].first), len(seen[1].first)):
        raise ValueError(f"size is {size}; for layer {name!r} the picture is too small: its map would be empty.")

    def each(attribute: str) -> int | tuple[int, int]:
        rows, columns = (getattr(axis, attribute) for axis in seen)
        return rows if rows == columns else (rows, columns)

    return ReceptiveField(each("size"), each("stride"), each("start"), seen)


# ---------------------------------------------------------------- local recomputation


class _Patch(NamedTuple):
    """The part of a map that may differ from the base picture's map: cells [B, C, h, w] at (top, left), each [B]."""

    cells: Tensor
    top: Tensor
    left: Tensor


class _Map:
    """A base picture's map [N, C, H, W] as a table with a row for each cell, from which crops are gathered quickly."""

    def __init__(self, base: Tensor) -> None:
        self.pictures, channels, self.height, self.width = base.shape
        cells = base.permute(0, 2, 3, 1).reshape(-1, channels)
        outside = cells.new_tensor([0.0, -torch.inf])[:, None].expand(2, channels)  # rows _ZERO and _LOWEST
        self.table = torch.cat([outside, cells])

    def crop(self, index: Tensor, patch: _Patch, top: Tensor, left: Tensor, height: int, width: int, border: int) -> Tensor:
        """[B, C, height, width] from (top, left) of the maps of pictures `index`, with the patch pasted in.

        Cells outside the map hold the border's value. Cells of the patch that lie outside the crop or outside the map
        go to a spare last row, so that shapes never depend on values.
        """
        device, batch = self.table.device, len(index)
        b = torch.arange(batch, device=device)

        def cells(rows: Tensor, columns: Tensor, inside: Callable, place: Callable, other: int) -> Tensor:
            rows, columns = rows[:, :, None], columns[:, None, :]
            return place(rows, columns).where(inside(rows, columns), other).flatten()

        def in_map(rows: Tensor, columns: Tensor) -> Tensor:
            return (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)

        def in_crop(rows: Tensor, columns: Tensor) -> Tensor:
            y, x = rows - top[:, None, None], columns - left[:, None, None]
            return in_map(rows, columns) & (y >= 0) & (y < height) & (x >= 0) & (x < width)

        def span(start: Tensor, count: int) -> Tensor:
            return start[:, None] + torch.arange(count, device=device)

        source = cells(
            span(top, height), span(left, width), in_map,
            lambda rows, columns: 2 + (index[:, None, None] * self.height + rows) * self.width + columns, border,
        )  # fmt: skip
        target = cells(
            span(patch.top, patch.cells.shape[2]), span(patch.left, patch.cells.shape[3]), in_crop,
            lambda rows, columns: (b[:, None, None] * height + rows - top[:, None, None]) * width + columns
            - left[:, None, None], batch * height * width,
        )  # fmt: skip
        result = self.table.index_select(0, F.pad(source, (0, 1)))
        result.index_copy_(0, target, patch.cells.permute(0, 2, 3, 1).reshape(-1, result.shape[1]))
        return result[:-1].view(batch, height, width, -1).permute(0, 3, 1, 2)


def paste(x: Tensor, boxes: Tensor, patches: Tensor, *, index: Tensor | None = None) -> Tensor:
    """Copies [K, C, H, W] of pictures `x` with patch k pasted at box k; boxes, patches and index are as in `Local`."""
    return _paste(x, *_check_boxes(x, boxes, patches, index))


def _paste(x: Tensor, boxes: Tensor, patches: Tensor, index: Tensor) -> Tensor:
    (_, channels, height, width), (high, wide) = x.shape, patches.shape[2:]
    ramp = torch.arange(max(len(boxes), channels, high, wide), device=x.device)
    rows = (boxes[:, :1] + ramp[:high])[:, None, :, None]
    columns = (boxes[:, 1:] + ramp[:wide])[:, None, None, :]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    planes = ramp[: len(boxes), None, None, None] * channels + ramp[:channels, None, None]
    pixels = x.new_empty(len(boxes) * x[0].numel() + 1)  # the spare last one takes what hangs over the edge
    pictures = pixels[:-1].view(len(boxes), *x.shape[1:])
    pictures.copy_(x[index] if len(x) > 1 else x)
    target = ((planes * height + rows) * width + columns).where(inside, len(pixels) - 1)
    pixels.put_(target, patches)
    return pictures


def _check_boxes(x: Tensor, boxes: Tensor, patches: Tensor, index: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, patches and index, on the device of the pictures; ValueErrors where they do not fit together."""
    count, (pictures, channels) = len(boxes), x.shape[:2]
    if boxes.dtype != torch.int64 or boxes.dim() != 2 or boxes.shape[1] != 2 or count == 0:
        raise ValueError(f"boxes is {boxes.dtype} {list(boxes.shape)}; int64 [K, 2] with rows and columns is expected.")
    if patches.dim() != 4 or patches.shape[0] not in (1, count) or patches.shape[1] != channels:
        raise ValueError(f"patches has shape {list(patches.shape)}; [{count} or 1, {channels}, h, w] is expected.")
    if index is None and pictures > 1:
        raise ValueError(f"x holds {pictures} pictures; say with index [K] which picture each box belongs to.")
    index = torch.zeros(count, dtype=torch.int64) if index is None else index
    if index.shape != (count,) or index.min() < 0 or index.max() >= pictures:
        raise ValueError(f"index must hold {count} numbers from 0 to {pictures - 1}, one a box.")
    return boxes.to(x.device), patches.to(x).expand(count, -1, -1, -1), index.to(x.device)


class Local:
    """A model prepared for many small changes of the same pictures: `Local(model, x)(boxes, patches)`.

    It keeps every map of the unchanged pictures. A patch is followed from step to step: only the cells it can reach are
    computed again, on a crop of the kept map with the changed cells pasted in. Once the reached part is larger
    than `share` of a map, or a step mixes all positions, the rest of the network runs in full.

    Where the model's forward cannot be written down as fixed steps, or mixes all positions at once, whole pictures are
    run instead; `why_not` then says the reason, and is None otherwise. The model must not change while this is in use.
    """

    def __init__(self, model: nn.Module, x: Tensor, *, share: float = 0.7, local: bool = True) -> None:
        self.model, self.x, self.share = model, check_pictures(x, model).detach(), share
        self.why_not: str | None = None if local else "switched off"
        self.maps: dict[fx.Node, _Map] = {}
        if local:
            self._prepare()

    def _prepare(self) -> None:
        try:
            self.plan = _Plan(self.model, tuple(self.x.shape[2:]))  # type: ignore[arg-type]
        except Exception as problem:  # whatever a forward does to stand-ins for tensors; the plain way needs none
            self.why_not = f"the forward cannot be written down as fixed steps: {problem}"
            return
        if not self.plan.windows:
            mixing = next((seen for seen in self.plan.sees.values() if isinstance(seen, str)), "output")
            self.why_not = f"{mixing} mixes all positions before any convolution or pooling"
            return
        with frozen(self.model), torch.no_grad():
            values: dict[fx.Node, Any] = {**self.plan.constants, self.plan.input: self.x}
            for node in self.plan.graph.nodes:
                if node not in values:
                    values[node] = self.plan.run(node, values)
            plain = self.model(self.x.clone())
        self.base = {node: values[node] for node, seen in self.plan.sees.items() if isinstance(seen, tuple)}
        same = isinstance(plain, Tensor) and isinstance(values[node], Tensor) and plain.shape == values[node].shape
        if not (same and torch.allclose(plain, values[node], rtol=1e-4, atol=1e-4)):
            self.why_not = "written down as fixed steps, the forward gives other results"

    def __call__(
        self, boxes: Tensor, patches: Tensor, *, index: Tensor | None = None, batch_size: int = 8
    ) -> Tensor:
        """The scores [K, classes] of the pictures with patch k pasted at box k.

        `boxes` int64 [K, 2]: row and column of each patch's top left pixel; what hangs over the edge is left out.
        `patches` [K, C, h, w], or [1, C, h, w] for the same everywhere. `index` int64 [K]: which picture each box belongs
        to; it may be left out for a single picture.
        """
        boxes, patches, index = _check_boxes(self.x, boxes, patches, index)
        regions = self._regions(boxes, *patches.shape[2:]) if self.why_not is None else {}
        results = []
        with frozen(self.model), torch.no_grad():
            for begin in range(0, len(boxes), batch_size):
                part = slice(begin, begin + batch_size)
                if self.why_not is not None:
                    results.append(self.model(_paste(self.x, boxes[part], patches[part], index[part])))
                else:
                    patch = _Patch(patches[part], *boxes[part].unbind(1))
                    results.append(self._forward(part, index[part], patch, regions))
        return torch.cat(results)

    def _regions(self, boxes: Tensor, height: int, width: int) -> dict[fx.Node, tuple[Tensor, Tensor, int, int]]:
        """For each step that may be computed on a part of its map: top [K], left [K], height and width of that part.

        Steps that share the very same part with a step before them share the very same tuple.
        """
        regions: dict[fx.Node, tuple[Tensor, Tensor, int, int]] = {}
        corners, ends = boxes.cpu().T, (boxes.cpu() + torch.tensor([height, width]) - 1).T
        for node, seen in self.plan.sees.items():
            window = self.plan.windows.get(node)
            if node.op == "placeholder" or not isinstance(seen, tuple) or (window is not None and window.run is None):
                continue
            (top, rows), (left, columns) = (axis.reached(*span) for axis, span in zip(seen, zip(corners, ends)))
            if rows * columns <= self.share * len(seen[0].first) * len(seen[1].first):
                own = top.to(boxes.device), left.to(boxes.device), rows, columns
                before = [regions[source] for source in node.all_input_nodes if source in regions]
                regions[node] = next((r for r in before if window is None and _equal(r, own)), own)
        return regions

    def _crop(self, node: fx.Node, patch: _Patch, index: Tensor, top: Tensor, left: Tensor, *rest: int) -> Tensor:
        if node not in self.maps:
            self.maps[node] = _Map(self.base[node])
        return self.maps[node].crop(index, patch, top, left, *rest)

    def _forward(self, part: slice, index: Tensor, patch: _Patch, regions: dict) -> Tensor:
        plan, zero = self.plan, torch.zeros_like(index)
        values: dict[fx.Node, Any] = {**plan.constants, plan.input: patch}

        def whole(node: fx.Node) -> Any:
            if isinstance(values[node], _Patch):
                values[node] = self._crop(node, values[node], index, zero, zero, *self.base[node].shape[2:], _ZERO)
            return values[node]

        for node in plan.graph.nodes:
            if node in values:
                continue
            moving = [source for source in node.all_input_nodes if source not in plan.constants]
            if node not in regions or node.op == "output" or not all(isinstance(values[s], _Patch) for s in moving):
                values[node] = plan.run(node, {source: whole(source) for source in node.all_input_nodes})
                continue
            all_top, all_left, height, width = regions[node]
            top, left = all_top[part], all_left[part]
            window = plan.windows.get(node)
            if window is not None:
                (k, s, p, d), span = window[:4], (height, width)
                high, wide = ((span[i] - 1) * s[i] + d[i] * (k[i] - 1) + 1 for i in range(2))
                source = moving[0]
                crop = self._crop(
                    source, values[source], index, top * s[0] - p[0], left * s[1] - p[1], high, wide, window.border
                )
                cells = window.run(crop)
            else:
                crops = {
                    source: values[source].cells if regions.get(source) is regions[node]
                    else self._crop(source, values[source], index, top, left, height, width, _ZERO)
                    for source in moving
                }  # fmt: skip
                cells = plan.run(node, {**plan.constants, **crops})
            values[node] = _Patch(cells, top, left)
        return values[node]


def _equal(one: tuple[Tensor, Tensor, int, int], other: tuple[Tensor, Tensor, int, int]) -> bool:
    return one[2:] == other[2:] and torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def local_forward(
    model: nn.Module, x: Tensor, boxes: Tensor, patches: Tensor, *, index: Tensor | None = None, batch_size: int = 8
) -> Tensor:
    """The scores [K, classes] of picture `x` [1, C, H, W] with patch k pasted at box k, computing only what it can reach.

    Equal to running the K whole pictures, to within rounding. Boxes, patches and index are as in `Local`, which saves
    the preparation when the same picture is changed again and again. Large batches are not always
    faster on a CPU: its caches hold only so much.
    """
    return Local(model, x)(boxes, patches, index=index, batch_size=batch_size)
