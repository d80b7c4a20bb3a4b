"""Mistakes that come back in every exercise about gradients, each as a function that makes it, with the sentence that names it.

`of_the_loss(step)` and `of_the_score(step)` give pairs (wrong function, sentence) for an exercise whose reference computes
a gradient of the loss, or of a class's score, and does something with it: `step(gradient, x, ...)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Value = Callable[[Tensor, Tensor], Tensor]  # of scores [N, classes] and classes [N]


def gradient_of(value: Value, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """d value(model(x), y).sum() / dx."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(value(model(x), y).sum(), x)[0]


def own_score(scores: Tensor, y: Tensor) -> Tensor:
    return scores.gather(1, y[:, None])


def all_columns(scores: Tensor, y: Tensor) -> Tensor:
    return scores[:, y]


def total_loss(scores: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(scores, y, reduction="sum")


def probable(model: nn.Module) -> nn.Module:
    """The model with its softmax, whose "scores" are probabilities."""
    return nn.Sequential(model, nn.Softmax(1))


COLUMNS = "scores[:, y] takes the columns y of every row, [N, N]; each picture's own score is scores.gather(1, y[:, None])."
PREDICTED = "the model's own prediction is used instead of the classes that are given."
LOSSES: tuple[tuple[Value, str], ...] = (
    (lambda s, y: total_loss(s.softmax(1), y), "softmax is applied before F.cross_entropy, which applies it itself; give it the scores."),
    (lambda s, y: -own_score(s, y), "the score is differentiated instead of the loss; J is F.cross_entropy of model(x) and the given classes."),
    (lambda s, y: own_score(s, y), "the score is differentiated instead of the loss; J is F.cross_entropy of model(x) and the given classes."),
    (lambda s, y: -all_columns(s, y), COLUMNS),
    (all_columns, COLUMNS),
    (lambda s, y: -all_columns(s.log_softmax(1), y), COLUMNS),
    (lambda s, y: total_loss(s[:1], y[:1]), "only the first picture's loss is used; use the losses of all pictures."),
    (lambda s, y: total_loss(s, s.argmax(1)), PREDICTED),
)  # fmt: skip
SCORES: tuple[tuple[Value, str], ...] = (
    (all_columns, COLUMNS),
    (lambda s, y: own_score(s.softmax(1), y), "the probability is differentiated; take the score before the softmax."),
    (lambda s, y: total_loss(s, y), "the loss is differentiated; take the score of class y itself."),
    (lambda s, y: F.cross_entropy(s, y), "the loss is differentiated; take the score of class y itself."),
    (lambda s, y: own_score(s.log_softmax(1), y), "the log-probability is differentiated; take the score of class y itself."),
    (lambda s, y: own_score(s, y)[:1], "only the first picture's score is used; add up the scores of all pictures."),
    (lambda s, y: own_score(s, y).mean(), "the scores are averaged over the batch, which divides every gradient by its size; add them up."),
    (lambda s, y: s.sum(1), "the scores of all classes are added up; take the score of class y alone."),
    (lambda s, y: s.amax(1), PREDICTED),
)  # fmt: skip


def of_the_loss(step: Callable[..., Any]) -> tuple[tuple[Callable, str], ...]:
    """The mistakes with a loss, for an exercise f(model, x, y, ...) that does step(gradient, x, ...)."""
    return _with(step, LOSSES)


def of_the_score(step: Callable[..., Any]) -> tuple[tuple[Callable, str], ...]:
    """The mistakes with a class's score, for an exercise f(model, x, y, ...) that does step(gradient, x, ...)."""
    return _with(step, SCORES)


def _with(step: Callable[..., Any], values: tuple[tuple[Value, str], ...]) -> tuple[tuple[Callable, str], ...]:
    def wrong(value: Value) -> Callable:
        return lambda model, x, y, *rest: step(gradient_of(value, model, x, y), x, *rest)

    return tuple((wrong(value), sentence) for value, sentence in values)


def of_a_step(step: int) -> tuple[tuple[Callable, str], ...]:
    """The mistakes of an attack f(model, x, y, eps) that gives x + step * eps * sign(gradient), clipped; step is 1 or -1."""

    def moved(gradient: Tensor, x: Tensor, eps: float) -> Tensor:
        return (x + step * eps * gradient.sign()).clamp(0, 1)

    def wrong(change: Callable[[Tensor, Tensor, float], Tensor]) -> Callable:
        return lambda model, x, y, eps: change(gradient_of(total_loss, model, x, y), x, eps)

    return (
        (wrong(lambda g, x, eps: x + step * eps * g.sign()), "pixels leave [0, 1]; clip after the step: .clamp(0, 1)."),
        (wrong(lambda g, x, eps: (x + step * eps * g.sign()).clamp(x.min(), x.max())),
         "the result is clipped to the range found in x; pixels may use all of [0, 1]: .clamp(0, 1)."),
        (wrong(lambda g, x, eps: x + (step * eps * g.sign()).clamp(0, 1)), "the step is clipped; clip the sum, (x + ...).clamp(0, 1)."),
        (wrong(lambda g, x, eps: step * eps * g.sign()), "this is the change alone; add it to x."),
        (wrong(lambda g, x, eps: (x + step * eps * g).clamp(0, 1)), "the gradient's value is used; take its sign."),
        (wrong(lambda g, x, eps: (x + step * eps * g / len(x)).clamp(0, 1)), "the gradient's value is used; take its sign."),
        (wrong(lambda g, x, eps: (x + step * eps * g / g.abs().flatten(1).amax(1)[:, None, None, None]).clamp(0, 1)),
         "the gradient's value is used, scaled; take its sign."),
        (wrong(lambda g, x, eps: (x + step * eps * g / g.abs().max()).clamp(0, 1)), "the gradient's value is used, scaled; take its sign."),
        (wrong(lambda g, x, eps: (x + step * eps * g / g.flatten(1).norm(dim=1)[:, None, None, None]).clamp(0, 1)),
         "the gradient's value is used, scaled; take its sign."),
        (wrong(lambda g, x, eps: x.clone()), "the pictures come back as they were; move them by eps times the sign of the gradient."),
        *of_the_loss(moved),
    )  # fmt: skip


def of_a_small_step(slope: Callable[..., Tensor] = gradient_of) -> tuple[tuple[Callable, str], ...]:
    """The mistakes of f(model, x, now, y, eps, step), which gives now + step * sign(gradient), within eps of x and in [0, 1].

    slope: how the gradient is computed, slope(value, model, now, y).
    """

    def back(moved: Tensor, x: Tensor, eps: float) -> Tensor:
        return torch.minimum(torch.maximum(moved, x - eps), x + eps).clamp(0, 1)

    def wrong(change: Callable[..., Tensor], value: Value = total_loss) -> Callable[..., Tensor]:
        return lambda model, x, now, y, eps, step: change(slope(value, model, now, y), x, now, eps, step)

    def plain(g: Tensor, x: Tensor, now: Tensor, eps: float, step: float) -> Tensor:
        return back(now + step * g.sign(), x, eps)

    value = "the gradient's value is used; take its sign."
    return (
        (wrong(lambda g, x, now, eps, step: plain(g, x, now, eps, abs(step))), "a negative step must go down the loss; do not make it positive."),
        (wrong(lambda g, *rest: plain(-g, *rest)), "the step goes the other way; add step times the sign of the gradient."),
        (wrong(lambda g, x, now, eps, step: (now + step * g.sign()).clamp(0, 1)),
         "pixels leave the budget around x; after the step clip to x - eps ... x + eps."),
        (wrong(lambda g, x, now, eps, step: plain(g, now, now, eps, step)), "the budget is measured from `now`; it is measured from x, the clean picture."),
        (wrong(lambda g, x, now, eps, step: (now + step * g.sign()).clamp(x - eps, x + eps)), "pixels leave [0, 1]; clip to the budget and to [0, 1]."),
        (wrong(lambda g, x, now, eps, step: plain(g, x, x, eps, step)), "the step begins at x; it begins at `now`."),
        (wrong(lambda g, x, now, eps, step: plain(g, x, now, eps, eps)), "the step is eps long; it is `step` long, and eps is the budget of all steps."),
        (wrong(lambda g, x, now, eps, step: x + (now - x + step * g.sign()).clamp(-eps, eps).clamp(0, 1)), "the change is clipped to [0, 1]; clip the picture."),
        (wrong(lambda g, x, now, eps, step: step * g.sign()), "this is the change alone; add it to `now`."),
        (wrong(lambda g, x, now, eps, step: now.clone()), "`now` comes back as it was; move it by step times the sign of the gradient."),
        (wrong(lambda g, x, now, eps, step: back(now + step * g, x, eps)), value),
        (wrong(lambda g, x, now, eps, step: back(now + step * g / len(x), x, eps)), value),
        (wrong(lambda g, x, now, eps, step: back(now + step * g / g.abs().flatten(1).amax(1)[:, None, None, None], x, eps)), value),
        (lambda model, x, now, y, eps, step: plain(slope(total_loss, model, x, y), x, now, eps, step),
         "the gradient is the one at x; each step asks for the gradient at `now`, which is another one."),
        *((wrong(plain, value), sentence) for value, sentence in LOSSES),
    )  # fmt: skip
