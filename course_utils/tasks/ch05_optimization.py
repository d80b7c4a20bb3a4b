"""The open task of chapter 05: class images that an independent network is surer of, within ten gradients a picture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import models, runtime, visualize
from ..checking import OpenTask, counted, expect_gradients

GRADIENTS = 10


def ten_steps(model: nn.Module, start: Tensor, y: Tensor) -> Tensor:
    """Ten steps up the class's score, with decay, blur and the weakest pixels dropped after each."""
    rules = (visualize.decay(0.02), visualize.blur(0.7, 2), visualize.drop_weak(0.2))
    return visualize.maximize(model, start, visualize.class_score(y), regularizers=rules, steps=GRADIENTS, rate=0.1, jitter=1)


def certainty(make: Callable) -> float:
    """Percent: the probability that SignNet's twin gives the class, mean over the images of all classes that `make(model, start, y)` made on SignNet."""
    net, judge = models.load("signnet-signs"), models.load("signnet-signs-twin")
    y = torch.arange(24, device=runtime.device())
    grey = torch.full((24, 3, 48, 48), 0.5, device=runtime.device())
    made(make, net, grey[:2], y[[9, 4]])  # an answer that has its own classes in mind
    chances = runtime.logits(judge, made(make, net, grey, y)).softmax(1)
    return 100 * chances.gather(1, y[:, None]).mean().item()


def made(make: Callable, net: nn.Module, start: Tensor, y: Tensor) -> Tensor:
    """The images of classes y, when the rules are kept."""
    got, used = counted(make, start, "the batch of class images", classes=24, model=net, start=start, y=y)
    expect_gradients(used, GRADIENTS)
    return got


TASKS = (
    OpenTask("surer_images", ten_steps, certainty, goal=66.0, minutes=20, hints=(
        "Look at which regularizer costs more than it brings when there are only ten steps. Leave one out.",
        "Steps that point the same way again and again can be trusted: keep a running sum of them (momentum), and follow it.",
        "visualize.maximize(..., momentum=0.5), decay and blur alone.",
    )),
)  # fmt: skip
