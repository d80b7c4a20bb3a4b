"""The open task of chapter 13: fool a network that only says its class, with few questions and without any other network."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .. import attacks, data, measure, models, runtime
from ..checking import OpenTask, expect_budget, expect_inside, returned
from .asking import Quiet, asked

NETWORK, BUDGET, SEEDS, PICTURES, EPS, SEED = "lenet-digits", 500, 100, 150, 0.25, 5  # the chapter shows the pictures of seed 0


def fooled(attack: Callable) -> float:
    """Percent of the digits the oracle had right that `attack(oracle, seeds, x, y, eps)` makes it get wrong."""
    net = models.load(NETWORK)
    pictures = data.load("digits", "test", n=PICTURES + SEEDS, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    seeds, x, y = x[PICTURES:], x[:PICTURES], y[:PICTURES]
    got = asked(attack, Quiet(net, BUDGET), f"{BUDGET} answers", seeds=seeds, x=x, y=y, eps=EPS)
    returned(got, x, "the batch of attacked pictures")
    expect_inside(got)
    expect_budget(got, {"x": x, "eps": EPS})
    return 100 * measure.success_rate(net, got, y, x=x)


def papernot(oracle: attacks.Oracle, seeds: Tensor, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """The chapter's substitute in three rounds, and FGSM on it."""
    net = attacks.black_box.dense(seeds[0].shape, 10, seed=0)
    made = attacks.train_substitute(oracle, seeds, model=net, rounds=3, step=0.1, period=None)
    return attacks.fgsm(made.model, x, y, eps=eps)


TASKS = (
    OpenTask("fool_the_oracle", papernot, fooled, goal=55.0, minutes=20, hints=(
        "The substitute need not look like the oracle, but one that looks through small windows, as most networks for pictures do, errs more like it.",
        "A question costs, training does not: train longer on what you know, and move the pictures about by a pixel or two, which changes no class.",
        "One step of FGSM follows one gradient. Take ten smaller steps (chapter 10), or the mean gradient of several substitutes.",
    )),
)  # fmt: skip
