"""Signs on their posts: where they stand, what hangs before them, and how they are lit."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import shapes
from ..shapes import box, chance, circle, column, coverage, over, uniform
from ..signs.camera import shadows, turned, worn
from . import kinds
from .street import LEAVES, SIGN_METRES, WHITE_SNOW, Street, repeat, rgb

MAIN_SIDES = 0.15, 0.3  # of the main sign's square, in pictures
STICKERS = torch.tensor([[0.93, 0.93, 0.90], [0.08, 0.08, 0.09], [0.90, 0.55, 0.10], [0.25, 0.55, 0.30], [0.85, 0.30, 0.55]])


def places(count: int, number: int, horizon: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Middles `[N, K, 2]` and sides `[N, K]` of the signs in pictures (0 .. 1), the main one first.

    Each further sign takes, of sixteen places tried, the one farthest from those already placed.
    """
    main = uniform((count,), *MAIN_SIDES, generator)
    sides = torch.cat([main[:, None], main[:, None] * uniform((count, number - 1), 0.5, 0.8, generator)], 1)
    middles = torch.zeros(count, number, 2)
    for k in range(number):
        tries = 16 if k else 1
        side = sides[:, k, None]
        margin = 0.56 * side + 0.01
        across = margin + torch.rand(count, tries, generator=generator) * (1 - 2 * margin)
        height = horizon[:, None] - side * uniform((count, tries), 0.0, 1.6, generator)
        tried = torch.stack([across, torch.minimum(torch.maximum(height, margin), 1 - margin)], 2)
        room = torch.full((count, tries), 9.0)
        for other in range(k):
            away = (tried - middles[:, other, None]).abs().amax(2) - 0.55 * (side + sides[:, other, None])
            room = torch.minimum(room, away)
        best = room.argmax(1)
        middles[:, k] = tried[torch.arange(count), best]
        sides[:, k] = torch.where(room.amax(1) > 0, sides[:, k], torch.zeros(()))  # 0: no place left for it
    return middles, sides


def boxes_around(masks: Tensor) -> Tensor:
    """The tight box `[N, 4]` of each mask `[N, S, S]`, -1 where the mask is empty."""
    size = masks.shape[-1]
    columns, rows = masks.any(1).float(), masks.any(2).float()
    low = torch.stack([columns.argmax(1), rows.argmax(1)], 1)
    high = size - torch.stack([columns.flip(1).argmax(1), rows.flip(1).argmax(1)], 1)
    return torch.where(masks.flatten(1).any(1)[:, None], torch.cat([low, high], 1), -1).float()


def _post(picture: Tensor, street: Street, middle: Tensor, side: Tensor, there: Tensor,
          generator: torch.Generator) -> Tensor:
    """The post below a sign, and on some the small white board with lines of writing."""
    count = len(side)
    x, y = shapes.grid(street.size)
    foot = -street.v + street.eye * column(side) / SIGN_METRES  # above the post's foot, in pictures
    half = column(side * uniform((count,), 0.028, 0.042, generator))
    across = (x - column(middle[:, 0])) / half
    post = coverage((across.abs() - 1) * half, 1.0 / street.size) * (y > column(middle[:, 1])) * (foot > 0) * there
    shine = (0.62 - 0.33 * (across - street.sunny_side * 0.4).abs().clamp_max(1.4)) * (street.light + 0.3 * street.night)
    picture = over(picture, shine, post)
    u, v = (x - column(middle[:, 0])) / column(side), (y - column(middle[:, 1])) / column(side) - 0.68
    board = box(u, v, 0.0, 0.0, 0.36, 0.15, 0.03)
    pixel = 1 / (column(side) * street.size)
    long = column(uniform((count,), 0.1, 0.3, generator))
    writing = coverage(repeat(v + 0.05, 0.1).abs() - 0.02, pixel) * (u.abs() < long) * (v.abs() < 0.1)
    face = over(rgb(0.1, 0.1, 0.1), rgb(0.9, 0.9, 0.88), coverage(board + 0.025, pixel))
    face = over(face, rgb(0.12, 0.12, 0.12), writing * 0.8)
    there = there * column(chance((count,), 0.2, generator)) * (foot > 0)
    return over(picture, face * (street.light * 0.9 + 0.45 * street.night), coverage(board, pixel) * there)


