"""The open task of chapter 01: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from course_utils import models, runtime, scores, visualize
from course_utils.exercises import open_task
from course_utils.tasks import ch01_weights as task


def behind(model):
    """How large the second layer's weights for each filter are."""
    return model[2].weight.detach().transpose(0, 1).flatten(1).norm(dim=1)


def by_variation(model, x, y, count):
    with torch.no_grad():
        return (model[0](x).std((0, 2, 3)) * behind(model)).argsort()[:count]


def by_both_norms(model, x, y, count):
    return (visualize.first_layer_weights(model).flatten(1).norm(dim=1) * behind(model)).argsort()[:count]


def one_at_a_time(model, x, y, count):
    """What each filter alone costs."""
    cost = [F.cross_entropy(runtime.logits(visualize.without_filters(model, [k]), x[:100]), y[:100]).item() for k in range(20)]
    return torch.tensor(cost).argsort()[:count].tolist()


def by_asking(model, x, y, count):
    """The last hint: again and again the filter that costs least, on 50 digits."""
    gone = []
    while len(gone) < count:
        cost = {k: F.cross_entropy(runtime.logits(visualize.without_filters(model, [*gone, k]), x[:50]), y[:50]) for k in range(20) if k not in gone}
        gone.append(min(cost, key=cost.get))
    return gone


def edits(model, x, y, count):
    model[0].weight.data[0] = 0
    return list(range(count))


REFUSED = (
    (edits, "its weights changed"),
    (lambda m, x, y, c: list(range(14)), "14 different filters were named; 3 are expected, the argument `count`"),
    (lambda m, x, y, c: [0] * c, "1 different filters were named"),
    (lambda m, x, y, c: [*range(c - 1), 20], "there are filters 0 to 19"),
    (lambda m, x, y, c: [-k for k in range(c)], "there are filters 0 to 19"),
    (lambda m, x, y, c: torch.arange(20) < c, "the numbers of the filters are expected"),
    (lambda m, x, y, c: torch.arange(c).float(), "the numbers of the filters are expected"),
    (lambda m, x, y, c: torch.arange(c)[None], "the numbers of the filters are expected"),
    (lambda m, x, y, c: None, "returns nothing"),
    (lambda m, x: [0], "must take the arguments (model, x, y, count)"),
)


def test_the_goal_is_above_the_smallest_filters_and_below_what_looks_behind_them() -> None:
    goal = open_task("least_needed").goal
    small, varied = task.accuracy_left(task.smallest_filters), task.accuracy_left(by_variation)
    assert small < goal - 4 and varied > goal + 0.5
    assert task.accuracy_left(one_at_a_time) < goal, "filters are not independent: each alone is hardly missed"
    assert task.accuracy_left(lambda m, x, y, c: list(range(c))) < goal - 5, "numbers in mind are those of another order"


def test_the_last_hint_reaches_the_goal() -> None:
    assert task.accuracy_left(by_asking) > open_task("least_needed").goal + 0.5


def test_filters_in_another_order_are_the_same_function() -> None:
    net, x = models.load("lenet-digits"), torch.rand(3, 1, 28, 28, generator=runtime.generator(1))
    other = task.shuffled(net, seed=1)
    assert torch.allclose(net(x), other(x), atol=1e-4) and not torch.equal(net[0].weight, other[0].weight)


def test_the_score_is_printed_and_kept(said) -> None:
    out = said(by_variation)
    assert "Open task least_needed: 98." in out and "✓ goal reached (goal 97.5 %, the course's smallest_filters 93." in out
    assert scores.best("01/least_needed") == pytest.approx(98.4, abs=0.5)
    assert "not yet at the goal" in said(task.smallest_filters)


def test_a_stub_was_not_tried(said) -> None:
    def least_needed(model, x, y, count):
        """Docstring."""
        raise NotImplementedError

    assert said(least_needed).startswith("Open task least_needed: not tried yet (goal 97.5 %, the course's smallest_filters 93.")


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ least_needed: ") and words in out, out
    assert scores.best("01/least_needed") is None
