"""Where things stand on a figure: the page that it must fit, and words that fit into a column. All lengths are inches.

Places are computed from the sizes of the words: a layout engine, which draws everything twice, would cost as much as the figure.
"""

from __future__ import annotations

from functools import lru_cache

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D, Transform

# JupyterLab in a window of 1280 x 720 with its list of files open leaves 833 pixels to an output, and shows 600 of a page.
PAGE, TALL = 8.6, 6.2
WORDS = 11  # points; on a projector nobody reads less
LINE = 1.25 * WORDS / 72  # from one line of words to the next
DOTS = 96  # pixels of a screen in an inch
EDGE = 0.03  # around everything, so that no frame is cut


@lru_cache(maxsize=8192)
def width_of(text: str, size: float = WORDS) -> float:
    """How wide the widest line of a text is."""
    font = FontProperties(size=size)
    return max(text_to_path.get_text_width_height_descent(line, font, False)[0] for line in text.split("\n")) / 72 + 0.02


def cut(text: str, width: float) -> str:
    """A line of text that fits: whole, or with … at its end."""
    if width_of(text) <= width:
        return text
    while text and width_of(text.rstrip() + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrapped(text: str, width: float, lines: int = 2) -> str:
    """A text in at most so many lines that fit."""
    out: list[str] = []
    for part in text.split("\n"):
        words = part.split()
        line = words[0] if words else ""
        for word in words[1:]:
            if width_of(f"{line} {word}") <= width:
                line += f" {word}"
            else:
                out.append(line)
                line = word
        out.append(line)
    out[lines - 1 :] = [" ".join(out[lines - 1 :])] if len(out) >= lines else []
    return "\n".join(cut(line, width) for line in out)


def lines_of(text: str) -> int:
    """How many lines a text takes."""
    return text.count("\n") + 1 if text else 0


def blank(width: float, height: float) -> Figure:
    """A figure without pyplot's global state and without a layout engine, of whole pixels."""
    return Figure(figsize=(round(width * DOTS) / DOTS, round(height * DOTS) / DOTS), layout="none")


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place counted from the figure's upper left corner."""
    wide, tall = figure.get_size_inches()
    return figure.add_axes((left / wide, 1 - (top + height) / tall, width / wide, height / tall))


def box_at(figure: Figure, left: float, top: float, width: float, height: float) -> Transform:
    """A place counted from the figure's upper left corner, within which things stand from 0 to 1: much cheaper than axes."""
    wide, tall = figure.get_size_inches()
    return Affine2D().scale(width / wide, height / tall).translate(left / wide, 1 - (top + height) / tall) + figure.transFigure


def words_at(figure: Figure, left: float, top: float, text: str, **options: object) -> None:
    """Words at a place counted from the figure's upper left corner."""
    wide, tall = figure.get_size_inches()
    figure.text(left / wide, 1 - top / tall, text, **{"fontsize": WORDS, "linespacing": 1.15, **options})
