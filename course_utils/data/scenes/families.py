"""Families of signs: each is drawn by one small function that varies a number, a symbol, its side or an arrow."""

from __future__ import annotations

import torch
from torch import Tensor

from ..shapes import box, circle, polygon, polyline, union
from ..signs import plates
from ..signs import symbols as basic
from ..signs.plates import BLACK, BLUE, GREEN, GREY, RED, WHITE, YELLOW, Colour, Drawing, Layer, Shape, discs, warning_of
from . import symbols
from .symbols import area, arrows, both, mirrored, placed, words


def painted(plate: Drawing, *symbols: tuple[Shape, Colour]) -> Drawing:
    """A plate with symbols, each in its colour."""
    return lambda x, y: [*plate(x, y), *((shape(x, y), colour) for shape, colour in symbols)]


def white_disc(x: Tensor, y: Tensor) -> list[Layer]:
    return discs(x, y, (0.47, BLACK), (0.45, WHITE))


def blue_ring(x: Tensor, y: Tensor) -> list[Layer]:
    """The red ring on blue of the stopping rules."""
    return discs(x, y, (0.47, WHITE), (0.455, RED), (0.37, BLUE))


def square(colour: Colour, edge: Colour = WHITE, half_width: float = 0.44, half_height: float = 0.44) -> Drawing:
    """A plate with rounded corners and a thin edge."""
    def layers(x: Tensor, y: Tensor) -> list[Layer]:
        plate = box(x, y, 0.5, 0.5, half_width, half_height, 0.06)
        return [(plate, edge), (plate + 0.02, colour)]

    return layers


def stripes(x: Tensor, y: Tensor) -> Tensor:
    """The five thin lines that end a rule, on a disc."""
    return plates.end_of_limits(x, y)[-1][0]


def slash(x: Tensor, y: Tensor) -> Tensor:
    """One bar from the upper left to the lower right, on a disc."""
    return torch.maximum(polyline(x, y, [(0.2, 0.2), (0.8, 0.8)], 0.075), circle(x, y, 0.5, 0.5, 0.41))


def back_slash(x: Tensor, y: Tensor) -> Tensor:
    return slash(1 - x, y)


def cross(x: Tensor, y: Tensor) -> Tensor:
    return union(slash(x, y), slash(1 - x, y))


def number(value: int | str) -> Shape:
    """A number as it stands on a round plate."""
    height, thickness, stretch = (0.36, 0.074, 0.98) if len(str(value)) < 3 else (0.3, 0.062, 0.78)
    return words(str(value), height, thickness, 0.5, stretch, 0.32)


def zone(value: int, ends: bool) -> Drawing:
    """A zone's square: the speed limit's ring, and ZONE below it."""
    ring, paper = (GREY, WHITE) if ends else (RED, WHITE)
    disc = lambda radius: lambda x, y: circle(x, y, 0.5, 0.38, radius)  # noqa: E731
    digits = placed(number(value), 0.72, 0.5, 0.38)
    sign = painted(square(WHITE, BLACK), (disc(0.285), ring), (disc(0.22), paper), (digits, GREY if ends else BLACK),
                   (words("ZONE", 0.14, 0.036, 0.81, 1.0), GREY if ends else BLACK))
    if not ends:
        return sign
    return painted(sign, (lambda x, y: torch.maximum(stripes(x, y), circle(x, y, 0.5, 0.5, 0.4)), BLACK))


def measured(letters: str, *marks: Shape) -> Drawing:
    """A limit with its unit in the red ring, between two black marks or none."""
    tall = 0.2 if marks or len(letters) > 3 else 0.25
    lettering = words(letters, tall, 0.05, 0.5, 0.86, 0.34)
    return painted(plates.prohibition, (lettering, BLACK), *((mark, BLACK) for mark in marks))


def weight(letters: str) -> Drawing:
    return measured(letters)


def height(letters: str) -> Drawing:
    return measured(letters, area((0.42, 0.19), (0.58, 0.19), (0.5, 0.32)), area((0.42, 0.81), (0.58, 0.81), (0.5, 0.68)))


def width(letters: str) -> Drawing:
    left = area((0.15, 0.42), (0.15, 0.58), (0.24, 0.5))
    lettering = placed(words(letters, 0.2, 0.05, 0.5, 0.86, 0.34), 0.84)
    return painted(plates.prohibition, (lettering, BLACK), (left, BLACK), (mirrored(left), BLACK))


