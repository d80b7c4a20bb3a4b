"""What stands on the plates: arrows, cars, people, weather. Each symbol is a signed distance in the unit square."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..shapes import Point, arc, box, circle, polygon, polyline, union


def arrow(x: Tensor, y: Tensor, points: list[Point], thickness: float, head: float) -> Tensor:
    """Signed distance to a stroke that ends in an arrow head at the last point."""
    (ax, ay), (bx, by) = points[-2:]
    length = math.hypot(bx - ax, by - ay)
    ux, uy = (bx - ax) / length, (by - ay) / length
    tip, neck = (bx, by), (bx - ux * head, by - uy * head)
    wings = [(neck[0] - k * uy * head, neck[1] + k * ux * head) for k in (0.85, -0.85)]
    return union(polyline(x, y, [*points[:-1], neck], thickness), polygon(x, y, [tip, *wings]))


def car(x: Tensor, y: Tensor, cx: float) -> Tensor:
    """A car seen from behind, about 0.24 wide."""
    cabin = polygon(x, y, [(cx - 0.072, 0.43), (cx + 0.072, 0.43), (cx + 0.105, 0.51), (cx - 0.105, 0.51)]) - 0.008
    window = polygon(x, y, [(cx - 0.05, 0.447), (cx + 0.05, 0.447), (cx + 0.07, 0.495), (cx - 0.07, 0.495)])
    body = box(x, y, cx, 0.545, 0.122, 0.045, 0.02)
    wheels = union(box(x, y, cx - 0.088, 0.6, 0.028, 0.03, 0.008), box(x, y, cx + 0.088, 0.6, 0.028, 0.03, 0.008))
    return union(torch.maximum(cabin, -window), body, wheels)


def curve(start: float, stop: float, radius: float) -> list[Point]:
    return arc(0.5, 0.5, radius, radius, start, stop, 9)


def crossing_arrow(x: Tensor, y: Tensor) -> Tensor:
    return union(polygon(x, y, [(0.5, 0.34), (0.565, 0.46), (0.55, 0.78), (0.45, 0.78), (0.435, 0.46)]),
                 box(x, y, 0.5, 0.59, 0.145, 0.032))


def exclamation(x: Tensor, y: Tensor) -> Tensor:
    bar = polygon(x, y, [(0.455, 0.37), (0.545, 0.37), (0.522, 0.645), (0.478, 0.645)]) - 0.008
    return union(bar, circle(x, y, 0.5, 0.735, 0.046))


def bend(x: Tensor, y: Tensor) -> Tensor:
    return arrow(x, y, [(0.42, 0.79), (0.42, 0.62), *arc(0.51, 0.62, 0.09, 0.11, 180, 255, 5), (0.69, 0.49)], 0.085, 0.125)


def bumps(x: Tensor, y: Tensor) -> Tensor:
    humps = [torch.maximum(box(x, y, cx, 0.66, 0.115, 0.09), circle(x, y, cx, 0.72, 0.11)) for cx in (0.385, 0.615)]
    return union(box(x, y, 0.5, 0.745, 0.245, 0.03), *humps)


def walker(x: Tensor, y: Tensor) -> Tensor:
    limbs = [[(0.5, 0.46), (0.49, 0.59)], [(0.485, 0.48), (0.42, 0.56)], [(0.51, 0.48), (0.57, 0.53), (0.6, 0.51)]]
    legs = [[(0.495, 0.59), (0.535, 0.67), (0.575, 0.74)], [(0.485, 0.59), (0.47, 0.68), (0.415, 0.745)]]
    stripes = [polygon(x, y, [(cx, 0.77), (cx + 0.055, 0.77), (cx + 0.04, 0.815), (cx - 0.025, 0.815)])
               for cx in (0.275, 0.375, 0.475, 0.575, 0.675)]
    return union(circle(x, y, 0.505, 0.395, 0.036), polyline(x, y, limbs[0], 0.075),
                 *(polyline(x, y, limb, 0.034) for limb in limbs[1:]),
                 *(polyline(x, y, leg, 0.04) for leg in legs), *stripes)


def bicycle(x: Tensor, y: Tensor) -> Tensor:
    rings = [circle(x, y, cx, 0.69, 0.095).abs() - 0.013 for cx in (0.345, 0.655)]
    frame = [[(0.345, 0.69), (0.44, 0.54), (0.59, 0.54), (0.49, 0.69), (0.345, 0.69)], [(0.49, 0.69), (0.43, 0.5)],
             [(0.655, 0.69), (0.57, 0.47), (0.63, 0.455)], [(0.395, 0.495), (0.465, 0.495)]]
    return union(*rings, *(polyline(x, y, points, 0.026) for points in frame))


def snow(x: Tensor, y: Tensor) -> Tensor:
    parts = []
    for angle in (30, 90, 150, 210, 270, 330):
        ux, uy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        parts.append([(0.5, 0.61), (0.5 + 0.19 * ux, 0.61 + 0.19 * uy)])
        for side in (-50, 50):
            vx, vy = math.cos(math.radians(angle + side)), math.sin(math.radians(angle + side))
            parts.append([(0.5 + 0.1 * ux, 0.61 + 0.1 * uy), (0.5 + 0.1 * ux + 0.07 * vx, 0.61 + 0.1 * uy + 0.07 * vy)])
    return union(*(polyline(x, y, points, 0.028) for points in parts))


def roundabout(x: Tensor, y: Tensor) -> Tensor:
    return union(*(arrow(x, y, curve(start, start + 92, 0.235), 0.075, 0.12) for start in (-80, 40, 160)))


def left(x: Tensor, y: Tensor) -> Tensor:
    return arrow(x, y, [(0.6, 0.78), (0.6, 0.5), *arc(0.5, 0.5, 0.1, 0.1, 0, -80, 5), (0.21, 0.4)], 0.125, 0.17)
