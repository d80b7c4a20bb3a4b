"""The worlds in one table: a row says all that is special about one. A new world is one row more, and what draws it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from . import digits, faces, scenes, signs


class Drawn(NamedTuple):
    """Drawn pictures `[N, C, size, size]` in [0, 1] with labels `[N]`; boxes and masks where the drawing knows them."""

    x: Tensor
    y: Tensor
    boxes: Tensor | None = None
    masks: Tensor | None = None


Draw = Callable[[Tensor, int, torch.Generator], Drawn]  # labels [N], side in pixels, randomness


class World(NamedTuple):
    """A row of the table."""

    name: str
    channels: int
    drawn_size: int  # the side in pixels
    real_size: int
    train: int  # how many are drawn if no number is asked for
    test: int
    chunk: int  # how many are drawn at a time
    kinds: tuple[str, ...]  # class names of the drawn ones; the real ones have those of their data set
    draw: Draw
    sets: tuple[str, ...]  # the real data sets in `sets.SETS`: the first that is here or can be fetched is the usual one
    network: str  # that the world's chapters use
    drawn_suffix: str  # in the names of checkpoints that know the drawn pictures, as in "lenet-digits"
    real_suffix: str | None  # and the real ones, as in "lenet-mnist"; None: torchvision's network takes its place
    pretrained: str | None = None  # that network, which knows ImageNet's classes
    margin: float = 1.0  # real pictures are scaled to this many times the side before their centre is cut out


def _digits(y: Tensor, size: int, generator: torch.Generator) -> Drawn:
    x = digits.draw(y, generator=generator)
    if size != x.shape[-1]:
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
    return Drawn(x, y)


def _signs(y: Tensor, size: int, generator: torch.Generator) -> Drawn:
    x, masks = signs.draw(y, generator=generator, size=size)
    return Drawn(x, y, None, masks)


def _scenes(y: Tensor, size: int, generator: torch.Generator) -> Drawn:
    batch = scenes.draw(len(y), generator=generator, size=size, y=y)
    return Drawn(batch.x, batch.y, batch.boxes, batch.masks)


def _faces(y: Tensor, size: int, generator: torch.Generator) -> Drawn:
    return Drawn(faces.draw(y, generator=generator, size=size), y)


_ROWS = (
    World(
        "digits", channels=1, drawn_size=28, real_size=28, train=10_000, test=2_000, chunk=500,
        kinds=digits.NAMES, draw=_digits, sets=("mnist",),
        network="lenet", drawn_suffix="digits", real_suffix="mnist",
    ),
    World(
        "signs", channels=3, drawn_size=48, real_size=48, train=4_000, test=1_000, chunk=100,
        kinds=signs.NAMES, draw=_signs, sets=("gtsrb",),
        network="signnet", drawn_suffix="signs", real_suffix="gtsrb",
    ),
    World(  # drawn signs stand in for objects
        "objects", channels=3, drawn_size=32, real_size=32, train=4_000, test=1_000, chunk=100,
        kinds=signs.NAMES, draw=_signs, sets=("cifar10",),
        network="allconv", drawn_suffix="signs", real_suffix="cifar10",
    ),
    World(  # drawn street scenes stand in for photos; real ones are cut as ImageNet networks are tested
        "photos", channels=3, drawn_size=192, real_size=224, train=1_000, test=200, chunk=25,
        kinds=scenes.NAMES, draw=_scenes, sets=("imagenet", "imagenette"),
        network="scenenet", drawn_suffix="scenes", real_suffix=None, pretrained="squeezenet1_0", margin=256 / 224,
    ),
    World(  # forty people; train and test are other pictures of the same people
        "faces", channels=3, drawn_size=64, real_size=64, train=4_000, test=800, chunk=200,
        kinds=faces.NAMES, draw=_faces, sets=("orl", "lfw"),
        network="facenet", drawn_suffix="faces", real_suffix="orl",
    ),
)  # fmt: skip

WORLDS = {row.name: row for row in _ROWS}
