"""Figures and tables: each is drawn, has the size it should have, and leaves no global state behind."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from course_utils import runtime, show
from course_utils.runtime import generator
from course_utils.show import Row, Table
from course_utils.show.tables import made

NAMES = ("stop", "yield", "no entry")


def some(count: int = 3, channels: int = 3) -> Tensor:
    return torch.rand(count, channels, 12, 10, generator=generator(0))


def likely(count: int = 3) -> Tensor:
    return torch.rand(count, 3, generator=generator(1)).softmax(1)


def decoded(figure: Figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(show.png(figure))).convert("RGB"))


def every_row(channels: int) -> Figure:
    x = some(3, channels)
    return show.rows(
        Row("clean", x, ["a", "b", "c"]), Row("change", x - 0.5, kind="change"), Row("map", x.mean(1), kind="map"),
        Row("signed", x.mean(1) - 0.5, kind="signed", over=x), Row("fewer", x[:2], kind="picture"),
    )  # fmt: skip


FIGURES: dict[str, Callable[[int], Figure]] = {
    "pictures": lambda channels: show.pictures(some(5, channels), [f"picture {i}" for i in range(5)], columns=3, title="five"),
    "one picture": lambda channels: show.pictures(some(1, channels)),
    "rows": every_row,
    "table of pictures": lambda channels: show.table_of(some(6, channels).unflatten(0, (2, 3)), "ab", "cde"),
    "scores": lambda channels: show.scores(some(3, channels), likely(), NAMES, y=torch.tensor([0, 1, 2]), titles=NAMES),
    "curves": lambda channels: show.curves([0, 0.1, 0.2], {"a": [1.0, 0.5, 0.1], "b": [1.0, 1.0, 0.0]}, xlabel="eps", ylabel="%", count=100),
    "one curve": lambda channels: show.curves([1, 10, 100], {"a": [3.0, 20.0, 7.0]}, xlabel="x", ylabel="y", percent=False, log=True),
}  # fmt: skip
every_figure = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


# ---------------------------------------------------------------- figures


@every_figure
@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "colour"])
def test_a_figure_is_given_drawn_and_left_nowhere(draw: Callable[[int], Figure], channels: int) -> None:
    before, random = dict(matplotlib.rcParams), torch.get_rng_state()
    figure = draw(channels)
    pixels = decoded(figure)
    assert isinstance(figure, Figure) and pixels.std() > 5, "something is drawn"
    assert plt.get_fignums() == [] and dict(matplotlib.rcParams) == before
    assert torch.equal(torch.get_rng_state(), random)


@every_figure
def test_the_png_has_the_size_of_the_figure_and_is_the_same_again(draw: Callable[[int], Figure]) -> None:
    figure = draw(3)
    width, height = figure.get_size_inches() * figure.dpi
    assert abs(decoded(figure).shape[0] - height) <= 1 and abs(decoded(figure).shape[1] - width) <= 1
    assert show.png(draw(3)) == show.png(draw(3))


def test_the_size_does_not_depend_on_what_is_drawn() -> None:
    """Widgets replace one picture by the next: it must not jump, however long the words are."""
    sizes = {
        decoded(show.scores(some(1), likely(1), names, titles=[title])).shape
        for names, title in ((NAMES, "a"), (("a very long name of a class indeed",) * 3, "a much longer title\nof two lines"))
    }
    assert len(sizes) == 1


def test_new_figure_gives_axes_in_rows_and_columns() -> None:
    figure, axes = show.new_figure(4, 2, 2, 3)
    assert axes.shape == (2, 3) and figure.get_size_inches().tolist() == [4, 2]
    assert show.new_figure(1, 1)[1].shape == (1, 1)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 4, 5), (4, 5)])
def test_a_picture_as_matplotlib_wants_it(shape: tuple[int, ...]) -> None:
    picture = torch.rand(shape).requires_grad_()
    array = show.as_array(picture)
    assert array.shape == ((4, 5, 3) if shape[0] == 3 else (4, 5))
    assert np.array_equal(array.reshape(-1)[:3], (picture[:, 0, 0] if shape[0] == 3 else picture.flatten()[:3]).detach())


def test_colours_and_greys_arrive_in_the_figure() -> None:
    """Pure red, black and white pictures, looked up in the middle of the drawn figure. Grey is never stretched."""
    red = torch.tensor([1.0, 0, 0])[:, None, None].expand(3, 8, 8)[None]
    for x, colour in ((red, (255, 0, 0)), (torch.zeros(1, 1, 8, 8), (0, 0, 0)), (torch.full((1, 1, 8, 8), 0.5), (127, 127, 127))):
        pixels = decoded(show.pictures(x))
        middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2].astype(int)
        assert np.abs(middle - colour).max() <= 1


def test_pictures_are_set_in_columns() -> None:
    figure = show.pictures(some(5), list("abcde"), columns=3)
    assert [a.get_title() for a in figure.axes] == list("abcde") and all(a.images for a in figure.axes)
    lefts, tops = ([round(getattr(a.get_position(), side), 3) for a in figure.axes] for side in ("x0", "y1"))
    assert lefts[:3] == sorted(set(lefts)) and lefts[3:] == lefts[:2] and tops[:3] == [tops[0]] * 3 and tops[3:] == [tops[3]] * 2 < tops[:2]


def test_a_table_of_pictures_has_each_in_its_place() -> None:
    """Two rows of three, black but for one; its names stand beside and above it."""
    x = torch.zeros(2, 3, 1, 20, 20)
    x[1, 2] = 0.5
    figure = show.table_of(x, ["upper", "lower"], list("abc"))
    (axes,), pixels = figure.axes, decoded(figure)
    left, low, right, high = axes.get_position().extents * np.tile([pixels.shape[1], pixels.shape[0]], 2)
    seen = [[pixels[int(pixels.shape[0] - high + (i + 0.5) * (high - low) / 2), int(left + (j + 0.5) * (right - left) / 3), 0] for j in range(3)] for i in range(2)]
    assert np.abs(np.array(seen, int) - [[0, 0, 0], [0, 0, 127]]).max() <= 1
    assert [text.get_text() for text in figure.texts] == ["upper", "lower", "a", "b", "c"]


def test_a_change_is_stretched_around_middle_grey() -> None:
    change = torch.tensor([0.0, 0.01, -0.02])
    assert show.stretch(change).tolist() == pytest.approx([0.5, 0.75, 0.0])
    assert show.stretch(torch.zeros(2)).tolist() == [0.5, 0.5]


def test_a_signed_map_is_red_above_and_blue_below() -> None:
    figure, axes = show.new_figure(2, 1, 1, 2)
    show.draw_map(axes[0, 0], torch.ones(4, 4), signed=True)
    show.draw_map(axes[0, 1], -torch.ones(4, 4), signed=True)
    plus, minus = (image.to_rgba(image.get_array())[0, 0] for image in (a.images[0] for a in axes[0]))
    assert plus[0] > 2 * plus[2] and minus[2] > 2 * minus[0]


def test_one_strong_pixel_does_not_darken_a_map() -> None:
    heat = torch.ones(40, 40)
    heat[3, 3] = 1000
    _, axes = show.new_figure(1, 1)
    show.draw_map(axes[0, 0], heat)
    assert axes[0, 0].images[0].get_clim() == (0, 1)


def test_a_map_of_zeros_can_be_drawn() -> None:
    figure, axes = show.new_figure(1, 1)
    show.draw_map(axes[0, 0], torch.zeros(8, 8), signed=True, over=torch.rand(3, 8, 8))
    assert show.png(figure)


def test_curves_are_in_percent_with_intervals() -> None:
    figure = show.curves([0, 1], {"net": [1.0, 0.25], "noise": [1.0, 0.5]}, xlabel="eps", ylabel="accuracy", count=50)
    place = figure.axes[0]
    assert [line.get_ydata().tolist() for line in place.lines] == [[100, 25], [100, 50]]
    assert [text.get_text() for text in place.get_legend().get_texts()] == ["net", "noise"]
    assert (place.get_xlabel(), place.get_ylabel()) == ("eps", "accuracy") and len(place.collections) == 2
    top = place.collections[0].get_paths()[0].vertices[:, 1]
    assert top.max() <= 100 and top.min() < 20, "the band of 25 % on 50 pictures goes below 20 %"
    alone = show.curves([0, 1], {"net": [3.0, 4.0]}, xlabel="", ylabel="", percent=False).axes[0]
    assert alone.get_legend() is None and alone.lines[0].get_ydata().tolist() == [3, 4] and not alone.collections


def test_scores_name_the_most_likely_classes_first() -> None:
    figure = show.scores(some(1), torch.tensor([[0.05, 0.9, 0.05]]), NAMES, y=torch.tensor([1]))
    assert [text.get_text() for text in figure.texts][:2] == ["yield", "90 %"] and len(figure.texts) == 6
    right, other, third = bars(figure)[0]
    assert right != other == third, "the right class has a colour of its own"
    red, green, blue, _ = right
    assert green > red and green > blue


def bars(figure: Figure) -> list[list[tuple[float, ...]]]:
    """The colours of each panel's bars; the tracks under them are left out."""
    found = [a for a in figure.artists if isinstance(a, PolyCollection)]
    return [[tuple(colour) for colour in panel.get_facecolor()[1::2]] for panel in found]


