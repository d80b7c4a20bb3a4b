"""The open task of chapter 21: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from course_utils import measure, scores
from course_utils.exercises import open_task
from course_utils.tasks import ch21_detection as task


def without_stickers(x):
    known = ~((x <= 0) | (x >= 1)).all(1, keepdim=True).expand_as(x)
    now, kernel = torch.where(known, x, 0.0), torch.ones(x.shape[1], 1, 3, 3)
    for _ in range(max(x.shape[2:])):
        count = F.conv2d(known.to(x), kernel, padding=1, groups=x.shape[1])
        mean = F.conv2d(now, kernel, padding=1, groups=x.shape[1]) / count.clamp_min(1)
        now, known = torch.where(known, now, mean), known | (count > 0)
    return now


def when_they_are_gone(model, x):
    with torch.no_grad():
        own, z = model(x).argmax(1), model(without_stickers(x))
    return z.scatter(1, own[:, None], -torch.inf).amax(1) - z.gather(1, own[:, None])[:, 0]


REFUSED = (
    (lambda m, x: x.zero_()[:, 0, 0, 0], "in place"),
    (lambda m, x: x[:1, 0, 0, 0], "has shape"),
    (lambda m, x: x.flatten(1).mean(1).double(), "torch.float64"),
    (lambda m, x: torch.full_like(x[:, 0, 0, 0], torch.nan), "NaN"),
    (lambda m, x: torch.full_like(x[:, 0, 0, 0], torch.inf), "infinite"),
    (lambda m, x: m.train()(x).amax(1).detach(), "model"),
    (lambda m, x: None, "returns nothing"),
    (lambda m: None, "must take the arguments (model, x)"),
)


def test_the_goal_is_above_the_covers_and_below_filling_in(said) -> None:
    goal = open_task("which_stickers").goal
    out = said(when_they_are_gone)
    assert "✓ goal reached (goal 95.0 %" in out and scores.best("21/which_stickers") > goal + 1, out
    assert task.told_apart(open_task("which_stickers").baseline) < goal - 5


def test_what_asks_no_network_tells_nothing() -> None:
    stained = task.told_apart(lambda m, x: ((x <= 0) | (x >= 1)).all(1).flatten(1).float().mean(1))
    assert 25 < stained < 75, "both kinds carry stickers"
    assert 20 < task.told_apart(lambda m, x: x.flatten(1).mean(1)) < 80


def test_both_kinds_are_what_they_are_called() -> None:
    net, attacked, harmless = task.both_kinds()
    assert len(attacked) > 20 and len(harmless) > 20
    assert measure.auroc(task.defenses.consistency_score(net, attacked), task.defenses.consistency_score(net, harmless)) > 0.5


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ which_stickers: ") and words in out, out
    assert scores.best("21/which_stickers") is None
