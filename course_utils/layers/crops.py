"""Crops of kept maps with a changed part pasted in, and pictures with patches pasted in."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Patch(NamedTuple):
    """The part of a map that may differ from the base picture's map: cells [B, C, h, w] at (top, left), each [B]."""

    cells: Tensor
    top: Tensor
    left: Tensor


class KeptMap:
    """A base picture's map [N, C, H, W] as a table with a row for each cell, from which crops are gathered quickly."""

    def __init__(self, base: Tensor) -> None:
        _, self.channels, self.height, self.width = base.shape
        cells = base.permute(0, 2, 3, 1).reshape(-1, self.channels)
        outside = cells.new_tensor([0.0, -torch.inf])[:, None].expand(2, self.channels)  # rows ZERO and LOWEST
        self.table = torch.cat([outside, cells])
        self.channels_last = not base.is_contiguous() and base.is_contiguous(memory_format=torch.channels_last)

    def crop(
        self, index: Tensor, patch: Patch, top: Tensor, left: Tensor, height: int, width: int, border: int
    ) -> Tensor:
        """[B, C, height, width] from (top, left) of the maps of pictures `index`, with the patch pasted in.

        Cells outside the map hold the border's value. Cells of the patch that lie outside the crop or outside the map
        go to a spare last row, so that shapes never depend on values.
        """
        batch, (high, wide) = len(index), patch.cells.shape[2:]
        ramp = torch.arange(max(batch, height, width, high, wide), device=index.device)
        top, left = top[:, None, None], left[:, None, None]
        rows, columns = top + ramp[:height, None], left + ramp[:width]
        source = 2 + (index[:, None, None] * self.height + rows) * self.width + columns
        source = source.where(self._inside(rows, columns), border)
        rows, columns = patch.top[:, None, None] + ramp[:high, None], patch.left[:, None, None] + ramp[:wide]
        y, x = rows - top, columns - left
        shown = self._inside(rows, columns) & (y >= 0) & (y < height) & (x >= 0) & (x < width)
        target = ((ramp[:batch, None, None] * height + y) * width + x).where(shown, batch * height * width)
        result = self.table.index_select(0, F.pad(source.flatten(), (0, 1)))
        result.index_copy_(0, target.flatten(), patch.cells.permute(0, 2, 3, 1).reshape(-1, result.shape[1]))
        return result[:-1].view(batch, height, width, -1).permute(0, 3, 1, 2)

    def whole(self, index: Tensor, patch: Patch, border: int) -> Tensor:
        """The maps [B, C, H, W] of pictures `index` with the patch pasted in, in memory as the layer leaves them."""
        zero = torch.zeros_like(index)
        maps = self.crop(index, patch, zero, zero, self.height, self.width, border)
        return maps if self.channels_last else maps.contiguous()

    def _inside(self, rows: Tensor, columns: Tensor) -> Tensor:
        return (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)


def paste(x: Tensor, boxes: Tensor, patches: Tensor, *, index: Tensor | None = None) -> Tensor:
    """Copies [K, C, H, W] of pictures `x` with patch k pasted at box k; boxes, patches and index are as in `Local`."""
    return paste_checked(x, *check_boxes(x, boxes, patches, index))


def paste_checked(x: Tensor, boxes: Tensor, patches: Tensor, index: Tensor) -> Tensor:
    (_, channels, height, width), (high, wide) = x.shape, patches.shape[2:]
    ramp = torch.arange(max(len(boxes), channels, high, wide), device=x.device)
    rows = (boxes[:, :1] + ramp[:high])[:, None, :, None]
    columns = (boxes[:, 1:] + ramp[:wide])[:, None, None, :]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    planes = ramp[: len(boxes), None, None, None] * channels + ramp[:channels, None, None]
    pixels = x.new_empty(len(boxes) * x[0].numel() + 1)  # the spare last one takes what hangs over the edge
    pictures = pixels[:-1].view(len(boxes), *x.shape[1:])
    pictures.copy_(x[index] if len(x) > 1 else x)
    target = ((planes * height + rows) * width + columns).where(inside, len(pixels) - 1)
    pixels.put_(target, patches)
    return pictures


def check_boxes(x: Tensor, boxes: Tensor, patches: Tensor, index: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, patches and index, on the device of the pictures; ValueErrors where they do not fit together."""
    count, (pictures, channels) = len(boxes), x.shape[:2]
    if boxes.dtype != torch.int64 or boxes.dim() != 2 or boxes.shape[1] != 2 or count == 0:
        raise ValueError(f"boxes is {boxes.dtype} {list(boxes.shape)}; int64 [K, 2] with rows and columns is expected.")
    if patches.dim() != 4 or patches.shape[0] not in (1, count) or patches.shape[1] != channels:
        raise ValueError(f"patches has shape {list(patches.shape)}; [{count} or 1, {channels}, h, w] is expected.")
    if index is None and pictures > 1:
        raise ValueError(f"x holds {pictures} pictures; say with index [K] which picture each box belongs to.")
    index = torch.zeros(count, dtype=torch.int64) if index is None else index
    if index.shape != (count,) or index.min() < 0 or index.max() >= pictures:
        raise ValueError(f"index must hold {count} numbers from 0 to {pictures - 1}, one a box.")
    return boxes.to(x.device), patches.to(x).expand(count, -1, -1, -1), index.to(x.device)
