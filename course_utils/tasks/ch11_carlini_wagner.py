"""The open task of chapter 11: small changes with forty gradients for each picture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import attacks, data, measure, models, runtime
from ..checking import OpenTask, limited

NETWORK, GRADIENTS, PICTURES, SEED = "stridenet-digits", 40, 60, 5  # the chapter shows the pictures of seed 0
LOST = 10.0  # what a picture counts that is not taken for its target


def two_c(model: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """The chapter's attack with two values of c and twenty steps for each."""
    return attacks.carlini_wagner(model, x, t, targeted=True, c=1.0, search=2, steps=GRADIENTS // 2, rate=0.1, edge=0.01)


def distance(attack: Callable) -> float:
    """Mean L2 distance of the pictures that `attack(model, x, t)` gives, of drawn digits that the network has right, each with a target.

    First on a few in another order and with other targets, for an answer that has its own digits in mind.
    """
    net = models.load(NETWORK)
    pictures = data.load("digits", "test", n=PICTURES, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    right = runtime.predict(net, x) == y
    x, y = x[right], y[right]
    t = (y + 1 + torch.arange(len(y), device=y.device) % 9) % 10
    found(attack, net, x[[3, 1]], t[[1, 3]])
    got = found(attack, net, x, t)
    return measure.norms(x, got).l2.where(runtime.predict(net, got) == t, LOST).mean().item()


def found(attack: Callable, net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """What an answer gives, when the rules are kept."""
    return limited(attack, x, "the batch of attacked pictures", GRADIENTS, model=net, x=x, t=t)


TASKS = (
    OpenTask("forty_gradients", two_c, distance, goal=2.10, minutes=20, form="{:.2f}", more_is_better=False, hints=(
        "Two values of c cost twice the steps. Is the search worth it, when so few steps are left for each?",
        "Take one good c for all, the one that most pictures of section 3 ended at, and all forty steps for it. Keep the nearest success.",
        "At the end large steps jump over the best place: let the rate fall, 0.2 * (1 - k / 40). And begin with a larger edge.",
    )),
)  # fmt: skip
