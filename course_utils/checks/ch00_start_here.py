"""The exercise of chapter 00: how large a change is, picture by picture."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import measure
from ..checking import Exercise, call, expect, expect_close, rule_out
from ..runtime import generator


def largest_change(x: Tensor, x_adv: Tensor) -> Tensor:
    """The largest change of a pixel in each picture: max |x_adv - x|, [N]."""
    return measure.norms(x, x_adv).linf


def check_largest_change(f) -> None:
    change = 0.8 * (torch.rand(3, 2, 4, 4, generator=generator(0)) - 0.5)  # the largest: down, up, down
    x = torch.full_like(change, 0.5)
    size = change.abs().flatten(1)
    answer = call(f, x=x, x_adv=x + change)
    given = type(answer).__name__
    expect(isinstance(answer, Tensor), f"one number for each picture is expected, as a tensor [3], not {given}.")
    rule_out(
        answer,
        (size.max(), "the largest change of the whole batch is one number; give one number for each picture, [3]."),
        (change.abs().amax(1), "you look over the channels only; look over all pixels of a picture: .flatten(1) first."),
        (change.flatten(1).amax(1), "changes that make a pixel darker are lost; take the absolute value first."),
        (size.mean(1), "this is the mean change; take the largest one."),
        (size.sum(1), "this is the sum of all changes; take the largest one."),
        (size.amax(1) ** 2, "this is the largest square; take the absolute value instead."),
        (size.norm(dim=1), "this is the L2 norm, which counts all pixels together; take the largest single change."),
        ((size > 0).sum(1), "this counts the changed pixels; give the size of the largest change."),
    )
    expect_close(answer, size.amax(1), "the largest change of a pixel in each picture")


EXERCISES = (
    Exercise("largest_change", largest_change, check_largest_change, difficulty=1, minutes=3, hints=(
        "The change is x_adv - x. A pixel that gets darker has changed, too: which function forgets the sign?",
        "Make each picture one row of numbers, `.flatten(1)`, and take the largest number of each row.",
        "change.flatten(1).amax(1) is the largest number of each row.",
    )),
)  # fmt: skip
