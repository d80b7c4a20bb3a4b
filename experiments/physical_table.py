"""Chapter 12 at full scale: what a photograph and five artificial transforms undo, and a road sign from near and far, from the front and the side.

`COURSE_DATA_DIR=... TORCH_HOME=... python -m experiments.physical_table`, or with a share (0.02) of the pictures, to try it, and with some of
the PARTS, such as `0.25 road`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime, transforms
from course_utils.data import scenes

from .common import in_parts
from .record import add

LEVELS = (16, 8, 4, 2)
WORLDS = {"photos": ("photos", "imagenet", 500), "gtsrb": ("signs", "gtsrb", 1000)}
ATTACKS: dict[str, Callable[..., Tensor]] = {
    "fast": attacks.fgsm, "basic": attacks.basic_iterative, "least": attacks.least_likely,
    "noise": lambda net, x, y, eps: attacks.random_sign(x, eps=eps),
}  # fmt: skip
CURVES: dict[str, tuple[Callable[..., Tensor], tuple[float, ...]]] = {
    "brightness": (transforms.brightness, tuple(k / 255 for k in (-50, -30, -10, 10, 30, 50))),
    "contrast": (transforms.contrast, (0.5, 0.7, 0.9, 1.1, 1.3, 1.5)),
    "blur": (transforms.blur, (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)),
    "noise": (transforms.add_noise, tuple(k / 255 for k in (2, 5, 10, 15, 20, 30))),
    "jpeg": (transforms.jpeg, (90, 75, 50, 30, 20, 10)),
}
SURE, DRAWS = 0.8, 10  # the prefiltered case: how sure the network must be; photographs of each picture
DISTANCES, ANGLES = (8.0, 16.0, 24.0, 32.0, 40.0), (0.0, 15.0, 30.0, 45.0, 60.0)


def chance(seed: int) -> torch.Generator:
    """On the device, so that nothing has to travel there."""
    return torch.Generator(runtime.device()).manual_seed(seed)


def loaded(world: str, source: str, count: int, **more: int) -> tuple[nn.Module, Tensor, Tensor]:
    """The world's network, and `count` test pictures with their classes."""
    net, pictures = models.classifier(world, source="drawn" if source == "drawn" else "real"), data.load(world, "test", n=count, source=source, **more)
    return net, pictures.x.to(runtime.device()), pictures.y.to(runtime.device())


# ---------------------------------------------------------------- photographs and artificial transforms


