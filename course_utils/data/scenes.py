"""Street scenes in perspective, with road signs and their boxes: the photos that the course draws itself.

A pinhole camera looks down a straight street. For every pixel the ground's and the house fronts'
depth follow from the vanishing point, so road marks, windows and roofs are drawn by arithmetic on
whole batches. Trees, cars and lamps are flat shapes that stand in the street; signs are warped.
Lengths in the street are metres: right, up and ahead of the camera.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import runtime
from . import shapes, signs
from .shapes import box, chance, coverage, normal, over, uniform
from .signs import column

NAMES = signs.NAMES
SIGN_METRES = 0.8
HOUSES = 16  # different houses on each side of a street, then they come again


class SceneBatch(NamedTuple):
    """Pictures and what stands in them; the main sign is the largest one and comes first."""

    x: Tensor  # [N, 3, S, S] in [0, 1]
    y: Tensor  # [N] the main sign's class
    boxes: Tensor  # [N, K, 4] x0, y0, x1, y1 in pixels, the far edges exclusive; -1 where there is no sign
    labels: Tensor  # [N, K] classes, -1 where there is no sign
    masks: Tensor  # bool [N, S, S] the main sign's plate


class _Street(NamedTuple):
    """The camera and the light of each picture; numbers are `[N, 1, 1, 1]`, colours `[N, 3, 1, 1]`."""

    size: int
    u: Tensor  # [N, 1, 1, S] right of the vanishing point, in pictures
    v: Tensor  # [N, 1, S, 1] below the vanishing point, in pictures
    focal: Tensor  # in pictures
    eye: Tensor  # height of the camera
    centre: Tensor  # the road's middle, right of the camera
    road: Tensor  # half the road's width
    zenith: Tensor  # colours of the sky above and at the horizon
    horizon: Tensor
    light: Tensor  # colour of the daylight
    shade: Tensor  # brightness of what the sun does not reach
    reach: Tensor  # how far one sees in the haze
    sunny_side: Tensor  # -1: the sun lights what faces left, 1: right

    def pixel(self, depth: Tensor) -> Tensor:
        """Metres a pixel covers at a depth."""
        return depth / (self.focal * self.size)

    def hazed(self, colour: Tensor, depth: Tensor) -> Tensor:
        """Colours seen through the air before them."""
        return torch.lerp(self.horizon, colour, torch.exp(-depth / self.reach))


# Skies: zenith, horizon, daylight, brightness in the shade, sight in metres.
_MOODS = torch.tensor([
    [0.16, 0.40, 0.80, 0.68, 0.83, 0.95, 1.06, 1.03, 0.97, 0.58, 400.0],  # clear noon
    [0.22, 0.46, 0.84, 0.76, 0.87, 0.96, 1.04, 1.02, 0.98, 0.62, 300.0],
    [0.30, 0.54, 0.86, 0.74, 0.85, 0.94, 1.02, 1.01, 0.99, 0.66, 250.0],
    [0.38, 0.60, 0.86, 0.96, 0.88, 0.76, 1.06, 0.97, 0.85, 0.62, 180.0],  # morning
    [0.30, 0.42, 0.70, 1.00, 0.74, 0.46, 1.12, 0.86, 0.60, 0.52, 220.0],  # evening
    [0.62, 0.67, 0.73, 0.86, 0.87, 0.89, 0.80, 0.82, 0.85, 0.92, 130.0],  # overcast
    [0.20, 0.27, 0.52, 0.90, 0.62, 0.54, 0.66, 0.61, 0.70, 0.80, 180.0],  # dusk
    [0.56, 0.73, 0.90, 0.92, 0.94, 0.95, 1.00, 0.99, 0.96, 0.74, 90.0],  # bright haze
])
_WALLS = torch.tensor([[0.80, 0.74, 0.62], [0.66, 0.40, 0.32], [0.84, 0.82, 0.78], [0.58, 0.50, 0.44], [0.82, 0.66, 0.44],
                       [0.60, 0.66, 0.70], [0.72, 0.54, 0.46], [0.52, 0.30, 0.25], [0.70, 0.72, 0.62], [0.86, 0.78, 0.70]])
_ROOFS = torch.tensor([[0.48, 0.22, 0.17], [0.32, 0.27, 0.26], [0.40, 0.30, 0.24], [0.25, 0.27, 0.31], [0.55, 0.30, 0.20]])
_LEAVES = torch.tensor([[0.16, 0.30, 0.10], [0.22, 0.36, 0.12], [0.12, 0.24, 0.12], [0.34, 0.40, 0.14], [0.50, 0.36, 0.10],
                        [0.20, 0.32, 0.16]])
_PAINTS = torch.tensor([[0.70, 0.08, 0.08], [0.10, 0.20, 0.45], [0.80, 0.80, 0.82], [0.12, 0.12, 0.13], [0.45, 0.47, 0.50],
                        [0.86, 0.84, 0.78], [0.15, 0.32, 0.25], [0.62, 0.50, 0.18], [0.30, 0.42, 0.58]])


def _rgb(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue])[None, :, None, None]


def _sample(texture: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """`texture` `[N, 1, R, R]` read at coordinates that repeat as in facing mirrors."""
    across, down = torch.broadcast_tensors(across, down)
    where = torch.stack([across[:, 0], down[:, 0]], -1)
    return F.grid_sample(texture, where, mode="bilinear", padding_mode="reflection", align_corners=False)


def _repeat(position: Tensor, period: Tensor | float) -> Tensor:
    """Signed distance to the middle of the cell that `position` is in, for cells of length `period`."""
    return position % period - period / 2


# ---------------------------------------------------------------- sky and ground


def _sky(street: _Street, texture: Tensor, generator: torch.Generator) -> Tensor:
    """A gradient with clouds that run to the horizon, the glow of the sun, and far hills or woods."""
    count = len(street.u)
    height = (-street.v).clamp_min(0)
    picture = torch.lerp(street.horizon, street.zenith, (1 - torch.exp(-height * 3.2)).expand(-1, 3, -1, street.size))
    far = 1 / (height + 0.16)
    drift = column(uniform((count,), 0, 9, generator))
    across = street.u * far
    cloud = _sample(texture, across * 0.35 + drift, far * 0.3) + 0.5 * _sample(texture, across * 0.9 - drift, far * 0.8)
    amount = column(uniform((count,), -0.9, 1.3, generator))
    cover = torch.sigmoid((cloud + amount - 0.9) * 2.6) * (height * 6).clamp(0, 1) * 0.85
    white = torch.lerp(street.horizon, street.light * 0.93, torch.full_like(street.light, 0.7)).clamp_max(1.0)
    picture = over(picture, white * (1 - 0.1 * cloud.clamp(-1, 1)), cover)

    sun = column(uniform((count,), -0.6, 0.6, generator)), column(uniform((count,), -0.45, -0.03, generator))
    glow = torch.exp(-6 * torch.hypot(street.u - sun[0], street.v - sun[1]))
    picture = picture + glow * (street.light * _rgb(1.0, 0.9, 0.7)) * column(uniform((count,), 0, 0.5, generator))

    for depth, tall in ((260.0, 0.12), (110.0, 0.07)):
        ridge = shapes.noise(count, 1, street.size, (3, 7, min(40, street.size)), (1.0, 0.6, 0.18), generator)[:, :, :1]
        top = column(uniform((count,), 0.1, 1.0, generator)) * tall * (1 + 0.5 * ridge)
        woods = column(shapes.choose(_LEAVES, count, generator)) * 0.9 * street.light * street.shade
        picture = over(picture, street.hazed(woods, torch.tensor(depth)), coverage(-street.v - top, 1.5 / street.size))
    return picture


def _band(position: Tensor, half: float | Tensor, pixel: Tensor) -> Tensor:
    """Coverage of a painted band, right also where the band is thinner than a pixel."""
    return coverage(position.abs() - half, pixel) * (2 * half / pixel).clamp_max(1)


class _Floor(NamedTuple):
    """The flat ground as each pixel sees it, all `[N, 1, S, S]` or smaller; what is above the horizon is meaningless."""

    depth: Tensor  # metres ahead
    right: Tensor  # metres right of the road's middle
    off: Tensor  # metres from the road's middle
    pixel: Tensor  # metres a pixel covers across
    deep_pixel: Tensor  # and along the road
    rough: Tensor  # a texture that lies on the ground


def _floor(street: _Street, texture: Tensor) -> _Floor:
    depth = (street.focal * street.eye / street.v.clamp_min(2e-3)).clamp_max(600)
    right = street.u * depth / street.focal
    rough = _sample(texture, right * 0.21, depth * 0.17) + 0.6 * _sample(texture, right * 0.9, depth * 0.7)
    deep_pixel = depth.square() / (street.focal * street.eye * street.size)
    from_middle = right - street.centre
    return _Floor(depth, from_middle, from_middle.abs(), street.pixel(depth), deep_pixel, rough * (6 / depth).clamp_max(1))


def _roadside(street: _Street, floor: _Floor, generator: torch.Generator) -> Tensor:
    """Grass or gravel, then the slabs of the pavement, then the kerb."""
    count = len(street.u)
    grass = column(shapes.choose(_LEAVES, count, generator)) * 1.25 * (1 + 0.16 * floor.rough)
    gravel = column(uniform((count,), 0.42, 0.62, generator)) * _rgb(1.06, 1.0, 0.88) * (1 + 0.08 * floor.rough)
    ground = torch.where(column(chance((count,), 0.72, generator)) > 0, grass, gravel)
    walk = column(uniform((count,), 1.4, 2.6, generator))
    joints = _band(_repeat(floor.depth, 1.2), 0.02, floor.deep_pixel) + _band(_repeat(floor.off, 0.9), 0.02, floor.pixel)
    stone = column(uniform((count,), 0.46, 0.64, generator)) * _rgb(1.0, 0.98, 0.94)
    pavement = stone * (1 + 0.04 * floor.rough) * (1 - 0.22 * joints.clamp_max(1))
    ground = over(ground, pavement, coverage(floor.off - street.road - walk, floor.pixel))
    return over(ground, _rgb(0.72, 0.71, 0.68), coverage(floor.off - street.road - 0.16, floor.pixel))


def _asphalt(street: _Street, floor: _Floor, generator: torch.Generator) -> Tensor:
    """The road's surface with its marks: dashes or a line in the middle, edges, sometimes a crossing."""
    count = len(street.u)
    depth, off, pixel, deep_pixel = floor.depth, floor.off, floor.pixel, floor.deep_pixel
    tar = column(uniform((count,), 0.24, 0.40, generator)) * _rgb(0.98, 1.0, 1.04)
    tracks = torch.exp(-((off - street.road * 0.5).abs() - 0.8).square() / 0.1)
    surface = tar * (1 + 0.07 * floor.rough) * (1 - 0.07 * tracks)
    dashes = coverage(_repeat(depth + column(uniform((count,), 0, 9, generator)), 7.0).abs() - 1.7, deep_pixel)
    solid = column(chance((count,), 0.25, generator))
    marks = _band(floor.right, 0.08, pixel) * torch.maximum(dashes, solid)
    edges = _band(off - street.road + 0.35, 0.07, pixel) * column(chance((count,), 0.5, generator))
    start = column(uniform((count,), 5, 16, generator))
    stripes = coverage(_repeat(floor.right, 1.0).abs() - 0.25, pixel)
    stripes = stripes * coverage((depth - start - 1.6).abs() - 1.6, deep_pixel) * (off < street.road - 0.3)
    stripes = stripes * column(chance((count,), 0.22, generator))
    return over(surface, _rgb(0.88, 0.88, 0.85), torch.maximum(torch.maximum(marks, edges), stripes) * 0.85)


