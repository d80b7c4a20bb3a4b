"""Every figure at a screen of 1280 x 720: words of 11 pt or more, nothing cut, nothing on anything else, no wider than the page."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterator
from itertools import combinations

import matplotlib
import pytest
import torch
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from torchvision.models._meta import _IMAGENET_CATEGORIES as IMAGENET

from course_utils import show
from course_utils.data import WORLDS
from course_utils.show import Row

SIGNS, PHOTOS = WORLDS["signs"].kinds, WORLDS["photos"].kinds  # GTSRB's 43, and 144
LONG = ("Right-of-way at the next intersection", "Kerry blue terrier, a dog", "American Staffordshire terrier", "superlongwordwithoutanyspaceinit")


@pytest.fixture(autouse=True)
def styled() -> Iterator[None]:
    with matplotlib.rc_context():
        show.style()
        yield


def some(count: int, size: int = 28, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0))


def asked(count: int, names: tuple[str, ...], **options: object) -> Figure:
    """`scores` where the longest names are the most likely, with 100 % among the numbers."""
    order = torch.tensor([len(name) for name in names]).argsort(descending=True)
    says = torch.zeros(count, len(names))
    says[:, order[:5]] = torch.tensor([0.6, 0.2, 0.1, 0.06, 0.04])[: len(names)]
    says[0] = torch.nn.functional.one_hot(order[0], len(names))
    return show.scores(some(count), says, names, y=[int(order[0])] * count, titles=[f"picture {i}, eps = 0.25" for i in range(count)], **options)


def walk(count: int, **options: object) -> Figure:
    x = [0, 0.05, 0.1, 0.2, 0.3]
    lines = {f"line {k} of a network with a long name": [1 - k / 20 - 0.5 * v for v in x] for k in range(count)}
    return show.curves(x, lines, xlabel="a long name of an axis " * 3, ylabel="accuracy, %", title="a title that goes on " * 4, count=90, **options)


def maps(count: int, columns: int, names: bool = True) -> Figure:
    x = some(columns)
    kinds = [("picture", x), ("change", x - 0.5), ("map", x.mean(1)), ("signed", x.mean(1) - 0.5)]
    titles = [LONG[i % 4] for i in range(columns)] if names else None
    labels = ("picture", "same, random\nweights", "integrated\ngradients", "a method with a very long name indeed")
    return show.rows(*(Row(labels[i], kinds[i][1], titles if i % 2 == 0 else None, kinds[i][0]) for i in range(count)))


FIGURES: dict[str, Callable[[], Figure]] = {
    **{f"scores, {n} panels, {what}": lambda n=n, names=names: asked(n, names)
       for n in (1, 3, 5, 8) for what, names in {"ImageNet": tuple(IMAGENET), "signs": SIGNS, "digits": tuple("0123456789")}.items()},
    "scores, the course's photos": lambda: asked(5, PHOTOS),
    "scores, no bars in the middle": lambda: asked(3, SIGNS, bars=[True, False, True]),
    **{f"rows, {n} of {columns}": lambda n=n, columns=columns: maps(n, columns)
       for n, columns in ((1, 1), (2, 3), (4, 3), (2, 5), (4, 6), (3, 8), (2, 10))},
    "rows without titles": lambda: maps(3, 8, names=False),
    **{f"pictures, {n}": lambda n=n, columns=columns: show.pictures(some(n), [f"{LONG[i % 4]}" for i in range(n)], columns=columns, title="several pictures")
       for n, columns in ((1, 8), (3, 8), (8, 8), (10, 10), (24, 8))},
    "a table of pictures": lambda: show.table_of(some(100).unflatten(0, (10, 10)), list("0123456789"), [f"as {k}" for k in range(10)]),
    "pictures, framed": lambda: show.pictures(some(10), columns=5, frame=True),
    "pictures, low and wide": lambda: show.pictures(some(3)[:, :, :10], list("abc")),
    "pictures, high and narrow": lambda: show.pictures(some(3)[..., :10], list("abc")),
    **{f"curves, {n}": lambda n=n: walk(n) for n in (1, 2, 4, 10)},
    "curves, log": lambda: walk(2, log=False, width=5.0, height=3.0),
    "curves over decades": lambda: show.curves([1, 10, 784], {"a": [3000, 2e6, -7], "b": [0, 0, 0]}, xlabel="x", ylabel="y", percent=False, log=True),
}  # fmt: skip


def words(figure: Figure) -> list[tuple[Text, Bbox]]:
    """All words that a drawn figure shows, each with the pixels it takes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    idle = set()
    for axes in figure.axes:
        for axis in axes.findobj(Axis):
            drawn = {label for tick in axis._update_ticks() for label in (tick.label1, tick.label2)} if axes.axison else set()
            idle |= {text for text in axis.findobj(Text) if text not in drawn and (not axes.axison or text not in (axis.label, axis.offsetText))}
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in idle]
    return [(text, text.get_window_extent(canvas.get_renderer())) for text in found]