@pytest.mark.parametrize("y", [torch.tensor([0, -1, 2]), [0, None, 2], [0, -1, 2]], ids=["tensor", "none", "list"])
def test_a_panel_may_have_no_right_class(y: Tensor | list) -> None:
    first, second, third = bars(show.scores(some(3), likely(), NAMES, y=y))
    assert len(set(first)) == len(set(third)) == 2 and len(set(second)) == 1 and second[0] in first
    assert all(len(set(panel)) == 1 for panel in bars(show.scores(some(3), likely(), NAMES)))


def test_a_panel_that_is_not_asked_about_has_no_bars() -> None:
    figure = show.scores(some(3), likely(), NAMES, y=torch.tensor([0, 1, 2]), bars=[True, False, True])
    assert len(bars(figure)) == 2 and len(figure.axes) == 3 and len(figure.texts) == 12


def test_the_bars_are_as_long_as_the_probabilities() -> None:
    figure, axes = show.new_figure(3, 2)
    show.draw_scores(axes[0, 0], torch.tensor([0.25, 0.75]), NAMES, top=2, mark=1)
    (panel,) = [a for a in axes[0, 0].get_children() if isinstance(a, PolyCollection)]
    assert [path.vertices[:, 0].max().item() for path in panel.get_paths()] == [1, 0.75, 1, 0.25]


