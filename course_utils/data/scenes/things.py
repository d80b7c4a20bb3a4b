"""Things that stand in the street: trees, lamps, cars."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import shapes
from ..shapes import box, chance, column, coverage, over, uniform
from .street import LEAVES, WHITE_SNOW, Street, rgb, sample

PAINTS = torch.tensor([[0.70, 0.08, 0.08], [0.10, 0.20, 0.45], [0.80, 0.80, 0.82], [0.12, 0.12, 0.13], [0.45, 0.47, 0.50],
                        [0.86, 0.84, 0.78], [0.15, 0.32, 0.25], [0.62, 0.50, 0.18], [0.30, 0.42, 0.58]])


def local(street: Street, right: Tensor, depth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Metres right of and above the foot of a thing at (right, depth), and the metres of a pixel there."""
    return street.u * depth / street.focal - right, street.eye - street.v * depth / street.focal, street.pixel(depth)


def trees(picture: Tensor, street: Street, texture: Tensor, generator: torch.Generator, number: int = 6) -> Tensor:
    """Trees behind the pavements, the far ones first."""
    count = len(street.u)
    some = column(uniform((count,), 0.2, 0.95, generator))
    for k in range(number):
        depth = column(uniform((count,), 0, 1, generator)) * 9 + 9 * (number - k) - 3
        side = column(chance((count,), 0.5, generator)) * 2 - 1
        right = street.centre + side * (street.road + column(uniform((count,), 2.2, 5.0, generator)))
        x, up, pixel = local(street, right, depth)
        there = column(torch.rand(count, generator=generator)) < some
        radius, tall = column(uniform((count,), 1.3, 2.6, generator)), column(uniform((count,), 3.2, 5.2, generator))
        narrow = column(uniform((count,), 0.75, 1.2, generator))
        drift = column(uniform((count,), 0, 7, generator))
        clump = sample(texture, x * 0.16 + drift, up * 0.16 - drift) + 0.5 * sample(texture, x * 0.5 - drift, up * 0.5)
        crown = torch.hypot(x / narrow, up - tall) - radius * (1 + 0.16 * clump)
        leaf = column(shapes.choose(LEAVES, count, generator))
        lit = (0.85 + 0.3 * clump + 0.35 * ((up - tall) + street.sunny_side * -x * 0.7) / radius).clamp(0.3, 1.7)
        leaf = over(leaf, WHITE_SNOW, street.snow * torch.sigmoid(2 * (up - tall) / radius + clump) * 0.8)
        trunk = box(x, up, 0.0, tall / 2, 0.09 + radius * 0.05, tall / 2)
        shadow = torch.exp(-(x / radius).square() - (up / 0.35).square()) * 0.45
        picture = over(picture, picture * 0.45, shadow * there * (street.v > 0))
        bark = street.hazed(rgb(0.27, 0.21, 0.16) * street.light, depth)
        picture = over(picture, bark, coverage(trunk, pixel) * there)
        picture = over(picture, street.hazed(leaf * lit * street.light, depth), coverage(crown, 2 * pixel) * there)
    return picture


def lamps(picture: Tensor, street: Street, generator: torch.Generator) -> Tensor:
    """Street lamps in a row along one side."""
    count = len(street.u)
    side = column(chance((count,), 0.5, generator)) * 2 - 1
    right = street.centre + side * (street.road + 0.5)
    there, tone = column(chance((count,), 0.45, generator)), column(uniform((count,), 0.18, 0.5, generator))
    there = torch.maximum(there, street.night)
    first = column(uniform((count,), 9, 20, generator))
    for k in (2, 1, 0):
        depth = first + 16 * k
        x, up, pixel = local(street, right, depth)
        post = box(x, up, 0.0, 3.2, 0.07, 3.2)
        arm = box(x, up, -side * 0.6, 6.35, 0.65, 0.06)
        head = box(x, up, -side * 1.15, 6.28, 0.3, 0.11, 0.05)
        thin = (0.16 / pixel).clamp_max(1)
        cover = coverage(shapes.union(post, arm, head), pixel) * thin * there
        picture = over(picture, street.hazed(tone * street.light, depth), cover)
        away = torch.hypot(x + side * 1.15, up - 6.2)
        pool = torch.exp(-((x + side * 1.15) / 2.6).square() - (up / 0.5).square()) * 0.35 * (street.v > 0)
        glow = (torch.exp(-away / 0.22) * 1.6 + torch.exp(-away / 1.5) * 0.3 + pool) * torch.exp(-depth / street.reach)
        picture = picture + glow * street.night * rgb(1.0, 0.82, 0.52)
    return picture


def car(picture: Tensor, street: Street, right: Tensor, depth: Tensor, there: Tensor, ahead: Tensor,
         generator: torch.Generator) -> Tensor:
    """A car seen from behind (`ahead` 1) or from the front (0)."""
    count = len(street.u)
    x, up, pixel = local(street, right, depth)
    tall = column(uniform((count,), 1.38, 1.75, generator))
    paint = column(shapes.choose(PAINTS, count, generator))
    roof = 0.62 - 0.35 * ((up - 0.9) / (tall - 0.9)).clamp(0, 1) * 0.5

    def put(picture: Tensor, distance: Tensor, colour: Tensor) -> Tensor:
        return over(picture, street.hazed(colour, depth), coverage(distance, pixel) * there)

    picture = over(picture, picture * 0.3, torch.exp(-(x / 1.0).pow(4) - ((up - 0.05) / 0.22).square()) * there)
    picture = put(picture, box(x.abs(), up, 0.68, 0.28, 0.14, 0.28, 0.06), rgb(0.05, 0.05, 0.055))
    lit = paint * street.light * (0.72 + 0.35 * (up / tall).clamp(0, 1))
    cabin = torch.maximum(x.abs() - roof - 0.14, (up - 0.95).abs() - tall + 0.95)
    picture = put(picture, shapes.union(box(x, up, 0.0, 0.66, 0.88, 0.36, 0.12), cabin), lit)
    window = torch.maximum(x.abs() - roof - 0.02, (up - (tall + 0.93) / 2).abs() - (tall - 0.93) / 2 + 0.07)
    picture = put(picture, window, street.zenith * 0.35 + 0.1 * (up - 0.9).clamp(0, 1) + 0.04)
    lamp = torch.where(ahead > 0, rgb(0.85, 0.06, 0.05), rgb(1.0, 0.98, 0.88))
    picture = put(picture, box(x.abs(), up, 0.7, 0.78, 0.13, 0.09, 0.04), lamp)
    halo = torch.exp(-torch.hypot(x.abs() - 0.7, up - 0.78) / 0.3) * (1.0 - 0.5 * ahead) * street.night
    picture = picture + halo * there * lamp
    picture = put(picture, box(x, up, 0.0, 0.42, 0.8, 0.06, 0.03), lit * 0.55)
    return put(picture, box(x, up, 0.0, 0.6, 0.24, 0.06), rgb(0.88, 0.88, 0.84) * street.light)


def cars(picture: Tensor, street: Street, generator: torch.Generator) -> Tensor:
    """Up to three cars: oncoming, ahead in the right lane, parked."""
    count = len(street.u)
    for lane, near, often, ahead in ((-0.5, 22.0, 0.35, 0.0), (0.5, 18.0, 0.35, 1.0), (-0.82, 9.0, 0.35, 0.0)):
        depth = near + column(uniform((count,), 0, 22, generator))
        right = street.centre + street.road * lane
        there = column(chance((count,), often, generator))
        picture = car(picture, street, right, depth, there, torch.full_like(depth, ahead), generator)
    return picture
