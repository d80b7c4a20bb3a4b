"""The open task of chapter 09: beat FGSM at the same budget, with at most five gradients."""

from __future__ import annotations

from torch import Tensor, nn

from .. import attacks
from ..checking import OpenTask
from .fooling import Fooling

# FGSM fools about half at this eps.
success = Fooling("lenet-digits", eps=0.12, gradients=5, pictures=300)


def fgsm(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """One gradient, one step."""
    return attacks.fgsm(model, x, y, eps=eps)


TASKS = (
    OpenTask("beat_fgsm", fgsm, success, goal=66.0, minutes=20, hints=(
        "After a step the picture is another one, and so is its gradient. What if you ask for it again on the way?",
        "Repeat your fgsm: start at x, take a step smaller than eps, take the next one from where you are. After each step "
        "come back into the budget around x, the clean picture: .clamp(x - eps, x + eps).",
        "x_adv = x, then five times: x_adv = fgsm(model, x_adv, y, step).clamp(x - eps, x + eps).",
        "step = eps / 5 just reaches the edge of the budget if all five agree; try larger steps, since the clamp keeps them in.",
    )),
)  # fmt: skip
