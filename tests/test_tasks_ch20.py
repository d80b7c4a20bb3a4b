"""The open task of chapter 20: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import pytest
from torch import nn

from course_utils import attacks, defenses, models, scores
from course_utils.tasks import ch20_obfuscated_gradients as task


def opened(model, x, y, eps, draws=6, steps=15, back=None):
    return attacks.pgd(defenses.expectation(model.network, defenses.bpda(model.prepare, back), draws), x, y, eps=eps, steps=steps)


REFUSED = (
    (lambda m, x, y, e: x.add_(e).clamp_(0, 1), "in place"),
    (lambda m, x, y, e: opened(m, x, y, task.EPS), "with eps 0.06"),
    (lambda m, x, y, e: x + e, "pixels leave [0, 1]"),
    (lambda m, x, y, e: opened(m, x, y, e, draws=20, steps=6), "120 gradients were taken"),
    (lambda m, x, y, e: attacks.pgd(models.load("stridenet-digits"), x, y, eps=e, steps=120), "120 gradients were taken"),
    (lambda m, x, y, e: opened(m, x, y, e)[:1], "has shape [1, 1, 28, 28]"),
    (lambda m, x, y, e: None, "returns nothing"),
    (lambda m, x, y: x, "must take the arguments (model, x, y, eps)"),
)


def test_the_goal_is_reached_with_all_three_remedies_and_not_as_it_stands(said) -> None:
    out = said(opened)
    assert "✓ goal reached" in out and scores.best("20/break_it") > 68, out
    assert "not yet at the goal" in said(task.as_it_stands) and task.success(task.as_it_stands) < 10
    assert task.success(lambda m, x, y, e: attacks.pgd(nn.Sequential(defenses.bpda(m.prepare), m.network), x, y, eps=e, steps=20)) > 45, "BPDA with one draw comes near"


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ break_it: ") and words in out, out
    assert scores.best("20/break_it") is None
