"""Expectation over transformation: an attack that survives what happens to its pictures on their way into the network."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime
from ..runtime import Labels, check_count
from .balls import ball
from .common import attacking
from .iterative import checked, climb

Transform = Callable[..., Tensor]  # of pictures [N, C, H, W], and of generator= where it is left to chance


def transform_attack(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, transform: Transform, samples: int = 10, eps: float, step: float | None = None,
    steps: int = 40, norm: str = "linf", random_start: bool = False, targeted: bool = False, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Expectation over transformation (Athalye 2017): projected gradient descent on the mean loss of transformed pictures.

    x <- P(x + step * d), where d is the best direction for the gradient of E_t[J(t(x), y)], taken over `samples` fresh draws of t at each step,
    and P brings back into |x_adv - x| <= eps and [0, 1]: the losses are averaged, and the direction comes from the mean. With a fixed transform
    and one sample that is `pgd` on the model behind it. transform: `transform(x)`, or `transform(x, generator=...)` where it takes one; it must
    let gradients through, draw for each picture of its own, and may change the pictures' size.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]` to be left (with `targeted=True`: reached), or None for the class that the model
    gives the transformed clean pictures on average. The same budgets, steps and starts as `pgd`.
    """
    step, steps = checked(eps, 2.5 * eps / max(steps, 1) if step is None else step, steps)
    draw, chance = seeded(transform), generator or runtime.generator()
    check_count(samples, "samples")
    with attacking(model, x, y, targeted=targeted) as (x, y):
        inside = ball(norm, x, eps)
        if not y.known:
            y(mean_scores(model, x, draw, samples, chance))
        start = inside.random(chance) if random_start else x.clone()
        slope = partial(mean_gradient, draw=draw, samples=samples, generator=chance)
        return climb(model, start, y, inside, -step if targeted else step, steps, slope)


def mean_gradient(model: nn.Module, x: Tensor, y: Labels, draw: Transform, samples: int, generator: torch.Generator) -> Tensor:
    """Each picture's gradient of its mean loss over `samples` draws, `[N, C, H, W]`: one batch of all draws, one backward pass."""
    x = runtime.watched(x)
    scores = model(draw(x.repeat_interleave(samples, 0), generator))
    classes = y(scores[::samples]).repeat_interleave(samples)
    return runtime.gradient(F.cross_entropy(scores, classes, reduction="sum") / samples, x)


def mean_scores(model: nn.Module, x: Tensor, draw: Transform, samples: int, generator: torch.Generator) -> Tensor:
    """The model's mean probabilities over `samples` draws of each picture: `[N, classes]`."""
    with torch.no_grad():
        scores = model(draw(x.repeat_interleave(samples, 0), generator))
    return scores.softmax(1).unflatten(0, (len(x), samples)).mean(1)


def seeded(transform: Transform) -> Callable[[Tensor, torch.Generator], Tensor]:
    """The transform as a function of pictures and generator, whether it takes one or not."""
    if not callable(transform):
        raise ValueError(f"transform is a {type(transform).__name__}; a function of pictures [N, C, H, W] is expected.")
    called = transform.forward if isinstance(transform, nn.Module) else transform  # a module's own signature is hidden behind its call
    if "generator" in inspect.signature(called).parameters:
        return lambda x, generator: transform(x, generator=generator)
    return lambda x, generator: transform(x)
