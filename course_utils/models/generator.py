"""The generator of a generative adversarial network (Goodfellow 2014), small: a few numbers in, a digit out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import runtime


class Generator(nn.Sequential):
    """From codes z `[N, codes]`, drawn from a normal distribution when it learned, to grey pictures `[N, 1, 28, 28]` in [0, 1]."""

    def __init__(self, codes: int = 32, width: int = 24) -> None:
        w = width
        super().__init__(
            nn.Linear(codes, 2 * w * 49), nn.ReLU(), nn.Unflatten(1, (2 * w, 7, 7)),
            nn.ConvTranspose2d(2 * w, w, 4, stride=2, padding=1), nn.ReLU(), nn.ConvTranspose2d(w, 1, 4, stride=2, padding=1), nn.Sigmoid(),
        )  # fmt: skip
        self.codes = runtime.check_count(codes, "codes")

    def draw(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """`n` codes from the normal distribution, on the generator network's device: `[n, codes]`."""
        chance, weight = generator or runtime.generator(), self[0].weight
        return torch.randn(runtime.check_count(n, "n"), self.codes, generator=chance, device=chance.device).to(weight)
