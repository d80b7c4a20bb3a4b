"""Albums: data sets before decoding, and the pictures in them as tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision import datasets
from torchvision.transforms import functional as F

from ..runtime import generator, progress

Decoded = tuple[Tensor, Tensor, tuple[str, ...]]  # pictures uint8 [N, C, H, W], labels [N], class names


class Damaged(Exception):
    """A file that is there but cannot be read, or has the wrong checksum; the message names it."""


class Album(NamedTuple):
    """A data set before decoding: torchvision's object, labels, class names, where picture i lies."""

    data: datasets.VisionDataset
    labels: Tensor
    names: tuple[str, ...]
    where: Callable[[int], str]
    array: Tensor | None = None  # all pictures, uint8 [N, C, H, W], where the data set is stored as one block


def balanced_order(labels: Tensor) -> Tensor:
    """A fixed random order `[N]` in which every beginning has nearly the shares of the classes that the whole has.

    Within each class the pictures are shuffled; number r of a class with m pictures then comes at about (r + u) / m.
    """
    shuffled = torch.randperm(len(labels), generator=generator(0))
    jitter = torch.rand(len(labels), generator=generator(1), dtype=torch.float64)
    place = torch.empty_like(jitter)
    for label in labels.unique().tolist():
        own = shuffled[labels[shuffled] == label]
        place[own] = (torch.arange(len(own)) + jitter[own]) / len(own)
    return place.argsort()


def as_seen(picture: Image.Image, mode: str) -> Image.Image:
    """A picture as a person sees it, in mode "L" or "RGB".

    It is turned as its camera noted (EXIF), 16 bits a pixel are scaled to 8, and what is transparent shows white.
    """
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F":
        raise ValueError("its pixels are floating point numbers; 8 or 16 bits are expected")
    if picture.mode == "I" or picture.mode.startswith("I;16"):  # PIL itself would clip at 255
        values = np.array(picture, np.int64).clip(0, 65535)
        if "transparency" in picture.info:
            values[values == picture.info["transparency"]] = 65535
        picture = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert(mode)


def decode(album: Album, n: int | None, channels: int, size: int, short: int) -> Decoded:
    """uint8 pictures `[n, channels, size, size]`, labels, names.

    All in the data set's order, or the first n of `balanced_order`. Each picture is scaled so that its short side is
    `short`, then cut to its centre.
    """
    chosen = torch.arange(len(album.labels)) if n is None else balanced_order(album.labels)[:n]
    if album.array is not None and album.array.shape[1:] == (channels, size, size):
        return album.array[chosen].contiguous(), album.labels[chosen], album.names
    x = torch.empty(len(chosen), channels, size, size, dtype=torch.uint8)
    for row, i in enumerate(progress(chosen.tolist(), "reading pictures")):
        try:
            picture = as_seen(album.data[i][0], "L" if channels == 1 else "RGB")
        except Exception as error:  # PIL and zipfile raise many kinds for a broken picture; all are passed on
            raise Damaged(f"{album.where(i)} ({error})") from error
        if picture.size != (size, size) or short != size:
            picture = F.center_crop(F.resize(picture, short), [size, size])
        x[row] = F.pil_to_tensor(picture)
    return x, album.labels[chosen], album.names
