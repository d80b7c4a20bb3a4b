"""Glasses to be worn: where a pair of broad frames lies on a face."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import shapes

APART, HIGH, ACROSS, DOWN, BROAD = 0.125, 0.485, 0.105, 0.085, 0.055  # eyes from the middle and from the top; half a lens; the rim: in sides of the picture


def frames(size: int = 64, *, broad: float = BROAD) -> Tensor:
    """A mask `[1, 1, size, size]` in [0, 1]: 1 on the rims, the bridge and the temples of glasses, where faces of this course have their eyes."""
    if size < 24 or not 0 < broad < 0.1:
        raise ValueError(f"size is {size}, broad {broad}; frames are drawn from 24 pixels up, and 0 to 0.1 of a side broad.")
    x, y = shapes.grid(size)
    u, v = (x - 0.5).abs() - APART, y - HIGH
    lens = shapes.box(u, v, 0.0, 0.0, ACROSS, DOWN, 0.05)
    rim = torch.maximum(lens - broad / 2, -lens - broad / 2)
    bridge = torch.maximum((v + 0.02).abs() - broad / 2, (x - 0.5).abs() - (APART - ACROSS))
    temple = torch.maximum((v + 0.03).abs() - broad / 2.6, torch.maximum(ACROSS - u, (x - 0.5).abs() - 0.31))
    return shapes.coverage(shapes.union(rim, bridge, temple), 1 / size)[None, None]
