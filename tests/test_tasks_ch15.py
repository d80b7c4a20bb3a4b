"""The open task of chapter 15: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import pytest
import torch

from course_utils import attacks, models, scores
from course_utils.exercises import open_task
from course_utils.runtime import generator
from course_utils.tasks import ch15_one_pixel as task


def near_the_best(oracle, x, y, steps=100):
    chance, colours, count = generator(0), attacks.corners(3).to(x), len(x)
    best, found = torch.full((count,), -torch.inf), x.clone()
    place, colour = torch.zeros(count, 2, dtype=torch.long), torch.zeros(count, dtype=torch.long)
    for k in range(steps):
        if k < steps // 4:
            where, kind = torch.randint(4, 28, (count, 2), generator=chance), torch.randint(8, (count,), generator=chance)
        else:
            where = (place + torch.randint(-3, 4, (count, 2), generator=chance)).clamp(0, 31)
            kind = torch.where(torch.rand(count, generator=chance) < 0.3, torch.randint(8, (count,), generator=chance), colour)
        tried = x.clone()
        tried[torch.arange(count), :, where[:, 0], where[:, 1]] = colours[kind]
        s = oracle(tried)
        ahead = s.scatter(1, y[:, None], -torch.inf).amax(1) - s.gather(1, y[:, None])[:, 0]
        better = ahead > best
        found, best = torch.where(better[:, None, None, None], tried, found), torch.where(better, ahead, best)
        place, colour = torch.where(better[:, None], where, place), torch.where(better, kind, colour)
    return found


def two_pixels(oracle, x, y):
    z = x.clone()
    z[:, :, 3, 4:6] = 1
    z[:, :, 3, 4] = 0
    return z


SHIPPED = models.load("smallvgg-signs")  # a network that is there before
REFUSED = (
    (two_pixels, "2 pixels of a picture are other ones; one is allowed"),
    (lambda o, x, y: near_the_best(o, x, y, 101), "100 a picture are allowed"),
    (lambda o, x, y: x * (SHIPPED(x).sum() * 0 + 1), "there before"),
    (lambda o, x, y: attacks.one_pixel(models.load("smallvgg-signs"), x, y), "read from a file"),
    (lambda o, x, y: x + 0.1, "pixels leave [0, 1]"),
    (lambda o, x, y: x.zero_(), "in place"),
    (lambda o, x, y: x[:1], "has shape"),
    (lambda o, x, y: x.clone().requires_grad_(), "carries the graph"),
    (lambda o, x, y: None, "returns nothing"),
    (lambda o, x: x, "must take the arguments (oracle, x, y)"),
)


def test_the_goal_is_above_random_search_and_below_steps_near_the_best(said) -> None:
    goal = open_task("few_queries").goal
    out = said(near_the_best)
    assert "✓ goal reached (goal 40.0 %, the course's at_random" in out and scores.best("15/few_queries") > goal + 4, out
    assert "not yet at the goal" in said(task.at_random)
    assert task.fooled(lambda oracle, x, y: x) == 0


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    said_so = out.partition(", in the line")[0]  # the line of the answer is quoted, and holds the words of this table
    assert out.startswith("✗ few_queries: ") and words in said_so, out
    assert scores.best("15/few_queries") is None
