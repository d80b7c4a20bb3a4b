"""Chapter 13 at full scale, the black box: substitutes of lenet-mnist from its class numbers alone, and NES from its scores.

`COURSE_DATA_DIR=... python -m experiments.black_box_table`, or with a number of test pictures (200), how many sets of seeds (1), and
which parts ("lenet"), to try it or to go on. The part "choice" is where LeNet's step and period come from: other pictures, other seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime

from .record import add

ORACLE, BUDGET, SEEDS = "lenet-mnist", 6400, 150
EPSILONS = (0.1, 0.2, 0.3)


def lenet(seed: int) -> nn.Module:
    """A new LeNet: the oracle's own architecture."""
    with runtime.seeded_weights(seed):
        return models.LeNet()


def other(seed: int) -> nn.Module:
    """Another convolutional network than the oracle's: more maps, ReLUs behind them, and a layer more (nearly Papernot's network A)."""
    with runtime.seeded_weights(seed):
        return nn.Sequential(
            nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(1024, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 10),
        )  # fmt: skip


def dense(seed: int) -> nn.Module:
    """Two layers of 200 ReLUs."""
    return attacks.black_box.dense(torch.Size((1, 28, 28)), 10, seed)


# How a substitute is trained: its network, and the options. Papernot's step is 0.1.
PLAIN = {"step": 0.1, "period": None}
WAYS: dict[str, tuple[Callable[[int], nn.Module], dict]] = {
    "dense": (dense, PLAIN),
    "dense_periodic": (dense, {"step": 0.1, "period": 3}),
    "dense_seeds": (dense, {"rounds": 1, "epochs": 630}),  # the control: the seeds alone, as many passes over pictures as six rounds take
    "lenet_periodic": (lenet, {"step": 0.3, "period": 1}),
    "other_periodic": (other, {"step": 0.3, "period": 1}),
    "lenet": (lenet, PLAIN),
    "lenet_seeds": (lenet, {"rounds": 1, "epochs": 630}),  # the same control
}

CHOICE = tuple((step, period) for step in (0.1, 0.2, 0.3) for period in (None, 1))  # what was tried for LeNet


def choice(net: nn.Module, x: Tensor, y: Tensor, held: Tensor) -> dict[str, float]:
    """How often FGSM fools the oracle for each step and period; x and the seeds are none of those of the other parts."""
    numbers = {}
    for step, period in CHOICE:
        runs = []
        for repeat, seeds in enumerate(held, start=100):
            made = attacks.train_substitute(
                attacks.Oracle(net, BUDGET), seeds.to(x), model=lenet(repeat), seed=repeat, step=step, period=period
            )
            runs.append(100 * measure.success_rate(net, attacks.fgsm(made.model, x, y, eps=0.3), y, x=x))
            print("choice", step, period, repeat, round(runs[-1], 1), flush=True)
        numbers[f"choice_step{step:g}_period{period or 0}_fgsm_0.3"] = sum(runs) / len(runs)
    return numbers


def bare(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """What the weights, noise, and an oracle with scores give."""
    numbers = {}
    for eps in EPSILONS:
        for name, found in (("white", attacks.fgsm(net, x, y, eps=eps)), ("noise", attacks.random_sign(x, eps=eps))):
            numbers[f"{name}_{eps:g}"] = 100 * measure.success_rate(net, found, y, x=x)
        oracle, few = attacks.Oracle(net, scores=True), slice(0, max(10, len(x) // 25))
        found = attacks.nes(oracle, x[few], y[few], eps=eps, step=eps / 5, steps=20)
        numbers |= {f"nes_{eps:g}": 100 * measure.success_rate(net, found, y[few], x=x[few]), f"nes_{eps:g}_queries": oracle.queries / len(x[few])}
    return numbers


def one_way(way: str, net: nn.Module, x: Tensor, y: Tensor, held: Tensor) -> dict[str, float]:
    """Substitutes from each set of seeds `[K, S, ...]`: agreement with the oracle by queries, and how often their pictures fool it."""
    (make, options), said, runs = WAYS[way], runtime.predict(net, x), []
    for repeat, seeds in enumerate(held):
        oracle, run = attacks.Oracle(net, BUDGET), {}

        def watch(model: nn.Module, queries: int, run: dict = run) -> None:
            run["agree"] = run[f"agree_{queries}"] = 100 * (runtime.predict(model, x) == said).float().mean().item()

        made = attacks.train_substitute(oracle, seeds.to(x), model=make(repeat), seed=repeat, watch=watch, **options)
        run["queries"] = float(oracle.queries)
        run |= {f"fgsm_{eps:g}": 100 * measure.success_rate(net, attacks.fgsm(made.model, x, y, eps=eps), y, x=x) for eps in EPSILONS}
        run["bim_0.3"] = 100 * measure.success_rate(net, attacks.bim(made.model, x, y, eps=0.3, step=0.06, steps=10), y, x=x)
        runs.append(run)
        print(way, repeat, {key: round(value, 1) for key, value in run.items()}, flush=True)
    values = {key: torch.tensor([run[key] for run in runs]) for key in runs[0]}
    lowest = {f"{way}_{key}_lowest": values[key].min().item() for key in ("agree", "fgsm_0.3", "bim_0.3")}
    return {f"{way}_{key}": value.mean().item() for key, value in values.items()} | lowest


def main(count: int = 1000, repeats: int = 2, *parts: str) -> None:
    every, net = data.load("digits", "test", n=10_000, source="mnist"), models.load(ORACLE)
    x, y = every.x.to(runtime.device()), every.y.to(runtime.device())
    sets = every.x[-2 * repeats * SEEDS :].view(2, repeats, SEEDS, *every.x.shape[1:])  # seeds: none of them is evaluated
    for part in parts or ("choice", "bare", *WAYS):
        if part == "choice":
            numbers = choice(net, x[count : 2 * count], y[count : 2 * count], sets[0])
        else:
            numbers = bare(net, x[:count], y[:count]) if part == "bare" else one_way(part, net, x[:count], y[:count], sets[1])
        add("black_box", part, numbers, source="mnist, test pictures; seeds from the last of them", count=count, seed=0,
            command="python -m experiments.black_box_table")  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
