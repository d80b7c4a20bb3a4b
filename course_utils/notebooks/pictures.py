"""How pictures and sounds are stored: none in the authors' copies, compact pictures in the student's.

A figure is drawn at twice the pixels that it is shown with (`show.style`), and its PNG is reduced here until the
chapter fits into LIMIT. In the authors' copies an output keeps its text alone (`<Figure size ...>`), which is what
nbval compares: it never compares pictures.
"""

from __future__ import annotations

import base64
import io
import re
from copy import deepcopy
from functools import lru_cache

import nbformat
import numpy as np
from PIL import Image

LIMIT = 1_500_000  # bytes of a chapter as the student gets it
STEPS = (5, 8, 12, 16)  # how far apart neighbouring levels of red, green and blue may be, finest first
VISIBLE = 8  # levels: a pixel that is off by more may be seen
SOUND = re.compile(r'src="data:audio/[^"]*"')  # as `show.Sounds` writes them; tests/nbval.cfg compares none
FEW = 0.01  # the share of such pixels that a palette may have


def without_pictures(book):
    """The notebook with the text of its outputs alone; players stay, without their sounds."""
    out = deepcopy(book)
    for output in (output for cell in out.cells for output in cell.get("outputs", [])):
        if "text/html" in output.get("data", {}):
            output.data["text/html"] = SOUND.sub('src=""', output.data["text/html"])
    for _, output in pictures(out):
        for held in (output.data, output.get("metadata", {})):
            for kind in [kind for kind in held if kind.startswith("image/")]:
                del held[kind]
    return out


def with_compact_pictures(book, limit: int = LIMIT):
    """The notebook with each PNG reduced, animations aside: colours rounded as finely as the limit allows."""
    for step in STEPS:
        out = deepcopy(book)
        for _, output in pictures(out):
            if "image/png" in output.data and not is_animated(png := base64.b64decode(output.data["image/png"])):
                output.data["image/png"] = base64.b64encode(compact(png, step)).decode()
        if size(out) <= limit:
            return out
    largest, cell = max((sum(len(str(part)) for part in output.data.values()), cell.id) for cell, output in pictures(out))
    raise ValueError(
        f"the chapter takes {size(out) / 1e6:.1f} MB; at most {limit / 1e6:.1f} MB are stored. Draw fewer or smaller pictures: "
        f"the largest output is that of cell {cell} ({largest / 1e6:.1f} MB)."
    )


def pictures(book) -> list[tuple]:
    """All outputs that hold a picture, each with its cell."""
    return [
        (cell, output) for cell in book.cells for output in cell.get("outputs", [])
        if any(kind.startswith("image/") for kind in output.get("data", {}))
    ]  # fmt: skip


def size(book) -> int:
    """The bytes of the notebook's file."""
    return len(nbformat.writes(book).encode())


def compact(png: bytes, step: int = STEPS[0]) -> bytes:
    """The smallest of: the PNG as it is, written anew, with a palette of 256 colours, with colours rounded to `step`.

    Drawings, maps and curves go into a palette without a visible loss. Several photos in one figure do not: their
    skies break into bands and rare colours turn grey; rounding leaves every colour within step / 2. No dithering: the
    pictures are enlarged pixels, and noise inside them reads as noise of the attack, and doubles the size.
    """
    picture = Image.open(io.BytesIO(png))
    kept = faithful(png)
    return kept if transparent(picture) else min(kept, encoded(rounded(picture.convert("RGB"), step)), key=len)


@lru_cache(maxsize=64)  # the pictures of one chapter, which are tried with several steps
def faithful(png: bytes) -> bytes:
    """The smallest of the PNG as it is, written anew, and with a palette where hardly a pixel shows it."""
    picture = Image.open(io.BytesIO(png))
    if transparent(picture):
        return min(png, encoded(picture), key=len)
    picture = picture.convert("RGB")
    palette = picture.quantize(256, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    few = [palette] if visible_loss(picture, palette.convert("RGB")) <= FEW else []
    return min(png, *map(encoded, [picture, *few]), key=len)


def transparent(picture: Image.Image) -> bool:
    """Whether a picture has pixels that the page shines through; such ones are never repainted."""
    return "transparency" in picture.info or ("A" in picture.getbands() and picture.getextrema()[-1][0] < 255)


def rounded(picture: Image.Image, step: int) -> Image.Image:
    """Colours on a grid of levels about `step` apart that holds black and white."""
    levels = 255 // step
    return Image.fromarray(np.rint(np.rint(np.asarray(picture) * (levels / 255)) * (255 / levels)).astype(np.uint8))


def visible_loss(before: Image.Image, after: Image.Image) -> float:
    """The share of pixels that differ by more than VISIBLE levels in a colour."""
    difference = np.asarray(before).astype(np.int16) - np.asarray(after)
    return float((np.abs(difference).max(axis=2) > VISIBLE).mean())


def encoded(picture: Image.Image) -> bytes:
    """As PNG, without anything but the pixels."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def is_animated(png: bytes) -> bool:
    """Whether a PNG holds several pictures: then a chunk before the first one says so."""
    return b"acTL" in png[: png.find(b"IDAT")]
