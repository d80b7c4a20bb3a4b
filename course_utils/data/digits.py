"""Handwriting-like digits, drawn from strokes: the course's endless MNIST.

A digit has several ways to be written; each is a few strokes through control points. A picture
moves the control points, bends and slants the strokes like one writer, and lays ink along them.
Conventions are MNIST's: 28x28, white ink on black, the digit in a box of about 20x20 pixels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from .. import runtime
from .shapes import Point, arc, labels, normal, parts, uniform

NAMES = tuple("0123456789")
SIZE = 28
DOTS = 72  # dots of ink along all strokes of a digit: closer than a pixel even in an 8

# Strokes in a unit square, y down. A point given twice in a row is a sharp corner.
# For each digit: (how often this way is used, strokes).
Ways = list[tuple[float, list[list[Point]]]]


def _corner(x: float, y: float) -> list[Point]:
    return [(x, y), (x, y)]


def _ways() -> list[Ways]:
    """Every digit's ways to be written, in the order of NAMES."""
    zero: Ways = [
        (4, [arc(0.5, 0.5, 0.36, 0.5, -80, -442, 8)]),
        (2, [[*arc(0.5, 0.5, 0.36, 0.5, -50, -395, 8), (0.62, 0.12)]]),
        (1, [[(0.3, 0.1), *arc(0.5, 0.53, 0.36, 0.47, -60, 285, 8)]]),
        (1, [[(0.68, 0.08), *arc(0.46, 0.52, 0.34, 0.48, -100, -425, 8), (0.45, 0.02), (0.3, 0.1)]]),
    ]
    one: Ways = [
        (6, [[(0.5, 0.0), (0.5, 0.5), (0.5, 1.0)]]),
        (2, [[(0.3, 0.22), *_corner(0.52, 0.0), (0.52, 0.5), (0.52, 1.0)]]),
        (1, [[(0.28, 0.24), *_corner(0.52, 0.0), (0.52, 0.5), (0.52, 1.0)], [(0.26, 1.0), (0.78, 0.99)]]),
    ]
    two: Ways = [
        (3, [[(0.14, 0.24), (0.3, 0.04), (0.6, 0.0), (0.84, 0.22), (0.7, 0.54), (0.4, 0.8),
              *_corner(0.1, 1.0), (0.5, 0.98), (0.95, 0.96)]]),
        (3, [[(0.12, 0.2), (0.4, 0.0), (0.74, 0.1), (0.74, 0.42), (0.5, 0.74), (0.22, 0.97), (0.06, 0.9),
              (0.18, 0.74), (0.42, 0.84), (0.66, 0.98), (0.95, 0.88)]]),
        (1, [[(0.12, 0.1), (0.5, 0.0), (0.8, 0.1), (0.72, 0.4), (0.4, 0.72), *_corner(0.08, 0.96),
              (0.36, 0.88), (0.64, 0.98), (0.92, 0.94)]]),
        (1, [[(0.2, 0.3), (0.16, 0.12), (0.45, 0.0), (0.78, 0.16), (0.66, 0.5), *_corner(0.1, 0.96), (0.9, 0.98)]]),
    ]
    three: Ways = [
        (4, [[(0.16, 0.12), (0.46, 0.0), (0.8, 0.16), (0.68, 0.4), *_corner(0.4, 0.47), (0.7, 0.54), (0.86, 0.76),
              (0.55, 1.0), (0.1, 0.9)]]),
        (1, [[(0.12, 0.04), (0.5, 0.02), *_corner(0.82, 0.02), *_corner(0.45, 0.42), (0.8, 0.54), (0.84, 0.8),
              (0.5, 1.0), (0.1, 0.9)]]),
        (2, [[(0.2, 0.08), (0.55, 0.0), (0.76, 0.18), (0.56, 0.42), (0.36, 0.48), (0.42, 0.42), (0.74, 0.55),
              (0.8, 0.82), (0.46, 1.0), (0.14, 0.88)]]),
        (1, [[(0.2, 0.2), (0.3, 0.02), (0.66, 0.04), (0.74, 0.28), *_corner(0.5, 0.46), (0.78, 0.62), (0.72, 0.92),
              (0.36, 1.0), (0.12, 0.8)]]),
    ]
    four: Ways = [
        (3, [[(0.2, 0.04), (0.14, 0.34), *_corner(0.12, 0.54), (0.5, 0.54), (0.9, 0.5)],
             [(0.78, 0.06), (0.74, 0.5), (0.7, 1.0)]]),
        (2, [[(0.18, 0.02), (0.12, 0.4), (0.3, 0.54), (0.62, 0.48), (0.82, 0.38)],
             [(0.84, 0.0), (0.78, 0.5), (0.74, 1.0)]]),
        (2, [[(0.62, 0.0), (0.36, 0.32), *_corner(0.08, 0.62), (0.5, 0.62), (0.94, 0.6)],
             [(0.66, 0.02), (0.65, 0.5), (0.63, 1.0)]]),
        (1, [[(0.9, 0.6), (0.5, 0.62), *_corner(0.08, 0.62), (0.38, 0.26), *_corner(0.68, 0.0), (0.66, 0.5),
              (0.62, 1.0)]]),
    ]
    five: Ways = [
        (3, [[(0.26, 0.04), (0.22, 0.26), *_corner(0.2, 0.44), (0.55, 0.38), (0.84, 0.6), (0.74, 0.9),
              (0.4, 1.0), (0.1, 0.9)],
             [(0.26, 0.04), (0.56, 0.03), (0.88, 0.0)]]),
        (2, [[(0.84, 0.02), (0.56, 0.03), *_corner(0.3, 0.05), *_corner(0.22, 0.42), (0.56, 0.4), (0.8, 0.62),
              (0.68, 0.92), (0.36, 1.0), (0.1, 0.88)]]),
        (2, [[(0.88, 0.0), (0.5, 0.04), (0.26, 0.2), (0.32, 0.4), (0.66, 0.54), (0.74, 0.8), (0.46, 1.0),
              (0.12, 0.94)]]),
    ]
    six: Ways = [
        (3, [[(0.68, 0.0), (0.36, 0.24), (0.14, 0.62), (0.28, 0.96), (0.62, 0.98), (0.8, 0.76), (0.6, 0.56),
              (0.32, 0.64), (0.2, 0.8)]]),
        (2, [[(0.5, 0.0), (0.26, 0.36), (0.16, 0.74), (0.36, 1.0), (0.66, 0.92), (0.72, 0.68), (0.48, 0.58),
              (0.24, 0.76)]]),
        (1, [[(0.78, 0.06), (0.46, 0.06), (0.18, 0.4), (0.16, 0.8), (0.46, 1.0), (0.78, 0.84), (0.72, 0.58),
              (0.42, 0.52), (0.18, 0.7)]]),
        (1, [[(0.3, 0.0), (0.2, 0.4), (0.16, 0.8), (0.44, 1.0), (0.74, 0.84), (0.6, 0.62), (0.34, 0.7), (0.24, 0.9)]]),
    ]
    seven: Ways = [
        (5, [[(0.1, 0.06), (0.45, 0.06), *_corner(0.84, 0.02), (0.62, 0.46), (0.42, 1.0)]]),
        (2, [[(0.1, 0.06), (0.45, 0.05), *_corner(0.84, 0.02), (0.62, 0.46), (0.44, 1.0)],
             [(0.3, 0.52), (0.82, 0.46)]]),
        (2, [[(0.1, 0.26), *_corner(0.14, 0.06), (0.5, 0.07), *_corner(0.86, 0.04), (0.58, 0.5), (0.5, 1.0)]]),
        (1, [[(0.06, 0.16), (0.26, 0.04), (0.56, 0.1), (0.86, 0.04), (0.72, 0.34), (0.54, 0.64), (0.48, 1.0)]]),
    ]
    eight: Ways = [
        (4, [[(0.76, 0.12), (0.5, 0.0), (0.22, 0.16), (0.42, 0.42), (0.7, 0.62), (0.72, 0.9), (0.42, 1.0), (0.2, 0.82),
              (0.36, 0.58), (0.64, 0.4), (0.8, 0.16)]]),
        (2, [[(0.78, 0.06), (0.44, 0.02), (0.26, 0.2), (0.5, 0.44), (0.74, 0.7), (0.54, 0.98), (0.26, 0.88),
              (0.32, 0.64),
              (0.62, 0.36), (0.74, 0.04)]]),
        (1, [arc(0.5, 0.24, 0.26, 0.24, 60, 430, 9), arc(0.5, 0.74, 0.32, 0.26, -80, 290, 9)]),
        (1, [[(0.5, 0.46), (0.26, 0.24), (0.48, 0.0), (0.74, 0.2), (0.52, 0.46), (0.24, 0.76), (0.48, 1.0),
              (0.76, 0.78), (0.5, 0.46)]]),
    ]
    nine: Ways = [
        (4, [[(0.78, 0.14), (0.5, 0.02), (0.18, 0.24), (0.34, 0.48), (0.66, 0.38), *_corner(0.8, 0.1),
              (0.76, 0.52), (0.68, 1.0)]]),
        (2, [[(0.74, 0.1), (0.44, 0.02), (0.2, 0.28), (0.42, 0.48), (0.72, 0.3), (0.76, 0.2), (0.78, 0.56),
              (0.64, 0.92), (0.24, 0.98)]]),
        (2, [[(0.7, 0.2), (0.46, 0.04), (0.2, 0.26), (0.4, 0.46), (0.68, 0.28), (0.66, 0.14), (0.6, 0.56),
              (0.5, 1.0)]]),
        (1, [arc(0.46, 0.26, 0.28, 0.26, 0, -360, 9), [(0.76, 0.02), (0.76, 0.5), (0.74, 1.0)]]),
    ]
    return [zero, one, two, three, four, five, six, seven, eight, nine]


