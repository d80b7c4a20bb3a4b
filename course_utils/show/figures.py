"""Figures. Each function returns the figure; a notebook shows it as the last line of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..measure import interval
from .canvas import COLOURS, PALE, draw_map, draw_picture, new_figure


def pictures(x: Tensor, titles: Sequence[str] | None = None, *, columns: int = 8, size: float = 1.2, title: str = "") -> Figure:
    """A grid of pictures `[N, C, H, W]`, each with its title."""
    columns = min(columns, len(x))
    rows = -(-len(x) // columns)
    height = size * (1.25 if titles else 1.05)
    figure, axes = new_figure(size * columns, rows * height + (0.35 if title else 0), rows, columns)
    for position, place in enumerate(axes.flat):
        if position < len(x):
            draw_picture(place, x[position], titles[position] if titles else "")
        else:
            place.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


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


def rows(*given: Row, size: float = 1.35) -> Figure:
    """Rows of pictures below each other, one column a picture: clean, change, attacked; or picture and its maps."""
    columns = max(len(row.x) for row in given)
    captions = sum(bool(row.titles) for row in given)
    figure, axes = new_figure(size * columns + 1.1, size * len(given) + 0.25 * captions, len(given), columns)
    for line, row in zip(axes, given):
        for position, place in enumerate(line):
            if position >= len(row.x):
                place.set_axis_off()
                continue
            title = row.titles[position] if row.titles else ""
            if row.kind == "picture":
                draw_picture(place, row.x[position], title)
            elif row.kind == "change":
                draw_picture(place, stretch(row.x[position]), title)
            else:
                over = None if row.over is None else row.over[position]
                draw_map(place, row.x[position], title, signed=row.kind == "signed", over=over)
        line[0].set_ylabel(row.name, rotation=0, ha="right", va="center", labelpad=8)
    return figure


def stretch(change: Tensor) -> Tensor:
    """A signed change as a picture: 0 is middle grey, the largest value becomes black or white."""
    return 0.5 + 0.5 * change / change.abs().amax().clamp_min(1e-12)


def curves(
    x: Sequence[float], lines: Mapping[str, Sequence[float]], *, xlabel: str, ylabel: str, title: str = "",
    percent: bool = True, count: int | None = None, width: float = 6.4, height: float = 3.6, log: bool = False,
) -> Figure:  # fmt: skip
    """Lines over a common axis. With `percent`, values 0 to 1 are drawn as percent; `count` adds 95 % intervals."""
    figure, axes = new_figure(width, height)
    place = axes[0, 0]
    for (label, values), colour in zip(lines.items(), COLOURS * 3):
        heights = 100 * np.asarray(values, dtype=float) if percent else np.asarray(values, dtype=float)
        place.plot(x, heights, marker="o" if len(x) <= 30 else None, markersize=4, label=label, color=colour)
        if percent and count:
            band = 100 * np.array([interval(float(v), count) for v in values])
            place.fill_between(x, band[:, 0], band[:, 1], color=colour, alpha=0.15, linewidth=0)
    place.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if percent:
        place.set_ylim(-2, 102)
    if log:
        place.set_xscale("log")
    place.grid(axis="y", color=PALE, linewidth=0.7)
    if len(lines) > 4:
        place.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    elif len(lines) > 1:
        place.legend()
    return figure


def draw_scores(axes: Axes, probabilities: Tensor, names: Sequence[str], *, top: int = 5, mark: int | None = None) -> None:
    """The most likely classes as bars; class `mark` (the right one) in green, others in red."""
    values, classes = probabilities.detach().float().cpu().topk(min(top, len(probabilities)))
    tints = [COLOURS[3] if c == mark else COLOURS[0] for c in classes.tolist()] if mark is not None else COLOURS[1]
    places = range(len(values))
    axes.barh(places, 100 * values.numpy(), color=tints, height=0.8, alpha=0.5)  # pale, so that words stay readable on them
    for place, value, label in zip(places, values.tolist(), classes.tolist()):
        axes.text(2, place, short(names[label], 22), va="center", ha="left", fontsize=8)
        axes.text(99, place, f"{100 * value:.0f} %", va="center", ha="right", fontsize=8)
    axes.set(xlim=(0, 100), yticks=[], xticks=[0, 50, 100], xticklabels=["0", "50", "100 %"])
    axes.tick_params(labelsize=7, length=2)
    axes.invert_yaxis()


def scores(x: Tensor, probabilities: Tensor, names: Sequence[str], *, y: Tensor | None = None, titles: Sequence[str] | None = None) -> Figure:
    """Pictures `[N, C, H, W]` above the classes that the model finds most likely `[N, classes]`."""
    figure, axes = new_figure(2.5 * len(x), 3.6, 2, len(x))
    for i in range(len(x)):
        draw_picture(axes[0, i], x[i], titles[i] if titles else "")
        draw_scores(axes[1, i], probabilities[i], names, mark=None if y is None else int(y[i]))
    return figure


def short(name: str, length: int = 24) -> str:
    """A class name that fits under a picture."""
    name = str(name).split(",")[0]
    return name if len(name) <= length else name[: length - 1].rstrip() + "…"
