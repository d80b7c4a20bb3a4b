"""The open task of chapter 14: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from course_utils import attacks, models, scores
from course_utils.exercises import open_task
from course_utils.runtime import generator, predict
from course_utils.tasks import ch14_universal as task


def by_losses(model, x, xi, steps=10):
    y, v = predict(model, x), torch.zeros_like(x[0])
    for k in range(steps):
        v.requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(x + v), y), v)
        v = (v + xi / 2 * (1 - k / steps) * gradient.sign()).clamp(-xi, xi).detach()
    return v


def noise(model, x, xi):
    return xi * torch.randn(x[0].shape, generator=generator(1)).sign()


def another_network(model, x, xi):
    return attacks.universal_perturbation(models.load("lenet-digits"), x, xi=xi, passes=5, rate=1.0).perturbation


REFUSED = (
    (lambda m, x, xi: by_losses(m, x, 0.25), "with xi 0.125"),
    (lambda m, x, xi: 2 * by_losses(m, x, xi), "clip it"),
    (lambda m, x, xi: by_losses(m, x, xi, 11), "11 gradients were taken"),
    (lambda m, x, xi: by_losses(copy.deepcopy(m), x, xi, 12), "12 gradients were taken"),
    (another_network, "gradients were taken"),
    (lambda m, x, xi: by_losses(m, x, xi) * torch.nan, "NaN"),
    (lambda m, x, xi: by_losses(m, x, xi)[None], "has shape [1, 1, 28, 28]"),
    (lambda m, x, xi: (x + by_losses(m, x, xi)).clamp(0, 1), "has shape"),
    (lambda m, x, xi: x.add_(xi)[0].clamp(-xi, xi), "in place"),
    (lambda m, x, xi: by_losses(m, x, xi).requires_grad_(), "carries the graph"),
    (lambda m, x, xi: None, "returns nothing"),
    (lambda m, x: x[0], "must take the arguments (model, x, xi)"),
)


def test_the_goal_is_above_deepfool_and_below_ten_gradients_of_the_loss(said) -> None:
    goal = open_task("few_for_all").goal
    out = said(by_losses)
    assert "✓ goal reached (goal 36.0 %, the course's by_deepfool 2" in out and scores.best("14/few_for_all") > goal + 2, out
    assert "not yet at the goal" in said(task.by_deepfool)
    assert task.fooled(noise) < 8 and task.fooled(lambda m, x, xi: by_losses(m, x, xi, 1)) < goal - 4


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ few_for_all: ") and words in out, out
    assert scores.best("14/few_for_all") is None


def test_ten_gradients_for_each_picture_are_allowed() -> None:
    net, x = models.load("lenet-digits"), torch.rand(3, 1, 28, 28)
    assert task.fooled.made(by_losses, net, x, 0.1).shape == x[0].shape