class Hand(NamedTuple):
    """What writer and pen do to a digit, one number a picture `[N]`: the numbers that `written` tells and takes.

    aspect: how wide for its height. slant: to the right a row up. turn: radians. size: of its larger side, in pixels. right, down: pixels off
    the middle. pen: half the stroke's width in pixels. soft: how wide the grey edge of the ink is.
    """

    aspect: Tensor
    slant: Tensor
    turn: Tensor
    size: Tensor
    right: Tensor
    down: Tensor
    pen: Tensor
    soft: Tensor


# Wider than what is drawn by itself, but a person still reads the digit.
RANGES = Hand((0.7, 1.25), (-0.3, 0.65), (-0.35, 0.35), (14.0, 19.5), (-3.0, 3.0), (-3.0, 3.0), (0.75, 1.9), (1.0, 2.2))


class _Table(NamedTuple):
    """All ways to write all digits, padded to the same size, so that a batch can mix them."""

    controls: Tensor  # [ways, K, 2] control points
    basis: Tensor  # [ways, DOTS, K]: dots = basis @ controls
    ends: Tensor  # [ways, DOTS] distance of a dot from its stroke's nearer end, 0 .. 0.5
    first: Tensor  # [10] the first way of each digit
    odds: Tensor  # [10, most ways] how often each way is used


