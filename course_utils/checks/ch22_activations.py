"""The exercises of chapter 22: the bounded leaky ReLU, how few units carry a change, who is fooled by one attack."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checking import TENSORS, Exercise
from ..checking.battery import ONE_PICTURE
from ..checking.exciting import (
    above, below, both, bound_learns, changes, excited, moved, none, one, other, parted, sizes, two_networks, whole_batch, wide,
)  # fmt: skip


def bounded_leaky(x: Tensor, bound: Tensor, slope: float) -> Tensor:
    """s x below 0, x up to b, b - s (x - b) above, with a bound for each channel."""
    b = bound.view(-1, *[1] * (x.dim() - 2))
    return torch.where(x > b, b - slope * (x - b), torch.where(x < 0, slope * x, x))


def carried_by_few(before: Tensor, after: Tensor, top: float) -> Tensor:
    """The share of sum |after - before| that the `top` share of the units carries, at least one unit: [N]."""
    sizes = (after - before).abs().flatten(1)
    return sizes.topk(max(1, round(top * sizes.shape[1])), 1).values.sum(1) / sizes.sum(1)


def who_is_fooled(first: Tensor, second: Tensor, y: Tensor) -> Tensor:
    """Percent of the pictures: none, only the first, only the second, both: [4]."""
    a, b = first.argmax(1) != y, second.argmax(1) != y
    return 100 * torch.stack([~a & ~b, a & ~b, ~a & b, a & b]).to(first).mean(1)


EXERCISES = (
    Exercise("carried_by_few", carried_by_few, changes, battery=(ONE_PICTURE, *TENSORS), difficulty=2, minutes=10, what="the shares", hints=(
        "How much did each unit change? A fall counts as much as a rise. Then: the largest ones, by all.",
        "(after - before).abs().flatten(1) is [N, K]; topk(k, 1) gives the k largest of each picture, with k = max(1, round(top * K)).",
        "sizes.topk(k, 1).values.sum(1) / sizes.sum(1).",
    ), mistakes=(
        (sizes(lambda b, a: a - b), "rises and falls cancel; take the absolute value of each unit's change first."),
        (sizes(lambda b, a: (a - b).relu()), "only units that rise are counted; one that falls changes as well: take the absolute value."),
        (sizes(lambda b, a: (a - b).square()), "the changes are squared; add up their absolute values."),
        (sizes(lambda b, a: a.abs()), "these are the activations after the attack; take the change, after - before."),
        (sizes(lambda b, a: b.abs()), "these are the activations before the attack; take the change, after - before."),
        (sizes(moved, largest=False), "these are the units that change least."),
        (lambda b, a, t: 1 - carried_by_few(b, a, t), "this is the share of all the other units."),
        (lambda b, a, t: 100 * carried_by_few(b, a, t), "this is in percent; a share goes from 0 to 1."),
        (sizes(moved, lambda k, t: max(1, int(t * k))), "the number of units is cut off; round it."),
        (sizes(moved, lambda k, t: int(t * k) + 1), "one unit too many: round(top * K) of them, at least one."),
        (sizes(moved, lambda k, t: round(t * k)), "where round(top * K) is 0 nothing is left; at least one unit counts."),
        (sizes(moved, lambda k, t: 1), "only the largest unit is counted; the top share of all units counts."),
        (lambda b, a, t: sizes(moved)(b, a, t) * moved(b, a).flatten(1).sum(1), "this is a sum; divide it by the sum over all units."),
        (lambda b, a, t: sizes(moved)(b, a, t) * moved(b, a).flatten(1).sum(1) / moved(b, a).sum(), "it is divided by the change of the whole batch; each picture has its own."),
        (whole_batch, "the top units are those of the whole batch; each picture has its own."),
        (lambda b, a, t: carried_by_few(b, a, t).mean().expand(len(b)), "one share for the whole batch; each picture has its own."),
        (lambda b, a, t: (moved(b, a).flatten(1) > moved(b, a).flatten(1).quantile(1 - t, 1, keepdim=True)).to(b).mean(1), "this is how many units there are in the top; give how much of the change they carry."),
    )),
    Exercise("bounded_leaky", bounded_leaky, excited, battery=(ONE_PICTURE, *TENSORS), also=bound_learns, difficulty=1, minutes=10, what="the activations", hints=(
        "Three pieces: below 0, between 0 and the bound, above the bound. Which value has each, and do they meet?",
        "torch.where(condition, a, b), twice. The bound has one number for each channel, axis 1: bound.view(-1, 1, 1) fits [N, C, H, W].",
        "b = bound.view(-1, 1, 1); torch.where(x > b, b - slope * (x - b), torch.where(x < 0, slope * x, x)).",
    ), mistakes=(
        (above(lambda x, b, s: b + s * (x - b)), "above the bound it rises with slope s, so that nothing bounds it; it falls: b - s (x - b)."),
        (above(lambda x, b, s: b + 0 * x), "above the bound it stays at b (as ReLU6 does); here it falls: b - s (x - b)."),
        (above(lambda x, b, s: x), "this is a leaky ReLU without a bound."),
        (above(lambda x, b, s: b - s * x), "above the bound it is b - s x, a step down at the bound; the pieces meet where s multiplies x - b."),
        (above(lambda x, b, s: -s * (x - b)), "above the bound it begins at 0; it begins at b."),
        (above(lambda x, b, s: s * (b - x)), "above the bound it begins at 0; it begins at b."),
        (above(lambda x, b, s: b - s * (b - x)), "above the bound it rises: (b - x) is below 0 there; take x - b."),
        (above(lambda x, b, s: b - (x - b)), "above the bound it falls with slope 1; it falls with slope s."),
        (above(lambda x, b, s: 0 * x), "above the bound it is 0; it is b - s (x - b)."),
        (below(lambda x, b, s: 0 * x), "below 0 it is 0; it leaks: s x."),
        (below(lambda x, b, s: -s * x), "below 0 the sign is turned: s x is below 0 there."),
        (below(lambda x, b, s: x), "below 0 it is x itself; it is s x."),
        (below(lambda x, b, s: s + 0 * x), "below 0 it is s; it is s x."),
        (lambda x, b, s: torch.where(x > b.mean(), b.mean() - s * (x - b.mean()), torch.where(x < 0, s * x, x)), "one bound for all channels; each channel, axis 1, has its own."),
        (lambda x, b, s: torch.where(x > b[0], b[0] - s * (x - b[0]), torch.where(x < 0, s * x, x)), "the first channel's bound is used for all; each channel, axis 1, has its own."),
        (lambda x, b, s: bounded_leaky(x, b, 0.01), "the slope is 0.01, PyTorch's usual one; use the argument."),
        (lambda x, b, s: torch.minimum(bounded_leaky(x, b, s).relu(), wide(b, x)), "what is below 0 is cut off; it leaks, on both sides: s x below 0, b - s (x - b) above the bound."),
    )),
    Exercise("who_is_fooled", who_is_fooled, two_networks, battery=TENSORS, difficulty=1, minutes=8, what="the four percentages", hints=(
        "Each picture falls into exactly one of four cases. Which two facts decide?",
        "a = first.argmax(1) != y and b = second.argmax(1) != y. Then a & ~b is: only the first.",
        "100 * torch.stack([~a & ~b, a & ~b, ~a & b, a & b]).to(first).mean(1).",
    ), mistakes=(
        (parted(none, lambda a, b: a, lambda a, b: b, both), "pictures that fool both are counted three times; only the first means: not the second. The four must add up to 100."),
        (parted(none, other, one, both), "the two networks change places."),
        (parted(both, other, one, none), "right and fooled change places: fooled is argmax != y."),
        (parted(both, one, other, none), "none and both change places."),
        (parted(one, other, both, none), "the order is none, only the first, only the second, both."),
        (lambda f, s, y: who_is_fooled(f, s, y) / 100, "these are shares; give percent."),
        (lambda f, s, y: who_is_fooled(f, s, y) * len(y) / 100, "these are numbers of pictures; give percent."),
        (lambda f, s, y: who_is_fooled(f, s, f.argmax(1)), "the first network's own answers stand for the right classes; use y."),
        (lambda f, s, y: who_is_fooled(s, s, y), "only the second network is asked."),
        (lambda f, s, y: who_is_fooled(f, f, y), "only the first network is asked."),
        (lambda f, s, y: who_is_fooled(f, s, y)[1:], "three numbers: none of both is fooled is one of the four cases."),
        (lambda f, s, y: parted(none, lambda a, b: a, lambda a, b: b, lambda a, b: a | b)(f, s, y), "pictures that fool both are counted more than once, and both means and, not or."),
        (lambda f, s, y: parted(none, one, other, lambda a, b: a | b)(f, s, y), "both means and, not or."),
        (lambda f, s, y: 100 * torch.stack([row(f.argmax(1) != y, s.argmax(1) != y) for row in (none, one, other, both)]).to(f).mean(0), "the mean runs over the four cases; it runs over the pictures."),
    )),
)  # fmt: skip
