"""Chapter 19 at full scale: defensive distillation on MNIST, the attacks that it stops, and those that it does not.

`COURSE_DATA_DIR=... python -m experiments.distill_table [PART ...] [--share S]`. Parts: "attacks" (which attacks the distilled network stops, beside
the same with its logits divided, and an undistilled one with its logits multiplied), "table6 l2", "table6 linf" and "table6 l0" (Carlini and Wagner's attacks towards
all nine targets), "transfer" (kappa; the small networks), "grid" (a small network for each temperature, for a CPU; `grid 20 100` only these), "large" (the same with the paper's
architecture, for a GPU). Each part is written as soon as it is done.
First `python -m experiments.train twopairs-mnist-distilled`.
"""

from __future__ import annotations

import argparse
import copy
import functools
import time

import torch
from torch import Tensor, nn

from course_utils import attacks, data, defenses, measure, models, runtime

from . import distilling, train
from .common import in_parts
from .cw_table import QUICK, one_norm, right_ones
from .record import add

PLAIN, DISTILLED, FACTOR = "twopairs-mnist", "twopairs-mnist-distilled", 100
TEMPERATURES, EPOCHS = (1, 2, 5, 10, 20, 30, 40, 50, 100), 20
SMALL = train.Plan("digits", "mnist", 10, pictures=6_000, batch_size=16)
EPS = 0.25
WALK = {"c": 0.01, "search": 9, "steps": 200, "rate": 0.05, "edge": 0.01}  # of the L2 attack in the grid and for kappa
KAPPAS = (0, 2, 5, 10, 15, 20)