def _stickers(front: Tensor, cover: Tensor, u: Tensor, v: Tensor, pixel: Tensor, generator: torch.Generator) -> Tensor:
    """Two stickers on some plates; `front` is multiplied by `cover`, and u, v are in units of the sign."""
    count = len(front)
    for is_round in (True, False):
        cx, cy = (column(uniform((count,), -0.3, 0.3, generator)) for _ in range(2))
        radius = column(uniform((count,), 0.03, 0.08, generator))
        shape = circle(u, v, cx, cy, radius) if is_round else box(u, v, cx, cy, radius * 1.3, radius * 0.8)
        paint = column(shapes.choose(STICKERS, count, generator))
        front = over(front, paint * cover * 0.9, coverage(shape, pixel) * column(chance((count,), 0.13, generator)))
    return front


def _leaves(picture: Tensor, street: Street, u: Tensor, v: Tensor, generator: torch.Generator) -> Tensor:
    """A branch that reaches in from above or from the side before the edge of some signs."""
    count = len(picture)
    angle, away = column(uniform((count,), 2.9, 6.5, generator)), column(uniform((count,), 0.5, 0.8, generator))
    cos, sin = angle.cos(), angle.sin()
    along = (u * cos + v * sin - away).clamp_min(0)  # how far along the branch, from its tip outwards
    aside = torch.hypot(u - (away + along) * cos, v - (away + along) * sin + 0.12 * along.square())
    clump = shapes.noise(count, 1, street.size, (14, 30, 60), (0.7, 1.0, 0.8), generator)
    there = column(chance((count,), 0.2, generator))
    leaf = column(shapes.choose(LEAVES, count, generator)) * torch.exp(0.45 * clump - 0.25)
    leaf = over(leaf, WHITE_SNOW, street.snow * torch.sigmoid(2 * clump) * 0.7) * (street.light + 0.1 * street.night)
    wood = rgb(0.16, 0.12, 0.09) * street.light
    picture = over(picture, wood, coverage(aside - 0.015 - 0.01 * along, 1 / (street.size * 0.22)) * (along > 0) * there)
    return over(picture, leaf, torch.sigmoid((0.6 * clump - 6 * (aside - 0.3 - 0.04 * along)) * 5) * there)


def _pole_before(picture: Tensor, street: Street, u: Tensor, v: Tensor, pixel: Tensor,
                 generator: torch.Generator) -> Tensor:
    """A pole or trunk that stands nearer than some signs and hides a strip of them."""
    count = len(picture)
    half = column(uniform((count,), 0.025, 0.06, generator))
    across = (u - column(uniform((count,), -0.45, 0.45, generator)) - 0.02 * v) / half
    there = column(chance((count,), 0.09, generator))
    shine = 1 - 0.5 * (across - street.sunny_side * 0.4).abs().clamp_max(1.4)
    tone = column(uniform((count,), 0.12, 0.4, generator)) * shine
    return over(picture, tone * street.light, coverage((across.abs() - 1) * half, pixel) * there)


def sign(picture: Tensor, street: Street, classes: Tensor, middle: Tensor, side: Tensor,
         generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One sign a picture on its post, where `side` is above 0; also its mask: the plate's outline, hidden parts too."""
    count, _, size, _ = picture.shape
    there = column((side > 0).float())
    side = side.clamp_min(0.05)
    corners = (turned(count, generator)[0] * side[:, None, None] + middle[:, None]) * size
    plate = shapes.warp(kinds.textures(classes, 1.6 * size * float(side.median())), corners, size) * there
    colour, cover = plate[:, :3], plate[:, 3:]
    picture = _post(picture, street, middle, side, there, generator)
    x, y = shapes.grid(size)
    u, v = (x - column(middle[:, 0])) / column(side), (y - column(middle[:, 1])) / column(side)
    pixel = 1 / (column(side) * size)
    sunny = 0.88 + 0.25 * column(torch.rand(count, generator=generator)) * street.shade
    beam = column(uniform((count,), 0.25, 0.75, generator)) * street.night  # road signs throw headlights back
    front = worn(_stickers(colour, cover, u, v, pixel, generator), cover, generator)
    front = front * (shadows(count, size, generator) * street.light * sunny + beam * rgb(1.0, 0.98, 0.9))
    thick = max(1, round(0.05 * size * float(side.median())))
    upper_edge = (cover - F.pad(cover, (0, 0, thick, 0))[:, :, :size]).clamp_min(0)
    front = over(front, WHITE_SNOW * cover * (street.light + 0.3 * street.night), upper_edge * street.snow * 0.9)
    depth = street.focal * SIGN_METRES / column(side)
    front = torch.lerp(street.horizon * cover, front, torch.exp(-depth / street.reach))
    picture = front + picture * (1 - cover)
    hidden = _pole_before(_leaves(picture, street, u, v, generator), street, u, v, pixel, generator)
    return over(picture, hidden, there), plate[:, 3] > 0.5
