"""The exercise of chapter 00: how large a change is, picture by picture."""

from __future__ import annotations

import torch
from torch import Tensor

from ..exercises import Exercise, Mistake, close, expect, register, untouched


def largest_change(x: Tensor, x_adv: Tensor) -> Tensor:
    """The largest change of a pixel in each picture: max |x_adv - x|, [N]."""
    return (x_adv - x).abs().flatten(1).amax(1)


def check_largest_change(f) -> None:
    x = torch.full((3, 2, 4, 4), 0.5)
    change = torch.zeros_like(x)
    change[0, 0, 1, 2], change[0, 1, 3, 3] = 0.1, -0.4  # the largest change of picture 0 goes down
    change[1, 1, 0, 0], change[1, 0, 2, 1] = 0.3, -0.2
    change[2, 0, 0, 3], change[2, 1, 2, 2] = -0.25, 0.125  # picture 2 sums to less than 0
    x_adv, size = x + change, change.abs().flatten(1)
    with untouched(x=x, x_adv=x_adv):
        answer = f(x, x_adv)
    expect(answer is not None, "your function returns nothing; end it with `return` and the result (print only shows it).")
    expect(isinstance(answer, Tensor), f"one number for each picture is expected, as a tensor [3], not {type(answer).__name__}.")
    named = (
        (size.max(), "the largest change of the whole batch is one number; give one number for each picture, [3]."),
        (change.abs().amax(1), "you look over the channels only; look over all pixels of a picture: .flatten(1) first."),
        (change.flatten(1).amax(1), "changes that make a pixel darker are lost; take the absolute value first."),
        (size.mean(1), "this is the mean change; take the largest one."),
        (size.sum(1), "this is the sum of all changes; take the largest one."),
        (size.amax(1) ** 2, "this is the largest square; take the absolute value instead."),
        (size.norm(dim=1), "this is the L2 norm, which counts all pixels together; take the largest single change."),
        ((size > 0).sum(1), "this counts the changed pixels; give the size of the largest change."),
    )
    for wrong, message in named:
        if answer.shape == wrong.shape and torch.allclose(answer.detach().cpu().float(), wrong.float(), atol=1e-6):
            raise Mistake(message)
    close(answer, size.amax(1), "the largest change of a pixel in each picture")


def in_place(x: Tensor, x_adv: Tensor) -> Tensor:
    return x_adv.sub_(x).abs().flatten(1).amax(1)


register(Exercise(
    "largest_change", largest_change, check_largest_change,
    hints=(
        "The change is x_adv - x. A pixel that gets darker has changed, too: which function forgets the sign?",
        "Make each picture one row of numbers, `.flatten(1)`, and take the largest number of each row.",
        "change.flatten(1).amax(1) is the largest number of each row.",
    ),
    wrong=(
        (lambda x, a: (a - x).flatten(1).amax(1), "absolute value"),
        (lambda x, a: (a - x).abs().max(), "whole batch"),
        (lambda x, a: (a - x).abs().flatten(1).mean(1), "mean change"),
        (lambda x, a: (a - x).abs().amax(1), "over the channels"),
        (lambda x, a: (a - x).flatten(1).norm(dim=1), "L2 norm"),
        (lambda x, a: ((a - x) != 0).flatten(1).sum(1), "counts the changed"),
        (lambda x, a: (a - x).abs().max().item(), "not float"),
        (lambda x, a: 255 * (a - x).abs().flatten(1).amax(1), "is off by"),
        (in_place, "in place"),
    ),
    difficulty=1, minutes=3,
))  # fmt: skip
