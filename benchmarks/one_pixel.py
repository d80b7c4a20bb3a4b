"""One pixel by differential evolution: against the network's bare forwards, and against torchattacks and ART with as many queries.

`python -m benchmarks.one_pixel [PICTURES] [GENERATIONS]`. torchattacks and ART (adversarial-robustness-toolbox) are none of the course's packages:
without them only the course's own times are measured. Process CPU seconds on one thread; both draw NumPy's random numbers.

The queries are counted as the network gets them. What a library spends of its own is measured on a network of one linear layer, whose own
time is taken off. Success is measured on pictures of CIFAR-10 where they are found (COURSE_DATA_DIR), else on drawn signs.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.common import bracketed, cpu_seconds, one_thread, report
from course_utils import data, models, runtime
from course_utils.attacks import one_pixel
from course_utils.data.downloads import FetchError

POPULATION = 400
CHUNKS = (16, 32, 64, 128)
Attack = Callable[..., Tensor]


def bare(model: nn.Module, x: Tensor, queries: int, chunk: int) -> None:
    """Nothing but forwards of pictures that lie in memory."""
    batch = x[:1].expand(chunk, -1, -1, -1).contiguous()
    with torch.no_grad():
        for _ in range(queries // chunk):
            model(batch)


def best_chunk(model: nn.Module, x: Tensor, sizes: tuple[int, ...] = CHUNKS) -> int:
    bare(model, x, 128, 64)
    return min(sizes, key=lambda chunk: min(cpu_seconds(lambda: bare(model, x, max(512, 2 * chunk), chunk)) / max(512, 2 * chunk) for _ in range(2)))


def ours(pixels: int, generations: int) -> Attack:
    return lambda net, x, y, **more: one_pixel(net, x, y, pixels=pixels, population=POPULATION, generations=generations, until="fooled", **more)


def torchattacks(pixels: int, generations: int) -> Attack:
    """Its popsize is that of the whole population."""
    import torchattacks as library

    def run(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        np.random.seed(0)
        return library.OnePixel(net, pixels=pixels, steps=generations, popsize=POPULATION, inf_batch=128)(x, y)

    return run


def art(pixels: int, generations: int) -> Attack:
    """Its population is 400 by itself."""
    from art.attacks.evasion import PixelAttack
    from art.estimators.classification import PyTorchClassifier

    def run(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        np.random.seed(0)
        classes = net(x[:1]).shape[1]
        wrapped = PyTorchClassifier(net, nn.CrossEntropyLoss(), tuple(x.shape[1:]), classes, clip_values=(0.0, 1.0), device_type="cpu")
        return torch.from_numpy(PixelAttack(wrapped, th=pixels, es=1, max_iter=generations).generate(x.numpy(), y.numpy()))

    return run


class Counting(nn.Module):
    """A network that counts the pictures it is given."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.seen = net, 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return self.net(x)


def counted(attack: Attack, net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Seconds, pictures scored, and the share fooled, on whole pictures."""
    found: list[Tensor] = []
    net = Counting(net)
    seconds = cpu_seconds(lambda: found.append(attack(net, x, y)))
    fooled = (runtime.predict(net.net, found[0]) != y).float().mean().item()
    return {"seconds": round(seconds, 2), "queries": net.seen, "ms_per_1000": round(1e6 * seconds / net.seen, 2), "fooled": round(fooled, 3)}


def locally(attack: Attack, net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """The same with local recomputation, for which a network must not count: the course's attack says how many it scored."""
    seen = [0]
    tally = lambda g: seen.__setitem__(0, seen[0] + g.fitness.numel())  # noqa: E731
    seconds = cpu_seconds(lambda: attack(net, x, y, watch=tally))
    return {"seconds": round(seconds, 2), "queries": seen[0], "ms_per_1000": round(1e6 * seconds / seen[0], 2)}


def linear(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10)).eval().requires_grad_(False)


