"""Road signs drawn from shapes and photographed by a simple camera: perspective, light, blur, wear, backgrounds.

Each kind is drawn once at 256x256 with an alpha channel. A picture warps it onto a background in a
batch, then passes it through light, dirt, blur and sensor noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import runtime
from . import shapes
from .shapes import Point, arc, box, chance, circle, coverage, normal, polygon, polyline, regular, uniform, union

FULL = 256  # side of the sharpest drawing of a kind

Colour = tuple[float, float, float]
Layer = tuple[Tensor, Colour]  # a signed distance and the colour painted inside

RED: Colour = (0.76, 0.07, 0.09)
BLUE: Colour = (0.02, 0.27, 0.62)
YELLOW: Colour = (1.0, 0.76, 0.02)
GREEN: Colour = (0.03, 0.55, 0.25)
WHITE: Colour = (0.96, 0.96, 0.95)
BLACK: Colour = (0.06, 0.06, 0.07)
GREY: Colour = (0.45, 0.46, 0.47)


class SignBatch(NamedTuple):
    """Pictures `[N, 3, S, S]` in [0, 1] and where the sign is: `masks` bool `[N, S, S]`."""

    x: Tensor
    masks: Tensor


# ---------------------------------------------------------------- lettering

# Strokes of a road sign's letters in a box 0.6 wide and 1 high, y down.
GLYPHS: dict[str, list[list[Point]]] = {
    "0": [[*arc(0.3, 0.28, 0.29, 0.28, 180, 360), *arc(0.3, 0.72, 0.29, 0.28, 0, 180), (0.01, 0.28)]],
    "1": [[(0.08, 0.24), (0.36, 0.0), (0.36, 1.0)]],
    "2": [[*arc(0.3, 0.28, 0.28, 0.28, 185, 395, 12), (0.02, 1.0), (0.6, 1.0)]],
    "3": [[*arc(0.28, 0.25, 0.27, 0.25, 195, 440, 12), *arc(0.28, 0.735, 0.31, 0.265, -80, 165, 12)]],
    "5": [[(0.55, 0.0), (0.09, 0.0), (0.06, 0.46), *arc(0.29, 0.68, 0.3, 0.32, -135, 155, 12)]],
    "8": [arc(0.3, 0.25, 0.25, 0.25, 0, 360, 17), arc(0.3, 0.74, 0.3, 0.26, 0, 360, 17)],
    "S": [[*arc(0.3, 0.25, 0.27, 0.25, -25, -270, 12), *arc(0.3, 0.745, 0.29, 0.255, -90, 155, 12)]],
    "T": [[(0.0, 0.0), (0.6, 0.0)], [(0.3, 0.0), (0.3, 1.0)]],
    "O": [[*arc(0.3, 0.28, 0.29, 0.28, 180, 360), *arc(0.3, 0.72, 0.29, 0.28, 0, 180), (0.01, 0.28)]],
    "P": [[(0.06, 1.0), (0.06, 0.0), (0.3, 0.0), *arc(0.3, 0.28, 0.28, 0.28, -90, 90), (0.06, 0.56)]],
}


def _text(x: Tensor, y: Tensor, words: str, height: float, thickness: float, cy: float = 0.5,
          stretch: float = 1.0, gap: float = 0.28) -> Tensor:
    """Signed distance to lettering centred at (0.5, cy); sizes in units of the sign, `gap` in letter heights."""
    advance = 0.6 + gap
    left = 0.5 - (len(words) * advance - gap) * height * stretch / 2
    strokes = []
    for k, letter in enumerate(words):
        start = left + k * advance * height * stretch
        for points in GLYPHS[letter]:
            placed = [(start + px * height * stretch, cy + (py - 0.5) * height) for px, py in points]
            strokes.append(polyline(x, y, placed, thickness))
    return union(*strokes)


# ---------------------------------------------------------------- plates


def _round(x: Tensor, y: Tensor, *colours: tuple[float, Colour]) -> list[Layer]:
    """Discs of falling radius, one on the other."""
    return [(circle(x, y, 0.5, 0.5, radius), colour) for radius, colour in colours]


def _prohibition(x: Tensor, y: Tensor) -> list[Layer]:
    return _round(x, y, (0.47, WHITE), (0.455, RED), (0.36, WHITE))


def _mandatory(x: Tensor, y: Tensor) -> list[Layer]:
    return _round(x, y, (0.47, WHITE), (0.45, BLUE))


def _triangle(x: Tensor, y: Tensor, upright: bool = True) -> list[Layer]:
    up = y if upright else 1 - y
    distance = polygon(x, up, [(0.5, 0.11), (0.93, 0.855), (0.07, 0.855)]) - 0.045
    return [(distance, WHITE), (distance + 0.014, RED), (distance + 0.125, WHITE)]


def _arrow(x: Tensor, y: Tensor, points: list[Point], thickness: float, head: float) -> Tensor:
    """Signed distance to a stroke that ends in an arrow head at the last point."""
    (ax, ay), (bx, by) = points[-2:]
    length = math.hypot(bx - ax, by - ay)
    ux, uy = (bx - ax) / length, (by - ay) / length
    tip, neck = (bx, by), (bx - ux * head, by - uy * head)
    wings = [(neck[0] - k * uy * head, neck[1] + k * ux * head) for k in (0.85, -0.85)]
    return union(polyline(x, y, [*points[:-1], neck], thickness), polygon(x, y, [tip, *wings]))


def _car(x: Tensor, y: Tensor, cx: float) -> Tensor:
    """A car seen from behind, about 0.24 wide."""
    cabin = polygon(x, y, [(cx - 0.072, 0.43), (cx + 0.072, 0.43), (cx + 0.105, 0.51), (cx - 0.105, 0.51)]) - 0.008
    window = polygon(x, y, [(cx - 0.05, 0.447), (cx + 0.05, 0.447), (cx + 0.07, 0.495), (cx - 0.07, 0.495)])
    body = box(x, y, cx, 0.545, 0.122, 0.045, 0.02)
    wheels = union(box(x, y, cx - 0.088, 0.6, 0.028, 0.03, 0.008), box(x, y, cx + 0.088, 0.6, 0.028, 0.03, 0.008))
    return union(torch.maximum(cabin, -window), body, wheels)


def _curve(start: float, stop: float, radius: float) -> list[Point]:
    return arc(0.5, 0.5, radius, radius, start, stop, 9)


# ---------------------------------------------------------------- kinds


def _speed(words: str) -> Callable[[Tensor, Tensor], list[Layer]]:
    size = (0.36, 0.074, 0.98, 0.3) if len(words) == 2 else (0.3, 0.062, 0.78, 0.36)
    height, thickness, stretch, gap = size

    def layers(x: Tensor, y: Tensor) -> list[Layer]:
        return [*_prohibition(x, y), (_text(x, y, words, height, thickness, stretch=stretch, gap=gap), BLACK)]

    return layers


def _warning(symbol: Callable[[Tensor, Tensor], list[Layer]]) -> Callable[[Tensor, Tensor], list[Layer]]:
    return lambda x, y: [*_triangle(x, y), *symbol(x, y)]


def _black(shape: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], list[Layer]]:
    return _warning(lambda x, y: [(shape(x, y), BLACK)])


def _blue(shape: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], list[Layer]]:
    return lambda x, y: [*_mandatory(x, y), (shape(x, y), WHITE)]


def _no_passing(x: Tensor, y: Tensor) -> list[Layer]:
    return [*_prohibition(x, y), (_car(x, y, 0.345), RED), (_car(x, y, 0.655), BLACK)]


def _priority(x: Tensor, y: Tensor) -> list[Layer]:
    diamond = polygon(x, y, regular(4, 0.455, 0)) - 0.02
    return [(diamond, BLACK), (diamond + 0.012, WHITE), (diamond + 0.115, BLACK), (diamond + 0.122, YELLOW)]


def _stop(x: Tensor, y: Tensor) -> list[Layer]:
    plate = polygon(x, y, regular(8, 0.495, 22.5))
    return [(plate, WHITE), (plate + 0.022, RED), (_text(x, y, "STOP", 0.28, 0.058, stretch=0.78, gap=0.3), WHITE)]


def _no_entry(x: Tensor, y: Tensor) -> list[Layer]:
    return [*_round(x, y, (0.47, WHITE), (0.452, RED)), (box(x, y, 0.5, 0.5, 0.345, 0.083, 0.012), WHITE)]


def _end_of_limits(x: Tensor, y: Tensor) -> list[Layer]:
    inside = circle(x, y, 0.5, 0.5, 0.43)
    shifts = (-0.066, -0.033, 0.0, 0.033, 0.066)
    lines = union(*(polyline(x, y, [(0.84 + s, 0.14 + s), (0.14 + s, 0.84 + s)], 0.017) for s in shifts))
    return [*_round(x, y, (0.47, BLACK), (0.45, WHITE)), (torch.maximum(lines, inside), BLACK)]


def _crossing_arrow(x: Tensor, y: Tensor) -> Tensor:
    return union(polygon(x, y, [(0.5, 0.34), (0.565, 0.46), (0.55, 0.78), (0.45, 0.78), (0.435, 0.46)]),
                 box(x, y, 0.5, 0.59, 0.145, 0.032))


def _exclamation(x: Tensor, y: Tensor) -> Tensor:
    bar = polygon(x, y, [(0.455, 0.37), (0.545, 0.37), (0.522, 0.645), (0.478, 0.645)]) - 0.008
    return union(bar, circle(x, y, 0.5, 0.735, 0.046))


def _bend(x: Tensor, y: Tensor) -> Tensor:
    return _arrow(x, y, [(0.42, 0.79), (0.42, 0.62), *arc(0.51, 0.62, 0.09, 0.11, 180, 255, 5), (0.69, 0.49)], 0.085, 0.125)


def _bumps(x: Tensor, y: Tensor) -> Tensor:
    humps = [torch.maximum(box(x, y, cx, 0.66, 0.115, 0.09), circle(x, y, cx, 0.72, 0.11)) for cx in (0.385, 0.615)]
    return union(box(x, y, 0.5, 0.745, 0.245, 0.03), *humps)


def _lamps(x: Tensor, y: Tensor) -> list[Layer]:
    return [(box(x, y, 0.5, 0.575, 0.088, 0.225, 0.03), BLACK), (circle(x, y, 0.5, 0.43, 0.058), RED),
            (circle(x, y, 0.5, 0.575, 0.058), YELLOW), (circle(x, y, 0.5, 0.72, 0.058), GREEN)]


def _walker(x: Tensor, y: Tensor) -> Tensor:
    limbs = [[(0.5, 0.46), (0.49, 0.59)], [(0.485, 0.48), (0.42, 0.56)], [(0.51, 0.48), (0.57, 0.53), (0.6, 0.51)]]
    legs = [[(0.495, 0.59), (0.535, 0.67), (0.575, 0.74)], [(0.485, 0.59), (0.47, 0.68), (0.415, 0.745)]]
    stripes = [polygon(x, y, [(cx, 0.77), (cx + 0.055, 0.77), (cx + 0.04, 0.815), (cx - 0.025, 0.815)])
               for cx in (0.275, 0.375, 0.475, 0.575, 0.675)]
    return union(circle(x, y, 0.505, 0.395, 0.036), polyline(x, y, limbs[0], 0.075),
                 *(polyline(x, y, limb, 0.034) for limb in limbs[1:]),
                 *(polyline(x, y, leg, 0.04) for leg in legs), *stripes)


def _bicycle(x: Tensor, y: Tensor) -> Tensor:
    rings = [circle(x, y, cx, 0.69, 0.095).abs() - 0.013 for cx in (0.345, 0.655)]
    frame = [[(0.345, 0.69), (0.44, 0.54), (0.59, 0.54), (0.49, 0.69), (0.345, 0.69)], [(0.49, 0.69), (0.43, 0.5)],
             [(0.655, 0.69), (0.57, 0.47), (0.63, 0.455)], [(0.395, 0.495), (0.465, 0.495)]]
    return union(*rings, *(polyline(x, y, points, 0.026) for points in frame))


def _snow(x: Tensor, y: Tensor) -> Tensor:
    parts = []
    for angle in (30, 90, 150, 210, 270, 330):
        ux, uy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        parts.append([(0.5, 0.61), (0.5 + 0.19 * ux, 0.61 + 0.19 * uy)])
        for side in (-50, 50):
            vx, vy = math.cos(math.radians(angle + side)), math.sin(math.radians(angle + side))
            parts.append([(0.5 + 0.1 * ux, 0.61 + 0.1 * uy), (0.5 + 0.1 * ux + 0.07 * vx, 0.61 + 0.1 * uy + 0.07 * vy)])
    return union(*(polyline(x, y, points, 0.028) for points in parts))


def _roundabout(x: Tensor, y: Tensor) -> Tensor:
    return union(*(_arrow(x, y, _curve(start, start + 92, 0.235), 0.075, 0.12) for start in (-80, 40, 160)))


def _left(x: Tensor, y: Tensor) -> Tensor:
    return _arrow(x, y, [(0.6, 0.78), (0.6, 0.5), *arc(0.5, 0.5, 0.1, 0.1, 0, -80, 5), (0.21, 0.4)], 0.125, 0.17)


_KINDS: dict[str, Callable[[Tensor, Tensor], list[Layer]]] = {
    "Speed limit (30km/h)": _speed("30"),
    "Speed limit (50km/h)": _speed("50"),
    "Speed limit (80km/h)": _speed("80"),
    "Speed limit (120km/h)": _speed("120"),
    "No passing": _no_passing,
    "Right-of-way at the next intersection": _black(_crossing_arrow),
    "Priority road": _priority,
    "Yield": lambda x, y: _triangle(x, y, upright=False),
    "Stop": _stop,
    "No vehicles": _prohibition,
    "No entry": _no_entry,
    "General caution": _black(_exclamation),
    "Dangerous curve to the right": _black(_bend),
    "Bumpy road": _black(_bumps),
    "Traffic signals": _warning(_lamps),
    "Pedestrians": _black(_walker),
    "Bicycles crossing": _black(_bicycle),
    "Beware of ice/snow": _black(_snow),
    "End of all speed and passing limits": _end_of_limits,
    "Turn left ahead": _blue(_left),
    "Ahead only": _blue(lambda x, y: _arrow(x, y, [(0.5, 0.8), (0.5, 0.5), (0.5, 0.17)], 0.135, 0.2)),
    "Keep right": _blue(lambda x, y: _arrow(x, y, [(0.3, 0.3), (0.5, 0.5), (0.74, 0.74)], 0.135, 0.21)),
    "Keep left": _blue(lambda x, y: _arrow(x, y, [(0.7, 0.3), (0.5, 0.5), (0.26, 0.74)], 0.135, 0.21)),
    "Roundabout mandatory": _blue(_roundabout),
}
NAMES = tuple(_KINDS)


def _clean(kind: str, size: int) -> Tensor:
    x, y = shapes.grid(size)
    layers = _KINDS[kind](x, y)
    pixel = 1.0 / size
    colour = torch.tensor(layers[0][1])[:, None, None].expand(3, size, size)
    for distance, paint in layers[1:]:
        colour = torch.lerp(colour, torch.tensor(paint)[:, None, None].expand_as(colour), coverage(distance, pixel))
    return torch.cat([colour, coverage(layers[0][0], pixel)[None]])


def draw_clean(kind: str | int, size: int = FULL) -> Tensor:
    """The front view of a kind (name or class number), RGBA `[4, size, size]` in [0, 1]; alpha is 0 outside the sign."""
    if isinstance(kind, int):
        if not 0 <= kind < len(NAMES):
            raise ValueError(f"sign kind {kind} does not exist; there are {len(NAMES)}: 0 to {len(NAMES) - 1}.")
        kind = NAMES[kind]
    return _clean(runtime.pick("sign kind", kind, NAMES), size)


@lru_cache(maxsize=1)
def textures() -> dict[int, Tensor]:
    """All kinds at several sizes `{R: [kinds, 4, R, R]}`, colours multiplied by alpha so that they can be averaged."""
    drawn = torch.stack([_clean(kind, FULL) for kind in NAMES])
    level = torch.cat([drawn[:, :3] * drawn[:, 3:], drawn[:, 3:]], 1)
    levels = {FULL: level}
    while (side := level.shape[-1]) > 16:
        level = F.avg_pool2d(level, 2)
        levels[side // 2] = level
    return levels


def texture_level(side: float) -> int:
    """The texture size for a sign of `side` pixels: at least as sharp as the picture."""
    return next((level for level in sorted(textures()) if level >= side), FULL)


# ---------------------------------------------------------------- the camera


def turned(count: int, generator: torch.Generator) -> Tensor:
    """Corners `[N, 4, 2]` of squares of side 1 around (0, 0), turned in space and seen from near."""
    turn, tip, roll = (normal((count, 1), d, generator).clamp(-2.2 * d, 2.2 * d) for d in (0.33, 0.12, 0.06))
    u, v = torch.tensor([[-0.5, 0.5, 0.5, -0.5]]), torch.tensor([[-0.5, -0.5, 0.5, 0.5]])
    x, y = u * roll.cos() - v * roll.sin(), u * roll.sin() + v * roll.cos()
    y, z = y * tip.cos(), y * tip.sin()
    x, z = x * turn.cos() + z * turn.sin(), z * turn.cos() - x * turn.sin()
    distance = uniform((count, 1), 1.8, 6.0, generator)
    return torch.stack([x, y], 2) / (1 + z / distance)[..., None]


def _plane_corners(count: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Where the corners of each sign's square fall `[N, 4, 2]` and its side `[N]`, in pixels."""
    seen = turned(count, generator)
    side = size * uniform((count, 1, 1), 0.64, 0.95, generator)
    room = (size - side).clamp_min(0) * 0.4
    shift = (torch.rand(count, 1, 2, generator=generator) - 0.5) * 2 * room
    return seen * side + size / 2 + shift, side[:, 0, 0]


