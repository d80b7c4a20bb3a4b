"""Which part of each step's map a patch can reach, and how much work is saved if only that part is computed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, fx

from .plan import Plan
from .work import GATHER, WRITE


class Region(NamedTuple):
    """The part of a step's map that is computed: its top left cells, each [K], and its size."""

    top: Tensor
    left: Tensor
    height: int
    width: int

    def same(self, other: Region) -> bool:
        return self[2:] == other[2:] and torch.equal(self.top, other.top) and torch.equal(self.left, other.left)


Regions = dict[fx.Node, Region]


def reached_regions(plan: Plan, boxes: Tensor, height: int, width: int, share: float) -> Regions:
    """For each step of which patches at `boxes` [K, 2] reach no more than `share` of the map: the part they reach.

    Steps that share the very same part with a step before them share the very same tuple.
    """
    regions: Regions = {}
    corners = boxes.cpu().T
    ends = corners + torch.tensor([[height], [width]]) - 1
    for node, seen in plan.sees.items():
        window = plan.windows.get(node)
        if node in (plan.input, plan.end) or not isinstance(seen, tuple) or (window is not None and window.run is None):
            continue
        (top, rows), (left, columns) = (axis.reached(*span) for axis, span in zip(seen, zip(corners, ends)))
        if rows * columns <= share * len(seen[0]) * len(seen[1]):
            own = Region(top.to(boxes.device), left.to(boxes.device), rows, columns)
            before = [regions[source] for source in plan.sources[node] if source in regions]
            regions[node] = next((region for region in before if window is None and region.same(own)), own)
    return regions


def saved_work(plan: Plan, regions: Regions, channels: dict[fx.Node, int]) -> float:
    """The multiply-adds a picture that are saved if only the regions are computed, crops and whole maps put together.

    `channels` are those of each step's map.
    """
    saved = 0.0
    for node in channels:
        rows, columns = plan.sees[node]  # type: ignore[misc]
        cells, window, own = len(rows) * len(columns), plan.windows.get(node), regions.get(node)  # type: ignore[arg-type]
        if own is not None:
            work = WRITE + (window.work if window is not None else 0)
            saved += channels[node] * work * (cells - own.height * own.width)
            for source in plan.sources[node]:
                if window is not None:
                    high, wide = window.needs(own.top, own.left, own.height, own.width)[2:]
                    saved -= GATHER * channels[source] * high * wide
                elif regions.get(source) is not own:
                    saved -= GATHER * channels[source] * own.height * own.width
        if (own is not None or node is plan.input) and any(user not in regions for user in node.users):
            saved -= GATHER * channels[node] * cells  # from here on the whole map is needed
    return saved
