"""House fronts on both sides of the street, with windows and shops."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .. import shapes
from ..shapes import chance, column, coverage, over, uniform
from .street import WHITE_SNOW, Street, band, repeat, rgb, sample

WALLS = torch.tensor([[0.80, 0.74, 0.62], [0.66, 0.40, 0.32], [0.84, 0.82, 0.78], [0.58, 0.50, 0.44], [0.82, 0.66, 0.44],
                       [0.60, 0.66, 0.70], [0.72, 0.54, 0.46], [0.52, 0.30, 0.25], [0.70, 0.72, 0.62], [0.86, 0.78, 0.70]])
ROOFS = torch.tensor([[0.48, 0.22, 0.17], [0.32, 0.27, 0.26], [0.40, 0.30, 0.24], [0.25, 0.27, 0.31], [0.55, 0.30, 0.20]])


BOARDS = torch.tensor([[0.72, 0.10, 0.10], [0.08, 0.26, 0.58], [0.92, 0.76, 0.14], [0.93, 0.92, 0.88], [0.10, 0.40, 0.24],
                       [0.10, 0.10, 0.12], [0.55, 0.14, 0.40], [0.85, 0.45, 0.10]])
HOUSES = 16  # different houses on each side of a street, then they come again


def pick(table: Tensor, index: Tensor) -> Tensor:
    """Rows of each picture's table `[N, HOUSES, C]` for an index map `[N, 1, 1, S]`: `[N, C, 1, S]`."""
    flat = index[:, 0, 0, :, None].expand(-1, -1, table.shape[-1])
    return torch.gather(table, 1, flat).transpose(1, 2)[:, :, None]


class Row(NamedTuple):
    """The plane of the house fronts on one side as each pixel sees it; a column of the picture shows one house."""

    index: Tensor  # [N, 1, 1, S] which house
    along: Tensor  # [N, 1, 1, S] metres from the house's near corner
    up: Tensor  # [N, 1, S, S] metres above the ground
    depth: Tensor  # [N, 1, 1, S] metres ahead
    length: Tensor  # [N, 1, 1, 1] of a house
    pixel: Tensor  # metres a pixel covers up the wall
    along_pixel: Tensor  # and along it


def wall_plane(street: Street, side: int, generator: torch.Generator) -> Row:
    count = len(street.u)
    yard = column(uniform((count,), 3.4, 8.0, generator))
    beside = ((street.centre + side * (street.road + yard)) * side).clamp_min(1.0)  # metres from the camera to the plane
    toward = (street.u * side).clamp_min(2e-3)  # above 0 on this side of the vanishing point
    depth = (street.focal * beside / toward).clamp_max(500)
    up = street.eye - street.v * depth / street.focal
    pixel = street.pixel(depth) * torch.hypot(torch.ones_like(up), street.v / toward)
    length = column(uniform((count,), 8, 15, generator))
    place = depth + column(uniform((count,), 0, 15, generator))
    index = (place / length).floor().long() % HOUSES
    return Row(index, place % length, up, depth, length, pixel, depth / (toward * street.size))


def windows(front: Tensor, street: Street, row: Row, known: Tensor, generator: torch.Generator) -> Tensor:
    """A grid of windows on the fronts where `known`; some are lit at dusk."""
    count = len(street.u)
    bay = pick(uniform((count, HOUSES, 1), 1.9, 3.0, generator), row.index)
    half = pick(uniform((count, HOUSES, 2), 0.42, 0.72, generator), row.index)
    wide, tall = half[:, :1], half[:, 1:] * 1.4
    u, v = repeat(row.along - row.length / 2, bay).abs(), repeat(row.up - 0.35, 3.1).abs()
    known = (1 - row.along_pixel / bay * 1.6).clamp(0, 1) * known  # too far away, a window is not seen
    pane = coverage(u - wide, row.along_pixel) * coverage(v - tall, row.pixel) * known
    frame = coverage(u - wide - 0.12, row.along_pixel) * coverage(v - tall - 0.14, row.pixel) * known
    cross = torch.maximum(coverage(u - 0.04, row.along_pixel), coverage(v - 0.04, row.pixel)) * (row.pixel < 0.05)
    number = ((row.along / bay).floor() * 0.618 + (row.up / 3.1).floor() * 0.377 + row.index * 0.271) % 1
    glass = street.zenith * 0.35 + 0.05 + 0.18 * number
    dusk = (street.light.mean(1, keepdim=True) < 0.74).float()
    glass = over(glass, rgb(1.0, 0.76, 0.4) / street.light.clamp_min(0.12), dusk * (number > 0.55) * 0.8)
    return over(over(front, torch.full((1, 3, 1, 1), 0.88), frame), glass, pane * (1 - 0.6 * cross))


