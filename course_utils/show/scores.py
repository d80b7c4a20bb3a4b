"""Pictures, and under each what a model says of it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Transform
from torch import Tensor

from .canvas import COLOURS, draw_picture
from .layout import EDGE, LINE, PAGE, TALL, WORDS, axes_at, blank, box_at, cut, lines_of, width_of, wrapped

GAP, BIG, ACROSS = 0.2, 2.7, 5  # between panels, the widest panel, the most panels beside each other
PAD = 0.05  # between a bar's end and its words
BAR = 1.2 * LINE  # a bar with one line of words on it
TRACK, NEUTRAL, RIGHT = "#f0f3f5", "#b9c6d1", "#92c9a5"  # where a bar could be; a class; the right class
assert COLOURS[3] == "#4f9d69", "RIGHT is a pale form of the course's green"


def draw_scores(axes: Axes, probabilities: Tensor, names: Sequence[str], *, top: int = 5, mark: int | None = None) -> None:
    """The most likely classes as bars on a track from 0 to 100 %; class `mark` (the right one) in green.

    The axes must have their place already: names that are too long for it are cut.
    """
    axes.set_axis_off()
    wide, tall = axes.get_position().size * axes.figure.get_size_inches()
    draw_bars(axes, axes.transAxes, (wide, tall), probabilities, names, top, mark)


def draw_bars(
    on: Axes | Figure, place: Transform, size: tuple[float, float], probabilities: Tensor, names: Sequence[str], top: int, mark: int | None
) -> None:
    """The bars of `draw_scores` in a place of so many inches, as few artists. place: from 0 to 1 in both directions."""
    values, classes = (part.tolist() for part in probabilities.detach().float().cpu().topk(min(top, len(probabilities))))
    (wide, tall), step = size, 1 / top
    room, double = name_room(wide), tall * step > 2 * LINE
    style = {"va": "center", "fontsize": WORDS, "transform": place}
    bars, tints = [], []
    for i, (value, label) in enumerate(zip(values, classes)):
        low, high = 1 - (i + 0.93) * step, 1 - (i + 0.07) * step
        bars += [[(0, low), (0, high), (right, high), (right, low)] for right in (1, value)]
        tints += [TRACK, RIGHT if label == mark else NEUTRAL]
        name, middle, shift = plain(names[label]), 0.5 * (low + high), 0.0
        if double and width_of(name) > room:  # two lines; the number ends the lower one
            shift = 0.48 * LINE / tall
            parts = first_words(name, wide - 2 * PAD, room)
        else:
            parts = [cut(name, room)]
        for part, height in zip(parts, (middle + shift, middle - shift)):
            on.text(PAD / wide, height, part, ha="left", **style)
        on.text(1 - PAD / wide, middle - shift, f"{100 * value:.0f} %", ha="right", **style)
    on.add_artist(PolyCollection(bars, facecolors=tints, edgecolors="none", transform=place, zorder=0.5))


def name_room(wide: float) -> float:
    """What a bar so wide leaves to a class name beside "100 %"."""
    return wide - width_of("100 %") - 3 * PAD


def first_words(name: str, above: float, below: float) -> list[str]:
    """A name in two lines of these widths, the first as full as it gets."""
    words = name.split()
    count = max([n for n in range(1, len(words) + 1) if width_of(" ".join(words[:n])) <= above], default=1)
    return [cut(" ".join(words[:count]), above), cut(" ".join(words[count:]), below)]


def scores(
    x: Tensor, probabilities: Tensor, names: Sequence[str], *, y: Tensor | Sequence[int | None] | None = None,
    titles: Sequence[str] | None = None, bars: Sequence[bool] | None = None,
) -> Figure:  # fmt: skip
    """Pictures `[N, C, H, W]` above the classes that the model finds most likely `[N, classes]`, the right one in green.

    y: the right classes; -1 or None where there is none. bars: False for each panel that is not asked about, such as a change.
    """
    count = len(x)
    across = -(-count // -(-count // ACROSS))
    deep = -(-count // across)
    width = min(BIG, (PAGE - 2 * EDGE + GAP) / across - GAP)
    narrow = max(width_of(plain(name)) for name in names) > name_room(width) and across > 3
    top = 3 if narrow else 5  # long names under narrow pictures take two lines each
    under = top * (2 * LINE + 0.05 if narrow else BAR)
    above = LINE + 0.1 if titles else EDGE
    shape = x.shape[-2] / x.shape[-1]
    tall = min(width * shape, TALL / deep - above - under - 0.15, BIG)
    figure = blank(2 * EDGE + across * (width + GAP) - GAP, deep * (above + tall + under + 0.15))
    for i in range(count):
        left, begin = EDGE + (i % across) * (width + GAP), (i // across) * (above + tall + under + 0.15)
        title = wrapped(titles[i], width + 0.5 * GAP) if titles else ""
        less = LINE * max(0, lines_of(title) - 1)  # a second line takes its room from the picture: panels never jump
        own = min(width, (tall - less) / shape)
        draw_picture(axes_at(figure, left + 0.5 * (width - own), begin + above + less, own, own * shape), x[i], title)
        if bars is None or bars[i]:
            place = box_at(figure, left, begin + above + tall + 0.08, width, under)
            draw_bars(figure, place, (width, under), probabilities[i], names, top, None if y is None or y[i] is None else int(y[i]))
    return figure


def plain(name: object) -> str:
    """A class name without its other names: ImageNet's are lists."""
    return str(name).split(",")[0]


def short(name: str, length: int = 24) -> str:
    """A class name that fits under a picture."""
    name = plain(name)
    return name if len(name) <= length else name[: length - 1].rstrip() + "…"
