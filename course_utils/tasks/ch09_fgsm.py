"""The open task of chapter 09: beat FGSM at the same budget, with at most five gradients."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from .. import attacks, data, measure, models, runtime
from ..checking import OpenTask, call, expect, expect_budget, expect_inside, returned

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
    with counting() as count:
        got = call(attack, model=net, x=x, y=y, eps=eps)
    returned(got, x, "the batch of attacked pictures")
    expect(not got.requires_grad, "the result still carries the graph; finish with .detach().")
    expect_inside(got)
    expect_budget(got, {"x": x, "eps": eps})
    used = count.rows / len(x)
    expect(used <= GRADIENTS, f"{used:.3g} gradients were taken for each picture; {GRADIENTS} are allowed. "
           "Each backward pass counts, once for each picture in it.")  # fmt: skip
    return got


# ---------------------------------------------------------------- counting gradients


class Tally:
    """How many pictures' gradients were computed so far."""

    rows = 0


@contextlib.contextmanager
def counting() -> Iterator[Tally]:
    """Count the gradients that are taken inside, once for each picture in a backward pass.

    Whatever network of the task's kind is used, also a copy or one that was loaded elsewhere: the counter sits behind every
    linear layer with ten outputs, a LeNet's last one.
    """
    tally = Tally()

    def tap(layer: nn.Module, _: object, scores: Tensor) -> Tensor | None:
        last = isinstance(layer, nn.Linear) and layer.out_features == 10
        return Tap.apply(scores, tally) if last else None

    handle = register_module_forward_hook(tap)
    try:
        yield tally
    finally:
        handle.remove()


class Count(torch.autograd.Function):
    """Passes a gradient on, and notes how many rows it has. Under `torch.func.vmap` it sees the batch as it really is."""

    @staticmethod
    def forward(gradient: Tensor, tally: Tally) -> Tensor:
        tally.rows += gradient.numel() // gradient.shape[-1]
        return gradient.clone()

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.tally = inputs[1]

    @staticmethod
    def backward(ctx, again: Tensor):
        return Count.apply(again, ctx.tally), None

    @staticmethod
    def vmap(info, in_dims, gradient: Tensor, tally: Tally):
        return Count.apply(gradient.movedim(in_dims[0], 0), tally), 0


class Tap(torch.autograd.Function):
    """Passes scores on; what comes back through it is counted."""

    @staticmethod
    def forward(scores: Tensor, tally: Tally) -> Tensor:
        return scores.clone()

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.tally = inputs[1]

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return Count.apply(gradient, ctx.tally), None

    @staticmethod
    def vmap(info, in_dims, scores: Tensor, tally: Tally):
        return Tap.apply(scores.movedim(in_dims[0], 0), tally), 0


TASKS = (
    OpenTask("beat_fgsm", fgsm, success, goal=66.0, minutes=20, hints=(
        "After a step the picture is another one, and so is its gradient. What if you ask for it again on the way?",
        "Repeat your fgsm: start at x, take a step smaller than eps, take the next one from where you are. After each step "
        "come back into the budget around x, the clean picture: .clamp(x - eps, x + eps).",
        "x_adv = x, then five times: x_adv = fgsm(model, x_adv, y, step).clamp(x - eps, x + eps).",
        "step = eps / 5 just reaches the edge of the budget if all five agree; try larger steps, since the clamp keeps them in.",
    )),
)  # fmt: skip
