"""The open task of chapter 10: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import copy

import pytest
import torch

from course_utils import attacks, models, runtime, scores
from course_utils.exercises import open_task
from course_utils.tasks import ch10_iterative as task


def smaller_steps(model, x, y, eps, steps=10, start=True):
    now = attacks.MaxBall(x, eps).random(runtime.generator(0)) if start else x
    for k in range(steps):
        gradient = attacks.common.input_gradient(model, now, y)
        now = attacks.common.within(now + eps * (1 - k / steps) * gradient.sign(), x, eps)
    return now


def a_copy(model, x, y, eps):
    return smaller_steps(copy.deepcopy(model), x, y, eps, steps=11)


def another_network(model, x, y, eps):
    return attacks.pgd(models.load("lenet-digits"), x, y, eps=eps, steps=40)


REFUSED = (
    (lambda m, x, y, e: x.add_(e).clamp_(0, 1), "in place"),
    (lambda m, x, y, e: attacks.pgd(m, x, y, eps=task.success.eps, steps=10), "with eps 0.1"),
    (lambda m, x, y, e: x + e, "pixels leave [0, 1]"),
    (lambda m, x, y, e: attacks.pgd(m, x, y, eps=e, steps=11), "11 gradients were taken"),
    (lambda m, x, y, e: attacks.pgd(m, x, y, eps=e, steps=6, restarts=2), "gradients were taken"),
    (lambda m, x, y, e: attacks.deepfool(m, x, y).clamp(x - e, x + e), "gradients were taken"),
    (a_copy, "11 gradients were taken"),
    (another_network, "40 gradients were taken"),
    (lambda m, x, y, e: attacks.fgsm(m, x, y, eps=e)[:1], "has shape [1, 1, 28, 28]"),
    (lambda m, x, y, e: None, "returns nothing"),
    (lambda m, x, y, e: x.clone().requires_grad_(), "carries the graph"),
    (lambda m, x, y: x, "must take the arguments (model, x, y, eps)"),
)


def test_the_goal_is_above_pgd_and_below_smaller_steps(said) -> None:
    goal = open_task("ten_gradients").goal
    out = said(smaller_steps)
    assert "✓ goal reached (goal 40.0 %, the course's pgd 36." in out and scores.best("10/ten_gradients") > goal + 2, out
    assert "not yet at the goal" in said(task.pgd)
    assert task.success(lambda *a: smaller_steps(*a, start=False)) > goal, "the start is not what does it"
    assert task.success(lambda m, x, y, eps: attacks.fgsm(m, x, y, eps=eps)) < 20, "the network was trained on such pictures"


def test_a_stub_was_not_tried(said) -> None:
    def ten_gradients(model, x, y, eps):
        """Docstring."""
        raise NotImplementedError

    assert said(ten_gradients).startswith("Open task ten_gradients: not tried yet (goal 40.0 %, the course's pgd 36.")


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ ten_gradients: ") and words in out, out
    assert scores.best("10/ten_gradients") is None


def test_ten_gradients_of_each_picture_are_allowed() -> None:
    net, x, y = models.load("lenet-digits-fgsm"), torch.rand(3, 1, 28, 28), torch.arange(3)
    assert task.success.attacked(task.pgd, net, x, y, 0.1).shape == x.shape
