"""An AlexNet-like network for 32x32 pictures, with its batch normalization live and any activation."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from .networks import Chain


class SmallAlexNet(Chain):
    """Four convolutions and two fully connected layers for 32x32 pictures in colour, batch normalization and an activation behind all but the last.

    activation: called with a number of channels, gives the layer. `classes` is the last layer's width, `width` the first one's.
    """

    def __init__(self, classes: int = 10, width: int = 16, activation: Callable[[int], nn.Module] = lambda channels: nn.ReLU()) -> None:
        def conv(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, ...]:
            return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs), activation(outputs)

        w = width
        super().__init__(
            *conv(3, w, 5), nn.MaxPool2d(2), *conv(w, 2 * w, 3), nn.MaxPool2d(2), *conv(2 * w, 3 * w, 3), *conv(3 * w, 2 * w, 3), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * w, 4 * w, bias=False), nn.BatchNorm1d(4 * w), activation(4 * w), nn.Linear(4 * w, classes),
        )  # fmt: skip
        self.classes = classes
