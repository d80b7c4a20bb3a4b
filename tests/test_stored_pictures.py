"""Stored pictures: none in the authors' copies, compact ones at twice their displayed pixels in the student's."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from course_utils import notebooks as nb
from course_utils import show
from course_utils.notebooks import pictures
from course_utils.places import course_folder

FOLDER = course_folder() / "notebooks"
STUDENT = sorted(FOLDER.glob("*.ipynb"))
named = {"ids": lambda path: path.stem}


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def chapter(*data: dict):
    """A chapter with one output for each bundle."""
    outputs = [new_output("display_data", data=one, metadata={"image/png": {"width": 4, "height": 4}}) for one in data]
    return new_notebook(cells=[new_code_cell("1", outputs=outputs)])


# ---------------------------------------------------------------- the chapters


@pytest.mark.parametrize("path", nb.authored(), **named)
def test_authors_copies_hold_no_picture(path: Path) -> None:
    assert pictures.pictures(nb.read(path)) == [], "run: make execute"
    assert not re.search(r"data:image|image/(png|jpe?g|gif|webp|svg)", path.read_text())
    assert "<Figure size " in path.read_text(), "their text stays, for nbval to compare"


@pytest.mark.parametrize("path", STUDENT, **named)
def test_a_chapter_is_small(path: Path) -> None:
    assert path.stat().st_size <= nb.LIMIT == 1_500_000, "run: make execute"


@pytest.mark.parametrize("path", STUDENT, **named)
def test_stored_pictures_have_twice_the_pixels_they_are_shown_with(path: Path) -> None:
    stored = pictures.pictures(nb.read(path))
    assert stored
    for cell, output in stored:
        if pictures.is_animated(png := base64.b64decode(output.data["image/png"])):
            continue  # a film's pictures are enlarged: so many of full size would not fit into the file
        width, height = Image.open(io.BytesIO(png)).size
        shown = output.metadata["image/png"]
        assert (width // 2, height // 2) == (shown["width"], shown["height"]), cell.id
        figure = re.fullmatch(r"<Figure size ([\d.]+)x([\d.]+) with \d+ Axes>", output.data["text/plain"])
        if figure:  # the notebook cuts off or adds a margin; it never shows a figure twice as large
            assert shown["width"] == pytest.approx(float(figure[1]), rel=0.1), cell.id


# ---------------------------------------------------------------- reducing


def test_pictures_are_left_out_and_words_stay() -> None:
    full = chapter({"image/png": "aa", "image/svg+xml": "<svg/>", "text/plain": "<Figure>"}, {"text/html": "<b>"})
    first, second = nb.without_pictures(full).cells[0].outputs
    assert first.data == {"text/plain": "<Figure>"} and first.metadata == {}
    assert second.data == {"text/html": "<b>"} and "image/png" in full.cells[0].outputs[0].data


def test_few_colours_are_stored_without_loss() -> None:
    drawing = np.full((200, 300, 3), 255, dtype=np.uint8)
    drawing[50:100, 20:280] = (209, 73, 91)
    drawing[120:, ::7] = (34, 49, 63)
    small = nb.compact(png(drawing))
    assert len(small) < len(png(drawing)) and (pixels(small)[..., :3] == drawing).all()


def test_a_smooth_photo_keeps_its_colours() -> None:
    """A palette would break it into bands: each colour stays within half a step."""
    rows, columns = np.mgrid[0:256, 0:256]
    photo = np.stack([rows, columns, (rows * columns // 97) % 256], axis=2).astype(np.uint8)
    for step in pictures.STEPS:
        far = np.abs(pixels(nb.compact(png(photo), step))[..., :3].astype(int) - photo)
        assert far.max() <= step / 2 + 1
    assert Image.open(io.BytesIO(nb.compact(png(photo)))).mode == "RGB"


def test_black_and_white_stay_black_and_white() -> None:
    for step in pictures.STEPS:
        for level in (0, 255):
            assert (np.asarray(pictures.rounded(Image.new("RGB", (2, 2), (level,) * 3), step)) == level).all()


def test_a_visible_loss_is_measured() -> None:
    grey = Image.new("RGB", (10, 10), (100, 100, 100))
    changed = grey.copy()
    changed.putpixel((0, 0), (100, 109, 100))
    changed.putpixel((0, 1), (108, 108, 92))
    assert pictures.visible_loss(grey, grey) == 0 and pictures.visible_loss(grey, changed) == pytest.approx(0.01)


def test_transparent_pictures_are_never_repainted() -> None:
    glass = noise(40, 40, 4)
    assert (pixels(nb.compact(png(glass), 16)) == glass).all()
    opaque = noise(40, 40, 4)
    opaque[..., 3] = 255
    assert len(nb.compact(png(opaque), 16)) < len(png(opaque))


def test_a_chapter_gets_the_finest_colours_that_fit() -> None:
    full = chapter(*[{"image/png": base64.b64encode(png(noise(120, 120, 3))).decode()}] * 3)
    reduced = [base64.b64encode(nb.compact(png(noise(120, 120, 3)), step)).decode() for step in pictures.STEPS]
    sizes = [pictures.size(chapter(*[{"image/png": one}] * 3)) for one in reduced]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < sizes[0] < pictures.size(full)
    for wanted in sizes:
        assert pictures.size(nb.with_compact_pictures(full, wanted)) == wanted
    words = r"the chapter takes 0\.1 MB; at most 0\.0 MB are stored.*largest output is that of cell "
    with pytest.raises(ValueError, match=words + full.cells[0].id):
        nb.with_compact_pictures(full, 20_000)


def test_reducing_twice_gives_the_same_bytes() -> None:
    photo = png(noise(64, 64, 3))
    first = nb.compact(photo)
    pictures.faithful.cache_clear()
    assert nb.compact(photo) == first


def test_an_animation_stays_whole_and_plays() -> None:
    frames = torch.rand(5, 3, 12, 16, generator=torch.Generator().manual_seed(0))
    bundle, size = show.Animation(frames, size=64, what="noise")._repr_mimebundle_()
    held = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert (held.n_frames, held.size, size["image/png"]) == (5, (16, 12), {"width": 64, "height": 48})
    assert bundle["text/plain"] == "Animation of 5 pictures: noise"
    held.seek(3)
    shown = torch.tensor(list(held.convert("RGB").getdata())).reshape(12, 16, 3).permute(2, 0, 1) / 255
    assert (shown - frames[3]).abs().mean() < (shown - frames[2]).abs().mean() / 2, "each frame is the picture that was given"
    book = new_notebook(cells=[new_code_cell("film", outputs=[new_output("display_data", bundle)])])
    assert pictures.with_compact_pictures(book).cells[0].outputs[0].data["image/png"] == bundle["image/png"]
    grey = show.Animation(torch.rand(2, 1, 8, 8))
    assert Image.open(io.BytesIO(grey.data)).n_frames == 2
    with pytest.raises(ValueError, match="at least two pictures"):
        show.Animation(frames[:1])
