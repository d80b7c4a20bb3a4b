"""The open task of chapter 11: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import copy

import pytest
import torch

from course_utils import attacks, models, runtime, scores
from course_utils.attacks.margins import Goal
from course_utils.attacks.tanh_space import Walk
from course_utils.exercises import open_task
from course_utils.tasks import ch11_carlini_wagner as task


def one_walk(model, x, t, steps=40, rate=0.2, edge=0.03, falling=True, c=1.0):
    """One c for all, and steps that become smaller."""
    walk, goal, best, near = Walk(x, rate, edge), Goal("f6", True, 0.0), x.clone(), torch.full((len(x),), torch.inf)
    with runtime.frozen(model):
        for k in range(steps):
            walk.rate = rate * (1 - k / steps) if falling else rate
            z = walk.pictures().requires_grad_()
            f, won = goal(model(z), t)
            far = (z - x).square().flatten(1).sum(1)
            nearer = won & (far < near)
            best, near = torch.where(nearer[:, None, None, None], z, best).detach(), torch.where(nearer, far, near).detach()
            walk.step(torch.autograd.grad((far + c * f).sum(), z)[0])
    return best


def a_copy(model, x, t):
    return one_walk(copy.deepcopy(model), x, t, steps=41)


def another_network(model, x, t):
    return one_walk(models.load("lenet-digits"), x, t, steps=60)


REFUSED = (
    (lambda m, x, t: x.add_(0.1).clamp_(0, 1), "in place"),
    (lambda m, x, t: x - 1, "pixels leave [0, 1]"),
    (lambda m, x, t: one_walk(m, x, t, steps=41), "41 gradients were taken"),
    (lambda m, x, t: attacks.carlini_wagner(m, x, t, targeted=True, c=1.0, search=5, steps=20, rate=0.1), "gradients were taken"),
    (a_copy, "41 gradients were taken"),
    (another_network, "60 gradients were taken"),
    (lambda m, x, t: one_walk(m, x, t)[:1], "has shape [1, 1, 28, 28]"),
    (lambda m, x, t: None, "returns nothing"),
    (lambda m, x, t: x.clone().requires_grad_(), "carries the graph"),
    (lambda m, x: x, "must take the arguments (model, x, t)"),
)


def test_the_goal_is_beyond_two_c_and_reached_by_one_walk(said) -> None:
    goal = open_task("forty_gradients").goal
    out = said(one_walk)
    assert "✓ goal reached (goal 2.10, the course's two_c 2.4" in out and scores.best("11/forty_gradients") < goal - 0.03, out
    assert "not yet at the goal" in said(task.two_c)
    assert task.distance(lambda *a: one_walk(*a, edge=1e-6)) > goal, "so near to black w does not get far in forty steps"
    assert task.distance(lambda *a: one_walk(*a, c=10.0)) > goal, "and c must be a good one"


def test_what_does_not_reach_the_target_counts_as_ten() -> None:
    assert task.distance(lambda m, x, t: x.clone()) == task.LOST
    assert task.distance(lambda m, x, t: attacks.deepfool(m, x, classes=2, steps=20)) > 5, "it leaves the class, wherever to"


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ forty_gradients: ") and words in out, out
    assert scores.best("11/forty_gradients") is None
