"""The open task of chapter 18: the most robust network for ten gradients a digit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import attacks, data, models, runtime
from ..checking import OpenTask, counting, expect, expect_gradients, guarded, untouched

SHIPPED = ("madry-digits-pgd", "madry-digits-pgd-twin", "madry-digits-fgsm")  # whose weights would be no answer


@dataclass(frozen=True)
class Hardened:
    """The percentage of unseen digits that the network trained by `harden(model, x, y)` has right after PGD, on the cross-entropy and on the margin.

    gradients: how many the training may take for each digit, whatever they are for. The digits are drawn, whatever data the chapter runs on.
    """

    pictures: int = 300
    tests: int = 100
    gradients: int = 10
    eps: float = 0.2
    seed: int = 5  # the chapters show the pictures of seed 0

    def __call__(self, harden: Callable) -> float:
        net = models.load("madry-digits")
        (x, y), (held, truth) = (self.digits(split, n) for split, n in (("train", self.pictures), ("test", self.tests)))
        before = weights_of(net)
        with counting() as tally, untouched(x=x, y=y), guarded(seconds=30):  # a training takes longer than an attack
            got = harden(net, x, y)
        expect(got is not None, "your function returns nothing, None; end it with `return model`.")
        got = expect_network(got, before)
        expect_gradients(tally.rows / len(x), self.gradients)
        right = torch.ones_like(truth, dtype=torch.bool)
        for loss in ({}, {"loss": "margin", "kappa": 50}):
            moved = attacks.pgd(got, held, truth, eps=self.eps, step=self.eps / 4, steps=10, **loss)
            right &= runtime.predict(got, moved) == truth
        return 100 * right.float().mean().item()

    def digits(self, split: str, n: int) -> tuple[Tensor, Tensor]:
        pictures = data.load("digits", split, n=n, source="drawn", seed=self.seed)
        return pictures.x.to(runtime.device()), pictures.y.to(runtime.device())


def weights_of(net: nn.Module) -> Tensor:
    """All weights in one row."""
    return torch.cat([weights.detach().flatten() for weights in net.parameters()])


def expect_network(got: object, before: Tensor) -> nn.Module:
    """Require a network of the given kind and size, whose weights are finite and not those of a trained one that the course ships.

    Gives a plain network with these weights: what was hung before the network or put in place of its forward hides the gradient, and is no training.
    """
    expect(isinstance(got, models.MadryNet), f"{type(got).__name__} is returned; return the model, a MadryNet of width 4.")
    after = weights_of(got)
    expect(len(after) == len(before), f"the network has {len(after):,} weights; the one that was given has {len(before):,}.")
    expect(bool(after.isfinite().all()), "the network's weights hold NaN or infinity: the steps were too large.")
    for name in SHIPPED:
        theirs = weights_of(models.load(name).to(after.device))
        expect((after - theirs).norm() > 0.5 * (before - theirs).norm(), f"these weights are {name}'s, or nearly; train the network that is given.")
    plain = models.load("madry-digits").to(after.device)
    shapes = [{name: value.shape for name, value in net.state_dict().items()} for net in (got, plain)]
    expect(shapes[0] == shapes[1], "the network's layers are not those of the one that was given; change its weights alone.")
    plain.load_state_dict(got.state_dict())
    return plain


hardened = Hardened()


def by_fgsm(model: nn.Module, x: Tensor, y: Tensor) -> nn.Module:
    """The baseline: FGSM training with the whole budget, five times over the digits, in small steps."""
    step = torch.optim.SGD(model.parameters(), 0.002, momentum=0.9)
    for k in range(5):
        for part in torch.randperm(len(x), generator=runtime.generator(k)).to(x.device).split(50):
            moved = attacks.fgsm(model, x[part], y[part], eps=0.2)
            step.zero_grad()
            F.cross_entropy(model(moved), y[part]).backward()
            step.step()
    return model


TASKS = (
    OpenTask("harden", by_fgsm, hardened, goal=30, minutes=25, hints=(
        "Two things cost gradients: the attack and the weights. And what the whole budget does from the first update on, section 5 has shown.",
        "Let the budget grow over the updates, or the change of each digit from epoch to epoch: keep it, and continue it when the digit comes again.",
        "One backward pass gives the gradient of the weights and of the pictures: z = (x + change).requires_grad_(); loss.backward(); then z.grad serves the next change of these digits.",
        "Batches of 15, SGD with momentum 0.9 and a rate from 0.02 down to 0; each change moves by 0.5 eps times the sign, and stays within eps.",
    )),
)  # fmt: skip
