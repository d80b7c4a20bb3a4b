"""The first attack (Szegedy 2013): box-constrained L-BFGS for a whole batch at once, with a search for each picture's own c."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive
from .common import attacking, each, wide
from .margins import wanted

Problem = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # places [M, D], and of which problems they are [M] -> values [M], slopes [M, D]
FLAT, SHORT = 1e-3, 2.0**-9  # a problem is done when no pixel is pulled by more than FLAT, or when steps have become shorter than SHORT
LOOK = 8  # done problems are dropped at every eighth evaluation: looking for them waits for the device


def lbfgs(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, targeted: bool = False,
    c: float = 1.0, searches: int = 9, steps: int = 50, memory: int = 8,
) -> Tensor:  # fmt: skip
    """Box-constrained L-BFGS (Szegedy 2013): a small change r that makes x + r another class than y,
    or with `targeted=True` class y.

    For each picture it minimises c |r|_2^2 + loss(x + r), with x + r in [0, 1], at the largest c for
    which the class is reached: the larger c, the more a small change counts. That c is found by
    bisection, with one minimisation for each of its `searches` values. The loss is the cross-entropy
    of the target; without one it is -log(1 - p_y), the cross-entropy of "anything but y". The paper's
    penalty is c |r|, which has no gradient at r = 0; its square leads along the same best trades
    between size and loss, at other c.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction.
    What is of the wanted class already (without a target: no longer of class y) comes back as it is,
    r = 0; so does what no c takes there. c: the first one to try. steps: at most so many steps for
    each c, every one an evaluation of the model, after a first one at the start. memory: how many steps L-BFGS remembers.
    """
    check_positive(c, "c", zero=False), check_count(searches, "searches")
    check_count(steps, "steps"), check_count(memory, "memory")
    with attacking(model, x, y, targeted=targeted) as (x, y):
        scores = runtime.logits(model, x)
        y, found = y(scores), x.clone()
        left = ((scores.argmax(1) == y) != targeted).nonzero().flatten()  # the others need no change
        clean, y = x[left], y[left]
        best, weight = clean, torch.full_like(left, c, dtype=wide(x).dtype)
        low = torch.zeros_like(weight)  # the largest c that has succeeded
        high = torch.full_like(weight, math.inf)  # the smallest that has failed
        for _ in range(searches if len(left) else 0):
            problem = cost(model, clean, y, weight, targeted)
            ended = minimise(problem, wide(best).flatten(1), steps, memory).to(x).view_as(best)
            reached = (runtime.predict(model, ended) == y) == targeted
            best = torch.where(each(reached), ended, best)
            low, high = torch.where(reached, weight, low), torch.where(reached, high, weight)
            weight = next_weight(low, high)
        found[left] = best
        return found


def next_weight(low: Tensor, high: Tensor) -> Tensor:
    """The next c to try `[N]`: the geometric mean of the largest that succeeded and the smallest that failed.

    As long as none has failed (high is infinite) ten times the largest; as long as none has succeeded (low is 0) a tenth of the smallest.
    """
    return torch.where(high == math.inf, 10 * low, torch.where(low == 0, high / 10, (low * high).sqrt()))


def cost(model: nn.Module, x: Tensor, y: Tensor, weight: Tensor, targeted: bool) -> Problem:
    """c |r|^2 + loss(x + r) and its slope, at places x + r `[M, D]` of some of the pictures."""
    flat = wide(x).flatten(1)

    def of(places: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        places = runtime.watched(places)
        scores = wide(model(places.view(-1, *x.shape[1:]).to(x.dtype, copy=True)))
        loss, r, c = -wanted(scores, y[which], targeted), places.detach() - flat[which], weight[which]
        return c * r.square().sum(1) + loss.detach(), 2 * c[:, None] * r + runtime.gradient(loss, places)

    return of


# ---------------------------------------------------------------- projected L-BFGS, many problems at once


def minimise(problem: Problem, start: Tensor, steps: int, memory: int) -> Tensor:
    """Places in [0, 1] at which `problem` is small, for many separate problems: from `start` `[N, D]`.

    L-BFGS-B's simple cousin (Bertsekas 1982): values that stand at 0 or 1 and are pulled outwards are
    held, L-BFGS gives the direction of the others, and the step is clipped to [0, 1]. Each evaluation
    of the batch serves every problem: one takes a step there if its value falls far enough (Armijo's
    rule), another finds its step too long and tries a quarter of it. None waits for the slowest.
    """
    end, z, left = start.clone(), start, torch.arange(len(start), device=start.device)
    past, length = Memory(start, memory), torch.ones_like(start[:, 0])
    value, slope = problem(z, left)
    for k in range(1, steps + 1):
        held = ((z <= 0) & (slope > 0)) | ((z >= 1) & (slope < 0))
        trial = (z + length[:, None] * past.direction(slope, ~held)).clamp(0, 1)
        there, steep = problem(trial, left)
        better = there <= value + 1e-4 * ((trial - z) * slope).sum(1)
        past.add(trial - z, steep - slope, better)
        z, slope = (torch.where(better[:, None], a, b) for a, b in ((trial, z), (steep, slope)))
        value, length = torch.where(better, there, value), torch.where(better, 1.0, length / 4)
        if k % LOOK == 0 or k == steps:
            end[left] = z
            stay = (((z - slope).clamp(0, 1) - z).abs().amax(1) > FLAT) & (length > SHORT)
            left, z, slope, value, length = (state[stay] for state in (left, z, slope, value, length))
            past.keep(stay)
            if not len(left):
                break
    return end


class Memory:
    """The last steps s of each problem, and how its slope changed on each, y: what L-BFGS knows of the curvature."""

    def __init__(self, like: Tensor, size: int) -> None:
        self.size, self.steps = size, 0
        self.rows = like.new_zeros(len(like), 2 * size + 1, like.shape[1])  # all s, all y, and the slope

    def add(self, s: Tensor, y: Tensor, taken: Tensor) -> None:
        """One more step `[N, D]`, in the place of the oldest one; nothing for a problem that has not taken it."""
        slot = self.steps % self.size
        self.rows[:, slot], self.rows[:, self.size + slot] = s * taken[:, None], y * taken[:, None]
        self.steps += 1

    def keep(self, stay: Tensor) -> None:
        """Forget the problems that are done."""
        self.rows = self.rows[stay]

    def direction(self, slope: Tensor, free: Tensor) -> Tensor:
        """-H slope `[N, D]` among the free values, H being L-BFGS's inverse curvature (Nocedal 1980).

        All vectors in Nocedal's two loops are sums of the s, the y and the slope. So the loops work on
        their few coefficients, and on the products of all with all, which are one multiplication of
        matrices for the whole batch (Chen, Wang and Zhou 2014).
        """
        m, newest = self.size, [k % self.size for k in range(self.steps - 1, max(self.steps - self.size, 0) - 1, -1)]
        self.rows[:, -1] = slope
        rows = self.rows * free[:, None]
        products = rows @ rows.transpose(1, 2)
        curved = products.diagonal(m, 1, 2)[:, :m]  # s . y: above 0 where the slope rose on the way
        bent = products.diagonal(0, 1, 2)[:, m : 2 * m]  # y . y
        known = curved > 1e-6 * bent
        inverse, scale = torch.where(known, 1 / curved, 0), products[:, -1, -1].sqrt().clamp_min(1e-12).reciprocal()
        q, first = torch.zeros_like(products[:, 0]), {}
        q[:, -1] = 1
        for i in newest:
            first[i] = inverse[:, i] * (products[:, i] * q).sum(1)
            q[:, m + i] -= first[i]
        for i in reversed(newest):  # the newest that is known sets the scale; without any, the first step has length 1
            scale = torch.where(known[:, i], curved[:, i] / bent[:, i], scale)
        q *= scale[:, None]
        for i in reversed(newest):
            q[:, i] += first[i] - inverse[:, i] * (products[:, m + i] * q).sum(1)
        return -(q[:, None] @ rows)[:, 0]
