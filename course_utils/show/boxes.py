"""Boxes drawn into pictures."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from matplotlib.colors import to_rgb
from torch import Tensor

from .canvas import COLOURS

DETAIL = 192  # pixels that a side gets at least, so that the frame is thin


def boxed(x: Tensor, boxes: Tensor, *, colour: str = COLOURS[0]) -> Tensor:
    """Pictures [N, C, H, W] in colour and enlarged, each with a frame around its box; boxes [N, 4] as (y0, x0, y1, x1) in pixels."""
    if boxes.shape != (len(x), 4):
        raise ValueError(f"boxes has shape {list(boxes.shape)}; one box (y0, x0, y1, x1) a picture is expected, [{len(x)}, 4].")
    times = max(1, -(-DETAIL // min(x.shape[2:])))
    large = F.interpolate(x.detach().expand(-1, 3, -1, -1), scale_factor=times, mode="nearest").clone()
    paint, thick = torch.tensor(to_rgb(colour)).to(large)[:, None, None], max(2, min(large.shape[2:]) // 48)
    for picture, (y0, x0, y1, x1) in zip(large, (times * boxes).tolist()):
        for rows, columns in (
            (slice(y0, y0 + thick), slice(x0, x1)), (slice(max(y1 - thick, y0), y1), slice(x0, x1)),
            (slice(y0, y1), slice(x0, x0 + thick)), (slice(y0, y1), slice(max(x1 - thick, x0), x1)),
        ):  # fmt: skip
            picture[:, rows, columns] = paint
    return large
