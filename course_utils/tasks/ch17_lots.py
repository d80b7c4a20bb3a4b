"""The open task of chapter 17: adversarial digits that PASS takes for nearly the same picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from .. import attacks, data, measure, models, runtime
from ..checking import OpenTask, counted, expect, expect_gradients, expect_inside


@dataclass(frozen=True)
class Alike:
    """The mean PASS (over every pixel) of digits that `attack(model, x, y)` has taken for another class; a digit that is not counts 0.

    gradients: how many the attack may take for each digit. The digits are drawn and the network is the one for them, whatever data the chapter
    runs on.
    """

    pictures: int = 60
    gradients: int = 20
    seed: int = 5  # the chapters show the pictures of seed 0

    def __call__(self, attack: Callable) -> float:
        net = models.load("lenet-digits")
        digits = data.load("digits", "test", n=self.pictures, source="drawn", seed=self.seed)
        x, y = measure.quantize(digits.x).to(runtime.device()), digits.y.to(runtime.device())
        right = runtime.predict(net, x) == y
        x, y = x[right], y[right]
        got, used = counted(attack, x, "the batch of attacked pictures", model=net, x=x, y=y)
        expect_inside(got)
        levels = 255 * got
        expect(bool((levels - levels.round()).abs().max() < 0.01), "the pictures are not in whole grey levels; round them before you ask for their class.")
        expect_gradients(used, self.gradients)
        return (measure.pass_score(x, got, whole=True) * (runtime.predict(net, got) != y)).mean().item()


alike = Alike()


def by_fgv(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The baseline: the fast gradient value, at the smallest scale that changes the class."""
    return attacks.smallest_scale(model, x, attacks.gradient_direction(model, x, y), y).images


TASKS = (
    OpenTask("most_alike", by_fgv, alike, goal=0.9, minutes=20, form="{:.3f}", hints=(
        "Where does PASS forgive a change? Look at section 5: which layer's perturbations keep PASS high though they are long?",
        "SSIM divides by the variance of the window. On black ground a few grey levels cost much, in and around a stroke they cost little: put the change there.",
        "Multiply a direction by a weight for each pixel before attacks.smallest_scale: 1 near ink, 0 elsewhere (max_pool2d(x, 5, 1, 2) > 0.3), or the digit blurred.",
        "The slope of (largest other score - score of y) is a good direction. Ten small steps along it, the weight times each, then attacks.smallest_scale along the sum.",
    )),
)  # fmt: skip
