"""The open task of chapter 07: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import copy

import pytest
import torch

from course_utils import attacks, models, runtime, scores
from course_utils.exercises import open_task
from course_utils.tasks import ch07_adversarial_rubbish as task


def along_the_boundary(model, x, y, gradients=10):
    """The gradient of the lead where x + t (-g) crosses the boundary, again and again."""
    z = x
    for _ in range(gradients):
        place = z.detach().clone().requires_grad_()
        scores = model(place)
        lead = scores.gather(1, y[:, None])[:, 0] - scores.scatter(1, y[:, None], -1e9).amax(1)
        (slope,) = torch.autograd.grad(lead.sum(), place)
        z = first_fooled(model, x, y, -slope / slope.flatten(1).norm(dim=1)[:, None, None, None])
    return z


def first_fooled(model, x, y, way, most=12.0):
    low, high = x.new_zeros(len(x)), x.new_full((len(x),), most)
    for _ in range(20):
        middle = (low + high) / 2
        fooled = runtime.predict(model, (x + middle[:, None, None, None] * way).clamp(0, 1)) != y
        low, high = torch.where(fooled, low, middle), torch.where(fooled, middle, high)
    return (x + high[:, None, None, None] * way).clamp(0, 1)


REFUSED = (
    (lambda m, x, y: x.add_(0.1).clamp_(0, 1), "in place"),
    (lambda m, x, y: x + 0.1, "pixels leave [0, 1]"),
    (lambda m, x, y: attacks.lbfgs(m, x, y, searches=2, steps=7), "gradients were taken"),
    (lambda m, x, y: attacks.deepfool(m, x, y), "gradients were taken"),
    (lambda m, x, y: along_the_boundary(copy.deepcopy(m), x, y, 11), "11 gradients were taken"),
    (lambda m, x, y: attacks.pgd(models.load("lenet-digits"), x, y, eps=0.3, steps=11), "11 gradients were taken"),
    (lambda m, x, y: x[:1], "has shape [1, 1, 28, 28]"),
    (lambda m, x, y: None, "returns nothing"),
    (lambda m, x, y: x.clone().requires_grad_(), "carries the graph"),
    (lambda m, x, y, eps: x, "must take the arguments (model, x, y)"),
)


def test_the_goal_is_beyond_lbfgs_and_within_reach(said) -> None:
    goal = open_task("shortest").goal
    out = said(along_the_boundary)
    assert "✓ goal reached (goal 0.0350, the course's lbfgs 0.0" in out and scores.best("07/shortest") < goal - 0.001, out
    assert "not yet at the goal" in said(task.lbfgs)
    assert task.mean_distortion(lambda m, x, y: along_the_boundary(m, x, y, 3)) < goal, "three gradients are enough"
    assert task.mean_distortion(lambda m, x, y: along_the_boundary(m, x, y, 1)) > goal, "one is not"
    assert task.mean_distortion(lambda m, x, y: x.clone()) == 1, "what is not fooled counts as black for white"
    assert task.mean_distortion(lambda m, x, y: attacks.fgsm(m, x, y, eps=0.3)) > 0.1


def test_a_stub_was_not_tried(said) -> None:
    def shortest(model, x, y):
        """Docstring."""
        raise NotImplementedError

    assert said(shortest).startswith("Open task shortest: not tried yet (goal 0.0350, the course's lbfgs 0.0")


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ shortest: ") and words in out, out
    assert scores.best("07/shortest") is None
