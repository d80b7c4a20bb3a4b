"""The street: its camera, its hour and weather, its sky and its ground."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import shapes
from ..shapes import chance, column, coverage, normal, over, uniform

# Skies and weathers: zenith, horizon, daylight, brightness in the shade, sight in metres, night, rain, lying and falling snow.
MOODS = torch.tensor([
    [0.16, 0.40, 0.80, 0.68, 0.83, 0.95, 1.06, 1.03, 0.97, 0.58, 400.0, 0, 0, 0, 0],  # clear noon
    [0.22, 0.46, 0.84, 0.76, 0.87, 0.96, 1.04, 1.02, 0.98, 0.62, 300.0, 0, 0, 0, 0],
    [0.30, 0.54, 0.86, 0.74, 0.85, 0.94, 1.02, 1.01, 0.99, 0.66, 250.0, 0, 0, 0, 0],
    [0.38, 0.60, 0.86, 0.96, 0.88, 0.76, 1.06, 0.97, 0.85, 0.62, 180.0, 0, 0, 0, 0],  # morning
    [0.30, 0.42, 0.70, 1.00, 0.74, 0.46, 1.12, 0.86, 0.60, 0.52, 220.0, 0, 0, 0, 0],  # evening
    [0.62, 0.67, 0.73, 0.86, 0.87, 0.89, 0.80, 0.82, 0.85, 0.92, 130.0, 0, 0, 0, 0],  # overcast
    [0.20, 0.27, 0.52, 0.90, 0.62, 0.54, 0.66, 0.61, 0.70, 0.80, 180.0, 0, 0, 0, 0],  # dusk
    [0.56, 0.73, 0.90, 0.92, 0.94, 0.95, 1.00, 0.99, 0.96, 0.74, 90.0, 0, 0, 0, 0],  # bright haze
    [0.71, 0.74, 0.76, 0.78, 0.80, 0.82, 0.80, 0.81, 0.83, 0.96, 17.0, 0, 0, 0, 0],  # fog
    [0.44, 0.48, 0.53, 0.64, 0.67, 0.70, 0.64, 0.67, 0.70, 0.94, 70.0, 0, 1, 0, 0],  # rain
    [0.24, 0.29, 0.42, 0.66, 0.56, 0.56, 0.50, 0.50, 0.57, 0.90, 80.0, 0, 1, 0, 0],  # rain at dusk
    [0.66, 0.69, 0.74, 0.80, 0.82, 0.85, 0.78, 0.81, 0.86, 0.95, 45.0, 0, 0, 1, 1],  # snowfall
    [0.24, 0.48, 0.84, 0.84, 0.88, 0.93, 1.00, 0.97, 0.95, 0.66, 300.0, 0, 0, 1, 0],  # winter sun
    [0.015, 0.025, 0.07, 0.11, 0.10, 0.15, 0.17, 0.17, 0.22, 0.95, 160.0, 1, 0, 0, 0],  # night
    [0.05, 0.09, 0.22, 0.26, 0.24, 0.34, 0.25, 0.26, 0.34, 0.95, 140.0, 1, 0, 0, 0],  # the blue hour
    [0.03, 0.04, 0.08, 0.12, 0.11, 0.15, 0.15, 0.16, 0.20, 0.95, 70.0, 1, 1, 0, 0],  # a wet night
    [0.06, 0.07, 0.12, 0.19, 0.18, 0.22, 0.24, 0.24, 0.29, 0.95, 60.0, 1, 0, 1, 1],  # snow at night
])
LEAVES = torch.tensor([[0.16, 0.30, 0.10], [0.22, 0.36, 0.12], [0.12, 0.24, 0.12], [0.34, 0.40, 0.14], [0.50, 0.36, 0.10],
                       [0.20, 0.32, 0.16]])
WHITE_SNOW = torch.tensor([0.88, 0.91, 0.96])[None, :, None, None]
SIGN_METRES = 0.8


class Street(NamedTuple):
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
    night: Tensor  # 1: lamps are lit
    rain: Tensor  # 1: it rains, and the road is wet
    snow: Tensor  # 1: snow lies
    flakes: Tensor  # 1: it snows

    def pixel(self, depth: Tensor) -> Tensor:
        """Metres a pixel covers at a depth."""
        return depth / (self.focal * self.size)

    def hazed(self, colour: Tensor, depth: Tensor) -> Tensor:
        """Colours seen through the air before them."""
        return torch.lerp(self.horizon, colour, torch.exp(-depth / self.reach))


def rgb(red: float, green: float, blue: float) -> Tensor:
    """A colour `[1, 3, 1, 1]`."""
    return torch.tensor([red, green, blue])[None, :, None, None]


def sample(texture: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """`texture` `[N, 1, R, R]` read at coordinates that repeat as in facing mirrors."""
    across, down = torch.broadcast_tensors(across, down)
    where = torch.stack([across[:, 0], down[:, 0]], -1)
    return F.grid_sample(texture, where, mode="bilinear", padding_mode="reflection", align_corners=False)


def repeat(position: Tensor, period: Tensor | float) -> Tensor:
    """Signed distance to the middle of the cell that `position` is in, for cells of length `period`."""
    return position % period - period / 2


def band(position: Tensor, half: float | Tensor, pixel: Tensor) -> Tensor:
    """Coverage of a painted band, right also where the band is thinner than a pixel."""
    return coverage(position.abs() - half, pixel) * (2 * half / pixel).clamp_max(1)


def camera(middle: Tensor, side: Tensor, horizon: Tensor, size: int, generator: torch.Generator) -> Street:
    """A camera before a street whose kerb is where the main sign stands."""
    count = len(middle)
    x, y = shapes.grid(size)
    vanish = uniform((count,), 0.35, 0.65, generator)
    focal, eye = uniform((count,), 0.85, 1.2, generator), uniform((count,), 1.3, 1.9, generator)
    road = uniform((count,), 2.6, 4.6, generator)
    mood = shapes.choose(MOODS, count, generator)
    colours = (mood[:, :9] * torch.exp(normal((count, 9), 0.04, generator))).reshape(count, 3, 3)
    stands = (middle[:, 0] - vanish) * SIGN_METRES / side  # metres right of the camera
    hand = torch.where(middle[:, 0] + normal((count,), 0.08, generator) > vanish, 1.0, -1.0)
    sunny = torch.where(torch.rand(count, generator=generator) < 0.5, 1.0, -1.0)
    zenith, at_horizon, light = (column(colours[:, k]) for k in range(3))
    return Street(size, x[None, None] - column(vanish), y[None, None] - column(horizon), column(focal), column(eye),
                  column(stands - hand * (road + 0.5)), column(road), zenith.clamp_max(1), at_horizon.clamp_max(1), light,
                  column(mood[:, 9]), column(mood[:, 10] * uniform((count,), 0.6, 1.5, generator)), column(sunny),
                  *(column(mood[:, k]) for k in (11, 12, 13, 14)))


def sky(street: Street, texture: Tensor, generator: torch.Generator) -> Tensor:
    """A gradient with clouds that run to the horizon, the glow of the sun, and far hills or woods."""
    count = len(street.u)
    height = (-street.v).clamp_min(0)
    picture = torch.lerp(street.horizon, street.zenith, (1 - torch.exp(-height * 3.2)).expand(-1, 3, -1, street.size))
    far = 1 / (height + 0.16)
    drift = column(uniform((count,), 0, 9, generator))
    across = street.u * far
    cloud = sample(texture, across * 0.35 + drift, far * 0.3) + 0.5 * sample(texture, across * 0.9 - drift, far * 0.8)
    amount = column(uniform((count,), -0.9, 1.3, generator))
    cover = torch.sigmoid((cloud + amount - 0.9) * 2.6) * (height * 6).clamp(0, 1) * 0.85
    white = torch.lerp(street.horizon, street.light * 0.93, torch.full_like(street.light, 0.7)).clamp_max(1.0)
    picture = over(picture, white * (1 - 0.1 * cloud.clamp(-1, 1)), cover)

    sun = column(uniform((count,), -0.6, 0.6, generator)), column(uniform((count,), -0.45, -0.03, generator))
    glow = torch.exp(-6 * torch.hypot(street.u - sun[0], street.v - sun[1]))
    bright = column(uniform((count,), 0, 0.5, generator)) * (1 - 0.9 * street.night)
    picture = picture + glow * (street.light * rgb(1.0, 0.9, 0.7)) * bright

    for depth, tall in ((260.0, 0.12), (110.0, 0.07)):
        ridge = shapes.noise(count, 1, street.size, (3, 7, min(40, street.size)), (1.0, 0.6, 0.18), generator)[:, :, :1]
        top = column(uniform((count,), 0.1, 1.0, generator)) * tall * (1 + 0.5 * ridge)
        woods = column(shapes.choose(LEAVES, count, generator)) * 0.9 * street.light * street.shade
        picture = over(picture, street.hazed(woods, torch.tensor(depth)), coverage(-street.v - top, 1.5 / street.size))
    return picture


class Floor(NamedTuple):
    """The flat ground as each pixel sees it, all `[N, 1, S, S]` or smaller; what is above the horizon is meaningless."""

    depth: Tensor  # metres ahead
    right: Tensor  # metres right of the road's middle
    off: Tensor  # metres from the road's middle
    pixel: Tensor  # metres a pixel covers across
    deep_pixel: Tensor  # and along the road
    rough: Tensor  # a texture that lies on the ground


def seen_floor(street: Street, texture: Tensor) -> Floor:
    depth = (street.focal * street.eye / street.v.clamp_min(2e-3)).clamp_max(600)
    right = street.u * depth / street.focal
    rough = sample(texture, right * 0.21, depth * 0.17) + 0.6 * sample(texture, right * 0.9, depth * 0.7)
    deep_pixel = depth.square() / (street.focal * street.eye * street.size)
    from_middle = right - street.centre
    return Floor(depth, from_middle, from_middle.abs(), street.pixel(depth), deep_pixel, rough * (6 / depth).clamp_max(1))


def roadside(street: Street, floor: Floor, generator: torch.Generator) -> Tensor:
    """Grass or gravel, then the slabs of the pavement, then the kerb."""
    count = len(street.u)
    grass = column(shapes.choose(LEAVES, count, generator)) * 1.25 * (1 + 0.16 * floor.rough)
    gravel = column(uniform((count,), 0.42, 0.62, generator)) * rgb(1.06, 1.0, 0.88) * (1 + 0.08 * floor.rough)
    ground = torch.where(column(chance((count,), 0.72, generator)) > 0, grass, gravel)
    ground = over(ground, WHITE_SNOW * (1 + 0.05 * floor.rough), street.snow * torch.sigmoid(4 + 3 * floor.rough) * 0.95)
    walk = column(uniform((count,), 1.4, 2.6, generator))
    joints = band(repeat(floor.depth, 1.2), 0.02, floor.deep_pixel) + band(repeat(floor.off, 0.9), 0.02, floor.pixel)
    stone = column(uniform((count,), 0.46, 0.64, generator)) * rgb(1.0, 0.98, 0.94)
    pavement = stone * (1 + 0.04 * floor.rough) * (1 - 0.22 * joints.clamp_max(1))
    pavement = over(pavement, WHITE_SNOW, street.snow * torch.sigmoid(1 + 4 * floor.rough) * 0.75)
    ground = over(ground, pavement, coverage(floor.off - street.road - walk, floor.pixel))
    return over(ground, rgb(0.72, 0.71, 0.68), coverage(floor.off - street.road - 0.16, floor.pixel))


def asphalt(street: Street, floor: Floor, generator: torch.Generator) -> Tensor:
    """The road's surface with its marks: dashes or a line in the middle, edges, sometimes a crossing."""
    count = len(street.u)
    depth, off, pixel, deep_pixel = floor.depth, floor.off, floor.pixel, floor.deep_pixel
    tar = column(uniform((count,), 0.24, 0.40, generator)) * rgb(0.98, 1.0, 1.04)
    tracks = torch.exp(-((off - street.road * 0.5).abs() - 0.8).square() / 0.1)
    surface = tar * (1 + 0.07 * floor.rough) * (1 - 0.07 * tracks) * (1 - 0.3 * street.rain)
    surface = over(surface, WHITE_SNOW * 0.95, street.snow * (0.55 - 0.35 * tracks + 0.2 * floor.rough).clamp(0, 0.8))
    dashes = coverage(repeat(depth + column(uniform((count,), 0, 9, generator)), 7.0).abs() - 1.7, deep_pixel)
    solid = column(chance((count,), 0.25, generator))
    marks = band(floor.right, 0.08, pixel) * torch.maximum(dashes, solid)
    edges = band(off - street.road + 0.35, 0.07, pixel) * column(chance((count,), 0.5, generator))
    start = column(uniform((count,), 5, 16, generator))
    stripes = coverage(repeat(floor.right, 1.0).abs() - 0.25, pixel)
    stripes = stripes * coverage((depth - start - 1.6).abs() - 1.6, deep_pixel) * (off < street.road - 0.3)
    stripes = stripes * column(chance((count,), 0.22, generator))
    return over(surface, rgb(0.88, 0.88, 0.85), torch.maximum(torch.maximum(marks, edges), stripes) * 0.85)


