"""MAP-Elites against the bare forward passes of its children, and 1,000 painting networks rendered and scored.

On LeNet for MNIST (the pictures are evolved: no data is read). The limit for a generation is the network's forward pass on as many pictures, in
one batch; evaluation at 0.9 of that rate is a ratio of 1.11. For painted pictures the bar is two seconds for 1,000, on the two cores that the course
counts on; here on one.
"""

from __future__ import annotations

import sys

import torch

from benchmarks.common import bracketed, cpu_seconds, one_thread, report
from course_utils import models, runtime
from course_utils.attacks import Patterns, map_elites
from course_utils.attacks.evolved import log_probs

SHAPE, GENERATIONS, CHILDREN, PAINTED = (1, 28, 28), 40, 200, 1000
SECONDS = 2.0  # the bar for PAINTED genomes


def grown(way: Patterns, count: int, generations: int) -> tuple[torch.Tensor, ...]:
    """Genomes with the hidden nodes that so many generations without selection leave."""
    chance = runtime.generator(0)
    genomes = way.random(count, chance)
    for generation in range(generations):
        genomes = way.children(genomes, generation, chance)
    return genomes


@torch.no_grad()
def main() -> int:
    one_thread()
    net = models.load("lenet-mnist")
    batch = torch.rand(CHILDREN, *SHAPE, generator=runtime.generator(1))

    def bare() -> None:
        for _ in range(GENERATIONS + 1):  # the start is scored, too
            net(batch)

    runs = {"direct": 1 / 0.9, "cppn": 3.0}
    rows = [
        {
            "what": f"{encoding}, {GENERATIONS} generations of {CHILDREN}", "bar": bar,
            **bracketed(lambda encoding=encoding: map_elites(net, SHAPE, encoding=encoding, generations=GENERATIONS, children=CHILDREN), bare, 7),
        }
        for encoding, bar in runs.items()
    ]  # fmt: skip
    way = Patterns(SHAPE)
    genomes = grown(way, PAINTED, 30)
    hidden = (genomes[1] >= 0).sum(1).float().mean().item() - 5
    seconds = min(cpu_seconds(lambda: log_probs(net, way, genomes)) for _ in range(5))
    print(f"{PAINTED} genomes, {hidden:.1f} hidden nodes each, painted and scored: {seconds:.2f} s (bar {SECONDS})")
    fast = report("evolved", rows, source="evolved", painted=PAINTED, painted_seconds=round(seconds, 3), painted_hidden=round(hidden, 1), painted_bar=SECONDS)
    return 0 if fast and seconds <= SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
