"""The open task of chapter 04: a map with a small deletion area, for no more work than occlusion takes."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import data, models, runtime, visualize
from ..checking import OpenTask, expect, returned, untouched
from ..checking.work import expect_work, passes

COUNT, FILL, BUDGET = 8, 0.5, 65
SHARES = (0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1)


def occlusion(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Occlusion with 64 squares of 8 x 8 pixels, as a map of pixels [N, 48, 48]."""
    return visualize.heat_map(visualize.occlusion(model, x, y, window=8, stride=6, fill=FILL), 48, 8, 6)


@functools.lru_cache(maxsize=1)
def unseen() -> tuple[nn.Module, Tensor, Tensor]:
    """SignNet and signs that the chapter does not show, the first COUNT that it has right."""
    model, signs = models.classifier("signs", source="drawn"), data.load("signs", "test", 2 * COUNT, source="drawn", seed=4)
    x, y = signs.x.to(runtime.device()), signs.y.to(runtime.device())
    chosen = (runtime.predict(model, x) == y).nonzero().flatten()[:COUNT]
    return model, x[chosen], y[chosen]


def deletion_area(model: nn.Module, x: Tensor, y: Tensor, heat: Tensor) -> float:
    """The area under the mean probability of the class as the pixels with the highest heat turn grey first."""
    rank = heat.flatten(1).argsort(dim=1, descending=True, stable=True).argsort(1).reshape(heat.shape)[:, None]
    left = torch.cat([x.masked_fill(rank < round(share * heat[0].numel()), FILL) for share in SHARES])
    own = runtime.logits(model, left).softmax(1).gather(1, y.repeat(len(SHARES))[:, None]).reshape(len(SHARES), -1)
    return torch.trapezoid(own.mean(1).double().cpu(), torch.tensor(SHARES, dtype=torch.double)).item()


def score(answer: Callable) -> float:
    """The deletion area of the answer's maps. Their work is counted."""
    model, x, y = unseen()
    given = copy.deepcopy(model), x.clone(), y.clone()  # whatever an answer does to these, the next attempt finds the same signs
    with untouched(**dict(zip(("model", "x", "y"), given))):
        heat, used = passes(lambda: answer(*given), model, x)
    returned(heat, x[:, 0], "the map")
    expect_work(used, BUDGET)
    expect(heat.isfinite().all(), "the map holds infinite values; every pixel needs its place in the order.")
    return deletion_area(model, x, y, heat.detach())


TASKS = (
    OpenTask("better_map", occlusion, score, goal=0.08, form="{:.3f}", more_is_better=False, minutes=20, hints=(
        "Deleting is a large change to grey, and it is done pixel after pixel. What does a gradient say about the change from x to grey?",
        "gradient * (x - 0.5), summed over the colours, says to first order how far the score falls when a pixel turns grey. Signs matter.",
        "A gradient is true near its picture only: delete a few percent, take a new gradient on what is left, delete again, "
        "and give back the order in which the pixels went.",
    )),
)  # fmt: skip