ROWS = (  # network, pixels, by local recomputation where that is possible, and how many times the bare time is allowed
    ("allconv-signs", 1, True, 0.6), ("allconv-signs", 1, False, 1 / 0.9), ("allconv-signs", 5, True, 1 / 0.9),
    ("smallvgg-signs", 1, True, 1 / 0.9), ("nin-signs", 1, True, 1 / 0.9), ("smallvgg-signs", 5, True, 1 / 0.9), ("nin-signs", 5, True, 1 / 0.9),
    ("lenet-digits", 1, True, 1 / 0.9), ("lenet-digits", 5, True, 1 / 0.9),
)  # fmt: skip


def against_bare(name: str, pixels: int, local: bool, bar: float, count: int, generations: int) -> dict:
    """The course's attack against bare forwards of as many pictures."""
    net, asked = models.load(name).requires_grad_(False), []
    x = data.load("digits" if "digits" in name else "objects", "test", count, source="drawn").x
    chunk, y = best_chunk(net, x), runtime.predict(net, x)
    attack = partial(one_pixel, net, x, y, pixels=pixels, population=POPULATION, generations=generations, local=local)
    attack(watch=lambda g: asked.append(g.fitness.numel()), generator=runtime.generator(0))
    queries = sum(asked)  # a picture that is finished is asked about no more
    what = f"{name}, {pixels} pixel{'s' if pixels > 1 else ''}{'' if local else ', whole pictures'} (bare: batch {chunk})"
    found = {"what": what, "bar": bar, "queries": queries, **bracketed(lambda: attack(generator=runtime.generator(0)), lambda: bare(net, x, queries, chunk), 3)}
    print(found, flush=True)
    return found


def against_others(count: int, generations: int) -> dict[str, dict]:
    """The libraries on AllConv, on one linear layer, and their success."""
    libraries = {"course": ours}
    for name, make in (("torchattacks", torchattacks), ("art", art)):
        if importlib.util.find_spec(name):
            libraries[name] = make
        else:
            print(f"{name} is not here and not measured")
    signs, plain, tiny = data.load("objects", "test", count, source="drawn"), linear(), torch.rand(8, 1, 28, 28)
    try:
        photos, net = data.load("objects", "test", 40, source="cifar10"), models.load("smallvgg-cifar10")
    except FetchError:
        photos, net = data.load("objects", "test", 40, source="drawn"), models.load("smallvgg-signs")
    right = runtime.predict(net, photos.x) == photos.y
    x, y, found = photos.x[right][:16], photos.y[right][:16], {}
    limit = 1e6 * min(cpu_seconds(lambda: bare(plain, tiny, 25_600, 128)) for _ in range(3)) / 25_600
    for name, make in libraries.items():
        allconv = models.load("allconv-signs").requires_grad_(False)
        own = counted(make(1, 10), plain, tiny, runtime.predict(plain, tiny))
        speed = (locally if name == "course" else counted)(make(1, generations), allconv, signs.x, runtime.predict(allconv, signs.x))
        found[name] = {
            "allconv": speed, "linear": own, "own_ms_per_1000": round(own["ms_per_1000"] - limit, 2),
            "few": {pixels: counted(make(pixels, 8), net, x, y) for pixels in (1, 3)},
        }  # fmt: skip
        print(name, json.dumps(found[name]), flush=True)
    return found


def main(count: int = 2, generations: int = 5) -> int:
    one_thread()
    others = against_others(count, generations)
    more = {}
    for name, row in others.items():
        if name != "course":
            mine = others["course"]
            more[f"{name}_times_slower_on_allconv"] = round(row["allconv"]["ms_per_1000"] / mine["allconv"]["ms_per_1000"], 1)
            more[f"{name}_times_more_of_its_own"] = round(row["own_ms_per_1000"] / mine["own_ms_per_1000"], 1)
    print(more, flush=True)
    fast = report("one_pixel", [against_bare(*row, count, generations) for row in ROWS], libraries=others, **more)
    return 0 if fast and all(value >= (2 if "slower" in name else 20) for name, value in more.items()) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
