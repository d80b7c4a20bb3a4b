"""What exercises about maps, lists of the best, receptive fields, patches and labels are tried on."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..runtime import generator
from .exercise import Case


def some_maps() -> Iterator[Case]:
    for seed, shape in enumerate(((5, 3, 4, 6), (3, 4, 7, 2), (4, 4, 1, 5))):
        yield {"maps": torch.randn(shape, generator=generator(seed))}
    yield {"maps": -torch.rand(3, 2, 3, 4, generator=generator(9)) - 0.1}  # nothing above 0


def lists() -> Iterator[Case]:
    def old(units: int, k: int, seed: int) -> tuple[Tensor, Tensor]:
        values = torch.randn(units, k, generator=generator(seed)).sort(dim=1, descending=True).values
        return values, torch.rand(units, 30, generator=generator(seed)).argsort(1)[:, :k]

    for seed, (units, k, count, start) in enumerate(((4, 3, 5, 30), (3, 4, 2, 37), (4, 2, 4, 30))):
        values, pictures = old(units, k, seed)
        new = torch.randn(count, units, generator=generator(seed + 9))
        yield {"values": values, "pictures": pictures, "new": new, "start": start}
    values, pictures = old(2, 3, 7)
    yield {"values": values, "pictures": pictures, "new": values.T[[1, 0, 2, 0]].contiguous(), "start": 41}  # equal values
    many = torch.randint(0, 3, (40, 2), generator=generator(5)).float()  # so many that not every sort keeps their order
    yield {"values": torch.tensor([[2.0, 1, 1, 0], [1, 1, 1, 1]]), "pictures": torch.arange(8).view(2, 4), "new": many, "start": 50}
    empty = torch.full((3, 4), -torch.inf)  # how a list begins
    yield {"values": empty, "pictures": torch.full((3, 4), -1), "new": torch.randn(6, 3, generator=generator(3)) - 5, "start": 0}
    yield {"values": empty, "pictures": torch.full((3, 4), -1), "new": torch.randn(2, 3, generator=generator(4)), "start": 0}


def chains() -> Iterator[Case]:
    yield {"layers": ((5, 1, 0), (2, 2, 0), (3, 1, 1), (4, 2, 1))}
    yield {"layers": ((7, 2, 3), (3, 2, 1), (5, 1, 2), (2, 2, 0))}
    yield {"layers": ((3, 1, 1), (1, 3, 0), (4, 2, 2))}
    yield {"layers": ()}


def places() -> Iterator[Case]:
    for seed, (top, left, size, fill) in enumerate(((2, 1, 4, 0.5), (-2, 3, 4, 0.5), (5, -1, 4, 0.2), (3, 6, 5, 0.7), (-1, -2, 11, 0.5))):
        yield {"picture": torch.rand(3, 8, 7, generator=generator(seed)), "top": top, "left": left, "size": size, "fill": fill}
    yield {"picture": torch.rand(1, 8, 7, generator=generator(8)), "top": 0, "left": 0, "size": 3, "fill": 0.0}


def some_labels() -> Iterator[Case]:
    yield {"labels": torch.tensor([[3, 3, 8, 3], [0, 5, 5, 1], [7, 7, 7, 7], [4, 9, 2, 6]])}
    yield {"labels": torch.tensor([[42, 17, 17, 42, 3], [5, 9, 0, 9, 5], [11, 12, 13, 14, 11]])}  # ties
