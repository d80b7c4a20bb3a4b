"""Showing: figures and tables. Each function returns what it shows; a notebook shows it as the last line of a cell."""

from .animation import Animation
from .boxes import boxed
from .canvas import COLOURS, INK, PALE, as_array, bare, draw_map, draw_picture, new_figure, png, style
from .figures import Row, curves, pictures, rows, stretch, table_of
from .found import found
from .layout import PAGE, TALL, WORDS
from .scores import draw_scores, scores, short
from .sheets import Piece, save_pdf, sheets
from .sounds import Sounds
from .tables import Table, paper_and_here, recorded

__all__ = [
    "Animation", "COLOURS", "INK", "PAGE", "PALE", "Piece", "Row", "Sounds", "TALL", "Table", "WORDS", "as_array", "bare", "boxed",
    "curves", "draw_map", "draw_picture", "draw_scores", "found", "new_figure", "paper_and_here", "pictures", "png", "recorded", "rows",
    "save_pdf", "scores", "sheets", "short", "stretch", "style", "table_of",
]  # fmt: skip
