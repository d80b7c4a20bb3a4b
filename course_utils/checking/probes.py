"""Small networks and pictures to try an answer on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..runtime import generator
from .exercise import Case


class SmoothNet(nn.Module):
    """A small smooth network with fixed weights, for pictures of `rows` x `columns` pixels. It does not see the first pixel."""

    def __init__(self, channels: int, rows: int, columns: int, classes: int) -> None:
        super().__init__()
        chance = generator(7)
        self.first = nn.Conv2d(channels, 6, 3, padding=1)
        self.bend = nn.Tanh()
        self.last = nn.Linear(6 * rows * columns, classes)
        for weights in self.parameters():
            weights.data = 0.5 * torch.randn(weights.shape, generator=chance)
        seen = torch.ones(rows, columns)
        seen[0, 0] = 0  # a gradient of exactly 0, as most pixels of a digit have in a network with ReLUs
        self.register_buffer("seen", seen)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.bend(self.first(x * self.seen.to(x.dtype))).flatten(1))


def probe(
    channels: int = 1, rows: int = 6, columns: int = 5, classes: int = 4, count: int = 8
) -> tuple[nn.Module, Tensor, Tensor]:
    """A `SmoothNet`, `count` pictures for it (some pixels at 0 or 1), and labels: its own choice for some of them only.

    The model is as one finds models in the middle of some work: one part is in train mode (which changes nothing here),
    and the weights hold gradients. Both must be there afterwards.
    """
    model = SmoothNet(channels, rows, columns, classes).eval()
    model.bend.train()
    for weights in model.parameters():
        weights.grad = torch.full_like(weights, 0.5)
    x = (1.4 * torch.rand(count, channels, rows, columns, generator=generator(1)) - 0.2).clamp(0, 1)
    with torch.no_grad():
        own = model(x).argmax(1)
    return model, x, (own + torch.arange(count)) % classes


def attack_cases(classes: str = "y") -> Callable[[], Iterator[Case]]:
    """The arguments of an attack f(model, x, y, eps); `classes` is what it calls y."""

    def cases() -> Iterator[Case]:
        model, x, y = probe(channels=3)
        yield {"model": model, "x": x, classes: y, "eps": 0.0973}
        yield {"model": model, "x": x.flip(0), classes: y, "eps": 0.0317}

    return cases
