"""Small networks and pictures to try an answer on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..runtime import generator


class SmoothNet(nn.Module):
    """A small smooth network with fixed weights: square pictures of `side` pixels."""

    def __init__(self, channels: int, side: int, classes: int) -> None:
        super().__init__()
        chance = generator(7)
        self.first = nn.Conv2d(channels, 6, 3, padding=1)
        self.last = nn.Linear(6 * side * side, classes)
        for weights in self.parameters():
            weights.data = 0.5 * torch.randn(weights.shape, generator=chance)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x)).flatten(1))


def probe(channels: int = 1, side: int = 6, classes: int = 4, count: int = 8) -> tuple[nn.Module, Tensor, Tensor]:
    """A `SmoothNet`, `count` pictures for it (some pixels at 0 or 1), and labels: its own choice for some of them only."""
    model = SmoothNet(channels, side, classes).eval()
    x = (1.4 * torch.rand(count, channels, side, side, generator=generator(1)) - 0.2).clamp(0, 1)
    with torch.no_grad():
        own = model(x).argmax(1)
    return model, x, (own + torch.arange(count)) % classes
