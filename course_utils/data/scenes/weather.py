"""What falls through the air, and what the camera makes of it all."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import shapes
from ..shapes import column, normal, over, uniform
from .street import Street, rgb, sample


def rain(picture: Tensor, street: Street, generator: torch.Generator) -> Tensor:
    """Slanted streaks of rain."""
    count = len(street.u)
    slant, drift = column(normal((count,), 0.12, generator)), column(uniform((count,), 0, 9, generator))
    amount = column(uniform((count,), 0.12, 0.3, generator)) * street.rain
    drops = shapes.noise(count, 1, 128, (64,), (1.0,), generator)
    streaks = sample(drops, (street.u + slant * street.v) * 4 + drift, street.v * 0.4 - drift)
    bright = street.horizon * 0.6 + 0.3
    return over(picture, bright.expand_as(picture), torch.sigmoid((streaks - 1.1) * 4) * amount)


def snowfall(picture: Tensor, street: Street, generator: torch.Generator) -> Tensor:
    """Flakes at three distances, one in each cell of a grid that is not empty."""
    count, size = len(street.u), street.size
    x, y = shapes.grid(size)
    amount = column(uniform((count,), 0.3, 1.0, generator)) * street.flakes
    for cells in (30, 15, 7):
        values = F.interpolate(torch.rand(count, 4, cells, cells, generator=generator), size=(size, size), mode="nearest")
        jitter, large, there = values[:, :2] * 0.5 + 0.25, values[:, 2:3], values[:, 3:]
        away = torch.hypot((x * cells) % 1 - jitter[:, :1], (y * cells) % 1 - jitter[:, 1:])
        flake = (1.6 - away / (0.07 + 0.08 * large)).clamp(0, 1) * (there < 0.6 * amount)
        picture = over(picture, rgb(0.97, 0.98, 1.0) * (0.55 + 0.45 * street.light.clamp_max(1)), flake * 0.8)
    return picture


def developed(picture: Tensor, generator: torch.Generator) -> Tensor:
    """Exposure, contrast, the darker corners of a lens, slight blur, sensor noise."""
    count, _, size, _ = picture.shape
    x, y = shapes.grid(size)
    picture = picture * column(torch.exp(normal((count,), 0.12, generator) + 0.06))
    picture = picture * (1 - column(uniform((count,), 0, 0.5, generator)) * ((x - 0.5).square() + (y - 0.5).square()))
    picture = torch.where(picture < 0.75, picture, 1 - 0.25 * torch.exp(-(picture - 0.75) / 0.25))
    sharpness = (size / 128) ** 0.5
    spread = sharpness * (0.32 + 0.35 * uniform((count,), 0, 1, generator).pow(3))
    motion = sharpness * 1.2 * uniform((count,), 0, 1, generator).pow(6)
    kernels = shapes.blur_kernels(spread, motion, uniform((count,), 0, 3.2, generator), 2 if size < 160 else 3)
    grain = torch.randn(picture.shape, generator=generator) * column(uniform((count,), 0.002, 0.015, generator))
    return (shapes.blur(picture, kernels) + grain).clamp(0, 1)
