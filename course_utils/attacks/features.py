"""Feature matching (Sabour 2016): a picture near x whose inner answer is that to another picture. LOTS' elder: many steps, and a budget."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import layers, runtime
from ..runtime import check_batch, check_count, check_positive
from .common import bounds, wide
from .lbfgs import Problem, minimise
from .lots import wanted_answers


def match_features(model: nn.Module, x: Tensor, target: Tensor, *, layer: str | nn.Module, eps: float = 10 / 255, steps: int = 100, memory: int = 8) -> Tensor:
    """Feature adversaries (Sabour 2016): x' with the least |f(x') - f(target)|^2 among all with |x' - x| <= eps, by box-constrained L-BFGS.

    f is the layer's answer. The class is not looked at. Every picture goes its own way, all at once; each distance is divided by what it was.

    x: pictures `[N, C, H, W]` in [0, 1]. target: as many pictures, or stored answers of the layer `[N, ...]`; or one for all.
    """
    check_batch(x, None, model), check_positive(eps, "eps", zero=False), check_count(steps, "steps"), check_count(memory, "memory")
    with runtime.frozen(model):
        answers, _ = wanted_answers(model, x, target, layer)
        x = runtime.detached(x)
        low, high = bounds(x, eps)
        room = wide(high) - wide(low)
        start = (wide(x) - wide(low)) / room.clamp_min(1e-12)
        first = (layers.representation(model, x, layer) - answers).flatten(1).square().sum(1).clamp_min(1e-12)
        with layers.stopped_at(model, layer) as run:
            problem = distance(run, low, room, answers, first, x)
            ended = minimise(problem, start.flatten(1), steps, memory).view_as(room)
        return torch.minimum(torch.maximum((wide(low) + ended * room).to(x.dtype), low), high)


def distance(run: Callable[[Tensor], Tensor], low: Tensor, room: Tensor, answers: Tensor, first: Tensor, x: Tensor) -> Problem:
    """|f(x') - f(target)|^2 as a share of what it was for x, and its slope; x' = low + place * room, with places in [0, 1]."""

    def of(places: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        places = runtime.watched(places)
        at = wide(low[which]) + places.view(-1, *x.shape[1:]) * room[which]
        apart = (wide(run(at.to(x.dtype))) - answers[which]).flatten(1).square().sum(1) / first[which]
        return apart.detach(), runtime.gradient(apart, places)

    return of