def shared(a: Bbox, b: Bbox) -> float:
    """How many pixels two boxes share in their narrower direction."""
    return min(min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0))


def faults(figure: Figure) -> list[str]:
    """What is wrong with a figure's words."""
    found = words(figure)
    wide, tall = figure.get_size_inches() * figure.dpi
    small = [f"{t.get_text()!r} has {t.get_fontsize()} pt" for t, _ in found if t.get_fontsize() < 11 or "$" in t.get_text()]
    cut = [f"{t.get_text()!r} is cut" for t, b in found if b.x0 < -0.5 or b.y0 < -2 or b.x1 > wide + 0.5 or b.y1 > tall + 2]
    over = [f"{s.get_text()!r} and {t.get_text()!r} overlap" for (s, a), (t, b) in combinations(found, 2) if shared(a, b) > 3]
    into = [f"{t.get_text()!r} stands on axes" for t, b in found for axes in figure.axes if shared(b, axes.get_window_extent()) > 3]
    return small + cut + over + into


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_figure_at_1280_by_720(draw: Callable[[], Figure]) -> None:
    figure = draw()
    width, height = figure.get_size_inches()
    assert faults(figure) == []
    assert width <= show.PAGE + 0.01 and height <= show.TALL + 0.01
    assert (figure.get_size_inches() * figure.dpi).round(3).tolist() == [round(width * 96), round(height * 96)], "whole pixels"


def test_every_function_that_draws_is_tried_here() -> None:
    drawing = {name for name in show.__all__ if inspect.isfunction(f := getattr(show, name)) and inspect.signature(f).return_annotation == "Figure"}
    assert drawing == {"pictures", "rows", "scores", "curves", "table_of", "found"}  # found writes on its pictures: tests/test_detector.py looks at it


def test_faults_are_found() -> None:
    figure, axes = show.new_figure(3, 2)
    axes[0, 0].set_title("small", fontsize=9)
    assert faults(figure) == ["'small' has 9.0 pt"]
    figure = Figure(figsize=(2, 1), layout="none")
    figure.text(0.1, 0.5, "one word", fontsize=11), figure.text(0.3, 0.5, "another", fontsize=11), figure.text(0.9, 0.1, "too wide", fontsize=11)
    assert faults(figure) == ["'too wide' is cut", "'one word' and 'another' overlap"]
    figure.add_axes((0, 0.45, 0.4, 0.4)).set_axis_off()
    assert "'one word' stands on axes" in faults(figure)


def test_a_students_own_figure_has_the_same_words() -> None:
    figure, axes = show.new_figure(4, 3)
    axes[0, 0].plot([0, 1], [0, 1], label="a")
    axes[0, 0].set(title="title", xlabel="x", ylabel="y")
    axes[0, 0].legend()
    assert faults(figure)[1:] == [] and "'a' stands on axes" in faults(figure)


def test_few_pictures_are_drawn_large() -> None:
    sizes = [show.pictures(some(n)).axes[0].get_window_extent().width for n in (1, 3, 8)]
    assert sizes[0] == pytest.approx(sizes[1]) and sizes[0] > 220 and 90 < sizes[2] < 110
    assert show.scores(some(3), torch.rand(3, 5), "abcde").axes[0].get_window_extent().width > 240


def test_sizes_that_are_asked_for() -> None:
    assert show.pictures(some(2), size=1.0).axes[0].get_window_extent().width == pytest.approx(96, abs=1)
    tall = show.rows(*[Row("a", some(3))] * 4, height=9)
    assert 6.2 < tall.get_size_inches()[1] <= 9


def test_every_worlds_names_fit() -> None:
    for world in WORLDS.values():
        x = some(5, world.drawn_size, world.channels)
        assert faults(show.scores(x, torch.eye(5, len(world.kinds)), world.kinds)) == []


def test_a_move_of_a_panel_costs_little() -> None:
    """CPU time with a bound that a loaded machine keeps (a quiet one takes a quarter), and calls, which no load changes."""
    x = some(3, 192)
    says = torch.rand(3, 20, generator=torch.Generator().manual_seed(1)).softmax(1)

    def move() -> None:
        show.png(show.scores(x, says, [f"class number {k}" for k in range(20)], titles=["one", "two", "three"]), density=2, effort=1)

    move()
    spent = []
    for _ in range(7):
        start = time.process_time()
        move()
        spent.append(time.process_time() - start)
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        move()
    finally:
        sys.setprofile(None)
    assert min(spent) < 0.3 and calls < 90_000, (min(spent), calls)  # with constrained layout it was 340,000 calls
