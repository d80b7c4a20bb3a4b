"""The open task of chapter 17: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from course_utils import attacks, models, scores
from course_utils.exercises import open_task
from course_utils.tasks import ch17_lots as task


def near_the_ink(model, x, y, steps=10, weight=None):
    weight = F.avg_pool2d(x, 5, 1, 2) if weight is None else weight
    z = x.clone()
    for _ in range(steps):
        z = z.detach().requires_grad_()
        s = model(z)
        ahead = s.scatter(1, y[:, None], -1e9).amax(1) - s.gather(1, y[:, None])[:, 0]
        d = torch.autograd.grad(ahead.sum(), z)[0] * weight
        z = (z + 0.4 * d / d.flatten(1).norm(dim=1)[:, None, None, None]).clamp(0, 1).detach()
    return attacks.smallest_scale(model, x, z - x, y).images


def anywhere(model, x, y):
    return near_the_ink(model, x, y, weight=torch.ones_like(x))


REFUSED = (
    (lambda m, x, y: near_the_ink(m, x, y, 21), "21 gradients were taken"),
    (lambda m, x, y: near_the_ink(models.load("lenet-digits"), x, y, 22), "22 gradients were taken"),
    (lambda m, x, y: near_the_ink(m, x, y) * 0.999, "not in whole grey levels"),
    (lambda m, x, y: near_the_ink(m, x, y) + 1, "pixels leave [0, 1]"),
    (lambda m, x, y: near_the_ink(m, x, y) * torch.nan, "NaN"),
    (lambda m, x, y: near_the_ink(m, x, y)[:1], "has shape"),
    (lambda m, x, y: x.copy_(near_the_ink(m, x, y)), "in place"),
    (lambda m, x, y: near_the_ink(m, x, y).requires_grad_(), "carries the graph"),
    (lambda m, x, y: None, "returns nothing"),
    (lambda m, x: x, "must take the arguments (model, x, y)"),
)


def test_the_goal_is_above_the_fast_gradient_and_below_steps_near_the_ink(said) -> None:
    goal = open_task("most_alike").goal
    out = said(near_the_ink)
    assert "✓ goal reached (goal 0.900, the course's by_fgv 0.78" in out and scores.best("17/most_alike") > goal + 0.04, out
    assert "not yet at the goal" in said(task.by_fgv)
    assert "not yet at the goal" in said(anywhere)
    assert task.alike(lambda model, x, y: x) == 0


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ most_alike: ") and words in out, out
    assert scores.best("17/most_alike") is None
