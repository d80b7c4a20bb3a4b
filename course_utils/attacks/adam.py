"""Adam (Kingma and Ba 2014) for one tensor. torch's own takes two seconds to load, which a notebook's reader would wait for."""

from __future__ import annotations

import torch
from torch import Tensor

FADE, FADE_SQUARE, TINY = 0.9, 0.999, 1e-8  # Adam's usual numbers


class Adam:
    """Means of the slopes and of their squares, for a tensor like `place`."""

    def __init__(self, place: Tensor) -> None:
        self.mean, self.square, self.taken = torch.zeros_like(place), torch.zeros_like(place), 0

    def step(self, slope: Tensor) -> Tensor:
        """The step up `slope` at a rate of 1: its running mean over the root of its running mean square, both freed of their start at 0."""
        self.taken += 1
        self.mean.lerp_(slope, 1 - FADE)
        self.square.lerp_(slope.square(), 1 - FADE_SQUARE)
        spread = (self.square / (1 - FADE_SQUARE**self.taken)).sqrt() + TINY
        return self.mean / (1 - FADE**self.taken) / spread
