"""The open task of chapter 10: fool a network that was trained on FGSM pictures, with few gradients for each picture."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from .. import attacks, data, measure, models, runtime
from ..checking import OpenTask, counted, expect_budget, expect_gradients

EPS, GRADIENTS, PICTURES, SEED = 0.2, 10, 200, 5  # PGD's ten steps fool less than half at this eps; seed 0 is the chapter's


def pgd(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Ten steps of eps / 4 from a random start."""
    return attacks.pgd(model, x, y, eps=eps, steps=GRADIENTS)


def success(attack: Callable) -> float:
    """Percent of the digits that the network had right which `attack(model, x, y, eps)` makes it get wrong.

    Drawn digits and the LeNet trained on FGSM pictures of them, whatever data the chapter runs on. First on a few with half the
    eps: an attack that has its own eps in mind goes over that budget.
    """
    net = models.load("lenet-digits-fgsm")
    pictures = data.load("digits", "test", n=PICTURES, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    attacked(attack, net, x[:10], y[:10], EPS / 2)
    return 100 * measure.success_rate(net, attacked(attack, net, x, y, EPS), y, x=x)


def attacked(attack: Callable, net: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """What the attack makes of the pictures, when it keeps the rules."""
    got, used = counted(attack, x, "the batch of attacked pictures", model=net, x=x, y=y, eps=eps)
    expect_budget(got, {"x": x, "eps": eps})
    expect_gradients(used, GRADIENTS)
    return got


TASKS = (
    OpenTask("ten_gradients", pgd, success, goal=46.0, minutes=20, hints=(
        "PGD's ten steps are all of the same size. Is that the best size for the first step, and for the last one?",
        "Far from the goal a large step saves time; near it a large step jumps to and fro. Let the size fall from step to step.",
        "For k in range(10): the step eps * (1 - k / 10), along the sign, and back into the budget as before.",
        "A start at random in the budget helps this network's attacker a little more: attacks.MaxBall(x, eps).random(runtime.generator(0)).",
    )),
)  # fmt: skip
