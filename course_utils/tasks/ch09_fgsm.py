"""The open task of chapter 09: beat FGSM at the same budget, with at most five gradients."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from .. import attacks, data, measure, models, runtime
from ..checking import OpenTask, counted, expect_budget, expect_gradients

EPS, GRADIENTS, PICTURES, SEED = 0.12, 5, 300, 5  # FGSM fools about half at this eps; the chapter shows the pictures of seed 0


def fgsm(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """One gradient, one step."""
    return attacks.fgsm(model, x, y, eps=eps)


def success(attack: Callable) -> float:
    """Percent of the pictures that LeNet had right which `attack(model, x, y, eps)` makes it get wrong.

    Drawn pictures and the LeNet for them, whatever data the chapter runs on. First on a few pictures with half the eps:
    an attack that has its own eps in mind goes over that budget.
    """
    net = models.load("lenet-digits")
    pictures = data.load("digits", "test", n=PICTURES, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    attacked(attack, net, x[:20], y[:20], EPS / 2)
    return 100 * measure.success_rate(net, attacked(attack, net, x, y, EPS), y, x=x)


def attacked(attack: Callable, net: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """What the attack makes of the pictures, when it keeps the rules."""
    got, used = counted(attack, x, "the batch of attacked pictures", model=net, x=x, y=y, eps=eps)
    expect_budget(got, {"x": x, "eps": eps})
    expect_gradients(used, GRADIENTS)
    return got


TASKS = (
    OpenTask("beat_fgsm", fgsm, success, goal=66.0, minutes=20, hints=(
        "After a step the picture is another one, and so is its gradient. What if you ask for it again on the way?",
        "Repeat your fgsm: start at x, take a step smaller than eps, take the next one from where you are. After each step "
        "come back into the budget around x, the clean picture: .clamp(x - eps, x + eps).",
        "x_adv = x, then five times: x_adv = fgsm(model, x_adv, y, step).clamp(x - eps, x + eps).",
        "step = eps / 5 just reaches the edge of the budget if all five agree; try larger steps, since the clamp keeps them in.",
    )),
)  # fmt: skip
