"""Chapter 11 at full scale: Carlini and Wagner's distances for the easiest, the average and the hardest target, and f1 to f7.

`COURSE_DATA_DIR=... python -m experiments.cw_table`, or with a number of MNIST pictures and some of the PARTS, such as `10 "mnist l0"`: their
numbers go into the table, beside those of other runs. Each picture is attacked towards all nine other classes.
"""

from __future__ import annotations

import functools
import math
import sys
import time

import torch
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime
from course_utils.attacks.margins import LOSSES

from . import train
from .common import known
from .record import add

PICTURES = 200  # of MNIST; half as many of CIFAR-10
# The L2 attack as the authors run it. Their first c of the other two norms is far too small for these networks and only takes time.
AUTHORS = {"l2": {}, "linf": {"c": 0.01}, "l0": {"c": 0.1}}
QUICK = {  # as in the chapter
    "l2": {"c": 1.0, "search": 3, "steps": 40, "rate": 0.1, "edge": 0.02},
    "linf": {"c": 0.1, "steps": 30, "rate": 0.05, "edge": 0.02, "most": 2.0},
    "l0": {"c": 2.0, "steps": 20, "rate": 0.25, "edge": 0.02, "most": 20.0},
}
# Gives what the authors' settings give, with a quarter of the steps.
THOROUGH = {"l2": {}, "linf": {"c": 0.1, "steps": 300, "rate": 0.01, "edge": 1e-3}, "l0": {"c": 1.0, "steps": 300, "rate": 0.03, "edge": 1e-3}}
OBJECTS = {  # their pixels move less, so the rate is smaller; as many steps as a CPU allows
    "l2": {"c": 0.05, "search": 5, "steps": 80, "rate": 0.02, "edge": 0.01},
    "linf": {"c": 0.1, "steps": 50, "rate": 0.01, "edge": 0.01, "most": 10.0},
    "l0": {"c": 0.2, "steps": 30, "rate": 0.1, "edge": 0.01, "most": 20.0},
}
SETTINGS = {"small": AUTHORS, "small_quick": QUICK, "mnist": THOROUGH, "lenet": THOROUGH, "cifar10": OBJECTS}
STUDY = {"c": 0.01, "search": 9, "steps": 200, "rate": 0.05, "edge": 0.01}  # for f1 to f7 and kappa


def right_ones(net: nn.Module, world: str, source: str, count: int) -> tuple[Tensor, Tensor]:
    """The first `count` test pictures that the network has right, and their classes."""
    return known(net, data.load(world, "test", 2 * count + 10, source=source), count)


