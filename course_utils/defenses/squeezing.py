"""Fewer grey levels (Xu 2017, Guo 2018): the simplest of the defenses that change the picture before the network sees it."""

from __future__ import annotations

from torch import Tensor

from ..runtime import check_count


def bit_depth(x: Tensor, bits: int = 3) -> Tensor:
    """Pictures `[N, C, H, W]` in [0, 1] with 2^bits levels, evenly from 0 to 1: round(x * (2^bits - 1)) / (2^bits - 1).

    Rounding has no slope: the gradient is 0 everywhere.
    """
    if check_count(bits, "bits") > 16:
        raise ValueError(f"bits is {bits}; from 1 to 16 are expected.")
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise ValueError(f"x is {x.dtype if isinstance(x, Tensor) else f'a {type(x).__name__}'}; floating point pictures in [0, 1] are expected.")
    steps = 2**bits - 1
    return (x * steps).round() / steps
