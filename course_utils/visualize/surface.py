"""The loss around a picture, on a plane: what an attack that follows gradients walks on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive


def loss_surface(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, across: Tensor, up: Tensor, reach: float, points: int = 21
) -> Tensor:
    """The loss of class y on the plane x + a * across + b * up, a and b from -reach to reach in `points` steps: `[N, points, points]`.

    Entry [n, i, j] is at b = i-th and a = j-th value. The plane is not clipped to [0, 1]: clipping would bend it. All points of all
    pictures are one batch after another; a model that is left to chance draws afresh for each point.

    x: pictures `[N, C, H, W]` in [0, 1]. across, up: directions of the same shape. y: classes `[N]`, or None for the model's prediction.
    """
    labels = runtime.check_batch(x, y, model)
    check_positive(reach, "reach", zero=False), check_count(points, "points", least=2)
    for name, given in (("across", across), ("up", up)):
        if given.shape != x.shape:
            raise ValueError(f"{name} has shape {list(given.shape)}; a direction for each picture, {list(x.shape)}, is expected.")
    at = torch.linspace(-reach, reach, points, device=x.device, dtype=x.dtype)[:, None, None, None]
    plane = x[:, None, None] + at[:, None] * up[:, None, None] + at * across[:, None, None]  # [N, b, a, C, H, W]
    classes = labels(runtime.logits(model, x))
    scores = runtime.logits(model, plane.flatten(0, 2))
    losses = F.cross_entropy(scores, classes.repeat_interleave(points**2), reduction="none")
    return losses.view(len(x), points, points)