_FOLIAGE = torch.tensor([[0.16, 0.24, 0.09], [0.24, 0.30, 0.10], [0.10, 0.17, 0.10], [0.33, 0.26, 0.13], [0.22, 0.19, 0.14],
                         [0.38, 0.38, 0.18], [0.45, 0.33, 0.12]])
_WALLS = torch.tensor([[0.62, 0.56, 0.47], [0.55, 0.35, 0.28], [0.70, 0.68, 0.63], [0.45, 0.45, 0.47], [0.68, 0.58, 0.40],
                       [0.36, 0.33, 0.32], [0.55, 0.60, 0.62]])
_SKIES = torch.tensor([[0.28, 0.52, 0.85], [0.38, 0.60, 0.88], [0.50, 0.70, 0.92], [0.66, 0.78, 0.90], [0.82, 0.86, 0.90],
                       [0.70, 0.73, 0.78], [0.93, 0.80, 0.66]])
_BARKS = torch.tensor([[0.20, 0.15, 0.11], [0.12, 0.10, 0.09], [0.30, 0.25, 0.20], [0.38, 0.38, 0.38], [0.5, 0.5, 0.5]])


def column(values: Tensor) -> Tensor:
    """Per-picture colours `[N, 3]` or numbers `[N]` as `[N, 3 or 1, 1, 1]`."""
    return values.reshape(len(values), -1, 1, 1)


