"""Random resizing and padding (Xie 2018): the network sees the picture at another size and place each time."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import runtime
from ..runtime import check_count
from ..transforms.chance import square


def random_resize_pad(
    x: Tensor, low: int | None = None, high: int | None = None, *, generator: torch.Generator | None = None
) -> Tensor:
    """Square pictures `[N, C, S, S]`, each resized to r x r with r drawn from low .. high (both included), on zeros at a random place.

    The result is `[N, C, high, high]`. low None is the pictures' side; high None is 331 / 299 of it, as in the paper: 299 gives 331, 32 gives 35.
    Resizing is bilinear, and gradients go through. Each picture has draws of its own.
    """
    side = square(x).shape[-1]
    low = side if low is None else check_count(low, "low")
    high = max(round(side * 331 / 299), low) if high is None else check_count(high, "high")
    if low > high:
        raise ValueError(f"low is {low} and high is {high}; the smallest size comes first.")
    chance = generator or runtime.generator()
    draws = torch.rand(3, len(x), generator=chance, device=chance.device, dtype=torch.double).to(x.device)
    size = low + (draws[0] * (high - low + 1)).long()
    top, left = ((part * (high - size + 1)).long() for part in draws[1:])
    return placing(size, top, side, high).to(x) @ x @ placing(size, left, side, high).to(x).mT


def placing(size: Tensor, start: Tensor, side: int, high: int) -> Tensor:
    """For each picture the matrix that resizes `side` values to `size` and puts them from `start` on into `high` zeros: `[N, 1, high, side]`."""
    at = torch.arange(high, device=size.device) - start[:, None]  # which pixel of the resized picture, [N, high]
    source = ((at.double() + 0.5) * (side / size[:, None]) - 0.5).clamp(0, side - 1)
    weights = (1 - (source[..., None] - torch.arange(side, device=size.device)).abs()).clamp_min(0)
    inside = (at >= 0) & (at < size[:, None])
    return (weights * inside[..., None])[:, None]
