"""Things to move: sliders and menus around one picture that is drawn again at every move.

The picture is a `widgets.Image` whose bytes are replaced, so that it works alike in JupyterLab, in Colab and
under nbval. Where widgets do not run (GitHub, a printed page) the first picture stands in their place. It is drawn
at DENSITY times the pixels that it is shown with, compressed quickly: that costs no more than the plain size pressed hard.

A move in the browser is a message to the kernel, and a slider that is pulled sends more of them than can be drawn. So such
a move only asks the kernel's event loop for a drawing, a moment later; by then the loop has taken in the messages that
wait, and the values of the last one are drawn. A move from code (a cell, a test) is drawn before the next line runs.
"""

from __future__ import annotations

import asyncio
import base64
import html
import itertools
import signal
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import ipywidgets as widgets
from matplotlib.figure import Figure

from .show import png

DENSITY = 2
QUIET, PATIENCE = 0.015, 0.15  # seconds without a move after which is drawn; after which is drawn though moves go on


class Panel:
    """Controls above a picture. `panel.controls["eps"].value = 0.1` moves a control from code."""

    def __init__(self, draw: Callable[..., Figure], controls: Mapping[str, widgets.Widget], alt: str = "") -> None:
        self.draw, self.controls = draw, dict(controls)
        first = self.drawn()  # an error in the first drawing stops the cell, as it should
        self.image = widgets.Image(value=first, format="png", width=str(displayed(first)[0]))
        self.image.layout.max_width = "100%"
        self.image.layout.align_self = "flex-start"  # its own size: a box stretches what it holds to its width, which blurs
        self.message = widgets.HTML()
        self.alt = alt
        self._asked: tuple[asyncio.TimerHandle, float] | None = None  # the drawing that waits, and the latest time for it
        self.box = widgets.VBox([*lines(list(self.controls.values())), self.message, self.image])
        for control in self.controls.values():
            control.observe(self._moved, names="value")

    def values(self) -> dict[str, object]:
        """The controls' values by name."""
        return {name: control.value for name, control in self.controls.items()}

    def drawn(self) -> bytes:
        """The picture for the controls' values, as PNG."""
        figure = self.draw(**self.values())
        if not isinstance(figure, Figure):
            raise ValueError(f"the drawing function returned {type(figure).__name__}; it must return the figure.")
        return png(figure, density=DENSITY, effort=1)

    def _moved(self, _: object) -> None:
        if from_browser():
            self._ask(asyncio.get_running_loop())
        else:
            self.show()

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the picture drawn when no move came for QUIET seconds, or PATIENCE after the first of several."""
        now, latest = time.monotonic(), time.monotonic() + PATIENCE
        if self._asked:
            latest = self._asked[1]
            self._asked[0].cancel()
        self._asked = loop.call_later(max(0.0, min(QUIET, latest - now)), self._draw_later), latest

    def _draw_later(self) -> None:
        try:
            with interruptible():
                self.show()
        except KeyboardInterrupt:  # here it would end the kernel
            self.message.value = said("interrupted")

    def show(self) -> None:
        """Draw the picture for the controls' values, now; an error is shown in its place."""
        if self._asked:
            self._asked[0].cancel()
            self._asked = None
        try:
            picture = self.drawn()
            self.image.width = str(displayed(picture)[0])
            self.image.value = picture
            self.message.value = ""
        except Exception as error:  # a callback's traceback is invisible in a notebook: show it where the reader looks
            self.message.value = said(f"{type(error).__name__}: {error}")

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        if self._asked:  # what a cell shows, or stores, is the picture of the moment
            self.show()
        names = ", ".join(self.controls)
        width, height = displayed(self.image.value)
        bundle = {
            "text/plain": f"Panel with {names}: {self.alt}" if self.alt else f"Panel with {names}",
            "image/png": base64.b64encode(self.image.value).decode(),
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2, "version_minor": 0, "model_id": self.box.model_id,
            },
        }  # fmt: skip
        return bundle, {"image/png": {"width": width, "height": height}}


def lines(controls: list[widgets.Widget]) -> list[widgets.Widget]:
    """The controls below each other, neighbouring switches side by side: the picture stays on the screen with them."""
    below: list[widgets.Widget] = []
    for is_switch, group in itertools.groupby(controls, key=lambda control: isinstance(control, widgets.Checkbox)):
        beside = list(group)
        if not is_switch or len(beside) == 1:
            below += beside
            continue
        for control in beside:
            control.indent, control.layout.width, control.layout.margin = False, "auto", "2px 18px 2px 2px"
        below.append(widgets.HBox(beside, layout={"flex_flow": "row wrap", "margin": f"0 0 0 {LABEL['description_width']}"}))
    return below


def from_browser() -> bool:
    """Whether the code that runs now was called by a widget in the browser, in the kernel's event loop."""
    try:
        from IPython import get_ipython

        asyncio.get_running_loop()
        return get_ipython().kernel.get_parent()["header"]["msg_type"] == "comm_msg"
    except (ImportError, RuntimeError, AttributeError, KeyError):  # no IPython, no loop, no kernel, no message
        return False


@contextmanager
def interruptible() -> Iterator[None]:
    """Let "Interrupt the kernel" stop what runs, as in a cell; between cells the kernel ignores it."""
    try:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
    except ValueError:  # not the main thread: nothing can be interrupted there
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def said(words: str) -> str:
    """An error as the message above the picture."""
    return f"<b style='color:#c0392b'>{html.escape(words)}</b>"


def displayed(picture: bytes) -> tuple[int, int]:
    """Width and height at which a PNG of DENSITY times the pixels is shown; they stand at the head of its bytes."""
    width, height = struct.unpack(">II", picture[16:24])
    return width // DENSITY, height // DENSITY


def slider(label: str, low: float, high: float, step: float, value: float | None = None, form: str = ".3f") -> widgets.FloatSlider:
    """A slider for numbers."""
    return widgets.FloatSlider(
        value=low if value is None else value, min=low, max=high, step=step, description=label, readout_format=form,
        layout=WIDE, style=LABEL,
    )  # fmt: skip


def counter(label: str, low: int, high: int, value: int | None = None) -> widgets.IntSlider:
    """A slider for whole numbers."""
    return widgets.IntSlider(value=low if value is None else value, min=low, max=high, description=label, layout=WIDE, style=LABEL)


def menu(label: str, options: list | dict) -> widgets.Dropdown:
    """A menu."""
    return widgets.Dropdown(options=options, description=label, layout=WIDE, style=LABEL)


def switch(label: str, on: bool = False) -> widgets.Checkbox:
    """Something to switch on and off."""
    return widgets.Checkbox(value=on, description=label, indent=True, layout=WIDE, style=LABEL)


WIDE = {"width": "420px"}
LABEL = {"description_width": "110px"}
