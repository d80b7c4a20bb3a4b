"""Drawn pictures whose scenes can be changed: the same digit by another hand, the same sign met otherwise."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .. import runtime
from . import digits, signs


class Adjustable(NamedTuple):
    """Drawn pictures and the numbers behind them.

    y: classes `[N]`. own: what each was drawn with, `[N, P]`, in units of the range that its world allows: -1 and 1 are the range's ends, where the
    few lie that `data.load` would draw beyond it. names: of the P numbers. low, high: the range, `[P]`.
    """

    world: str
    y: Tensor
    own: Tensor
    names: tuple[str, ...]
    low: Tensor
    high: Tensor
    seed: int

    def render(self, parameters: Tensor) -> Tensor:
        """The same pictures `[N, C, H, W]` in [0, 1] with other `parameters` `[N, P]`, -1 to 1; of digits differentiable in them."""
        if parameters.shape != self.own.shape:
            raise ValueError(f"the parameters have shape {list(parameters.shape)}; {list(self.own.shape)} is expected: {', '.join(self.names)} of each picture.")
        columns = (self.low + (parameters.cpu().float() + 1) / 2 * (self.high - self.low)).unbind(1)
        chance = runtime.generator(self.seed)
        if self.world == "digits":
            return digits.written(self.y.cpu(), generator=chance, hand=digits.Hand(*columns))[0].to(self.y.device)
        return signs.seen(self.y.cpu(), generator=chance, view=signs.View(*columns))[0].x.to(self.y.device)


def adjustable(world: str, n: int, seed: int = 0) -> Adjustable:
    """`n` drawn digits or signs, the classes in turn, on the course's device; another `seed`, other pictures."""
    module = {"digits": digits, "signs": signs}[runtime.pick("world", world, ("digits", "signs"))]
    y, ranges = torch.arange(runtime.check_count(n, "n")) % len(module.NAMES), module.RANGES
    draw = module.written if world == "digits" else module.seen
    own = torch.stack(list(draw(y, generator=runtime.generator(seed))[1]), 1)
    low, high = (torch.tensor(ends) for ends in zip(*ranges))
    where = runtime.device()
    return Adjustable(world, y.to(where), (2 * (own - low) / (high - low) - 1).clamp(-1, 1).to(where), ranges._fields, low, high, seed)
