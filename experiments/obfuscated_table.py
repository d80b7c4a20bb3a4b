"""Chapter 20 at full scale: the defenses that hide their gradient, attacked as they stand and with the right tool.

`COURSE_DATA_DIR=... TORCH_HOME=... python -m experiments.obfuscated_table [ROW ...] [--share S]`, one row a defense, each written as soon as it is done:
thermometer, pruning, resizing (CIFAR-10); bits, jpeg, tv, quilting, photos-resizing (ImageNet photos, SqueezeNet); pixel_defend, lid (CIFAR-10);
defense_gan (MNIST). No row: all. Percent of the pictures that the undefended network and the defended one have right which are still right, by row and budget:

    <row>_<budget>_undefended  PGD on the undefended network         <row>_<budget>_stands    PGD on the defended network as it stands
    <row>_<budget>_grey        those of "undefended", defended       <row>_<budget>_adaptive  BPDA, EOT, or both
    <row>_<budget>_noise       random signs of that size, defended   <row>_clean              percent right, of all pictures, defended

Budgets are the largest change of a pixel, in 255ths. "stands" is missing where there is no gradient at all.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils import attacks, data, defenses, measure, models, runtime, transforms
from course_utils.runtime import generator

from .common import in_parts
from .record import add

DRAWS = 5  # answers that a network left to chance is asked for
COMMAND = "python -m experiments.obfuscated_table"


class Fight(NamedTuple):
    """One defense: the network without it and with it, what PGD is given instead, and how long it goes."""

    plain: nn.Module
    defended: nn.Module
    opened: nn.Module  # with a useful gradient: BPDA, an expectation, or both
    budgets: tuple[int, ...]
    steps: int = 100
    blind: bool = False  # no gradient at all: PGD cannot even begin
    size: int | None = None  # pictures at a time


def left(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """Percent still right, in the mean of some answers."""
    return 100 * sum(measure.accuracy(net, x, y) for _ in range(DRAWS)) / DRAWS


def known(fight: Fight, pictures: data.Pictures, count: int) -> tuple[Tensor, Tensor, float]:
    """The first pictures that the undefended network has right, and the defended one at least once; and how many the defended one has right of all."""
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    right = (runtime.predict(fight.plain, x) == y) & (runtime.predict(fight.defended, x) == y)
    chosen = right.nonzero().flatten()[:count]
    return x[chosen], y[chosen], left(fight.defended, x, y)


def fought(row: str, fight: Fight, pictures: data.Pictures, count: int) -> tuple[dict[str, float], int]:
    """All numbers of a row, and on how many pictures they rest."""
    x, y, clean = known(fight, pictures, count)
    numbers = {f"{row}_clean": clean}
    for budget in fight.budgets:
        eps, start = budget / 255, time.time()
        own = {"eps": eps, "steps": fight.steps, "step": max(0.1 * eps, 2.5 * eps / fight.steps), "generator": generator(0)}
        climbed = {who: in_parts(lambda a, b, net=net: attacks.pgd(net, a, b, **own), x, y, fight.size)
                   for who, net in (("undefended", fight.plain), ("adaptive", fight.opened), *([] if fight.blind else [("stands", fight.defended)]))}  # fmt: skip
        judged = {who: left(fight.plain if who == "undefended" else fight.defended, found, y) for who, found in climbed.items()}
        judged |= {"grey": left(fight.defended, climbed["undefended"], y), "noise": left(fight.defended, attacks.random_sign(x, eps=eps, generator=generator(1)), y)}
        numbers |= {f"{row}_{budget}_{who}": value for who, value in judged.items()}
        print(row, budget, {who: round(value, 1) for who, value in judged.items()}, f"{time.time() - start:.0f} s", flush=True)
    return numbers, len(x)


def behind(plain: nn.Module, transform: Callable[..., Tensor], budgets: tuple[int, ...], *, draws: int = 1, back: Callable | None = None, **how) -> Fight:
    """A network behind a transform without a useful gradient: BPDA, in the mean over some draws."""
    return Fight(plain, defenses.expectation(plain, transform, 1), defenses.expectation(plain, defenses.bpda(transform, back), draws), budgets, **how)


# ---------------------------------------------------------------- CIFAR-10


def thermometer() -> Fight:
    net = models.load("nin-cifar10-thermometer")
    opened = copy.deepcopy(net)
    opened[0] = defenses.bpda(net[0], net[0].ramp())
    return Fight(models.load("nin-cifar10"), net, opened, (2, 4, 8), blind=True)


def pruning() -> Fight:
    plain = models.load("nin-cifar10")
    defended = defenses.activation_pruning(plain, 1.0, generator=generator(2))
    return Fight(plain, defended, defenses.expectation(defended, lambda x: x, 10), (4, 8, 12), steps=100)


def resizing(plain: nn.Module | None = None, budgets: tuple[int, ...] = (2, 4, 8), **how) -> Fight:
    plain = plain or models.load("nin-cifar10")
    defended, opened = (defenses.expectation(plain, defenses.random_resize_pad, draws) for draws in (1, 30))
    return Fight(plain, defended, opened, budgets, **how)


# ---------------------------------------------------------------- ImageNet photos


def squeezenet() -> nn.Module:
    return models.classifier("photos", source="real")


def quilting() -> Fight:
    clean = data.load("photos", "train", 100, source="imagenet").x.to(runtime.device())
    patches = defenses.clean_patches(clean, 100_000, generator=generator(3))
    return behind(squeezenet(), partial(defenses.quilt, patches=patches, neighbours=1), (2, 4, 8), back=partial(defenses.soft_quilt, patches=patches[:2000]), steps=30, blind=True, size=100)


PHOTOS: dict[str, Callable[[], Fight]] = {
    "bits": lambda: behind(squeezenet(), defenses.bit_depth, (2, 4, 8)),
    "jpeg": lambda: behind(squeezenet(), defenses.jpeg, (2, 4, 8)),
    "tv": lambda: behind(squeezenet(), partial(defenses.tv_minimize, steps=80), (2, 4, 8), draws=4, back=partial(transforms.blur, deviation=1.0), steps=40, blind=True, size=50),
    "quilting": quilting,
    "photos-resizing": lambda: resizing(squeezenet(), (1, 2, 4), steps=40, size=10),
}
OBJECTS: dict[str, Callable[[], Fight]] = {"thermometer": thermometer, "pruning": pruning, "resizing": resizing}


def run(row: str, share: float) -> None:
    """One row, of the share of its usual number of pictures."""
    if row in OBJECTS:
        pictures, count, source = data.load("objects", "test", max(20, round(1000 * share)), source="cifar10"), max(8, round(500 * share)), "CIFAR-10 test"
        numbers, n = fought(row, OBJECTS[row](), pictures, count)
    elif row in PHOTOS:
        pictures, count, source = data.load("photos", "test", max(8, round(400 * share)), source="imagenet"), max(4, round(100 * share)), "ImageNet photos"
        numbers, n = fought(row, PHOTOS[row](), pictures, count)
    else:
        numbers, n, source = others()[row](share)
    print(f"{row}: {source}, {n} pictures")
    add("obfuscated", row, numbers, source="CIFAR-10 and MNIST test pictures, ImageNet photos", count=n, seed=0, command=f"{COMMAND} {row} --share {share:g}")


def others() -> dict[str, Callable[[float], tuple[dict[str, float], int, str]]]:
    """The rows whose code is elsewhere: each takes the share and gives numbers, count and source."""
    from . import generative_rows, lid_row  # here, not above: they load networks of their own

    return {"pixel_defend": generative_rows.pixel_defend, "defense_gan": generative_rows.defense_gan, "lid": lid_row.lid}


ROWS = (*OBJECTS, *PHOTOS, "pixel_defend", "defense_gan", "lid")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=ROWS)
    parser.add_argument("--share", type=float, default=1.0, help="share of the usual number of pictures")
    given = parser.parse_args()
    for row in given.rows:
        run(runtime.pick("row", row, ROWS), given.share)


if __name__ == "__main__":
    main()