def shops(front: Tensor, street: Street, row: Row, room: Tensor, generator: torch.Generator) -> Tensor:
    """Shops on the ground floors of some houses: a large window, and above it a board with a name; lit in the evening."""
    count = len(street.u)
    there = pick(chance((count, HOUSES, 1), 0.45, generator), row.index) * room * (row.along_pixel < 0.5)
    paints = (shapes.choose(BOARDS, count * HOUSES, generator).reshape(count, HOUSES, 3) for _ in range(2))
    board, ink = (pick(paint, row.index) for paint in paints)
    lettering = pick(uniform((count, HOUSES, 2), 0, 1, generator), row.index)
    lit = street.night * 0.75
    panes = coverage((row.up - 1.35).abs() - 0.95, row.pixel) * (1 - band(repeat(row.along, 1.7), 0.06, row.along_pixel))
    goods = ((row.along * 2.3).floor() * 0.618 + (row.up * 2.6).floor() * 0.377 + lettering[:, :1]) % 1
    lamplight = rgb(1.0, 0.82, 0.52) * (0.5 + 0.5 * goods) / street.light.clamp_min(0.12)
    inside = over(street.zenith * 0.3 + 0.08 + 0.25 * goods * board, lamplight, lit)
    front = over(front, inside, panes * there)
    sign = coverage((row.up - 2.72).abs() - 0.3, row.pixel)
    word = ((row.along / 5).floor() * 0.83 + lettering[:, 1:]) % 1
    stems = ((row.along * (2.2 + word)) % 1 > 0.35) & ((row.along * 0.45 + word) % 1 > 0.3)
    letters = stems * coverage((row.up - 2.72).abs() - 0.15, row.pixel) * (row.along_pixel < 0.12)
    painted = over(board, ink, letters * (0.35 + 0.65 * ((row.along * 5.3 + row.up * 4.1) % 1 > 0.3)))
    return over(front, painted * (1 + lit / street.light.clamp_min(0.12) * 0.5), sign * there)


def houses(picture: Tensor, street: Street, texture: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """The row of houses along one side (-1 left, 1 right) of the street, roofs and gables seen from the front."""
    count = len(street.u)
    row = wall_plane(street, side, generator)
    wall, roof = (pick(shapes.choose(table, count * HOUSES, generator).reshape(count, HOUSES, 3) *
                        uniform((count, HOUSES, 1), 0.85, 1.1, generator), row.index) for table in (WALLS, ROOFS))
    usual = torch.randint(1, 5, (count, 1, 1), generator=generator)  # the floors that most houses of a street have
    floors = (usual + torch.randint(-1, 2, (count, HOUSES, 1), generator=generator)).clamp(1, 4).float()
    gable, there = (pick(chance((count, HOUSES, 1), often, generator), row.index) for often in (0.3, 0.93))
    there = there * column(chance((count,), 0.8, generator))  # else the street runs through open land on this side
    eaves = 3.1 * pick(floors, row.index) + 0.7
    gap = column(uniform((count,), -0.5, 0.8, generator)).clamp_min(0)
    from_end = torch.minimum(row.along, row.length - row.along)
    top_wall = eaves + gable * from_end * 0.6
    top_roof = top_wall + gable * 0.35 + (1 - gable) * 2.2 * (from_end / 1.6).clamp_max(1)
    inside = coverage(gap - from_end, row.along_pixel) * there * (row.depth < 260) * (street.u * side > 0)

    stain = sample(texture, row.along * 0.13 + row.index * 0.7, row.up * 0.11) * 0.05
    joints = band(repeat(row.up, 0.3), 0.03, row.pixel) + 0.5 * band(repeat(row.along, 0.7), 0.03, row.along_pixel)
    front = wall * (1 + stain - (0.1 * joints).clamp_max(0.12)) * (0.86 + 0.14 * (row.up / 3).clamp(0, 1))
    front = over(front, wall * 0.6, coverage((row.up - 0.3).abs() - 0.3, row.pixel))
    front = windows(front, street, row, (row.up < eaves - 0.4) * (from_end > gap + 0.5), generator)
    front = shops(front, street, row, (from_end > gap + 0.4) * there, generator)
    roof = over(roof, WHITE_SNOW, street.snow * 0.85)
    tiles = roof * (1 - 0.15 * band(repeat(row.up, 0.4), 0.06, row.pixel))
    house = over(tiles, front, coverage(row.up - top_wall, row.pixel))
    bright = torch.where(street.sunny_side * side < 0, torch.ones_like(street.shade), street.shade)
    house = street.hazed(house * street.light * bright, row.depth)
    return over(picture, house, inside * coverage(-row.up, row.pixel) * coverage(row.up - top_roof, row.pixel))
