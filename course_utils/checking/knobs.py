"""For exercises about what a scene's few numbers do: a small drawing, and the mistakes made with its numbers and with rankings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..runtime import generator
from . import slips
from .exercise import Case
from .probes import probe


class Painted(nn.Module):
    """Pictures [N, 3, 6, 5] painted with numbers [N, P]: a picture of each one's own, and a pattern for each number; the last number does nothing.

    As the probe's, its weights hold gradients, and it is in the middle of some work: both must be there afterwards.
    """

    def __init__(self, count: int, numbers: int = 3) -> None:
        super().__init__()
        chance = generator(5)
        self.own = nn.Parameter(torch.randn(count, 3, 6, 5, generator=chance))
        self.patterns = nn.Parameter(torch.randn(numbers, 3, 6, 5, generator=chance))
        self.patterns.data[-1] = 0
        self.bend = nn.Sigmoid()
        for weights in self.parameters():
            weights.grad = torch.full_like(weights, 0.5)
        self.eval().bend.train()

    def forward(self, p: Tensor) -> Tensor:
        return self.bend(self.own + torch.einsum("np,pchw->nchw", p.sin() + p, self.patterns))


# ---------------------------------------------------------------- a step uphill in the numbers


def stepped(change: Callable[[Tensor, float], Tensor] = lambda g, step: step * g.sign(), back: Callable[[Tensor], Tensor] = lambda p: p.clamp(-1, 1),
            value: slips.Value = slips.total_loss) -> Callable[..., Tensor]:  # fmt: skip
    """How far it goes, how it is brought back, and up what."""

    def answer(model: nn.Module, render: nn.Module, p: Tensor, y: Tensor, step: float) -> Tensor:
        z = p.detach().clone().requires_grad_()
        slope = torch.autograd.grad(value(model(render(z)), y).sum(), z)[0]
        return back(p.detach() + change(slope, step)).detach()

    return answer


def scenes() -> Iterator[Case]:
    model, x, y = probe(channels=3)
    for seed, step, count in ((1, 0.21, 8), (2, 0.0713, 8), (3, 1.7, 5), (4, 0.13, 1)):
        p = 2 * torch.rand(count, 3, generator=generator(seed)) - 1
        yield {"model": model, "render": Painted(count), "p": p, "y": y[:count], "step": step}


# ---------------------------------------------------------------- the worst of several views


def loss_of(model: nn.Module, views: Tensor, y: Tensor) -> Tensor:
    """Each view's loss, [K, N]."""
    with torch.no_grad():
        return torch.stack([F.cross_entropy(model(x), y, reduction="none") for x in views])


def picked(choose: Callable[[Tensor], Tensor] = lambda loss: loss.argmax(0), value: Callable[..., Tensor] = loss_of) -> Callable[..., Tensor]:
    """Which view each picture gets, and by what."""

    def answer(model: nn.Module, views: Tensor, y: Tensor) -> Tensor:
        return views.detach()[choose(value(model, views, y)), torch.arange(len(y), device=views.device)]

    return answer


def margin_of(model: nn.Module, views: Tensor, y: Tensor) -> Tensor:
    """The lowest score of the right class, which is not the highest loss: the other scores count, too."""
    with torch.no_grad():
        return -torch.stack([model(x).gather(1, y[:, None])[:, 0] for x in views])


def by_prediction(model: nn.Module, views: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.stack([F.cross_entropy(model(x), model(x).argmax(1), reduction="none") for x in views])


def lead_of(model: nn.Module, views: Tensor, y: Tensor) -> Tensor:
    """By how much the best other score is above the right one's: the loss looks at all the others, too."""
    with torch.no_grad():
        scores = [model(x) for x in views]
        return torch.stack([s.scatter(1, y[:, None], -torch.inf).amax(1) - s.gather(1, y[:, None])[:, 0] for s in scores])


def softmax_twice(model: nn.Module, views: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.stack([F.cross_entropy(model(x).softmax(1), y, reduction="none") for x in views])


def views() -> Iterator[Case]:
    model, x, y = probe(channels=3)
    for seed, count in ((1, 5), (2, 3), (3, 7), (4, 6), (30, 12)):  # in the last the largest lead is not the highest loss
        some = x[: 1 if seed == 4 else None]
        noise = torch.randn(count, *some.shape, generator=generator(seed))
        yield {"model": model, "views": (some + 0.3 * noise).clamp(0, 1), "y": y[: len(some)]}


# ---------------------------------------------------------------- the hardest first


def ranked(steps_up: bool = True, loss_down: bool = True, more: int = 0) -> Callable[..., Tensor]:
    """By steps, and where they are equal by loss; which end comes first."""

    def answer(steps: Tensor, loss: Tensor, many: int) -> Tensor:
        order = loss.argsort(descending=loss_down, stable=True)
        return order[steps[order].argsort(descending=not steps_up, stable=True)][: many + more]

    return answer


def lists() -> Iterator[Case]:
    for seed, count, many in ((1, 30, 7), (2, 23, 11), (3, 40, 5), (4, 17, 1)):
        chance = generator(seed)
        yield {"steps": torch.randint(0, 9, (count,), generator=chance), "loss": 3 * torch.rand(count, generator=chance), "many": many}
