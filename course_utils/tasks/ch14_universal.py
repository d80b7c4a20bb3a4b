"""The open task of chapter 14: one perturbation, made from few digits with few gradients, that fools digits nobody has seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from .. import attacks, data, measure, models, runtime
from ..checking import OpenTask, call, counting, expect, expect_gradients, returned


@dataclass(frozen=True)
class Unseen:
    """Percent of unseen digits that LeNet takes for another class with `make(model, x, xi)`, a perturbation [1, 28, 28], than without.

    made_from: how many digits x it is given. gradients: how many it may take for each of them. unseen: how many it is tried on.
    The digits are drawn and the network is the one for them, whatever data the chapter runs on.
    """

    made_from: int = 40
    gradients: int = 10
    unseen: int = 400
    xi: float = 0.25
    seed: int = 5  # the chapters show the pictures of seed 0

    def __call__(self, make: Callable) -> float:
        """The percentage. First with half the budget: what has its own xi in mind goes over that one."""
        net = models.load("lenet-digits")
        x, unseen = (
            data.load("digits", split, n=n, source="drawn", seed=self.seed).x.to(runtime.device()) for split, n in (("train", self.made_from), ("test", self.unseen))
        )
        self.made(make, net, x[:10], self.xi / 2)
        return 100 * measure.fooling_rate(net, unseen, self.made(make, net, x, self.xi))

    def made(self, make: Callable, net: nn.Module, x: Tensor, xi: float) -> Tensor:
        """The perturbation, when it keeps the rules."""
        with counting() as tally:
            v = call(make, model=net, x=x, xi=xi)
        returned(v, x[0], "the perturbation")
        expect(bool(v.isfinite().all()), "the perturbation holds NaN or infinite values.")
        most = v.abs().max().item()
        expect(most <= xi * (1 + 1e-5), f"a value of the perturbation is {most:.3f} with xi {xi}; clip it: .clamp(-xi, xi).")
        expect_gradients(tally.rows / len(x), self.gradients)
        return v


fooled = Unseen()


def by_deepfool(model: nn.Module, x: Tensor, xi: float) -> Tensor:
    """The chapter's algorithm, as far as ten gradients for each picture go: two passes, ten pictures at a time, two rivals."""
    return attacks.universal_perturbation(model, x, xi=xi, rate=1.0, passes=2, batch=10, steps=2, classes=3, generator=runtime.generator(0)).perturbation


TASKS = (
    OpenTask("few_for_all", by_deepfool, fooled, goal=36.0, minutes=20, hints=(
        "DeepFool spends several gradients on a picture before v moves at all. What does one gradient of all pictures' losses together say about v?",
        "v is one tensor that asks for gradients: F.cross_entropy(model(x + v), y) with y the model's own classes; its gradient for v adds up all pictures'.",
        "Ten steps: v = (v + step * gradient.sign()).clamp(-xi, xi).detach(). Try steps that begin large, xi / 2 or xi, and shrink.",
        "y stays what the model says of the clean x. The loss of a fooled picture grows without end; the margin, cut off where it is fooled, looks at the others.",
    )),
)  # fmt: skip
