"""Panels: a picture that is drawn again at every move, with its errors in sight, on ipywidgets 7.7 and 8."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import ipywidgets as widgets
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from course_utils import explore
from course_utils.explore import Panel, counter, menu, slider
from course_utils.show import pictures

PNG = b"\x89PNG"


def draw(eps: float = 0.1, kind: str = "line") -> Figure:
    figure = Figure(figsize=(2, 1), dpi=100)  # its own: an earlier test may have set the course's
    axes = figure.subplots()
    if kind == "broken":
        raise ValueError("no <picture> for broken")
    axes.plot([0, eps], [0, 1] if kind == "line" else [1, 0])
    axes.set_xlim(0, 1)
    return figure


def panel(**options) -> Panel:
    return Panel(draw, {"eps": slider("eps", 0, 1, 0.1, 0.5), "kind": menu("kind", ["line", "fall", "broken"])}, **options)


def test_the_picture_is_there_at_once() -> None:
    made = panel()
    assert made.values() == {"eps": 0.5, "kind": "line"}
    assert bytes(made.image.value).startswith(PNG) and isinstance(made.image, widgets.Image) and made.image.format == "png"


def test_a_move_draws_the_picture_again() -> None:
    made = panel()
    first = made.image.value
    made.controls["eps"].value = 0.9
    second = made.image.value
    assert bytes(second).startswith(PNG) and second != first
    made.controls["kind"].value = "fall"
    assert made.image.value not in (first, second)
    made.controls["eps"].value, made.controls["kind"].value = 0.5, "line"
    assert made.image.value == first, "the same values give the same picture, byte for byte"


def test_the_drawing_gets_the_controls_by_name() -> None:
    seen = []

    def watch(**values: object) -> Figure:
        seen.append(values)
        return draw()

    made = Panel(watch, {"size": counter("size", 1, 9, 3), "kind": menu("kind", {"a line": "line", "a fall": "fall"})})
    made.controls["size"].value = 4
    made.controls["kind"].value = "fall"
    assert seen == [{"size": 3, "kind": "line"}, {"size": 4, "kind": "line"}, {"size": 4, "kind": "fall"}]


def test_an_error_in_the_first_drawing_stops_the_cell() -> None:
    with pytest.raises(ValueError, match="no <picture> for broken"):
        Panel(draw, {"kind": menu("kind", ["broken", "line"])})


def test_an_error_in_a_move_is_shown_and_goes_away() -> None:
    made = panel()
    before = made.image.value
    made.controls["kind"].value = "broken"
    assert "ValueError: no &lt;picture&gt; for broken" in made.message.value
    assert made.image.value == before and made.message in made.box.children
    made.controls["kind"].value = "fall"
    assert made.message.value == "" and made.image.value != before


def test_an_interruption_is_not_taken_for_an_error() -> None:
    calls = []

    def stop(eps: float) -> Figure:
        calls.append(eps)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return draw(eps)

    made = Panel(stop, {"eps": slider("eps", 0, 1, 0.1)})
    with pytest.raises(KeyboardInterrupt):
        made.controls["eps"].value = 0.3


def test_controls_message_and_picture_stand_in_one_box() -> None:
    made = panel()
    assert list(made.box.children) == [made.controls["eps"], made.controls["kind"], made.message, made.image]
    assert made.image.layout.max_width == "100%"


def test_a_notebook_stores_the_picture_beside_the_widget() -> None:
    made = panel(alt="a line that falls")
    bundle, _ = made._repr_mimebundle_(include=None, exclude=None)
    assert base64.b64decode(bundle["image/png"]) == made.image.value
    assert bundle["application/vnd.jupyter.widget-view+json"] == {
        "version_major": 2, "version_minor": 0, "model_id": made.box.model_id,
    }  # fmt: skip
    assert bundle["text/plain"] == "Panel with eps, kind: a line that falls"
    assert panel()._repr_mimebundle_()[0]["text/plain"] == "Panel with eps, kind"


def test_the_stored_picture_is_the_one_of_the_moment() -> None:
    made = panel()
    first = made._repr_mimebundle_()[0]["image/png"]
    made.controls["eps"].value = 1.0
    assert made._repr_mimebundle_()[0]["image/png"] != first


def test_the_picture_has_twice_the_pixels_of_its_size() -> None:
    made = panel()
    with Image.open(io.BytesIO(made.image.value)) as picture:
        assert picture.size == (2 * 200, 2 * 100)  # 2 x 1 inches of 100 points
    assert made.image.width == "200"
    assert made._repr_mimebundle_()[1] == {"image/png": {"width": 200, "height": 100}}
    wide = Panel(lambda inches: Figure(figsize=(inches, 1), dpi=100), {"inches": counter("inches", 2, 4, 2)})
    wide.controls["inches"].value = 4
    assert wide.image.width == "400", "the shown size follows the drawing"


def test_controls_begin_where_they_are_told() -> None:
    number, whole, choice = slider("eps", 0.1, 0.5, 0.1), counter("steps", 2, 9), menu("kind", ["a", "b"])
    assert (number.value, number.min, number.max, number.step, number.description) == (0.1, 0.1, 0.5, 0.1, "eps")
    assert (whole.value, whole.min, whole.max, choice.value) == (2, 2, 9, "a")
    assert slider("eps", 0, 1, 0.1, 0.0).value == 0 and slider("eps", -1, 1, 0.1, 0.0).value == 0
    assert counter("steps", -3, 9, 0).value == 0 and menu("kind", {"one": 1, "two": 2}).value == 1
    assert number.readout_format == ".3f" and slider("eps", 0, 1, 0.1, form=".1f").readout_format == ".1f"


def test_no_output_widget_anywhere_in_the_course() -> None:
    """What an Output widget catches is lost in Colab and under nbval."""
    folder = Path(explore.__file__).parent
    wanted = re.compile(r"\bOutput\(|import .*\bOutput\b|\binteract(ive|ive_output|_manual)?\(")
    found = [path.name for path in folder.rglob("*.py") if wanted.search(path.read_text())]
    assert not found and wanted.search("widgets.Output()") and wanted.search("from ipywidgets import Output")


def test_the_picture_keeps_its_own_size() -> None:
    layout = panel().image.layout
    assert (layout.align_self, layout.max_width) == ("flex-start", "100%")


def test_a_drawing_that_returns_no_figure_is_named() -> None:
    with pytest.raises(ValueError, match="the drawing function returned NoneType; it must return the figure"):
        Panel(lambda eps: None, {"eps": slider("eps", 0, 1, 0.1)})


def test_a_switch_is_on_or_off() -> None:
    panel = explore.Panel(lambda blur: pictures(torch.full((1, 1, 4, 4), float(blur))), {"blur": explore.switch("blur", True)})
    assert panel.values() == {"blur": True}
    before = panel.image.value
    panel.controls["blur"].value = False
    assert panel.values() == {"blur": False} and panel.image.value != before


def test_switches_stand_side_by_side() -> None:
    controls = {"kind": menu("kind", ["a"]), "decay": explore.switch("decay", True), "blur": explore.switch("blur")}
    made = Panel(lambda kind, decay, blur: draw(), controls)
    first, row, *_ = made.box.children
    assert first is controls["kind"] and list(row.children) == [controls["decay"], controls["blur"]]
    alone = Panel(lambda decay: draw(), {"decay": explore.switch("decay")})
    assert alone.box.children[0] is alone.controls["decay"]
