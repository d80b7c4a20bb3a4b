"""Carlini and Wagner's attacks: the smallest change, in L2, in the max-norm or in pixels, found by an optimizer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive
from .common import attacking
from .margins import LOSSES, Goal
from .shrinking import MaxLimit, PixelLimit, shrink
from .tanh_space import Walk
from .working import Nearest, Progress, Working


def carlini_wagner(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, norm: str = "l2", targeted: bool = False, loss: str = "f6",
    confidence: float = 0.0, c: float | None = None, search: int = 9, steps: int = 1000, rate: float | None = None,
    edge: float = 1e-6, most: float | None = None,
) -> Tensor:  # fmt: skip
    """Carlini and Wagner 2016: min D(x, x') + c f(x') over x' = (tanh(w) + 1) / 2, with Adam, for each picture its own c.

    f <= 0 where the model answers as wanted: with `targeted=True` the class y, else any but y. norm: what D measures,
    "l2": |x' - x|^2; the c that gives the smallest change is searched for: ten times as large until one works, then halving.
    "linf": the sum of (|x'_i - x_i| - tau)+; tau is a tenth less after each success. "l0": L2 on the pixels that may still
    change; after each success those that matter least become fixed. Where that fails, c
    becomes larger (twice, or for l0 ten times as large), until it is too large.
    There is no budget. A picture for which nothing is found, and one that is as wanted already, comes back as it is.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction. loss: f1 to f7.
    confidence: the paper's kappa, by how much the wanted logit shall lead. c: the first (None: the paper's, 1e-3, 1e-5, 1e-3).
    search: how many c (l2). steps: of Adam for each c, fewer where nothing is gained any more. rate: Adam's (None: the paper's).
    edge: how far black and white are drawn towards grey at the start; so near to them w must go far until x' moves.
    most: the largest c (linf, l0; None: 20 and 1,000).
    """
    check_count(search, "search"), check_count(steps, "steps"), check_positive(confidence, "confidence")
    if not 0 < check_positive(edge, "edge") < 1:
        raise ValueError(f"edge is {edge}; a number above 0 and below 1 is expected.")
    first, usual, last = DEFAULTS[runtime.pick("norm", norm, DEFAULTS)]
    c = first if c is None else check_positive(c, "c", zero=False)
    rate = usual if rate is None else check_positive(rate, "rate", zero=False)
    most = last if most is None else check_positive(most, "most", zero=False)
    goal = Goal(runtime.pick("loss", loss, LOSSES), targeted, confidence)
    with attacking(model, x, y, targeted=targeted) as (x, y):
        scores = runtime.logits(model, x)
        y = y(scores)
        found, left = x.clone(), (~goal(scores, y)[1]).nonzero().flatten()  # those that are not as wanted yet
        if len(left):
            there, classes = x[left], y[left]
            if norm == "l2":
                found[left] = nearest(model, there, classes, goal, c, search, steps, rate, edge)
            else:
                limit = MaxLimit(there) if norm == "linf" else PixelLimit(there)
                found[left] = shrink(model, there, classes, goal, limit, c, most, steps, rate, edge)
        return found


DEFAULTS = {"l2": (1e-3, 0.01, 0), "linf": (1e-5, 0.005, 20), "l0": (1e-3, 0.01, 1e3)}  # the first c, Adam's rate, the largest c


def nearest(model: nn.Module, x: Tensor, y: Tensor, goal: Goal, c: float, search: int, steps: int, *walk: float) -> Tensor:
    """The L2 attack: `search` values of c for each picture, and the nearest picture that any of them gave."""
    best = Nearest(x)
    low, high, c = torch.zeros_like(best.size), best.size, torch.full_like(best.size, c)
    for _ in range(search):
        found, far = descend(model, x, y, goal, c, steps, *walk)
        best.keep(far < torch.inf, found, far)
        low, high, c = next_c(low, high, c, far < torch.inf)
    return best.x.to(x.dtype)


def next_c(low: Tensor, high: Tensor, c: Tensor, worked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """low: the largest c that failed, high: the smallest that worked; c next: half-way, or ten times as large if none worked yet."""
    low, high = torch.where(worked, low, torch.maximum(low, c)), torch.where(worked, torch.minimum(high, c), high)
    return low, high, torch.where(high < torch.inf, (low + high) / 2, 10 * c)


def descend(model: nn.Module, x: Tensor, y: Tensor, goal: Goal, c: Tensor, steps: int, rate: float, edge: float) -> tuple[Tensor, Tensor]:
    """Adam on |x' - x|^2 + c f(x'): for each picture the nearest x' on the way that is as wanted, and its |x' - x|^2 (or inf).

    A picture whose value has not become smaller for a tenth of the steps is dropped.
    """
    at = Working(x, y=y, c=c, walk=Walk(x, rate, edge), progress=Progress(c))
    for k in range(1, steps + 1):
        z = runtime.watched(at.walk.pictures())  # x' = (tanh(w) + 1) / 2
        f, won = goal(model(z.to(x.dtype, copy=True)), at.y)
        change = z.detach() - at.x
        square = change.square().flatten(1).sum(1)
        slope = runtime.gradient(at.c * f, z) + 2 * change
        at.best.keep(won, z, square)
        at.progress.see(square + at.c * f)
        at.walk.step(slope)
        if k % max(steps // 10, 1) == 0:
            at.leave(at.progress.ended())
            if not len(at):
                break
    return at.finish()