def _leaves(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Foliage `[N, 3, S, S]`: dark and light clumps of two greens or browns, with bits of sky in some."""
    fine = uniform((count, 1), 0.3, 1.2, generator) * torch.tensor([[0.5, 0.8, 1.0, 0.9]])
    clumps = shapes.noise(count, 2, size, (4, 9, 20, min(40, size)), fine, generator)
    first, second = (column(shapes.choose(_FOLIAGE, count, generator)) for _ in range(2))
    mixed = torch.lerp(first, second, torch.sigmoid(2 * clumps[:, 1:]))
    shade = torch.exp(0.55 * clumps[:, :1] * column(uniform((count,), 0.5, 1.3, generator)))
    return mixed * shade


def _walls(count: int, size: int, generator: torch.Generator) -> Tensor:
    """House fronts `[N, 3, S, S]`: plaster or bricks, with a few dark windows."""
    x, y = shapes.grid(size)
    tone = column(shapes.choose(_WALLS, count, generator)) * column(uniform((count,), 0.75, 1.15, generator))
    rough = 1 + 0.06 * shapes.noise(count, 1, size, (3, 12, min(40, size)), (1.0, 0.7, 0.6), generator)
    rows = column(uniform((count,), 10, 22, generator))
    course = (y * rows).floor()
    across = (x * rows / 2 + 0.5 * (course % 2)) % 1
    joint = torch.maximum(((y * rows) % 1 - 0.5).abs() * 2 - 0.76, (across - 0.5).abs() * 2 - 0.88).clamp(0, 0.12) / 0.12
    brick = 1 - 0.28 * joint * column(chance((count,), 0.35, generator))
    period, start = column(uniform((count,), 0.45, 0.9, generator)), column(uniform((count,), 0, 1, generator))
    u, v = (x + start) % period - period / 2, (y + 2 * start) % (period * 1.1) - period * 0.55
    window = box(u, v, 0.0, 0.0, period * 0.22, period * 0.32)
    glass = coverage(window, 1.5 / size) * column(chance((count,), 0.55, generator))
    frame = coverage(window.abs() - 0.015, 1.5 / size) * column(chance((count,), 0.5, generator)) * (glass > 0)
    picture = shapes.over(tone * rough * brick, torch.tensor([0.17, 0.2, 0.24])[None, :, None, None], glass)
    return shapes.over(picture, torch.full((1, 3, 1, 1), 0.85), frame)


def _background(count: int, size: int, generator: torch.Generator) -> Tensor:
    """What stands behind a sign `[N, 3, S, S]`: sky above a wavy line, leaves or a house below, a trunk or two."""
    x, y = shapes.grid(size)
    sky = column(shapes.choose(_SKIES, count, generator))
    cloud = torch.sigmoid(1.6 * shapes.noise(count, 1, size, (2, 4, 8), (1.0, 0.8, 0.4), generator))
    white = 0.5 * cloud * column(uniform((count,), 0, 1, generator)) + 0.2 * y
    sky = torch.lerp(sky.expand(count, 3, size, size), torch.full((1, 3, 1, 1), 0.95).expand(count, 3, size, size), white)
    house = column(chance((count,), 0.35, generator))
    below = torch.lerp(_leaves(count, size, generator), _walls(count, size, generator), house)

    wavy = shapes.noise(count, 1, size, (3, 7, 16, min(32, size)), (1.0, 0.8, 0.6, 0.4), generator)
    slope = normal((count,), 0.15, generator)
    line = column(uniform((count,), -0.5, 1.35, generator)) + column(slope) * (x - 0.5)
    edge = line - y + wavy * (0.09 * (1 - house) + 0.004)
    picture = torch.lerp(below, sky, coverage(-edge, 2.5 / size).expand_as(sky))

    for _ in range(2):
        place, width = column(uniform((count,), -0.1, 1.1, generator)), column(uniform((count,), 0.01, 0.07, generator))
        lean = column(normal((count,), 0.12, generator))
        trunk = coverage((x - place - lean * (y - 0.5)).abs() - width, 2.0 / size)
        trunk = trunk * column(chance((count,), 0.4, generator))
        colour = column(shapes.choose(_BARKS, count, generator)) * (1 + 0.25 * ((x - place) / width).clamp(-1, 1))
        picture = shapes.over(picture, colour, trunk)
    return picture


def _pole(picture: Tensor, corners: Tensor, side: Tensor, generator: torch.Generator) -> Tensor:
    """The post below each sign: a grey cylinder, lit from one side."""
    count, _, size, _ = picture.shape
    x, y = shapes.grid(size)
    middle = corners.mean(1) / size
    half = column(side / size * uniform((count,), 0.03, 0.05, generator))
    across = (x - column(middle[:, 0]) - column(normal((count,), 0.02, generator)) * (y - 0.5)) / half
    cover = coverage((across.abs() - 1) * half, 1.0 / size) * (y > column(middle[:, 1]))
    cover = cover * column(chance((count,), 0.8, generator))
    shine = 0.62 - 0.35 * (across - column(uniform((count,), -0.7, 0.7, generator))).abs().clamp_max(1.4)
    return shapes.over(picture, shine * torch.tensor([0.97, 1.0, 1.02])[None, :, None, None], cover)


def worn(colour: Tensor, cover: Tensor, generator: torch.Generator) -> Tensor:
    """Faded, dirty and dented paint; `colour` is multiplied by `cover` and stays so."""
    count, _, size, _ = colour.shape
    grey = colour.mean(1, keepdim=True)
    fade = column(uniform((count,), 0, 1, generator).square() * 0.45)
    colour = torch.lerp(colour, 0.55 * grey + 0.32 * cover, fade.expand_as(colour))
    stains = shapes.noise(count, 1, size, (3, 8, 18, min(36, size)), (0.8, 1.0, 0.8, 0.6), generator)
    dirt = column(uniform((count,), 0, 1, generator).square() * 0.3)
    colour = colour * (1 - dirt * torch.sigmoid(2.5 * stains - 0.5))
    gloss = 1 + column(normal((count,), 0.12, generator)) * (shapes.grid(size)[0] - 0.5)
    return colour * gloss


def shadows(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Light that falls on a sign `[N, 1, S, S]`: even, cut by the edge of a shadow, or dappled by leaves."""
    x, y = shapes.grid(size)
    angle, offset = column(uniform((count,), 0, 6.3, generator)), column(normal((count,), 0.2, generator))
    soft = column(uniform((count,), 0.03, 0.15, generator))
    ripple = shapes.noise(count, 1, size, (3, 6, 12), (0.6, 1.0, 0.8), generator)
    leafy = column(chance((count,), 0.45, generator))
    distance = (x - 0.5) * angle.cos() + (y - 0.5) * angle.sin() - offset
    shade = torch.sigmoid((distance + (0.03 + 0.17 * leafy) * ripple) / soft)
    depth = column(uniform((count,), 0.25, 0.6, generator) * chance((count,), 0.35, generator))
    return 1 - depth * shade


def _branch(count: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A branch that reaches in from one side before some signs: its colour and its cover."""
    x, y = shapes.grid(size)
    angle, reach = column(uniform((count,), 0, 6.3, generator)), column(uniform((count,), 0.2, 0.42, generator))
    blades = shapes.noise(count, 1, size, (9, 17, min(30, size)), (1.0, 1.0, 0.5), generator)
    near = (x - 0.5) * angle.cos() + (y - 0.5) * angle.sin() - reach
    cover = torch.sigmoid((near * 9 + blades - 0.4) * 5) * column(chance((count,), 0.14, generator))
    green = column(shapes.choose(_FOLIAGE, count, generator)) * torch.exp(0.3 * blades)
    return green, cover


def exposed(picture: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and colour of the light and of the camera."""
    count = len(picture)
    gain = torch.exp(normal((count,), 0.3, generator) )
    dark = chance((count,), 0.1, generator) * uniform((count,), 0.35, 0.7, generator)
    cast = torch.exp(normal((count, 3), 0.035, generator))
    lit = picture * column(gain * (1 - dark)) * column(cast)
    haze = column(uniform((count,), 0, 1, generator).pow(3) * 0.3)
    lit = torch.lerp(lit, torch.full_like(lit, 0.75) * column(gain * (1 - dark)), haze.expand_as(lit))
    # A film-like curve: straight below, bending softly into white.
    return torch.where(lit < 0.7, lit, 1 - 0.3 * torch.exp(-(lit - 0.7) / 0.3))


def _pictures(y: Tensor, size: int, generator: torch.Generator) -> SignBatch:
    count = len(y)
    corners, side = _plane_corners(count, size, generator)
    plate = shapes.warp(textures()[texture_level(1.5 * size)][y], corners, size)
    cover = plate[:, 3:]
    back = _pole(_background(count, size, generator), corners, side, generator)
    sharpness = torch.ones(count) * size / 48
    angle = uniform((count,), 0, 3.2, generator)
    behind = sharpness * uniform((count,), 0.2, 1.2, generator)  # the background is less in focus
    back = shapes.blur(back, shapes.blur_kernels(behind, torch.zeros(count), angle, max(2, size // 20)))

    back = back * column(torch.exp(normal((count,), 0.25, generator)))
    front = worn(plate[:, :3], cover, generator) * shadows(count, size, generator)
    front = front * column(torch.exp(normal((count,), 0.18, generator) - 0.08))
    picture = front + back * (1 - cover)
    green, leaves = _branch(count, size, generator)
    picture = shapes.over(picture, green, leaves)

    defocus = sharpness * (0.25 + 0.7 * uniform((count,), 0, 1, generator).pow(2.5))
    motion = sharpness * (1.8 * uniform((count,), 0, 1, generator).pow(4))
    picture = shapes.blur(exposed(picture, generator), shapes.blur_kernels(defocus, motion, angle, max(2, size // 12)))
    grain = torch.randn(picture.shape, generator=generator) * column(uniform((count,), 0.004, 0.03, generator))
    return SignBatch((picture + grain).clamp(0, 1), cover[:, 0] > 0.5)


def draw(y: Tensor, *, generator: torch.Generator | None = None, size: int = 48) -> SignBatch:
    """Photo-like pictures `[N, 3, size, size]` in [0, 1] of the signs `y` `[N]`, with their masks, on the CPU.

    A mask is the outline of the sign's plate, also where leaves hang before it. The same labels, size
    and generator seed give the same pictures.
    """
    y = shapes.labels(y, len(NAMES))
    if size < 16:
        raise ValueError(f"size is {size}; signs are drawn from 16 pixels up.")
    generator = generator or runtime.generator()
    parts = shapes.parts(len(y), max(8, 64 * 48**2 // size**2))
    return SignBatch(*shapes.joined((_pictures(y[part], size, generator) for part in parts), len(y)))
