"""Filters that sleep: what finding the dead ones of a layer is tried on, and that it goes through the pictures in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..runtime import generator
from .calls import call
from .exercise import Case
from .expectations import expect


def cases() -> Iterator[Case]:
    """Filters that wake for one picture, in one corner, for some pictures, everywhere; that are below 0 on average; that give 0 at most."""
    x = 0.05 + 0.5 * torch.rand(7, 3, 6, 7, generator=generator(7))
    x[:, 1, :2, :2], x[0, 0], x[-1, 1], x[3, 2, :2, :2], x[[0, 3, 6], 2, 4:, 4:] = 0.85, 0.95, 0.95, 0.95, 0.8
    for chosen, batch_size in ((x, 3), (x.flip(0), 4), (x[1:-1], 2)):
        layer = nn.Conv2d(3, 9, 2)
        layer.weight.data = torch.zeros(9, 3, 2, 2)
        for k, colour in enumerate((0, 1, 2, 2, 1, 1, 0)):
            layer.weight.data[k, colour] = 1.0
        layer.bias.data = torch.tensor([-3.6, -3.6, -3.6, -3.0, -2.5, -1.0, -9.0, 0.0, 0.1])
        for one in (layer.weight, layer.bias):
            one.grad = torch.full_like(one, 0.5)
        yield {"layer": layer.eval(), "x": chosen, "batch_size": batch_size}
    yield {"layer": nn.Conv2d(3, 1, 2), "x": x, "batch_size": 3}  # one filter


class Counted(nn.Conv2d):
    """A convolution that knows the largest batch it was given."""

    most = 0

    def forward(self, x: Tensor) -> Tensor:
        self.most = max(self.most, len(x))
        return super().forward(x)


def in_batches(f: Callable) -> None:
    """No call of the layer gets more than batch_size pictures."""
    for size in (4, 2):
        layer = Counted(3, 2, 2)
        call(f, layer=layer, x=torch.rand(11, 3, 5, 5, generator=generator(8)), batch_size=size)
        expect(layer.most > 0, "the layer was not called; give it the pictures.")
        expect(layer.most <= size, f"the layer was given {layer.most} pictures at once with batch_size {size}; go through x.split(batch_size).")
