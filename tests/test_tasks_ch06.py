"""The open task of chapter 06: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import pytest
import torch

from course_utils import layers, models, scores, visualize
from course_utils.exercises import open_task
from course_utils.tasks import ch06_inversion as task


def larger_steps(model, target, start, steps=30):
    """The search alone, from black."""
    smooth = visualize.total_variation(1e-3)
    return visualize.invert(model, target, "6", tuple(start.shape[1:]), centre=0.0, noise=0.02, prior=smooth, steps=steps, rate=0.1)


def decoded(model, target, start):
    """The decoder alone."""
    return visualize.decode(models.decoder("digits", "6", source="drawn"), target)


def both(model, target, start):
    """The search from the decoder's picture."""
    near = lambda answer: -visualize.distance(answer, target)  # noqa: E731
    smooth = visualize.total_variation(2e-4)
    return visualize.maximize(model, decoded(model, target, start), near, layer="6", prior=smooth, steps=30, rate=0.02, momentum=0.9)


def elsewhere(model, target, start):
    """Gradients of a network of the same kind, loaded anew, count as well."""
    return larger_steps(models.load("lenet-digits"), target, start, steps=31)


REFUSED = (
    (lambda m, t, s: larger_steps(m, t, s, steps=31), "31 gradients were taken"),
    (elsewhere, "31 gradients were taken"),
    (lambda m, t, s: s - 1, "pixels leave [0, 1]"),
    (lambda m, t, s: larger_steps(m, t[:1], s[:1]), "shape"),
    (lambda m, t, s: s.add_(0.5), "start"),
    (lambda m, t, s: t.zero_()[:, :1, None, None] + s, "target"),
    (lambda m, t, s: None, "returns nothing"),
    (lambda m, t: t, "must take the arguments (model, target, start)"),
)


def test_both_methods_reach_the_goal_and_the_course_does_not(said) -> None:
    out = said(both)
    assert "✓ goal reached (goal 0.080, the course's thirty_steps 0.1" in out, out
    assert scores.best("06/bring_back") < open_task("bring_back").goal - 0.004, "not a matter of luck"


@pytest.mark.parametrize("alone", [larger_steps, decoded])
def test_neither_method_alone_is_enough(alone) -> None:
    assert task.error(alone) > open_task("bring_back").goal + 0.004


def test_the_course_s_own_is_better_than_no_search() -> None:
    assert open_task("bring_back").goal + 0.02 < task.error(task.thirty_steps) < 0.6 * task.error(lambda model, target, start: start.clone())


def test_one_digit_for_all_does_not_reach_the_goal() -> None:
    """What never looks at the target: black, and grey."""
    for value in (0.0, 0.13):
        assert task.error(lambda model, target, start, v=value: torch.full_like(start, v)) > 0.2


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str) -> None:
    net = models.load("lenet-digits")
    target = layers.representation(net, torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0)), "6")
    with pytest.raises(Exception) as error:
        task.found(cheat, net, target)
    assert words in str(error.value) or "positional argument" in str(error.value), error.value
