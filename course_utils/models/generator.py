"""The generator of a generative adversarial network (Goodfellow 2014), small: a few numbers in, a digit out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import runtime


class Generator(nn.Sequential):
    """From codes z `[N, codes]`, drawn from a normal distribution when it learned, to grey pictures `[N, 1, 28, 28]` in [0, 1].

    Fully connected, where Defense-GAN's has convolutions: a projection asks it thousands of times, and on a CPU this one answers ten times as fast.
    """

    def __init__(self, codes: int = 32, hidden: tuple[int, int] = (160, 192)) -> None:
        first, second = hidden
        super().__init__(
            nn.Linear(codes, first), nn.LeakyReLU(0.2), nn.Linear(first, second), nn.LeakyReLU(0.2), nn.Linear(second, 28 * 28), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)),
        )  # fmt: skip
        self.codes = runtime.check_count(codes, "codes")

    def draw(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """`n` codes from the normal distribution, on the generator network's device: `[n, codes]`."""
        chance, weight = generator or runtime.generator(), self[0].weight
        return torch.randn(runtime.check_count(n, "n"), self.codes, generator=chance, device=chance.device).to(weight)


def check_drawn(network: Generator, x: Tensor) -> None:
    """Require a generator network and pictures of the size that it draws."""
    if not isinstance(network, Generator):
        raise ValueError(f"network is a {type(network).__name__}; a models.Generator is expected.")
    runtime.check_pictures(x, network)
    if x.shape[1:] != (1, 28, 28):
        raise ValueError(f"x has shape {list(x.shape)}; the generator draws [N, 1, 28, 28].")
