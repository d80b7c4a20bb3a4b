"""A model's forward as a list of steps, and which pixels the units of each step's map see.

`torch.fx` writes the forward down. Each step is a sliding window (convolution, pooling), works on each position by
itself (ReLU, sums, concatenation), or mixes all positions (flatten, linear, global pooling). Up to the first step that
mixes, it is known which pixels a unit sees, and so which units a changed pixel can reach: the first is the receptive
field (`fields`), the second makes local recomputation possible (`local`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ..runtime import frozen


class Window(NamedTuple):
    """A sliding window: pairs (rows, columns). `run` computes it on a padded crop; None if it cannot run on a crop."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    ceil: bool
    border: int  # what lies outside the map: ZERO or LOWEST
    run: Callable[[Tensor], Tensor] | None
    extra: tuple[int, int] = (0, 0)  # padding behind the map beyond the one before it: even kernels with padding="same"

    def needs(self, top: Tensor, left: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, int, int]:
        """The part of the map below that the units (top, left, height, width) are computed from."""
        (k, s, p, d), span = self[:4], (height, width)
        high, wide = ((span[i] - 1) * s[i] + d[i] * (k[i] - 1) + 1 for i in range(2))
        return top * s[0] - p[0], left * s[1] - p[1], high, wide


ZERO, LOWEST = 0, 1
_EACH_POSITION = (  # modules that, in eval mode, work on each position by itself
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh,
    nn.Softplus, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout,
    nn.BatchNorm2d, nn.LocalResponseNorm,
)  # fmt: skip
_EACH_POSITION_FUNCTIONS = set(
    "relu relu6 leaky_relu elu selu gelu silu sigmoid tanh softplus hardtanh hardswish hardsigmoid dropout dropout2d "
    "add sub mul div truediv neg pow square sqrt rsqrt exp log abs sign clamp clamp_min clamp_max "
    "where maximum minimum lt le gt ge eq ne detach clone contiguous float cat concat".split()
)
_IN_PLACE = {operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
             operator.itruediv: operator.truediv}  # fmt: skip
MIX_ALL = set(
    "flatten view reshape mean sum amax adaptiveavgpool2d adaptivemaxpool2d adaptive_avg_pool2d adaptive_max_pool2d "
    "linear softmax log_softmax layernorm groupnorm instancenorm2d matmul multiheadattention squeeze".split()
)


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (tuple(value) * 2)[:2]


