"""The open task of chapter 21: tell stickers that fool a network from stickers that do not."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import attacks, data, defenses, measure, models, runtime
from ..checking import OpenTask, expect, returned, untouched
from ..checking.calls import call

NETWORK, COUNT, SEED = "smallvgg-signs", 30, 7  # the chapter shows the pictures of seed 0


@functools.lru_cache(maxsize=1)
def both_kinds() -> tuple[nn.Module, Tensor, Tensor]:
    """The network, and drawn signs that it has right: with stickers that evolution found and that fool it, and with random ones that do not."""
    net, pictures = models.load(NETWORK), data.load("objects", "test", n=3 * COUNT, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    right = runtime.predict(net, x) == y
    x, y = x[right][: 2 * COUNT], y[right][: 2 * COUNT]
    attacked = attacks.stickers(net, x[:COUNT], y[:COUNT], population=20, generations=30, generator=runtime.generator(SEED)).images
    harmless = attacks.scattered(x[COUNT:], generator=runtime.generator(SEED + 1)).images
    return net, attacked[runtime.predict(net, attacked) != y[:COUNT]], harmless[runtime.predict(net, harmless) == y[COUNT:]]


def told_apart(score: Callable) -> float:
    """AUROC in percent of `score(model, x)`, [N], higher for stickers that fool. Both kinds come in one batch, in an order that says nothing."""
    net, attacked, harmless = both_kinds()
    order = torch.randperm(len(attacked) + len(harmless), generator=runtime.generator(3)).to(attacked.device)
    given = copy.deepcopy(net), torch.cat([attacked, harmless])[order]
    with untouched(model=given[0], x=given[1]):
        got = call(score, model=given[0], x=given[1])
    scores = returned(got, given[1][:, 0, 0, 0], "the score")
    expect(scores.isfinite().all(), "the score holds infinite values; every picture needs its place in the order.")
    back = scores[order.argsort()]
    return 100 * measure.auroc(back[: len(attacked)], back[len(attacked) :])


def under_covers(model: nn.Module, x: Tensor) -> Tensor:
    """The chapter's own score."""
    return defenses.consistency_score(model, x)


TASKS = (
    OpenTask("which_stickers", under_covers, told_apart, goal=95.0, minutes=25, hints=(
        "Any of these pictures has stickers on it. What is different is what the network says when they are gone.",
        "The stickers of this chapter make pixels exactly 0 or exactly 1 in all channels. Where are they? What would lie below them?",
        "Fill them in from their edge: take the mean of the known neighbours of each unknown pixel, again and again, until all are known. Then compare the class before and after.",
    )),
)  # fmt: skip
