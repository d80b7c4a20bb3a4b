"""For exercises about judging: what each attack left of each picture, counts, places, claimed gradients, shares of time; and how each goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..runtime import generator
from .exercise import Case
from .probes import probe
from .slips import gradient_of, total_loss


def coins(share: float, *shape: int, seed: int) -> Tensor:
    """True with probability `share`."""
    return torch.rand(*shape, generator=generator(seed)) < share


def outcomes() -> Iterator[Case]:
    """Which pictures are right unchanged `[N]`, which under each attack and which attacks were tried on which, `[N, A]`; in one case A is 1.

    What stands in `right` where an attack was not tried says nothing. One picture became right by an attack; on one none was tried.
    """
    tried = coins(0.7, 40, 5, seed=3)
    tried[4], tried[:3] = False, True
    right = coins(0.6, 40, 5, seed=2)
    right[:2] = True
    clean = coins(0.8, 40, seed=1)
    clean[:2], clean[4] = torch.tensor([True, False]), True
    yield {"clean": clean, "right": right, "tried": tried}
    yield {"clean": coins(0.9, 9, seed=4), "right": coins(0.8, 9, 9, seed=5), "tried": coins(0.6, 9, 9, seed=6)}
    yield {"clean": torch.ones(6, dtype=torch.bool), "right": torch.zeros(6, 2, dtype=torch.bool), "tried": torch.zeros(6, 2, dtype=torch.bool)}
    yield {"clean": coins(0.8, 12, seed=9), "right": coins(0.6, 12, 1, seed=10), "tried": coins(0.6, 12, 1, seed=11)}
    yield {"clean": coins(0.9, 30, seed=7), "right": coins(0.9, 30, 3, seed=8), "tried": torch.ones(30, 3, dtype=torch.bool)}


def counts() -> Iterator[Case]:
    """How many of how many pictures are right, `[K]` each, and how many standard deviations the interval shall reach."""
    yield {"right": torch.tensor([0.0, 3.0, 20.0, 61.0, 199.0]), "count": torch.tensor([20.0, 10.0, 20.0, 100.0, 200.0]), "z": 1.96}
    yield {"right": torch.tensor([5.0, 1.0]), "count": torch.tensor([9.0, 1.0]), "z": 1.0}
    yield {"right": torch.tensor([8.0]), "count": torch.tensor([11.0]), "z": 1.96}
    yield {"right": torch.tensor([50.0, 500.0, 7.0]), "count": torch.tensor([100.0, 1000.0, 7.0]), "z": 2.58}


def results() -> Iterator[Case]:
    """Accuracies left in the worst case and on clean pictures, some equal, some nearly so."""
    yield {"worst": torch.tensor([0.6, 0.7, 0.6, 0.1, 0.6]), "clean": torch.tensor([0.9, 0.8, 0.95, 1.0, 0.9])}
    yield {"worst": torch.tensor([0.3, 0.3, 0.3, 0.3]), "clean": torch.tensor([0.9, 0.9, 0.8, 0.9])}
    yield {"worst": torch.tensor([0.7]), "clean": torch.tensor([0.9])}
    yield {"worst": torch.tensor([0.5, 0.5 + 1e-9, 0.25, 0.25], dtype=torch.float64), "clean": torch.tensor([0.9, 0.9, 0.8, 0.8 + 1e-9], dtype=torch.float64)}
    yield {"worst": torch.tensor([0.0, 0.5, 0.25]), "clean": torch.tensor([0.99, 0.5, 0.75])}
    yield {"worst": torch.tensor([0.7, 0.7004, 0.69, 0.7]), "clean": torch.tensor([0.99, 0.5, 1.0, 0.9904])}
    yield {"worst": (5 * torch.rand(14, generator=generator(1))).round() / 5, "clean": (3 * torch.rand(14, generator=generator(2))).round() / 3}


class Flat(nn.Module):
    """A network whose scores never change."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(0 * x + 0.5)


def claimed() -> Iterator[Case]:
    """A network, pictures and classes, and what somebody says is the gradient of each picture's loss: the truth, noise, nothing, its negative.

    The last network's loss does not change at all, so that whatever says something lies.
    """
    model, x, y = probe(channels=2)
    true = gradient_of(total_loss, model, x, y).detach()
    noise = torch.randn(x.shape, generator=generator(4))
    mixed = torch.stack([true[0], noise[1], -true[2], 0 * true[3], true[4] + 0.3 * noise[4], noise[5], true[6], 2 * true[7]])
    yield {"model": model, "x": x, "y": y, "gradient": mixed, "step": 0.05}
    yield {"model": model, "x": x, "y": y, "gradient": mixed / 8, "step": 0.02}
    yield {"model": model, "x": x.flip(0), "y": y.flip(0), "gradient": mixed.roll(1, 0), "step": 0.11}
    yield {"model": Flat(model), "x": x, "y": y, "gradient": mixed, "step": 0.05}


