"""The open task of chapter 20: a defense that the chapter does not show, with all three kinds of hidden gradients in it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import attacks, data, measure, models, runtime
from ..checking import OpenTask
from .fooling import Fooling

EPS = 0.12
RULES = Fooling("stridenet-digits", EPS, gradients=100, pictures=60)


class Dithered(nn.Module):
    """A network for digits behind `prepare`, which adds noise and leaves three levels of grey; its scores are multiplied by 50.

    `network` is the network itself; `prepare(x)` draws afresh at every call.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.chance = network, runtime.generator(3)

    def prepare(self, x: Tensor) -> Tensor:
        noise = torch.rand(x.shape, generator=self.chance, dtype=x.dtype).to(x.device) - 0.5
        return (2 * x + 0.8 * noise).round().clamp(0, 2) / 2

    def forward(self, x: Tensor) -> Tensor:
        return 50 * self.network(self.prepare(x))


def as_it_stands(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """PGD on the defended network, as if it were any other."""
    return attacks.pgd(model, x, y, eps=eps, steps=20)


def success(attack) -> float:
    """Percent of the digits, of those that the defended network has right, that are wrong after the attack: the mean of five answers, drawn afresh."""
    net = Dithered(models.load(RULES.network))
    pictures = data.load("digits", "test", n=RULES.pictures, source="drawn", seed=RULES.seed)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    known = runtime.predict(net, x) == y
    x, y = x[known], y[known]
    RULES.attacked(attack, net, x[:10], y[:10], EPS / 2)  # an attack that has its own eps in mind goes over that budget
    found = RULES.attacked(attack, net, x, y, EPS)
    return 100 - 100 * sum(measure.accuracy(net, found, y) for _ in range(5)) / 5


TASKS = (
    OpenTask("break_it", as_it_stands, success, goal=66.0, minutes=25, hints=(
        "Look at model.prepare and at what forward does with the scores. Which of the three kinds of hidden gradients are there? Each has its remedy in this chapter.",
        "The rounding: BPDA with the identity. The chance: the mean over draws. The factor: attack model.network, whose scores are not multiplied.",
        "attacks.pgd on defenses.expectation(model.network, defenses.bpda(model.prepare), 6), with 15 steps: 90 gradients for each picture.",
    )),
)  # fmt: skip
