"""A one at one neuron, mapped back to the picture: plain backprop, deconvnet, guided (Springenberg et al. 2014).

The three differ in one thing: what a ReLU lets through on the way back. All else is its own backward in all of them; that of a
max-pooling puts a value where the maximum was, which is the "switch" of the deconvnet (Zeiler and Fergus 2013).
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..layers import layer_name, stopped_at
from ..runtime import check_pictures, frozen, gradient, pick, watched



def where_open(g: Tensor, f: Tensor) -> Tensor:
    """g where f > 0, else 0: `g * (f > 0)`, in one go, as torch's own ReLU does it."""
    return torch.ops.aten.threshold_backward(g, f, 0)


# What a ReLU hands down: f is its output (above 0 where its input was), g the gradient that comes from above.
RULES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "backprop": lambda f, g: where_open(g, f),
    "deconvnet": lambda f, g: g.clamp(min=0),
    "guided": lambda f, g: where_open(g, f).clamp_(min=0),
}
_RELUS = {F.relu: False, torch.relu: False, Tensor.relu: False, torch.relu_: True, F.relu_: True, Tensor.relu_: True}  # in place?
_BENDS = set(  # steps of a graph that bend a value as ReLUs do, and for which the rules say nothing
    "Relu Relu6 LeakyRelu Prelu PreluKernel Rrelu RreluWithNoise Elu Celu Gelu Glu Silu Mish Softplus Sigmoid Tanh LogSigmoid "
    "Hardtanh Hardsigmoid Hardswish Hardshrink Softshrink Threshold Clamp ClampMin ClampMax Maximum Minimum Where".split()
)


def project_back(
    model: nn.Module, x: Tensor, layer: str | nn.Module, unit: int | tuple[int, ...] | Tensor, *, rule: str = "backprop"
) -> Tensor:
    """A one at one neuron of `layer`, mapped back to the pictures `[N, C, H, W]`: a signed map of the same shape.

    unit: a channel, which means its strongest position in each picture; or (channel, row, column); of a layer without
    positions its number. A tensor `[N]` or `[N, 3]` of these gives each picture a neuron of its own. `rule` says what ReLUs let through:
    "backprop" (the gradient of the neuron), "deconvnet" (Zeiler and Fergus 2013) or "guided" (Springenberg et al. 2014). The
    forward stops at the layer (at its first call). A neuron that is 0 maps back to 0: nothing came from this picture; a
    warning says so.
    """
    check_pictures(x, model)
    x = watched(x)
    with relu_rule(model, rule):
        maps = activation(model, x, layer)
        if rule != "backprop":
            _refuse_other_bends(maps, rule)
        value = neuron(maps, unit, layer_name(model, layer))
        return gradient(value * (value != 0), x)


@contextlib.contextmanager
def relu_rule(model: nn.Module, rule: str) -> Iterator[None]:
    """`with relu_rule(model, "guided"): ...`: every ReLU that runs in the block hands gradients down by this rule of RULES.

    It holds for modules, nested and used twice, and for F.relu, torch.relu and x.relu(), in place or not; for this thread, and
    no hook is set. The model is a fixed function in the block (`frozen`).
    """
    pick("rule", rule, RULES)
    with frozen(model), contextlib.nullcontext() if rule == "backprop" else _Ruled(RULES[rule]):
        yield


class _Ruled(TorchFunctionMode):
    """Puts a ReLU that follows the rule in the place of torch's."""

    def __init__(self, rule: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func not in _RELUS or not torch.is_grad_enabled():  # the second: a rule's own steps, on the way back
            return func(*args, **(kwargs or {}))
        x, *more = [*args, *(kwargs or {}).values()]  # relu(input, inplace=False)
        return _RuledReLU.apply(x, self.rule, _RELUS[func] or any(more))


class _RuledReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rule: Callable, in_place: bool) -> Tensor:
        out = x.relu_() if in_place else x.relu()
        if in_place:
            ctx.mark_dirty(out)
        ctx.rule = rule
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        return ctx.rule(*ctx.saved_tensors, g), None, None


