"""For exercises about activations: values on both sides of a bound, changes of a layer that few or all units carry, two networks' logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..runtime import generator
from .calls import call
from .exercise import Case
from .expectations import expect


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed))


def excited() -> Iterator[Case]:
    """Values of a layer `[N, C, H, W]` below 0, below the bound and far above it; a bound for each channel; a slope."""
    yield {"x": 3 * normal(4, 3, 5, 2, seed=1), "bound": torch.tensor([1.5, 0.5, 3.0]), "slope": 0.1}
    yield {"x": 8 * normal(2, 3, 4, 4, seed=2), "bound": torch.tensor([4.0, 0.2, 1.0]), "slope": 0.35}
    yield {"x": 0.2 * normal(3, 5, 3, 3, seed=3), "bound": 0.05 + torch.rand(5, generator=generator(4)), "slope": 0.0}
    yield {"x": torch.tensor([-1.0, 0.0, 1.0, 2.0, 9.0]).view(1, 1, 1, 5), "bound": torch.tensor([2.0]), "slope": 0.2}


def bound_learns(answer: Callable) -> None:
    """The gradients: for x 1 inside, s below 0, -s above the bound; for the bound 1 + s for every value above it."""
    case = next(excited())
    x, bound = case["x"].requires_grad_(), case["bound"].requires_grad_()
    value = call(answer, x=x, bound=bound, slope=0.1)
    expect(isinstance(value, Tensor) and value.requires_grad, "the values are right, but they have no gradient: no .detach() or torch.no_grad() here, the bound is to be trained.")
    slopes = torch.autograd.grad(value.sum(), (x, bound), allow_unused=True)
    expect(slopes[1] is not None, "the values are right, but the bound gets no gradient; it is to be trained: is it turned into a number, or detached?")
    limit = bound.detach().view(-1, 1, 1)
    above, below = x.detach() > limit, x.detach() < 0
    expect(slopes[0] is not None and torch.allclose(slopes[0], torch.where(above, -0.1, torch.where(below, 0.1, 1.0)), atol=1e-5), "the values are right, but the gradient for x is not: 1 inside, s below 0, -s above the bound.")
    expect(torch.allclose(slopes[1], 1.1 * above.sum((0, 2, 3)).to(x), atol=1e-4), "the values are right, but the bound's gradient is not 1 + s for each value above it: is a part of it detached?")


def changes() -> Iterator[Case]:
    """A layer before and after an attack, `[N, ...]`: few units change a lot, or all a little; and the share of the units that counts as the top."""
    before = normal(5, 8, 5, 5, seed=1).relu()
    few = before.clone()
    few[:, 2, 1:3, 1:3] += 20 * torch.rand(5, 2, 2, generator=generator(2))
    yield {"before": before, "after": few + 0.1 * normal(5, 8, 5, 5, seed=3), "top": 0.029}
    yield {"before": before, "after": before + 0.3 * normal(5, 8, 5, 5, seed=4), "top": 0.022}
    yield {"before": normal(3, 40, seed=5), "after": normal(3, 40, seed=6), "top": 0.25}
    yield {"before": normal(2, 30, seed=7), "after": -4 * normal(2, 30, seed=8), "top": 0.001}
    yield {"before": before[:2], "after": before[:2].flip(0) - 3, "top": 0.53}
    yield {"before": 0.01 * normal(2, 30, seed=9), "after": 0.01 * normal(2, 30, seed=10), "top": 0.1}


def two_networks() -> Iterator[Case]:
    """Logits of two networks for the same attacked pictures, and the right classes."""
    for count, classes, seed in ((23, 4, 1), (40, 3, 2), (7, 5, 3)):
        y = torch.randint(0, classes, (count,), generator=generator(seed))
        help_ = torch.nn.functional.one_hot(y, classes)
        yield {"first": normal(count, classes, seed=seed + 10) + 0.8 * help_, "second": normal(count, classes, seed=seed + 20) + 2.2 * help_ - 1, "y": y}
    yield {"first": normal(6, 3, seed=31) - 9 * torch.nn.functional.one_hot(torch.zeros(6, dtype=torch.long), 3), "second": normal(6, 3, seed=32), "y": torch.zeros(6, dtype=torch.long)}
    sure = 9 * torch.nn.functional.one_hot(torch.arange(5) % 3, 3).float()
    yield {"first": sure, "second": sure.flip(0)[[4, 3, 2, 1, 0]] + 0.5, "y": torch.arange(5) % 3}  # nobody is fooled


# ---------------------------------------------------------------- answers with a mistake


def wide(bound: Tensor, x: Tensor) -> Tensor:
    return bound.view(-1, *[1] * (x.dim() - 2))


def pieces(x: Tensor, b: Tensor, s: float) -> Tensor:
    return torch.where(x > wide(b, x), wide(b, x) - s * (x - wide(b, x)), torch.where(x < 0, s * x, x))


def above(rule: Callable[[Tensor, Tensor, float], Tensor]) -> Callable:
    """A wrong answer beyond the bound."""
    return lambda x, b, s: torch.where(x > wide(b, x), rule(x, wide(b, x), s), torch.where(x < 0, s * x, x))


def below(rule: Callable[[Tensor, Tensor, float], Tensor]) -> Callable:
    """A wrong answer below 0."""
    return lambda x, b, s: torch.where(x < 0, rule(x, wide(b, x), s), pieces(x, b, s))


def sizes(change: Callable[[Tensor, Tensor], Tensor], keep: Callable[[int, float], int] = lambda k, top: max(1, round(top * k)), largest: bool = True) -> Callable:
    """A wrong share: of another change, another number of units, or the smallest ones."""

    def answer(before: Tensor, after: Tensor, top: float) -> Tensor:
        d = change(before, after).flatten(1)
        return d.topk(min(d.shape[1], keep(d.shape[1], top)), 1, largest=largest).values.sum(1) / d.sum(1)

    return answer


def parted(*rows: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """A wrong table: other rows of who is fooled, a and b."""
    return lambda f, s, y: 100 * torch.stack([row(f.argmax(1) != y, s.argmax(1) != y) for row in rows]).to(f).mean(1)


def moved(b: Tensor, a: Tensor) -> Tensor:
    return (a - b).abs()


def whole_batch(before: Tensor, after: Tensor, top: float) -> Tensor:
    """The top units of all pictures together."""
    d = moved(before, after).flatten(1)
    limit = d.flatten().topk(max(1, round(top * d.numel()))).values[-1]
    return (d * (d >= limit)).sum(1) / d.sum(1)


def none(a: Tensor, b: Tensor) -> Tensor:
    return ~a & ~b


def one(a: Tensor, b: Tensor) -> Tensor:
    return a & ~b


def other(a: Tensor, b: Tensor) -> Tensor:
    return ~a & b


def both(a: Tensor, b: Tensor) -> Tensor:
    return a & b
