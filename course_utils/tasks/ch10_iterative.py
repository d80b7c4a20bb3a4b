"""The open task of chapter 10: fool a network that was trained on FGSM pictures, with few gradients for each picture."""

from __future__ import annotations

from torch import Tensor, nn

from .. import attacks
from ..checking import OpenTask
from .fooling import Fooling

# PGD's ten steps fool less than half at this eps.
success = Fooling("lenet-digits-fgsm", eps=0.2, gradients=10)


def pgd(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Ten steps of eps / 4 from a random start."""
    return attacks.pgd(model, x, y, eps=eps, steps=success.gradients)


TASKS = (
    OpenTask("ten_gradients", pgd, success, goal=40.0, minutes=20, hints=(
        "PGD's ten steps are all of the same size. Is that the best size for the first step, and for the last one?",
        "Far from the goal a large step saves time; near it a large step jumps to and fro. Let the size fall from step to step.",
        "For k in range(10): the step eps * (1 - k / 10), along the sign, and back into the budget as before.",
        "A start at random in the budget helps this network's attacker a little more: attacks.MaxBall(x, eps).random(runtime.generator(0)).",
    )),
)  # fmt: skip
