"""Straight through whatever has no gradient (Bengio 2013; BPDA with the identity, Athalye 2018), without knowing the network's inside.

Inside `straight_through()` rounding, signs and comparisons keep their values and get a gradient: rounding that of the identity, a
comparison that of a ramp around its threshold. `detach` and `data` hide nothing, and `no_grad` is switched off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

ROUNDING = {"round", "floor", "ceil", "trunc", "fix", "round_", "floor_", "ceil_", "trunc_"}
SIGNS = {"sign": 1.0, "sgn": 1.0, "heaviside": 0.5}  # and how high the ramp is
COMPARING = {name: sign for sign, names in ((1, "gt ge greater greater_equal __gt__ __ge__"), (-1, "lt le less less_equal __lt__ __le__")) for name in names.split()}
MASKED = {"where": 0, "masked_fill": 1, "masked_fill_": 1, "masked_select": 1, "__getitem__": 1}  # and which argument is a mask
RAMP = 0.25  # how far from its threshold a comparison still has a slope
# Comparisons are numbers here, 0 or 1; what is done with truth values is done with these.
LOGIC: dict[str, Callable[..., Tensor]] = {
    **dict.fromkeys(("__and__", "__rand__", "logical_and", "bitwise_and"), lambda a, b: a * b),
    **dict.fromkeys(("__or__", "__ror__", "logical_or", "bitwise_or"), lambda a, b: a + b - a * b),
    **dict.fromkeys(("__invert__", "logical_not", "bitwise_not"), lambda a: 1 - a),
}


class Straight(TorchFunctionMode):
    """The mode; `crossed` counts how often something was passed straight through."""

    def __init__(self) -> None:
        super().__init__()
        self.crossed = 0

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        first = args[0] if args else None
        if sloped(first):
            if name in ROUNDING:
                return self.keeping(func(first.detach(), *args[1:], **kwargs), first)
            if name in SIGNS:
                return self.keeping(func(first.detach(), *args[1:], **kwargs), SIGNS[name] * ramp(first))
            if name in ("detach", "detach_") or (name == "__get__" and func == Tensor.data.__get__):
                self.crossed += 1
                return first
        if name in COMPARING and any(map(sloped, args)):
            return self.keeping(func(*map(plain, args)).to(torch.get_default_dtype()), 0.5 * COMPARING[name] * ramp(args[0] - args[1]))
        if name in LOGIC and any(map(sloped, args)):
            return LOGIC[name](*(part.to(torch.get_default_dtype()) if isinstance(part, Tensor) else part for part in args))
        if name in MASKED:
            args = tuple(plain(part) != 0 if place == MASKED[name] and sloped(part) else part for place, part in enumerate(args))
        return func(*args, **kwargs)

    def keeping(self, value: Tensor, slope: Tensor) -> Tensor:
        """`value`, with the gradient of `slope`."""
        self.crossed += 1
        return Crossed.apply(slope, value)


class Crossed(torch.autograd.Function):
    """A value that stands for another tensor's; the gradient goes to that one as it comes."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, value: Tensor) -> Tensor:
        return value.to(slope.dtype).clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def sloped(part: Any) -> bool:
    """Whether a gradient is wanted for it."""
    return isinstance(part, Tensor) and part.requires_grad and part.is_floating_point()


def plain(part: Any) -> Any:
    """Without its graph. (Asked for inside the mode's own function, where the mode is off.)"""
    return part.detach() if isinstance(part, Tensor) else part


def ramp(x: Tensor) -> Tensor:
    """From -1 to 1 around 0."""
    return x.clamp(-RAMP, RAMP) / RAMP


@contextlib.contextmanager
def straight_through() -> Iterator[Straight]:
    """Run a network inside; gives the mode, whose `crossed` tells whether anything was passed straight through."""
    enter = torch.no_grad.__enter__
    torch.no_grad.__enter__ = lambda self: setattr(self, "prev", True)
    try:
        with torch.enable_grad(), Straight() as mode:
            yield mode
    finally:
        torch.no_grad.__enter__ = enter
