"""For exercises about temperatures, soft labels and vanished gradients: cases, a `train` that is quick and exact, and a distillation with mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ..runtime import generator
from .exercise import Case
from .expectations import expect
from .probes import attack_cases, probe


def at(scores: Tensor, temperature: float) -> Tensor:
    """softmax(z / T) of each row."""
    return (scores / temperature).softmax(1)


class Scores:
    """A linear classifier as `train` gives it: a function from pictures to logits. Its answer carries a graph, as a network's does."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights.requires_grad_()

    def __call__(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weights


def train(x: Tensor, targets: Tensor, temperature: float) -> Scores:
    """A linear classifier after thirty steps down the cross-entropy at T, from a fixed start: classes `[N]` or soft labels `[N, K]`."""
    expect(isinstance(targets, Tensor) and targets.dim() in (1, 2) and len(targets) == len(x), "train takes classes [N] or soft labels [N, K], one row for each picture.")
    expect(not targets.requires_grad, "the soft labels carry the teacher's graph; they are given numbers: compute them under torch.no_grad().")
    flat = x.detach().flatten(1)
    weights = (0.1 * torch.randn(flat.shape[1], 4, generator=generator(5))).to(flat)
    goal = F.one_hot(targets, 4).to(flat) if targets.dim() == 1 else targets.to(flat)
    for _ in range(30):
        weights = weights - 3 * flat.T @ (at(flat @ weights, temperature) - goal) / len(flat)
    return Scores(weights)


def lessons() -> Iterator[Case]:
    x, new = (torch.rand(count, 1, 4, 3, generator=generator(seed)) for count, seed in ((24, 1), (5, 2)))
    y = torch.randint(0, 4, (24,), generator=generator(3))
    yield {"train": train, "x": x, "y": y, "temperature": 3.0, "new": new}
    yield {"train": train, "x": x.flip(0), "y": y, "temperature": 7.0, "new": new + 0.1}
    yield {"train": train, "x": x, "y": y, "temperature": 2.0, "new": new[:1]}


def taught(first: float | None = None, labels: float | None = None, second: float | None = None, last: float = 1.0, rule: Callable = lambda soft: soft) -> Callable:
    """The defense with another temperature at one of the four places (None: T), or with `rule` applied to the soft labels."""

    def answer(train: Callable, x: Tensor, y: Tensor, T: float, new: Tensor) -> Tensor:  # noqa: N803
        teacher = train(x, y, first or T)
        soft = rule(at(teacher(x), labels or T).detach())
        return at(train(x, soft, second or T)(new), T if last == 0 else last).detach()

    return answer


def rows() -> Iterator[Case]:
    scores = 3 * torch.randn(6, 5, generator=generator(1))
    yield {"scores": scores, "temperature": 2.5}
    yield {"scores": 4 * scores - 300, "temperature": 9.0}
    yield {"scores": scores.T.contiguous(), "temperature": 0.3}
    yield {"scores": torch.tensor([[900.0, -200.0, 899.0], [5.0, 5.0, -400.0], [-700.0, -700.0, -701.0]]), "temperature": 1e-38}
    yield {"scores": 0.01 * scores, "temperature": 1e6}
    yield {"scores": 1e-37 * scores, "temperature": 1e-37}


def at_rows(rule: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, float], Tensor]:
    """A wrong softmax that is stable all the same, so that it differs by its mistake alone."""
    return lambda s, t: rule(s - s.amax(1, keepdim=True), t)


def batches() -> Iterator[Case]:
    scores, chance = 4 * torch.randn(7, 5, generator=generator(2)), generator(3)
    soft = (2 * torch.randn(7, 5, generator=chance)).softmax(1)
    yield {"scores": scores, "soft": soft, "temperature": 3.0}
    yield {"scores": 300 * scores, "soft": soft, "temperature": 1.5}
    yield {"scores": 100 * scores[:4], "soft": soft[3:], "temperature": 60.0}
    yield {"scores": scores, "soft": F.one_hot(torch.arange(7) % 5, 5).float(), "temperature": 8.0}


def trains(answer: Callable) -> None:
    """The loss must have the gradient (softmax(z / T) - soft) / (T N) for the logits."""
    scores, soft, temperature = next(batches()).values()
    value = answer(scores.requires_grad_(), soft, temperature)
    expect(isinstance(value, Tensor) and value.requires_grad, "the value is right, but it has no gradient: no .detach(), .item() or torch.no_grad() here.")
    (slope,) = torch.autograd.grad(value, scores)
    want = (at(scores.detach(), temperature) - soft) / (temperature * len(scores))
    expect(torch.allclose(slope, want, atol=1e-5), "the value is right, but its gradient for the logits is not (softmax(z / T) - soft) / (T N).")


def sure_ones() -> Iterator[Case]:
    """A network so sure that some gradients vanish, some are tiny, and some are of the usual size; one pixel it never sees."""
    model, x, _ = probe(channels=2, count=10)
    with torch.no_grad():
        model.last.weight.mul_(80), model.last.bias.mul_(80)
        own = model(x).argmax(1)
    yield {"model": model, "x": x, "y": torch.where(torch.arange(10) < 7, own, (own + 1) % 4)}
    yield {"model": model, "x": x.flip(0), "y": own.flip(0)}


def margins() -> Iterator[Case]:
    """As for every attack, and once with all logits far below 0, as those of a distilled network may be."""
    yield from attack_cases("y")()
    model, x, y = probe(channels=3)
    with torch.no_grad():
        model.last.weight.mul_(100), model.last.bias.mul_(100).sub_(5000)
    yield {"model": model, "x": x, "y": y.roll(1), "eps": 0.05}
