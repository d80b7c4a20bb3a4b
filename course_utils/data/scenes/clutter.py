"""Clutter that is no road sign: people, bins and bollards, posters, wires."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import shapes
from ..shapes import box, chance, circle, column, coverage, normal, over, uniform
from .street import Street, repeat, rgb
from .things import local

CLOTHES = torch.tensor([[0.15, 0.18, 0.30], [0.10, 0.10, 0.11], [0.55, 0.12, 0.12], [0.75, 0.70, 0.60], [0.22, 0.35, 0.25],
                        [0.40, 0.42, 0.45], [0.80, 0.62, 0.15], [0.30, 0.22, 0.35], [0.25, 0.45, 0.62]])
SKINS = torch.tensor([[0.85, 0.66, 0.53], [0.68, 0.47, 0.34], [0.42, 0.28, 0.20], [0.90, 0.74, 0.62]])
BIN_PAINTS = torch.tensor([[0.80, 0.62, 0.06], [0.24, 0.26, 0.27], [0.16, 0.32, 0.22], [0.72, 0.34, 0.08], [0.14, 0.24, 0.42]])
INKS = torch.tensor([[0.74, 0.10, 0.10], [0.08, 0.28, 0.60], [0.93, 0.78, 0.16], [0.92, 0.91, 0.88], [0.92, 0.91, 0.88],
                     [0.12, 0.42, 0.28], [0.12, 0.12, 0.13], [0.80, 0.45, 0.55], [0.45, 0.70, 0.80]])


def people(picture: Tensor, street: Street, generator: torch.Generator, number: int = 3) -> Tensor:
    """People on the pavements, the far ones first."""
    count = len(street.u)
    some = column(uniform((count,), 0.0, 0.8, generator))
    for k in range(number):
        depth = column(uniform((count,), 0, 1, generator)) * 5 + 6 * (number - k)
        side = column(chance((count,), 0.5, generator)) * 2 - 1
        right = street.centre + side * (street.road + column(uniform((count,), 0.5, 1.8, generator)))
        x, up, pixel = local(street, right, depth)
        there = column(torch.rand(count, generator=generator)) < some
        tall, stride = column(uniform((count,), 0.88, 1.06, generator)), column(uniform((count,), 0.05, 0.2, generator))
        coat, trousers = (column(shapes.choose(CLOTHES, count, generator)) for _ in range(2))
        skin = column(shapes.choose(SKINS, count, generator))
        up = up / tall
        spread = stride * (0.85 - up).clamp(0, 1)
        for shape, colour in (
            (box((x.abs() - spread).abs(), up, 0.0, 0.42, 0.075, 0.43, 0.03), trousers),
            (box(x, up, 0.0, 1.13, 0.17, 0.31, 0.1), coat),
            (box(x.abs(), up, 0.2, 1.1, 0.045, 0.29, 0.045), coat * 0.85),
            (circle(x, up, 0.0, 1.6, 0.115), skin), (circle(x, up, 0.0, 1.66, 0.11), trousers * 0.6),
        ):
            lit = street.hazed(colour * street.light * (0.9 + 0.15 * (x * -street.sunny_side * 4).clamp(-1, 1)), depth)
            picture = over(picture, lit, coverage(shape, pixel) * there)
    return picture


def bins(picture: Tensor, street: Street, generator: torch.Generator) -> Tensor:
    """A litter bin or a letter box, and a row of bollards."""
    count = len(street.u)
    side = column(chance((count,), 0.5, generator)) * 2 - 1
    depth = column(uniform((count,), 6, 16, generator))
    right = street.centre + side * (street.road + column(uniform((count,), 0.5, 1.6, generator)))
    x, up, pixel = local(street, right, depth)
    there, paint = column(chance((count,), 0.35, generator)), column(shapes.choose(BIN_PAINTS, count, generator))
    lit = paint * street.light * (1 - 0.25 * (x * 4).clamp(-1, 1) * street.sunny_side)
    picture = over(picture, street.hazed(lit, depth), coverage(box(x, up, 0.0, 0.55, 0.26, 0.45, 0.05), pixel) * there)
    picture = over(picture, street.hazed(lit * 0.5, depth), coverage(box(x, up, 0.0, 0.8, 0.17, 0.05), pixel) * there)
    there, side = column(chance((count,), 0.25, generator)), -side
    for k in (3, 2, 1, 0):
        depth = 7 + 2.2 * k + 0 * street.eye
        x, up, pixel = local(street, street.centre + side * (street.road + 0.3), depth)
        post = coverage(box(x, up, 0.0, 0.45, 0.07, 0.45, 0.05), pixel) * there
        ring = coverage((up - 0.74).abs() - 0.06, pixel)
        paint = over(rgb(0.22, 0.22, 0.23), rgb(0.9, 0.88, 0.86), ring)
        picture = over(picture, street.hazed(paint * street.light, depth), post)
    return picture


def posters(picture: Tensor, street: Street, generator: torch.Generator) -> Tensor:
    """Boards that are no road signs: posters on two legs and round advertisements, with bars, rings and lines on them."""
    count = len(street.u)
    for near, often in ((14.0, 0.4), (8.0, 0.3)):
        depth = near + column(uniform((count,), 0, 8, generator))
        side = column(chance((count,), 0.5, generator)) * 2 - 1
        right = street.centre + side * (street.road + column(uniform((count,), 1.2, 3.4, generator)))
        x, up, pixel = local(street, right, depth)
        there, is_round = column(chance((count,), often, generator)), column(chance((count,), 0.35, generator))
        paper, ink, accent = (column(shapes.choose(INKS, count, generator)) for _ in range(3))
        wide, tall = column(uniform((count,), 0.45, 0.95, generator)), column(uniform((count,), 0.4, 0.8, generator))
        middle = column(uniform((count,), 1.6, 2.6, generator))
        u, v = x, up - middle
        plate = torch.where(is_round > 0, circle(u, v, 0.0, 0.0, tall), box(u, v, 0.0, 0.0, wide, tall, 0.04))
        legs = box((x.abs() - (1 - is_round) * wide * 0.8), up, 0.0, middle / 2, 0.045, middle / 2)
        picture = over(picture, street.hazed(rgb(0.35, 0.35, 0.36) * street.light, depth), coverage(legs, pixel) * there)
        lines = coverage(repeat(v, tall * 0.3).abs() - tall * 0.06, pixel) * (v < 0) * (u.abs() < wide * 0.7)
        mark = coverage(circle(u, v, 0.0, tall * 0.45, tall * 0.3), pixel)
        frame = coverage(-plate - 0.09, pixel) * column(chance((count,), 0.5, generator))
        design = over(over(over(paper, ink, lines), accent, mark), accent, frame)
        light = street.light + 0.5 * street.night
        picture = over(picture, street.hazed(design * light * 0.9, depth), coverage(plate, pixel) * there)
    return picture


def wires(picture: Tensor, street: Street, generator: torch.Generator) -> Tensor:
    """Two or three wires that hang across the street."""
    count = len(street.u)
    there = column(chance((count,), 0.3, generator))
    height, slope = column(uniform((count,), 0.12, 0.4, generator)), column(normal((count,), 0.15, generator))
    for k in range(3):
        sag = column(uniform((count,), 0.05, 0.25, generator))
        line = street.v + height + 0.025 * k - slope * street.u - sag * (street.u.square() - 0.1)
        thin = coverage(line.abs() - 0.0012, 1 / street.size) * 0.75 * (street.v < -0.02)
        picture = over(picture, rgb(0.10, 0.10, 0.11) * street.light.clamp_min(0.3), thin * there)
    return picture