def every_target(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Each picture nine times, and the nine other classes."""
    others = torch.arange(10, device=y.device).expand(len(y), 10)
    return x.repeat_interleave(9, 0), others[others != y[:, None]]


def cases(key: str, sizes: Tensor, won: Tensor) -> dict[str, float]:
    """Best, average and worst case over the targets, of sizes `[9 N]`, in the mean over the pictures; those that were won count."""
    table = sizes.double().where(won, torch.nan).view(-1, 9)
    best, worst = table.nan_to_num(torch.inf).amin(1), table.nan_to_num(-torch.inf).amax(1)
    return {
        f"{key}_best": best[best.isfinite()].mean().item(), f"{key}_average": table.nanmean().item(),
        f"{key}_worst": worst[worst.isfinite()].mean().item(), f"{key}_success": 100 * won.float().mean().item(),
    }  # fmt: skip


def said(numbers: dict[str, float], start: float) -> dict[str, float]:
    print(f"{time.time() - start:6.0f} s", {key: round(value, 3) for key, value in numbers.items()}, flush=True)
    return numbers


def one_norm(key: str, norm: str, net: nn.Module, x: Tensor, y: Tensor, options: dict, start: float) -> dict[str, float]:
    """One of the three attacks towards all targets, and without one."""
    many, targets = every_target(x, y)
    found = attacks.carlini_wagner(net, many, targets, norm=norm, targeted=True, **options)
    won = runtime.predict(net, found) == targets
    rows = cases(f"{key}_{norm}", getattr(measure.norms(many, found), norm), won)
    rows[f"{key}_{norm}_rounded"] = 100 * measure.success_rate(net, measure.quantize(found), targets, targeted=True)
    free = attacks.carlini_wagner(net, x, y, norm=norm, **options)
    rows[f"{key}_{norm}_untargeted"] = getattr(measure.norms(x, free), norm)[runtime.predict(net, free) != y].double().mean().item()
    if norm == "l0":
        rows[f"{key}_l0_coordinates"] = (found != many).flatten(1).sum(1)[won].double().mean().item()
    return said(rows, start)


def others(key: str, net: nn.Module, x: Tensor, y: Tensor, top: float, start: float) -> dict[str, float]:
    """DeepFool; FGSM and the basic iterative method at the smallest of 40 eps up to `top` that reaches the target; noise."""
    many, targets = every_target(x, y)
    numbers = {}
    for norm in ("l2", "linf"):
        numbers[f"{key}_deepfool_{norm}"] = getattr(measure.norms(x, attacks.deepfool(net, x, y, norm=norm)), norm).mean().item()
    ways = {
        "fgsm": functools.partial(attacks.fgsm, net, targeted=True),
        "iterative": lambda a, b, eps: attacks.basic_iterative(net, a, b, eps=eps, step=eps / 10, steps=30, targeted=True),
    }
    for name, attack in ways.items():
        least, left = torch.full((len(many),), torch.inf, device=x.device), torch.arange(len(many), device=x.device)
        for k in range(1, 41):
            hit = runtime.predict(net, attack(many[left], targets[left], eps=top * k / 40)) == targets[left]
            least[left[hit]] = top * k / 40
            left = left[~hit]
            if not len(left):
                break
        numbers |= cases(f"{key}_{name}", least, least < torch.inf)
    return said(numbers, start)


def study(net: nn.Module, x: Tensor, y: Tensor, start: float) -> dict[str, float]:
    """f1 to f7, and kappa, in L2, each picture towards one other class."""
    targets = (y + 1 + torch.arange(len(y), device=y.device) % 9) % 10
    numbers, attack = {}, functools.partial(attacks.carlini_wagner, net, x, targets, targeted=True, **STUDY)
    for name in LOSSES:
        found = attack(loss=name)
        won = runtime.predict(net, found) == targets
        numbers |= {f"{name}_l2": measure.norms(x, found).l2[won].mean().item(), f"{name}_success": 100 * won.float().mean().item()}
    said(numbers, start)
    for kappa in (0, 5, 10, 20):
        found = attack(confidence=float(kappa))
        won = runtime.predict(net, found) == targets
        numbers |= {f"kappa_{kappa}_l2": measure.norms(x, found).l2[won].mean().item(), f"kappa_{kappa}_success": 100 * won.float().mean().item(),
                    f"kappa_{kappa}_confidence": 100 * measure.confidence(net, found[won]).mean().item()}  # fmt: skip
    return said(numbers, start)


def seeds(count: int, start: float) -> dict[str, float]:
    """How far the distances depend on the training: TwoPairs from six seeds at the authors' code's learning rate, and from one at their text's."""
    pictures, numbers = data.load("digits", "train", source="mnist"), {}
    for key, seed, lr in (*((f"seed_{seed}", seed, 0.01) for seed in range(6)), ("rate_0.1", 0, 0.1)):
        runtime.seed_everything(seed)
        net = models.TwoPairs().to(runtime.device())
        train.as_its_authors(net, pictures.x, pictures.y, train.PLANS["twopairs-mnist"]._replace(seed=seed, lr=lr))
        x, y = right_ones(net, "digits", "mnist", count)
        for norm in AUTHORS:
            numbers |= one_norm(key, norm, net, x, y, THOROUGH[norm], start)
    return numbers


NETWORKS = {
    "mnist": ("twopairs-mnist", "digits", "mnist"), "lenet": ("lenet-mnist", "digits", "mnist"), "small": ("stridenet-mnist", "digits", "mnist"),
    "small_quick": ("stridenet-mnist", "digits", "mnist"), "cifar10": ("allconv-cifar10", "objects", "cifar10"),
}  # fmt: skip
PARTS = ("mnist study", "mnist others", "mnist seeds", "cifar10 others", *(f"{key} {norm}" for key in ("small_quick", "small", "mnist", "cifar10", "lenet") for norm in AUTHORS))


def main(count: int = PICTURES, *parts: str) -> None:
    """Each part is written as soon as it is done: those of a run that was cut off are kept, and others can be added later."""
    start = time.time()
    for part in parts or PARTS:
        key, what = part.split()
        network, world, source = NETWORKS[key]
        net = models.load(network)
        x, y = right_ones(net, world, source, count if key != "cifar10" else max(2, count // 2))
        if what == "seeds":
            numbers = seeds(count, start)
        elif what == "study":
            numbers = study(net, x, y, start)
        elif what == "others":
            numbers = others(key, net, x, y, top=1.0 if key == "mnist" else 0.2, start=start)
        else:
            numbers = one_norm(key, what, net, x, y, SETTINGS[key][what], start)
        numbers = {key: value for key, value in numbers.items() if math.isfinite(value)}  # no mean, where nothing was reached
        add("carlini_wagner", part, numbers, count=len(y), seed=0, command=f"python -m experiments.cw_table {count}",
            source="test pictures that the networks have right, nine targets each (f1 to f7 and kappa: one)")  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
