"""A model behind a transform that is left to chance, averaged: to use as a defense, or to attack one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import runtime
from ..attacks.transform import seeded


class Expectation(nn.Module):
    """What `expectation` gives: its `model`, `transform`, `samples`, and the `generator` that the draws come from, call after call."""

    def __init__(self, model: nn.Module, transform: Callable[..., Tensor], samples: int, generator: torch.Generator | None) -> None:
        super().__init__()
        self.model, self.transform = runtime.check_model(model), transform
        self.samples, self.generator = runtime.check_count(samples, "samples"), generator or runtime.generator()
        self.draw = seeded(transform)

    def forward(self, x: Tensor) -> Tensor:
        answers = self.model(self.draw(x.repeat_interleave(self.samples, 0), self.generator))
        return answers.unflatten(0, (len(x), self.samples)).mean(1)


def expectation(
    model: nn.Module, transform: Callable[..., Tensor], samples: int, *, generator: torch.Generator | None = None
) -> Expectation:
    """A module whose answer to pictures `[N, C, H, W]` is the mean of `model(transform(x))` over `samples` fresh draws (Athalye 2018).

    Its gradient is the mean of the draws' gradients, so any attack on it is one on the expectation. transform: as in `attacks.transform_attack`.
    All draws of a batch are one batch, of `samples` times the size.
    """
    return Expectation(model, transform, samples, generator)
