"""Many small steps: the basic iterative method, its least-likely form, projected gradient descent, and counting steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime
from ..runtime import Labels, check_count, check_positive
from .balls import L2Ball, MaxBall, ball
from .common import attacking, each, input_gradient, inwards, wide
from .margins import margin

LEVEL = 1 / 255  # one grey level


def climb(
    model: nn.Module, start: Tensor, y: Tensor | Labels | None, inside: MaxBall | L2Ball, step: float, steps: int,
    slope: Callable[..., Tensor] = input_gradient,
) -> Tensor:  # fmt: skip
    """`steps` times: a step of size `step` up the loss of class `y` (down, where it is negative), and back into the ball.

    slope(model, x, y): the loss's gradient at pictures x. The place is kept in single precision at least: small steps would be lost
    in half precision, which the model may work in.
    """
    moved = wide(start)
    for _ in range(steps):
        gradient = slope(model, moved.to(start.dtype), y)
        moved = inside.back(moved + step * inside.direction(wide(gradient)))
    return inwards(moved, inside.x)


def kurakin_steps(eps: float) -> int:
    """How many steps of one grey level the paper takes: min(eps + 4, 1.25 eps), with eps in grey levels, rounded up."""
    levels = 255 * check_positive(eps, "eps")
    return math.ceil(round(min(levels + 4, 1.25 * levels), 6))  # 255 * (2 / 255) may be a little more than 2


def basic_iterative(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, eps: float, step: float = LEVEL, steps: int | None = None,
    targeted: bool = False,
) -> Tensor:  # fmt: skip
    """Basic iterative method (Kurakin 2016): x <- clip_eps(x + step * sign(dJ/dx)), again and again.

    J is the loss of class `y`, and clip_eps clips to |x_adv - x| <= eps and to [0, 1]. With `targeted=True` it goes
    down the loss of `y`. steps: how many; None for the paper's min(255 eps + 4, 1.25 * 255 eps), rounded up.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction.
    """
    step, steps = checked(eps, step, kurakin_steps(eps) if steps is None else steps)
    with attacking(model, x, y, targeted=targeted) as (x, y):
        return climb(model, x.clone(), y, MaxBall(x, eps), -step if targeted else step, steps)


def least_likely(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, eps: float, step: float = LEVEL, steps: int | None = None
) -> Tensor:
    """Least-likely-class method (Kurakin 2016): the basic iterative method towards the class that the model finds least likely.

    That class is taken from the clean picture, x <- clip_eps(x - step * sign(dJ(x, y_LL)/dx)). The paper's way does not
    ask for the right class: `y` is checked as everywhere, and not used.

    x: pictures `[N, C, H, W]` in [0, 1].
    """
    step, steps = checked(eps, step, kurakin_steps(eps) if steps is None else steps)
    with attacking(model, x, y) as (x, y):
        scores = runtime.logits(model, x)
        y(scores)  # are the given classes the model's?
        return climb(model, x.clone(), Labels(scores.argmin(1), len(x)), MaxBall(x, eps), -step, steps)


def pgd(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, eps: float, step: float | None = None, steps: int = 40,
    restarts: int = 1, norm: str = "linf", random_start: bool = True, targeted: bool = False, loss: str = "cross_entropy",
    kappa: float = 0.0, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Projected gradient descent (Madry 2017): small steps up the loss from a random start, all of them in the budget.

    x <- P(x + step * d), where d is the best direction of size 1 (norm "linf": the gradient's sign; "l2": the gradient
    over its L2 norm) and P brings back into |x_adv - x| <= eps and [0, 1]. With `targeted=True` down the loss of `y`.
    step: None for 2.5 * eps / steps. restarts: how many starts; of the results each picture keeps one that fools, else
    the one that came nearest to it (by its loss); pictures that are fooled already are not tried again.
    loss: "cross_entropy", or "margin", the paper's CW: max Z_i - Z_y over i != y, which rises no further from `kappa` on.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction.
    """
    step, steps = checked(eps, 2.5 * eps / max(steps, 1) if step is None else step, steps)
    if check_count(restarts, "restarts") > 1 and not random_start:
        raise ValueError(f"restarts is {restarts} with random_start=False; the same start would be tried again. Use restarts=1.")
    source, sign, height_of = generator or runtime.generator(), -1 if targeted else 1, loss_named(loss, kappa, targeted)
    with attacking(model, x, y, targeted=targeted) as (x, y):
        inside = ball(norm, x, eps)
        if not y.known:
            y(runtime.logits(model, x))  # the class of the clean picture, not of the start
        best, height = x.clone(), torch.full((len(x),), -math.inf, device=x.device)
        left = torch.arange(len(x), device=x.device)  # the pictures that are not fooled yet
        for _ in range(restarts):
            start = inside.random(source)[left] if random_start else x[left]
            found = climb(model, start, y[left], inside[left], sign * step, steps, partial(input_gradient, loss=height_of))
            if restarts == 1:
                return found
            fooled, reached = judged(model, found, y[left], targeted, height_of)
            best[left] = torch.where(each(reached >= height[left]), found, best[left])
            height[left] = torch.maximum(reached, height[left])
            left = left[~fooled]
            if not len(left):
                break
        return best