def _ground(picture: Tensor, street: _Street, texture: Tensor, generator: torch.Generator) -> Tensor:
    """Everything below the horizon: the road between its sides, in light and in the houses' shadow."""
    floor = _floor(street, texture)
    ground = _roadside(street, floor, generator)
    ground = over(ground, _asphalt(street, floor, generator), coverage(floor.off - street.road, floor.pixel))
    # The houses throw their shadow on the side that the sun does not light.
    lee = floor.right * street.sunny_side - column(uniform((len(street.u),), 0, 8, generator))
    dim = torch.lerp(torch.ones_like(lee), street.shade.expand_as(lee), torch.sigmoid(2 * lee))
    return torch.where(street.v > 0, street.hazed(ground * street.light * dim, floor.depth), picture)


# ---------------------------------------------------------------- houses


def _pick(table: Tensor, index: Tensor) -> Tensor:
    """Rows of each picture's table `[N, HOUSES, C]` for an index map `[N, 1, 1, S]`: `[N, C, 1, S]`."""
    flat = index[:, 0, 0, :, None].expand(-1, -1, table.shape[-1])
    return torch.gather(table, 1, flat).transpose(1, 2)[:, :, None]


class _Row(NamedTuple):
    """The plane of the house fronts on one side as each pixel sees it; a column of the picture shows one house."""

    index: Tensor  # [N, 1, 1, S] which house
    along: Tensor  # [N, 1, 1, S] metres from the house's near corner
    up: Tensor  # [N, 1, S, S] metres above the ground
    depth: Tensor  # [N, 1, 1, S] metres ahead
    length: Tensor  # [N, 1, 1, 1] of a house
    pixel: Tensor  # metres a pixel covers up the wall
    along_pixel: Tensor  # and along it


