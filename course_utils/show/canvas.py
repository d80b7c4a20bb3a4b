"""What every figure is drawn on and with: the course's look, a blank figure, one picture, one map."""

from __future__ import annotations

import struct
import zlib

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from torch import Tensor

from .layout import DOTS, WORDS

INK, PALE = "#22313f", "#d5dbe1"
THIN, FRAME = "#5f6f7d", "#2e86ab"  # around every picture; around one whose edge matters
COLOURS = (
    "#d1495b", "#2e86ab", "#e9a23b", "#4f9d69", "#7d5ba6", "#22313f", "#e58fb1", "#8ecae6", "#b08968", "#9aa5b1",
)  # fmt: skip


def style() -> None:
    """The course's look for every figure, and figures shown by the notebook without pyplot, at twice the pixels of their size."""
    matplotlib.rcParams.update({
        "figure.dpi": DOTS, "figure.constrained_layout.use": True, "font.size": WORDS, "axes.titlesize": WORDS,
        "axes.labelsize": WORDS, "xtick.labelsize": WORDS, "ytick.labelsize": WORDS, "legend.fontsize": WORDS,
        "figure.titlesize": WORDS + 1, "text.hinting": "none", "axes.titlecolor": INK, "axes.labelcolor": INK,
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
        # As large as they say they are: IPython would cut or widen each to what is drawn on it.
        select_figure_formats(get_ipython(), {"retina"}, bbox_inches=None)


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, np.ndarray]:
    """A figure without pyplot's global state, and its axes as an array `[rows, columns]`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def png(figure: Figure, *, density: int = 1, effort: int = 6) -> bytes:
    """The figure as PNG bytes, always of the same size (widgets replace one picture by the next).

    density: pixels for each point of a screen as it was. effort: how hard to compress, 1 (quick) to 9 (small).
    """
    before = figure.dpi
    figure.dpi = density * before
    try:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())
        return encoded(np.stack([pixels[..., k] for k in range(3)], 2), effort)  # colour by colour: five times as fast as [..., :3]
    finally:
        figure.dpi = before


def encoded(pixels: np.ndarray, effort: int) -> bytes:
    """`[H, W, 3]` bytes as PNG, each row as its difference from the one above.

    Pillow tries five ways for each row, which costs as much again; in enlarged pixels most rows repeat the one above.
    """
    high, wide, _ = pixels.shape
    rows = pixels.reshape(high, -1)
    lines = np.full((high, 1 + 3 * wide), 2, np.uint8)  # a row begins with its kind: 2 is "difference from above"
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    head = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)  # 8 bits a colour, three colours
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, effort)), (b"IEND", b""))
    checked = [struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(checked)


def as_array(picture: Tensor) -> np.ndarray:
    """`[C, H, W]` or `[H, W]` in [0, 1] as an array that matplotlib draws."""
    array = picture.detach().float().cpu()
    return (array.permute(1, 2, 0) if array.dim() == 3 and array.shape[0] == 3 else array.reshape(array.shape[-2:])).numpy()


class Enlarged(AxesImage):
    """A picture whose pixels are copied as often as it takes: matplotlib's resampling costs half of a figure."""

    def make_image(self, renderer: RendererBase, magnification: float = 1.0, unsampled: bool = False) -> tuple:
        """The pixels to draw, lowest row first, and where their lower left corner stands."""
        left, right, low, high = self.get_extent()
        ends = self.get_transform().transform([(left, low), (right, high)]).round()
        across, up = (magnification * (ends[1] - ends[0])).round().astype(int)
        pixels = np.ascontiguousarray(self.get_array()).view(np.uint32)[..., 0]  # four bytes in one: copied in one go
        rows, columns = (((np.arange(n) + 0.5) * size // n).astype(int) for n, size in zip((up, across), pixels.shape))
        enlarged = pixels.take(rows[::-1], 0).take(columns, 1)
        return enlarged.view(np.uint8).reshape(up, across, 4), *ends[0], None


def draw_picture(axes: Axes, picture: Tensor, title: str = "", *, colour: str = INK, frame: bool = False) -> None:
    """One picture without ticks, its title above. frame: a broad one, for a picture whose edge matters."""
    array = as_array(picture)
    opaque = np.full((*array.shape[:2], 4), 255, np.uint8)
    opaque[..., :3] = np.rint(255 * np.clip(array if array.ndim == 3 else array[..., None], 0, 1))
    image = Enlarged(axes)
    image.set_data(opaque)
    image.set_extent(image.get_extent())
    axes.add_image(image)
    axes.set_aspect("equal")
    bare(axes, title, colour)
    # Around the picture, not on it: a white edge does not melt into the page.
    style = {"edgecolor": FRAME if frame else THIN, "linewidth": 6 if frame else 2, "zorder": -1}
    axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, clip_on=False, **style))


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
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=WORDS, color=colour, y=1, pad=5, linespacing=1.15)