def loss_named(name: str, kappa: float, targeted: bool) -> Callable[..., Tensor]:
    """What PGD climbs (or, for a target, goes down): the cross-entropy, or the margin, up to `kappa`."""
    check_positive(kappa, "kappa")
    if runtime.pick("loss", name, ("cross_entropy", "margin")) == "margin":
        return partial(margin, targeted=targeted, kappa=kappa)
    if kappa:
        raise ValueError(f"kappa is {kappa} with loss='cross_entropy', which never stops rising. Use loss='margin'.")
    return F.cross_entropy


def judged(model: nn.Module, x: Tensor, y: Labels, targeted: bool, loss: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
    """Which pictures fool the model `[N]`, and how far up (or, for a target, down) the loss each one is `[N]`."""
    with torch.no_grad():
        scores = model(x.clone()).float()
    classes = y(scores)
    height = loss(scores, classes, reduction="none")
    return (scores.argmax(1) == classes) == targeted, -height if targeted else height


def steps_needed(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, step: float = LEVEL, steps: int = 100, eps: float = 1.0,
    targeted: bool = False,
) -> Tensor:  # fmt: skip
    """After how many steps of the basic iterative method each picture is first taken for another class than `y`: `[N]`.

    0: it was so before. steps + 1: it is not so after `steps` steps. With `targeted=True`: first taken for `y`. Without
    `eps` only [0, 1] limits the pictures. Those that are done are dropped from the work.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction.
    """
    step, steps = checked(eps, step, steps)
    with attacking(model, x, y, targeted=targeted) as (x, y):
        needed = torch.full((len(x),), steps + 1, device=x.device)
        left, inside, moved = torch.arange(len(x), device=x.device), MaxBall(x, eps), wide(x)
        for done in range(steps + 1):
            moved = runtime.watched(moved)
            scores = model(moved.to(x.dtype, copy=True))
            classes = y(scores)
            stay = (scores.argmax(1) == classes) != targeted
            needed[left[~stay]] = done
            if done == steps or not stay.any():
                break
            gradient = runtime.gradient(F.cross_entropy(scores, classes, reduction="sum"), moved)[stay]
            left, y, inside, moved = left[stay], y[stay], inside[stay], moved.detach()[stay]
            moved = inside.back(moved + (-step if targeted else step) * gradient.sign())
        return needed


def checked(eps: float, step: float, steps: int) -> tuple[float, int]:
    """The size and the number of the steps, which must be sensible, as must be the budget."""
    check_positive(eps, "eps")
    return check_positive(step, "step"), check_count(steps, "steps", least=0)
