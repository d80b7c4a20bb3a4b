"""Backward pass differentiable approximation (Athalye 2018): forwards the defense as it is, backwards something that has a gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..attacks.transform import seeded


class Bpda(nn.Module):
    """What `bpda` gives: its two functions, `ahead` and `back`."""

    def __init__(self, forward: Callable[..., Tensor], backward: Callable[..., Tensor] | None) -> None:
        super().__init__()
        self.ahead, self.back = forward, nn.Identity() if backward is None else backward

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        with torch.no_grad():
            value = seeded(self.ahead)(x.clone(), generator)  # of a copy: a forward that works in place leaves x as it is
        stand_in = self.back(x)
        for name, given in (("forward", value), ("backward", stand_in)):
            if not isinstance(given, Tensor) or not given.is_floating_point():
                raise ValueError(f"{name} gives {given.dtype if isinstance(given, Tensor) else f'a {type(given).__name__}'}; a floating point tensor is expected.")
        if value.shape != stand_in.shape:
            raise ValueError(f"forward gives {list(value.shape)}, backward {list(stand_in.shape)}; the same shape is expected of both.")
        return value.detach() + (stand_in - stand_in.detach()).to(value.dtype)  # the brackets are exactly 0: the value is forward's own


def bpda(forward: Callable[..., Tensor], backward: Callable[..., Tensor] | None = None) -> Bpda:
    """A module whose value is `forward(x)`, and whose gradient is that of `backward(x)`.

    Both are functions of pictures `[N, C, H, W]`, or modules, and give the same shape, which need not be that of x. backward None is the
    identity, for a forward that changes little. What forward has of gradients is not used; it may have none, and may be left to chance:
    then a `generator=` that the module is called with is handed on to it.
    """
    for name, given in (("forward", forward), ("backward", backward)):
        if not callable(given) and (given is not None or name == "forward"):
            raise ValueError(f"{name} is a {type(given).__name__}; a function of pictures [N, C, H, W], or a module, is expected.")
    return Bpda(forward, backward)
