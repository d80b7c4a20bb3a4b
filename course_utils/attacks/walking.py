"""Small steps of equal length up the lead of the best wrong class, until the class changes: how Krotov and Hopfield walk to the decision boundary."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive
from .common import attacking, each
from .margins import lead


def unit(direction: Tensor) -> Tensor:
    """Each picture's direction with an L2 norm of 1, where it is not 0. Scaled by its largest entry first: squares of 1e-25 are 0 in single precision."""
    largest = each(direction.flatten(1).abs().amax(1))
    scaled = direction / torch.where(largest > 0, largest, 1)
    return scaled / each(scaled.flatten(1).norm(dim=1).clamp_min(1e-12))


def walk_to_boundary(model: nn.Module, x: Tensor, y: Tensor | None = None, *, step: float = 0.1, steps: int = 200) -> Tensor:
    """Each picture moves by `step` (in L2) up the gradient of max_{i != y} Z_i - Z_y, is clipped to [0, 1], and stops where that lead is above 0.

    The lead is taken of the scores, not of probabilities or tanh, which are flat where a network is sure. What is not across after `steps` stays where it is.
    x: pictures `[N, C, H, W]` in [0, 1]; y: classes `[N]`, or None for the model's own prediction.
    """
    check_positive(step, "step", zero=False), check_count(steps, "steps")
    with attacking(model, x, y) as (x, labels):
        for _ in range(steps):
            z = runtime.watched(x)
            scores = model(z.clone())
            ahead = lead(scores, labels(scores), targeted=False)
            moved = x + step * unit(runtime.gradient(ahead.sum(), z))
            x = torch.where(each(ahead.detach() <= 0), moved.clamp(0, 1), x)
        return x
