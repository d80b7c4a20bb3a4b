"""What every figure is drawn on and with: the course's look, a blank figure, one picture, one map."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

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
