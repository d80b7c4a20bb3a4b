"""Chapter 16 at a larger scale: stickers on drawn signs and on GTSRB, two-way and forty-way; what photographs undo of four attacks; patches and glasses.

`COURSE_DATA_DIR=... python -m experiments.stickers_table COUNT [PART ...]`, with the parts signs, two, forty, speed, destruction_signs, destruction_gtsrb, patch,
glasses, glasses_orl (none: all). The lecture says neither which data nor which classes are "two-way" and "forty-way". Here both are GTSRB: two-way is Stop against
Speed limit (50km/h), forty-way are all but the three classes with the fewest training pictures (0, 19 and 37). The network is asked about
these classes only (`models.Restricted`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime, transforms
from course_utils.data import faces
from course_utils.runtime import generator

from .record import add

TWO, RARE = (14, 2), (0, 19, 37)  # Stop and Speed limit (50km/h); the rarest three
COVERS, GENERATIONS = (0.12, 0.06, 0.03, 0.015), 10  # 440 queries a picture at most
DRAWS, MADE_ON = 6, 4  # photographs of each picture; pictures of a person that glasses are made on
CAMERAS = ("photograph", "hurried", "road")
WAYS: dict[str, Callable[..., Tensor]] = {  # chapter 12's cameras, and its transforms at two of their settings
    "photograph": transforms.photograph, "hurried": partial(transforms.photograph, strength=3.0),
    "road": partial(transforms.roadside, distance=(8.0, 24.0), angle=(-30.0, 30.0)),
    "brightness_-30": lambda x, generator: transforms.brightness(x, -30 / 255), "brightness_30": lambda x, generator: transforms.brightness(x, 30 / 255),
    "contrast_0.7": lambda x, generator: transforms.contrast(x, 0.7), "contrast_1.3": lambda x, generator: transforms.contrast(x, 1.3),
    "blur_0.5": lambda x, generator: transforms.blur(x, 0.5), "blur_1": lambda x, generator: transforms.blur(x, 1.0),
    "noise_10": lambda x, generator: transforms.add_noise(x, 10 / 255, generator=generator),
    "noise_20": lambda x, generator: transforms.add_noise(x, 20 / 255, generator=generator),
    "jpeg_75": lambda x, generator: transforms.jpeg(x, quality=75), "jpeg_30": lambda x, generator: transforms.jpeg(x, quality=30),
}  # fmt: skip


def right_ones(net: nn.Module, x: Tensor, y: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first `count` pictures that the network has right."""
    x, y = x.to(runtime.device()), y.to(runtime.device())
    right = measure.right(net, x, y).nonzero().flatten()[:count]
    return x[right], y[right]


def signs(classes: tuple[int, ...] | None, source: str, count: int) -> tuple[nn.Module, Tensor, Tensor]:
    """The sign network, asked about some classes, and pictures of these that it has right."""
    net, pictures = models.classifier("signs", source="drawn" if source == "drawn" else "real"), data.load("signs", "test", source=source)
    if classes is None:
        return net, *right_ones(net, pictures.x, pictures.y, count)
    number = torch.full((len(pictures.names),), -1)
    number[list(classes)] = torch.arange(len(classes))
    net, y = models.Restricted(net, classes), number[pictures.y]
    order = (y >= 0).nonzero().flatten()
    order = order[torch.randperm(len(order), generator=generator(0))]
    return net, *right_ones(net, pictures.x[order], y[order], count)


def covered(found: attacks.Stickers, x: Tensor) -> float:
    """The share of a picture below its stickers, in the mean, in percent (overlaps counted twice)."""
    b = found.boxes.clamp_min(0)
    return 100 * ((b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])).sum(1).double().mean().item() / x[0, 0].numel()