def test_a_picture_is_enlarged_pixel_by_pixel() -> None:
    """Each of 4 x 3 pixels covers its part of the drawn figure, the right way up and the right way round."""
    x = torch.arange(12).reshape(1, 1, 4, 3) / 12
    figure = show.pictures(x, size=1.0)
    pixels = decoded(figure).astype(int)
    box = figure.axes[0].get_window_extent()
    for row in range(4):
        for column in range(3):
            across, down = box.x0 + (column + 0.5) / 3 * box.width, pixels.shape[0] - box.y1 + (row + 0.5) / 4 * box.height
            assert abs(pixels[int(down), int(across)] - round(255 * x[0, 0, row, column].item())).max() <= 1


def test_a_frame_stands_around_a_picture_and_not_on_it() -> None:
    """White pictures, as the white marks of chapter 04: the frame parts them from the page and covers no pixel."""
    for frame, broad in ((False, 1), (True, 2)):
        figure = show.pictures(torch.ones(1, 1, 28, 28), size=1.0, frame=frame)
        pixels = decoded(figure).astype(int)
        box = figure.axes[0].get_window_extent().padded(-1)
        inside = pixels[pixels.shape[0] - int(box.y1) : pixels.shape[0] - int(box.y0), int(box.x0) : int(box.x1)]
        assert inside.min() == 255
        middle = pixels[: pixels.shape[0] // 2, pixels.shape[1] // 2].min(axis=1)
        assert (middle < 160).sum() >= broad, "along the upper edge"


def test_short_names_fit() -> None:
    assert show.short("tench, Tinca tinca") == "tench" and show.short("stop") == "stop"
    long = show.short("a name that is far too long for a picture")
    assert len(long) <= 24 and long.endswith("…") and show.short("abcdef", 4) == "abc…"


def test_style_is_what_changes_the_look(monkeypatch: pytest.MonkeyPatch) -> None:
    with matplotlib.rc_context():
        show.style()
        assert matplotlib.rcParams["figure.dpi"] == 96 and not matplotlib.rcParams["axes.spines.top"]
        assert matplotlib.rcParams["image.interpolation"] == "nearest"
    assert plt.get_fignums() == []


# ---------------------------------------------------------------- tables


def test_a_table_is_text_and_html() -> None:
    table = Table(["attack", "rate"], [["fgsm", 0.5], ["noise", 0.01]], note="measured here")
    assert repr(table) == "attack  rate\nfgsm    0.5\nnoise   0.01\nmeasured here"
    page = table._repr_html_()
    assert page.count("<tr>") == 3 and page.count("<th ") == 2 and page.count("<td ") == 4 and "measured here</p>" in page
    assert "<p" not in Table(["a"], [["b"]])._repr_html_()


def test_a_table_shows_signs_of_html_as_they_are() -> None:
    page = Table(["a <b>"], [["<script>alert('x')</script> & more"]], note="p < 0.05")._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;" in page and "&amp; more" in page
    assert "a &lt;b&gt;" in page and "p &lt; 0.05" in page


@pytest.mark.parametrize("row", [["one"], ["one", "two", "three"], []])
def test_a_row_of_another_length_is_refused(row: list[str]) -> None:
    with pytest.raises(ValueError, match=r"every row of the table needs 2 cells, one for each of \['a', 'b'\]"):
        Table(["a", "b"], [["x", "y"], row])


# ---------------------------------------------------------------- recorded results


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course folder with one recorded result."""
    (tmp_path / "data" / "checkpoints").mkdir(parents=True)
    place = tmp_path / "data" / "results"
    place.mkdir()
    monkeypatch.setattr(runtime, "course_folder", lambda: tmp_path)
    about = {"source": "mnist", "count": 10_000, "device": "CPU", "seed": 0, "date": "2026-01-02", "command": "python -m x"}
    (place / "sample.json").write_text(json.dumps({"about": about, "numbers": {"softmax": 99.94, "maxout": 12.3}}))
    return place


def test_a_recorded_result_is_read(results: Path) -> None:
    assert show.recorded("sample")["numbers"] == {"softmax": 99.94, "maxout": 12.3}


def test_an_unknown_result_lists_the_nearest(results: Path) -> None:
    with pytest.raises(ValueError, match="unknown result 'sampel'. Nearest: sample"):
        show.recorded("sampel")


def test_a_record_says_what_it_counts() -> None:
    parts = {"a": {"count": 5, "device": "CPU", "of": "seeds"}, "b": {"count": 5, "device": "CPU"}, "c": {"count": 5, "device": "CPU", "of": "seeds"}}
    assert made({"parts": parts}) == "a, c: 5 seeds, CPU; b: 5 pictures, CPU"


def test_paper_and_here_reads_the_recorded_column(results: Path) -> None:
    wanted = {"softmax": ("softmax regression", "99.9 %", 98.76), "maxout": ("a maxout network", "", None)}
    table = show.paper_and_here("sample", wanted)
    assert table.header == ["what", "paper", "recorded at full scale", "here"]
    assert table.body == [["softmax regression", "99.9 %", "99.9 %", "98.8 %"], ["a maxout network", "–", "12.3 %", "–"]]
    for words in ("mnist", "10000 pictures", "CPU", "seed 0", "2026-01-02", "`python -m x`"):
        assert words in table.note
    record = json.loads((results / "sample.json").read_text())
    record["numbers"]["softmax"] = 50.0
    (results / "sample.json").write_text(json.dumps(record))
    assert show.paper_and_here("sample", wanted, form="{:.2f}").body[0] == ["softmax regression", "99.9 %", "50.00", "98.76"]


def test_a_number_that_was_not_recorded_stops(results: Path) -> None:
    with pytest.raises(ValueError, match="unknown recorded number 'softmx'. Nearest: softmax"):
        show.paper_and_here("sample", {"softmx": ("softmax", "", None)})


def test_code_in_a_tables_note_is_set_as_code() -> None:
    text = show.Table(["a"], [["`b`"]], "by `python -m <x>`")._repr_html_()
    assert "by <code>python -m &lt;x&gt;</code>" in text and "`b`" in text


def test_boxes_are_framed_inside_and_nothing_else_is_touched() -> None:
    x = torch.full((2, 1, 48, 64), 0.5)
    got = show.boxed(x, torch.tensor([[8, 16, 24, 48], [0, 0, 48, 64]]))
    painted = (got - 0.5).abs().amax(1) > 1e-6
    assert got.shape == (2, 3, 192, 256)
    rows, columns = (painted[0].any(d).nonzero().flatten() for d in (1, 0))
    assert [int(p) for p in (rows[0], rows[-1], columns[0], columns[-1])] == [32, 95, 64, 191]
    assert not painted[0, 36:92, 68:188].any() and painted[1, 0].all() and painted[1, -1].all()
    with pytest.raises(ValueError, match="one box"):
        show.boxed(x, torch.zeros(1, 4).long())
