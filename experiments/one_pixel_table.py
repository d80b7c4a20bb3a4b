"""Chapter 15 at a larger scale: how often one pixel fools AllConv, NiN and SmallVGG on CIFAR-10, by evolution, by chance, and at best.

`COURSE_DATA_DIR=... python -m experiments.one_pixel_table NETWORK [COUNT] [PART ...]`, with the networks allconv, nin, smallvgg and the parts evolution,
random, best, targeted, more (no part: all), and `... squeezenet [COUNT]`, the run on photos. Only pictures that the network has right are attacked: the first COUNT of the
test pictures. Each part of the record says on how many pictures it rests; a later, larger run of a part takes the place of the smaller one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from course_utils import attacks, data, models, runtime
from course_utils.runtime import generator

from .record import add

FEW = 20  # generations where the paper's 100 take too long here: 8,400 queries, nearly as many as the 8,192 of every pixel in eight colours
PHOTO = 5  # generations on photos, where a query takes 50 times as long
PARTS = ("evolution", "random", "best", "targeted", "more")


def pictures(network: str, count: int) -> tuple[nn.Module, Tensor, Tensor]:
    """The network and the first test pictures that it has right."""
    if network == "squeezenet":
        net, (x, y, *_) = models.classifier("photos", source="real"), data.load("photos", "test", 2 * count, source="imagenet")
    else:
        net, (x, y, *_) = models.load(f"{network}-cifar10"), data.load("objects", "test", 4 * count, source="cifar10")
    x, y = x.to(runtime.device()), y.to(runtime.device())
    right = (runtime.predict(net, x) == y).nonzero().flatten()[:count]
    return net, x[right], y[right]


def attacked(attack: Callable[..., Tensor], net: nn.Module, x: Tensor, y: Tensor, **options: object) -> tuple[Tensor, float]:
    """What the attack makes of the pictures, and how many queries it took a picture."""
    queries: list[int] = []
    found = attack(net, x, y, watch=lambda g: queries.append(g.fitness.numel()), **options)
    return found, sum(queries) / len(x)


def fooled(net: nn.Module, found: Tensor, y: Tensor) -> tuple[float, float]:
    """Percent taken for another class, and how sure the network is of those classes, in percent."""
    p, k = runtime.logits(net, found).softmax(1).max(1)
    wrong = k != y
    return 100 * wrong.float().mean().item(), 100 * p[wrong].mean().item() if wrong.any() else 0.0


def best(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Every pixel in eight colours: a lower bound of what a single pixel can do, for all targets at once, and class by class."""
    reached, spots = [], []
    for picture, label in zip(x, y):
        scores = attacks.every_pixel(net, picture[None])
        works = attacks.working(scores, label[None])[0]
        spots.append(works.any(0).float().mean().item())
        classes = scores.argmax(-1).flatten().bincount(minlength=scores.shape[-1]) > 0
        reached.append(classes & (torch.arange(len(classes), device=y.device) != label))
    hit, y, held = torch.stack(reached).cpu(), y.cpu(), [spot for spot in spots if spot > 0]
    share = lambda values: 100 * torch.as_tensor(values).float().mean().item()  # noqa: E731
    numbers = {"best": share(hit.any(1)), "best_targeted": 100 * hit.sum().item() / (9 * len(y)), "places_of_fooled": share(held) if held else 0.0}
    for k, kind in enumerate(data.load("objects", "test", 1, source="cifar10").names):
        numbers |= {f"from_{kind}": hit[y == k].sum().item(), f"to_{kind}": hit[:, k].sum().item(), f"of_{kind}": (y == k).sum().item()}
    return numbers | uneven(hit, y)


def uneven(hit: Tensor, y: Tensor) -> dict[str, float]:
    """How unevenly the classes are reached, as the deviation of their counts, beside the same with each picture's targets drawn at random."""
    chance, draws = generator(4), []
    for _ in range(1000):
        order = torch.rand(hit.shape, generator=chance).scatter(1, y[:, None], 2.0).argsort(1)
        shuffled = torch.zeros_like(hit).scatter(1, order, torch.arange(hit.shape[1]) < hit.sum(1, keepdim=True))
        draws.append(shuffled.sum(0).float().std().item())
    return {"uneven": hit.sum(0).float().std().item(), "uneven_by_chance": sum(draws) / len(draws)}


def search(attack: Callable[..., Tensor], name: str, net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Evolution as in the paper, 400 candidates and 100 generations, or random search with as many queries at most."""
    found, queries = attacked(attack, net, x, y, until="fooled", generator=generator(0))
    share, sure = fooled(net, found, y)
    return {name: share, f"{name}_confidence": sure, f"{name}_queries": queries}


def targeted(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Each of the nine other classes as target."""
    away = torch.arange(1, 10, device=y.device)
    goal = ((y[:, None] + away) % 10).flatten()
    found, queries = attacked(
        attacks.one_pixel, net, x.repeat_interleave(9, 0), goal, targeted=True, until="fooled", generations=FEW, generator=generator(2)
    )
    return {"targeted": 100 * (runtime.predict(net, found) == goal).float().mean().item(), "targeted_queries": queries}


def more(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """One, three and five pixels with as many queries at most."""
    run = lambda pixels: attacks.one_pixel(net, x, y, pixels=pixels, until="fooled", generations=FEW, generator=generator(3))  # noqa: E731
    return {f"pixels_{pixels}": fooled(net, run(pixels), y)[0] for pixels in (1, 3, 5)}


def photos(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """The paper's rule for ImageNet: the true class falls below 5 %; rows and columns over the whole photo."""
    found, queries = attacked(attacks.one_pixel, net, x, y, generations=PHOTO, generator=generator(0))
    before, after = (runtime.logits(net, z).softmax(1).gather(1, y[:, None])[:, 0] for z in (x, found))
    gone = {"below_5": 100 * (after < 0.05).float().mean().item(), "fooled": fooled(net, found, y)[0], "queries": queries}
    return gone | {"true_before": 100 * before.mean().item(), "true_after": 100 * after.mean().item()}


RUN: dict[str, Callable[..., dict[str, float]]] = {
    "evolution": partial(search, attacks.one_pixel, "evolution"), "random": partial(search, attacks.random_pixels, "random"),
    "best": best, "targeted": targeted, "more": more, "photos": photos,
}  # fmt: skip


def main(network: str, count: int = 500, *parts: str) -> None:
    runtime.pick("network", network, ("allconv", "nin", "smallvgg", "squeezenet"))
    net, x, y = pictures(network, count)
    known = ("photos",) if network == "squeezenet" else PARTS
    for part in parts or known:
        numbers = RUN[runtime.pick("part", part, known)](net, x, y)
        numbers = {f"{network}_{name}": value for name, value in numbers.items()}
        command = f"python -m experiments.one_pixel_table {network} {count} {part}"
        add("one_pixel", f"{network}, {part}", numbers, source="cifar10, imagenet", count=len(x), seed=0, command=command)
        print(numbers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) if word.isdigit() else word for word in sys.argv[2:]))
