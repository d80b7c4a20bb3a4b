"""Chapter 15 at a larger scale: how often one pixel fools AllConv, NiN and SmallVGG on CIFAR-10, by evolution, by chance, and at best.

`COURSE_DATA_DIR=... python -m experiments.one_pixel_table NETWORK [COUNT] [PART ...]`, with the networks allconv, nin, smallvgg and the parts best, search, full,
targeted, more (no part: all). Only pictures that the network has right are attacked: the first COUNT of the test pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils import attacks, data, models, runtime
from course_utils.runtime import generator

from .record import add

FEW = 20  # generations: 8,400 queries, nearly as many as the 8,192 of every pixel in eight colours
PARTS = ("best", "search", "full", "targeted", "more")


def pictures(network: str, count: int) -> tuple[nn.Module, Tensor, Tensor]:
    """The network and the first test pictures that it has right."""
    net, (x, y, *_) = models.load(f"{network}-cifar10"), data.load("objects", "test", 4 * count, source="cifar10")
    x, y = x.to(runtime.device()), y.to(runtime.device())
    right = (runtime.predict(net, x) == y).nonzero().flatten()[:count]
    return net, x[right], y[right]


def fooled(net: nn.Module, found: Tensor, y: Tensor) -> tuple[float, float]:
    """Percent taken for another class, and how sure the network is of those classes, in percent."""
    p, k = runtime.logits(net, found).softmax(1).max(1)
    wrong = k != y
    return 100 * wrong.float().mean().item(), 100 * p[wrong].mean().item() if wrong.any() else 0.0


def best(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Every pixel in eight colours: a lower bound of what a single pixel can do, for all targets at once."""
    any_, reached, spots = [], [], []
    for picture, label in zip(x, y):
        scores = attacks.every_pixel(net, picture[None])
        works = attacks.working(scores, label[None])[0]
        classes = scores.argmax(-1).flatten().unique()
        any_.append(works.any().item()), spots.append(works.any(0).float().mean().item())
        reached.append((classes != label).sum().item() / (scores.shape[-1] - 1))
    share = lambda values: 100 * sum(values) / len(values)  # noqa: E731
    held = [spot for spot in spots if spot > 0]
    return {"best": share(any_), "best_targeted": share(reached), "places_of_fooled": share(held) if held else 0.0}


def search(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Evolution and random search with as many queries."""
    numbers: dict[str, float] = {}
    for name, attack in (("evolution", attacks.one_pixel), ("random", attacks.random_pixels)):
        share, sure = fooled(net, attack(net, x, y, until="fooled", generations=FEW, generator=generator(0)), y)
        numbers |= {f"{name}_{FEW}": share, f"{name}_{FEW}_confidence": sure}
    return numbers


def full(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """The paper's 100 generations."""
    share, sure = fooled(net, attacks.one_pixel(net, x, y, until="fooled", generator=generator(1)), y)
    return {"evolution_100": share, "evolution_100_confidence": sure}


def targeted(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """One target for each picture, drawn from the nine others."""
    goal = (y + torch.randint(1, 10, (len(y),), generator=generator(2)).to(y)) % 10
    found = attacks.one_pixel(net, x, goal, targeted=True, until="fooled", generations=FEW, generator=generator(2))
    return {f"targeted_{FEW}": 100 * (runtime.predict(net, found) == goal).float().mean().item()}


def more(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Three and five pixels."""
    run = lambda pixels: attacks.one_pixel(net, x, y, pixels=pixels, until="fooled", generations=FEW, generator=generator(3))  # noqa: E731
    return {f"pixels_{pixels}": fooled(net, run(pixels), y)[0] for pixels in (3, 5)}


RUN: dict[str, Callable[..., dict[str, float]]] = {"best": best, "search": search, "full": full, "targeted": targeted, "more": more}


def main(network: str, count: int = 500, *parts: str) -> None:
    runtime.pick("network", network, ("allconv", "nin", "smallvgg"))
    net, x, y = pictures(network, count)
    for part in parts or PARTS:
        numbers = RUN[runtime.pick("part", part, PARTS)](net, x, y)
        numbers = {f"{network}_{name}": value for name, value in numbers.items()}
        command = f"python -m experiments.one_pixel_table {network} {count} {part}"
        add("one_pixel", f"{network}, {part}", numbers, source="cifar10", count=len(x), seed=0, command=command)
        print(numbers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) if word.isdigit() else word for word in sys.argv[2:]))