def hits(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Whether the class is the first, and among the first five: bool [2, N]."""
    return torch.stack([measure.right(net, x, y, k) for k in (1, 5)])


def sure(net: nn.Module, x: Tensor) -> Tensor:
    return measure.confidence(net, x) >= SURE


def photographs(key: str, net: nn.Module, x: Tensor, y: Tensor) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Destruction by the photograph for each attack and budget: both cases, top-1 and top-5; and the pictures at the largest budget."""
    shot = [in_parts(lambda a, _, g=chance(k): transforms.photograph(a, generator=g), x, y) for k in range(DRAWS)]
    before, certain = hits(net, x, y), sure(net, x)
    clean = [hits(net, p, y).float().mean(1) for p in shot]
    numbers = {f"{key}_clean_top1": 100 * before[0].float().mean().item(), f"{key}_clean_top5": 100 * before[1].float().mean().item(), f"{key}_count": len(y)}
    numbers |= {f"{key}_photo_top{k}": 100 * sum(c[i].item() for c in clean) / DRAWS for i, k in ((0, 1), (1, 5))}
    largest = {}
    for levels in LEVELS:
        for name, attack in ATTACKS.items():
            found = measure.quantize(in_parts(lambda a, b, attack=attack, eps=levels / 255: attack(net, a, b, eps=eps), x, y))
            after, certain_after = hits(net, found, y), sure(net, found)
            back = torch.stack([
                hits(net, in_parts(lambda a, _, g=chance(k): transforms.photograph(a, generator=g), found, y), y) for k in range(DRAWS)
            ]).float().mean(0)  # fmt: skip
            fooled = before & ~after
            strict = (before[0] & ~after[1] & certain & certain_after).expand(2, -1)
            for case, chosen in (("average", fooled), ("prefiltered", strict)):
                for i, k in ((0, 1), (1, 5)):
                    numbers[f"{key}_{name}_{levels}_{case}_top{k}"] = 100 * back[i][chosen[i]].mean().item()
                    numbers[f"{key}_{name}_{levels}_{case}_top{k}_count"] = int(chosen[i].sum())
            numbers[f"{key}_{name}_{levels}_fooled"] = 100 * (fooled[0].sum() / before[0].sum()).item()
            if levels == LEVELS[0]:
                largest[name] = found
        print(key, levels, {n: round(numbers[f"{key}_{n}_{levels}_average_top1"], 1) for n in ATTACKS}, flush=True)
    return numbers, largest


def curves(key: str, net: nn.Module, x: Tensor, y: Tensor, found: dict[str, Tensor]) -> dict[str, float]:
    """Destruction by each artificial transform at each of its settings, for the pictures of 16 grey levels."""
    before, numbers = hits(net, x, y), {}
    for name in ("fast", "basic", "least"):
        fooled = before & ~hits(net, found[name], y)
        for kind, (transform, values) in CURVES.items():
            for j, value in enumerate(values):
                more = {"generator": chance(j)} if kind == "noise" else {}
                back = hits(net, in_parts(lambda a, _, t=transform, v=value, m=more: t(a, v, **m), found[name], y), y)
                for i, k in ((0, 1), (1, 5)):
                    numbers[f"{key}_{kind}_{j}_{name}_top{k}"] = 100 * back[i][fooled[i]].float().mean().item()
    for kind, (transform, values) in CURVES.items():
        for j, value in enumerate(values):
            more = {"generator": chance(j)} if kind == "noise" else {}
            kept = hits(net, in_parts(lambda a, _, t=transform, v=value, m=more: t(a, v, **m), x, y), y)
            numbers[f"{key}_{kind}_{j}_clean_top1"] = 100 * kept[0][before[0]].float().mean().item()
    return numbers


# ---------------------------------------------------------------- the road


def plates() -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    """The network that knows the drawn plates, the plates, one of each kind, and their outlines."""
    flat = data.plates(source="drawn")
    return models.classifier("signs", source="drawn"), *(t.to(runtime.device()) for t in (flat.x, flat.y, flat.masks[:, None].float()))


def road(key: str, net: nn.Module, x: Tensor, y: Tensor, shape: Tensor, levels: int, steps: int, samples: int) -> dict[str, float]:
    """Fooled frames in percent, among those whose clean frame is right, at each distance and angle; and over the whole road."""
    behind = scenes.empty(1, generator=runtime.generator(10), size=48).to(x.device)
    eps, go = levels / 255, partial(attacks.transform_attack, net, eps=levels / 255, steps=steps)

    def seen(mask: Tensor, **more: object) -> Callable[..., Tensor]:
        return partial(transforms.roadside, behind=behind, shape=mask, **more)

    ways = {
        "noise": lambda a, m: attacks.random_sign(a, eps=eps),
        "one_view": lambda a, m, b: go(a, b, transform=seen(m, distance=8.0, weather=0.0), samples=1),
        "one_draw": lambda a, m, b: go(a, b, transform=seen(m, distance=(8.0, 40.0), angle=(-60.0, 60.0)), samples=1, generator=chance(0)),
        "eot": lambda a, m, b: go(a, b, transform=seen(m, distance=(8.0, 40.0), angle=(-60.0, 60.0)), samples=samples, generator=chance(0)),
    }  # fmt: skip
    parts, numbers = list(zip(x.split(100), shape.split(100), y.split(100))), {}
    found = {name: torch.cat([way(a, m) if name == "noise" else way(a, m, b) for a, m, b in parts]) for name, way in ways.items()}
    sums = {name: torch.zeros(2) for name in found}
    for d in DISTANCES:
        for angle in ANGLES:
            def frame(p: Tensor, d: float = d, angle: float = angle) -> Tensor:
                return torch.cat([seen(m)(a, d, angle, generator=chance(7)) for a, m in zip(p.split(100), shape.split(100))])

            good = runtime.predict(net, frame(x)) == y
            numbers[f"{key}_clean_{d:.0f}_{angle:.0f}"] = 100 * (~good).float().mean().item()
            for name, pictures in found.items():
                bad = (runtime.predict(net, frame(pictures)) != y) & good
                sums[name] += torch.tensor([bad.sum().item(), good.sum().item()])
                numbers[f"{key}_{name}_{d:.0f}_{angle:.0f}"] = 100 * (bad.sum() / good.sum().clamp_min(1)).item()
    for name, (bad, good) in sums.items():
        numbers[f"{key}_{name}"] = 100 * (bad / good).item()
        numbers[f"{key}_{name}_ssim"] = measure.ssim(x, found[name]).mean().item()
    print(key, {name: round(numbers[f"{key}_{name}"], 1) for name in found}, flush=True)
    return numbers | {f"{key}_signs": len(y)}


def table(key: str, share: float) -> tuple[dict[str, float], int]:
    """Photographs and artificial transforms of one kind of pictures."""
    world, source, count = WORLDS[key]
    net, x, y = loaded(world, source, max(12, int(share * count)))
    rates, largest = photographs(key, net, x, y)
    return rates | curves(key, net, x, y, largest), len(y)


def drives(share: float) -> tuple[dict[str, float], int]:
    """The road, for real signs as posters and for the drawn plates."""
    net, x, y = loaded("signs", "gtsrb", max(24, int(share * 400)), size=72)
    steps, samples, numbers = 40 if share >= 0.1 else 15, 8 if share >= 0.1 else 4, {}
    for levels in (8, 16):
        numbers |= road(f"road_gtsrb_{levels}", net, x, y, torch.ones_like(x[:, :1]), levels, steps, samples)
    for levels in (16, 32):
        numbers |= road(f"road_plates_{levels}", *plates(), levels, steps, samples)
    return numbers, len(y)


PARTS: dict[str, Callable[[float], tuple[dict[str, float], int]]] = {"photos": partial(table, "photos"), "gtsrb": partial(table, "gtsrb"), "road": drives}


def main(share: float = 1.0, *parts: str) -> None:
    for part in parts or PARTS:
        numbers, count = PARTS[part](share)
        numbers = {name: value for name, value in numbers.items() if value == value}  # no number where nothing was fooled
        add("physical", part, numbers, count=count, seed=0, command=f"python -m experiments.physical_table {share:g}",
            source="test pictures of imagenet and gtsrb (SqueezeNet 1.0, SignNet); the road: of gtsrb, and the 24 drawn plates")  # fmt: skip


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]), *sys.argv[2:])
