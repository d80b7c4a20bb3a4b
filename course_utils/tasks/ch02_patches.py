"""The open task of chapter 02: a direction in a layer whose top pictures show one digit, purer than any single unit's."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import data, models
from ..checking import OpenTask, call, expect, returned
from ..layers import representation

LAYER, FIT, UNSEEN, TOP = "3", 400, 1500, 9  # LeNet's map before its fully connected layers: 50 channels, 4 x 4
SEEDS = (31, 32)  # the chapter shows pictures of another seed


def best_unit(maps: Tensor, y: Tensor, label: int) -> Tensor:
    """The single unit whose nine strongest pictures, of those given, show the label most often; of several the strongest."""
    top = maps.flatten(2).amax(2).topk(TOP, 0)
    hits = (y[top.indices] == label).float()
    return F.one_hot((hits.mean(0) + 1e-3 * hits[0]).argmax(), maps.shape[1]).to(maps)


@functools.lru_cache(maxsize=2)
def pictures(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """LeNet's maps [N, 50, 4, 4] of drawn digits, and their labels."""
    net, digits = models.classifier("digits", source="drawn").cpu(), data.load("digits", "test", count, source="drawn", seed=seed)
    return representation(net, digits.x, LAYER, 250).contiguous(), digits.y


def score(answer: Callable) -> float:
    """Percent: the share of the wanted digit among a direction's nine strongest unseen pictures, mean of the ten digits."""
    unseen, truth = pictures(SEEDS[1], UNSEEN)
    shares = []
    for label in range(10):
        maps, y = (part.clone() for part in pictures(SEEDS[0], FIT))
        v = call(answer, maps=maps, y=y, label=label)
        returned(v, maps[0, :, 0, 0], "the direction")
        length = float(v.norm())
        expect(abs(length - 1) < 1e-3, f"the direction's length is {length:.3g}; it must be 1: divide by v.norm().")
        top = torch.einsum("c,ncp->np", v, unseen.flatten(2)).amax(1).topk(TOP).indices
        shares.append((truth[top] == label).float().mean().item())
    return 100 * sum(shares) / len(shares)


TASKS = (
    OpenTask("better_direction", best_unit, score, goal=70.0, form="{:.0f} %", minutes=20, hints=(
        "Any direction may be tried on the given pictures: (V @ maps.flatten(2)).amax(2) is [N, directions] for V [directions, 50]. Try "
        "many random ones and keep the one whose top pictures show the label most often. How far does that come?",
        "Nine pictures are a coarse measure; among many candidates luck wins. Take the mean of the shares among the top 1, 2, ..., 30.",
        "Better candidates: where a picture of the label differs from the usual. Take its vectors maps[i, :, r, c] minus the mean vector.",
        "Some channels vary much more than others, and together. Divide that out: torch.linalg.solve(S, difference), S being the covariance "
        "of all vectors plus a little on its diagonal.",
    )),
)  # fmt: skip
