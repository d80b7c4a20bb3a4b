"""How weights move: stochastic gradient descent and Adam, and one cycle of the learning rate.

They do what torch.optim does, number for number. Its optimizers load torch's compiler first, which takes longer than all that a chapter trains.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Sgd:
    """Gradient descent with Nesterov's momentum."""

    def __init__(self, weights: Iterable[nn.Parameter], weight_decay: float = 0.0) -> None:
        self.weights, self.weight_decay = list(weights), weight_decay
        self.kept: dict[nn.Parameter, tuple[Tensor, ...]] = {}  # what is remembered of each weight's gradients

    def forget(self) -> None:
        """Take the gradients away."""
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def step(self, lr: float, momentum: float) -> None:
        """Move the weights that have a gradient."""
        moving = [weight for weight in self.weights if weight.grad is not None]
        if moving:
            grads = [weight.grad for weight in moving]
            self.move(moving, torch._foreach_add(grads, moving, alpha=self.weight_decay) if self.weight_decay else grads, lr, momentum)

    def move(self, weights: list[nn.Parameter], grads: list[Tensor], lr: float, momentum: float) -> None:
        """One step of these weights along these gradients."""
        if momentum:
            (speed,) = self.memory(weights, 1)
            torch._foreach_mul_(speed, momentum)
            torch._foreach_add_(speed, grads)
            grads = torch._foreach_add(grads, speed, alpha=momentum)
        torch._foreach_add_(weights, grads, alpha=-lr)

    def memory(self, weights: list[nn.Parameter], count: int) -> list[list[Tensor]]:
        """`count` lists, with one tensor for each weight, which are 0 at first."""
        for weight in weights:
            self.kept.setdefault(weight, tuple(torch.zeros_like(weight) for _ in range(count)))
        return [[self.kept[weight][k] for weight in weights] for k in range(count)]


class Adam(Sgd):
    """Kingma and Ba 2014: the mean gradient over the root of the mean square gradient; `momentum` is their beta 1."""

    steps = 0

    def move(self, weights: list[nn.Parameter], grads: list[Tensor], lr: float, momentum: float) -> None:
        """One step of these weights along these gradients."""
        self.steps += 1
        mean, square = self.memory(weights, 2)
        torch._foreach_lerp_(mean, grads, 1 - momentum)
        torch._foreach_mul_(square, 0.999)
        torch._foreach_addcmul_(square, grads, grads, 1 - 0.999)
        below = torch._foreach_sqrt(square)
        torch._foreach_div_(below, (1 - 0.999**self.steps) ** 0.5)
        torch._foreach_add_(below, 1e-8)
        torch._foreach_addcdiv_(weights, mean, below, -lr / (1 - momentum**self.steps))


def one_cycle(step: int, steps: int, lr: float, slow: float, fast: float) -> tuple[float, float]:
    """Learning rate and momentum at a step: from lr / 25 up to `lr` in the first fifth, then down to nearly 0; the momentum from `fast`
    to `slow` and back (Smith 2018). Five steps or fewer only go down."""

    def between(start: float, end: float, part: float) -> float:
        return end + (start - end) / 2 * (math.cos(math.pi * part) + 1)

    top = (0.2 if steps > 5 else 0.0) * steps - 1
    if step <= top:
        return between(lr / 25, lr, step / top), between(fast, slow, step / top)
    part = (step - top) / (steps - 1 - top)
    return between(lr, lr / 25 / 1e4, part), between(slow, fast, part)
