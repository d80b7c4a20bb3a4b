"""Sheets to print: the page's size, each piece's true size, and what is refused."""

from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path

import pytest
import torch

from course_utils import show

POINT = 25.4 / 72  # millimetres


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys.modules["course_utils.show.sheets"], "course_folder", lambda: tmp_path)
    return tmp_path


def streams(pdf: bytes) -> str:
    """All that is drawn, unpacked."""
    parts = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S)
    return "\n".join(zlib.decompress(p).decode("latin-1") for p in parts if p[:1] == b"\x78")


def images(pdf: bytes) -> list[tuple[float, float, float, float]]:
    """Width, height, left and bottom of each picture on the page, in millimetres."""
    found = re.findall(r"1 0 0 1 ([\d.]+) ([\d.]+) cm\s+([\d.]+) 0 0\s+-?([\d.]+) 0 [\d.]+ cm\s+/I\d+ Do", streams(pdf))
    return [tuple(POINT * float(v) for v in (wide, tall, left, bottom)) for left, bottom, wide, tall in found]


@pytest.mark.parametrize(("paper", "size"), [("a4", (210, 297)), ("letter", (215.9, 279.4))])
def test_the_page_and_the_piece_have_their_true_size(paper: str, size: tuple[float, float], elsewhere: Path) -> None:
    path = show.save_pdf(show.sheets([show.Piece(torch.rand(3, 16, 24), 75.0, "a sticker")], paper=paper), "stickers")
    pdf = path.read_bytes()
    assert path == elsewhere / "work" / "stickers.pdf" and pdf.startswith(b"%PDF")
    box = [float(v) for v in re.search(rb"/MediaBox \[ *([\d. ]+)\]", pdf)[1].split()]
    assert box[:2] == [0, 0] and [POINT * v for v in box[2:]] == pytest.approx(size, abs=0.05)
    ((wide, tall, left, bottom),) = images(pdf)
    assert (wide, tall) == pytest.approx((75, 50), abs=0.01) and left == pytest.approx(15, abs=0.01) and size[1] - bottom - tall == pytest.approx(31, abs=0.01)


def test_a_page_keeps_its_places_however_often_it_is_saved(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """Also under the course's style, which lets figures arrange themselves."""
    show.style()
    pages = show.sheets([show.Piece(torch.rand(3, 16, 24), 75.0)])
    before = pages[0].axes[0].get_position().extents.tolist()
    for _ in range(2):
        show.save_pdf(pages, "twice")
        pages[0].savefig(tmp_path / "page.png")
    assert pages[0].axes[0].get_position().extents.tolist() == before and not recwarn.list


def test_cut_marks_and_the_ruler_stand_where_they_should() -> None:
    (page,) = show.sheets([show.Piece(torch.rand(3, 10, 10), 40.0)])
    lines = [(*line.get_xdata(), *line.get_ydata()) for line in page.artists if hasattr(line, "get_xdata")] or [
        (*line.get_xdata(), *line.get_ydata()) for line in page.lines
    ]
    ends = sorted({round(210 * v, 1) for a, b, *_ in lines for v in (a, b)})
    assert len(lines) == 7 + 8 and {10.0, 13.5, 15.0, 55.0, 56.5, 60.0, 65.0} <= set(ends), "marks beside 15 and 55; the ruler ends at 65"


def test_pieces_flow_over_rows_and_pages() -> None:
    pages = show.sheets([show.Piece(torch.rand(1, 8, 8), 80.0, str(k)) for k in range(7)])
    assert [len(page.axes) for page in pages] == [4, 3]
    for page in pages:
        assert all(0 < v < 1 for axes in page.axes for v in axes.get_position().extents)


def test_paper_stays_white_where_the_mask_is_0() -> None:
    mask = torch.zeros(4, 4)
    mask[:2] = 1
    (page,) = show.sheets([show.Piece(torch.zeros(3, 4, 4), 40.0, "", mask)])
    drawn = page.axes[0].images[0].get_array()
    assert (drawn[:2] == 0).all() and (drawn[2:] == 1).all()


def test_the_same_sheet_is_the_same_file() -> None:
    once, again = (show.save_pdf(show.sheets([show.Piece(torch.zeros(3, 4, 4), 40.0)]), "a").read_bytes() for _ in range(2))
    assert once == again


@pytest.mark.parametrize(
    ("pieces", "paper", "words"),
    [([], "a4", "no pieces"), ([show.Piece(torch.rand(3, 4, 4), 0.0)], "a4", "width"), ([show.Piece(torch.rand(3, 4, 4), 190.0, "poster")], "a4", "poster is 190 x 190 mm"),
     ([show.Piece(torch.rand(3, 40, 4), 50.0)], "a4", "there is room"), ([show.Piece(torch.rand(3, 4, 4), 40.0)], "a5", "unknown paper")],
)  # fmt: skip
def test_what_does_not_fit_is_refused(pieces: list, paper: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        show.sheets(pieces, paper=paper)


@pytest.mark.parametrize("name", ["", "../outside", "a/b"])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(ValueError, match="plain name"):
        show.save_pdf(show.sheets([show.Piece(torch.rand(3, 4, 4), 40.0)]), name)
