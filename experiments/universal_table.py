"""Chapter 14 at full scale: universal perturbations on photos, their fooling against the number of pictures and the norm, and the cross-model matrices.

`COURSE_DATA_DIR=... TORCH_HOME=... python -m experiments.universal_table`, or with a share (0.1) of the pictures and some of the PARTS, such as
`0.5 photos cifar10`: their numbers go into the table, beside those of other runs. Pictures that v was made from never count.
"""

from __future__ import annotations

import functools
import sys
import time

import torch
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime
from course_utils.runtime import generator

from .record import add

XI = 10 / 255  # the paper's 10 of 255 levels
TRIOS = {  # world, data, networks
    "cifar10": ("objects", "cifar10", {"allconv": "allconv-cifar10", "resnet": "resnet-cifar10", "smallvgg": "smallvgg-cifar10"}),
    "gtsrb": ("signs", "gtsrb", {"resnet": "resnet-gtsrb", "chain": "chain-gtsrb", "signnet": "signnet-gtsrb"}),
    "signs": ("signs", "drawn", {"resnet": "resnet-signs", "chain": "chain-signs", "signnet": "signnet-signs"}),
}
MATRIX = {"batch": 10, "step": 0.5}  # as these were recorded; the defaults are larger now, which fools a little more
DEEPFOOL = {"steps": 4, "classes": 4}  # two thirds less work than ten steps among ten classes


def ball_of(x: Tensor, norm: str) -> float:
    """The paper's size for these pictures: 10 levels in the max-norm; in L2 2000 levels for 224 x 224 x 3 values, as much for each value."""
    return XI if norm == "linf" else 2000 / 255 * (x[0].numel() / (224 * 224 * 3)) ** 0.5


def percent_fooled(net: nn.Module, x: Tensor, v: Tensor) -> float:
    return 100 * measure.fooling_rate(net, x, v)


def noise_like(x: Tensor, xi: float, norm: str, seed: int = 5) -> Tensor:
    """Random signs, or Gaussian noise, of exactly that size: one for all pictures."""
    noise = torch.randn(x.shape[1:], generator=generator(seed)).to(x)
    return attacks.universal.scaled(noise.sign() if norm == "linf" else noise, xi, norm)


def squeezenet() -> tuple[nn.Module, Tensor]:
    """The network, and 500 ImageNet photos."""
    return models.classifier("photos", source="real"), data.load("photos", "test", n=500, source="imagenet").x.to(runtime.device())


def photos(share: float) -> dict[str, float]:
    """SqueezeNet on ImageNet photos: v from 25 to 200 of them, on others; the norm; and the candidates of the lecture."""
    net, x = squeezenet()
    return one_network("photos", net, x[:200], x[200 : 200 + max(20, int(share * 300))], [max(5, int(share * n)) for n in (25, 50, 100, 200)], {})


def default(share: float) -> dict[str, float]:
    """The function as it is called without options: from 100 photos, on 400 others, beside five draws of random signs."""
    net, x = squeezenet()
    made, held = x[:100], x[100 : 100 + max(20, int(share * 400))]
    v = attacks.universal_perturbation(net, made, xi=XI).perturbation
    by_signs = [percent_fooled(net, held, noise_like(x, XI, "linf", seed)) for seed in range(5)]
    return {"default_held": len(held), "default_fooled": percent_fooled(net, held, v), "default_noise_low": min(by_signs), "default_noise_high": max(by_signs)}


def scenes(share: float) -> dict[str, float]:
    """SceneNet on drawn scenes, from as many as 1,000."""
    counts = [max(5, int(share * n)) for n in (25, 100, 250, 1000)]
    x, held = (data.load("photos", split, n=n, source="drawn").x.to(runtime.device()) for split, n in (("train", counts[-1]), ("test", 200)))
    return one_network("scenes", models.load("scenenet-scenes"), x, held, counts, DEEPFOOL)