def _row(street: _Street, side: int, generator: torch.Generator) -> _Row:
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
    return _Row(index, place % length, up, depth, length, pixel, depth / (toward * street.size))


def _windows(front: Tensor, street: _Street, row: _Row, known: Tensor, generator: torch.Generator) -> Tensor:
    """A grid of windows on the fronts where `known`; some are lit at dusk."""
    count = len(street.u)
    bay = _pick(uniform((count, HOUSES, 1), 1.9, 3.0, generator), row.index)
    half = _pick(uniform((count, HOUSES, 2), 0.42, 0.72, generator), row.index)
    wide, tall = half[:, :1], half[:, 1:] * 1.4
    u, v = _repeat(row.along - row.length / 2, bay).abs(), _repeat(row.up - 0.35, 3.1).abs()
    known = (1 - row.along_pixel / bay * 1.6).clamp(0, 1) * known  # too far away, a window is not seen
    pane = coverage(u - wide, row.along_pixel) * coverage(v - tall, row.pixel) * known
    frame = coverage(u - wide - 0.12, row.along_pixel) * coverage(v - tall - 0.14, row.pixel) * known
    cross = torch.maximum(coverage(u - 0.04, row.along_pixel), coverage(v - 0.04, row.pixel)) * (row.pixel < 0.05)
    number = ((row.along / bay).floor() * 0.618 + (row.up / 3.1).floor() * 0.377 + row.index * 0.271) % 1
    glass = street.zenith * 0.35 + 0.05 + 0.18 * number
    dusk = (street.light.mean(1, keepdim=True) < 0.74).float()
    glass = over(glass, _rgb(1.5, 1.15, 0.6), dusk * (number > 0.55) * 0.8)
    return over(over(front, torch.full((1, 3, 1, 1), 0.88), frame), glass, pane * (1 - 0.6 * cross))


