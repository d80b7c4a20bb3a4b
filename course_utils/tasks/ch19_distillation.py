"""The open task of chapter 19: fool a distilled network, half the budget, five gradients for each picture."""

from __future__ import annotations

from torch import Tensor, nn

from .. import attacks, defenses
from ..checking import OpenTask
from .fooling import Fooling

# The logits divided, five steps of one size fool four fifths at this eps.
success = Fooling("stridenet-digits-distilled", eps=0.12, gradients=5)


def divided(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Five steps of eps / 4 on the network whose logits are divided by 100."""
    return attacks.basic_iterative(defenses.Scaled(model, 0.01), x, y, eps=eps, step=eps / 4, steps=success.gradients)


TASKS = (
    OpenTask("five_gradients", divided, success, goal=87.0, minutes=20, hints=(
        "As it is, the network gives gradients of 0. Which of the repairs of section 6 do you take?",
        "Five steps of eps / 4 use the budget up in the first four. Larger steps at the beginning and smaller ones at the end find more.",
        "For k in range(5): a step of eps * (1 - k / 5) along the sign of the gradient of F.cross_entropy(model(z) / 100, y), and back into the budget.",
    )),
)  # fmt: skip
