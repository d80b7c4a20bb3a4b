"""A submission as a network in the judge's hands: every attack of the course works on it, and it is asked in another process."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn

from .. import runtime
from . import wire
from .session import Session

AT_MOST, SECONDS = 256, 1.0  # pictures in one request; what one should take at most


class Stopped(Exception):
    """An attack's time is up."""


class Proxy(nn.Module):
    """`forward` asks the session for scores `[N, 10]`, autograd asks it for the gradient. No parameters.

    straight: whatever has no gradient is passed straight through (`straight`). until: when the attack's time is up. The first requests are
    small; how large the later ones are depends on how long these took.
    """

    def __init__(self, session: Session, *, straight: bool = False, chance: torch.Generator | None = None) -> None:
        super().__init__()
        self.session, self.straight = session, straight
        self.until, self.pace, self.together = float("inf"), 0.0, 4
        self.fastest = float("inf")  # seconds for a picture, at best
        self.chance = chance or runtime.generator()
        self.followed = self.answers = 0  # how many answers are the decoy, which is drawn anew for each picture: a tenth, by chance
        self.changed = self.crossed = False
        self.trouble = ""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != wire.SHAPE:
            raise ValueError(f"the pictures are {list(x.shape)}; [N, 1, 28, 28] are expected.")
        return torch.cat([Asked.apply(part, self) for part in x.split(self.together)])

    def asked(self, x: Tensor, want: bool) -> tuple[Tensor, int, bool]:
        """Scores of one request, the key of the answer, and whether it has a gradient."""
        self.hurry()
        started = time.monotonic()
        labels = torch.randint(wire.CLASSES, (len(x),), generator=self.chance)
        scores, notes, key = self.session.ask(x, labels, want * (wire.WANT | wire.STRAIGHT * self.straight))
        self.followed += int((scores.argmax(1) == labels).sum())
        self.answers += len(x)
        self.changed |= bool(notes & wire.CHANGED)
        self.crossed |= bool(notes & wire.CROSSED)
        if want and not notes & wire.HAS:
            self.trouble = "its forward pass refuses to be differentiated" if notes & wire.TROUBLE else "no gradient leads from its scores back to the pixels"
        if len(x) >= self.together // 2:  # of a few pictures the way there and back takes most
            self.learn_pace((time.monotonic() - started) / len(x))
        return scores.to(x.device, x.dtype), key, bool(notes & wire.HAS)

    def hurry(self) -> None:
        """Stop the attack when its time is up."""
        if time.monotonic() > self.until:
            raise Stopped

    def learn_pace(self, seconds: float) -> None:
        """From the seconds a picture took: how many go into the next request."""
        self.pace = seconds if not self.pace else 0.7 * self.pace + 0.3 * seconds
        self.fastest = min(self.fastest, seconds)
        self.together = max(1, min(AT_MOST, 4 * self.together, int(SECONDS / max(self.pace, 1e-6))))

    def pulled(self, weights: Tensor, x: Tensor, key: int) -> Tensor:
        """The gradient; the pictures are shown once more if the answer is no longer kept."""
        self.hurry()
        found = self.session.pull(weights, key)
        if found is None:
            found = self.session.pull(weights, self.asked(x, True)[1])
        if found is None:
            self.trouble = "its backward pass fails"
            return torch.zeros_like(x)
        if found[1] & wire.TROUBLE:
            self.trouble = "its backward pass fails, or gives numbers that are not finite"
        return found[0].to(x)


class Asked(torch.autograd.Function):
    """One request as a step of autograd."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, proxy: Proxy) -> Tensor:
        scores, ctx.key, has = proxy.asked(x, ctx.needs_input_grad[0])
        ctx.proxy = proxy
        ctx.save_for_backward(x)
        if not has:
            ctx.mark_non_differentiable(scores)
        return scores

    @staticmethod
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor, None]:
        return ctx.proxy.pulled(weights, ctx.saved_tensors[0], ctx.key), None


class Averaged(nn.Module):
    """The mean answer over `draws` calls, each for pictures moved by a little noise: expectation over whatever a network leaves to chance."""

    def __init__(self, model: nn.Module, draws: int, noise: float, chance: torch.Generator) -> None:
        super().__init__()
        self.model, self.draws, self.noise, self.chance = model, draws, noise, chance

    def forward(self, x: Tensor) -> Tensor:
        moved = (x + self.noise * torch.randn(x.shape, generator=self.chance).to(x) for _ in range(self.draws))
        return torch.stack([self.model(part.clamp(0, 1)) for part in moved]).mean(0)
