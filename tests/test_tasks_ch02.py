"""The open task of chapter 02: the goal is beyond the units and can be reached; what is no direction of length 1 is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.checking import Mistake
from course_utils.exercises import open_task
from course_utils.tasks import ch02_patches as task


def like_an_example(maps: Tensor, y: Tensor, label: int) -> Tensor:
    """The chapter's solution in other words: whitened differences from the mean, the best one by its first 30 pictures."""
    flat = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    covariance = (flat - flat.mean(0)).T @ (flat - flat.mean(0)) / len(flat)
    inverse = torch.linalg.inv(covariance + 0.1 * covariance.diagonal().mean() * torch.eye(maps.shape[1]))
    own = maps[y == label].permute(0, 2, 3, 1).reshape(-1, maps.shape[1]) - flat.mean(0)
    candidates = F.normalize(own @ inverse, dim=1)
    best = torch.einsum("vc,ncp->vnp", candidates, maps.flatten(2)).amax(2).topk(30, 1).indices
    return candidates[((y[best] == label).float().cumsum(1) / torch.arange(1, 31)).mean(1).argmax()]


def test_the_goal_is_beyond_the_units_and_random_directions_and_can_be_reached() -> None:
    one = open_task("better_direction")
    by_units = one.score(one.baseline)
    assert one.more_is_better and one.score(like_an_example) >= one.goal > by_units + 15

    def by_chance(maps: Tensor, y: Tensor, label: int) -> Tensor:
        return F.normalize(torch.randn(50, generator=torch.Generator().manual_seed(label)), dim=0)

    assert one.score(by_chance) < 40 and one.score(one.baseline) == by_units


def test_the_scored_pictures_are_not_the_given_ones() -> None:
    given, unseen = (task.pictures(seed, count)[0] for seed, count in zip(task.SEEDS, (task.FIT, task.UNSEEN)))
    assert not any((picture == unseen).flatten(1).all(1).any() for picture in given[:50])
    assert 0 not in task.SEEDS


def spoiled(maps: Tensor, y: Tensor, label: int) -> Tensor:
    v = task.best_unit(maps, y, label)
    maps.zero_()
    return v


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda maps, y, label: torch.ones(50), "length is 7.07; it must be 1"),
        (lambda maps, y, label: torch.zeros(50), "length is 0"),
        (lambda maps, y, label: torch.ones(1, 50), "has shape"),
        (lambda maps, y, label: torch.full((50,), torch.nan), "NaN"),
        (lambda maps, y, label: 7, "is int"),
        (lambda maps, y, label: None, "returns nothing"),
        (spoiled, "changed in place"),
    ],
)
def test_what_is_no_direction_is_refused(answer: Callable, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        task.score(answer)
    assert task.score(task.best_unit) > 30  # what was changed is not kept
