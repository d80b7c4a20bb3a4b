"""Road signs drawn from shapes and photographed by a simple camera: perspective, light, blur, wear, backgrounds.

Each kind is drawn once at 256x256 with an alpha channel. A picture warps it onto a background in a
batch, then passes it through light, dirt, blur and sensor noise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ... import runtime
from .. import shapes
from ..shapes import column, normal, uniform
from .backgrounds import background, branch, pole
from .camera import RANGES, View, exposed, plane_corners, shadows, worn
from .kinds import FULL, NAMES, draw_clean, texture_level, textures

__all__ = ["FULL", "NAMES", "RANGES", "SignBatch", "View", "draw", "draw_clean", "seen"]


class SignBatch(NamedTuple):
    """Pictures `[N, 3, S, S]` in [0, 1] and where the sign is: `masks` bool `[N, S, S]`."""

    x: Tensor
    masks: Tensor


def _pictures(y: Tensor, size: int, generator: torch.Generator, view: View | None = None) -> tuple[Tensor, ...]:
    """Pictures, masks, and the numbers of each one's own view."""
    count = len(y)
    corners, side, own = plane_corners(count, size, generator, view)
    plate = shapes.warp(textures()[texture_level(1.5 * size)][y], corners, size)
    cover = plate[:, 3:]
    back = pole(background(count, size, generator), corners, side, generator)
    sharpness = torch.ones(count) * size / 48
    angle = uniform((count,), 0, 3.2, generator)
    behind = sharpness * uniform((count,), 0.2, 1.2, generator)  # the background is less in focus
    back = shapes.blur(back, shapes.blur_kernels(behind, torch.zeros(count), angle, max(2, size // 20)))

    back = back * column(torch.exp(normal((count,), 0.25, generator)))
    front = worn(plate[:, :3], cover, generator) * shadows(count, size, generator)
    front = front * column(torch.exp(normal((count,), 0.18, generator) - 0.08))
    picture = front + back * (1 - cover)
    green, leaves = branch(count, size, generator)
    picture = shapes.over(picture, green, leaves)

    focus = 0.25 + 0.7 * uniform((count,), 0, 1, generator).pow(2.5)
    defocus = sharpness * (focus if view is None else view.defocus)
    motion = sharpness * (1.8 * uniform((count,), 0, 1, generator).pow(4))
    lit, light = exposed(picture, generator, None if view is None else view.light)
    picture = shapes.blur(lit, shapes.blur_kernels(defocus, motion, angle, max(2, size // 12)))
    grain = torch.randn(picture.shape, generator=generator) * column(uniform((count,), 0.004, 0.03, generator))
    return (picture + grain).clamp(0, 1), cover[:, 0] > 0.5, *own._replace(light=light, defocus=focus)


def draw(y: Tensor, *, generator: torch.Generator | None = None, size: int = 48) -> SignBatch:
    """Photo-like pictures `[N, 3, size, size]` in [0, 1] of the signs `y` `[N]`, with their masks, on the CPU.

    A mask is the outline of the sign's plate, also where leaves hang before it. The same labels, size
    and generator seed give the same pictures.
    """
    return seen(y, generator=generator, size=size)[0]


def seen(y: Tensor, *, generator: torch.Generator | None = None, size: int = 48, view: View | None = None) -> tuple[SignBatch, View]:
    """What `draw` gives, and the view of each sign; with a `view` (each `[N]`) the same signs in the same places, met so."""
    y = shapes.labels(y, len(NAMES))
    if size < 16:
        raise ValueError(f"size is {size}; signs are drawn from 16 pixels up.")
    generator = generator or runtime.generator()
    parts = shapes.parts(len(y), max(8, 64 * 48**2 // size**2))
    given = lambda part: None if view is None else View(*(v[part] for v in view))  # noqa: E731
    x, masks, *own = shapes.joined((_pictures(y[part], size, generator, given(part)) for part in parts), len(y))
    return SignBatch(x, masks), View(*own)
