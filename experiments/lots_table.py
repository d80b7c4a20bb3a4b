"""Chapter 17 at full scale: LOTS on MNIST (the paper's Table 1, a row a part), LeNets fine-tuned on what each attack makes, and the ORL faces.

`COURSE_DATA_DIR=... python -m experiments.lots_table PART[,PART...] [SHARE] [MADE]`, PART one of `basic`, `infimnist`, `digits`, `fgs`, `fgv`, `hc`,
`lots`, `conv1`, `conv2`, `ip1`, `ip2`, `faces`, `orl`; SHARE of the tested pictures (1 is 1,000 test digits), MADE the share of what the networks are
fine-tuned on (1 is what the attack makes of 6,000 training digits). `digits` is the control: on digits alone. Of the fine-tuned networks each test digit is
attacked 9 times with LOTS and 3 times with hot/cold, by turns of layer, target and rank; the basic one with all 36 and 9. L2 and Linf are in grey levels. PASS is averaged over every pixel, as the paper's figures are (`_pass`), and where whole windows fit (`_pass_inside`).
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import attacks, data, layers, measure, models, runtime, training

from .record import add

LAYERS = {"conv1": "0", "conv2": "2", "ip1": "5", "ip2": "7"}  # of LeNet, under the paper's names
KINDS = ("digits", "fgs", "fgv", "hc", "lots", *LAYERS)
BATCH = 500
MIXED, EPOCHS = 30_000, 2  # fine-tuning: so many made pictures (drawn again where there are fewer) beside the 60,000 digits
Made = tuple[Tensor, Tensor, Tensor]  # origins, moved pictures, labels: of those whose class changed


def scaled(net: nn.Module, x: Tensor, y: Tensor, direction: Callable[[Tensor, Tensor], Tensor]) -> Made:
    """The smallest change along a direction that changes the class, for the pictures where there is one."""
    parts = []
    for a, b in zip(x.split(BATCH), y.split(BATCH)):
        found = attacks.smallest_scale(net, a, direction(a, b), b, halvings=7)
        parts.append((a[found.found], found.images[found.found], b[found.found]))
    return tuple(torch.cat(column) for column in zip(*parts))


def fixed_targets(net: nn.Module, world: str, source: str) -> Tensor:
    """One picture of each class, the first of the training set that the network has right."""
    train = data.load(world, "train", 300, source=source)
    x, y = train.x.to(runtime.device()), train.y.to(runtime.device())
    right = runtime.predict(net, x) == y
    return torch.stack([x[right & (y == k)][0] for k in range(10)])


def made(
    net: nn.Module, x: Tensor, y: Tensor, kind: str, targets: Tensor, each: int | None = None, turns: bool = False, at: dict[str, str] = LAYERS
) -> Made:
    """What one attack makes of pictures that the network has right. LOTS and hot/cold: one picture for each other class (and layer).

    at: the layers, by name. each: at most so many targets a picture and layer, chosen by turns; None: all nine. turns: each picture with a third of the ranks, and with
    every target at one of the layers.
    """
    if kind in ("fgs", "fgv"):
        return scaled(net, x, y, lambda a, b: attacks.gradient_direction(net, a, b, sign=kind == "fgs"))
    parts, places = [], torch.arange(len(x), device=x.device)
    everyone = torch.ones_like(places, dtype=torch.bool)
    for offset in range(1, 1 + (each or 9)):
        if kind == "hc":
            own = (places + offset) % 3 == 0 if turns else everyone
            parts.append(scaled(net, x[own], y[own], lambda a, b, rank=offset: attacks.hot_cold_direction(net, a, b, rank=rank)))
            continue
        goal = (y + (offset if each is None else 1 + (places + offset) % 9)) % 10
        for turn, layer in enumerate([at[kind]] if kind in at else at.values()):
            own = (places + offset) % len(at) == turn if turns else everyone
            stored = layers.representation(net, targets, layer)
            for a, b, k in zip(x[own].split(BATCH), y[own].split(BATCH), goal[own].split(BATCH)):
                found = attacks.smallest_scale(net, a, attacks.lots_direction(net, a, stored[k], layer=layer), b, halvings=7)
                parts.append((a[found.found], found.images[found.found], b[found.found]))
    return tuple(torch.cat(column) for column in zip(*parts))


def sizes(key: str, x: Tensor, moved: Tensor) -> dict[str, float]:
    """PASS, L2 and Linf (grey levels), each with its deviation."""
    if not len(x):
        return {}
    size = measure.norms(x, moved)
    in_batches = lambda whole: torch.cat([measure.pass_score(a, b, whole=whole) for a, b in zip(x.split(BATCH), moved.split(BATCH))])  # noqa: E731
    values = {"pass": in_batches(True), "pass_inside": in_batches(False), "l2": 255 * size.l2, "linf": 255 * size.linf}
    return {f"{key}_{name}{tail}": getattr(v, how)().item() for name, v in values.items() for tail, how in (("", "mean"), ("_std", "std"))}


def row(name: str, net: nn.Module, share: float) -> tuple[dict[str, float], int]:
    """One row of Table 1: the error on all 10,000 test digits, and four attacks on some of those that the network has right."""
    test = data.load("digits", "test", source="mnist")
    every, labels = test.x.to(runtime.device()), test.y.to(runtime.device())
    some = data.load("digits", "test", max(20, int(1000 * share)), source="mnist")
    x, y = some.x.to(runtime.device()), some.y.to(runtime.device())
    right = runtime.predict(net, x) == y
    x, y, targets = x[right], y[right], fixed_targets(net, "digits", "mnist")
    numbers = {f"{name}_error": 100 * (1 - measure.accuracy(net, every, labels)), f"{name}_pictures": len(x)}
    turns = name != "basic"
    for kind, tried in (("fgs", 1), ("fgv", 1), ("hc", 3 if turns else 9), ("lots", 9 if turns else 36)):
        start = time.time()
        origin, moved, _ = made(net, x, y, kind, targets, turns=turns)
        numbers |= {f"{name}_{kind}_success": 100 * len(moved) / (tried * len(x)), **sizes(f"{name}_{kind}", origin, moved)}
        print(name, kind, f"{time.time() - start:.0f} s", {k: round(v, 4) for k, v in numbers.items() if f"_{kind}_" in k}, flush=True)
    return numbers, len(x)


# ---------------------------------------------------------------- fine-tuned networks


def tuned(kind: str, made_share: float) -> tuple[nn.Module, dict[str, float]]:
    """LeNet, trained on with what one attack made of training digits, their right labels, and all training digits themselves."""
    net, whole = models.load("lenet-mnist"), data.load("digits", "train", source="mnist")
    pictures, classes, numbers = whole.x, whole.y, {}
    if kind != "digits":
        count = max(200, int(6_000 * made_share))
        x, y = whole.x[:count].to(runtime.device()), whole.y[:count].to(runtime.device())
        right = runtime.predict(net, x) == y
        _, moved, labels = made(net, x[right], y[right], kind, fixed_targets(net, "digits", "mnist"), each=1 if kind == "lots" else 2)
        chosen = torch.randint(len(moved), (MIXED,), generator=runtime.generator(0))
        pictures, classes = torch.cat([whole.x, moved.cpu()[chosen]]), torch.cat([whole.y, labels.cpu()[chosen]])
        numbers = {f"{kind}_made": len(moved)}
        print(kind, f"{len(moved)} pictures made", flush=True)
    training.train(net, pictures, classes, epochs=EPOCHS, lr=0.01, seed=0, label=kind)
    return net, numbers


def deformed(x: Tensor, chance: torch.Generator) -> Tensor:
    """Digits shifted by up to two pixels and deformed elastically, new ones at every call: InfiMNIST's way, near enough."""
    wind = torch.randn(len(x), 2, 28, 28, generator=chance)
    bell = torch.exp(-((torch.arange(21.0) - 10) ** 2) / (2 * 4.0**2))
    bell = (bell / bell.sum()).repeat(2, 1)
    smooth = F.conv2d(F.conv2d(wind, bell[:, None, :, None], padding=(10, 0), groups=2), bell[:, None, None], padding=(0, 10), groups=2)
    shift = (4 * torch.rand(len(x), 2, generator=chance) - 2) / 14
    grid = F.affine_grid(torch.eye(2, 3).repeat(len(x), 1, 1), list(x.shape), align_corners=False)
    moved = grid + (smooth * 17 / 14 + shift[:, :, None, None]).permute(0, 2, 3, 1)
    return F.grid_sample(x, moved, align_corners=False)


