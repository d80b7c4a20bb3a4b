"""Universal perturbations: one change v that fools a network on most pictures, also on pictures that it was not made from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive
from .common import attacking, inwards, wide
from .deepfool import nearest_boundary, rivals, straight


class Universal(NamedTuple):
    """One perturbation for all pictures, and how it came about.

    perturbation: v `[C, H, W]`. fooling_rate: the share of the pictures it was made from whose prediction changes with it, clipped to
    [0, 1]. rates `[P]`: that share after each of the P passes over the pictures. needed `[P]`: the share of the pictures that v did
    not fool when their turn came in that pass, so that they needed an inner DeepFool.
    """

    perturbation: Tensor
    fooling_rate: float
    rates: Tensor
    needed: Tensor


def universal_perturbation(
    model: nn.Module, images: Tensor, *, norm: str = "linf", xi: float, rate: float = 0.8, passes: int = 10, batch: int = 20,
    step: float | None = None, steps: int = 10, overshoot: float = 0.02, classes: int = 10, generator: torch.Generator | None = None,
) -> Universal:  # fmt: skip
    """Universal adversarial perturbation (Moosavi-Dezfooli 2016): one v with |v| <= xi that changes the predictions of most pictures.

    It begins with v = 0. For each picture x that x + v does not fool yet, DeepFool finds a small change r (in L2) that takes x + v to
    another class, and v <- P(v + r), where P brings back into |v| <= xi. So it goes through all pictures, in a new order each time,
    until the share `rate` of them is fooled, or for `passes` passes. With batch=1 that is the paper's algorithm.

    A larger `batch` asks so many pictures at a time. With d the sum of their changes, u <- u + step * xi * sign(d), in L2
    u + step * xi * d / |d|, and v = P(u): d itself would be far too long for some networks and far too short for others, and u
    remembers what all pictures asked for, beyond the budget's edge.

    As in the paper x + v may leave [0, 1] on the way; what is fooled in the end is counted with x + v clipped.

    images: `[N, C, H, W]` in [0, 1]. Their labels are not needed: fooled is what is taken for another class than without v.
    xi: the size of v in `norm`, "linf" or "l2", for pixels in [0, 1]. step: None for 1 in the max-norm and 0.5 in L2.
    steps, overshoot, classes: DeepFool's. A picture that it does not fool within its steps adds nothing.
    """
    checked(rate, passes=passes, batch=batch, steps=steps), check_count(classes, "classes", least=2), check_positive(overshoot, "overshoot")
    (back, along, usual), xi = NORMS[runtime.pick("norm", norm, NORMS)], check_positive(xi, "xi", zero=False)
    size = xi * (usual if step is None else check_positive(step, "step", zero=False))
    chance = generator or runtime.generator()
    with attacking(model, images, None) as (x, _):
        own = two_classes(runtime.logits(model, x)).argmax(1)
        v = total = torch.zeros_like(wide(x[0]))
        found, rates, needed = v.to(x.dtype), [], []
        while len(rates) < passes and (not rates or v.any() and rates[-1] < rate):  # v still 0: so it would stay
            asked = 0
            for chosen in torch.randperm(len(x), generator=chance).to(x.device).split(batch):
                left = chosen[runtime.predict(model, moved(x[chosen], v)) == own[chosen]]
                if len(left):
                    r = smallest_changes(model, moved(x[left], v), own[left], steps, overshoot, classes).sum(0)
                    total = v + r if batch == 1 else total + size * along(r)
                    v = back(total, xi)
                asked += len(left)
            found = inwards(v, torch.zeros_like(found))
            rates.append((runtime.predict(model, (x + found).clamp(0, 1)) != own).float().mean().item())
            needed.append(asked / len(x))
        return Universal(found, rates[-1], torch.tensor(rates), torch.tensor(needed))


def moved(x: Tensor, v: Tensor) -> Tensor:
    """x + v, in the precision of x; not clipped."""
    return (x + v).to(x.dtype)


def smallest_changes(model: nn.Module, x: Tensor, y: Tensor, steps: int, overshoot: float, classes: int) -> Tensor:
    """DeepFool without the limits of [0, 1]: changes `[N, C, H, W]` that take pictures x out of their classes y; 0 where it fails."""
    others, r = rivals(runtime.logits(model, x), y, classes), torch.zeros_like(wide(x))
    left = torch.arange(len(x), device=x.device)
    for _ in range(steps):
        r[left] += nearest_boundary(model, moved(x[left], (1 + overshoot) * r[left]), y[left], others[left], straight)
        left = left[runtime.predict(model, moved(x[left], (1 + overshoot) * r[left])) == y[left]]
        if not len(left):
            break
    r[left] = 0
    return (1 + overshoot) * r


def into_box(v: Tensor, xi: float) -> Tensor:
    """The nearest change of max-norm xi or less: every value is clipped."""
    return v.clamp(-xi, xi)


def into_ball(v: Tensor, xi: float) -> Tensor:
    """The nearest change of L2 norm xi or less: v * min(1, xi / |v|)."""
    return v * (xi / v.norm().clamp_min(torch.finfo(v.dtype).tiny)).clamp(max=1)


def straight_along(r: Tensor) -> Tensor:
    """r / |r|; 0 where r is 0."""
    return r / r.norm().clamp_min(torch.finfo(r.dtype).tiny)


NORMS = {"linf": (into_box, torch.sign, 1.0), "l2": (into_ball, straight_along, 0.5)}  # projection, direction, length of a step in xi


def scaled(v: Tensor, xi: float, norm: str = "linf") -> Tensor:
    """A perturbation v, made exactly xi large in its norm: v * xi / |v|."""
    order = {"linf": torch.inf, "l2": 2}[runtime.pick("norm", norm, NORMS)]
    size = v.flatten().norm(order)
    if not size > 0:
        raise ValueError(f"v has norm {float(size)}; one that is not 0 is expected: nothing has no direction.")
    return v * (check_positive(xi, "xi") / size)


def checked(rate: float, **counts: int) -> None:
    """Refuse what is no share, and what is no number of at least 1."""
    if not 0 < check_positive(rate, "rate") <= 1:
        raise ValueError(f"rate is {rate}; a share above 0, at most 1, is expected.")
    for name, count in counts.items():
        check_count(count, name)


def two_classes(scores: Tensor) -> Tensor:
    """Require a model of two classes or more: with one there is no other to change to."""
    if scores.shape[1] < 2:
        raise ValueError(f"the model gives scores for {scores.shape[1]} class; at least two are expected, else nothing can change.")
    return scores
