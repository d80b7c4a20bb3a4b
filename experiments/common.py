"""What several tables need: the pictures that a network has right, strangers, an attack in parts, and FGSM repeated with small steps."""

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


def strange(n: int, size: int, **more: Tensor) -> dict[str, Tensor]:
    """What a network does not know, `[n, 3, size, size]` each: MNIST in colour, ORL's faces, what is given besides, and noise."""
    strokes, chance = data.load("digits", "test", n=n, source="mnist", size=size).x, runtime.generator(0)
    ink, paper = torch.rand(2, n, 3, 1, 1, generator=chance)
    faces = data.load("faces", "train", n=n, source="orl", size=size).x.expand(-1, 3, -1, -1)
    return {"digits": strokes * ink + (1 - strokes) * paper, "faces": faces, **more, "noise": torch.rand(n, 3, size, size, generator=chance)}


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
