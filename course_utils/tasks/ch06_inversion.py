"""The open task of chapter 06: digits brought back from LeNet's 500 units, within thirty gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import data, layers, models, visualize
from ..checking import OpenTask, limited

GRADIENTS, LAYER, UNITS = 30, "6", 500


def thirty_steps(model: nn.Module, target: Tensor, start: Tensor) -> Tensor:
    """The search of section 1 from black, stopped after thirty steps."""
    return visualize.invert(model, target, LAYER, tuple(start.shape[1:]), centre=0.0, steps=GRADIENTS, rate=0.05)


def error(bring_back: Callable) -> float:
    """Mean RMSE of the digits that `bring_back(model, target, start)` finds, 24 drawn ones that the chapter does not show."""
    net = models.load("lenet-digits")
    x = data.load("digits", "train", 24, source="drawn", seed=606).x.to(next(net.parameters()))
    target = layers.representation(net, x, LAYER)
    found(bring_back, net, target[[3, 1]])  # an answer that has its own digits in mind
    return (found(bring_back, net, target) - x).square().flatten(1).mean(1).sqrt().mean().item()


def found(bring_back: Callable, net: nn.Module, target: Tensor) -> Tensor:
    """The digits that an answer finds, when the rules are kept. The layer with 500 outputs is where gradients are counted."""
    start = torch.zeros(len(target), 1, 28, 28, device=target.device)
    return limited(bring_back, start, "the batch of pictures", GRADIENTS, classes=UNITS, model=net, target=target, start=start)


TASKS = (
    OpenTask("bring_back", thirty_steps, error, goal=0.08, minutes=20, form="{:.3f}", more_is_better=False, hints=(
        "Thirty steps from black do not get far. How near to the digit would a better start be?",
        "Who could give the search such a start? Section 3 has someone who needs no gradient at all.",
        'decoded = visualize.decode(models.decoder("digits", "6", source="drawn"), target), then visualize.maximize from there with a small rate.',
    )),
)  # fmt: skip
