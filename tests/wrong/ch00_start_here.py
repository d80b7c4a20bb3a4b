"""Wrong answers to the exercise of chapter 00, each with words that its message must hold."""

from torch import Tensor


def in_place(x: Tensor, x_adv: Tensor) -> Tensor:
    return x_adv.sub_(x).abs().flatten(1).amax(1)


WRONG = {
    "largest_change": (
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
}  # fmt: skip