def _window(module: object, size: tuple[int, int]) -> Window | None:
    """The sliding window that `module` is on a map of `size`, or None."""
    if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros":
        dilation, stride = module.dilation, module.stride
        total = [d * (k - 1) for d, k in zip(dilation, module.kernel_size)]
        padding = {"valid": (0, 0), "same": tuple(n // 2 for n in total)}.get(module.padding, module.padding)
        extra = tuple(n % 2 for n in total) if module.padding == "same" else (0, 0)
        run = lambda x: F.conv2d(x, module.weight, module.bias, stride, 0, dilation, module.groups)  # noqa: E731
        return Window(module.kernel_size, stride, padding, dilation, False, ZERO, run, extra)
    if isinstance(module, nn.MaxPool2d) and not module.return_indices:
        kernel, stride, padding, dilation = map(
            pair, (module.kernel_size, module.stride, module.padding, module.dilation)
        )
        run = lambda x: F.max_pool2d(x, kernel, stride, 0, dilation)  # noqa: E731
        return Window(kernel, stride, padding, dilation, module.ceil_mode, LOWEST, run)
    if isinstance(module, nn.AvgPool2d):
        kernel, stride, padding = map(pair, (module.kernel_size, module.stride, module.padding))
        # where windows at the border are divided by fewer cells, a crop would have to know where it lies
        even = not module.ceil_mode and (padding == (0, 0) or module.count_include_pad)
        run = (lambda x: F.avg_pool2d(x, kernel, stride, divisor_override=module.divisor_override)) if even else None
        return Window(kernel, stride, padding, (1, 1), module.ceil_mode, ZERO, run)
    if isinstance(module, nn.AdaptiveAvgPool2d):  # an ordinary pooling where the cells divide evenly
        wanted = tuple(n if m is None else m for n, m in zip(size, pair(module.output_size)))
        if all(n % m == 0 and (m > 1 or n == 1) for n, m in zip(size, wanted)):
            kernel = tuple(n // m for n, m in zip(size, wanted))
            return Window(kernel, kernel, (0, 0), (1, 1), False, ZERO, lambda x: F.avg_pool2d(x, kernel))
    return None


@dataclass(frozen=True)
class Axis:
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
    def picture(pixels: int) -> Axis:
        return Axis(1, 1, 0, torch.arange(pixels), torch.arange(pixels))

    def slide(self, kernel: int, stride: int, padding: int, dilation: int, ceil: bool, extra: int = 0) -> Axis:
        """The axis of the map that a sliding window makes of this one."""
        cells, reach = len(self.first), dilation * (kernel - 1)
        units = (cells + 2 * padding + extra - reach - 1 + (stride - 1 if ceil else 0)) // stride + 1
        if ceil and (units - 1) * stride >= cells + padding:  # the last window must not start behind the map
            units -= 1
        units = max(units, 0)
        taps = torch.arange(units)[:, None] * stride - padding + torch.arange(kernel) * dilation
        inside, taps = (taps >= 0) & (taps < cells), taps.clamp(0, cells - 1)
        far = torch.iinfo(torch.int64).max
        return Axis(
            self.size + reach * self.stride, self.stride * stride, self.start - padding * self.stride,
            self.first[taps].where(inside, far).amin(1), self.last[taps].where(inside, -1).amax(1),
        )  # fmt: skip

    def join(self, other: Axis) -> Axis:
        """The union over two paths that meet in one map."""
        start = min(self.start, other.start)
        end = max(self.start + self.size, other.start + other.size)
        return Axis(end - start, self.stride, start, self.first.minimum(other.first), self.last.maximum(other.last))

    def reached(self, low: Tensor, high: Tensor) -> tuple[Tensor, int]:
        """Which units see any of the pixels low[k] ... high[k]: the first such unit for each k, and the largest count.

        The first units are moved so that a run of `count` units lies inside the map for every k.
        """
        hit = (self.first <= high[:, None]) & (self.last >= low[:, None])
        begin, end = hit.int().argmax(1), hit.shape[1] - hit.int().flip(1).argmax(1)
        count = max(1, int((end - begin)[hit.any(1)].max()) if bool(hit.any()) else 1)
        return begin.clamp(max=hit.shape[1] - count), count


class Tracer(fx.Tracer):
    """Writes a forward down and notes which step gives each module's output (its last call counts)."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: dict[nn.Module, fx.Node] = {}

    def call_module(self, m: nn.Module, forward: Callable, args: tuple, kwargs: dict) -> Any:
        output = super().call_module(m, forward, args, kwargs)
        if isinstance(output, fx.Proxy):
            self.outputs[m] = output.node
        return output


class Plan:
    """The steps of a model's forward on pictures of a size, each with what its units see.

    `sees[node]` is a pair of axes; or the name of the step that mixed all positions; or None for a constant.
    """

    def __init__(self, model: nn.Module, size: tuple[int, int]) -> None:
        tracer, own = Tracer(), set(vars(model))
        try:
            with frozen(model):
                self.graph = tracer.trace(model)
            self.calls = {node: self._call(model, node) for node in self.graph.nodes}
        finally:
            for constant in set(vars(model)) - own:  # where the tracer keeps tensors that a forward makes itself
                delattr(model, constant)
        self.outputs = tracer.outputs
        self.constants: dict[fx.Node, Any] = {}
        self.windows: dict[fx.Node, Window] = {}
        self.sees: dict[fx.Node, tuple[Axis, Axis] | str | None] = {}
        for node in self.graph.nodes:
            self.sees[node] = self._seen_by(node, size)
        self.input = next(iter(self.graph.nodes))

    def _call(self, model: nn.Module, node: fx.Node) -> Any:
        """What runs at this step; layers that work in place do not, so that every step's value can be kept."""
        if node.op == "call_module":
            original = model.get_submodule(node.target)
            module = object.__new__(type(original))  # shares the weights; copy.copy refuses parametrized layers
            module.__dict__.update(vars(original), training=False)
            if getattr(module, "inplace", False):
                module.inplace = False
            return module
        if node.op == "get_attr":
            return operator.attrgetter(node.target)(model)
        if node.op == "call_method":
            return lambda first, *args, **kwargs: getattr(first, node.target)(*args, **kwargs)
        if node.op == "call_function":
            if node.kwargs.get("inplace"):
                node.kwargs = {**node.kwargs, "inplace": False}
            return _IN_PLACE.get(node.target, node.target)
        return None

    def _seen_by(self, node: fx.Node, size: tuple[int, int]) -> tuple[Axis, Axis] | str | None:
        if node.op == "placeholder":
            if not any(seen is not None for seen in self.sees.values()):
                return Axis.picture(size[0]), Axis.picture(size[1])
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
                axis.slide(*(option[i] for option in window[:4]), window.ceil, window.extra[i])
                for i, axis in enumerate(moving[0])
            )  # type: ignore[return-value]
        strides = {tuple(axis.stride for axis in seen) for seen in moving}
        if len(sizes) == len(strides) == 1 and self._each_position(node):
            rows, columns = moving[0]
            for other in moving[1:]:
                rows, columns = rows.join(other[0]), columns.join(other[1])
            return rows, columns
        return f"{node.target if isinstance(node.target, str) else node.name!s} ({_short(node, self.calls[node])})"

    def _each_position(self, node: fx.Node) -> bool:
        call, name = self.calls[node], _short(node).rstrip("_")
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
