"""The open task of chapter 00: fool LeNet with a few pixels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import data, measure, models
from ..checking import OpenTask, counted, expect
from ..runtime import device, generator, predict

PIXELS, COUNT, SEED = 20, 300, 20  # the chapter shows pictures of another seed


def random_pixels(model: nn.Module, x: Tensor, y: Tensor, pixels: int) -> Tensor:
    """The baseline: so many pixels of each picture, chosen by chance, are turned over: 1 - x."""
    flat = x.flatten(1)
    chosen = torch.rand(flat.shape, generator=generator(0)).to(x).topk(pixels, 1).indices
    return flat.scatter(1, chosen, 1 - flat.gather(1, chosen)).view_as(x)


def score(few_pixels: Callable) -> float:
    """The percentage of digits that LeNet has right, and no longer after the change. Always drawn digits, so that scores compare."""
    model = models.classifier("digits", source="drawn")
    pictures = data.load("digits", "test", COUNT, source="drawn", seed=SEED)
    x, y = pictures.x.to(device()), pictures.y.to(device())
    known = predict(model, x) == y
    x, y = x[known], y[known]
    changed(few_pixels, model, x[:20], y[:20], PIXELS // 2)  # whoever has a number in mind goes over this budget
    return 100 * measure.success_rate(model, changed(few_pixels, model, x, y, PIXELS), y)


def changed(few_pixels: Callable, model: nn.Module, x: Tensor, y: Tensor, pixels: int) -> Tensor:
    """What an answer makes of the pictures, when it keeps the rules."""
    got, used = counted(few_pixels, x, "the batch of changed pictures", model=model, x=x, y=y, pixels=pixels)
    most = int(measure.norms(x, got).l0.max())
    expect(most <= pixels, f"{most} pixels of a picture are changed; {pixels} are allowed, the argument `pixels`.")
    expect(used <= 1, f"{used:.3g} gradients were taken for each picture; one is allowed.")
    return got


TASKS = (
    OpenTask("few_pixels", random_pixels, score, goal=70.0, minutes=10, hints=(
        "A large gradient marks a pixel that matters, and its sign says which way to push. As far as you like means to 0 or to 1.",
        "flat = g.abs().flatten(1); flat.topk(pixels, 1).indices are the places of the largest; scatter(1, places, values) writes there. "
        "This falls short of the goal: what can a white pixel gain whose gradient says up?",
        "end = (g > 0).to(x) is where each pixel should go; g * (end - x) is what it gains on the way. "
        "Take the pixels with the largest gain and write `end` there.",
    )),
)  # fmt: skip
