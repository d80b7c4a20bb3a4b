"""What several tables need: the pictures that a network has right, an attack in parts, and FGSM repeated with small steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils import attacks, data, runtime


def known(net: nn.Module, pictures: data.Pictures, count: int) -> tuple[Tensor, Tensor]:
    """The first `count` of the pictures that the network has right, and their classes."""
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    right = (runtime.predict(net, x) == y).nonzero().flatten()[:count]
    return x[right], y[right]


def in_parts(attack: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, size: int | None = None) -> Tensor:
    """The attack on `size` pictures at a time, so that memory stays small: 50, or 250 on a GPU."""
    size = size or (250 if x.is_cuda else 50)
    return torch.cat([attack(a, b) for a, b in zip(x.split(size), y.split(size))])


def small_steps(model: nn.Module, x: Tensor, y: Tensor, eps: float, steps: int) -> Tensor:
    """Chapter 00's loop: FGSM repeated with small steps, clipped to the budget after each."""
    x_adv = x
    for _ in range(steps):
        x_adv = attacks.fgsm(model, x_adv, y, eps=min(1, 2.5 / steps) * eps).clamp(x - eps, x + eps)
    return x_adv
