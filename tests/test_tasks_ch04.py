"""The open task of chapter 04: its budget is counted for real, cheats are refused, the goal can be reached."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from course_utils import models, visualize
from course_utils.checking import Mistake
from course_utils.exercises import open_task
from course_utils.tasks import ch04_saliency_occlusion as task


def in_rounds(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The chapter's solution in other words: delete a part, take a new gradient, delete again."""
    order = torch.zeros(len(x), x.shape[2] * x.shape[3])
    for k in range(16):
        left = torch.where(order.view(len(x), 1, *x.shape[2:]) > 0, 0.5, x)
        fall = ((left - 0.5) * visualize.score_gradient(model, left, y)).sum(1).flatten(1)
        fall[order > 0] = -torch.inf
        order.scatter_(1, fall.argsort(1, descending=True)[:, : order.shape[1] // 16], 16.0 - k)
    return order.view(len(x), *x.shape[2:])


def test_the_goal_is_beyond_the_course_s_map_and_can_be_reached() -> None:
    one = open_task("better_map")
    assert not one.more_is_better and one.score(in_rounds) <= one.goal < 0.6 * one.score(one.baseline)


def test_the_same_score_each_time() -> None:
    assert task.score(visualize.saliency) == task.score(visualize.saliency)


def test_an_order_that_asks_no_network_is_far_from_the_goal() -> None:
    middle = -(torch.linspace(-1, 1, 48)[:, None] ** 2 + torch.linspace(-1, 1, 48) ** 2)
    assert task.score(lambda model, x, y: middle.expand(len(x), -1, -1)) > 1.5 * open_task("better_map").goal


def test_work_is_counted_in_forward_passes() -> None:
    model, x, y = task.unseen()
    assert task.passes(lambda: model(x), model, x)[1] == pytest.approx(1)
    assert task.passes(lambda: visualize.score_gradient(model, x, y), model, x)[1] == pytest.approx(2, abs=0.05)
    leaf = x.clone().requires_grad_()  # as a student writes it
    assert task.passes(lambda: torch.autograd.grad(model(leaf).sum(), leaf)[0], model, x)[1] == pytest.approx(3, abs=1.01)
    assert task.passes(lambda: task.occlusion(model, x, y), model, x)[1] == pytest.approx(65, abs=0.5)


def finer(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return visualize.heat_map(visualize.occlusion(model, x, y, window=8, stride=4, local=False), 48, 8, 4)


def many_gradients(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return visualize.integrated_gradients(model, x, y, steps=34).sum(1)


def another_copy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """A network of one's own, loaded anew, is counted as well."""
    return many_gradients(models.load("signnet-signs"), x, y)


@pytest.mark.parametrize("answer", [finer, many_gradients, another_copy])
def test_more_work_than_allowed_is_refused(answer: Callable) -> None:
    with pytest.raises(Mistake, match=r"forward passes for each picture; at most 65 are allowed"):
        task.score(answer)


def greyed(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    heat = visualize.saliency(model, x, y)
    x.fill_(0.5)
    return heat


def blinded(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    heat = visualize.saliency(model, x, y)
    with torch.no_grad():
        model[-1].weight.mul_(0)
    return heat


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (greyed, "x was changed in place"),
        (blinded, "its weights changed"),
        (lambda model, x, y: visualize.score_gradient(model, x, y), "has shape"),
        (lambda model, x, y: visualize.saliency(model, x, y)[:1], "has shape"),
        (lambda model, x, y: visualize.saliency(model, x, y) / 0, "infinite|NaN"),
        (lambda model, x, y: 0.05, "is float"),
        (lambda model, x, y: None, "returns nothing"),
    ],
)
def test_cheats_and_wrong_forms_are_refused(answer: Callable, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        task.score(answer)
    assert task.score(visualize.saliency) < 0.5  # what was changed is not kept
