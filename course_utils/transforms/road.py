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
    than 1.5 times `size`). angle: degrees by which it is turned away about its pole. Both: one number, one a picture `[N]`, or (low, high) between which each picture's is drawn.
    behind `[N, C, H, W]`: the street; grey, if not given. shape `[N, 1, S, S]`: 1 where there is sign, 0 where the street is seen. weather: how much
    the rest varies from picture to picture: light, tip and roll, place, focus, and the sensor's noise; 0 is a clear still day.
    """
    size, chance, w = check_count(size, "size"), source(generator), check_positive(weather, "weather")
    square(x)
    fine = 3 * size // 2  # the frame is computed somewhat finer than it is given
    distance, angle = (uniform(*v, x, chance) if isinstance(v, tuple) else v for v in (distance, angle))

    def drawn(low: float, high: float) -> Tensor:
        return uniform(w * low, w * high, x, chance)

    away = column(distance, x, "distance")[:, 0, 0, 0]
    lens = Lens(angle, drawn(-4, 4), drawn(-3, 3), 0.95 + drawn(-0.05, 0.05), drawn(-0.05, 0.05), drawn(-0.05, 0.05), far=2 * away / METRES)
    here = torch.ones_like(x[:, :1]) if shape is None else matched(shape, x, "shape")
    plate = warp(torch.cat([x * here, here], 1), lens, size=fine, padding="zeros")
    front, cover = plate[:, :-1], plate[:, -1:]
    behind = x.new_full((1, x.shape[1], 1, 1), 0.5) if behind is None else behind
    street = matched(F.interpolate(behind, size=(fine, fine), mode="bilinear"), x, "behind")
    lit = light(front + (1 - cover) * street, 1 + drawn(-0.25, 0.25), drawn(0, 0.04), drawn(-0.15, 0.15), uniform(0, 360, x, chance))
    pixels = (FOCAL * METRES / away).clamp(4, fine)
    focused = blur(lit, fine * (0.35 + drawn(0, 0.35)) / pixels)  # the lens: a third to two thirds of a pixel of the sensor
    return sensor(focused, pixels, fine, noise=w * 0.006 + drawn(0, 0.012), generator=chance, size=size)


TELE, RIGHT, UP, POST, GROUND = 2.0, 1.5, 0.7, 0.035, 1.5  # of the view: focal length in frames; the sign's middle, half its post, the road below: metres


def driver_view(street: Tensor, x: Tensor, distance: float, angle: float, *, shape: Tensor | None = None) -> Tensor:
    """What the driver sees: the flat picture `x` `[1, 3, S, S]` on a post in a street `[1, 3, V, V]`, for the eye; the network gets `roadside`.

    The sign stands RIGHT metres beside the line of sight and UP above it. The street comes nearer only a little.
    """
    side = TELE * METRES / distance
    here = torch.ones_like(x[:, :1]) if shape is None else matched(shape, x, "shape")
    size = street.shape[-1]
    clear = blur(torch.cat([x * here, here], 1), 0.4 * x.shape[-1] / (side * size))  # smaller than it is: no moire
    lens = Lens(angle, 0, 0, side, 2 * TELE * RIGHT / distance, -2 * TELE * UP / distance, far=2 * distance / METRES)
    sign = warp(clear, lens, size=size, padding="zeros")
    scene = warp(street, Lens(zoom=1 + 2.5 / distance))
    place = (torch.arange(size, dtype=x.dtype, device=x.device) + 0.5) / size - 0.5
    wide = (0.5 + (TELE * POST / distance - (place - TELE * RIGHT / distance).abs()) * size).clamp(0, 1)
    tall = ((place > -TELE * UP / distance) & (place < TELE * GROUND / distance)).to(x.dtype)
    post = tall[:, None] * wide
    return (sign[:, :-1] + (1 - sign[:, -1:]) * (0.45 * post + (1 - post) * scene)).clamp(0, 1)
