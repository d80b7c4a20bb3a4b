"""`top_patches` over 20,000 freshly drawn pictures: the memory above what the process held with the model, and the time.

The drawing is measured with it, as a reader would run it; the bare limit for the time is the forward up to the layer on the
same pictures. `python -m benchmarks.patches`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import torch
from benchmarks.common import bracketed, one_thread, report
from benchmarks.memory import peak_megabytes
from torch import Tensor, nn

from course_utils import data, models
from course_utils.data import Pictures
from course_utils.layers import stopped_at
from course_utils.visualize import top_patches

COUNT, CHUNK = 20_000, 500
MEGABYTES, BAR = 500, 2.5  # the most memory; the most time, as a multiple of the bare forward up to the layer


def drawn(world: str, count: int) -> Iterator[Pictures]:
    """Test pictures that nobody has seen, each chunk from a seed of its own."""
    for seed in range(count // CHUNK):
        yield data.load(world, "test", CHUNK, source="drawn", seed=1000 + seed)


def bare(model: nn.Module, x: Tensor, layer: str) -> None:
    with stopped_at(model, layer) as run, torch.no_grad():
        for part in x.split(64):
            run(part)


def main() -> int:
    one_thread()
    rows, small = [], True
    for world, layer, channels in (("digits", "3", 50), ("signs", "9", 96)):
        model = models.classifier(world, source="drawn")
        directions = torch.nn.functional.normalize(torch.randn(100, channels), dim=1)
        some = data.load(world, "test", CHUNK, source="drawn").x
        timed = bracketed(lambda: top_patches(model, some, layer, directions=directions), lambda: bare(model, some, layer), repeats=3)
        peak = peak_megabytes(lambda: top_patches(model, drawn(world, COUNT), layer, directions=directions))
        print(f"  {world}: {peak or 0:.0f} MB above the model for {COUNT} pictures (bar {MEGABYTES})")
        rows.append({"what": f"{world}, layer {layer}: 100 directions of {CHUNK} pictures", "bar": BAR, "megabytes": peak, **timed})
        small = small and (peak is None or peak <= MEGABYTES)
    fast = report("patches", rows, pictures=COUNT, megabytes_allowed=MEGABYTES)
    return 0 if fast and small else 1


if __name__ == "__main__":
    sys.exit(main())