def programmes() -> Iterator[Case]:
    """Shares of the time, what each attack needs `[A]`, and the seconds that there are."""
    yield {"shares": torch.tensor([1.0, 4.0, 2.0, 3.0]), "needs": torch.tensor([0.5, 30.0, 1.0, 40.0]), "seconds": 20.0}
    yield {"shares": torch.tensor([2.0, 1.0, 1.0]), "needs": torch.tensor([100.0, 100.0, 100.0]), "seconds": 12.0}
    yield {"shares": torch.tensor([3.0, 0.5, 2.0, 2.0, 1.0]), "needs": torch.tensor([1.0, 1.0, 9.0, 1.0, 50.0]), "seconds": 15.0}
    yield {"shares": torch.tensor([2.0]), "needs": torch.tensor([7.0]), "seconds": 5.0}
    yield {"shares": torch.tensor([1.0, 1.0]), "needs": torch.tensor([0.25, 50.0]), "seconds": 60.0}


Factor = float | Callable[[Tensor, float], Tensor | float]

# ---------------------------------------------------------------- the answers, and what may be left out of them


def ahead(values: Tensor) -> Tensor:
    return values > values[:, None]  # [i, j]: is j ahead of i?


def equal(values: Tensor) -> Tensor:
    return values == values[:, None]


def wilson(middle: Factor = 0.5, inner: Factor = 0.25, below: Factor = 1.0, reach: float | None = None, root: bool = True) -> Callable:
    """Wilson's interval, or one with a part left out; a factor is a number, or depends on the count and z."""

    def interval(right: Tensor, count: Tensor, z: float) -> Tensor:
        z = z if reach is None else reach
        share, spread = right / count, z * z / count
        shift, within, under = (part(count, z) if callable(part) else part for part in (middle, inner, below))
        inside = share * (1 - share) / count + within * spread / count
        half, centre = z * (inside.sqrt() if root else inside), share + shift * spread
        return torch.stack([centre - half, centre + half], 1) / (1 + under * spread)[:, None]

    return interval


def plain(right: Tensor, count: Tensor, z: float) -> Tensor:
    share = right / count
    half = z * (share * (1 - share) / count).sqrt()
    return torch.stack([share - half, share + half], 1)


def losses(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        return F.cross_entropy(model(x), y, reduction="none")


def lie(
    move: Callable = torch.sign, clip: bool = True, turned: float = 1.0, over: Callable | None = None, value: Callable = losses, other: str = "moved",
    signed: bool = False, mean: bool = False,
) -> Callable:  # fmt: skip
    """The detector, or one that goes wrong somewhere."""

    def measured(model: nn.Module, x: Tensor, y: Tensor, gradient: Tensor, step: float) -> Tensor:
        moved = x + step * move(gradient)
        moved = moved.clamp(0, 1) if clip else moved
        change = {"moved": moved - x, "step": step * move(gradient)}[other]
        did, said = value(model, moved, y) - value(model, x, y), turned * (gradient * change).flatten(1).sum(1)
        said = said / gradient[0].numel() if mean else said
        whole = did.abs() + said.abs() if over is None else over(did, said)
        return (did - said if signed else (did - said).abs()) / whole.clamp_min(1e-12)

    return measured


def dealt(later: bool = True, capped: bool = True, used: bool = True, alike: bool = False, own: bool = True, whole: bool = True) -> Callable:
    """How the time is dealt out, or a wrong way to do so."""

    def takes(shares: Tensor, needs: Tensor, seconds: float) -> Tensor:
        left, taken = torch.as_tensor(seconds).to(shares), []
        parts = torch.ones_like(shares) if alike else shares
        for k in range(len(shares)):
            waiting = parts[k if own or k + 1 == len(parts) else k + 1 :] if later else parts
            given = left * parts[k] / (waiting.sum() if whole else 1)
            taken.append(torch.minimum(given, needs[k]) if capped else given)
            left = left - (taken[-1] if used else given)
        return torch.stack(taken)

    return takes


def again(shares: Tensor, needs: Tensor, seconds: float) -> Tensor:
    """All at once, and what is left is dealt out again among those that need more, until nothing is left."""
    taken = torch.zeros_like(needs)
    for _ in range(len(shares)):
        waiting = shares * (taken < needs)
        more = (seconds - taken.sum()) * waiting / waiting.sum().clamp_min(1e-12)
        taken = torch.minimum(taken + more, needs)
    return taken
