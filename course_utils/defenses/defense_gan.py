"""Defense-GAN (Samangouei 2018): a picture is replaced by the nearest one that a generator can draw, before a network sees it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .. import runtime
from ..models import Generator
from ..models.generator import check_drawn
from ..runtime import check_count, check_positive


class Projection(NamedTuple):
    """What the generator draws nearest to each picture."""

    x: Tensor  # [N, 1, 28, 28] G(z)
    z: Tensor  # [N, codes]
    distance: Tensor  # [N] mean squared difference of G(z) and the picture


def project(
    network: Generator, x: Tensor, *, steps: int = 200, restarts: int = 10, rate: float = 20.0, momentum: float = 0.7,
    generator: torch.Generator | None = None,
) -> Projection:  # fmt: skip
    """The nearest picture that the generator network draws: min over z of |G(z) - x|^2, by gradient descent with momentum on z.

    From each of `restarts` codes that are drawn by chance, `steps` steps of size `rate` on the mean squared difference; the nearest of them is kept.
    All pictures and starts are one batch. 200 steps and 10 starts are the paper's. No gradient for x comes through.

    x: grey pictures `[N, 1, 28, 28]` in [0, 1]. generator: the source of chance.
    """
    check_drawn(network, x)
    check_count(steps, "steps", least=0), check_positive(rate, "rate"), check_positive(momentum, "momentum")
    z = network.draw(len(x) * check_count(restarts, "restarts"), generator=generator)
    goal, speed = x.detach().repeat_interleave(restarts, 0), torch.zeros_like(z)
    with runtime.frozen(network):
        for _ in range(steps):
            z = z.detach().requires_grad_()
            apart = (network(z) - goal).square().flatten(1).mean(1)
            speed = momentum * speed - rate * runtime.gradient(apart, z)
            z = z + speed
        with torch.no_grad():
            drawn = network(z.detach())
    apart = (drawn - goal).square().flatten(1).mean(1).view(len(x), restarts)
    best = apart.argmin(1) + restarts * torch.arange(len(x), device=x.device)
    return Projection(drawn[best], z.detach()[best], apart.amin(1))


def defense_gan(
    network: Generator, x: Tensor, *, steps: int = 200, restarts: int = 10, rate: float = 20.0, momentum: float = 0.7,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """The pictures `[N, 1, 28, 28]` that a network behind Defense-GAN sees: G(z) of `project`, which has the same options."""
    return project(network, x, steps=steps, restarts=restarts, rate=rate, momentum=momentum, generator=generator).x
