"""Cartoon faces: a person is a vector of numbers; how they turn, look and smile, the light and the wall behind are new in every picture.

Everything is drawn by distances to shapes in batched torch code, from the wall to the glasses.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ... import runtime
from .. import shapes
from . import parts
from .frames import frames
from .people import COUNT, NAMES, People, people

__all__ = ["COUNT", "NAMES", "People", "draw", "frames", "people"]


def _pictures(who: People, size: int, generator: torch.Generator) -> Tensor:
    count = len(who.skin)
    seen = parts.view(count, size, generator)
    edge, hair = parts.head(who, seen), parts.strands(who, seen)
    picture = parts.background(count, size, generator)
    picture = parts.behind(picture, who, seen, hair)
    picture = parts.body(picture, who, seen, generator)
    picture = parts.face(picture, who, seen, edge)
    picture = parts.beard(picture, who, seen, edge, hair)
    picture = parts.nose(parts.mouth(picture, who, seen), who, seen)
    picture = parts.fringe(parts.eyes(picture, who, seen), who, seen, edge, hair)
    return parts.lit(parts.glasses(picture, who, seen), seen, generator)


def draw(y: Tensor, *, generator: torch.Generator | None = None, size: int = 64, group: int = 0) -> Tensor:
    """Pictures `[N, 3, size, size]` in [0, 1], on the CPU, of the people `y` `[N]`, numbers from 0 to 39 in their group.

    The 40 people of group 0 are those of the world of faces; every other group number has 40 people of its own. The same
    labels, group, size and generator seed give the same pictures.
    """
    y = shapes.labels(y, COUNT)
    if size < 24 or group < 0:
        raise ValueError(f"size is {size}, group {group}; faces are drawn from 24 pixels up, and groups are counted from 0.")
    generator, everyone = generator or runtime.generator(), people(group)
    slices = shapes.parts(len(y), max(8, 16 * 64**2 // size**2))
    return shapes.joined(((_pictures(everyone.of(y[part]), size, generator),) for part in slices), len(y))[0]
