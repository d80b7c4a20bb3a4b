"""Pictures to work with: four worlds, each drawn by the course itself or taken from a real data set.

`load("digits", "test", n=100)` gives pictures; `fetch("digits")` downloads the real ones.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..runtime import data_profile, generator, pick
from .downloads import roots


class Pictures(NamedTuple):
    """Pictures with their labels.

    `x` float32 `[N, C, H, W]` in [0, 1] on the CPU; `y` int64 `[N]` (-1: not known); `names` of the classes; `source`:
    "drawn", or the name of the data set or folder; `boxes` `[N, K, 4]` (x0, y0, x1, y1 in pixels, unused rows
    -1) of a scene's signs; `masks` bool `[N, H, W]`: the pixels of the object, where the drawing knows them.
    """

    x: Tensor
    y: Tensor
    names: tuple[str, ...]
    source: str
    boxes: Tensor | None = None
    masks: Tensor | None = None


class World(NamedTuple):
    """What a world's pictures are like: channels, side in pixels drawn and real, how many are drawn, how many at a time."""

    channels: int
    drawn_size: int
    real_size: int
    train: int
    test: int
    chunk: int


WORLDS = {
    "digits": World(1, 28, 28, 10_000, 2_000, 500),
    "signs": World(3, 48, 48, 4_000, 1_000, 100),
    "objects": World(3, 32, 32, 4_000, 1_000, 100),
    "photos": World(3, 192, 224, 1_000, 200, 25),
}


def load(
    world: str,
    split: str,
    n: int | None = None,
    source: str | Path | None = None,
    seed: int = 0,
    size: int | None = None,
) -> Pictures:
    """Pictures of a world: "digits", "signs", "objects" or "photos"; `split` is "train" or "test".

    `source` None: what the data profile says (`setup(data=...)` or COURSE_DATA, else drawn). Otherwise "drawn", "real"
    (the world's data set: MNIST, GTSRB, CIFAR-10, ImageNet photos or Imagenette), a data set's name ("mnist", "gtsrb",
    "cifar10", "svhn", "imagenet", "imagenette"), or the path of a folder or zip with pictures (see `real.PictureFolder`).
    Real data sets are fetched if they are not here.

    Which pictures: the drawn ones are an endless sequence for each (world, split, seed), of which the first n are
    given; by default 10,000 digits for training and 2,000 for testing, 4,000 and 1,000 signs or objects, 1,000 and
    200 photos. Every class comes equally often. Of real ones, n=None means all, in the data set's own order; a number
    means the first n of one fixed random order that keeps the classes' shares (`real.spread`), so n=100 is a part of
    n=200; a data set with fewer pictures gives all that it has. `seed` is for drawing only.

    `size`: another side in pixels than the world's. Real pictures are scaled by their short side and cut to the
    centre (photos as ImageNet networks are tested: short side 256 for 224 pixels).

    Pixels are multiples of 1/255, as in a picture file. Every call returns tensors of its own.
    """
    about = WORLDS[pick("world", world, WORLDS)]
    pick("split", split, ("train", "test"))
    for value, name in ((n, "n"), (size, "size")):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} is {value!r}; a whole number of at least 1, or None, is expected.")
    source = data_profile() if source is None else source
    if source == "drawn":
        return _drawn(world, split, n or getattr(about, split), seed, size or about.drawn_size)
    side = size or about.real_size
    short = round(side * 256 / 224) if world == "photos" else side
    x, y, names, title = _real(_find(world, source), tuple(roots()), world, split, n, about.channels, side, short)
    return Pictures(x.float() / 255, y.clone(), names, title)


def fetch(what: str) -> None:
    """Download the data set of a world ("digits"), or a data set by name ("svhn"), unless it is here and whole."""
    from . import real

    pick("world or data set", what, (*WORLDS, *real.WORLD))
    real.fetch(real.default(what) if what in WORLDS else what)


# ---------------------------------------------------------------- drawn


def _drawn(world: str, split: str, n: int, seed: int, size: int) -> Pictures:
    # Drawn in chunks, each from a seed of its own, and always whole: so n pictures are the beginning of more pictures.
    step = WORLDS[world].chunk
    chunks = [_chunk(world, split, seed, size, i) for i in range((n + step - 1) // step)]
    x, y, boxes, masks = (None if parts[0] is None else torch.cat(parts)[:n] for parts in zip(*chunks))
    return Pictures(x.float() / 255, y, tuple(_artist(world).NAMES), "drawn", boxes, masks)


@functools.lru_cache(maxsize=128)
def _chunk(world: str, split: str, seed: int, size: int, i: int) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Chunk i of a drawn sequence: pixels uint8, labels, boxes, masks. Callers copy (`cat`), so the cache stays as it is."""
    artist, step = _artist(world), WORLDS[world].chunk
    digest = hashlib.sha256(f"{world} {split} {seed} {i}".encode()).digest()  # no two streams share a seed
    random = generator(int.from_bytes(digest[:7], "big"))
    y = (torch.arange(step) + i * step) % len(artist.NAMES)
    y = y[torch.randperm(step, generator=random)]
    boxes = masks = None
    if world == "digits":
        x = artist.draw(y, generator=random)
        if size != x.shape[-1]:
            x = torch.nn.functional.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
    elif world == "photos":
        x, y, boxes, _, masks = artist.draw(step, generator=random, size=size, y=y)
    else:
        x, masks = artist.draw(y, generator=random, size=size)
    return (x * 255).round().byte(), y, boxes, masks


def _artist(world: str):
    """The module that draws a world. Drawn signs stand in for objects, drawn street scenes for photos."""
    if world == "digits":
        from . import digits

        return digits
    if world == "photos":
        from . import scenes

        return scenes
    from . import signs

    return signs


# ---------------------------------------------------------------- real


def _find(world: str, source: str | Path) -> str | Path:
    """A data set's name, or the path of a folder or zip."""
    from . import real

    if source == "real":
        return real.default(world)
    path = Path(source).expanduser()
    if source in real.WORLD or (path.name == str(source) and not path.exists()):
        return pick("source", str(source), ("drawn", "real", *real.WORLD))
    if not path.exists():
        raise ValueError(f"source {str(source)!r} does not exist; the path of a folder or zip of pictures is expected.")
    return path.resolve()


@functools.lru_cache(maxsize=4)
def _real(
    where: str | Path, looked_in: tuple[Path, ...], world: str, split: str, n: int | None,
    channels: int, size: int, short: int,
) -> tuple[Tensor, Tensor, tuple[str, ...], str]:  # fmt: skip
    """Decoded pictures (uint8), kept for the next call: reading a large data set takes seconds."""
    from . import real

    if isinstance(where, str):
        return *real.load(where, split, n, channels, size, short), where
    return *real.load_folder(where, world, split, n, channels, size, short), where.stem