def no(shape: Shape) -> Drawing:
    """What may not pass: a black symbol in the red ring."""
    return painted(plates.prohibition, (shape, BLACK))


def no_turn(shape: Shape) -> Drawing:
    return painted(no(shape), (back_slash, RED))


def passing(left: Colour, ends: bool, lorries: bool) -> Drawing:
    """Who may not pass whom."""
    beside = placed(symbols.lorry, 0.62, 0.34, 0.5) if lorries else lambda x, y: basic.car(x, y, 0.345)
    pair = (beside, left), (lambda x, y: basic.car(x, y, 0.655), GREY if ends else BLACK)
    return painted(white_disc, *pair, (stripes, BLACK)) if ends else painted(plates.prohibition, *pair)


def stopping(bars: Shape, *marks: Shape) -> Drawing:
    """No stopping or no parking, with white arrows for where it begins or ends."""
    return painted(blue_ring, (bars, RED), *((mark, WHITE) for mark in marks))


def blue_square(shape: Shape) -> Drawing:
    return painted(square(BLUE), (shape, WHITE))


def distance(letters: str) -> Drawing:
    """The least distance between two cars."""
    cars = both(placed(symbols.one_car, 0.68, 0.33, 0.5), placed(symbols.one_car, 0.68, 0.67, 0.5))
    lettering = words(letters, 0.15, 0.036, 0.35)
    return painted(plates.prohibition, (placed(cars, 0.95, 0.5, 0.56), BLACK), (lettering, BLACK))


def end_of_priority(x: Tensor, y: Tensor) -> list[Layer]:
    diamond = polygon(x, y, [(0.955, 0.5), (0.5, 0.955), (0.045, 0.5), (0.5, 0.045)])
    lines = union(*(polyline(x, y, [(0.8 + s, 0.2 + s), (0.2 + s, 0.8 + s)], 0.017) for s in (-0.045, -0.015, 0.015, 0.045)))
    return [*plates.priority(x, y), (torch.maximum(lines, diamond + 0.02), BLACK)]


def stop_here(x: Tensor, y: Tensor) -> list[Layer]:
    """A green H on a yellow disc: a bus stops here."""
    rings = discs(x, y, (0.47, GREEN), (0.42, YELLOW), (0.345, GREEN), (0.32, YELLOW))
    return [*rings, (words("H", 0.34, 0.075)(x, y), GREEN)]


def narrow_bridge(ours: Colour, theirs: Colour, plate: Drawing) -> Drawing:
    """Two arrows that meet: which side goes first."""
    up, down = arrows(0.09, 0.15, [(0.62, 0.78), (0.62, 0.22)]), arrows(0.07, 0.12, [(0.37, 0.24), (0.37, 0.76)])
    return painted(plate, (up, ours), (down, theirs))


def parking(arrow: Shape) -> Drawing:
    """A parking place that begins or ends here."""
    return blue_square(both(placed(words("P", 0.5, 0.1), 1, 0.5, 0.42), arrow))


def one_way(arrow: Shape) -> Drawing:
    return painted(square(BLUE, half_width=0.47, half_height=0.19), (arrow, WHITE))


def dead_end(x: Tensor, y: Tensor) -> list[Layer]:
    return [*square(BLUE)(x, y), (box(x, y, 0.5, 0.6, 0.075, 0.24), WHITE), (box(x, y, 0.5, 0.28, 0.24, 0.085), RED)]


def pedestrian_crossing(x: Tensor, y: Tensor) -> list[Layer]:
    triangle = area((0.5, 0.12), (0.88, 0.84), (0.12, 0.84))
    return painted(square(BLUE), (triangle, WHITE), (placed(basic.walker, 0.86, 0.5, 0.5), BLACK))(x, y)


def descent(letters: str) -> Drawing:
    """A slope that falls to the right, with its percentage above."""
    slope = area((0.27, 0.6), (0.27, 0.81), (0.68, 0.81))
    return warning_of(both(slope, placed(words(letters, 0.145, 0.034, 0.5, 0.85), 1, 0.56, 0.52)))


def ascent(letters: str) -> Drawing:
    slope = mirrored(area((0.27, 0.6), (0.27, 0.81), (0.68, 0.81)))
    return warning_of(both(slope, placed(words(letters, 0.145, 0.034, 0.5, 0.85), 1, 0.44, 0.52)))
