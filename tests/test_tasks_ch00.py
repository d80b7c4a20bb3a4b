"""The open task of chapter 00: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from course_utils import models, scores
from course_utils.exercises import open_task
from course_utils.tasks import ch00_start_here as task


def slope(model, x, y):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(x), y, reduction="sum"), x)[0]


def pushed(x, gradient, worth, pixels):
    """The pixels that are worth most, each pushed where its gradient points."""
    end, places = (gradient > 0).to(x).flatten(1), worth.flatten(1).topk(pixels, 1).indices
    return x.flatten(1).scatter(1, places, end.gather(1, places)).view_as(x)


def largest_gradients(model, x, y, pixels):
    gradient = slope(model, x, y)
    return pushed(x, gradient, gradient.abs(), pixels)


def largest_gains(model, x, y, pixels):
    gradient = slope(model, x, y)
    return pushed(x, gradient, gradient * ((gradient > 0).to(x) - x), pixels)


def in_two_steps(model, x, y, pixels):
    return largest_gains(model, largest_gains(model, x, y, pixels // 2), y, pixels // 2)


def one_by_one(model, x, y, pixels):
    return torch.cat([largest_gains(model, a[None], b[None], pixels) for a, b in zip(x, y)])


REFUSED = (
    (lambda m, x, y, n: largest_gains(m, x, y, n + 1), "11 pixels of a picture are changed; 10 are allowed"),
    (lambda m, x, y, n: largest_gains(m, x, y, 20), "20 pixels of a picture are changed; 10 are allowed"),
    (lambda m, x, y, n: (x + 0.25 * slope(m, x, y).sign()).clamp(0, 1), "pixels of a picture are changed"),
    (in_two_steps, "2 gradients were taken"),
    (lambda m, x, y, n: in_two_steps(copy.deepcopy(m), x, y, n), "2 gradients were taken"),
    (lambda m, x, y, n: in_two_steps(models.load("lenet-digits"), x, y, n), "2 gradients were taken"),
    (lambda m, x, y, n: 2 * largest_gains(m, x, y, n) - x, "pixels leave [0, 1]"),
    (lambda m, x, y, n: x.copy_(largest_gains(m, x, y, n)), "in place"),
    (lambda m, x, y, n: torch.zeros(1, 1, 28, 28), "has shape [1, 1, 28, 28]"),
    (lambda m, x, y, n: None, "returns nothing"),
    (lambda m, x, y, n: x.clone().requires_grad_(), "carries the graph"),
    (lambda m, x, y: x, "must take the arguments (model, x, y, pixels)"),
)  # fmt: skip


def test_chance_hardly_fools_and_the_goal_asks_for_a_thought() -> None:
    goal = open_task("few_pixels").goal
    assert task.score(task.random_pixels) < 3
    assert 50 < task.score(largest_gradients) < goal - 2, "the obvious answer comes near the goal"
    assert task.score(largest_gains) > goal + 2, "and a thought more reaches it, not by luck"


def test_the_score_is_printed_and_kept(said) -> None:
    assert "not yet at the goal (goal 70.0 %, the course's random_pixels" in said(largest_gradients)
    assert "✓ goal reached" in said(largest_gains)
    assert scores.best("00/few_pixels") > 70


def test_one_picture_at_a_time_is_allowed() -> None:
    assert task.score(one_by_one) == pytest.approx(task.score(largest_gains), abs=1)


def test_a_stub_was_not_tried(said) -> None:
    def few_pixels(model, x, y, pixels):
        """Docstring."""
        raise NotImplementedError

    assert said(few_pixels).startswith("Open task few_pixels: not tried yet (goal 70.0 %, the course's random_pixels 0.3 %)")


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ few_pixels: ") and words in out, out
    assert scores.best("00/few_pixels") is None
