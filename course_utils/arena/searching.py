"""What the arena needs beside the course's attacks: a random search that gives its pictures, gradients of another network, and a stand-in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import runtime
from ..attacks import pgd, train_substitute
from ..attacks.balls import MaxBall
from ..attacks.common import each
from ..attacks.margins import lead


def square(model: nn.Module, x: Tensor, y: Tensor, *, eps: float, queries: int, generator: torch.Generator) -> Tensor:
    """Square attack in the max-norm (Andriushchenko 2020): stripes of +-eps, then ever smaller squares, kept where the margin does not fall.

    It asks for scores only. Pictures that fool are asked about no more. The side of the squares is that of a share p of the picture, which
    falls from 0.3 by half, eight times.
    """
    (count, _, height, width), ball = x.shape, MaxBall(x, eps)
    best, top, left = x.clone(), torch.full((len(x),), -torch.inf), torch.arange(len(x))
    with torch.no_grad():
        for k in range(queries):
            if k == 0:
                tried = ball.back(x + eps * coins((count, 1, 1, width), generator))
            else:
                side = max(1, round((0.3 * 0.5 ** (8 * k / queries) * height * width) ** 0.5))
                inside = window(len(left), height, side, generator)[:, None, :, None] & window(len(left), width, side, generator)[:, None, None, :]
                tried = torch.where(inside, ball[left].back(x[left] + eps * coins((len(left), 1, 1, 1), generator)), best[left])
            reached = lead(model(tried), y[left], targeted=False)
            best[left] = torch.where(each(reached >= top[left]), tried, best[left])
            top[left] = torch.maximum(reached, top[left])
            left = left[reached <= 0]
            if not len(left):
                break
    return best


def coins(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """+1 or -1 for each place."""
    return 2.0 * torch.randint(0, 2, shape, generator=generator) - 1


def window(count: int, length: int, side: int, generator: torch.Generator) -> Tensor:
    """For each picture a run of `side` places somewhere in a row of `length`: bool `[N, length]`."""
    start = torch.randint(0, length - side + 1, (count, 1), generator=generator)
    return (torch.arange(length) >= start) & (torch.arange(length) < start + side)


def from_others(model: nn.Module, others: list[nn.Module], x: Tensor, y: Tensor, *, eps: float, steps: int, generator: torch.Generator) -> Tensor:
    """Transfer: PGD on each of the other networks, and on all of them together; of each picture the one that the model takes most surely for another class."""
    sources = [*others, Together(others)] if len(others) > 1 else others
    return best_of(model, x, y, [lambda net=net: pgd(net, x, y, eps=eps, steps=steps, generator=generator) for net in sources])


def best_of(model: nn.Module, x: Tensor, y: Tensor, makers: list[Callable[[], Tensor]]) -> Tensor:
    """Of several candidates for each picture the one with the largest margin; the model is asked once about each."""
    best, top = x.clone(), torch.full((len(x),), -torch.inf)
    for make in makers:
        found = make()
        with torch.no_grad():
            reached = lead(model(found), y, targeted=False)
        best, top = torch.where(each(reached > top), found, best), torch.maximum(reached, top)
    return best


class Together(nn.Module):
    """The mean of the logarithms of several networks' probabilities."""

    def __init__(self, models: list[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([model(x).log_softmax(1) for model in self.models]).mean(0)


class Calmed(nn.Module):
    """A network whose scores are divided by one number, so that the cross-entropy has a slope: sure networks drown it (chapter 19)."""

    def __init__(self, model: nn.Module, x: Tensor) -> None:
        super().__init__()
        top = runtime.logits(model, x).topk(2).values
        self.model, self.scale = model, max(1e-6, (top[:, 0] - top[:, 1]).median().item())

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) / self.scale


def stand_in(model: nn.Module, seeds: Tensor, start: nn.Module, check: Callable[[], None], *, rounds: int, seed: int) -> nn.Module:
    """A network that has learnt to answer as the submission does, from its class numbers alone (Papernot 2016); `check` may stop it between rounds."""

    def ask(x: Tensor) -> Tensor:
        return runtime.predict(model, x)

    return train_substitute(
        ask, seeds, model=start, rounds=rounds, step=0.15, epochs=2, lr=5e-4, seed=seed, watch=lambda net, count: check()
    ).model.eval()
