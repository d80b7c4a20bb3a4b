"""Chapter 10 at full scale: DeepFool's robustness beside FGSM's, and what FGSM, the iterative methods and PGD fool at 2 to 32 grey levels.

`COURSE_DATA_DIR=... TORCH_HOME=... python -m experiments.iterative_table`, or with a share (0.02) of the pictures, to try it.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime

from .common import in_parts
from .record import write

LEVELS = (2, 4, 8, 16, 32)
WORLDS = {"mnist": ("digits", "mnist", 500), "gtsrb": ("signs", "gtsrb", 150), "cifar10": ("objects", "cifar10", 150), "photos": ("photos", "imagenet", 24)}


def right_ones(world: str, source: str, count: int) -> tuple[nn.Module, Tensor, Tensor]:
    """The world's network, and the first `count` test pictures that it has right (top-1)."""
    net = models.classifier(world, source="real")
    pictures = data.load(world, "test", n=2 * count, source=source)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    right = (runtime.predict(net, x, 16) == y).nonzero().flatten()[:count]
    return net, measure.quantize(x[right]), y[right]


def smallest_fgsm(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """FGSM's pictures at the smallest eps (in steps of 0.005) that makes the network wrong on 90 % of them."""
    sign = in_parts(lambda a, b: attacks.common.input_gradient(net, a, b), x, y).sign()
    for k in range(1, 201):
        moved = (x + 0.005 * k * sign).clamp(0, 1)
        if measure.success_rate(net, moved, y) >= 0.9:
            break
    return moved


def robustness(key: str, net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """rho in percent: the mean length of the change over that of the picture, in L2 and in the max-norm."""
    still = torch.zeros_like(x)
    own, numbers = measure.norms(still, x), {}
    for name, found in (
        ("deepfool", in_parts(lambda a, b: attacks.deepfool(net, a, b), x, y)), ("fgsm", smallest_fgsm(net, x, y)),
        ("deepfool_linf", in_parts(lambda a, b: attacks.deepfool(net, a, b, norm="linf"), x, y)),
    ):  # fmt: skip
        size = measure.norms(x, found)
        numbers |= {
            f"{key}_{name}_success": 100 * measure.success_rate(net, found, y), f"{key}_{name}_l2": size.l2.mean().item(),
            f"{key}_{name}_rho": 100 * (size.l2 / own.l2).mean().item(), f"{key}_{name}_rho_linf": 100 * (size.linf / own.linf).mean().item(),
        }  # fmt: skip
    return numbers | {f"{key}_{name}_gradients": count for name, count in steps_taken(net, x[:100], y[:100]).items()}


def steps_taken(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """DeepFool's steps for each picture: inside [0, 1], and without that limit, in which the paper works.

    For the second the pictures are squeezed into the middle third of [0, 1], and the network begins by stretching them again.
    """
    stretched = models.Normalized(net, 1 / 3, 1 / 3).to(x.device)
    taken = {}
    for name, model, pictures in (("boxed", net, x), ("free", stretched, (x + 1) / 3)):
        rows: list[int] = []
        handle = model.register_forward_pre_hook(lambda _, given, rows=rows: rows.append(len(given[0]) if given[0].requires_grad else 0))
        in_parts(lambda a, b, model=model: attacks.deepfool(model, a, b), pictures, y)
        handle.remove()
        taken[name] = sum(rows) / len(x)
    return taken


def budgets(key: str, net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Percent fooled by each attack at each budget, and the mean max-norm of the iterative ones' changes, in grey levels."""
    numbers: dict[str, float] = {}
    ways = {
        "fast": attacks.fgsm, "basic": attacks.basic_iterative, "least": attacks.least_likely,
        "pgd": lambda net, x, y, eps: attacks.pgd(net, x, y, eps=eps, steps=20),
        "noise": lambda net, x, y, eps: attacks.random_sign(x, eps=eps),
    }  # fmt: skip
    for levels in LEVELS:
        for name, attack in ways.items():
            found = in_parts(lambda a, b, attack=attack, eps=levels / 255: attack(net, a, b, eps=eps), x, y)
            numbers[f"{key}_{name}_{levels}"] = 100 * measure.success_rate(net, found, y)
            numbers[f"{key}_{name}_{levels}_linf"] = 255 * measure.norms(x, found).linf.mean().item()
        print(key, levels, {name: round(numbers[f"{key}_{name}_{levels}"], 1) for name in ways}, flush=True)
    return numbers


def strong(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Error of the plain LeNet at eps 0.3, as in Madry's table; and the restarts of section 5 with their control."""
    numbers = {
        "lenet_fgsm_error": 100 * measure.success_rate(net, attacks.fgsm(net, x, y, eps=0.3), y),
        "lenet_pgd_error": 100 * measure.success_rate(net, attacks.pgd(net, x, y, eps=0.3, step=0.01, steps=40), y),
    }
    trained = models.classifier("digits", source="real", training="fgsm")
    for name, more in (("one_start", {}), ("ten_starts", {"restarts": 10}), ("long_run", {"steps": 100, "step": 0.25 / 4})):
        found = attacks.pgd(trained, x, y, eps=0.25, **{"steps": 10, **more})
        numbers[f"trained_{name}"] = 100 * measure.success_rate(trained, found, y, x=x)
    return numbers | {"trained_fgsm": 100 * measure.success_rate(trained, attacks.fgsm(trained, x, y, eps=0.25), y, x=x)}


def main(share: float = 1.0) -> None:
    loaded = {key: right_ones(world, source, max(2, int(share * count))) for key, (world, source, count) in WORLDS.items()}
    numbers = strong(*loaded["mnist"])
    for key in ("mnist", "cifar10"):
        numbers |= robustness(key, *loaded[key])
        print({name: round(value, 2) for name, value in numbers.items()}, flush=True)
    for key, given in loaded.items():
        numbers |= budgets(key, *given)
    counts = ", ".join(f"{len(y)} of {WORLDS[key][1]}" for key, (_, _, y) in loaded.items())
    source = f"test pictures that the networks have right: {counts} (LeNet, SignNet, AllConv, SqueezeNet 1.0)"
    write("iterative", numbers, source=source, count=sum(len(y) for _, _, y in loaded.values()), seed=0, command=" ".join(["python -m experiments.iterative_table", *sys.argv[1:]]))


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
