"""Moving pictures in tanh space, where they cannot leave [0, 1], with Adam; each picture with a state of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from .adam import FADE, FADE_SQUARE, TINY
from .common import each, wide
from .working import Rows


def to_tanh(x: Tensor, edge: float) -> Tensor:
    """w with x = (tanh(w) + 1) / 2, once x is drawn towards grey by the share `edge`: black and white lie at infinity."""
    return torch.atanh((1 - edge) * (2 * wide(x) - 1))


class Walk(Rows):
    """Places w of pictures x' = (tanh(w) + 1) / 2, and Adam's state for each: pictures can be dropped, or begun anew."""

    def __init__(self, x: Tensor, rate: float, edge: float) -> None:
        self.w, self.rate, self.edge = to_tanh(x, edge), rate, edge
        self.mean, self.square = torch.zeros_like(self.w), torch.zeros_like(self.w)
        self.taken = self.w.new_zeros(len(x))  # steps

    def pictures(self) -> Tensor:
        """x', inside [0, 1] whatever w is."""
        self.bent = torch.tanh(self.w)
        return 0.5 * (self.bent + 1)

    def step(self, slope: Tensor) -> None:
        """One step of Adam (Kingma and Ba 2014) down `slope`, the gradient for x'; for w it is that times dx'/dw."""
        slope = slope * (0.5 * (1 - self.bent.square()))
        self.taken += 1
        self.mean.lerp_(slope, 1 - FADE)
        self.square.lerp_(slope.square(), 1 - FADE_SQUARE)
        size = self.rate / (1 - FADE**self.taken)
        spread = (self.square.sqrt() / each((1 - FADE_SQUARE**self.taken).sqrt())).add_(TINY)
        self.w -= each(size) * self.mean / spread

    def restart(self, chosen: Tensor, x: Tensor) -> None:
        """Begin anew at pictures x, where `chosen` `[N]` is True."""
        here = each(chosen)
        self.w = torch.where(here, to_tanh(x, self.edge), self.w)
        self.mean, self.square = self.mean.masked_fill(here, 0), self.square.masked_fill(here, 0)
        self.taken = self.taken.masked_fill(chosen, 0)
