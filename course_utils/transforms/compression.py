"""JPEG in batched tensor code: all that loses something, and nothing of what packs the bytes.

A JPEG file keeps, for each block of 8 x 8 pixels, the coefficients of a cosine transform, rounded to multiples of a table.
Packing them is lossless, so pictures that went through a file are these. Compared with Pillow's in the tests.
"""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..runtime import check_count

# The tables of the JPEG standard (ITU-T T.81, annex K), for brightness and for colour.
LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    *(99,) * 32,
)  # fmt: skip
TO_YCC = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
TO_RGB = ((1, 0, 1.402), (1, -0.344136286, -0.714136286), (1, 1.772, 0))


@functools.lru_cache(maxsize=64)
def table(quality: int, channels: int) -> Tensor:
    """What the coefficients are rounded to multiples of, `[channels, 8, 8]`; the usual scale of qualities (libjpeg's)."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    rows = torch.tensor([LUMA] + [CHROMA] * (channels - 1)).reshape(channels, 8, 8)
    return ((rows * scale + 50) // 100).clamp(1, 255).double()


@functools.lru_cache(maxsize=1)
def cosines() -> Tensor:
    """The orthogonal matrix of the cosine transform of 8 numbers, `[8, 8]`."""
    k, i = torch.arange(8.0, dtype=torch.double)[:, None], torch.arange(8.0, dtype=torch.double)
    waves = torch.cos(math.pi * k * (2 * i + 1) / 16) / 2
    waves[0] /= math.sqrt(2)
    return waves


def jpeg(x: Tensor, quality: int = 75) -> Tensor:
    """Pictures `[N, 1 or 3, H, W]` as they come back from a JPEG file of this quality, 1 to 100: rounded to bytes, then compressed.

    Colour is kept at full resolution (4:4:4). Rounding has no slope, so neither has this: its gradient is 0 everywhere.
    """
    if check_count(quality, "quality") > 100 or x.dim() != 4 or x.shape[1] not in (1, 3):
        raise ValueError(f"quality is {quality}, the shape {list(x.shape)}; 1 to 100, and [N, 1 or 3, H, W], are expected.")
    count, channels, high, wide = x.shape
    bytes_ = (255 * x.double()).round()
    wave, steps = cosines().to(x.device), table(quality, channels).to(x.device)[:, None, None]
    planes = (mixed(bytes_, TO_YCC).round() if channels == 3 else bytes_ - 128) + (0 if channels == 1 else x.new_tensor([-128, 0, 0])[:, None, None])
    planes = F.pad(planes, (0, -wide % 8, 0, -high % 8), mode="replicate")
    blocks = planes.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)  # [N, C, rows, columns, 8, 8]
    kept = nearest(wave @ blocks @ wave.T / steps) * steps
    planes = (wave.T @ kept @ wave).transpose(3, 4).flatten(4, 5).flatten(2, 3)[..., :high, :wide].round()
    planes = planes.clamp(-128, 127) + (128 if channels == 1 else x.new_tensor([128, 0, 0])[:, None, None])
    back = mixed(planes, TO_RGB).round() if channels == 3 else planes
    return (back.clamp(0, 255) / 255).to(x.dtype)


def mixed(planes: Tensor, weights: tuple) -> Tensor:
    """Each pixel's three values mixed by a matrix: red, green, blue to brightness and two colours, or back."""
    return torch.einsum("dc,nchw->ndhw", torch.tensor(weights, dtype=planes.dtype, device=planes.device), planes)


def nearest(values: Tensor) -> Tensor:
    """Whole numbers, halves away from 0 as libjpeg has them; sums of bytes often are halves, which must not hang on the last digit."""
    return (values.abs() + (0.5 + 1e-9)).floor() * values.sign()
