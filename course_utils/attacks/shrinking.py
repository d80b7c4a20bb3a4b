"""The loop of Carlini and Wagner's L0 and max-norm attacks: a limit that becomes tighter after each success."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from .. import runtime
from .common import each, wide
from .margins import Goal
from .tanh_space import Walk

LOOK = 5  # after so many steps it is seen which pictures have done it, and which give up
GAIN = 0.999  # which a tenth of the steps must bring


class MaxLimit:
    """|x' - x| <= tau, asked for by a penalty: the sum of (|x'_i - x_i| - tau)+."""

    growth, smallest, part = 2.0, 1 / 256, 0.9

    def __init__(self, x: Tensor) -> None:
        self.tau = wide(x).new_ones(len(x))

    def __getitem__(self, chosen: Tensor) -> MaxLimit:
        some = object.__new__(MaxLimit)
        some.tau = self.tau[chosen]
        return some

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


class PixelLimit:
    """Only some pixels may change; the penalty is |x' - x|^2."""

    growth, first = 10.0, 0.2

    def __init__(self, x: Tensor) -> None:
        self.free = torch.ones_like(x[:, 0], dtype=torch.bool)  # [N, H, W]
        self.before, self.share = self.free, wide(x).new_full((len(x),), self.first)

    def __getitem__(self, chosen: Tensor) -> PixelLimit:
        some = object.__new__(PixelLimit)
        some.free, some.before, some.share = self.free[chosen], self.before[chosen], self.share[chosen]
        return some

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
    best, left, walk = x.clone(), torch.arange(len(x), device=x.device), Walk(x, rate, edge)
    found, steep = wide(x), torch.zeros_like(wide(x))
    size = before = lowest = found.new_full((len(x),), torch.inf)
    c = worked = torch.full_like(size, c)
    hit, tenth = torch.zeros_like(size, dtype=torch.bool), max(steps // 10 // LOOK, 1) * LOOK
    for k in itertools.count(1):
        z = runtime.watched(limit.inside(walk.pictures(), x))
        f, won = goal(model(z.to(x.dtype, copy=True)), y)
        slope, change = runtime.gradient(c * f, z), z.detach() - x
        steep = torch.where(each(won), steep, slope)  # of f, where the picture was last on the wrong side
        value, pull = limit.penalty(change)
        nearer = won & (limit.size(change) < size)
        found, size = torch.where(each(nearer), z.detach(), found), limit.size(change).where(nearer, size)
        hit, lowest = hit | (won & limit.kept(change)), torch.minimum(lowest, value + c * f.detach())
        walk.step(slope + pull)
        if k % LOOK:
            continue
        due = walk.taken % tenth == 0
        stuck = ~hit & ((walk.taken >= steps) | due & (lowest >= GAIN * before))
        limit.tighten(hit, found - x, steep)
        worked, c = torch.where(hit, c, worked), torch.where(stuck, limit.growth * c, c)
        spent = stuck & (c > most)
        again = limit.relax(spent)
        c, fresh = torch.where(again, worked, c), hit | stuck
        walk.restart(fresh, torch.where(each(size < torch.inf), found, z.detach()))  # until something is found it walks on
        before, lowest = torch.where(due, lowest, before).masked_fill(fresh, torch.inf), lowest.masked_fill(fresh, torch.inf)
        going = ~(spent & ~again | hit & limit.over())
        hit = torch.zeros_like(hit)
        if not going.all():
            best[left] = found.to(x.dtype)
            parts = x, y, left, walk, limit, found, steep, size, before, lowest, c, worked, hit
            x, y, left, walk, limit, found, steep, size, before, lowest, c, worked, hit = (part[going] for part in parts)
            if not len(left):
                return best
