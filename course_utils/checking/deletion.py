"""What deleting the hottest pixels of a picture must be: as many as asked for, whole pixels, none colder than one that stays."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..runtime import generator
from .exercise import Case
from .expectations import expect, expect_close, returned


def cases() -> Iterator[Case]:
    x = 0.05 + 0.4 * torch.rand(3, 3, 7, 5, generator=generator(1))
    heat = torch.stack([torch.randn(7, 5, generator=generator(k)) * 10**k for k in range(3)])  # each of a size of its own
    yield {"x": x, "heat": heat, "share": 0.25, "fill": 0.9}  # 8.75 of 35 pixels: 9
    yield {"x": x, "heat": heat, "share": 0.15, "fill": 0.6}  # 5.25: 5
    yield {"x": x, "heat": (3 * heat / heat.abs().amax((1, 2), keepdim=True)).round(), "share": 0.4, "fill": 0.9}  # ties
    yield {"x": x, "heat": -heat.abs(), "share": 0.4, "fill": 0.0}
    yield {"x": x, "heat": heat, "share": 0.0, "fill": 0.9}
    yield {"x": x, "heat": heat, "share": 1.0, "fill": 0.9}


def agree(got: Tensor, want: Tensor, case: Case) -> None:
    """As many pixels as asked for are gone, none of them colder than one that stays. Of equal ones any may go."""
    returned(got, want, "the batch of pictures")
    size, heat = case["heat"][0].numel(), case["heat"].flatten(1)
    filled = (got - case["fill"]).abs() < 1e-6  # in double precision a fill that was rounded to float32 will do
    gone = filled.all(1)
    expect(torch.equal(filled.any(1), gone), "a deleted pixel loses all its colours, not some of them.")
    count, counts = round(case["share"] * size), gone.flatten(1).sum(1).tolist()
    expect(any(counts) or count == 0, "nothing was replaced by `fill`.")
    expect(len(set(counts)) == 1, f"{counts} pixels were deleted in the three pictures; rank each picture's pixels by themselves, "
           "and of equal ones delete only as many as are needed.")  # fmt: skip
    expect(counts[0] == count, f"with share {case['share']}, {counts[0]} of {size} pixels were deleted; "
           f"round(share * H * W) = {count} is expected.")  # fmt: skip
    away = gone.flatten(1)
    coldest = heat.masked_fill(~away, torch.inf).amin(1)
    hottest = heat.masked_fill(away, -torch.inf).amax(1)
    expect((coldest >= hottest).all(), "other pixels than the hottest were deleted.")
    expect_close(got, case["x"].where(~gone[:, None], got), why="pixels that stay were changed.")
