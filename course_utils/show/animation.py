"""An animation that plays in the notebook without a kernel: a PNG of several pictures, all with one palette."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image
from torch import Tensor

from .canvas import as_array

COLOURS = 96  # of the common palette: dreams have many, and each costs bytes


class Animation:
    """Pictures `[N, C, H, W]` in [0, 1], one after the other and again from the beginning; `size` pixels wide on the page."""

    def __init__(self, frames: Tensor, *, seconds: float = 0.2, size: int = 448, what: str = "") -> None:
        if frames.dim() != 4 or len(frames) < 2:
            raise ValueError(f"the frames have shape {list(frames.shape)}; at least two pictures [N, C, H, W] are expected.")
        self.count, self.what = len(frames), what
        self.width, self.height = size, round(size * frames.shape[2] / frames.shape[3])
        self.data = encoded(frames, seconds)

    def __repr__(self) -> str:
        return f"Animation of {self.count} pictures" + (f": {self.what}" if self.what else "")

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        bundle = {"text/plain": repr(self), "image/png": base64.b64encode(self.data).decode()}
        return bundle, {"image/png": {"width": self.width, "height": self.height}}


def encoded(frames: Tensor, seconds: float) -> bytes:
    """The frames as an animated PNG."""
    pixels = [np.rint(255 * np.clip(as_array(frame), 0, 1)).astype(np.uint8) for frame in frames]
    images = [Image.fromarray(array).convert("RGB") for array in pixels]
    palette = Image.fromarray(np.concatenate([np.asarray(image) for image in images])).quantize(COLOURS)
    first, *others = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images)
    out = io.BytesIO()
    first.save(out, "PNG", save_all=True, append_images=others, duration=round(1000 * seconds), loop=0, optimize=True)
    return out.getvalue()
