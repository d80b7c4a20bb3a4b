"""How the open tasks about attacks count: what an attack fools, inside its budget, with few gradients for each picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from .. import data, measure, models, runtime
from ..checking import counted, expect_budget, expect_gradients


@dataclass(frozen=True)
class Fooling:
    """Percent of the digits that a network had right which `attack(model, x, y, eps)` makes it get wrong.

    network: its name. eps: the budget, in the largest change of a pixel. gradients: how many an attack may take for each
    picture. The digits are drawn and the network is the one for them, whatever data the chapter runs on.
    """

    network: str
    eps: float
    gradients: int
    pictures: int = 200
    seed: int = 5  # the chapters show the pictures of seed 0

    def __call__(self, attack: Callable) -> float:
        """The percentage. First on a few with half the eps: an attack that has its own eps in mind goes over that budget."""
        net = models.load(self.network)
        pictures = data.load("digits", "test", n=self.pictures, source="drawn", seed=self.seed)
        x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
        self.attacked(attack, net, x[:10], y[:10], self.eps / 2)
        return 100 * measure.success_rate(net, self.attacked(attack, net, x, y, self.eps), y, x=x)

    def attacked(self, attack: Callable, net: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
        """What the attack makes of the pictures, when it keeps the rules."""
        got, used = counted(attack, x, "the batch of attacked pictures", model=net, x=x, y=y, eps=eps)
        expect_budget(got, {"x": x, "eps": eps})
        expect_gradients(used, self.gradients)
        return got
