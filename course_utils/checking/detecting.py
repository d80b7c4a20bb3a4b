"""For exercises about detectors: logits under covers, scores of two kinds, distances, and how well they are told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..runtime import generator
from .exercise import Case


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed))


def covers() -> Iterator[Case]:
    """Logits of pictures `[N, K]` and of the same ones under covers `[N, P, K]`; some classes change."""
    scores = 2 * normal(6, 5, seed=1)
    yield {"scores": scores, "covered": scores[:, None] + 1.5 * normal(6, 7, 5, seed=2)}
    yield {"scores": scores[:3] - 200, "covered": scores[:3, None] - 200 + 4 * normal(3, 4, 5, seed=3)}
    yield {"scores": 10 * normal(5, 9, seed=4), "covered": 10 * normal(5, 5, 9, seed=5)}


def two_kinds() -> Iterator[Case]:
    """Scores of attacked pictures and of clean ones, of different number; some are equal."""
    yield {"attacked": normal(9, seed=1) + 1, "clean": normal(14, seed=2)}
    yield {"attacked": 1e-6 * normal(7, seed=7), "clean": 1e-6 * normal(7, seed=8)}
    yield {"attacked": (2 * normal(12, seed=3)).round(), "clean": (2 * normal(8, seed=4)).round()}
    yield {"attacked": -normal(6, seed=5).abs(), "clean": normal(5, seed=6).abs()}
    yield {"attacked": torch.ones(4), "clean": torch.ones(7)}


def alarms() -> Iterator[Case]:
    """Scores of clean pictures, and how many of them may raise an alarm."""
    yield {"clean": normal(40, seed=1), "rate": 0.05}
    yield {"clean": normal(100, seed=2) - 5, "rate": 0.29}
    yield {"clean": normal(30, seed=3), "rate": 0.0}
    yield {"clean": normal(7, seed=4), "rate": 0.5}
    yield {"clean": (3 * normal(50, seed=5)).round(), "rate": 0.1}
    yield {"clean": normal(39, seed=6), "rate": 0.05}
    yield {"clean": normal(199, seed=7), "rate": 0.005}


def neighbours() -> Iterator[Case]:
    """Answers of a layer to some pictures and to others, and how many neighbours count."""
    yield {"features": normal(6, 4, seed=1), "among": normal(26, 4, seed=2), "k": 5}
    yield {"features": 3 + 0.1 * normal(4, 12, seed=3), "among": 3 + 0.1 * normal(9, 12, seed=4), "k": 9}
    yield {"features": normal(5, 2, seed=5), "among": normal(30, 2, seed=6), "k": 20}
    yield {"features": normal(1, 3, seed=7), "among": normal(8, 3, seed=8), "k": 4}


def energies() -> Iterator[Case]:
    yield {"scores": 3 * normal(6, 5, seed=1), "temperature": 2.5}
    yield {"scores": 3 * normal(4, 8, seed=2) + 900, "temperature": 1.0}
    yield {"scores": 2 * normal(5, 3, seed=3) - 800, "temperature": 0.4}
    yield {"scores": torch.tensor([[900.0, 899.0, -800.0], [-800.0, -801.0, -799.0]]), "temperature": 1.0}


def lead(own: Callable[[Tensor, Tensor], Tensor], logits: Callable[[Tensor], Tensor] = lambda z: z, other: bool = True, largest: bool = True) -> Callable:
    """Leads under covers with a mistake: which class counts as the picture's own, what is compared, whether with another class."""

    def answer(scores: Tensor, covered: Tensor) -> Tensor:
        z = logits(covered)
        which = own(scores, covered)[..., None].expand(*covered.shape[:2], 1)
        rest = z.scatter(2, which, -torch.inf) if largest else z
        return z.gather(2, which)[..., 0] - (rest.amax(2) if other else 0)

    return answer
