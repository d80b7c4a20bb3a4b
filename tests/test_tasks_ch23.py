"""The open task of chapter 23: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from course_utils import data, scores
from course_utils.exercises import open_task
from course_utils.tasks import ch23_arena as task


def two_levels(x, at=0.4):
    return (x > at).to(x.dtype)


def remembers():
    seen = []

    def shield(x):
        seen.append(len(x))
        return two_levels(x, 0.4 if len(seen) < 9 else 0.6)

    return shield


def looks_up():
    """Answers with the one of the task's own clean pictures that comes nearest."""
    known = data.load("digits", "test", n=task.COUNT, source="drawn", seed=task.SEED).x.flatten(1)
    return lambda x: known.to(x)[torch.cdist(x.flatten(1), known.to(x)).argmin(1)].view_as(x)


REFUSED = (
    (lambda x: x.clamp_(0.2, 0.8), "in place"),
    (lambda x: x + 0.1, "pixels leave [0, 1]"),
    (lambda x: x[:, :, ::2, ::2], "has shape"),
    (lambda x: x.double(), "torch.float64"),
    (lambda x: None, "returns nothing"),
    (lambda x: (x + 0.1 * torch.rand(x.shape)).clamp(0, 1), "otherwise the second time"),
    (lambda x: (x - x.mean(0)).clamp(0, 1), "when it is alone"),
    (lambda x: torch.zeros_like(x), "of the clean digits are right"),
    (remembers(), "remembers"),
    (looks_up(), "by heart"),
    (lambda x: x * torch.nan, "NaN"),
    (lambda: None, "must take the arguments (x)"),
)


def test_the_goal_is_between_three_bits_and_one(said) -> None:
    out = said(two_levels)
    assert "✓ goal reached (goal 60.0 %, the course's three_bits" in out and scores.best("23/shield") > open_task("shield").goal + 8, out
    assert task.left(task.three_bits) < 20 and "not yet at the goal" in said(lambda x: F.avg_pool2d(x, 3, 1, 1))


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ shield: ") and words in out, out
    assert scores.best("23/shield") is None