def one_network(key: str, net: nn.Module, x: Tensor, held: Tensor, counts: list[int], inner: dict) -> dict[str, float]:
    """Fooling on held-out pictures against the number of pictures used, in both norms; and against the size of v, beside noise of that size."""
    numbers: dict[str, float] = {f"{key}_held": len(held)}
    for norm in ("linf", "l2"):
        xi = ball_of(x, norm)
        for n in counts if norm == "linf" else counts[-1:]:
            start = time.process_time()
            made = attacks.universal_perturbation(net, x[:n], norm=norm, xi=xi, passes=2, rate=0.95, **inner)
            numbers |= {
                f"{key}_{norm}_l2_{n}": made.perturbation.norm().item(), f"{key}_{norm}_{n}": percent_fooled(net, held, made.perturbation), f"{key}_{norm}_{n}_own": 100 * made.fooling_rate,
                f"{key}_{norm}_{n}_needed": 100 * made.needed.mean().item(), f"{key}_{norm}_{n}_passes": len(made.rates),
            }  # fmt: skip
            print(key, norm, n, {k: round(v, 1) for k, v in numbers.items() if f"_{norm}_{n}" in k}, f"{time.process_time() - start:.0f} s", flush=True)
            if n == counts[-1]:
                for size in (0.25, 0.5, 1, 2):
                    numbers[f"{key}_{norm}_size_{size:g}"] = percent_fooled(net, held, attacks.universal.scaled(made.perturbation, size * xi, norm))
                    noisy = [percent_fooled(net, held, noise_like(x, size * xi, norm, seed)) for seed in range(3)]
                    numbers[f"{key}_{norm}_noise_{size:g}"] = sum(noisy) / len(noisy)
                into = (runtime.predict(net, (held + made.perturbation).clamp(0, 1))).bincount().sort(descending=True).values
                numbers[f"{key}_{norm}_top3"] = 100 * into[:3].sum().item() / len(held)
                numbers[f"{key}_{norm}_ssim"] = measure.ssim(held, (held + made.perturbation).clamp(0, 1)).mean().item()
                numbers[f"{key}_{norm}_noise_ssim"] = measure.ssim(held, (held + noise_like(x, xi, norm)).clamp(0, 1)).mean().item()
    return numbers


def matrix(share: float, key: str) -> dict[str, float]:
    """In the form of the paper's matrix: made for one network (row), tested on another (column), on held-out pictures; in both norms."""
    world, source, names = TRIOS[key]
    n, more = max(20, int(share * 1000)), max(50, min(1000, int(share * 5000)))
    x, held = (data.load(world, split, n=k, source=source).x.to(runtime.device()) for split, k in (("train", n), ("test", more)))
    nets, numbers = {name: models.load(file) for name, file in names.items()}, {f"{key}_made_from": n, f"{key}_tested_on": len(held)}
    for norm in ("linf", "l2"):
        xi = ball_of(x, norm)
        for row, net in nets.items():
            made = attacks.universal_perturbation(net, x, norm=norm, xi=xi, passes=5, rate=0.95, **MATRIX, **DEEPFOOL)
            numbers |= {f"{key}_{norm}_{row}_{column}": percent_fooled(other, held, made.perturbation) for column, other in nets.items()}
            numbers |= {f"{key}_{norm}_{row}_own": 100 * made.fooling_rate}
        numbers |= {f"{key}_{norm}_noise_{column}": percent_fooled(other, held, noise_like(x, xi, norm)) for column, other in nets.items()}
        print(key, {k: round(v, 1) for k, v in numbers.items() if f"_{norm}_" in k}, flush=True)
    return numbers


PARTS = {"default": default, "photos": photos, "scenes": scenes, **{key: functools.partial(matrix, key=key) for key in TRIOS}}


def main(*given: str) -> None:
    share = float(next((word for word in given if word not in PARTS), 1))
    for part in [word for word in given if word in PARTS] or PARTS:
        numbers = PARTS[part](share)
        count = int(numbers.get(f"{part}_held", numbers.get(f"{part}_tested_on", 0)))
        add("universal", part, numbers, source="held-out pictures of ImageNet (SqueezeNet 1.0), drawn scenes, CIFAR-10, GTSRB, drawn signs", count=count,
            seed=0, command="python -m experiments.universal_table")  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
