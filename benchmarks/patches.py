"""`top_patches` over 20,000 freshly drawn pictures: the memory above what the process held with the model, and the time.

The drawing is measured with it, as a reader would run it; the bare limit for the time is the forward up to the layer on the
same pictures. `python -m benchmarks.patches`
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import torch
from benchmarks.common import one_thread, report
from benchmarks.memory import peak_megabytes

from course_utils import data, models
from course_utils.data import Pictures
from course_utils.layers import stopped_at
from course_utils.visualize import top_patches

COUNT, CHUNK, BAR = 20_000, 500, 500.0


def drawn(world: str, count: int) -> Iterator[Pictures]:
    """Test pictures that nobody has seen, each chunk from a seed of its own."""
    for seed in range(count // CHUNK):
        yield data.load(world, "test", CHUNK, source="drawn", seed=1000 + seed)


def main() -> int:
    one_thread()
    rows = []
    for world, layer, channels in (("digits", "3", 50), ("signs", "9", 96)):
        model = models.classifier(world, source="drawn")
        directions = torch.nn.functional.normalize(torch.randn(100, channels), dim=1)
        some = data.load(world, "test", CHUNK, source="drawn").x
        top_patches(model, some, layer, directions=directions)  # warm
        start = time.process_time()
        with stopped_at(model, layer) as run, torch.no_grad():
            for part in some.split(64):
                run(part)
        bare = time.process_time() - start
        start = time.process_time()
        top_patches(model, some, layer, directions=directions)
        own = time.process_time() - start
        peak = peak_megabytes(lambda: top_patches(model, drawn(world, COUNT), layer, directions=directions))
        rows.append({
            "what": f"{world}: megabytes for {COUNT} pictures, 100 directions of layer {layer}", "bar": BAR / BAR,
            "seconds": own, "bare_seconds": bare, "ratio": (peak or 0.0) / BAR, "megabytes": peak, "time_ratio": own / bare,
        })  # fmt: skip
        print(f"  {world}: {peak} MB above the model (bar {BAR:.0f}); {own / bare:.2f} times the bare forward of {CHUNK} pictures")
    return 0 if report("patches", rows, pictures=COUNT) else 1


if __name__ == "__main__":
    sys.exit(main())
