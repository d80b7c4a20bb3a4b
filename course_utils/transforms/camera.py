"""Paper and camera as a differentiable model: a picture is printed, photographed, and cut out of the photograph.

What the cutting does not undo is what is left here: the sheet is not quite flat before the lens (perspective), the lens bends straight lines
(radial distortion) and is never quite in focus (blur), the light is not that of the screen, the sensor adds noise and gives whole grey levels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..runtime import check_count, check_positive
from .chance import Number, column, normal, source, square, uniform
from .pixels import blur


class Lens(NamedTuple):
    """Where a flat picture is before the camera, and how the lens bends: one number, or one a picture `[N]`.

    turn, tip, roll: degrees about the vertical axis, the horizontal one, and the line of sight. zoom: the size of the picture in the frame.
    right, down: its middle, in halves of a frame. barrel: radial distortion k; a point at radius r (1: the edge's middle) is seen at the place
    where the flat picture has radius r (1 + k r^2), so k > 0 is a barrel and k < 0 a pincushion. far: the distance of the eye, in halves.
    """

    turn: Number = 0.0
    tip: Number = 0.0
    roll: Number = 0.0
    zoom: Number = 1.0
    right: Number = 0.0
    down: Number = 0.0
    barrel: Number = 0.0
    far: Number = 4.0


def geometry(lens: Lens, x: Tensor, size: int) -> Tensor:
    """Where each pixel of a frame of `size` x `size` looks on the flat pictures `x`: `[N, size, size, 2]` (across, down), -1 to 1 inside.

    A point (a, b, 0) of the picture, turned by R and a distance d away, is seen at d / (d + Z) times its (X, Y): with the first two columns
    of R and the translation that is a matrix, a homography, and this is its inverse.
    """
    turn, tip, roll, zoom, right, down, barrel, far = (column(v, x, name)[:, 0, 0, 0] for v, name in zip(lens, lens._fields))
    (ct, st), (cp, sp), (cr, sr) = ((torch.deg2rad(a).cos(), torch.deg2rad(a).sin()) for a in (turn, tip, roll))
    rows = [zoom * (ct * cr + st * sp * sr), zoom * (st * sp * cr - ct * sr), right, zoom * cp * sr, zoom * cp * cr, down,
            (ct * sp * sr - st * cr) / far, (st * sr + ct * sp * cr) / far, torch.ones_like(turn)]  # fmt: skip
    back = torch.linalg.inv(torch.stack(rows, 1).reshape(-1, 3, 3).double()).to(x.dtype)
    place = (2 * torch.arange(size, dtype=x.dtype, device=x.device) + 1) / size - 1
    across, low = place.expand(size, size), place[:, None].expand(size, size)
    bent = 1 + barrel[:, None, None] * (across.square() + low.square())
    points = torch.stack([across * bent, low * bent, torch.ones_like(bent)], 3)
    seen = points.flatten(1, 2) @ back.transpose(1, 2)
    return (seen[..., :2] / seen[..., 2:].clamp_min(1e-3)).unflatten(1, (size, size))


def warp(x: Tensor, lens: Lens, *, size: int | None = None, padding: str = "border") -> Tensor:
    """Flat pictures `x` in a frame of `size` x `size` (their own, if square), seen by the camera `lens`; beyond their edge as `padding` says."""
    where = geometry(lens, x, check_count(x.shape[2] if size is None else size, "size"))
    return F.grid_sample(x, where, mode="bilinear", padding_mode=padding, align_corners=False)


def light(x: Tensor, gain: Number = 1.0, lift: Number = 0.0, slope: Number = 0.0, direction: Number = 0.0) -> Tensor:
    """Uneven light: `lift` + (1 - lift) * gain * (1 + slope * s) * x, clipped, where s goes from -1 to 1 along `direction` (degrees).

    lift: what the blackest ink still gives back.
    """
    gain, lift, slope, angle = (column(v, x, n) for v, n in ((gain, "gain"), (lift, "lift"), (slope, "slope"), (direction, "direction")))
    down, across = (torch.linspace(-1, 1, size, dtype=x.dtype, device=x.device) for size in x.shape[2:])
    side = torch.deg2rad(angle).cos() * across + torch.deg2rad(angle).sin() * down[:, None]
    return (lift + (1 - lift) * gain * (1 + slope * side) * x).clamp(0, 1)


def grey_levels(x: Tensor) -> Tensor:
    """Pixels rounded to whole grey levels k / 255, with the gradient of the line that the steps follow: 1 (straight-through)."""
    return x + ((255 * x).round() / 255 - x).detach()


def sensor(
    x: Tensor, pixels: Number, most: int, *, noise: Number = 0.0, size: int | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """What a sensor of `pixels` x `pixels` cells makes of `x`, enlarged to `size` x `size` (bilinear): averaged in each cell, noisy, whole levels.

    pixels: one number, or one a picture `[N]`, at most `most`, also between whole ones (the last row of cells is then cut). noise: its
    deviation in a cell. `most` is told, so that nothing is read from the device.
    """
    count = column(pixels, x, "pixels").clamp(1, check_count(most, "most"))[:, 0]
    down, across = (cells(most, length, count) for length in x.shape[2:])
    caught = down[:, None] @ x @ across[:, None].transpose(2, 3)
    caught = caught + column(noise, x, "noise") * normal(tuple(caught.shape), x, source(generator))
    tall, wide = (between(length if size is None else size, most, count) for length in x.shape[2:])
    return (tall[:, None] @ grey_levels(caught.clamp(0, 1)) @ wide[:, None].transpose(2, 3)).clamp(0, 1)


def cells(most: int, length: int, count: Tensor) -> Tensor:
    """Weights `[N, most, length]`: the share of each of `length` pixels in each cell, for `count` `[N, 1, 1]` cells on them."""
    edge = torch.arange(most, dtype=count.dtype, device=count.device)[:, None] * length / count
    pixel = torch.arange(length, dtype=count.dtype, device=count.device)
    cover = (torch.minimum(edge + length / count, pixel + 1) - torch.maximum(edge, pixel)).clamp(0, 1)
    return cover / cover.sum(2, keepdim=True).clamp_min(1e-6)


def between(length: int, most: int, count: Tensor) -> Tensor:
    """Weights `[N, length, most]`: each pixel between the two cells next to it, as bilinear enlarging has it."""
    place = (torch.arange(length, dtype=count.dtype, device=count.device)[:, None] + 0.5) * count / length - 0.5
    cell = torch.arange(most, dtype=count.dtype, device=count.device)
    place = torch.minimum(place.clamp_min(0), count.ceil() - 1)
    return (1 - (place - cell).abs()).clamp_min(0)


def photograph(x: Tensor, *, strength: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Square pictures `[N, C, S, S]` printed, photographed and cut out again, each with a chance of its own; differentiable throughout.

    strength: 0 gives the picture back in whole grey levels, 1 is a phone held by hand over a sheet of paper, 2 a hurried one. Drawn for
    each picture: turned and tipped by up to 3 degrees, rolled by 1, cut 2 % too wide or narrow, off by 1 %; barrel or pincushion up to 0.02;
    out of focus by 0.5 to 1.3 pixels, if it had 224; light of 0.85 to 1.15, sloping by up to 0.1; black at 0 to 0.06; noise of 1 to 4 grey levels.
    """
    chance, s = source(generator), check_positive(strength, "strength")
    square(x)

    def drawn(low: float, high: float) -> Tensor:
        return uniform(s * low, s * high, x, chance)

    lens = Lens(drawn(-3, 3), drawn(-3, 3), drawn(-1, 1), 1 + drawn(-0.02, 0.02), drawn(-0.02, 0.02), drawn(-0.02, 0.02), drawn(-0.02, 0.02))
    sheet = blur(warp(x, lens), drawn(0.5, 1.3) * x.shape[2] / 224)
    lit = light(sheet, 1 + drawn(-0.15, 0.15), drawn(0, 0.06), drawn(-0.1, 0.1), uniform(0, 360, x, chance))
    grain = column(drawn(1 / 255, 4 / 255), x, "noise") * normal(tuple(x.shape), x, chance)
    return grey_levels((lit + grain).clamp(0, 1))
