"""Things to move: sliders and menus around one picture that is drawn again at every move.

The picture is a `widgets.Image` whose bytes are replaced, so that it works alike in JupyterLab, in Colab and
under nbval. Where widgets do not run (GitHub, a printed page) the first picture stands in their place. It is drawn
at DENSITY times the pixels that it is shown with, compressed quickly: that costs no more than the plain size pressed hard.
"""

from __future__ import annotations

import base64
import html
import struct
from collections.abc import Callable, Mapping

import ipywidgets as widgets
from matplotlib.figure import Figure

from .show import png

DENSITY = 2


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
        self.box = widgets.VBox([*self.controls.values(), self.message, self.image])
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
        try:
            picture = self.drawn()
            self.image.width = str(displayed(picture)[0])
            self.image.value = picture
            self.message.value = ""
        except Exception as error:  # a callback's traceback is invisible in a notebook: show it where the reader looks
            self.message.value = f"<b style='color:#c0392b'>{type(error).__name__}: {html.escape(str(error))}</b>"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
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


WIDE = {"width": "420px"}
LABEL = {"description_width": "110px"}
