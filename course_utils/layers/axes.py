"""Axis arithmetic: which pixels along one axis of the picture the units of a map see."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Axis:
    """What the units of a map see along one axis of the picture.

    Borders ignored, unit i sees pixels start + i * stride ... start + i * stride + size - 1.
    In truth it sees first[i] ... last[i], always inside the picture (first > last: nothing).
    """

    size: int
    stride: int
    start: int
    first: Tensor
    last: Tensor

    @staticmethod
    def picture(pixels: int) -> Axis:
        return Axis(1, 1, 0, torch.arange(pixels), torch.arange(pixels))

    def __len__(self) -> int:
        """The number of units."""
        return len(self.first)

    def slide(self, kernel: int, stride: int, padding: int, dilation: int, ceil: bool, extra: int = 0) -> Axis:
        """The axis of the map that a sliding window makes of this one."""
        cells, reach = len(self), dilation * (kernel - 1)
        units = (cells + 2 * padding + extra - reach - 1 + (stride - 1 if ceil else 0)) // stride + 1
        if ceil and (units - 1) * stride >= cells + padding:  # the last window must not start behind the map
            units -= 1
        units = max(units, 0)
        taps = torch.arange(units)[:, None] * stride - padding + torch.arange(kernel) * dilation
        inside, taps = (taps >= 0) & (taps < cells), taps.clamp(0, cells - 1)
        far = torch.iinfo(torch.int64).max
        return Axis(
            self.size + reach * self.stride, self.stride * stride, self.start - padding * self.stride,
            self.first[taps].where(inside, far).amin(1), self.last[taps].where(inside, -1).amax(1),
        )  # fmt: skip

    def join(self, other: Axis) -> Axis:
        """The union over two paths that meet in one map."""
        start = min(self.start, other.start)
        end = max(self.start + self.size, other.start + other.size)
        return Axis(end - start, self.stride, start, self.first.minimum(other.first), self.last.maximum(other.last))

    def reached(self, low: Tensor, high: Tensor) -> tuple[Tensor, int]:
        """Which units see any of the pixels low[k] ... high[k]: the first such unit for each k, and the largest count.

        The first units are moved so that a run of `count` units lies inside the map for every k.
        """
        hit = (self.first <= high[:, None]) & (self.last >= low[:, None])
        begin, end = hit.int().argmax(1), hit.shape[1] - hit.int().flip(1).argmax(1)
        count = max(1, int((end - begin)[hit.any(1)].max()) if bool(hit.any()) else 1)
        return begin.clamp(max=hit.shape[1] - count), count
