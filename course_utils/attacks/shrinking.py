"""The loop of Carlini and Wagner's L0 and max-norm attacks: a limit that becomes tighter after each success."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import runtime
from .common import each, wide
from .margins import Goal
from .tanh_space import Walk
from .working import Progress, Rows, Working

LOOK = 5  # after so many steps it is seen which pictures have done it, and which give up


class MaxLimit(Rows):
    """|x' - x| <= tau, asked for by a penalty: the sum of (|x'_i - x_i| - tau)+."""

    growth, smallest, part = 2.0, 1 / 256, 0.9

    def __init__(self, x: Tensor) -> None:
        self.tau = wide(x).new_ones(len(x))

    def inside(self, moved: Tensor, x: Tensor) -> Tensor:
        return moved

    def penalty(self, change: Tensor) -> tuple[Tensor, Tensor]:
        """Its value for each picture `[N]`, and its slope."""
        over = change.abs() - each(self.tau)
        return over.relu().flatten(1).sum(1), change.sign() * (over > 0)

    def kept(self, change: Tensor) -> Tensor:
        """Which pictures keep the limit, within a hundredth."""
        return change.abs().flatten(1).amax(1) <= 1.01 * self.tau

    def size(self, change: Tensor) -> Tensor:
        return change.abs().flatten(1).amax(1)

    def tighten(self, chosen: Tensor, change: Tensor, slope: Tensor) -> None:
        """tau becomes a tenth less than what was reached."""
        self.tau = torch.where(chosen, self.part * torch.minimum(self.tau, self.size(change)), self.tau)

    def over(self) -> Tensor:
        """For which pictures it cannot become tighter."""
        return self.tau < self.smallest

    def relax(self, failed: Tensor) -> Tensor:
        return torch.zeros_like(failed)


class PixelLimit(Rows):
    """Only some pixels may change; the penalty is |x' - x|^2."""

    growth, first = 10.0, 0.2

    def __init__(self, x: Tensor) -> None:
        self.free = torch.ones_like(x[:, 0], dtype=torch.bool)  # [N, H, W]
        self.before, self.share = self.free, wide(x).new_full((len(x),), self.first)

    def inside(self, moved: Tensor, x: Tensor) -> Tensor:
        return torch.where(self.free[:, None], moved, wide(x))

    def penalty(self, change: Tensor) -> tuple[Tensor, Tensor]:
        return change.square().flatten(1).sum(1), 2 * change

    def kept(self, change: Tensor) -> Tensor:
        return torch.ones_like(self.share, dtype=torch.bool)

    def size(self, change: Tensor) -> Tensor:
        return (change.abs().amax(1) > 0).flatten(1).sum(1).to(change.dtype)

    def tighten(self, chosen: Tensor, change: Tensor, slope: Tensor) -> None:
        """Of the pixels that may change, those of the smallest |change * slope| become fixed: a share of them, at least one."""
        matters = (change * slope).abs().sum(1).where(self.free, torch.inf).flatten(1)
        count = (self.share * self.free.flatten(1).sum(1)).long().clamp_min(1)
        rank = matters.argsort(1).argsort(1).view_as(self.free)
        self.before = torch.where(chosen[:, None, None], self.free, self.before)
        self.free = torch.where(chosen[:, None, None], self.free & (rank >= count[:, None, None]), self.free)

    def over(self) -> Tensor:
        return ~self.free.flatten(1).any(1)

    def relax(self, failed: Tensor) -> Tensor:
        """Where too many pixels were fixed at once: as before, and fewer next time."""
        again = failed & (self.share * self.before.flatten(1).sum(1) >= 2)
        self.free = torch.where(again[:, None, None], self.before, self.free)
        self.share = torch.where(failed, self.share / 2, self.share)
        return again


def shrink(
    model: nn.Module, x: Tensor, y: Tensor, goal: Goal, limit: MaxLimit | PixelLimit, c: float, most: float, steps: int,
    rate: float, edge: float,
) -> Tensor:  # fmt: skip
    """Adam on penalty + c f: at a success the limit becomes tighter; after `steps` steps, or where nothing is gained, c grows."""
    first, tenth = wide(x).new_full((len(x),), c), max(steps // 10 // LOOK, 1) * LOOK
    at = Working(x, y=y, limit=limit, walk=Walk(x, rate, edge), progress=Progress(first), c=first, worked=first, steep=torch.zeros_like(wide(x)))
    while len(at):
        z, hit = few_steps(model, goal, at)
        stuck = ~hit & (at.progress.ended(at.walk.taken % tenth == 0) | (at.walk.taken >= steps))
        at.limit.tighten(hit, at.best.x - at.x, at.steep)
        at.worked, at.c = torch.where(hit, at.c, at.worked), torch.where(stuck, limit.growth * at.c, at.c)
        spent = stuck & (at.c > most)
        again = at.limit.relax(spent)  # L0: back to the pixels before, and fewer of them at once
        at.c, fresh = torch.where(again, at.worked, at.c), hit | stuck
        at.walk.restart(fresh, torch.where(each(at.best.size < torch.inf), at.best.x, z))  # until something is found it walks on
        at.progress.restart(fresh)
        at.leave(spent & ~again | hit & at.limit.over())
    return at.finish()[0].to(x.dtype)


def few_steps(model: nn.Module, goal: Goal, at: Working) -> tuple[Tensor, Tensor]:
    """LOOK steps of Adam on penalty + c f. The last pictures, and which were as wanted within their limit on the way."""
    hit = torch.zeros_like(at.c, dtype=torch.bool)
    for _ in range(LOOK):
        z = runtime.watched(at.limit.inside(at.walk.pictures(), at.x))
        f, won = goal(model(z.to(at.x.dtype, copy=True)), at.y)
        slope, change = runtime.gradient(at.c * f, z), z.detach() - at.x
        value, pull = at.limit.penalty(change)
        at.best.keep(won, z, at.limit.size(change))
        at.steep = torch.where(each(won), at.steep, slope)  # of c f, where the picture was last on the wrong side
        hit = hit | (won & at.limit.kept(change))
        at.progress.see(value + at.c * f)
        at.walk.step(slope + pull)
    return z.detach(), hit