def _houses(picture: Tensor, street: _Street, texture: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """The row of houses along one side (-1 left, 1 right) of the street, roofs and gables seen from the front."""
    count = len(street.u)
    row = _row(street, side, generator)
    wall, roof = (_pick(shapes.choose(table, count * HOUSES, generator).reshape(count, HOUSES, 3) *
                        uniform((count, HOUSES, 1), 0.85, 1.1, generator), row.index) for table in (_WALLS, _ROOFS))
    usual = torch.randint(1, 5, (count, 1, 1), generator=generator)  # the floors that most houses of a street have
    floors = (usual + torch.randint(-1, 2, (count, HOUSES, 1), generator=generator)).clamp(1, 4).float()
    gable, there = (_pick(chance((count, HOUSES, 1), often, generator), row.index) for often in (0.3, 0.93))
    there = there * column(chance((count,), 0.8, generator))  # else the street runs through open land on this side
    eaves = 3.1 * _pick(floors, row.index) + 0.7
    gap = column(uniform((count,), -0.5, 0.8, generator)).clamp_min(0)
    from_end = torch.minimum(row.along, row.length - row.along)
    top_wall = eaves + gable * from_end * 0.6
    top_roof = top_wall + gable * 0.35 + (1 - gable) * 2.2 * (from_end / 1.6).clamp_max(1)
    inside = coverage(gap - from_end, row.along_pixel) * there * (row.depth < 260) * (street.u * side > 0)

    stain = _sample(texture, row.along * 0.13 + row.index * 0.7, row.up * 0.11) * 0.05
    joints = _band(_repeat(row.up, 0.3), 0.03, row.pixel) + 0.5 * _band(_repeat(row.along, 0.7), 0.03, row.along_pixel)
    front = wall * (1 + stain - (0.1 * joints).clamp_max(0.12)) * (0.86 + 0.14 * (row.up / 3).clamp(0, 1))
    front = over(front, wall * 0.6, coverage((row.up - 0.3).abs() - 0.3, row.pixel))
    front = _windows(front, street, row, (row.up < eaves - 0.4) * (from_end > gap + 0.5), generator)
    tiles = roof * (1 - 0.15 * _band(_repeat(row.up, 0.4), 0.06, row.pixel))
    house = over(tiles, front, coverage(row.up - top_wall, row.pixel))
    bright = torch.where(street.sunny_side * side < 0, torch.ones_like(street.shade), street.shade)
    house = street.hazed(house * street.light * bright, row.depth)
    return over(picture, house, inside * coverage(-row.up, row.pixel) * coverage(row.up - top_roof, row.pixel))


# ---------------------------------------------------------------- things that stand in the street


def _local(street: _Street, right: Tensor, depth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Metres right of and above the foot of a thing at (right, depth), and the metres of a pixel there."""
    return street.u * depth / street.focal - right, street.eye - street.v * depth / street.focal, street.pixel(depth)


def _trees(picture: Tensor, street: _Street, texture: Tensor, generator: torch.Generator, number: int = 6) -> Tensor:
    """Trees behind the pavements, the far ones first."""
    count = len(street.u)
    some = column(uniform((count,), 0.2, 0.95, generator))
    for k in range(number):
        depth = column(uniform((count,), 0, 1, generator)) * 9 + 9 * (number - k) - 3
        side = column(chance((count,), 0.5, generator)) * 2 - 1
        right = street.centre + side * (street.road + column(uniform((count,), 2.2, 5.0, generator)))
        x, up, pixel = _local(street, right, depth)
        there = column(torch.rand(count, generator=generator)) < some
        radius, tall = column(uniform((count,), 1.3, 2.6, generator)), column(uniform((count,), 3.2, 5.2, generator))
        narrow = column(uniform((count,), 0.75, 1.2, generator))
        drift = column(uniform((count,), 0, 7, generator))
        clump = _sample(texture, x * 0.16 + drift, up * 0.16 - drift) + 0.5 * _sample(texture, x * 0.5 - drift, up * 0.5)
        crown = torch.hypot(x / narrow, up - tall) - radius * (1 + 0.16 * clump)
        leaf = column(shapes.choose(_LEAVES, count, generator))
        lit = (0.85 + 0.3 * clump + 0.35 * ((up - tall) + street.sunny_side * -x * 0.7) / radius).clamp(0.3, 1.7)
        trunk = box(x, up, 0.0, tall / 2, 0.09 + radius * 0.05, tall / 2)
        shadow = torch.exp(-(x / radius).square() - (up / 0.35).square()) * 0.45
        picture = over(picture, picture * 0.45, shadow * there * (street.v > 0))
        bark = street.hazed(_rgb(0.27, 0.21, 0.16) * street.light, depth)
        picture = over(picture, bark, coverage(trunk, pixel) * there)
        picture = over(picture, street.hazed(leaf * lit * street.light, depth), coverage(crown, 2 * pixel) * there)
    return picture


def _lamps(picture: Tensor, street: _Street, generator: torch.Generator) -> Tensor:
    """Street lamps in a row along one side."""
    count = len(street.u)
    side = column(chance((count,), 0.5, generator)) * 2 - 1
    right = street.centre + side * (street.road + 0.5)
    there, tone = column(chance((count,), 0.45, generator)), column(uniform((count,), 0.18, 0.5, generator))
    first = column(uniform((count,), 9, 20, generator))
    for k in (2, 1, 0):
        depth = first + 16 * k
        x, up, pixel = _local(street, right, depth)
        post = box(x, up, 0.0, 3.2, 0.07, 3.2)
        arm = box(x, up, -side * 0.6, 6.35, 0.65, 0.06)
        head = box(x, up, -side * 1.15, 6.28, 0.3, 0.11, 0.05)
        thin = (0.16 / pixel).clamp_max(1)
        cover = coverage(shapes.union(post, arm, head), pixel) * thin * there
        picture = over(picture, street.hazed(tone * street.light, depth), cover)
    return picture


def _car(picture: Tensor, street: _Street, right: Tensor, depth: Tensor, there: Tensor, ahead: Tensor,
         generator: torch.Generator) -> Tensor:
    """A car seen from behind (`ahead` 1) or from the front (0)."""
    count = len(street.u)
    x, up, pixel = _local(street, right, depth)
    tall = column(uniform((count,), 1.38, 1.75, generator))
    paint = column(shapes.choose(_PAINTS, count, generator))
    roof = 0.62 - 0.35 * ((up - 0.9) / (tall - 0.9)).clamp(0, 1) * 0.5

    def put(picture: Tensor, distance: Tensor, colour: Tensor) -> Tensor:
        return over(picture, street.hazed(colour, depth), coverage(distance, pixel) * there)

    picture = over(picture, picture * 0.3, torch.exp(-(x / 1.0).pow(4) - ((up - 0.05) / 0.22).square()) * there)
    picture = put(picture, box(x.abs(), up, 0.68, 0.28, 0.14, 0.28, 0.06), _rgb(0.05, 0.05, 0.055))
    lit = paint * street.light * (0.72 + 0.35 * (up / tall).clamp(0, 1))
    cabin = torch.maximum(x.abs() - roof - 0.14, (up - 0.95).abs() - tall + 0.95)
    picture = put(picture, shapes.union(box(x, up, 0.0, 0.66, 0.88, 0.36, 0.12), cabin), lit)
    window = torch.maximum(x.abs() - roof - 0.02, (up - (tall + 0.93) / 2).abs() - (tall - 0.93) / 2 + 0.07)
    picture = put(picture, window, street.zenith * 0.35 + 0.1 * (up - 0.9).clamp(0, 1) + 0.04)
    lamp = torch.where(ahead > 0, _rgb(0.85, 0.06, 0.05), _rgb(1.0, 0.98, 0.88))
    picture = put(picture, box(x.abs(), up, 0.7, 0.78, 0.13, 0.09, 0.04), lamp)
    picture = put(picture, box(x, up, 0.0, 0.42, 0.8, 0.06, 0.03), lit * 0.55)
    return put(picture, box(x, up, 0.0, 0.6, 0.24, 0.06), _rgb(0.88, 0.88, 0.84) * street.light)


def _cars(picture: Tensor, street: _Street, generator: torch.Generator) -> Tensor:
    """Up to three cars: oncoming, ahead in the right lane, parked."""
    count = len(street.u)
    for lane, near, often, ahead in ((-0.5, 22.0, 0.35, 0.0), (0.5, 18.0, 0.35, 1.0), (-0.82, 9.0, 0.35, 0.0)):
        depth = near + column(uniform((count,), 0, 22, generator))
        right = street.centre + street.road * lane
        there = column(chance((count,), often, generator))
        picture = _car(picture, street, right, depth, there, torch.full_like(depth, ahead), generator)
    return picture


# ---------------------------------------------------------------- signs


def _places(count: int, number: int, horizon: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Middles `[N, K, 2]` and sides `[N, K]` of the signs in pictures (0 .. 1), the main one first.

    Each further sign takes, of sixteen places tried, the one farthest from those already placed.
    """
    main = uniform((count,), 0.22, 0.45, generator) if number == 1 else uniform((count,), 0.22, 0.38, generator)
    sides = torch.cat([main[:, None], main[:, None] * uniform((count, number - 1), 0.5, 0.8, generator)], 1)
    middles = torch.zeros(count, number, 2)
    for k in range(number):
        tries = 16 if k else 1
        side = sides[:, k, None]
        margin = 0.56 * side + 0.01
        across = margin + torch.rand(count, tries, generator=generator) * (1 - 2 * margin)
        height = horizon[:, None] - side * uniform((count, tries), -0.1, 1.1, generator)
        tried = torch.stack([across, torch.minimum(torch.maximum(height, margin), 1 - margin)], 2)
        room = torch.full((count, tries), 9.0)
        for other in range(k):
            away = (tried - middles[:, other, None]).abs().amax(2) - 0.55 * (side + sides[:, other, None])
            room = torch.minimum(room, away)
        best = room.argmax(1)
        middles[:, k] = tried[torch.arange(count), best]
        sides[:, k] = torch.where(room.amax(1) > 0, sides[:, k], torch.zeros(()))  # 0: no place left for it
    return middles, sides


def _boxes(masks: Tensor) -> Tensor:
    """The tight box `[N, 4]` of each mask `[N, S, S]`, -1 where the mask is empty."""
    size = masks.shape[-1]
    columns, rows = masks.any(1).float(), masks.any(2).float()
    low = torch.stack([columns.argmax(1), rows.argmax(1)], 1)
    high = size - torch.stack([columns.flip(1).argmax(1), rows.flip(1).argmax(1)], 1)
    return torch.where(masks.flatten(1).any(1)[:, None], torch.cat([low, high], 1), -1).float()


def _sign(picture: Tensor, street: _Street, kinds: Tensor, middle: Tensor, side: Tensor,
          generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One sign a picture on its post, where `side` is above 0; also its mask."""
    count, _, size, _ = picture.shape
    there = column((side > 0).float())
    side = side.clamp_min(0.05)
    corners = (signs.turned(count, generator) * side[:, None, None] + middle[:, None]) * size
    level = signs.texture_level(2 * size * float(side.median()))
    plate = shapes.warp(signs.textures()[level][kinds], corners, size) * there
    x, y = shapes.grid(size)
    foot = -street.v + street.eye * column(side) / SIGN_METRES  # above the post's foot, in pictures
    half = column(side * uniform((count,), 0.028, 0.042, generator))
    across = (x - column(middle[:, 0])) / half
    post = coverage((across.abs() - 1) * half, 1.0 / size) * (y > column(middle[:, 1])) * (foot > 0) * there
    shine = (0.62 - 0.33 * (across - street.sunny_side * 0.4).abs().clamp_max(1.4)) * street.light
    picture = over(picture, shine, post)
    sunny = 0.88 + 0.25 * column(torch.rand(count, generator=generator)) * street.shade
    front = signs.worn(plate[:, :3], plate[:, 3:], generator) * signs.shadows(count, size, generator) * street.light * sunny
    return front + picture * (1 - plate[:, 3:]), plate[:, 3] > 0.5


# ---------------------------------------------------------------- the picture


def _street(middle: Tensor, side: Tensor, horizon: Tensor, size: int, generator: torch.Generator) -> _Street:
    """A camera before a street whose kerb is where the main sign stands."""
    count = len(middle)
    x, y = shapes.grid(size)
    vanish = uniform((count,), 0.35, 0.65, generator)
    focal, eye = uniform((count,), 0.85, 1.2, generator), uniform((count,), 1.3, 1.9, generator)
    road = uniform((count,), 2.6, 4.6, generator)
    mood = shapes.choose(_MOODS, count, generator)
    colours = (mood[:, :9] * torch.exp(normal((count, 9), 0.04, generator))).reshape(count, 3, 3)
    stands = (middle[:, 0] - vanish) * SIGN_METRES / side  # metres right of the camera
    hand = torch.where(middle[:, 0] + normal((count,), 0.08, generator) > vanish, 1.0, -1.0)
    sunny = torch.where(torch.rand(count, generator=generator) < 0.5, 1.0, -1.0)
    zenith, at_horizon, light = (column(colours[:, k]) for k in range(3))
    return _Street(size, x[None, None] - column(vanish), y[None, None] - column(horizon), column(focal), column(eye),
                   column(stands - hand * (road + 0.5)), column(road), zenith.clamp_max(1), at_horizon.clamp_max(1), light,
                   column(mood[:, 9]), column(mood[:, 10] * uniform((count,), 0.6, 1.5, generator)), column(sunny))


def _developed(picture: Tensor, generator: torch.Generator) -> Tensor:
    """Exposure, contrast, the darker corners of a lens, slight blur, sensor noise."""
    count, _, size, _ = picture.shape
    x, y = shapes.grid(size)
    picture = picture * column(torch.exp(normal((count,), 0.12, generator) + 0.06))
    picture = picture * (1 - column(uniform((count,), 0, 0.5, generator)) * ((x - 0.5).square() + (y - 0.5).square()))
    picture = torch.where(picture < 0.75, picture, 1 - 0.25 * torch.exp(-(picture - 0.75) / 0.25))
    sharpness = (size / 128) ** 0.5
    spread = sharpness * (0.32 + 0.35 * uniform((count,), 0, 1, generator).pow(3))
    motion = sharpness * 1.2 * uniform((count,), 0, 1, generator).pow(6)
    kernels = shapes.blur_kernels(spread, motion, uniform((count,), 0, 3.2, generator), 2 if size < 160 else 3)
    grain = torch.randn(picture.shape, generator=generator) * column(uniform((count,), 0.002, 0.015, generator))
    return (shapes.blur(picture, kernels) + grain).clamp(0, 1)


def _pictures(kinds: Tensor, shown: Tensor, size: int, generator: torch.Generator) -> SceneBatch:
    """Scenes with the signs `kinds` `[N, K]`, of which `shown` bool `[N, K]` are put up."""
    count, number = kinds.shape
    horizon = uniform((count,), 0.42, 0.6, generator)
    middles, sides = _places(count, number, horizon, generator)
    sides = sides * shown
    street = _street(middles[:, 0], sides[:, 0], horizon, size, generator)
    texture = shapes.noise(count, 1, 128, (4, 11, 26, 60), (1.0, 0.9, 0.7, 0.5), generator)
    picture = _ground(_sky(street, texture, generator), street, texture, generator)
    for side in (-1, 1):
        picture = _houses(picture, street, texture, side, generator)
    picture = _trees(picture, street, texture, generator)
    picture = _cars(_lamps(picture, street, generator), street, generator)
    masks = torch.zeros(count, number, size, size, dtype=torch.bool)
    for k in reversed(range(number)):
        picture, masks[:, k] = _sign(picture, street, kinds[:, k], middles[:, k], sides[:, k], generator)
    boxes = torch.stack([_boxes(masks[:, k]) for k in range(number)], 1)
    labels = torch.where(boxes[..., 0] >= 0, kinds, -1)
    return SceneBatch(_developed(picture, generator), kinds[:, 0], boxes, labels, masks[:, 0])


def draw(n: int, *, generator: torch.Generator | None = None, size: int = 128, signs: tuple[int, int] = (1, 1),
         y: Tensor | None = None) -> SceneBatch:
    """`n` street scenes `[n, 3, size, size]` in [0, 1], on the CPU, with boxes and labels of their signs.

    `signs` is the least and the most number of signs in a picture (fewer where no free place is
    left, never less than one); `y` `[n]` fixes the main signs' classes, else they are drawn evenly.
    The same arguments and generator seed give the same pictures.
    """
    least, most = signs
    if n < 1 or size < 32 or not 1 <= least <= most:
        raise ValueError(f"n is {n}, size {size}, signs {signs}; expected: n from 1, size from 32, "
                         "signs (least, most) from 1 up.")
    generator = generator or runtime.generator()
    main = torch.randint(len(NAMES), (n,), generator=generator) if y is None else shapes.labels(y, len(NAMES))
    if len(main) != n:
        raise ValueError(f"y has {len(main)} labels for {n} scenes; one a scene is expected.")
    others = torch.randint(len(NAMES), (n, most - 1), generator=generator)
    kinds = torch.cat([main[:, None], others], 1)
    shown = torch.arange(most) < torch.randint(least, most + 1, (n, 1), generator=generator)
    parts = shapes.parts(n, max(4, 12 * 128**2 // size**2))
    return SceneBatch(*shapes.joined((_pictures(kinds[part], shown[part], size, generator) for part in parts), n))
