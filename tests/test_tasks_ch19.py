"""The open task of chapter 19: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from course_utils import attacks, defenses, models, scores
from course_utils.attacks.margins import lead
from course_utils.exercises import open_task
from course_utils.tasks import ch19_distillation as task


def falling(model, x, y, eps, steps=5, loss=lambda s, y: F.cross_entropy(s / 100, y, reduction="none")):
    now = x
    for k in range(steps):
        z = now.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(model(z), y).sum(), z)
        now = attacks.common.within(z.detach() + eps * (1 - k / steps) * gradient.sign(), x, eps)
    return now


REFUSED = (
    (lambda m, x, y, e: x.add_(e).clamp_(0, 1), "in place"),
    (lambda m, x, y, e: falling(m, x, y, task.success.eps), "with eps 0.06"),
    (lambda m, x, y, e: x + e, "pixels leave [0, 1]"),
    (lambda m, x, y, e: falling(m, x, y, e, steps=6), "6 gradients were taken"),
    (lambda m, x, y, e: falling(copy.deepcopy(m), x, y, e, steps=7), "7 gradients were taken"),
    (lambda m, x, y, e: attacks.bim(models.load("stridenet-digits"), x, y, eps=e, steps=30), "30 gradients were taken"),
    (lambda m, x, y, e: attacks.bim(defenses.Scaled(m, 0.01), x, y, eps=e, steps=8), "8 gradients were taken"),
    (lambda m, x, y, e: attacks.fgsm(m, x, y, eps=e)[:1], "has shape [1, 1, 28, 28]"),
    (lambda m, x, y, e: None, "returns nothing"),
    (lambda m, x, y, e: x.clone().requires_grad_(), "carries the graph"),
    (lambda m, x, y: x, "must take the arguments (model, x, y, eps)"),
)


def test_the_goal_is_above_equal_steps_and_below_falling_ones(said) -> None:
    goal = open_task("five_gradients").goal
    out = said(falling)
    assert "✓ goal reached (goal 87.0 %, the course's divided 8" in out and scores.best("19/five_gradients") > goal + 0.8, out
    assert "not yet at the goal" in said(task.divided)
    assert task.success(lambda m, x, y, e: attacks.bim(m, x, y, eps=e, step=e / 4, steps=5)) < 5, "the network as it is gives no gradients"
    assert task.success(lambda m, x, y, e: falling(m, x, y, e, loss=lambda s, y: lead(s, y, False))) > goal - 3, "a margin is as good, nearly"


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ five_gradients: ") and words in out, out
    assert scores.best("19/five_gradients") is None
