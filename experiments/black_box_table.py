"""Chapter 13 at full scale, the black box: substitutes of lenet-mnist from its class numbers alone, and NES from its scores.

`COURSE_DATA_DIR=... python -m experiments.black_box_table`, or with a number of test pictures (200), to try it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import nn

from course_utils import attacks, data, measure, models, runtime

from .record import write

ORACLE, BUDGET, SEEDS = "lenet-mnist", 6400, 150
EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


def lenet(seed: int) -> nn.Module:
    """A new LeNet: the oracle's own architecture."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return models.LeNet()


# How a substitute is trained: its network (None: two layers of 200 ReLUs), and the options.
WAYS: dict[str, tuple[Callable[[int], nn.Module] | None, dict]] = {
    "dense": (None, {}),
    "dense_periodic": (None, {"period": 3}),
    "dense_seeds": (None, {"rounds": 1, "epochs": 315}),  # the control: the seeds alone, as many passes over pictures
    "lenet": (lenet, {}),
    "lenet_periodic": (lenet, {"period": 1, "step": 0.2}),
    "lenet_seeds": (lenet, {"rounds": 1, "epochs": 315}),
}


def main(count: int = 1000, repeats: int = 3) -> None:
    pictures = data.load("digits", "test", n=count, source="mnist")
    held = data.load("digits", "test", n=10_000, source="mnist").x[-repeats * SEEDS :]  # the seeds: none of them is evaluated
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    net, numbers = models.load(ORACLE), {}
    said = runtime.predict(net, x)
    for eps in EPSILONS:
        for name, found in (("white", attacks.fgsm(net, x, y, eps=eps)), ("noise", attacks.random_sign(x, eps=eps))):
            numbers[f"{name}_{eps:g}"] = 100 * measure.success_rate(net, found, y, x=x)
    for way, (make, options) in WAYS.items():
        runs: list[dict[str, float]] = []
        for repeat in range(repeats):
            oracle, run = attacks.Oracle(net, BUDGET), {}

            def watch(model: nn.Module, queries: int, run: dict = run) -> None:
                run[f"agree_{queries}"] = 100 * (runtime.predict(model, x) == said).float().mean().item()

            seeds = held[repeat * SEEDS : (repeat + 1) * SEEDS].to(x)
            made = attacks.train_substitute(oracle, seeds, model=make and make(repeat), seed=repeat, watch=watch, **options)
            run |= {"queries": float(oracle.queries), "agree": 100 * (runtime.predict(made.model, x) == said).float().mean().item()}
            for eps in EPSILONS:
                run[f"fgsm_{eps:g}"] = 100 * measure.success_rate(net, attacks.fgsm(made.model, x, y, eps=eps), y, x=x)
                run[f"bim_{eps:g}"] = 100 * measure.success_rate(net, attacks.bim(made.model, x, y, eps=eps, step=eps / 5, steps=10), y, x=x)
            runs.append(run)
            print(way, repeat, {key: round(value, 1) for key, value in run.items()}, flush=True)
        for key in runs[0]:
            values = torch.tensor([run[key] for run in runs])
            numbers |= {f"{way}_{key}": values.mean().item()} | ({f"{way}_{key}_lowest": values.min().item()} if "agree" in key or "0.3" in key else {})
    few = slice(0, max(10, count // 10))
    for eps in (0.1, 0.2, 0.3):
        oracle = attacks.Oracle(net, scores=True)
        found = attacks.nes(oracle, x[few], y[few], eps=eps, step=eps / 5, steps=20)
        numbers |= {f"nes_{eps:g}": 100 * measure.success_rate(net, found, y[few], x=x[few]), f"nes_{eps:g}_queries": oracle.queries / len(x[few])}
    write("black_box", numbers, source="mnist, test pictures; seeds from the last of them", count=count, seed=0, command="python -m experiments.black_box_table")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
