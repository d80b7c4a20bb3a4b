"""Flat signs to put up by the road: the course's own plates, seen straight from the front, or real pictures as square posters."""

from __future__ import annotations

import torch
from torch import Tensor

from . import signs


def drawn(n: int | None, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Plates `[n, 3, size, size]`, white around, one of each kind in turn; their classes, and outlines bool `[n, size, size]`."""
    y = torch.arange(n or len(signs.NAMES)) % len(signs.NAMES)
    kinds = torch.stack([signs.draw_clean(k, size) for k in range(min(len(y), len(signs.NAMES)))])[y]
    colour, cover = kinds[:, :3], kinds[:, 3:]
    return ((colour * cover + 1 - cover).clamp(0, 1) * 255).round() / 255, y, cover[:, 0] > 0.5


def posters(x: Tensor) -> Tensor:
    """The outlines of pictures `[N, C, S, S]` that are put up as they are: all of them, bool `[N, S, S]`."""
    return torch.ones(len(x), *x.shape[2:], dtype=torch.bool)
