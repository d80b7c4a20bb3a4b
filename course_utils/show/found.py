"""What a detector found, drawn on its pictures."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from .canvas import COLOURS
from .figures import pictures
from .layout import TALL, WORDS


def found(
    x: Tensor, boxes: Sequence[Tensor], labels: Sequence[Tensor], names: Sequence[str], titles: Sequence[str] | None = None, *,
    most: int = 6, columns: int = 4, height: float = TALL,
) -> Figure:  # fmt: skip
    """Pictures `[N, 3, H, W]` with the boxes that stand in them, each in its class's colour and with its name.

    boxes: `[K, 4]` x0, y0, x1, y1 in pixels for each picture, and labels `[K]`: what `models.detect` found, or the truth, where label -1
    is left out. Of each picture the first `most` are shown, the last of them below the others.
    """
    if not len(x) == len(boxes) == len(labels):
        raise ValueError(f"{len(x)} pictures, {len(boxes)} sets of boxes and {len(labels)} of labels are given; as many of each are expected.")
    figure = pictures(x, titles, columns=columns, height=height)
    for axes, places, kinds in zip(figure.axes, boxes, labels):
        there = [(box, kind) for box, kind in zip(places.tolist(), kinds.tolist()) if kind >= 0][:most]
        for (x0, y0, x1, y1), kind in reversed(there):
            colour = COLOURS[kind % len(COLOURS)]
            axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, linewidth=2, edgecolor=colour))
            right = x0 + x1 > x.shape[3]  # the name then ends with the box, so that it stays inside
            above = y0 > x.shape[2] / 8
            axes.text(
                x1 if right else x0, y0 - 2 if above else y1 + 2, names[kind], fontsize=WORDS, color="white", ha="right" if right else "left",
                va="bottom" if above else "top", bbox={"facecolor": colour, "edgecolor": "none", "pad": 1}, clip_on=True,
            )  # fmt: skip
    return figure
