"""Sheets to print: pictures at a true size in millimetres, with marks where to cut, as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.lines import Line2D
from torch import Tensor

from ..places import course_folder
from ..runtime import check_positive
from .canvas import as_array

INCH = 25.4  # millimetres
PAPERS = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
MARGIN, GAP, MARK, APART, RULER = 15.0, 16.0, 5.0, 1.5, 50.0  # of the page; between pieces; a cut mark, and how far off it begins; the ruler


class Piece(NamedTuple):
    """Something to print and cut out: a picture `[C, H, W]` in [0, 1], how wide it is to be in millimetres, and a title. Its height follows.
    mask `[H, W]` or `[1, H, W]`: where it is 0, the paper stays white."""

    picture: Tensor
    width: float
    title: str = ""
    mask: Tensor | None = None

    @property
    def height(self) -> float:
        return self.width * self.picture.shape[1] / self.picture.shape[2]


def sheets(pieces: Sequence[Piece], *, paper: str = "a4") -> list[Figure]:
    """Pages with the pieces at their true size, row by row; as many pages as they need. Print them at 100 %, not "fit to page"."""
    if paper not in PAPERS:
        raise ValueError(f"unknown paper {paper!r}; known: {', '.join(PAPERS)}.")
    if not pieces:
        raise ValueError("there are no pieces; at least one is expected.")
    (width, height), pages = PAPERS[paper], []
    left, top, tall = width, 0.0, 0.0  # as if the page were full
    for piece in pieces:
        check_positive(piece.width, "width", zero=False)
        if piece.width > width - 2 * MARGIN or piece.height > height - 2 * MARGIN - 2 * GAP:
            raise ValueError(f"{piece.title or 'a piece'} is {piece.width:.0f} x {piece.height:.0f} mm; on {paper} there is room for "
                             f"{width - 2 * MARGIN:.0f} x {height - 2 * MARGIN - 2 * GAP:.0f} mm.")  # fmt: skip
        if left + piece.width > width - MARGIN:  # the next row
            left, top, tall = MARGIN, top + tall + GAP, 0.0
        if not pages or top + piece.height > height - MARGIN:
            pages.append(blank(width, height))
            left, top, tall = MARGIN, MARGIN + GAP, 0.0
        put(pages[-1], piece, left, top, width, height)
        left, tall = left + piece.width + GAP, max(tall, piece.height)
    return pages


def blank(width: float, height: float) -> Figure:
    """An empty page with a ruler, by which one sees whether the printer kept the size."""
    page = Figure(figsize=(width / INCH, height / INCH), layout=PlaceHolderLayoutEngine(True, True))  # one that moves nothing; "none" would become the usual one when it is saved
    line(page, [MARGIN, MARGIN + RULER], [8, 8], width, height)
    for tick in range(6):
        line(page, [MARGIN + 10 * tick] * 2, [6.5, 8], width, height)
    page.text((MARGIN + RULER + 3) / width, 1 - 8 / height, f"{RULER:.0f} mm: print at 100 %", fontsize=9, va="center")
    return page


def put(page: Figure, piece: Piece, left: float, top: float, width: float, height: float) -> None:
    """The piece with its upper left corner so many millimetres from the page's, its cut marks, and its title below."""
    picture = piece.picture if piece.mask is None else piece.picture * (m := piece.mask.reshape(1, *piece.picture.shape[1:]).to(piece.picture)) + 1 - m
    axes = page.add_axes((left / width, 1 - (top + piece.height) / height, piece.width / width, piece.height / height))
    axes.imshow(as_array(picture), aspect="auto", interpolation="none", cmap="gray", vmin=0, vmax=1)
    axes.axis("off")
    for x, side in ((left, -1), (left + piece.width, 1)):
        for y, way in ((top, -1), (top + piece.height, 1)):
            line(page, [x + side * APART, x + side * MARK], [y, y], width, height)
            line(page, [x, x], [y + way * APART, y + way * MARK], width, height)
    page.text((left + 1) / width, 1 - (top + piece.height + 7) / height, piece.title, fontsize=9, va="center")


def line(page: Figure, across: Sequence[float], down: Sequence[float], width: float, height: float) -> None:
    page.add_artist(Line2D([x / width for x in across], [1 - y / height for y in down], color="black", linewidth=0.5))


def save_pdf(pages: Sequence[Figure], name: str) -> Path:
    """Write the pages as `work/<name>.pdf`, in the course's git-ignored folder: true sizes, the same bytes each time."""
    from matplotlib.backends.backend_pdf import PdfPages  # here: who prints nothing does not wait for it

    if not pages or not name or Path(name).name != name:
        raise ValueError(f"{len(pages)} pages and the name {name!r} are given; at least one page, and a plain name without folders, are expected.")
    path = course_folder() / "work" / f"{name}.pdf"
    path.parent.mkdir(exist_ok=True)
    with PdfPages(path, metadata={"CreationDate": None, "Title": name}) as pdf:
        for page in pages:
            pdf.savefig(page)
    return path