def _spline(points: list[Point], columns: list[int], width: int, steps: int = 24) -> Tensor:
    """A Catmull-Rom spline through the points, as weights `[M, width]` of the control columns."""
    count = len(points)
    t = torch.arange(steps) / steps
    blend = torch.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2], 1) / 2
    rows = []
    for k in range(count - 1):
        piece = torch.zeros(steps, width)
        for offset in range(4):
            piece[:, columns[min(max(k - 1 + offset, 0), count - 1)]] += blend[:, offset]
        rows.append(piece)
    last = torch.zeros(1, width)
    last[0, columns[-1]] = 1
    return torch.cat([*rows, last])


def _compile(strokes: list[list[Point]], width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Controls `[width, 2]`, basis `[DOTS, width]` and ends `[DOTS]` of one way, dots equally spaced along the ink."""
    controls, pieces = [], []
    for points in strokes:
        columns = []
        for k, point in enumerate(points):
            if k == 0 or point != points[k - 1]:
                controls.append(point)
            columns.append(len(controls) - 1)
        pieces.append((points, columns))
    table = torch.zeros(width, 2)
    table[: len(controls)] = torch.tensor(controls)
    splines = [_spline(points, columns, width) for points, columns in pieces]
    paths = [torch.cat([torch.zeros(1), (s @ table).diff(dim=0).norm(dim=1).cumsum(0)]) for s in splines]
    lengths = torch.stack([path[-1] for path in paths])
    shares = (lengths / lengths.sum() * DOTS).round().long().clamp_min(4)
    shares[lengths.argmax()] += DOTS - shares.sum()
    basis, ends = [], []
    for spline, path, share in zip(splines, paths, shares.tolist()):
        at = torch.linspace(0, 1, share) * path[-1]
        basis.append(spline[torch.searchsorted(path, at).clamp_max(len(path) - 1)])
        along = torch.linspace(0, 1, share)
        ends.append(torch.minimum(along, 1 - along))
    return table, torch.cat(basis), torch.cat(ends)


@lru_cache(maxsize=1)
def _table() -> _Table:
    ways = _ways()
    flat = [strokes for digit in ways for _, strokes in digit]
    width = max(sum(len(points) for points in strokes) for strokes in flat)
    controls, basis, ends = (torch.stack(part) for part in zip(*(_compile(strokes, width) for strokes in flat)))
    counts = torch.tensor([len(digit) for digit in ways])
    odds = torch.zeros(len(ways), int(counts.max()))
    for k, digit in enumerate(ways):
        odds[k, : len(digit)] = torch.tensor([float(weight) for weight, _ in digit])
    return _Table(controls, basis, ends, counts.cumsum(0) - counts, odds)


def _strokes(y: Tensor, generator: torch.Generator, hand: Hand | None) -> tuple[Tensor, Tensor, Hand]:
    """Dots of ink `[N, DOTS, 2]` in pixels and their radii `[N, DOTS]`: one writer a picture; and that writer's hand (soft: none yet).

    A hand that is given takes the place of the drawn one, which is drawn all the same: all else stays as it was.
    """
    table, count = _table(), len(y)
    # Not torch.multinomial: its numbers differ between processors and between versions of torch.
    levels = table.odds[y].cumsum(1)
    way = table.first[y] + (levels <= levels[:, -1:] * torch.rand(count, 1, generator=generator)).sum(1)
    care = uniform((count, 1, 1), 0.015, 0.06, generator)  # how far a writer's points stray
    stray = torch.randn(count, table.controls.shape[1] + 1, 2, generator=generator)
    stray = 0.75 * (stray[:, 1:] + stray[:, :-1])  # neighbours stray together: a hand makes no kinks
    controls = table.controls[way] + stray * care
    dots = torch.bmm(table.basis[way], controls) - 0.5

    # An elastic bend: each coordinate is moved by two slow waves along a random direction.
    for _ in range(2):
        direction, phase = normal((count, 1, 2), 4.5, generator), uniform((count, 1), 0, 6.3, generator)
        push = normal((count, 1, 2), 0.032, generator)
        dots = dots + torch.sin((dots * direction).sum(2) + phase)[..., None] * push

    aspect = torch.exp(normal((count, 1), 0.2, generator) - 0.1)
    slant, turn = normal((count, 1), 0.26, generator) + 0.2, normal((count, 1), 0.12, generator)
    own = Hand(aspect, slant, turn, *(aspect,) * 5)
    if hand is not None:
        aspect, slant, turn = hand.aspect[:, None], hand.slant[:, None], hand.turn[:, None]
    x, y_ = dots.unbind(2)
    x = x * aspect - slant * y_
    x, y_ = x * turn.cos() - y_ * turn.sin(), x * turn.sin() + y_ * turn.cos()
    dots = torch.stack([x, y_], 2)

    # MNIST's frame: the larger side is 20 pixels with the ink; then centred, nearly.
    low, high = dots.amin(1, keepdim=True), dots.amax(1, keepdim=True)
    size = uniform((count, 1, 1), 15.8, 18.6, generator)
    off = normal((count, 1, 2), 0.7, generator)
    pen = torch.exp(normal((count, 1), 0.25, generator)) * 1.3  # half the stroke's width in pixels
    own = own._replace(size=size[:, 0], right=off[:, 0, :1], down=off[:, 0, 1:], pen=pen)
    if hand is not None:
        size, off, pen = hand.size[:, None, None], torch.stack([hand.right, hand.down], 1)[:, None], hand.pen[:, None]
    scale = size / (high - low).amax(2, keepdim=True)
    middle = 0.65 * (low + high) / 2 + 0.35 * dots.mean(1, keepdim=True)
    dots = (dots - middle) * scale + SIZE / 2 + off

    phase = torch.linspace(0, 1, DOTS) * uniform((count, 1), 4, 14, generator)
    wave = torch.sin(phase + uniform((count, 1), 0, 6.3, generator))
    taper = 1 - uniform((count, 1), 0.0, 0.55, generator) * torch.exp(-table.ends[way] * 14)
    return dots, (pen * (1 + 0.16 * wave) * taper).clamp(0.7, 2.6), Hand(*(part[:, 0] for part in own))


def _ink(dots: Tensor, radii: Tensor) -> Tensor:
    """Power distance of every pixel to the dots: the least |pixel - dot|^2 - radius^2, `[N, 28, 28]`.

    It is 0 on the outline of a dot. |pixel - dot|^2 is a sum over the two coordinates, so a dot costs one
    addition and one minimum a pixel.
    """
    centres = torch.arange(SIZE) + 0.5
    across = (centres - dots[..., :1]).square()
    down = (centres - dots[..., 1:]).square() - radii.square()[..., None]
    power = torch.full((len(dots), SIZE, SIZE), 1e3)
    for k in range(dots.shape[1]):
        one = across[:, k, None, :] + down[:, k, :, None]
        power = torch.minimum(power, one) if one.requires_grad else torch.minimum(power, one, out=power)
    return power


def _pictures(y: Tensor, generator: torch.Generator, hand: Hand | None = None) -> tuple[Tensor, Hand]:
    dots, radii, own = _strokes(y, generator, hand)
    width = radii.mean(1)[:, None, None]
    least = 1e-9 if radii.requires_grad else 0.0  # the slope of a root is infinite at 0
    distance = torch.sqrt((_ink(dots, radii) + width.square()).clamp_min(least)) - width
    soft = uniform((len(y), 1, 1), 1.0, 1.8, generator)  # how wide the grey edge of the ink is, in pixels
    own = own._replace(soft=soft[:, 0, 0])
    soft = soft if hand is None else hand.soft[:, None, None]
    strength = 1 - 0.15 * torch.rand(len(y), 1, 1, generator=generator).square()
    ink = (1.25 * (0.5 - distance / soft)).clamp(0, 1) * strength
    grain = 1 - 0.06 * torch.rand(ink.shape, generator=generator)
    return (ink * grain)[:, None].clamp(0, 1), own


def draw(y: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Handwriting-like pictures `[N, 1, 28, 28]` in [0, 1] of the digits `y` `[N]`, on the CPU.

    The same labels and the same generator seed give the same pictures.
    """
    return written(y, generator=generator)[0]


def written(y: Tensor, *, generator: torch.Generator | None = None, hand: Hand | None = None) -> tuple[Tensor, Hand]:
    """What `draw` gives, and the hand that wrote it; with a `hand` (each `[N]`) the same digits by that hand, differentiable in it."""
    y = labels(y, len(NAMES))
    generator = generator or runtime.generator()
    done = [_pictures(y[part], generator, None if hand is None else Hand(*(v[part] for v in hand))) for part in parts(len(y), 256)]
    return torch.cat([x for x, _ in done]), Hand(*(torch.cat(column) for column in zip(*(own for _, own in done))))
