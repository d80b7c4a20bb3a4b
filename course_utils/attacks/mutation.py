"""How evolved pictures change by chance: polynomial mutation, and the encoding in which a genome is the pixels themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..runtime import check_count, check_positive

Genomes = tuple[Tensor, ...]  # what is inherited: tensors with a row for each picture


def polynomial(u: Tensor, eta: float = 15.0) -> Tensor:
    """Polynomial mutation (Deb 2001): chance numbers `u` in [0, 1) become small changes in (-1, 1), mostly near 0.

    (2 u)^(1 / (eta + 1)) - 1 where u < 1/2, else 1 - (2 (1 - u))^(1 / (eta + 1)). The larger eta, the smaller they are.
    """
    up = u >= 0.5
    size = 1 - (2 * torch.where(up, 1 - u, u)) ** (1 / (eta + 1))
    return torch.where(up, size, -size)


def places(total: int, rate: float, chance: torch.Generator) -> Tensor:
    """Which of `total` values mutate, each with probability `rate`: from one to the next it is geometrically far, so only these are drawn."""
    many = total * rate
    u = torch.rand(int(many + 8 * many**0.5 + 8), generator=chance)
    gaps = 1 + (torch.log1p(-u) / math.log1p(-rate)).long()
    at = gaps.cumsum(0) - 1
    return at[at < total]


def mutated(values: Tensor, rate: float, chance: torch.Generator, *, low: float = 0.0, high: float = 1.0, eta: float = 15.0) -> Tensor:
    """`values` in [low, high], each changed with probability `rate` by (high - low) times a polynomial mutation, and clipped.

    Chance is drawn on the CPU, where a seed means the same on every machine, and moved; nothing waits for the device.
    """
    at = places(values.numel(), rate, chance)
    change = (high - low) * polynomial(torch.rand(len(at), generator=chance), eta)
    flat, at = values.flatten(), at.to(values.device)  # only what changes is added to and clipped: it is a tenth or less
    return flat.index_copy(0, at, (flat[at] + change.to(values)).clamp_(low, high)).view_as(values)


def halved(rate: float, generation: int, every: int = 1000) -> float:
    """The rate of mutation, halved every so many generations."""
    return rate / 2 ** (generation // every)


class Pixels:
    """The direct encoding (Nguyen 2014): a genome is a picture, and each value mutates on its own.

    Grey values are uniform in [0, 1] at the start. A value mutates with probability `rate`, which is halved every `halve`
    generations. shape: of one picture, (C, H, W).
    """

    def __init__(self, shape: Sequence[int], *, rate: float = 0.1, halve: int = 1000, eta: float = 15.0) -> None:
        self.shape, self.rate, self.eta = tuple(shape), check_share(rate, "rate"), check_positive(eta, "eta")
        self.halve = check_count(halve, "halve")

    def random(self, count: int, chance: torch.Generator) -> Genomes:
        """`count` genomes to begin with, on the CPU."""
        return (torch.rand(count, *self.shape, generator=chance),)

    def children(self, parents: Genomes, generation: int, chance: torch.Generator) -> Genomes:
        """A child of each parent."""
        return (mutated(parents[0], halved(self.rate, generation, self.halve), chance, eta=self.eta),)

    def pictures(self, genomes: Genomes) -> Tensor:
        """What the genomes look like, `[N, C, H, W]` in [0, 1]."""
        return genomes[0]


def check_share(value: float, name: str) -> float:
    """Require a probability that is neither 0 nor 1."""
    if not 0 < check_positive(value, name) < 1:
        raise ValueError(f"{name} is {value}; a number above 0 and below 1 is expected.")
    return value
