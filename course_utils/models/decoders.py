"""Up-convolutional networks that give pictures back from what a layer answers (Dosovitskiy and Brox 2015), small."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Scale(nn.Module):
    """Times a number: representations of very different size become inputs of about 1."""

    def __init__(self, factor: float | Tensor = 1.0) -> None:
        super().__init__()
        self.register_buffer("factor", torch.as_tensor(factor))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Pixels(nn.Module):
    """Clips to [0, 1], but not while the network learns: a pixel that is held back has no slope."""

    def forward(self, x: Tensor) -> Tensor:
        return x if self.training else x.clamp(0, 1)


class Decoder(nn.Sequential):
    """From a representation (its shape without N) to pictures of `shape` (C, H, W).

    A vector is first spread over 12 maps of an eighth of the side. Then the maps are doubled until they reach the picture's size, each
    time with half the channels, with a 3x3 convolution and a leaky ReLU at every size.
    """

    def __init__(self, features: Sequence[int], shape: tuple[int, int, int], width: int = 32) -> None:
        colours, high, wide = shape
        layers: list[nn.Module] = [Scale()]
        if len(features) == 1:
            channels, rows, columns = 12, -(-high // 8), -(-wide // 8)
            layers += [nn.Linear(features[0], channels * rows * columns), nn.LeakyReLU(0.3), nn.Unflatten(1, (channels, rows, columns))]
        else:
            channels, rows, columns = features
        doublings = max(0, math.ceil(math.log2(max(high / rows, wide / columns))))
        for k in range(doublings + 1):
            narrow = max(8, width * 2 ** (doublings - k) // 4)
            layers += [nn.Conv2d(channels, narrow, 3, padding=1), nn.LeakyReLU(0.3)]
            layers += [nn.Upsample(scale_factor=2)] if k < doublings else []
            channels = narrow
        last = [nn.Conv2d(channels, colours, 3, padding=1), nn.Upsample(size=(high, wide), mode="bilinear"), Pixels()]
        super().__init__(*layers, *last)
