"""The open task of chapter 03: a map that tells a network which learned the same task from one that forgot it."""

from __future__ import annotations

import functools
from collections.abc import Callable

from torch import Tensor, nn

from .. import data, measure, models, runtime, visualize
from ..checking import OpenTask, expect, returned, untouched
from ..checking.work import expect_work, passes

COUNT, BUDGET, FORGOTTEN = 8, 40, ("6", "8", "13", "16")


def gradient_sizes(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Plain backprop of the class's score: its size, the largest of the colours."""
    return visualize.saliency(model, x, y)


@functools.lru_cache(maxsize=1)
def unseen() -> tuple[dict[str, nn.Module], Tensor, Tensor]:
    """SignNet, its twin, and SignNet with its four upper layers drawn anew; signs that the chapter does not show."""
    own, twin = (models.classifier("signs", source="drawn", training=training) for training in (None, "twin"))
    signs = data.load("signs", "test", 2 * COUNT, source="drawn", seed=6)
    x, y = signs.x.to(runtime.device()), signs.y.to(runtime.device())
    chosen = ((runtime.predict(own, x) == y) & (runtime.predict(twin, x) == y)).nonzero().flatten()[:COUNT]
    forgetful = visualize.randomize_weights(own, runtime.generator(11), layers=FORGOTTEN)
    return {"own": own, "twin": twin, "forgetful": forgetful}, x[chosen], y[chosen]


def score(answer: Callable) -> float:
    """Rank correlation with the twin's map, minus that with the map of the network whose upper layers are random."""
    networks, x, y = unseen()
    maps = {}
    for name, model in networks.items():
        given = x.clone(), y.clone()
        with untouched(model=model, x=given[0], y=given[1]):
            heat, used = passes(lambda model=model, given=given: answer(model, *given), model, x)
        returned(heat, x[:, 0], "the map")
        expect(heat.isfinite().all(), "the map holds infinite values; every pixel needs its place in the order.")
        expect_work(used, BUDGET)
        maps[name] = heat.detach()
    alike = {name: measure.rank_correlation(maps["own"], maps[name]).mean().item() for name in ("twin", "forgetful")}
    return alike["twin"] - alike["forgetful"]


TASKS = (
    OpenTask("honest_map", gradient_sizes, score, goal=0.52, form="{:.2f}", minutes=20, hints=(
        "The twin's gradient differs in its details. What do two networks that read the same signs have in common: single pixels, or regions?",
        "The sign of a change says more than its size: gradient * (x - 0.5), summed over the colours, says whether a pixel speaks for the class.",
        "Average the gradient over pictures between grey and x (torch.lerp), multiply by (x - 0.5), sum the colours, and blur with "
        "F.avg_pool2d(..., 9, 1, 4). Do not take the absolute value.",
    )),
)  # fmt: skip
