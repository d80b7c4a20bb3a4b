"""Symbols of the scenes' further signs, each a signed distance in the unit square: vehicles, arrows, roads, hills."""

from __future__ import annotations

import torch
from torch import Tensor

from ..shapes import Point, arc, box, circle, polygon, polyline, union
from ..signs.glyphs import text
from ..signs.plates import Shape
from ..signs.symbols import arrow, car


def mirrored(shape: Shape) -> Shape:
    """The shape with left and right exchanged."""
    return lambda x, y: shape(1 - x, y)


def placed(shape: Shape, scale: float, cx: float = 0.5, cy: float = 0.5) -> Shape:
    """The shape scaled about its middle, which comes to (cx, cy)."""
    return lambda x, y: shape((x - cx) / scale + 0.5, (y - cy) / scale + 0.5) * scale


def stroke(thickness: float, *lines: list[Point]) -> Shape:
    """Lines of one thickness."""
    return lambda x, y: union(*(polyline(x, y, points, thickness) for points in lines))


def arrows(thickness: float, head: float, *lines: list[Point]) -> Shape:
    """Arrows along lines, each with its head at the last point."""
    return lambda x, y: union(*(arrow(x, y, points, thickness, head) for points in lines))


def area(*points: Point) -> Shape:
    """A polygon."""
    return lambda x, y: polygon(x, y, list(points))


def both(*parts: Shape) -> Shape:
    """Several shapes as one."""
    return lambda x, y: union(*(part(x, y) for part in parts))


def words(letters: str, height: float, thickness: float, cy: float = 0.5, stretch: float = 0.9, gap: float = 0.34) -> Shape:
    """Lettering as a shape."""
    return lambda x, y: text(x, y, letters, height, thickness, cy, stretch, gap)


# ---------------------------------------------------------------- vehicles and people


def one_car(x: Tensor, y: Tensor) -> Tensor:
    return car(x, y, 0.5)


def lorry(x: Tensor, y: Tensor) -> Tensor:
    """A lorry from the side, facing left, about 0.5 wide."""
    load = box(x, y, 0.56, 0.47, 0.19, 0.1, 0.01)
    cab = polygon(x, y, [(0.34, 0.44), (0.25, 0.5), (0.25, 0.57), (0.34, 0.57)]) - 0.01
    wheels = [circle(x, y, cx, 0.605, 0.045) for cx in (0.31, 0.56, 0.67)]
    return union(load, cab, box(x, y, 0.5, 0.575, 0.24, 0.018), *wheels)


def bus(x: Tensor, y: Tensor) -> Tensor:
    """A bus from the side, about 0.5 wide."""
    windows = [box(x, y, cx, 0.46, 0.036, 0.042, 0.005) for cx in (0.31, 0.405, 0.5, 0.595, 0.69)]
    body = torch.maximum(box(x, y, 0.5, 0.485, 0.255, 0.11, 0.03), -union(*windows))
    return union(body, circle(x, y, 0.36, 0.6, 0.045), circle(x, y, 0.64, 0.6, 0.045))


def motorcycle(x: Tensor, y: Tensor) -> Tensor:
    """A motorcycle from the side, facing left."""
    rings = [circle(x, y, cx, 0.6, 0.075).abs() - 0.022 for cx in (0.32, 0.68)]
    body = polygon(x, y, [(0.36, 0.45), (0.5, 0.43), (0.66, 0.45), (0.62, 0.53), (0.54, 0.6), (0.43, 0.6)]) - 0.01
    return union(*rings, body, polyline(x, y, [(0.32, 0.6), (0.39, 0.4), (0.44, 0.37)], 0.03),
                 polyline(x, y, [(0.56, 0.43), (0.74, 0.43)], 0.035))


def tractor(x: Tensor, y: Tensor) -> Tensor:
    """A tractor from the side, facing left."""
    cabin = torch.maximum(box(x, y, 0.62, 0.41, 0.1, 0.1, 0.01), -box(x, y, 0.62, 0.41, 0.065, 0.06))
    return union(circle(x, y, 0.63, 0.57, 0.105).abs() - 0.026, circle(x, y, 0.35, 0.61, 0.06).abs() - 0.022, cabin,
                 box(x, y, 0.42, 0.5, 0.11, 0.05, 0.01), polyline(x, y, [(0.38, 0.46), (0.38, 0.36)], 0.025))


def person(x: Tensor, y: Tensor) -> Tensor:
    """A walker without the stripes of a crossing."""
    limbs = [[(0.485, 0.48), (0.42, 0.56)], [(0.51, 0.48), (0.57, 0.53), (0.6, 0.51)],
             [(0.495, 0.59), (0.535, 0.67), (0.575, 0.74)], [(0.485, 0.59), (0.47, 0.68), (0.415, 0.745)]]
    return union(circle(x, y, 0.505, 0.395, 0.036), polyline(x, y, [(0.5, 0.46), (0.49, 0.59)], 0.075),
                 *(polyline(x, y, limb, 0.037) for limb in limbs))


def digger(x: Tensor, y: Tensor) -> Tensor:
    """A man who digs beside a heap."""
    lines = [[(0.43, 0.46), (0.4, 0.6)], [(0.4, 0.6), (0.36, 0.69), (0.36, 0.78)], [(0.4, 0.6), (0.46, 0.68), (0.45, 0.78)],
             [(0.44, 0.49), (0.53, 0.56)]]
    heap = polygon(x, y, [(0.54, 0.79), (0.63, 0.68), (0.68, 0.68), (0.76, 0.79)]) - 0.008
    return union(circle(x, y, 0.465, 0.4, 0.036), *(polyline(x, y, line, 0.045) for line in lines),
                 polyline(x, y, [(0.42, 0.5), (0.6, 0.67)], 0.022), heap)


