"""For the exercise on PixelDefend's choice: scores of levels, pixels, and choices by a wrong rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..runtime import generator
from .exercise import Case


def scored() -> Iterator[Case]:
    """Pixels and scores, no level's distance near eps; then in other shapes, far below 0, and with levels that are eps away exactly."""
    levels = torch.linspace(0, 1, 9)
    yield case(levels, (40,), 0.3, 1)
    yield case(levels.square(), (5, 6), 0.37, 2)
    yield case(torch.linspace(0, 1, 5), (24,), 0.27, 3, low=-5000.0)
    yield case(levels, (30,), 0.31, 4, size=300.0)
    yield case(levels, (1, 1), 0.33, 6)
    yield case(levels, (20,), 0.29, 8, size=1e12)
    yield {"scores": -torch.eye(5), "x": torch.linspace(0, 1, 5), "levels": torch.linspace(0, 1, 5), "eps": 0.1}  # one in reach, the least likely
    turned = case(levels, (7, 4), 0.28, 7)
    yield turned | {"scores": turned["scores"].transpose(0, 1), "x": turned["x"].T}
    yield {"scores": 2 * torch.randn(64, 5, generator=generator(5)), "x": torch.arange(64) % 9 / 8, "levels": torch.linspace(0, 1, 5), "eps": 0.25}


def case(levels: Tensor, shape: tuple[int, ...], eps: float, seed: int, low: float = 0.0, size: float = 2.0) -> Case:
    """Scores by chance, and pixels of which no level is nearly eps away."""
    chance = generator(seed)
    x = torch.rand(*shape, generator=chance)
    for _ in range(20):
        close = ((levels - x[..., None]).abs() - eps).abs().amin(-1) < 1e-3
        x = torch.where(close, torch.rand(*shape, generator=chance), x)
    return {"scores": low + size * torch.randn(*shape, len(levels), generator=chance), "x": x, "levels": levels, "eps": eps}


def within(near: Callable[[Tensor, float], Tensor], out: float = -torch.inf) -> Callable[..., Tensor]:
    """The choice among the levels that `near(v - x, eps)` names; the others' scores become `out`."""
    return lambda scores, x, levels, eps: levels[torch.where(near(levels - x[..., None], eps), scores, torch.as_tensor(out).to(scores)).argmax(-1)]


def weighted(rule: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A wrong answer from rule(scores, near, levels), with near the levels that are in reach."""
    return lambda scores, x, levels, eps: rule(scores, (levels - x[..., None]).abs() <= eps, levels)


def numbered(scores: Tensor, x: Tensor, levels: Tensor, eps: float) -> Tensor:
    """A wrong answer: the number of the level, as a share of the largest one."""
    near = (levels - x[..., None]).abs() <= eps
    return scores.masked_fill(~near, -torch.inf).argmax(-1).to(x) / (len(levels) - 1)


FILLED = "the lowest score of all is given to the others, and draws level where it is the only one in reach; use -torch.inf."
UNUSED = "`levels` is not used: evenly spaced ones from 0 to 1 are taken in its place."
MISFILLED: tuple[tuple[Callable[..., Tensor], str], ...] = (
    (weighted(lambda s, n, v: v[torch.where(n, s, s.min()).argmax(-1)]), FILLED),
    (weighted(lambda s, n, v: v[torch.where(n, s, s.amin(-1, keepdim=True)).argmax(-1)]), FILLED),
    (numbered, UNUSED),
    (lambda s, x, v, e: within(lambda d, eps: d.abs() <= eps)(s, x, torch.linspace(0, 1, len(v)).to(v), e), UNUSED),
    (within(lambda d, e: d.abs() <= 2 * e), "twice the interval is used: from x - eps to x + eps."),
)
