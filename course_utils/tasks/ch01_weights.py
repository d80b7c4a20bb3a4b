"""The open task of chapter 01: which filters of LeNet's first layer can be taken away?"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import data, measure, models, visualize
from ..checking import OpenTask, call, expect
from ..runtime import device, generator

COUNT, MEASURED, TESTED = 14, 400, 1000  # filters to take away of 20; digits to measure on, and others to score on


def smallest_filters(model: nn.Module, x: Tensor, y: Tensor, count: int) -> Tensor:
    """The baseline: the filters with the smallest norm."""
    return visualize.first_layer_weights(model).flatten(1).norm(dim=1).argsort()[:count]


def accuracy_left(least_needed: Callable) -> float:
    """Percent of other digits that two networks, plain and trained on FGSM, still have right on average without the filters named.

    Always drawn digits and the networks for them, so that scores compare. The filters stand in another order than in the
    chapter: who has numbers in mind takes away others. First with another count.
    """
    seen = data.load("digits", "train", MEASURED, source="drawn", seed=31)
    new = data.load("digits", "test", TESTED, source="drawn", seed=32)
    x, y = seen.x.to(device()), seen.y.to(device())
    shares = []
    for number, training in enumerate((None, "fgsm")):
        net = shuffled(models.classifier("digits", source="drawn", training=training), seed=number)
        chosen(least_needed, net, x[:50], y[:50], 3)
        less = visualize.without_filters(net, chosen(least_needed, net, x, y, COUNT))
        shares.append(100 * measure.accuracy(less, new.x.to(device()), new.y.to(device())))
    return sum(shares) / len(shares)


def shuffled(model: nn.Module, seed: int) -> nn.Module:
    """The same function: a copy of LeNet with the first layer's filters, and the second layer's inputs, in another order."""
    model = copy.deepcopy(model)
    first, second = model[0], model[2]
    order = torch.randperm(len(first.weight), generator=generator(seed)).to(first.weight.device)
    with torch.no_grad():
        first.weight.copy_(first.weight[order])
        first.bias.copy_(first.bias[order])
        second.weight.copy_(second.weight[:, order])
    return model


def chosen(least_needed: Callable, model: nn.Module, x: Tensor, y: Tensor, count: int) -> Tensor:
    """The filters that an answer names, when it keeps the rules."""
    got = call(least_needed, model=model, x=x, y=y, count=count)
    filters, most = torch.as_tensor(got).detach().cpu(), len(model[0].weight)
    whole = filters.dim() == 1 and not filters.is_floating_point() and filters.dtype != torch.bool
    expect(whole, "the numbers of the filters are expected, a list or a tensor of whole numbers.")
    expect(((filters >= 0) & (filters < most)).all(), f"there are filters 0 to {most - 1}; {filters.tolist()} were named.")
    expect(len(filters.unique()) == count == len(filters), f"{len(filters.unique())} different filters were named; {count} are expected, "
           "the argument `count`.")  # fmt: skip
    return filters


TASKS = (
    OpenTask("least_needed", smallest_filters, accuracy_left, goal=97.5, minutes=15, hints=(
        "A small filter may stand behind large weights of the next layer. What does a filter's map do to the scores, all in all?",
        "model[2].weight[:, k] are the weights that the second layer gives to filter k's map. Multiply the norms of both. A filter whose map hardly "
        "varies over the pictures can be missed as well: model[0](x) are the maps.",
        "Or ask the network itself: take one filter away with visualize.without_filters, measure the loss on x[:50], y[:50], and keep the one "
        "that costs least; then again from there. (All of x takes longer than the 10 seconds that a call may last.)",
    )),
)  # fmt: skip