def ground(picture: Tensor, street: Street, texture: Tensor, generator: torch.Generator) -> Tensor:
    """Everything below the horizon: the road between its sides, in light and in the houses' shadow."""
    floor = seen_floor(street, texture)
    ground = roadside(street, floor, generator)
    ground = over(ground, asphalt(street, floor, generator), coverage(floor.off - street.road, floor.pixel))
    # The houses throw their shadow on the side that the sun does not light.
    lee = floor.right * street.sunny_side - column(uniform((len(street.u),), 0, 8, generator))
    dim = torch.lerp(torch.ones_like(lee), street.shade.expand_as(lee), torch.sigmoid(2 * lee))
    beam = 2.4 * street.night * torch.exp(-floor.depth / 11 - ((floor.right + street.centre) / 4).square())
    lit = ground * (street.light * dim + beam * rgb(0.30, 0.29, 0.26))
    return torch.where(street.v > 0, street.hazed(lit, floor.depth), picture)


def reflections(picture: Tensor, street: Street, texture: Tensor) -> Tensor:
    """What stands behind the wet road, upside down in its puddles."""
    floor = seen_floor(street, texture)
    x, y = shapes.grid(street.size)
    ripple = 0.004 * floor.rough
    across, up = torch.broadcast_tensors(x + ripple, y - 2 * street.v - 2 * ripple)
    where = torch.stack([across[:, 0], up[:, 0].clamp(0, 1)], -1) * 2 - 1
    mirror = F.grid_sample(picture, where, mode="bilinear", padding_mode="border", align_corners=False)
    flat = (0.65 - 1.2 * street.v).clamp(0.15, 0.65)  # water mirrors more where it is seen at a low angle
    puddles = street.rain * flat * torch.sigmoid(0.8 * floor.rough + 0.8) * coverage(floor.off - street.road, floor.pixel)
    return torch.where(street.v > 0, over(picture, mirror, puddles), picture)
