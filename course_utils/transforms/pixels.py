"""Kurakin's artificial transforms: brightness, contrast, blur, noise. (JPEG is in `compression`.)"""

from __future__ import annotations

import torch
from torch import Tensor

from ..runtime import check_positive
from .chance import Number, column, normal, source


def brightness(x: Tensor, shift: Number) -> Tensor:
    """Every pixel brighter by `shift` (darker, where it is negative), clipped to [0, 1]. shift: one number, or one a picture `[N]`."""
    return (x + column(shift, x, "shift")).clamp(0, 1)


def contrast(x: Tensor, factor: Number) -> Tensor:
    """`factor` times as far from each picture's mean, clipped to [0, 1]: above 1 harder, below 1 flatter."""
    middle = x.mean((1, 2, 3), keepdim=True)
    return (middle + column(factor, x, "factor") * (x - middle)).clamp(0, 1)


def blur(x: Tensor, deviation: Number) -> Tensor:
    """Each picture under a bell of its own deviation in pixels, cut off at the edges and made to weigh 1; 0 leaves it as it is.

    A Gaussian blur is one along the columns and one along the rows, y = D x A^T, with matrices [H, H] and [W, W] for each picture.
    """
    spread = column(deviation, x, "deviation")[:, 0]
    down, across = (bell(size, spread) for size in x.shape[2:])
    return (down[:, None] @ x @ across[:, None].transpose(2, 3)).clamp(0, 1)


def bell(size: int, spread: Tensor) -> Tensor:
    """Rows of weights `[N, size, size]`, each a Gaussian of deviation `spread` `[N, 1, 1]` around its own pixel."""
    place = torch.arange(size, dtype=spread.dtype, device=spread.device)
    far = (place[:, None] - place).square()
    weights = torch.exp(-far / (2 * spread.square()).clamp_min(1e-4))
    return weights / weights.sum(2, keepdim=True)


def add_noise(x: Tensor, deviation: Number, *, generator: torch.Generator | None = None) -> Tensor:
    """Gaussian noise of this deviation on every value, clipped to [0, 1]."""
    if not isinstance(deviation, Tensor):
        check_positive(deviation, "deviation")
    return (x + column(deviation, x, "deviation") * normal(tuple(x.shape), x, source(generator))).clamp(0, 1)
