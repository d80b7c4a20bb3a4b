"""What stands behind a sign, and what reaches in before it."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import shapes
from ..shapes import box, chance, column, coverage, normal, uniform

_FOLIAGE = torch.tensor([[0.16, 0.24, 0.09], [0.24, 0.30, 0.10], [0.10, 0.17, 0.10], [0.33, 0.26, 0.13], [0.22, 0.19, 0.14],
                         [0.38, 0.38, 0.18], [0.45, 0.33, 0.12]])
_WALLS = torch.tensor([[0.62, 0.56, 0.47], [0.55, 0.35, 0.28], [0.70, 0.68, 0.63], [0.45, 0.45, 0.47], [0.68, 0.58, 0.40],
                       [0.36, 0.33, 0.32], [0.55, 0.60, 0.62]])
_SKIES = torch.tensor([[0.28, 0.52, 0.85], [0.38, 0.60, 0.88], [0.50, 0.70, 0.92], [0.66, 0.78, 0.90], [0.82, 0.86, 0.90],
                       [0.70, 0.73, 0.78], [0.93, 0.80, 0.66]])
_BARKS = torch.tensor([[0.20, 0.15, 0.11], [0.12, 0.10, 0.09], [0.30, 0.25, 0.20], [0.38, 0.38, 0.38], [0.5, 0.5, 0.5]])


def leaves(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Foliage `[N, 3, S, S]`: dark and light clumps of two greens or browns, with bits of sky in some."""
    fine = uniform((count, 1), 0.3, 1.2, generator) * torch.tensor([[0.5, 0.8, 1.0, 0.9]])
    clumps = shapes.noise(count, 2, size, (4, 9, 20, min(40, size)), fine, generator)
    first, second = (column(shapes.choose(_FOLIAGE, count, generator)) for _ in range(2))
    mixed = torch.lerp(first, second, torch.sigmoid(2 * clumps[:, 1:]))
    shade = torch.exp(0.55 * clumps[:, :1] * column(uniform((count,), 0.5, 1.3, generator)))
    return mixed * shade


def walls(count: int, size: int, generator: torch.Generator) -> Tensor:
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


def background(count: int, size: int, generator: torch.Generator) -> Tensor:
    """What stands behind a sign `[N, 3, S, S]`: sky above a wavy line, leaves or a house below, a trunk or two."""
    x, y = shapes.grid(size)
    sky = column(shapes.choose(_SKIES, count, generator))
    cloud = torch.sigmoid(1.6 * shapes.noise(count, 1, size, (2, 4, 8), (1.0, 0.8, 0.4), generator))
    white = 0.5 * cloud * column(uniform((count,), 0, 1, generator)) + 0.2 * y
    sky = torch.lerp(sky.expand(count, 3, size, size), torch.full((1, 3, 1, 1), 0.95).expand(count, 3, size, size), white)
    house = column(chance((count,), 0.35, generator))
    below = torch.lerp(leaves(count, size, generator), walls(count, size, generator), house)

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


def pole(picture: Tensor, corners: Tensor, side: Tensor, generator: torch.Generator) -> Tensor:
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


def branch(count: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A branch that reaches in from one side before some signs: its colour and its cover."""
    x, y = shapes.grid(size)
    angle, reach = column(uniform((count,), 0, 6.3, generator)), column(uniform((count,), 0.2, 0.42, generator))
    blades = shapes.noise(count, 1, size, (9, 17, min(30, size)), (1.0, 1.0, 0.5), generator)
    near = (x - 0.5) * angle.cos() + (y - 0.5) * angle.sin() - reach
    cover = torch.sigmoid((near * 9 + blades - 0.4) * 5) * column(chance((count,), 0.14, generator))
    green = column(shapes.choose(_FOLIAGE, count, generator)) * torch.exp(0.3 * blades)
    return green, cover