def infimnist(made_share: float) -> nn.Module:
    """LeNet on endless deformations of MNIST, at MADE = 1 for 24 epochs (`lenet-mnist`: 12)."""
    with runtime.seeded_weights(0):
        net = models.LeNet().to(runtime.device())
    train = data.load("digits", "train", source="mnist")
    training.train(net, train.x, train.y, epochs=max(1, round(24 * made_share)), lr=0.02, augment=deformed, seed=0, label="InfiMNIST")
    return net


# ---------------------------------------------------------------- faces


def faces(key: str, source: str, share: float) -> tuple[dict[str, float], int]:
    """Each test face is given the stored answers of the next person's; who is it then, to the head and to the nearest neighbour?"""
    net = models.load("facenet-orl" if source == "orl" else "facenet-faces")
    test, known = (data.load("faces", split, n, source=source) for split, n in (("test", max(8, int(80 * share))), ("train", 320)))
    x, y = measure.quantize(test.x).to(runtime.device()), test.y.to(runtime.device())
    gallery = models.Nearest(net.extractor(), layers.representation(net, known.x.to(x), "embedding"), known.y.to(y))
    right = (runtime.predict(net, x) == y) & (runtime.predict(gallery, x) == y)
    x, y = x[right], y[right]
    order = y.argsort(stable=True)
    x, y = x[order], y[order]
    goal = y.roll(-max(2, len(y) // 40 * 3))  # somebody else's
    other = x.roll(-max(2, len(y) // 40 * 3), 0)
    keep = goal != y
    x, y, goal, other = x[keep], y[keep], goal[keep], other[keep]
    numbers = {f"{key}_right": 100 * right.float().mean().item(), f"{key}_pictures": len(x)}
    for layer in ("conv3", "conv5", "fc6", "embedding"):
        stored = layers.representation(net, other, layer)
        for how, adjust in (("once", False), ("adjusted", True)):
            moved = attacks.lots(net, x, stored, layer=layer, y=goal, targeted=True, adjust=adjust, step=2 / 255, steps=100)
            hit = runtime.predict(net, moved) == goal
            name = f"{key}_{layer}_{how}"
            numbers |= {
                f"{name}_success": 100 * hit.float().mean().item(), **sizes(name, x[hit], moved[hit]),
                f"{name}_neighbour": 100 * (runtime.predict(gallery, moved) == goal)[hit].float().mean().item(),
            }  # fmt: skip
            if hit.any():
                numbers[f"{name}_rms"] = 255 * measure.norms(x[hit], moved[hit]).rms.mean().item()
    return numbers, len(x)


def fine_tuned(kind: str, share: float, made_share: float) -> tuple[dict[str, float], int]:
    net, numbers = tuned(kind, made_share)
    found, count = row(kind, net, share)
    return numbers | found, count


PARTS: dict[str, Callable[[float, float], tuple[dict[str, float], int]]] = {
    "basic": lambda share, _: row("basic", models.load("lenet-mnist"), share),
    "infimnist": lambda share, made_share: row("infimnist", infimnist(made_share), share),
    **{kind: functools.partial(fine_tuned, kind) for kind in KINDS},
    "faces": lambda share, _: faces("faces", "drawn", share),
    "orl": lambda share, _: faces("orl", "orl", share),
}


def main(parts: str = ",".join(PARTS), share: float = 1.0, made_share: float = 1.0) -> None:
    for part in parts.split(","):
        numbers, count = PARTS[runtime.pick("part", part, PARTS)](float(share), float(made_share))
        add("lots", part, numbers, source="MNIST test digits that the network has right; drawn and ORL faces", count=count, seed=0,
            command=f"python -m experiments.lots_table {part} {share} {made_share}")  # fmt: skip
        print(part, "done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
