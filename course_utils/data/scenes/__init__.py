"""Street scenes in perspective, with road signs and their boxes: the photos that the course draws itself.

A pinhole camera looks down a straight street. For every pixel the ground's and the house fronts'
depth follow from the vanishing point, so road marks, windows and roofs are drawn by arithmetic on
whole batches. Trees, cars, people and lamps are flat shapes that stand in the street; signs are warped.
Lengths in the street are metres: right, up and ahead of the camera.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ... import runtime
from .. import shapes
from ..shapes import uniform
from . import clutter, things, weather
from .groups import GROUPS, even_kinds, groups
from .houses import houses
from .kinds import NAMES, draw_clean
from .posts import boxes_around, places, sign
from .street import camera, ground, reflections, sky

__all__ = ["GROUPS", "NAMES", "SceneBatch", "draw", "draw_clean", "draw_groups", "empty", "groups"]


class SceneBatch(NamedTuple):
    """Pictures and what stands in them; the main sign is the largest one and comes first.

    Masks and boxes are the outlines of the plates, also where leaves, a pole or snow hide a part of them.
    """

    x: Tensor  # [N, 3, S, S] in [0, 1]
    y: Tensor  # [N] the main sign's class
    boxes: Tensor  # [N, K, 4] x0, y0, x1, y1 in pixels, the far edges exclusive; -1 where there is no sign
    labels: Tensor  # [N, K] classes, -1 where there is no sign
    masks: Tensor  # bool [N, S, S] the main sign's plate


def _pictures(kinds: Tensor, shown: Tensor, size: int, generator: torch.Generator) -> SceneBatch:
    """Scenes with the signs `kinds` `[N, K]`, of which `shown` bool `[N, K]` are put up."""
    count, number = kinds.shape
    horizon = uniform((count,), 0.42, 0.6, generator)
    middles, sides = places(count, number, horizon, generator)
    sides = sides * shown
    street = camera(middles[:, 0], sides[:, 0], horizon, size, generator)
    texture = shapes.noise(count, 1, 128, (4, 11, 26, 60), (1.0, 0.9, 0.7, 0.5), generator)
    picture = ground(sky(street, texture, generator), street, texture, generator)
    for side in (-1, 1):
        picture = houses(picture, street, texture, side, generator)
    picture = reflections(picture, street, texture)
    picture = things.trees(picture, street, texture, generator)
    picture = clutter.posters(clutter.people(picture, street, generator), street, generator)
    picture = things.cars(things.lamps(picture, street, generator), street, generator)
    picture = clutter.wires(clutter.bins(picture, street, generator), street, generator)
    masks = torch.zeros(count, number, size, size, dtype=torch.bool)
    for k in reversed(range(number)):
        picture, masks[:, k] = sign(picture, street, kinds[:, k], middles[:, k], sides[:, k], generator)
    picture = weather.snowfall(weather.rain(picture, street, generator), street, generator)
    boxes = torch.stack([boxes_around(masks[:, k]) for k in range(number)], 1)
    labels = torch.where(boxes[..., 0] >= 0, kinds, -1)
    return SceneBatch(weather.developed(picture, generator), kinds[:, 0], boxes, labels, masks[:, 0])


def empty(n: int, *, generator: torch.Generator | None = None, size: int = 192) -> Tensor:
    """`n` streets `[n, 3, size, size]` in [0, 1], on the CPU, in which no sign stands: houses, trees, lamps and cars at some hour."""
    if n < 1 or size < 32:
        raise ValueError(f"n is {n}, size {size}; expected: n from 1, size from 32.")
    generator = generator or runtime.generator()
    middles, sides = torch.tensor([[0.66, 0.4]]).expand(n, 2), torch.full((n,), 0.06)  # where the kerb is
    street = camera(middles, sides, torch.full((n,), 0.5), size, generator)
    texture = shapes.noise(n, 1, 128, (4, 11, 26, 60), (1.0, 0.9, 0.7, 0.5), generator)
    picture = ground(sky(street, texture, generator), street, texture, generator)
    for side in (-1, 1):
        picture = houses(picture, street, texture, side, generator)
    picture = things.trees(reflections(picture, street, texture), street, texture, generator)
    picture = things.cars(things.lamps(picture, street, generator), street, generator)
    return weather.developed(weather.snowfall(weather.rain(picture, street, generator), street, generator), generator)


def draw(n: int, *, generator: torch.Generator | None = None, size: int = 192, signs: tuple[int, int] = (1, 1),
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


def draw_groups(n: int, *, generator: torch.Generator | None = None, size: int = 192, signs: tuple[int, int] = (1, 4)) -> SceneBatch:
    """Scenes as `draw` makes them, for a detector: `y` and `labels` are groups (`GROUPS`), of which each is as often the main sign's as any other."""
    generator = generator or runtime.generator()
    batch = draw(n, generator=generator, size=size, signs=signs, y=even_kinds(max(n, 1), generator))
    return batch._replace(y=groups(batch.y), labels=groups(batch.labels))
