"""A moving camera on a road: a sign at a distance and at an angle, cut out of the frame and scaled to what the network takes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..runtime import check_count, check_positive
from .camera import Lens, light, sensor, warp
from .chance import Number, column, matched, source, square, uniform
from .pixels import blur

FOCAL = 640.0  # of the camera, in its pixels: a frame 1280 pixels wide shows 90 degrees
METRES = 0.9  # the side of the square that is cut out, with the sign in it
Span = Number | tuple[float, float]  # a number, one a picture [N], or (low, high): drawn for each picture


def roadside(
    x: Tensor, distance: Span = 6.0, angle: Span = 0.0, *, behind: Tensor | None = None, shape: Tensor | None = None, size: int = 48,
    weather: float = 1.0, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """What a network is given of flat pictures `x` `[N, C, S, S]` that stand by the road, `[N, C, size, size]`; differentiable throughout.

    distance: in metres; the square in which the sign stands is FOCAL * METRES / distance pixels wide (72 at 8 m, 16 at 36 m; never more
    than 1.5 times `size`). angle: degrees by
    which it is turned away about its pole. Both: one number, one a picture `[N]`, or (low, high) between which each picture's is drawn.
    behind `[N, C, H, W]`: the street; grey, if not given. shape `[N, 1, S, S]`: 1 where there is sign, 0 where the street is seen. weather: how much
    the rest varies from picture to picture: light, tip and roll, place, focus, and the sensor's noise; 0 is a clear still day.
    """
    size, chance, w = check_count(size, "size"), source(generator), check_positive(weather, "weather")
    square(x)
    fine = 3 * size // 2  # the frame is computed somewhat finer than it is given
    distance, angle = (uniform(*v, x, chance) if isinstance(v, tuple) else v for v in (distance, angle))

    def drawn(low: float, high: float) -> Tensor:
        return uniform(w * low, w * high, x, chance)

    lens = Lens(angle, drawn(-4, 4), drawn(-3, 3), 0.95 + drawn(-0.05, 0.05), drawn(-0.05, 0.05), drawn(-0.05, 0.05), far=8.0)
    here = torch.ones_like(x[:, :1]) if shape is None else matched(shape, x, "shape")
    plate = warp(torch.cat([x * here, here], 1), lens, size=fine, padding="zeros")
    front, cover = plate[:, :-1], plate[:, -1:]
    street = front.new_full((1, 1, 1, 1), 0.5) if behind is None else F.interpolate(matched(behind, x, "behind"), size=(fine, fine), mode="bilinear")
    lit = light(front + (1 - cover) * street, 1 + drawn(-0.25, 0.25), drawn(0, 0.04), drawn(-0.15, 0.15), uniform(0, 360, x, chance))
    pixels = (FOCAL * METRES / column(distance, x, "distance")[:, 0, 0, 0]).clamp(4, fine)
    focused = blur(lit, fine * (0.35 + drawn(0, 0.35)) / pixels)  # the lens: a third to two thirds of a pixel of the sensor
    return sensor(focused, pixels, fine, noise=w * 0.006 + drawn(0, 0.012), generator=chance, size=size)
