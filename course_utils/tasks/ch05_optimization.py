"""The open task of chapter 05: class images that an independent network is surer of, within ten gradients a picture.

The network that is handed over has its classes in an order of its own. So neither the judge nor labelled signs, which can both be
loaded by name, tell what class y looks like: only this network does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import models, runtime, visualize
from ..checking import OpenTask, limited

GRADIENTS = 10


def ten_steps(model: nn.Module, start: Tensor, y: Tensor) -> Tensor:
    """Ten steps up the class's score, with decay, blur and the weakest pixels dropped after each."""
    rules = (visualize.decay(0.02), visualize.blur(0.7, 2), visualize.drop_weak(0.2))
    return visualize.maximize(model, start, visualize.class_score(y), regularizers=rules, steps=GRADIENTS, rate=0.1, jitter=1)


def certainty(make: Callable) -> float:
    """Percent: the probability that SignNet's twin gives the class, mean over the images of all classes that `make(model, start, y)` made on SignNet."""
    net, judge = models.load("signnet-signs"), models.load("signnet-signs-twin")
    y = torch.arange(24, device=runtime.device())
    order = torch.randperm(24, generator=runtime.generator(5)).to(y)
    grey = torch.full((24, 3, 48, 48), 0.5, device=runtime.device())
    disguised = reordered(net, order)
    made(make, disguised, grey[:2], y[[9, 4]])  # an answer that has its own classes in mind
    chances = runtime.logits(judge, made(make, disguised, grey, y)).softmax(1)
    return 100 * chances.gather(1, order[:, None]).mean().item()


def reordered(net: nn.Module, order: Tensor) -> nn.Module:
    """A copy of the network whose class k is the class order[k] of the original."""
    net = copy.deepcopy(net)
    last = [part for part in net.modules() if isinstance(part, nn.Linear)][-1]
    last.weight.data, last.bias.data = last.weight.data[order], last.bias.data[order]
    return net


def made(make: Callable, net: nn.Module, start: Tensor, y: Tensor) -> Tensor:
    """The images of classes y, when the rules are kept."""
    return limited(make, start, "the batch of class images", GRADIENTS, classes=24, model=net, start=start, y=y)


TASKS = (
    OpenTask("surer_images", ten_steps, certainty, goal=66.0, minutes=20, hints=(
        "Look at which regularizer costs more than it brings when there are only ten steps. Leave one out.",
        "Steps that point the same way again and again can be trusted: keep a running sum of them (momentum), and follow it.",
        "visualize.maximize(..., momentum=0.5), decay and blur alone.",
    )),
)  # fmt: skip
