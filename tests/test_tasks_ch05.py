"""The open task of chapter 05: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import pytest
import torch

from course_utils import data, models, scores, visualize
from course_utils.exercises import open_task
from course_utils.tasks import ch05_optimization as task


def with_momentum(model, start, y, steps=10):
    rules = (visualize.decay(0.02), visualize.blur(0.7, 2))
    return visualize.maximize(model, start, visualize.class_score(y), regularizers=rules, steps=steps, rate=0.1, momentum=0.5, jitter=1)


def elsewhere(model, start, y):
    """Gradients of a network of the same kind, loaded anew, count as well."""
    return with_momentum(models.load("signnet-signs"), start, y, steps=11)


REFUSED = (
    (lambda m, s, y: with_momentum(m, s, y, steps=11), "11 gradients were taken"),
    (elsewhere, "11 gradients were taken"),
    (lambda m, s, y: s + 1, "pixels leave [0, 1]"),
    (lambda m, s, y: with_momentum(m, s[:1], y[:1]), "shape"),
    (lambda m, s, y: s.mul_(0.5), "start"),
    (lambda m, s, y: None, "returns nothing"),
    (lambda m, s: s, "must take the arguments (model, start, y)"),
)


def test_the_goal_is_above_the_course_and_below_momentum(said) -> None:
    out = said(with_momentum)
    assert "✓ goal reached (goal 66.0 %, the course's ten_steps 57." in out, out
    kept = scores.best("05/surer_images")
    assert kept > open_task("surer_images").goal + 2, "not a matter of luck"


def the_judge_itself(model, start, y):
    return with_momentum(models.load("signnet-signs-twin"), start, y)


def real_signs(model, start, y):
    signs = data.load("signs", "test", n=400, source="drawn")
    return torch.stack([signs.x[signs.y == k][0] for k in y.tolist()]).to(start)


@pytest.mark.parametrize("cheat", (the_judge_itself, real_signs))
def test_what_can_be_loaded_by_name_does_not_help(cheat) -> None:
    assert task.certainty(cheat) < 20, "the network's classes are in an order of its own"


def test_the_order_changes_names_alone() -> None:
    net, order = models.load("signnet-signs"), torch.randperm(24)
    x = torch.rand(3, 3, 48, 48)
    with torch.no_grad():
        assert torch.allclose(task.reordered(net, order)(x), net(x)[:, order], atol=1e-5)


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str) -> None:
    start, y = torch.full((2, 3, 48, 48), 0.5), torch.tensor([3, 1])
    with pytest.raises(Exception) as error:
        task.made(cheat, models.load("signnet-signs"), start, y)
    assert words in str(error.value) or "positional argument" in str(error.value), error.value