def vanished(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Which pictures have a gradient of the cross-entropy that is exactly 0 in every pixel, `[N]`."""
    return torch.cat([(attacks.common.input_gradient(net, a, b) == 0).flatten(1).all(1) for a, b in zip(x.split(100), y.split(100))])


def sizes(key: str, net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """The logits: their mean size, the largest, the lead of the first; and how many gradients are exactly 0, in single and in double precision."""
    scores = runtime.logits(net, x)
    first, second = scores.topk(2, 1).values.unbind(1)
    exact = copy.deepcopy(net).double()
    with runtime.frozen(net), runtime.frozen(exact):
        return {
            f"{key}_logits": scores.abs().mean().item(), f"{key}_largest": scores.abs().max().item(), f"{key}_lead": (first - second).median().item(),
            f"{key}_zeros": 100 * vanished(net, x, y).float().mean().item(), f"{key}_zeros64": 100 * vanished(exact, x.double(), y).float().mean().item(),
        }  # fmt: skip


def fooled(key: str, net: nn.Module, x: Tensor, y: Tensor, few: int) -> dict[str, float]:
    """Percent: FGSM, the basic iterative method, PGD (none with a target), iterative towards the least likely class; JSMA towards one other class."""
    ways = {
        "fgsm": lambda a, b: attacks.fgsm(net, a, b, eps=EPS),
        "bim": lambda a, b: attacks.bim(net, a, b, eps=EPS, step=EPS / 10, steps=40),
        "pgd": lambda a, b: attacks.pgd(net, a, b, eps=EPS, step=EPS / 10, steps=40, generator=runtime.generator(0)),
        "least": lambda a, b: attacks.least_likely(net, a, b, eps=EPS, step=EPS / 10, steps=40),
    }
    numbers = {f"{key}_{name}": 100 * measure.success_rate(net, in_parts(attack, x, y), y) for name, attack in ways.items()}
    targets = one_target(y[:few])
    for name, of in (("jsma", "probabilities"), ("jsma_z", "logits")):
        found = in_parts(lambda a, b: attacks.jsma(net, a, b, targeted=True, of=of), x[:few], targets)  # noqa: B023
        numbers[f"{key}_{name}"] = 100 * measure.success_rate(net, found, targets, targeted=True)
    return numbers


def one_target(y: Tensor) -> Tensor:
    """For each picture one other class; over nine pictures all nine distances between the two come up."""
    return (y + 1 + torch.arange(len(y), device=y.device) % 9) % 10


def walked(key: str, net: nn.Module, x: Tensor, y: Tensor, **options: float) -> dict[str, float]:
    """Carlini and Wagner's L2 attack towards one other class: success and distance."""
    targets = one_target(y)
    found = attacks.carlini_wagner(net, x, targets, targeted=True, **{**WALK, **options})
    won = runtime.predict(net, found) == targets
    return {f"{key}_cw": 100 * won.float().mean().item(), f"{key}_cw_l2": measure.norms(x, found).l2[won].mean().item()}


def noise(x: Tensor) -> Tensor:
    return attacks.random_sign(x, eps=EPS, generator=runtime.generator(0))


def of_attacks(share: float) -> tuple[dict[str, float], int]:
    """The two networks as they are, the distilled one with its logits divided by 100, the undistilled one with its logits multiplied by 100."""
    plain, distilled = models.load(PLAIN), models.load(DISTILLED)
    nets = {"plain": plain, "distilled": distilled, "divided": defenses.Scaled(distilled, 1 / FACTOR), "multiplied": defenses.Scaled(plain, FACTOR)}
    count, numbers = round(1000 * share), {}
    test = data.load("digits", "test", source="mnist")
    for key, net in nets.items():
        numbers[f"{key}_accuracy"] = 100 * measure.accuracy(net, test.x.to(runtime.device()), test.y.to(runtime.device()))
        x, y = right_ones(net, "digits", "mnist", count)
        numbers |= sizes(key, net, x, y) | fooled(key, net, x, y, max(9, count // 5)) | walked(key, net, x[: max(9, count // 10)], y[: max(9, count // 10)])
        numbers[f"{key}_noise"] = 100 * measure.success_rate(net, noise(x), y)
    return numbers, count


def of_table6(norm: str, share: float) -> tuple[dict[str, float], int]:
    """One of Carlini and Wagner's three attacks towards all nine classes, with chapter 11's quick settings, on both networks and the same pictures.

    The distilled network's logits are 100 times as large, so c is a hundredth.
    """
    nets, start, numbers = {"distilled": models.load(DISTILLED), "undistilled": models.load(PLAIN)}, time.time(), {}
    x, y = right_ones(nets["distilled"], "digits", "mnist", round(120 * share))
    both = runtime.predict(nets["undistilled"], x) == y
    for key, net in nets.items():
        scale = FACTOR if key == "distilled" else 1
        options = {name: value / scale if name in ("c", "most") else value for name, value in QUICK[norm].items()}
        numbers |= one_norm(key, norm, net, x[both], y[both], options, start)
    return numbers, int(both.sum())


def of_transfer(share: float) -> tuple[dict[str, float], int]:
    """L2 pictures for the small undistilled network, kappa ahead of the boundary: which other networks take them for anything but their class."""
    source, judges = models.load("stridenet-mnist"), {"distilled": models.load("stridenet-mnist-distilled"), "lenet": models.load("lenet-mnist")}
    x, y = right_ones(source, "digits", "mnist", round(200 * share))
    known = torch.stack([runtime.predict(net, x) == y for net in judges.values()]).all(0)
    x, y, numbers = x[known], y[known], {}
    targets = one_target(y)
    for kappa in KAPPAS:
        found = attacks.carlini_wagner(source, x, targets, targeted=True, confidence=float(kappa), **WALK)
        numbers[f"kappa_{kappa}_success"] = 100 * measure.success_rate(source, found, targets, targeted=True)
        length = measure.norms(x, found).l2
        numbers[f"kappa_{kappa}_l2"] = length.mean().item()
        by_chance = attacks.L2Ball(x, 1).direction(torch.randn(x.shape, generator=runtime.generator(1)).to(x))
        by_chance = (x + length[:, None, None, None] * by_chance).clamp(0, 1)
        for name, net in judges.items():
            numbers[f"kappa_{kappa}_{name}"] = 100 * measure.success_rate(net, found, y)
            numbers[f"kappa_{kappa}_{name}_target"] = 100 * measure.success_rate(net, found, targets, targeted=True)
            numbers[f"kappa_{kappa}_{name}_noise"] = 100 * measure.success_rate(net, by_chance, y)
    return numbers, len(y)


def at(temperature: int, share: float, small: bool) -> tuple[dict[str, float], int]:
    """A network distilled at one temperature, as Carlini and Wagner's code does it but in fewer epochs, and what the attacks make of it.

    small: not the paper's architecture on all pictures, but the chapter's on 6,000, in small batches: a minute on one core of a CPU.
    """
    plan, key = train.PLANS[DISTILLED]._replace(temperature=temperature), f"T{temperature}" if small else f"large_T{temperature}"
    runtime.seed_everything(plan.seed)
    pictures = data.load("digits", "train", SMALL.pictures if small else round(60_000 * share), source="mnist")
    if small:
        net = models.StrideNet(5, 2).to(runtime.device())
        distilling.distill(net, pictures.x.to(runtime.device()), pictures.y.to(runtime.device()), plan._replace(epochs=SMALL.epochs, batch_size=SMALL.batch_size), runtime.generator(plan.seed))
    else:
        net = models.TwoPairs().to(runtime.device())
        train.as_its_authors(net, pictures.x, pictures.y, plan._replace(epochs=max(1, round(EPOCHS * share))))
    test = data.load("digits", "test", source="mnist")
    numbers = {f"{key}_accuracy": 100 * measure.accuracy(net, test.x.to(runtime.device()), test.y.to(runtime.device()))}
    x, y = right_ones(net, "digits", "mnist", round(500 * share))
    few = max(9, round(100 * share))
    return numbers | sizes(key, net, x, y) | fooled(key, net, x, y, few) | walked(key, net, x[:few], y[:few]), len(y)


PARTS = {"attacks": of_attacks, **{f"table6 {norm}": functools.partial(of_table6, norm) for norm in QUICK}, "transfer": of_transfer}


def main(parts: list[str], share: float) -> None:
    chosen = [part for part in parts if not part.isdigit()] or [*PARTS, "grid", "large"]
    degrees = [int(part) for part in parts if part.isdigit()] or TEMPERATURES
    runs = [(part, PARTS[part]) for part in chosen if part in PARTS]
    runs += [(f"{kind} T {t}", functools.partial(at, t, small=kind == "grid")) for kind in ("grid", "large") if kind in chosen for t in degrees]
    for part, run in runs:
        start = time.time()
        numbers, count = run(share=share)
        add("distillation", part, numbers, count=count, seed=0, command=f"python -m experiments.distill_table --share {share:g}", source="MNIST test pictures that the network has right")
        print(f"{part}: {time.time() - start:.0f} s", {key: round(value, 3) for key, value in numbers.items()}, flush=True)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("parts", nargs="*")
    options.add_argument("--share", type=float, default=1.0)
    given = options.parse_args()
    main(given.parts, given.share)