def activation(model: nn.Module, x: Tensor, layer: str | nn.Module) -> Tensor:
    """The output of `layer` for pictures `x`, with its graph; what follows the layer is not computed."""
    try:
        with stopped_at(model, layer, first=True) as run:
            out = run(x)
    except RuntimeError as error:
        if x.shape[1] == 1 and "channel" in str(error):
            raise ValueError("x has one channel and the model takes colours; give it grey pictures as x.expand(-1, 3, -1, -1).") from error
        raise
    if out.dim() not in (2, 4):
        name = layer_name(model, layer)
        raise ValueError(f"layer {name!r} gives shape {list(out.shape)}; maps [N, channels, rows, columns] or values [N, units] are expected.")
    return out


def strongest(maps: Tensor, channel: int | Tensor) -> Tensor:
    """Where a channel of maps `[N, K, H, W]` is strongest in each picture: rows and columns `[N, 2]`; the first of equals."""
    own = maps.detach()[torch.arange(len(maps), device=maps.device), torch.as_tensor(channel, device=maps.device)]
    place = own.flatten(1).argmax(1)
    return torch.stack([place // maps.shape[3], place % maps.shape[3]], 1)


def neuron(maps: Tensor, unit: int | tuple[int, ...] | Tensor, layer: str = "") -> Tensor:
    """Each picture's value `[N]` of a unit (see `project_back`) of a layer's output; a warning where it is not above 0."""
    own = _per_picture(maps, unit, f"layer {layer!r}" if layer else "the layer")
    if maps.dim() == 4 and own.shape[1] == 1:
        own = torch.cat([own, strongest(maps, own[:, 0])], 1)
    value = maps[(torch.arange(len(maps), device=maps.device), *own.T)]
    seen = value.detach().cpu()
    below = (seen < 0) & (maps.dim() == 4)  # a score below 0 is nothing special
    for few, what in ((seen == 0, "is 0, not active: nothing maps back"), (below, "is below 0: the map shows what would raise it")):
        if few.any():
            which = "every picture" if few.all() else f"pictures {few.nonzero().flatten().tolist()}"
            shown = unit.tolist() if isinstance(unit, Tensor) else unit
            warnings.warn(f"unit {shown} of layer {layer!r} {what}, in {which}.", stacklevel=3)
    return value


def _per_picture(maps: Tensor, unit: int | tuple[int, ...] | Tensor, where: str) -> Tensor:
    """The unit as whole numbers `[N, 1]` or `[N, 3]`, each inside the layer."""
    own = torch.as_tensor(unit, device=maps.device)
    alone = not isinstance(unit, Tensor)
    forms = (1, 3) if maps.dim() == 4 else (1,)
    own = own.reshape(1, -1).expand(len(maps), -1) if alone or own.dim() == 0 else own.reshape(len(own), -1)
    if own.is_floating_point() or own.dtype == torch.bool or own.shape[1] not in forms or len(own) != len(maps):
        form = "a channel or (channel, row, column)" if maps.dim() == 4 else "one number"
        raise ValueError(f"unit is {unit!r}; for {where}, {form} is expected, or a tensor with one such row for each picture.")
    for name, values, count in zip(("channel", "row", "column"), own.T, maps.shape[1:]):
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= count:
            bad = low if low < 0 else high
            raise ValueError(f"unknown unit: {name} {bad}; {where} has {count}, 0 to {count - 1}. Nearest: {min(max(bad, 0), count - 1)}.")
    return own


def _refuse_other_bends(maps: Tensor, rule: str) -> None:
    """Walk the graph below: a ReLU in other words, or another kind of bend, would silently keep its own derivative."""
    todo, seen = [maps.grad_fn], set()
    while todo:
        if (step := todo.pop()) is None or step in seen:
            continue
        seen.add(step)
        if (kind := step.name().partition("Backward")[0]) in _BENDS:
            raise ValueError(
                f"the model computes {kind} between the pixels and this layer; {rule!r} says what nn.ReLU, F.relu, torch.relu and x.relu() hand "
                "down, and nothing about it. Use rule='backprop', the gradient, or write it as a ReLU if it is one."
            )
        todo += [before for before, _ in step.next_functions]
