"""Rubbish pictures by gradient ascent: noise that a network is sure about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive
from .balls import L2Ball
from .common import attacking, each, wide

LOOK = 8  # pictures that are done are dropped at every eighth step: looking for them waits for the device


class Rubbish(NamedTuple):
    """Pictures `[N, C, H, W]`, how sure the model is of the classes asked for `[N]`, and how many steps each took `[N]`."""

    images: Tensor
    confidence: Tensor
    steps: Tensor


def gradient_rubbish(
    model: nn.Module, y: Tensor, shape: Sequence[int], *, sure: float = 0.99, step: float = 0.3,
    steps: int = 200, spread: float = 0.2, decay: float = 0.0, generator: torch.Generator | None = None,
) -> Rubbish:  # fmt: skip
    """Pictures of nothing that the model takes for the classes `y`, by gradient ascent from noise
    (Nguyen 2014).

    x <- clip(0.5 + (1 - decay) (x - 0.5) + step * g / |g|_2) with g = d log p_y / dx, until p_y >= sure
    or `steps` steps are done. It begins at 0.5 plus Gaussian noise of deviation `spread`, clipped to
    [0, 1]. A picture that is done stays, and is dropped from the work at the next eighth step.

    y: classes `[N]`, one for each picture. shape: of one picture, `(C, H, W)`. step: how long a step is (L2).
    """
    check_positive(sure, "sure"), check_positive(step, "step"), check_count(steps, "steps", least=0)
    check_positive(spread, "spread"), check_positive(decay, "decay")
    noise = torch.randn(len(y), *shape, generator=generator or runtime.generator())
    weight = runtime.model_tensor(model)
    noise = (0.5 + spread * noise).clamp(0, 1).to(noise if weight is None else weight)
    with attacking(model, noise, y) as (x, y):
        images, confidence, taken = x.clone(), wide(x).new_zeros(len(x)), torch.zeros_like(y.y)
        left, x = torch.arange(len(x), device=x.device), wide(x)
        for k in range(steps + 1):
            x = runtime.watched(x)
            scores = wide(model(x.to(images.dtype, copy=True)))
            loss = F.cross_entropy(scores, y(scores), reduction="none")
            images[left], confidence[left] = x.detach().to(images), (-loss.detach()).exp()
            stay = confidence[left] < sure
            if k == steps:
                break
            slope, x = runtime.gradient(-loss, x), x.detach()
            moved = (0.5 + (1 - decay) * (x - 0.5) + step * L2Ball(x, 1.0).direction(slope)).clamp(0, 1)
            x, taken[left] = torch.where(each(stay), moved, x), taken[left] + stay
            if k % LOOK == 0:
                left, y, x = left[stay], y[stay], x[stay]
                if not len(left):
                    break
        return Rubbish(images, confidence, taken)
