"""The open task of chapter 16: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import pytest
import torch

from course_utils import attacks, models, scores
from course_utils.exercises import open_task
from course_utils.runtime import generator
from course_utils.tasks import ch16_stickers_patches as task


def near_the_best(oracle, x, y, steps=40):
    chance, size, count = generator(0), torch.tensor([8, 2]), len(x)
    adds, best, place = torch.tensor([-1.0, 1.0]), torch.full((count,), -torch.inf), torch.zeros(count, 2, 2)
    box = lambda p: torch.cat([p, p + size], 2).long()  # noqa: E731
    for k in range(steps):
        if k < 8:
            tried = 10 + 22 * torch.rand(count, 2, 2, generator=chance)
        else:
            tried = place + (3 if k < 25 else 1.5) * torch.randn(count, 2, 2, generator=chance) * (torch.rand(count, 2, 1, generator=chance) < 0.7)
        tried = torch.minimum(tried.round().clamp(min=0), 48 - size)
        s = oracle(attacks.stuck(x, box(tried), adds))
        ahead = s.scatter(1, y[:, None], -torch.inf).amax(1) - s.gather(1, y[:, None])[:, 0]
        place, best = torch.where((ahead > best)[:, None, None], tried, place), torch.maximum(best, ahead)
    return box(place)


def four_corners(x):
    return torch.tensor([[0, 0, 6, 2], [10, 10, 16, 13]]).repeat(len(x), 1, 1)


SHIPPED = models.load("signnet-signs")  # a network that is there before
REFUSED = (
    (lambda o, x, y: torch.tensor([[0, 0, 6, 6], [10, 10, 16, 13]]).repeat(len(x), 1, 1), "54 pixels of a picture are covered; 34 are allowed"),
    (lambda o, x, y: four_corners(x).index_fill(2, torch.tensor([0]), -3), "inside the picture"),
    (lambda o, x, y: four_corners(x).flip(2), "not above x1 and y1"),
    (lambda o, x, y: near_the_best(o, x, y, 41), "40 a picture are allowed"),
    (lambda o, x, y: four_corners(x) + (SHIPPED(x).sum() * 0).long(), "there before"),
    (lambda o, x, y: attacks.stickers(models.load("signnet-signs"), x, y).boxes, "read from a file"),
    (lambda o, x, y: attacks.scattered(x, dark=1, bright=1).images, "has shape"),
    (lambda o, x, y: four_corners(x).float(), "torch.int64 is expected"),
    (lambda o, x, y: four_corners(x.zero_()), "in place"),
    (lambda o, x, y: None, "returns nothing"),
    (lambda o, x: four_corners(x), "must take the arguments (oracle, x, y)"),
)


def test_the_goal_is_above_random_search_and_below_steps_near_the_best(said) -> None:
    goal = open_task("two_stickers").goal
    out = said(near_the_best)
    assert "✓ goal reached (goal 75.0 %, the course's at_random" in out and scores.best("16/two_stickers") > goal + 4, out
    assert "not yet at the goal" in said(task.at_random)
    assert task.fooled(lambda oracle, x, y: torch.zeros(len(x), 2, 4, dtype=torch.long)) == 0


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    said_so = out.partition(", in the line")[0]  # the student's line is quoted, and holds the words of this table
    assert out.startswith("✗ two_stickers: ") and words in said_so, out
    assert scores.best("16/two_stickers") is None
