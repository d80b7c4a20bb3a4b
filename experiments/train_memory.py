"""Train the dense associative memories of chapter 22: `make train NAME=memory-mnist-n30`.

`python -m experiments.train_memory memory-mnist-n30 --full --device cuda` trains one at the size and with the schedule of Krotov and Hopfield
(2016): K = 2000, 3000 epochs, minibatches of 1000. It goes to the downloads folder, where `python -m experiments.memory_table --full` finds it.
What ships is what two cores train: fewer memories, fewer epochs, smaller minibatches.

Their method: the loss sum (c - t)^(2m), c = tanh(scores), t = +1 for the right class and -1 for others; momentum; every memory moves by
eps V / max |V|, whatever the size of its gradient; weights are clipped to [-1, 1]; T falls during the first epochs. No augmentation, no weight decay.
Training takes the scores to second order in the label weights (two products of matrices; exact for n = 2 where no overlap changes its sign);
all that is measured takes the exact ones.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils import data, measure, models, runtime
from course_utils.models.associative import power


class Plan(NamedTuple):
    """How a memory is trained."""

    n: int
    memories: int
    epochs: int
    m: int  # the loss is sum (c - t)^(2m)
    hot: float  # T at the start,
    cold: float  # and after `cooling` epochs; between them it falls in a straight line
    cooling: int
    mean: float  # the pixels of the memories start from N(mean, 0.3), the labels too
    rate: float  # eps in the first epoch,
    last: float  # and in the last; between them it falls geometrically
    momentum: tuple[float, float] = (0.6, 0.9)  # the first grows to the second while T falls
    batch: int = 200
    seed: int = 0


WIDE = {"mnist": 800, "digits": 250}  # memories
PICTURES = {"mnist": None, "digits": 20_000}
# Small powers: the paper's start, N(-0.3, 0.3), puts all overlaps far above 0, where a layer of ReLUs is linear; a mean of 0 avoids that.
LOW = {"m": 2, "hot": 30.0, "cold": 20.0, "mean": 0.0, "rate": 0.01, "last": 0.0003, "momentum": (0.9, 0.95)}
HIGH = {"m": 10, "hot": 600.0, "cold": 600.0, "mean": -0.3, "rate": 0.06, "last": 0.001}
PLANS: dict[str, Plan] = {}
# The paper's: ranges are given there (rates 0.01 to 0.04, falling by 0.998 an epoch; momentum 0.6 to 0.95; T and m by n); these lie within.
FULL: dict[str, Plan] = {}
for source, epochs in (("mnist", {2: 12, 3: 12, 20: 90, 30: 80}), ("digits", {2: 20, 3: 30, 20: 80, 30: 48})):
    for n, some in epochs.items():
        PLANS[f"memory-{source}-n{n}"] = Plan(n, WIDE[source], some, cooling=some // 2, **(LOW if n < 20 else HIGH))
        early = {"m": 3, "hot": 300.0, "cold": 60.0, "cooling": 200} if n < 20 else {"m": 30, "hot": 600.0, "cold": 600.0, "cooling": 200}
        FULL[f"memory-{source}-n{n}"] = Plan(n, 2000, 3000, mean=-0.3, rate=0.03, last=0.03 * 0.998**3000, momentum=(0.6, 0.95), batch=1000, **early)
PLANS["memory-mnist-n30"] = PLANS["memory-mnist-n30"]._replace(cooling=45, last=0.0015186)
NAMES = tuple(PLANS)


def scores(pixels: Tensor, labels: Tensor, x: Tensor, n: int, temperature: float) -> tuple[Tensor, ...]:
    """The class scores to second order in the label weights, 2 f(b) . L + 2 f'(b) . L^2, with f = F_n' of the overlaps b; and f, f', f'' of b.

    x `[N, 784]` in [-1, 1]. All derivatives are by b = xi . s, not by b / T.
    """
    b = (torch.addmm(-labels.sum(1), x, pixels.T) / temperature).clamp_min(0)
    on = (b > 0).to(b)
    high = power(b, n - 3) if n > 3 else on
    third = n * (n - 1) * (n - 2) / temperature**3 * (high if n > 2 else on)
    second = n * (n - 1) / temperature**2 * (high * b if n > 2 else on)
    first = n / temperature * (high * b * b if n > 2 else b)
    return 2 * first @ labels + 2 * second @ labels.square(), first, second, third


def slopes(pixels: Tensor, labels: Tensor, x: Tensor, y: Tensor, plan: Plan, temperature: float) -> tuple[Tensor, Tensor]:
    """The gradient of the loss by the pixels `[K, 784]` and the labels `[K, 10]` of the memories. |c - t| <= 2, and 2^59 is far from overflowing."""
    z, first, second, third = scores(pixels, labels, x, plan.n, temperature)
    c, t = z.tanh(), 2 * F.one_hot(y, labels.shape[1]).to(z) - 1
    by_score = 2 * plan.m * power(c - t, 2 * plan.m - 1) * (1 - c * c)
    by_overlap = 2 * second * (by_score @ labels.T) + 2 * third * (by_score @ labels.square().T)
    by_label = 2 * first.T @ by_score + 4 * labels * (second.T @ by_score) - by_overlap.sum(0)[:, None]
    return by_overlap.T @ x, by_label


class State(NamedTuple):
    """All that the next epoch depends on."""

    weights: Tensor  # [K, 784 + 10]
    speed: Tensor
    chance: torch.Generator
    epoch: int = 0


def begin(plan: Plan, size: int, where: torch.device) -> State:
    chance = runtime.generator(plan.seed)
    weights = (0.3 * torch.randn(plan.memories, size, generator=chance) + plan.mean).clamp(-1, 1).to(where)
    return State(weights, torch.zeros_like(weights), chance)


def schedule(plan: Plan, epoch: int) -> tuple[float, float, float]:
    """Temperature, rate and momentum of an epoch."""
    cooled = min(1.0, epoch / max(1, plan.cooling))
    rate = plan.rate * (plan.last / plan.rate) ** (epoch / max(1, plan.epochs - 1))
    return plan.hot + (plan.cold - plan.hot) * cooled, rate, plan.momentum[0] + (plan.momentum[1] - plan.momentum[0]) * cooled


def one_epoch(state: State, x: Tensor, y: Tensor, plan: Plan) -> State:
    """Once through the pictures, bytes `[N, 784]`, in an order by chance."""
    temperature, rate, momentum = schedule(plan, state.epoch)
    weights, speed, size = state.weights, state.speed, x.shape[1]
    order = torch.randperm(len(x), generator=state.chance).to(x.device)
    for part in order[: len(x) // plan.batch * plan.batch].split(plan.batch):
        pixels, labels = weights[:, :size], weights[:, size:]
        slope = slopes(pixels, labels, x[part].float().div_(127.5).sub_(1), y[part], plan, temperature)
        speed.mul_(momentum).sub_(torch.cat(slope, 1))
        fastest = speed.abs().amax(1, keepdim=True).clamp_min(1e-30)  # a memory that no picture moves stays where it is
        weights.addcdiv_(speed, fastest, value=rate).clamp_(-1, 1)
    return state._replace(epoch=state.epoch + 1)


def as_model(state: State, plan: Plan, classes: int = 10) -> models.AssociativeMemory:
    """The memories as a network, at the last temperature."""
    net = models.AssociativeMemory(plan.n, plan.memories, classes=classes, temperature=schedule(plan, state.epoch - 1)[0])
    with torch.no_grad():
        net.pixels.copy_(state.weights[:, :-classes]), net.labels.copy_(state.weights[:, -classes:])
    return net.to(state.weights.device).eval()


def keep(state: State, file: Path) -> None:
    runtime.save_whole({"weights": state.weights.cpu(), "speed": state.speed.cpu(), "chance": state.chance.get_state(), "epoch": state.epoch}, file)


def go_on(state: State, file: Path) -> State:
    """The state in the file, where there is one: a training that was killed goes on from there."""
    if not file.exists():
        return state
    kept = torch.load(file, map_location="cpu", weights_only=True)
    state.chance.set_state(kept["chance"])
    return State(kept["weights"].to(state.weights), kept["speed"].to(state.weights), state.chance, kept["epoch"])


def pictures(source: str, split: str, n: int | None = None) -> data.Pictures:
    return data.load("digits", split, n, source="drawn" if source == "digits" else source)


def train(name: str, plan: Plan, file: Path, *, every: int = 1) -> models.AssociativeMemory:
    """Train a memory, saying every `every` epochs how well it does."""
    source, start = name.split("-")[1], time.time()
    learned, held = pictures(source, "train", PICTURES[source]), pictures(source, "test")
    where = runtime.device()
    x, y = (learned.x * 255).round().byte().flatten(1).to(where), learned.y.to(where)
    state = go_on(begin(plan, x.shape[1] + 10, where), file)
    while state.epoch < plan.epochs:
        state = one_epoch(state, x, y, plan)
        if state.epoch % every == 0 or state.epoch == plan.epochs:
            keep(state, file)
            wrong = 100 - 100 * measure.accuracy(as_model(state, plan), held.x.to(where), held.y)
            print(f"{name} epoch {state.epoch}  {time.time() - start:5.0f} s  T {schedule(plan, state.epoch - 1)[0]:.0f}  {wrong:.2f} % wrong", flush=True)
    return as_model(state, plan)


def full_file(name: str) -> Path:
    """Where a memory of the paper's size is kept: not a part of the repository."""
    return data.downloads.home() / f"{name}-full.pt"


