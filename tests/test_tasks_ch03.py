"""The open task of chapter 03: what asks no network gains nothing, cheats are refused, the goal can be reached."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import visualize
from course_utils.checking import Mistake
from course_utils.exercises import open_task
from course_utils.tasks import ch03_gradients as task


def speaking(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The chapter's solution in other words: integrated gradients from grey, their signs kept, blurred."""
    return F.avg_pool2d(visualize.integrated_gradients(model, x, y, baseline=0.5, steps=4).sum(1, keepdim=True), 9, 1, 4)[:, 0]


def guided(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return visualize.project_back(model, x, "16", y, rule="guided").abs().amax(1)


def test_the_goal_is_beyond_the_gradient_and_can_be_reached() -> None:
    one = open_task("honest_map")
    assert one.more_is_better and one.score(speaking) >= one.goal > 1.3 * one.score(one.baseline)
    assert one.score(guided) < 0.1  # the failure that the chapter shows


def test_a_map_that_asks_no_network_scores_nothing() -> None:
    middle = -(torch.linspace(-1, 1, 48)[:, None] ** 2 + torch.linspace(-1, 1, 48) ** 2)
    assert task.score(lambda model, x, y: middle.expand(len(x), -1, -1)) == 0
    assert task.score(lambda model, x, y: x.mean(1)) == 0


def many_gradients(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return visualize.integrated_gradients(model, x, y, steps=24).sum(1)


def greyed(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    heat = visualize.saliency(model, x, y)
    x.fill_(0.5)
    return heat


def blinded(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    heat = visualize.saliency(model, x, y)
    model[-1].weight.grad = torch.ones_like(model[-1].weight)
    return heat


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (many_gradients, "forward passes for each picture; at most 40"),
        (greyed, "x was changed in place"),
        (blinded, "parameters' gradients changed"),
        (lambda model, x, y: visualize.score_gradient(model, x, y), "has shape"),
        (lambda model, x, y: visualize.saliency(model, x, y) / 0, "infinite|NaN"),
        (lambda model, x, y: 0.5, "is float"),
        (lambda model, x, y: None, "returns nothing"),
    ],
)
def test_cheats_and_wrong_forms_are_refused(answer: Callable, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        task.score(answer)
    for model in task.unseen()[0].values():
        for weights in model.parameters():
            weights.grad = None
