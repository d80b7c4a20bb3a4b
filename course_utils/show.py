"""Figures. Each function returns the figure; a notebook shows it as the last line of a cell."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from . import runtime
from .measure import interval

INK, PALE = "#22313f", "#d5dbe1"
COLOURS = (
    "#d1495b", "#2e86ab", "#e9a23b", "#4f9d69", "#7d5ba6", "#22313f", "#e58fb1", "#8ecae6", "#b08968", "#9aa5b1",
)  # fmt: skip


def style() -> None:
    """The course's look for every figure, and figures shown by the notebook without pyplot, at twice the pixels of their size."""
    matplotlib.rcParams.update({
        "figure.dpi": 96, "font.size": 10, "axes.titlesize": 10, "axes.titlecolor": INK, "axes.labelcolor": INK,
        "axes.edgecolor": "#8795a1", "axes.spines.top": False, "axes.spines.right": False, "axes.grid": False,
        "xtick.color": INK, "ytick.color": INK, "text.color": INK, "legend.frameon": False, "lines.linewidth": 2,
        "axes.prop_cycle": matplotlib.cycler(color=COLOURS), "image.interpolation": "nearest",
    })  # fmt: skip
    try:
        from IPython import get_ipython
        from IPython.core.pylabtools import select_figure_formats
    except ImportError:  # outside a notebook nothing has to be shown
        return
    if get_ipython() is not None:
        select_figure_formats(get_ipython(), {"retina"})


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, np.ndarray]:
    """A figure without pyplot's global state, and its axes as an array `[rows, columns]`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def png(figure: Figure, *, density: int = 1, effort: int = 6) -> bytes:
    """The figure as PNG bytes, always of the same size (widgets replace one picture by the next).

    density: pixels for each point of a screen as it was. effort: how hard to compress, 1 (quick) to 9 (small).
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=density * figure.dpi, pil_kwargs={"compress_level": effort})
    return buffer.getvalue()


def as_array(picture: Tensor) -> np.ndarray:
    """`[C, H, W]` or `[H, W]` in [0, 1] as an array that matplotlib draws."""
    array = picture.detach().float().cpu()
    return (array.permute(1, 2, 0) if array.dim() == 3 and array.shape[0] == 3 else array.reshape(array.shape[-2:])).numpy()


def draw_picture(axes: Axes, picture: Tensor, title: str = "", *, colour: str = INK) -> None:
    """One picture without ticks, its title above."""
    array = as_array(picture)
    axes.imshow(array, cmap="gray", vmin=0, vmax=1)
    bare(axes, title, colour)
    for side in axes.spines.values():  # a thin frame, so that a white edge does not melt into the page
        side.set(visible=True, color=PALE, linewidth=0.6)


def draw_map(axes: Axes, heat: Tensor, title: str = "", *, signed: bool = False, over: Tensor | None = None) -> None:
    """One heat map `[H, W]`: from 0 up, or signed with red above 0 and blue below; `over` draws it on a picture.

    The strongest half percent is cut off, so that a single pixel does not darken all others.
    """
    heat = heat.detach().float().cpu()
    limit = max(heat.abs().flatten().quantile(0.995).item(), 1e-12)
    if over is not None:
        axes.imshow(as_array(over.mean(0) if over.dim() == 3 else over), cmap="gray", vmin=-0.4, vmax=1.4)
    options = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit} if signed else {"cmap": "inferno", "vmin": 0, "vmax": limit}
    alpha = 1.0 if over is None else (heat.abs() / limit).clamp(0, 1).pow(0.7).mul(0.85).numpy()
    axes.imshow(heat.numpy(), alpha=alpha, **options)
    bare(axes, title)


def bare(axes: Axes, title: str = "", colour: str = INK) -> None:
    """No ticks and no frame; only a title."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(title, fontsize=9, color=colour)


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
    figure.suptitle(title, fontsize=11) if title else None
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
    place.set_ylim(-2, 102) if percent else None
    place.set_xscale("log") if log else None
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


# ---------------------------------------------------------------- tables


class Table:
    """A small table: HTML in a notebook, plain text elsewhere."""

    def __init__(self, header: Sequence[str], body: Sequence[Sequence[object]], note: str = "") -> None:
        self.header, self.note = [str(h) for h in header], note
        self.body = [[str(cell) for cell in row] for row in body]
        if any(len(row) != len(self.header) for row in self.body):
            raise ValueError(f"every row of the table needs {len(self.header)} cells, one for each of {self.header}.")

    def _repr_html_(self) -> str:
        def line(cells: list[str], tag: str) -> str:
            return "<tr>" + "".join(f'<{tag} style="text-align:left">{html.escape(c)}</{tag}>' for c in cells) + "</tr>"

        words = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.note))
        note = f'<p style="font-size:85%;color:#606f7b">{words}</p>' if words else ""
        return "<table>" + line(self.header, "th") + "".join(line(row, "td") for row in self.body) + "</table>" + note

    def __repr__(self) -> str:
        widths = [max(len(row[i]) for row in [self.header, *self.body]) for i in range(len(self.header))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in [self.header, *self.body]]
        return "\n".join(lines + ([self.note] if self.note else []))


def recorded(name: str) -> dict:
    """The full-scale result `data/results/<name>.json`: its numbers, and where and how they were measured."""
    place = runtime.course_folder() / "data" / "results"
    runtime.pick("result", name, sorted(p.stem for p in place.glob("*.json")))
    return json.loads((place / f"{name}.json").read_text())


def paper_and_here(
    result: str, rows: Mapping[str, tuple[str, str, float | None]], *, form: str = "{:.1f} %"
) -> Table:
    """The table that ends a chapter: each row `key: (what was measured, the paper's number, the live number)`.

    The recorded column is read from `data/results/<result>.json` under the row's key, never typed. A paper's number
    that is not known is "", a live number that was not measured None.
    """
    record = recorded(result)
    about, numbers = record["about"], record["numbers"]
    body = [
        [what, paper or "–", form.format(numbers[runtime.pick("recorded number", key, numbers)]), "–" if here is None else form.format(here)]
        for key, (what, paper, here) in rows.items()
    ]
    note = (
        f"Recorded: {about['source']}, {about['count']} pictures, {about['device']}, seed {about['seed']}, "
        f"{about['date']}; `{about['command']}`. Here: the run on this page."
    )
    return Table(["what", "paper", "recorded at full scale", "here"], body, note)