def run(name: str, record: Callable[[str, str, str, int, str], None], changes: dict | None = None, full: bool = False) -> None:
    """Train, measure, save and record one of the eight; with `full` at the paper's size, which is not shipped."""
    plan = (FULL if full else PLANS)[runtime.pick("memory", name, NAMES)]._replace(**changes or {})
    source = name.split("-")[1]
    data.downloads.home().mkdir(parents=True, exist_ok=True)
    file = data.downloads.home() / f"{name}{'-full' if full else ''}.training"
    net = train(name, plan, file, every=10 if full else 2)
    if full:
        return runtime.save_whole({**net.state_dict(), "n": torch.tensor(plan.n)}, full_file(name))
    held = pictures(source, "test")
    before = 100 * measure.accuracy(net, held.x.to(runtime.device()), held.y)
    models.save(net, name)
    after = 100 * measure.accuracy(models.load(name), held.x.to(runtime.device()), held.y)
    count = PICTURES[source] or len(pictures(source, "train").y)
    note = f"K = {plan.memories}, T = {net.temperature.item():g}, m = {plan.m}, {plan.epochs} epochs; pixels in four bits, {before:.2f} % before that"
    record(name, f"{held.source}, {count:,} pictures", f"{after:.2f} % of {len(held.y):,}", plan.seed, note)
    file.unlink(missing_ok=True)


if __name__ == "__main__":
    from experiments import train as every_training  # here, not above: it needs this module

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="+", choices=NAMES)
    options.add_argument("--full", action="store_true", help="the paper's size and schedule, kept outside of the repository")
    options.add_argument("--device", default=None)
    for setting, value in Plan(0, 0, 0, 0, 0.0, 0.0, 0, 0.0, 0.0, 0.0)._asdict().items():
        if setting != "momentum":
            options.add_argument(f"--{setting}", type=type(value), default=None)
    given = vars(options.parse_args())
    if given["device"]:
        runtime.device(given["device"])
    other = {key: value for key, value in given.items() if key in Plan._fields and value is not None}
    for chosen in given["names"]:
        run(chosen, every_training.record, other, given["full"])
