"""DeepFool: step after step to the nearest boundary of the linearised model."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive
from .common import attacking, each, wide

BEYOND = 1e-3  # each step goes so far beyond the boundary: right behind it a GPU's rounding, or another batch size, undoes it


def deepfool(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, norm: str = "l2", steps: int = 50, overshoot: float = 0.02,
    classes: int = 10,
) -> Tensor:  # fmt: skip
    """DeepFool (Moosavi-Dezfooli 2016): a small change that takes each picture just across the nearest boundary.

    The scores f are taken for linear. Then class k begins where f_k = f_y, at the distance |f_k - f_y| / ||w_k||_2 with
    w_k = d(f_k - f_y)/dx, and the step goes straight to the nearest of these boundaries. That is repeated, with new
    gradients, until x + (1 + overshoot) * r, clipped to [0, 1], is taken for another class; r is the sum of the steps.
    norm "linf" divides by ||w_k||_1 and steps along the sign of w_k. There is no budget: the change is as large as it
    must be. A picture that is not fooled after `steps` steps comes back as far as it came.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]` to be left, or None for the model's own prediction; what is taken
    for another class already stays as it is. classes: how many to look at, `y` among them: those of the highest scores at x.
    """
    check_count(steps, "steps", least=0), check_count(classes, "classes", least=2), check_positive(overshoot, "overshoot")
    way = WAYS[runtime.pick("norm", norm, WAYS)]
    with attacking(model, x, y) as (x, y):
        scores = runtime.logits(model, x)
        y = y(scores)
        others, left = rivals(scores, y, classes), (scores.argmax(1) == y).nonzero().flatten()  # left to be fooled
        found, r = x.clone(), torch.zeros_like(wide(x))
        for _ in range(steps):
            if not len(left):
                break
            r[left] += nearest_boundary(model, found[left], y[left], others[left], way)
            r[left] = (x[left] + r[left]).clamp(0, 1) - x[left]
            found[left] = (x[left] + (1 + overshoot) * r[left]).clamp(0, 1).to(x.dtype)
            left = left[runtime.predict(model, found[left]) == y[left]]
        return found


def rivals(scores: Tensor, y: Tensor, classes: int) -> Tensor:
    """The `classes` - 1 other classes of the highest scores `[N, classes - 1]`; all others, if there are fewer."""
    without = scores.scatter(1, y[:, None], -torch.inf)
    return without.topk(min(classes, scores.shape[1]) - 1).indices


def nearest_boundary(model: nn.Module, x: Tensor, y: Tensor, others: Tensor, way: Callable) -> Tensor:
    """The step `[N, C, H, W]` from each picture just beyond the nearest boundary between its class and the others' `[N, M]`."""
    x = runtime.watched(x)
    scores = model(x.clone())
    own = scores.gather(1, y[:, None])
    distance, direction = torch.full((len(x),), torch.inf, device=x.device), torch.zeros_like(x)
    for rival in others.T:
        ahead = (own - scores.gather(1, rival[:, None]))[:, 0]  # f_y - f_k: above 0 as long as y is the answer
        slope = -runtime.gradient(ahead, x, again=True)
        far, towards = way(ahead.detach(), slope)
        nearer = far < distance
        distance, direction = torch.where(nearer, far, distance), torch.where(each(nearer), towards, direction)
    return each(distance.where(distance < torch.inf, 0) + BEYOND) * direction  # no slope anywhere: no step


def straight(ahead: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """L2: the distance |f| / ||w||_2 `[N]`, and the direction w / ||w||_2."""
    size = slope.flatten(1).norm(dim=1)
    return ahead / size, slope / each(size)


def by_sign(ahead: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Max-norm: the distance |f| / ||w||_1 `[N]`, and the direction sign(w)."""
    return ahead / slope.flatten(1).norm(1, dim=1), slope.sign()


WAYS = {"l2": straight, "linf": by_sign}
