"""A search in each picture of a batch: for the constant c of a penalty, and for the pixels that matter least. Cases, and mistakes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..runtime import generator
from .exercise import Case


def searches() -> Iterator[Case]:
    """Nothing worked yet; it works for the first time; it worked before; and each of them failing."""
    low = torch.tensor([0.0, 0.1, 0.0, 0.2, 0.2, 0.0, 3.0, 0.0])
    high = torch.tensor([math.inf, math.inf, 0.5, 0.8, 0.8, math.inf, math.inf, 0.02])
    c = torch.tensor([0.001, 1.0, 0.25, 0.5, 0.5, 0.001, 30.0, 0.01])
    worked = torch.tensor([False, True, True, False, True, True, False, False])
    yield {"low": low, "high": high, "c": c, "worked": worked}
    yield {"low": low.flip(0), "high": high.flip(0), "c": c.flip(0), "worked": worked.flip(0)}
    yield {"low": low[:2], "high": high[:2], "c": c[:2], "worked": ~worked[:2]}


def searched(
    search: Callable, update: Callable[..., tuple[Tensor, Tensor]] | None = None, step: Callable[..., Tensor] | None = None
) -> Callable:
    """The right `search` made wrong: with another interval, update(low, high, c, worked), or another next value, step(low, high, c)."""

    def wrong(low: Tensor, high: Tensor, c: Tensor, worked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        new = (update or (lambda *a: search(*a)[:2]))(low, high, c, worked)
        value = (step or (lambda a, b, c: torch.where(b < torch.inf, (a + b) / 2, 10 * c)))(*new, c)
        return *new, value

    return wrong


def without(free: Tensor, matters: Tensor, count: Tensor, *, largest: bool = False) -> Tensor:
    """The free pixels `[N, H, W]` but for count[n] of the smallest `matters`."""
    order = (-matters if largest else matters).where(free, torch.inf).flatten(1)
    return free & (order.argsort(1).argsort(1).view_as(free) >= count[:, None, None])


def masks() -> Iterator[Case]:
    """Pixels that are fixed already are zero in the change, as in the attack; colours cancel in some pixels."""
    chance = generator(5)
    free = torch.rand(5, 4, 6, generator=chance) < 0.7
    change = torch.randn(5, 3, 4, 6, generator=chance) * free[:, None]
    slope = torch.randn(5, 3, 4, 6, generator=chance)
    change[:, 1] = -0.8 * change[:, 0]
    slope[:, :2, :2] = slope[:, :1, :2]
    yield {"free": free, "change": change, "slope": slope, "count": torch.tensor([3, 1, 5, 2, 4])}
    yield {"free": free.flip(0), "change": 0.3 * change.flip(0)[:, :1], "slope": slope.flip(0)[:, :1], "count": torch.tensor([2, 6, 1, 7, 3])}
