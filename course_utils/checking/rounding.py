"""Rounding that lets gradients through: pixels to round, and what must come back through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..runtime import generator
from .calls import call
from .exercise import Case
from .expectations import expect, expect_close


def levels() -> Iterator[Case]:
    """Pixels well inside a step, some at 0 and 1."""
    whole = torch.randint(0, 256, (3, 2, 4, 5), generator=generator(2))
    part = 0.8 * torch.rand(whole.shape, generator=generator(3)) - 0.4
    x = ((whole + part) / 255).clamp(0, 1)
    yield {"x": x}
    yield {"x": x.flip(0)}


def lets_through(answer: Callable) -> None:
    """Require that the gradient of any loss comes back as it came in."""
    for seed in (4, 5):
        x = next(levels())["x"].requires_grad_()
        weights = torch.randn(x.shape, generator=generator(seed))
        got = call(answer, x=x)
        kept = isinstance(got, Tensor) and got.requires_grad
        expect(kept, "the result has no gradient at all: .detach() around all of it cuts it off, and so does torch.no_grad().")
        (slope,) = torch.autograd.grad((got * weights).sum(), x)
        expect(bool((slope != 0).any()), "the gradient is 0 everywhere, which is that of .round(); detach what rounding adds, and add that to x.")
        expect_close(slope, weights, "the gradient", why="the gradient is scaled or partly lost; it must come back as it came in, times 1.")