def searched(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """How many fall to stickers of each cover: by evolution, random search, and put anywhere once; with the CPU seconds of the first."""
    numbers: dict[str, float] = {}
    for cover in COVERS:
        key, begin = f"{100 * cover:g}", time.process_time()
        found = attacks.stickers(net, x, y, cover=cover, generations=GENERATIONS, generator=generator(0))
        numbers |= {f"seconds_{key}": time.process_time() - begin, f"covered_{key}": covered(found, x)}
        drawn = attacks.random_stickers(net, x, y, cover=cover, generations=GENERATIONS, generator=generator(1))
        once = [attacks.scattered(x, cover=cover, generator=generator(2 + k)).images for k in range(10)]
        numbers |= {f"evolution_{key}": 100 * measure.success_rate(net, found.images, y), f"random_{key}": 100 * measure.success_rate(net, drawn.images, y)}
        numbers[f"once_{key}"] = 100 * sum(measure.success_rate(net, z, y) for z in once) / len(once)
        print(cover, {k: round(v, 1) for k, v in numbers.items() if k.endswith(f"_{key}")}, flush=True)
    return numbers


def speed(count: int) -> tuple[dict[str, float], int]:
    """The bar: two dark and two bright stickers on 12 % at most, as the function comes; CPU seconds of one thread for 100 signs, and how many fall."""
    numbers: dict[str, float] = {}
    for key, source in (("signs", "drawn"), ("gtsrb", "gtsrb")):
        net, x, y = signs(None, source, 100)
        begin = time.process_time()
        found = attacks.stickers(net, x, y, generator=generator(0))
        numbers |= {f"hundred_{key}_seconds": time.process_time() - begin, f"hundred_{key}_fooled": 100 * measure.success_rate(net, found.images, y)}
    print(numbers, flush=True)
    return numbers, 100


def robust(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """RP2: L1 first, to see what matters; then two rectangles of 8 x 16 there, 11 % of the picture, with L2."""
    everywhere = torch.ones_like(x[:1, :1])
    first = attacks.robust_stickers(net, x, y, mask=everywhere, norm="l1", penalty=0.03, printability=0, samples=2, steps=20, generator=generator(5))
    mask = attacks.strongest(first.paint - x, count=2, size=(8, 16))
    return attacks.robust_stickers(net, x, y, mask=mask, samples=4, steps=40, generator=generator(6)).images


ATTACKS: dict[str, Callable[..., Tensor]] = {
    "fgsm_4": partial(attacks.fgsm, eps=4 / 255), "fgsm_16": partial(attacks.fgsm, eps=16 / 255),
    "basic_4": partial(attacks.basic_iterative, eps=4 / 255), "basic_16": partial(attacks.basic_iterative, eps=16 / 255),
    "stickers": lambda net, x, y: attacks.stickers(net, x, y, generator=generator(3)).images,
    "stickers_sure": lambda net, x, y: attacks.stickers(net, x, y, until="sure", generations=GENERATIONS, generator=generator(4)).images,
    "robust": lambda net, x, y: torch.cat([robust(net, a, b) for a, b in zip(x.split(20), y.split(20))]),
}  # fmt: skip


def destruction(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """The destruction rate of each attack by each transform, in percent, and how many pictures it rests on."""
    numbers: dict[str, float] = {}
    for name, attack in ATTACKS.items():
        found = measure.quantize(attack(net, x, y))
        numbers[f"{name}_fooled"] = 100 * measure.success_rate(net, found, y)
        for way, transform in WAYS.items():
            rates = [measure.destruction_rate(net, x, found, y, partial(transform, generator=generator(k))) for k in range(DRAWS if way in CAMERAS else 1)]
            numbers[f"{name}_{way}"] = 100 * sum(rates) / len(rates)
        print(name, {k: round(v, 1) for k, v in numbers.items() if k.startswith(f"{name}_")}, flush=True)
    for way, transform in WAYS.items():
        numbers[f"clean_{way}"] = 100 * measure.success_rate(net, transform(x, generator=generator(0)), y)
    return numbers


def patches(count: int) -> tuple[dict[str, float], int]:
    """Patches for two classes of drawn signs: the share of other held-out signs taken for the target, over the share covered, and controls."""
    net, (x, y, *_) = models.classifier("signs", source="drawn"), data.load("signs", "test", n=2 * count, source="drawn")
    numbers: dict[str, float] = {}
    for target in (13, 10):
        patch = attacks.adversarial_patch(net, x[:count], target, steps=150, generator=generator(target))
        held = x[count:][y[count:] != target]
        real = torch.nn.functional.interpolate(data.plates(source="drawn").x[target][None], size=patch.patch.shape[1:], mode="bilinear", antialias=True)[0]
        noise = torch.rand(patch.patch.shape, generator=generator(target))
        for kind, picture in (("patch", patch.patch), ("sign", real), ("noise", noise)):
            for share in (0.02, 0.05, 0.1, 0.2, 0.3):
                worn = attacks.pasted(held, patch._replace(patch=picture), share=share, generator=generator(9))
                numbers[f"patch_{target}_{kind}_{100 * share:g}"] = 100 * (runtime.predict(net, worn) == target).float().mean().item()
        print({k: round(v) for k, v in numbers.items() if k.startswith(f"patch_{target}")}, flush=True)
    return numbers, count


def glasses(key: str, source: str, count: int) -> tuple[dict[str, float], int]:
    """Printed frames: one pair for each person, made on some of their pictures, worn on others; to hide, to be the person they are most like,
    and to be any other; and pairs in random printable colours."""
    net, (x, y, *_) = models.classifier("faces", source="drawn" if source == "drawn" else "real"), data.load("faces", "test", source=source)
    mask, numbers, rng = faces.frames(x.shape[-1]), {}, generator(0)
    people = y.unique()[: max(1, count // 5)].tolist()
    for person in people:
        own = x[y == person]
        half = min(len(own) // 2, MADE_ON)
        made, held = own[:half], own[half : half + 10]
        like = runtime.logits(net, made).mean(0).index_fill(0, torch.tensor(person), -torch.inf).argmax().item()
        run = partial(attacks.robust_stickers, net, made, mask=mask, fits=transforms.askew, shared=True, samples=4, steps=60, rate=0.3, generator=generator(person))
        goals = {"dodge": None, "like": like, "anyone": (person + 7) % int(y.max() + 1)}
        paints = {kind: run(torch.full((half,), person if goal is None else goal), targeted=goal is not None).paint for kind, goal in goals.items()}
        paints["random"] = attacks.printed(torch.rand(paints["dodge"].shape, generator=rng), attacks.printable(x.shape[1]))
        seen = {kind: runtime.predict(net, (1 - mask) * held + mask * paint) for kind, paint in paints.items()} | {"clean": runtime.predict(net, held)}
        rates = {kind: seen[kind] != person for kind in ("clean", "random", "dodge")} | {kind: seen[kind] == goals[kind] for kind in ("like", "anyone")}
        rates |= {f"random_{kind}": seen["random"] == goals[kind] for kind in ("like", "anyone")}
        for kind, hit in rates.items():
            numbers[f"{key}_{kind}"] = numbers.get(f"{key}_{kind}", 0.0) + 100 * hit.float().mean().item() / len(people)
    print({k: round(v, 1) for k, v in numbers.items()}, flush=True)
    return numbers, len(people)


def of_signs(key: str, classes: tuple[int, ...] | None, source: str, what: Callable[..., dict[str, float]], count: int) -> tuple[dict[str, float], int]:
    net, x, y = signs(classes, source, count)
    return {f"{key}_{name}": value for name, value in what(net, x, y).items()}, len(x)


FORTY = tuple(k for k in range(43) if k not in RARE)
PARTS: dict[str, Callable[[int], tuple[dict[str, float], int]]] = {
    "signs": partial(of_signs, "signs", None, "drawn", searched), "two": partial(of_signs, "two", TWO, "gtsrb", searched),
    "forty": partial(of_signs, "forty", FORTY, "gtsrb", searched),
    "destruction_signs": partial(of_signs, "drawn", None, "drawn", destruction), "destruction_gtsrb": partial(of_signs, "gtsrb", FORTY, "gtsrb", destruction),
    "speed": speed, "patch": patches, "glasses": partial(glasses, "glasses", "drawn"), "glasses_orl": partial(glasses, "orl", "orl"),
}  # fmt: skip
OF = {"glasses": "people", "glasses_orl": "people"}


def main(count: int = 100, *parts: str) -> None:
    for part in parts or PARTS:
        numbers, made_on = PARTS[runtime.pick("part", part, PARTS)](count)
        numbers = {name: value for name, value in numbers.items() if value == value}  # no number where nothing was fooled
        add("stickers", part, numbers, count=made_on, seed=0, command=f"python -m experiments.stickers_table {count} {part}", of=OF.get(part, "pictures"),
            source="drawn signs and faces; gtsrb (Stop against Speed limit (50km/h); all classes but 0, 19 and 37); orl")  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
