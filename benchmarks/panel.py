"""One move of a panel beside the network: `scores` with three panels of 192 x 192 pixels, drawn and written as PNG.

The bare limit is Agg's own part: the blank sheet of as many pixels, drawn and compressed.
"""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F

from benchmarks.common import bracketed, one_thread, report
from course_utils import show
from course_utils.explore import DENSITY
from course_utils.show.layout import blank

SECONDS = 0.1  # what a move may cost, in CPU seconds on a quiet machine


def move(x: torch.Tensor, says: torch.Tensor, names: list[str]) -> bytes:
    """What `Panel` does at each move."""
    figure = show.scores(x, says, names, y=[0, -1, 2], titles=["the picture", "the change", "their sum"])
    return show.png(figure, density=DENSITY, effort=1)


def main() -> int:
    one_thread()
    show.style()
    generator = torch.Generator().manual_seed(0)
    x = F.interpolate(torch.rand(3, 3, 24, 24, generator=generator), size=192, mode="bicubic").clamp(0, 1)
    says = torch.rand(3, 20, generator=generator).mul(6).softmax(1)
    names = [f"class number {k}" for k in range(20)]
    size = show.scores(x, says, names, titles=names).get_size_inches()
    measured = bracketed(
        lambda: move(x, says, names), lambda: show.png(blank(*size), density=DENSITY, effort=1), repeats=15
    )  # fmt: skip
    good = report("panel", [{"what": "a move, 3 panels of 192 x 192", "bar": 9.0, **measured}], seconds_bar=SECONDS)
    print(f"  {measured['seconds']:.3f} s a move; the bar on a quiet machine is {SECONDS} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
