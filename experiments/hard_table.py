"""Chapter 18, hard samples: is a network better when it sees those pictures more often whose class few steps change?

`python -m experiments.hard_table PART[,PART...] [SHARE] [SEEDS]`, PART: `mnist`, `gtsrb` or `digits` (drawn). A small network learns some pictures; each one's steps and
loss are measured; then copies of it go on for as many steps, half of every batch from all pictures and half from a fifth of them: the hardest by steps, the hardest by
loss, the easiest, any (chosen once, by chance), or all. Paired over SEEDS (1 is 10): other starts and other training pictures. SHARE of 3,000 digits (6,000 signs) and all test pictures.
"""

from __future__ import annotations

import copy
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime, training

from .record import add

KINDS = ("all", "any fifth", "hard by steps", "hard by loss", "easy by steps")


class Case(NamedTuple):
    """A world, its pictures, the network that learns them, and the epochs of the two halves of its training."""

    world: str
    source: str
    build: Callable[[], nn.Module]
    pictures: int
    epochs: int
    lr: float


CASES = {
    "mnist": Case("digits", "mnist", lambda: models.MadryNet(width=2), 3_000, 5, 0.1),
    "digits": Case("digits", "drawn", lambda: models.MadryNet(width=2), 3_000, 5, 0.1),
    "gtsrb": Case("signs", "gtsrb", lambda: models.SignNet(width=12), 6_000, 8, 0.05),
}


def fifths(net: nn.Module, x: Tensor, y: Tensor, chance: torch.Generator) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The numbers of the pictures that each kind sees more often; and how alike the rankings are."""
    where = runtime.device()
    parts = [(a.to(where), b.to(where)) for a, b in zip(x.split(500), y.split(500))]
    steps = torch.cat([attacks.steps_needed(net, a, b, steps=60) for a, b in parts]).cpu().float()
    loss = torch.cat([F.cross_entropy(runtime.logits(net, a), b, reduction="none") for a, b in parts]).cpu()
    steps = steps - loss / (1 + loss.max())  # ties: the higher loss is harder
    many = len(x) // 5
    numbers = {"steps_median": steps.median().item(), "steps_and_loss": measure.rank_correlation(-steps[None], loss[None]).item()}
    numbers["shared"] = 100 * len(set(steps.argsort()[:many].tolist()) & set(loss.argsort(descending=True)[:many].tolist())) / many
    return {"all": torch.arange(len(x)), "any fifth": torch.randperm(len(x), generator=chance)[:many], "hard by steps": steps.argsort()[:many],
            "hard by loss": loss.argsort(descending=True)[:many], "easy by steps": steps.argsort(descending=True)[:many]}, numbers  # fmt: skip


def go_on(net: nn.Module, x: Tensor, y: Tensor, chosen: Tensor, epochs: int, lr: float, seed: int) -> nn.Module:
    """A copy, trained on: as many pictures an epoch as there are, half of them from the chosen ones, by chance."""
    net, chance = copy.deepcopy(net), runtime.generator(seed)
    half = len(x) // 2
    picks = [torch.cat([torch.randperm(len(x), generator=chance)[:half], chosen[torch.randint(len(chosen), (half,), generator=chance)]]) for _ in range(epochs)]
    order = torch.cat(picks)  # one epoch of `train` that is as long as all of ours: one cycle of the learning rate
    training.train(net, x[order], y[order], epochs=1, lr=lr, batch_size=64, seed=seed)
    return net


def compared(name: str, share: float, seeds: int) -> tuple[dict[str, float], int]:
    """The mean test error of each kind, and its difference from "any fifth" with its 95 % interval, paired over the seeds."""
    case = CASES[name]
    whole, test = data.load(case.world, "train", source=case.source) if case.source != "drawn" else data.load(case.world, "train", 30_000, source="drawn"), data.load(case.world, "test", source=case.source)
    tests = slice(0, max(200, int(len(test.y) * share)))
    tx, ty = test.x[tests].to(runtime.device()), test.y[tests].to(runtime.device())
    kept = Path(tempfile.gettempdir()) / f"hard-{name}-{share:g}.json"  # what was learned before an interruption
    runs = json.loads(kept.read_text()) if kept.exists() else []
    for seed in range(len(runs), seeds):
        start, chance = time.time(), runtime.generator(100 + seed)
        mine = torch.randperm(len(whole.y), generator=chance)[: max(300, int(case.pictures * share))]
        x, y = whole.x[mine], whole.y[mine]
        with runtime.seeded_weights(seed):
            net = case.build().to(runtime.device())
        training.train(net, x, y, epochs=case.epochs, lr=case.lr, batch_size=64, seed=seed)
        groups, numbers = fifths(net, x, y, chance)
        told = {"before": 100 * (1 - measure.accuracy(net, tx, ty)), **numbers}
        errors = {kind: 100 * (1 - measure.accuracy(go_on(net, x, y, chosen, case.epochs, case.lr, seed), tx, ty)) for kind, chosen in groups.items()}
        runs.append([told, errors])
        kept.write_text(json.dumps(runs))
        print(name, seed, f"{time.time() - start:.0f} s", told, {k: round(v, 2) for k, v in errors.items()}, flush=True)
    told, table = [run[0] for run in runs[:seeds]], {kind: [run[1][kind] for run in runs[:seeds]] for kind in KINDS}
    result = {f"{name}_{key}": sum(t[key] for t in told) / seeds for key in told[0]}
    for kind, values in table.items():
        gap = measure.mean_interval(torch.tensor(values) - torch.tensor(table["any fifth"]))
        result |= {f"{name}_{kind}_error": sum(values) / seeds} | {f"{name}_{kind}_gap{tail}": value for tail, value in zip(("", "_low", "_high"), gap)}
    return result | {f"{name}_seeds": seeds}, len(ty)


def main(parts: str = "mnist,gtsrb", share: float = 1.0, seeds: int = 10) -> None:
    for part in parts.split(","):
        numbers, count = compared(runtime.pick("part", part, CASES), float(share), int(seeds))
        print(part, {k: round(v, 3) for k, v in numbers.items()}, flush=True)
        add("hard", part, numbers, source="MNIST, GTSRB and drawn digits", count=count, seed=0, command=f"python -m experiments.hard_table {part} {share} {seeds}")


if __name__ == "__main__":
    main(*sys.argv[1:])
