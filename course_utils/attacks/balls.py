"""The budgets of the iterative attacks: the pictures within eps of x in some norm and inside [0, 1].

A ball knows three things: where a random start lies, which way is steepest for its norm, and how to come back inside.
Everything that does not change from step to step is computed once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .. import runtime
from .common import bounds, each, inwards, wide


class MaxBall:
    """|moved - x| <= eps in every pixel, and 0 <= moved <= 1."""

    def __init__(self, x: Tensor, eps: float) -> None:
        self.x, self.eps = x, eps
        self.low, self.high = bounds(x, eps)

    def __getitem__(self, chosen: Tensor) -> MaxBall:
        """The ball of some of the pictures."""
        return MaxBall(self.x[chosen], self.eps)

    def random(self, generator: torch.Generator) -> Tensor:
        """A start for each picture: every pixel anywhere within eps, all places alike."""
        noise = torch.rand(self.x.shape, generator=generator, dtype=self.x.dtype)
        return self.back(self.x + self.eps * (2 * noise - 1).to(self.x.device))

    def direction(self, gradient: Tensor) -> Tensor:
        """The best direction of size 1 for a linear function: the sign."""
        return gradient.sign()

    def back(self, moved: Tensor) -> Tensor:
        """The nearest place inside, in the precision of `moved`: every pixel is clipped for itself."""
        return moved.clamp(self.low, self.high)


class L2Ball:
    """||moved - x||_2 <= eps, and 0 <= moved <= 1."""

    def __init__(self, x: Tensor, eps: float) -> None:
        self.x, self.eps = x, eps

    def __getitem__(self, chosen: Tensor) -> L2Ball:
        """The ball of some of the pictures."""
        return L2Ball(self.x[chosen], self.eps)

    def random(self, generator: torch.Generator) -> Tensor:
        """A start for each picture: anywhere in the ball, all places alike (before clipping to [0, 1])."""
        noise = torch.randn(self.x.shape, generator=generator, dtype=self.x.dtype)
        share = torch.rand(len(self.x), generator=generator, dtype=self.x.dtype) ** (1 / noise[0].numel())
        return self.back(self.x + (self.eps * each(share) * self.direction(noise)).to(self.x.device))

    def direction(self, gradient: Tensor) -> Tensor:
        """The best direction of size 1 for a linear function: the gradient over its norm; 0 where it is 0."""
        size = gradient.flatten(1).norm(dim=1)
        return gradient / each(size.clamp_min(torch.finfo(gradient.dtype).tiny))

    def back(self, moved: Tensor) -> Tensor:
        """Straight back to the ball, then clipped to [0, 1], which brings it nearer to x still; in the precision of `moved`."""
        change = wide(moved) - wide(self.x)
        size = change.flatten(1).norm(dim=1).clamp_min(torch.finfo(change.dtype).tiny)
        inside = change * each((self.eps / size).clamp(max=1))
        back = (self.x + inside).clamp_(0, 1)
        return inwards(back, self.x) if moved.dtype == self.x.dtype else back


BALLS = {"linf": MaxBall, "l2": L2Ball}


def ball(norm: str, x: Tensor, eps: float) -> MaxBall | L2Ball:
    """The ball of this norm around pictures `x`."""
    return BALLS[runtime.pick("norm", norm, BALLS)](x, eps)