# ---------------------------------------------------------------- arrows

RIGHT = [(0.4, 0.78), (0.4, 0.5), *arc(0.5, 0.5, 0.1, 0.1, 180, 260, 5), (0.79, 0.4)]
UP = [(0.5, 0.82), (0.5, 0.5), (0.5, 0.17)]
turn_right = arrows(0.125, 0.17, RIGHT)
right_here = arrows(0.135, 0.2, [(0.18, 0.5), (0.5, 0.5), (0.83, 0.5)])
ahead_or_right = both(arrows(0.1, 0.15, [(0.4, 0.82), (0.4, 0.5), (0.4, 0.17)]),
                      arrows(0.1, 0.14, [(0.4, 0.68), (0.42, 0.58), (0.52, 0.52), (0.8, 0.52)]))
left_or_right = both(stroke(0.11, [(0.5, 0.8), (0.5, 0.5)]),
                     arrows(0.11, 0.16, [(0.5, 0.5), (0.17, 0.4)], [(0.5, 0.5), (0.83, 0.4)]))
either_side = arrows(0.1, 0.16, [(0.5, 0.22), (0.41, 0.4), (0.25, 0.76)], [(0.5, 0.22), (0.59, 0.4), (0.75, 0.76)])
turn_back = arrows(0.085, 0.13, [(0.61, 0.74), (0.61, 0.42), *arc(0.5, 0.42, 0.11, 0.13, 0, -180, 9), (0.39, 0.55),
                                 (0.39, 0.74)])
black_right = placed(turn_right, 0.68, 0.48, 0.51)
up_and_down = arrows(0.06, 0.11, [(0.41, 0.44), (0.41, 0.82)], [(0.59, 0.8), (0.59, 0.42)])
double_bend = arrows(0.075, 0.115, [(0.42, 0.8), (0.42, 0.74), (0.56, 0.65), (0.56, 0.6), (0.44, 0.53), (0.46, 0.38)])
merge = both(arrows(0.075, 0.13, [(0.47, 0.8), (0.47, 0.37)]), stroke(0.055, [(0.64, 0.8), (0.63, 0.68), (0.48, 0.58)]))

# ---------------------------------------------------------------- roads and hills

crossroads = stroke(0.09, [(0.36, 0.48), (0.64, 0.76)], [(0.64, 0.48), (0.36, 0.76)])
t_junction = stroke(0.1, [(0.3, 0.58), (0.7, 0.58)], [(0.5, 0.58), (0.5, 0.8)])
side_road = both(stroke(0.1, [(0.46, 0.4), (0.46, 0.8)]), stroke(0.06, [(0.46, 0.62), (0.68, 0.62)]))
narrows = stroke(0.065, [(0.35, 0.8), (0.35, 0.68), (0.44, 0.57), (0.44, 0.42)],
                 [(0.65, 0.8), (0.65, 0.68), (0.56, 0.57), (0.56, 0.42)])
narrows_right = stroke(0.065, [(0.4, 0.8), (0.4, 0.42)], [(0.65, 0.8), (0.65, 0.68), (0.55, 0.57), (0.55, 0.42)])
slide = both(placed(one_car, 0.95, 0.5, 0.46), stroke(0.026, [(0.42, 0.61), (0.47, 0.66), (0.38, 0.73), (0.43, 0.8)],
                                                      [(0.58, 0.61), (0.63, 0.66), (0.54, 0.73), (0.59, 0.8)]))
tunnel = both(stroke(0.07, [(0.34, 0.8), (0.34, 0.62), *arc(0.5, 0.6, 0.16, 0.16, 180, 360, 9), (0.66, 0.62), (0.66, 0.8)]),
              stroke(0.035, [(0.5, 0.8), (0.5, 0.56)]))
stone = lambda x, y: circle(x, y, 0.5, 0.5, 0.042)  # noqa: E731
rocks = both(area((0.28, 0.81), (0.28, 0.58), (0.4, 0.5), (0.5, 0.81)),
             *(placed(stone, 1, *at) for at in ((0.52, 0.52), (0.58, 0.64), (0.68, 0.75))))
gate = stroke(0.04, [(0.3, 0.6), (0.7, 0.6)], [(0.3, 0.74), (0.7, 0.74)],
              *([(cx, 0.52), (cx, 0.81)] for cx in (0.34, 0.45, 0.55, 0.66)))
tram = both(lambda x, y: torch.maximum(box(x, y, 0.5, 0.63, 0.11, 0.14, 0.03), -box(x, y, 0.5, 0.58, 0.075, 0.05)),
            stroke(0.03, [(0.38, 0.82), (0.62, 0.82)], [(0.5, 0.5), (0.5, 0.42)], [(0.42, 0.42), (0.58, 0.42)]))
wind = both(stroke(0.03, [(0.34, 0.4), (0.34, 0.82)]), area((0.36, 0.42), (0.46, 0.45), (0.46, 0.58), (0.36, 0.61)),
            area((0.5, 0.46), (0.58, 0.48), (0.58, 0.56), (0.5, 0.57)), area((0.62, 0.49), (0.7, 0.51), (0.7, 0.54), (0.62, 0.55)))
children = both(placed(person, 0.95, 0.44, 0.51), placed(mirrored(person), 0.72, 0.62, 0.59))


def hump(x: Tensor, y: Tensor) -> Tensor:
    return union(torch.maximum(circle(x, y, 0.5, 0.86, 0.24), y - 0.75), box(x, y, 0.5, 0.765, 0.25, 0.028))


def dip(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(box(x, y, 0.5, 0.71, 0.25, 0.09), -circle(x, y, 0.5, 0.56, 0.13))
