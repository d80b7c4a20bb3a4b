"""Residual networks (He et al. 2015), small, and the same blocks without their shortcuts."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .networks import Chain, conv


class Residual(nn.Sequential):
    """A block of two convolutions: relu(body(x) + x), or with `shortcut` False relu(body(x)).

    Where the block halves the map, the shortcut takes every other pixel, and zeros for the new channels (He et al. 2015, option A):
    so what comes over it is always x itself, without a weight.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, shortcut: bool = True) -> None:
        second = nn.Conv2d(outputs, outputs, 3, padding=1)
        super().__init__(*conv(inputs, outputs, 3, stride), second, nn.ReLU())
        self.stride, self.new, self.shortcut = stride, outputs - inputs, shortcut

    def carried(self, x: Tensor) -> Tensor:
        """What comes over the shortcut: x at every `stride`-th pixel, with zeros for new channels."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))

    def added(self, x: Tensor) -> Tensor:
        """What the convolutions (and what normalizes them) make of x: all layers but the last ReLU."""
        for layer in list(self)[:-1]:
            x = layer(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        total = self.added(x) + self.carried(x) if self.shortcut else self.added(x)
        return self[-1](total)


class ResNet(Chain):
    """A residual network for pictures of 48x48 or 32x32: one convolution, then three pairs of blocks, each pair half as large and twice
    as wide; the last maps are averaged. 14 layers with weights. `shortcuts=False`: the same chain without shortcuts.

    Its first filters are 5x5 with stride 2, which can be looked at. Trained with batch normalization, folded in afterwards.
    """

    def __init__(self, classes: int = 43, width: int = 16, shortcuts: bool = True) -> None:
        w, blocks = width, []
        for inputs, outputs, stride in ((w, w, 1), (w, w, 1), (w, 2 * w, 2), (2 * w, 2 * w, 1), (2 * w, 4 * w, 2), (4 * w, 4 * w, 1)):
            blocks.append(Residual(inputs, outputs, stride, shortcuts))
        super().__init__(*conv(3, w, 5, 2), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * w, classes))
        self.classes = classes
