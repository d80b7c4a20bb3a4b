"""Straight through whatever has no gradient (Bengio 2013; BPDA with the identity, Athalye 2018), without knowing the network's inside.

Inside `straight_through()` rounding, signs and comparisons keep their values and get a gradient: rounding that of the identity, a
comparison that of a ramp around its threshold. `detach` does nothing, and `no_grad` is switched off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

ROUNDING = {"round", "floor", "ceil", "trunc", "fix", "round_", "floor_", "ceil_", "trunc_", "__round__", "fake_quantize_per_tensor_affine"}
COMPARING = {"gt": 1, "ge": 1, "greater": 1, "greater_equal": 1, "__gt__": 1, "__ge__": 1, "lt": -1, "le": -1, "less": -1, "less_equal": -1, "__lt__": -1, "__le__": -1}
HIDING = {"detach", "detach_", "data", "__get__"}
RAMP = 0.25  # how far from its threshold a comparison still has a slope


class Straight(TorchFunctionMode):
    """The mode; `crossed` counts how often something was passed straight through."""

    def __init__(self) -> None:
        super().__init__()
        self.crossed = 0

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        first = args[0] if args else None
        sloped = isinstance(first, Tensor) and first.requires_grad and first.is_floating_point()
        if sloped and name in ROUNDING:
            return self.keeping(func(first.detach(), *args[1:], **kwargs), first)
        if sloped and name in ("sign", "sgn", "heaviside"):
            return self.keeping(func(first.detach(), *args[1:], **kwargs), first.clamp(-RAMP, RAMP) / RAMP * (1 if name != "heaviside" else 0.5))
        if sloped and name in COMPARING and len(args) > 1:
            value = func(first.detach(), args[1].detach() if isinstance(args[1], Tensor) else args[1])
            ramp = ((first - args[1]) * COMPARING[name]).clamp(-RAMP, RAMP) / (2 * RAMP)
            return self.keeping(value.to(first.dtype), ramp)
        if sloped and name in ("detach", "detach_"):
            self.crossed += 1
            return first
        if name in ("where", "__getitem__", "masked_fill", "masked_fill_", "logical_and", "logical_or", "logical_not", "__and__", "__or__", "__invert__"):
            args = tuple(masked(part, name, place) for place, part in enumerate(args))
        return func(*args, **kwargs)

    def keeping(self, value: Tensor, slope: Tensor) -> Tensor:
        """`value`, with the gradient of `slope`."""
        self.crossed += 1
        return Crossed.apply(slope, value)


class Crossed(torch.autograd.Function):
    """A value that stands for another tensor's; the gradient goes to that one as it comes."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, value: Tensor) -> Tensor:
        return value.to(slope.dtype).expand_as(slope).clone() if value.shape != slope.shape else value.to(slope.dtype).clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def masked(part: Any, name: str, place: int) -> Any:
    """A comparison that has become a number is a mask again where one is needed."""
    is_mask = (name == "where" and place == 0) or (name.startswith("masked") and place == 1) or (name == "__getitem__" and place == 1) or "_and" in name or "_or" in name or "not" in name or name in ("__and__", "__or__", "__invert__")
    return part.detach() != 0 if is_mask and isinstance(part, Tensor) and part.is_floating_point() else part


@contextlib.contextmanager
def straight_through() -> Iterator[Straight]:
    """Run a network inside; gives the mode, whose `crossed` tells whether anything was passed straight through."""
    old = torch.no_grad.__enter__, torch.autograd.grad_mode.inference_mode.__enter__
    torch.no_grad.__enter__ = lambda self: setattr(self, "prev", True)
    try:
        with torch.enable_grad(), Straight() as mode:
            yield mode
    finally:
        torch.no_grad.__enter__, torch.autograd.grad_mode.inference_mode.__enter__ = old
