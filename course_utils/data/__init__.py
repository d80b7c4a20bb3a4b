"""Pictures to work with: five worlds, each drawn by the course itself or taken from a real data set.

`load("digits", "test", n=100)` gives pictures; `fetch("digits")` downloads the real ones.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor

from ..runtime import check_count, data_profile, generator, pick
from ..transforms import from_waveform
from . import faces, flat, speech
from .adjustable import Adjustable, adjustable
from .worlds import WORLDS, Drawn, World

__all__ = ["WORLDS", "Adjustable", "Pictures", "adjustable", "fetch", "load", "plates", "spoken", "strangers"]


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


def load(
    world: str,
    split: str,
    n: int | None = None,
    source: str | Path | None = None,
    seed: int = 0,
    size: int | None = None,
) -> Pictures:
    """Pictures of a world: "digits", "signs", "objects", "photos" or "faces"; `split` is "train" or "test".

    `source` None: what the data profile says (`setup(data=...)` or COURSE_DATA, else drawn). Otherwise "drawn", "real"
    (the world's data set: MNIST, GTSRB, CIFAR-10, ImageNet photos or Imagenette, the ORL faces or LFW), a data set's name ("mnist", "gtsrb",
    "cifar10", "svhn", "imagenet", "imagenette", "orl", "lfw"), or the path of a folder or zip with pictures, which are shown as a
    person sees them (see `folders.PictureFolder`, `albums.as_seen`). Real data sets are fetched if they are not here.

    Which pictures: the drawn ones are an endless sequence for each (world, split, seed), of which the first n are
    given; by default 10,000 digits for training and 2,000 for testing, 4,000 and 1,000 signs or objects, 1,000 and
    200 photos, 4,000 and 800 faces. Every class comes equally often. Of real ones, n=None means all, in the data set's own order; a number
    means the first n of one fixed random order that keeps the classes' shares (`albums.balanced_order`), so n=100 is
    a part of n=200; a data set with fewer pictures gives all that it has. `seed` is for drawing only.

    `size`: another side in pixels than the world's. Real pictures are scaled by their short side and cut to the
    centre (photos as ImageNet networks are tested: short side 256 for 224 pixels).

    Pixels are multiples of 1/255, as in a picture file. Every call returns tensors of its own.
    """
    row = WORLDS[pick("world", world, WORLDS)]
    pick("split", split, ("train", "test"))
    n = None if n is None else check_count(n, "n")
    size = None if size is None else check_count(size, "size")
    source = data_profile() if source is None else source
    if source == "drawn":
        return _drawn(row, split, n or getattr(row, split), seed, size or row.drawn_size)
    where = _find(row, source)
    x, y, names = _decoded(where, _real().state(where, split), row, split, n, size or row.real_size)
    return Pictures(x.float() / 255, y.clone(), names, where if isinstance(where, str) else _title(where))


def plates(n: int | None = None, source: str | Path | None = None, size: int = 72) -> Pictures:
    """Flat signs to be put up by a road, with their outlines as `masks`: drawn plates, or real test pictures as square posters.

    Drawn: one of each kind in turn, straight from the front, white outside of the outline. `source` as in `load`.
    """
    if (data_profile() if source is None else source) == "drawn":
        x, y, masks = flat.drawn(None if n is None else check_count(n, "n"), check_count(size, "size", least=16))
        return Pictures(x, y, tuple(WORLDS["signs"].kinds), "drawn", None, masks)
    pictures = load("signs", "test", n=n, source=source, size=size)
    return pictures._replace(masks=flat.posters(pictures.x))


def spoken(split: str, n: int | None = None, seed: int = 0) -> Pictures:
    """Spoken digits, synthesised, each by a speaker of its own: `x` `[N, 1, 1, 6000]` in [0, 1], silence at 0.5, 8,000 samples a second.

    As pictures of one row of pixels they go through every network, attack and measure; `transforms.waveform` gives the sound in [-1, 1]. Always
    synthesised, whatever the data profile says. An endless sequence for each (split, seed), by default 4,000 words for training, 500 for testing;
    each ten of them are the ten digits in some order.
    """
    n = {"train": 4000, "test": 500}[pick("split", split, ("train", "test"))] if n is None else check_count(n, "n")
    words, labels = [], []
    for i in range(-(-n // 100)):
        random = _stream("spoken", split, seed, i)
        labels.append(torch.cat([torch.randperm(10, generator=random) for _ in range(10)]))  # each ten words are all ten digits
        words.append(speech.draw(labels[-1], generator=random))
    return Pictures(from_waveform(torch.cat(words)[:n]), torch.cat(labels)[:n], speech.NAMES, "drawn")


def strangers(n: int = 400, group: int = 1, size: int = 64) -> Pictures:
    """Drawn faces of 40 people whom no network of the course was trained on; another `group` number, other 40 people
    (some of those from 1,000,000 up help to train, as seeds of that size are for training only).

    `x` `[n, 3, size, size]`; `y` counts 0 .. 39 over and over, so that the first 40 pictures show everyone once. Always drawn, whatever the data
    profile says; other real people are a folder of pictures, `load("faces", "test", source=path)`.
    """
    n, group = check_count(n, "n"), check_count(group, "group")
    size, everyone, parts = check_count(size, "size"), torch.arange(faces.COUNT), []
    for i in range(-(-n // faces.COUNT)):
        digest = hashlib.sha256(f"strangers {group} {i}".encode()).digest()
        parts.append(faces.draw(everyone, generator=generator(int.from_bytes(digest[:7], "big")), size=size, group=group))
    return Pictures((torch.cat(parts)[:n] * 255).round() / 255, everyone.repeat(len(parts))[:n], tuple(f"stranger {k + 1}" for k in range(faces.COUNT)), "drawn")


def fetch(what: str) -> None:
    """Download the data set of a world ("digits"), or a data set by name ("svhn"), unless it is here and whole."""
    pick("world or data set", what, (*WORLDS, *_real().SETS))
    _real().fetch(_usual(WORLDS[what]) if what in WORLDS else what)


# ---------------------------------------------------------------- drawn


def _drawn(row: World, split: str, n: int, seed: int, size: int) -> Pictures:
    # Drawn in chunks, each from a seed of its own, and always whole: so n pictures are the beginning of more pictures.
    chunks = [_chunk(row, split, seed, size, i) for i in range((n + row.chunk - 1) // row.chunk)]
    x, y, boxes, masks = (None if parts[0] is None else torch.cat(parts)[:n] for parts in zip(*chunks))
    return Pictures(x.float() / 255, y, tuple(row.kinds), "drawn", boxes, masks)


def _stream(name: str, split: str, seed: int, i: int) -> torch.Generator:
    """The random numbers of chunk i of an endless sequence; no two chunks share a seed."""
    digest = hashlib.sha256(f"{name} {split} {seed} {i}".encode()).digest()
    return generator(int.from_bytes(digest[:7], "big"))


@functools.lru_cache(maxsize=128)
def _chunk(row: World, split: str, seed: int, size: int, i: int) -> Drawn:
    """Chunk i of a drawn sequence, its pixels as uint8. Callers copy (`cat`), so the cache stays as it is."""
    random = _stream(row.name, split, seed, i)
    y = (torch.arange(row.chunk) + i * row.chunk) % len(row.kinds)
    y = y[torch.randperm(row.chunk, generator=random)]
    drawn = row.draw(y, size, random)
    return drawn._replace(x=(drawn.x * 255).round().byte())


# ---------------------------------------------------------------- real


def _real() -> ModuleType:
    """The reader of real data sets. It brings torchvision, which takes seconds to load, so only who reads one loads it."""
    from . import real

    return real


def _usual(row: World) -> str:
    """The name of a world's real data set."""
    if not row.sets:
        raise ValueError(f"the world {row.name!r} has no data set of its own; give the path of a folder or zip of pictures.")
    return _real().default(row.sets)


def _find(row: World, source: str | Path) -> str | Path:
    """A data set's name, or the path of a folder or zip."""
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(f"source is {source!r}; \"drawn\", \"real\", a data set's name or a path is expected.")
    if source == "real":
        return _usual(row)
    path = Path(source).expanduser()
    there = os.path.exists(path)  # False also where one may not look
    if source in _real().SETS or (path.name == str(source) and not there):
        return pick("source", str(source), ("drawn", "real", *_real().SETS))
    if not there:
        raise ValueError(f"source {str(source)!r} does not exist; the path of a folder or zip of pictures is expected.")
    return path.resolve()


def _title(path: Path) -> str:
    """What a folder or zip is called."""
    return path.name if path.is_dir() else path.stem


@functools.lru_cache(maxsize=4)
def _decoded(
    where: str | Path, state: tuple, row: World, split: str, n: int | None, size: int
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Decoded pictures (uint8), kept for the next call: reading a large data set takes seconds.

    `state` is only a part of the key, so that files that have changed are read again.
    """
    how = (n, row.channels, size, round(size * row.margin))
    if isinstance(where, str):
        return _real().load(where, split, *how)
    return _real().load_folder(where, row.sets[0] if row.sets else None, split, *how)
