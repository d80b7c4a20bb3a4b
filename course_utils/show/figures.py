"""Figures. Each function returns the figure; a notebook shows it as the last line of a cell."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..measure import interval
from .canvas import COLOURS, PALE, draw_map, draw_picture
from .layout import EDGE, LINE, PAGE, TALL, WORDS, axes_at, blank, lines_of, width_of, words_at, wrapped

BIG, GAP = 2.4, 0.1  # the widest picture when no size is asked for; between pictures


class Row(NamedTuple):
    """One row of `rows`: what it is called, its pictures or maps, and a title for each (optional).

    kind: "picture", "change" (a signed difference `[N, C, H, W]`, grey where nothing changed, stretched to be
    seen), "map" (heat from 0 up, `[N, H, W]`) or "signed" (red above 0, blue below).
    """

    name: str
    x: Tensor
    titles: Sequence[str] | None = None
    kind: str = "picture"
    over: Tensor | None = None


def pictures(
    x: Tensor, titles: Sequence[str] | None = None, *, columns: int = 8, size: float | None = None, title: str = "",
    frame: bool = False, height: float = TALL,
) -> Figure:  # fmt: skip
    """A grid of pictures `[N, C, H, W]`, each with its title; as large as the page allows, or at most `size` inches wide.

    frame: a broad one around each, for pictures whose edge matters. height: what the figure may take, in inches.
    """
    starts = range(0, len(x), columns)
    lines = [Row("", x[i : i + columns], titles[i : i + columns] if titles else None) for i in starts]
    return grid(lines, size, frame, height, title)


def rows(*given: Row, size: float | None = None, frame: bool = False, height: float = TALL) -> Figure:
    """Rows of pictures below each other, one column a picture: clean, change, attacked; or picture and its maps.

    As large as the page allows, or at most `size` inches wide each. frame: a broad one around each picture, for pictures
    whose edge matters. height: what the figure may take, in inches.
    """
    return grid(given, size, frame, height)


def grid(lines: Sequence[Row], size: float | None, frame: bool, height: float, title: str = "") -> Figure:
    """What `pictures` and `rows` share: the size of a picture that fits the page, and everything in its place."""
    labels = [wrapped(row.name, 1.5, 3) for row in lines]
    left = EDGE + (max(map(width_of, labels)) + 0.12 if any(labels) else 0) + (0.04 if frame else 0)
    across, shape = max(len(row.x) for row in lines), max(row.x.shape[-2] / row.x.shape[-1] for row in lines)
    gap = GAP + (0.08 if frame else 0)
    head = 1.6 * LINE if title else 0.0
    width = min(size or BIG, (PAGE - left - EDGE + gap) / across - gap)
    for _ in range(2):  # smaller pictures may break their titles into more lines
        titles = [[wrapped(t, width + gap - 0.08) for t in row.titles or ()] for row in lines]
        above = [LINE * max(map(lines_of, line), default=0) + (0.05 if line else 0) for line in titles]
        free = height - head - sum(above) - len(lines) * gap - 2 * EDGE
        width = min(width, max(free, LINE * len(lines)) / len(lines) / shape)
    tall = width * shape
    below = EDGE + (0.04 if frame else 0)
    figure = blank(
        max(left + across * (width + gap) - gap + EDGE, width_of(title, WORDS + 1) + 2 * EDGE),
        head + sum(above) + len(lines) * (tall + gap) - gap + 2 * below,
    )
    if title:
        words_at(figure, left, 0.05, title, fontsize=WORDS + 1, va="top", ha="left")
    top = head + below
    for row, label, line, more in zip(lines, labels, titles, above):
        top += more
        for i in range(len(row.x)):
            draw_item(axes_at(figure, left + i * (width + gap), top, width, tall), row, i, line[i] if line else "", frame)
        words_at(figure, left - 0.12, top + 0.5 * tall, label, va="center", ha="right")
        top += tall + gap
    return figure


def table_of(x: Tensor, down: Sequence[str], across: Sequence[str], *, size: float = TALL - 0.35) -> Figure:
    """A table of pictures `[R, C, channels, H, W]`, what its rows and columns are called at the left and above; `size`: its height.

    One picture of all: a hundred axes would take a second.
    """
    lines, columns, _, tall, wide = x.shape
    gap = max(1, round(0.05 * wide))
    page = x.new_ones(x.shape[2], lines * (tall + gap) - gap, columns * (wide + gap) - gap)
    for i, j in itertools.product(range(lines), range(columns)):
        page[:, i * (tall + gap) : i * (tall + gap) + tall, j * (wide + gap) : j * (wide + gap) + wide] = x[i, j]
    pixel, left, top = size / page.shape[1], max(map(width_of, down)) + 0.15, LINE + 0.08
    figure = blank(left + pixel * page.shape[2] + EDGE, top + size + EDGE)
    draw_picture(axes_at(figure, left, top, pixel * page.shape[2], size), page)
    for i, name in enumerate(down):
        words_at(figure, left - 0.12, top + pixel * (i * (tall + gap) + tall / 2), name, va="center", ha="right")
    for j, name in enumerate(across):
        words_at(figure, left + pixel * (j * (wide + gap) + wide / 2), top - 0.05, name, va="bottom", ha="center")
    return figure



def draw_item(axes: Axes, row: Row, i: int, title: str, frame: bool) -> None:
    """Picture or map i of a row."""
    if row.kind in ("picture", "change"):
        x = row.x[i] if row.kind == "picture" else stretch(row.x[i])
        draw_picture(axes, x, title, frame=frame and row.kind == "picture")
    else:
        draw_map(axes, row.x[i], title, signed=row.kind == "signed", over=None if row.over is None else row.over[i])


def stretch(change: Tensor) -> Tensor:
    """A signed change as a picture: 0 is middle grey, the largest value becomes black or white."""
    return 0.5 + 0.5 * change / change.abs().amax().clamp_min(1e-12)


def curves(
    x: Sequence[float], lines: Mapping[str, Sequence[float]], *, xlabel: str, ylabel: str, title: str = "",
    percent: bool = True, count: int | None = None, width: float | None = None, height: float = 3.8, log: bool = False,
) -> Figure:  # fmt: skip
    """Lines over a common axis, what they are called at the right. With `percent`, values 0 to 1 are drawn as percent.

    count: how many pictures a value stands for, which adds 95 % intervals. width: of the whole figure, at most PAGE inches.
    """
    names = {label: wrapped(label, 2.2, 3) for label in lines} if len(lines) > 1 else {}
    aside = max(map(width_of, names.values())) + 0.75 if names else 0.15  # a legend's handles and pads take 0.6
    width = min(PAGE, width or 6 + aside)
    height = max(height, 1.4 + sum(LINE * lines_of(name) + 0.08 for name in names.values()))  # the legend fits below the title
    figure = blank(width, height)
    place = axes_at(figure, 0.8, 0.3, width - 0.8 - aside, height - 1)
    for (label, values), colour in zip(lines.items(), COLOURS * 3):
        heights = 100 * np.asarray(values, dtype=float) if percent else np.asarray(values, dtype=float)
        place.plot(x, heights, marker="o" if len(x) <= 30 else None, markersize=5, label=names.get(label, label), color=colour)
        if percent and count:
            band = 100 * np.array([interval(float(v), count) for v in values])
            place.fill_between(x, band[:, 0], band[:, 1], color=colour, alpha=0.15, linewidth=0)
    if percent:
        place.set_ylim(-2, 102)
    if log:
        place.set_xscale("log")
        place.xaxis.set_major_formatter("{x:g}")  # not as powers of ten: their exponents are small
        place.xaxis.set_minor_formatter("")
    elif all(isinstance(value, int) for value in x):
        place.xaxis.get_major_locator().set_params(integer=True)  # no half steps
    place.ticklabel_format(axis="y", style="plain", useOffset=False)  # no "1e6" above the axis
    place.grid(axis="y", color=PALE, linewidth=0.7)
    place.tick_params(labelsize=WORDS)
    numbers = max((width_of(text.get_text()) for text in place.get_yticklabels()), default=0.3)
    left = EDGE + lines_of(beside := wrapped(ylabel, height - 2 * EDGE)) * LINE + numbers + 0.2
    below = EDGE + lines_of(under := wrapped(xlabel, width - left - aside)) * LINE + LINE + 0.2
    top = EDGE + 0.1 + (LINE * lines_of(title := wrapped(title, width - left - EDGE)) + 0.05 if title else 0)
    room = (left / width, below / height, (width - left - aside) / width, (height - top - below) / height)
    place.set_position(room)
    place.set_xlabel(under, fontsize=WORDS)
    place.set_ylabel(beside, fontsize=WORDS)
    if title:
        words_at(figure, left, EDGE + 0.05, title, va="top", ha="left")
    if names:
        place.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=WORDS, frameon=False, borderaxespad=0.6)
    return figure
