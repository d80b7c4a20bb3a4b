"""The cross-model table of six networks against its attacks alone, and NES against its bare forward passes.

On MNIST test pictures where they are found (COURSE_DATA_DIR), else on drawn digits. The table's bar: under 60 s of two cores for 1,000
pictures, and hardly more than the six attacks in it.
"""

from __future__ import annotations

import sys

import torch

from benchmarks.common import bracketed, cpu_seconds, one_thread, report
from course_utils import attacks, data, measure, models, runtime
from course_utils.data.downloads import FetchError

NETWORKS = ("fc10-{}", "fc10-{}-decay0.01", "fc10-{}-decay1", "fc100-{}", "fc200-{}", "ae400-{}")
COUNT, SECONDS = 1000, 120.0  # CPU seconds of one core: 60 s on two


def pictures(count: int) -> tuple[data.Pictures, str]:
    """The pictures, and the end of the networks' names."""
    try:
        return data.load("digits", "test", n=count, source="mnist"), "mnist"
    except FetchError:
        return data.load("digits", "test", n=count, source="drawn"), "digits"


def main(count: int = COUNT) -> int:
    one_thread()
    (x, y, *_), tag = pictures(count)
    nets = {name: models.load(name.format(tag)) for name in NETWORKS}
    goal = (y + 1 + torch.arange(len(y)) % 9) % 10
    spent: list[float] = []

    def attack(net: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        found: list[torch.Tensor] = []
        spent.append(cpu_seconds(lambda: found.append(attacks.lbfgs(net, x, goal[: len(x)], targeted=True))))
        return found[0]

    attacks.lbfgs(nets[NETWORKS[0]], x[:2], goal[:2], targeted=True, searches=1)  # warm caches and lazy initialisation
    tables: list[measure.Transfer] = []
    seconds = cpu_seconds(lambda: tables.append(measure.transfer_table(nets, attack, x, y, noise=(0.1, 0.3))))
    alone, diagonal = sum(spent), tables[0].success[: len(nets)].diag().min().item()
    ratio = seconds / alone
    rows = [{
        "what": f"table of six networks, {len(x)} pictures (bare: the attacks)", "bar": 1.25, "seconds": seconds, "bare_seconds": alone,
        "ratio": ratio, "ratio_lowest": ratio, "ratio_highest": ratio, "diagonal": diagonal,
    }]  # fmt: skip
    lenet, few = models.load(f"lenet-{tag}"), x[:8]
    bare = few.repeat(50, 1, 1, 1)

    def queries() -> None:
        oracle = attacks.Oracle(lenet, scores=True)
        attacks.nes(oracle, few, y[:8], eps=0.0, steps=4, samples=50)

    rows.append({"what": "NES, 4 steps of 50 queries for 8 pictures (bare: forward)", "bar": 1.3,
                 **bracketed(queries, lambda: [runtime.predict(lenet, bare) for _ in range(4)], 3)})  # fmt: skip
    fast = seconds <= SECONDS * len(x) / 1000 and diagonal == 1
    return 0 if report("transfer", rows, source=tag) and fast else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
