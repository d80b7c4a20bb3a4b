"""Chapter 18: Madry's network in five widths, trained plainly, by FGSM and by PGD; label leaking; and how the tables of chapter 18 attack."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime, training
from course_utils.runtime import generator

from .common import in_parts
from .replayed import Replayed

EPS, STEP = 0.3, 0.01  # Madry's budget and step, in training and in every attack of his table
SMALL = {"eps": EPS, "step": STEP}
WIDTHS = (1, 2, 4, 8, 16)
ROWS = {  # how the evaluation table attacks; CW is PGD on the margin
    "fgsm": partial(attacks.fgsm, eps=EPS),
    "pgd40": partial(attacks.pgd, **SMALL, steps=40),
    "pgd100": partial(attacks.pgd, **SMALL, steps=100),
    "cw": partial(attacks.pgd, **SMALL, steps=40, loss="margin"),
    "cwplus": partial(attacks.pgd, **SMALL, steps=40, loss="margin", kappa=50),
}


def digits(split: str, n: int | None) -> tuple[Tensor, Tensor]:
    """The first n MNIST digits, on the device, and their classes."""
    pictures = data.load("digits", split, n=n, source="mnist")
    return pictures.x.to(runtime.device()), pictures.y.to(runtime.device())


def parts_of(x: Tensor) -> int:
    """How many pictures go through a network at a time."""
    return 5_000 if x.is_cuda else 100


def percent(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return 100 * measure.accuracy(net, x, y)


def left(net: nn.Module, source: nn.Module, attack: Callable[..., Tensor], x: Tensor, y: Tensor) -> float:
    """Percent of the pictures that `net` still has right after the attack on `source`."""
    return percent(net, in_parts(partial(attack, source), x, y, parts_of(x)), y)


def others(y: Tensor) -> Tensor:
    """For each class another one, by chance: the targets."""
    return (y + torch.randint(1, 10, y.shape, generator=generator(1)).to(y)) % 10


def told(name: str, *values: float) -> float:
    """Print a line of the log; gives the first value back."""
    print(f"{time.strftime('%H:%M:%S')} {name}:", *(f"{value:.2f}" for value in values), flush=True)
    return values[0]


def random_labels(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """FGSM towards a class that is drawn by chance: the true label has no part in the step."""
    chosen = torch.randint(0, 10, y.shape).to(y)
    return attacks.fgsm(model, x, chosen, eps=EPS, targeted=True)


def train_capacity(
    width: int, kind: str, x: Tensor, y: Tensor, *, epochs: int = 8, warm: int = 2, steps: int = 20, batch_size: int = 256, lr: float = 0.003, seed: int = 0
) -> tuple[nn.Module, float]:
    """Madry's network of this width, trained as `kind` says, and the mean loss of its last epoch.

    "pgd" takes half as many steps as the paper, of 2.5 eps / steps, and half of eps in its first `warm` epochs; "pgd-cold" all of eps from the start.
    """
    with runtime.seeded_weights(seed):
        net = models.MadryNet(width=width).to(runtime.device())
    training_attack = lambda eps: training.adversarial(Replayed(net, eps, 2.5 * eps / steps, steps))  # noqa: E731
    losses = {
        "natural": lambda: training.cross_entropy,
        "fgsm": lambda: training.adversarial(attacks.fgsm, eps=EPS),
        "fgsm-predicted": lambda: training.adversarial(attacks.fgsm, eps=EPS, predicted=True),
        "fgsm-random": lambda: training.adversarial(random_labels),
        "pgd": lambda: training_attack(EPS),
        "pgd-cold": lambda: training_attack(EPS),
    }  # fmt: skip
    how = {"batch_size": batch_size, "lr": lr, "optimizer": "adam", "weight_decay": 0.0, "seed": seed, "label": f"width {width}, {kind}"}
    torch.backends.cuda.matmul.allow_tf32 = True  # to train, ten bits are enough
    if kind == "pgd" and warm:
        training.train(net, x, y, epochs=warm, loss=training_attack(EPS / 2), **how)
    history = training.train(net, x, y, epochs=epochs - (warm if kind == "pgd" else 0), loss=losses[kind](), **how)
    torch.backends.cuda.matmul.allow_tf32 = False
    return net, history.loss[-1]


def withstood(net: nn.Module, x: Tensor, y: Tensor, key: str) -> dict[str, float]:
    """Percent right: clean, after FGSM, after PGD-40; and how many classes it still answers with."""
    numbers = {f"{key}_clean": percent(net, x, y), f"{key}_fgsm": left(net, net, ROWS["fgsm"], x, y), f"{key}_pgd40": left(net, net, ROWS["pgd40"], x, y)}
    return numbers | {f"{key}_classes": float(len(runtime.predict(net, x).unique()))}


def capacity(share: float) -> dict[str, float]:
    """Widths 1 to 16, trained plainly, by FGSM and by PGD."""
    x, y = digits("train", max(1000, int(60_000 * share)))
    held, truth = digits("test", max(100, int(10_000 * share)))
    epochs, numbers = max(3, round(8 * min(1, share * 4))), {"capacity_tested": float(len(truth)), "capacity_trained": float(len(y))}
    for width in WIDTHS if share == 1 else WIDTHS[:3]:
        for kind in ("natural", "fgsm", "pgd"):
            net, loss = train_capacity(width, kind, x, y, epochs=epochs)
            key = f"width{width}_{kind}"
            numbers |= withstood(net, held, truth, key) | {f"{key}_loss": loss}
            told(key, *(numbers[f"{key}_{row}"] for row in ("clean", "fgsm", "pgd40", "loss")))
    return numbers


def cold(share: float) -> dict[str, float]:
    """The smallest widths once more, with the whole budget from the first update on: do they leave the constant answer?"""
    x, y = digits("train", max(1000, int(60_000 * share)))
    held, truth = digits("test", max(100, int(10_000 * share)))
    numbers = {"cold_tested": float(len(truth))}
    for width in WIDTHS[:3]:
        net, loss = train_capacity(width, "pgd-cold", x, y, epochs=max(3, round(8 * min(1, share * 4))))
        numbers |= withstood(net, held, truth, f"width{width}_cold") | {f"width{width}_cold_loss": loss}
        told(f"width{width}_cold", numbers[f"width{width}_cold_clean"], numbers[f"width{width}_cold_pgd40"], loss)
    return numbers


def leaking(share: float) -> dict[str, float]:
    """FGSM alone at eps 0.3, from the true labels, from predicted ones and from random ones: width 4, equally long."""
    x, y = digits("train", max(1000, int(60_000 * share)))
    held, truth = digits("test", max(100, int(10_000 * share)))
    epochs, numbers = max(3, round(8 * min(1, share * 4))), {"leaking_tested": float(len(truth))}
    for kind in ("fgsm", "fgsm-predicted", "fgsm-random"):
        net, _ = train_capacity(4, kind, x, y, epochs=epochs)
        key = f"leak_{kind.partition('-')[2] or 'true'}"
        predicted = attacks.fgsm(net, held, eps=EPS)
        chance = attacks.fgsm(net, held, others(truth), eps=EPS, targeted=True)
        numbers |= withstood(net, held, truth, key) | {f"{key}_fgsm_predicted": percent(net, predicted, truth), f"{key}_fgsm_random": percent(net, chance, truth)}
        told(key, *(numbers[f"{key}_{row}"] for row in ("clean", "fgsm", "fgsm_predicted", "fgsm_random", "pgd40")))
    return numbers
