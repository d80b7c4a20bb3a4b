"""Colours, and the plates that symbols stand on: round, triangular, octagonal."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..shapes import box, circle, polygon, polyline, regular, union
from .glyphs import text
from .symbols import car

Colour = tuple[float, float, float]
Layer = tuple[Tensor, Colour]  # a signed distance and the colour painted inside
Shape = Callable[[Tensor, Tensor], Tensor]  # x, y -> a signed distance in the unit square
Drawing = Callable[[Tensor, Tensor], list[Layer]]  # x, y -> layers, the plate first

RED: Colour = (0.76, 0.07, 0.09)
BLUE: Colour = (0.02, 0.27, 0.62)
YELLOW: Colour = (1.0, 0.76, 0.02)
GREEN: Colour = (0.03, 0.55, 0.25)
WHITE: Colour = (0.96, 0.96, 0.95)
BLACK: Colour = (0.06, 0.06, 0.07)
GREY: Colour = (0.45, 0.46, 0.47)


def discs(x: Tensor, y: Tensor, *colours: tuple[float, Colour]) -> list[Layer]:
    """Discs of falling radius, one on the other."""
    return [(circle(x, y, 0.5, 0.5, radius), colour) for radius, colour in colours]


def prohibition(x: Tensor, y: Tensor) -> list[Layer]:
    return discs(x, y, (0.47, WHITE), (0.455, RED), (0.36, WHITE))


def mandatory(x: Tensor, y: Tensor) -> list[Layer]:
    return discs(x, y, (0.47, WHITE), (0.45, BLUE))


def triangle(x: Tensor, y: Tensor, upright: bool = True) -> list[Layer]:
    up = y if upright else 1 - y
    distance = polygon(x, up, [(0.5, 0.11), (0.93, 0.855), (0.07, 0.855)]) - 0.045
    return [(distance, WHITE), (distance + 0.014, RED), (distance + 0.125, WHITE)]


def warning(symbol: Drawing) -> Drawing:
    """A symbol of several colours on the red triangle."""
    return lambda x, y: [*triangle(x, y), *symbol(x, y)]


def warning_of(shape: Shape) -> Drawing:
    """A black shape on the red triangle."""
    return warning(lambda x, y: [(shape(x, y), BLACK)])


def ordering(shape: Shape) -> Drawing:
    """A white shape on the blue disc."""
    return lambda x, y: [*mandatory(x, y), (shape(x, y), WHITE)]


def speed(words: str) -> Drawing:
    """A number of up to three digits in the red ring."""
    size = (0.36, 0.074, 0.98, 0.3) if len(words) < 3 else (0.3, 0.062, 0.78, 0.36)
    height, thickness, stretch, gap = size

    def layers(x: Tensor, y: Tensor) -> list[Layer]:
        return [*prohibition(x, y), (text(x, y, words, height, thickness, stretch=stretch, gap=gap), BLACK)]

    return layers


def no_passing(x: Tensor, y: Tensor) -> list[Layer]:
    return [*prohibition(x, y), (car(x, y, 0.345), RED), (car(x, y, 0.655), BLACK)]


def priority(x: Tensor, y: Tensor) -> list[Layer]:
    diamond = polygon(x, y, regular(4, 0.455, 0)) - 0.02
    return [(diamond, BLACK), (diamond + 0.012, WHITE), (diamond + 0.115, BLACK), (diamond + 0.122, YELLOW)]


def stop(x: Tensor, y: Tensor) -> list[Layer]:
    plate = polygon(x, y, regular(8, 0.495, 22.5))
    return [(plate, WHITE), (plate + 0.022, RED), (text(x, y, "STOP", 0.28, 0.058, stretch=0.78, gap=0.3), WHITE)]


def no_entry(x: Tensor, y: Tensor) -> list[Layer]:
    return [*discs(x, y, (0.47, WHITE), (0.452, RED)), (box(x, y, 0.5, 0.5, 0.345, 0.083, 0.012), WHITE)]


def end_of_limits(x: Tensor, y: Tensor) -> list[Layer]:
    inside = circle(x, y, 0.5, 0.5, 0.43)
    shifts = (-0.066, -0.033, 0.0, 0.033, 0.066)
    lines = union(*(polyline(x, y, [(0.84 + s, 0.14 + s), (0.14 + s, 0.84 + s)], 0.017) for s in shifts))
    return [*discs(x, y, (0.47, BLACK), (0.45, WHITE)), (torch.maximum(lines, inside), BLACK)]


def lamps(x: Tensor, y: Tensor) -> list[Layer]:
    return [(box(x, y, 0.5, 0.575, 0.088, 0.225, 0.03), BLACK), (circle(x, y, 0.5, 0.43, 0.058), RED),
            (circle(x, y, 0.5, 0.575, 0.058), YELLOW), (circle(x, y, 0.5, 0.72, 0.058), GREEN)]
