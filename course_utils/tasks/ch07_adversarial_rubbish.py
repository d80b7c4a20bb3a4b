"""The open task of chapter 07: the smallest changes that make a network err, with few gradients for each picture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import attacks, data, measure, models, runtime
from ..checking import OpenTask, limited

NETWORK, GRADIENTS, PICTURES, SEED = "fc100-digits", 10, 200, 5  # the chapter shows the pictures of seed 0


def lbfgs(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Two values of c, five evaluations for each."""
    return attacks.lbfgs(model, x, y, searches=2, steps=4)


def mean_distortion(attack: Callable) -> float:
    """The mean distortion of what `attack(model, x, y)` makes of digits that FC100-100-10 has right; 1 for each that it still has right.

    Drawn digits and the network for them, whatever data the chapter runs on.
    """
    net = models.load(NETWORK)
    pictures = data.load("digits", "test", n=PICTURES, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    right = runtime.predict(net, x) == y
    x, y = x[right], y[right]
    got = limited(attack, x, "the batch of attacked pictures", GRADIENTS, model=net, x=x, y=y)
    return torch.where(runtime.predict(net, got) == y, 1.0, measure.norms(x, got).rms).mean().item()


TASKS = (
    OpenTask("shortest", lbfgs, mean_distortion, goal=0.035, form="{:.4f}", more_is_better=False, minutes=20, hints=(
        "Forward passes are free. A picture that is fooled can come back towards x as far as it stays fooled: bisection along the line between them.",
        "Where you stand then is the boundary, and there a gradient tells most: that of the lead, own score minus the best other one. On the nearest way "
        "from x to that boundary, if it were a plane, lies x + t * g, with g that gradient.",
        "Again and again: the gradient g of the lead at z; the way from x along -g, clipped to [0, 1]; z = the first place on it that is fooled.",
    )),
)  # fmt: skip
