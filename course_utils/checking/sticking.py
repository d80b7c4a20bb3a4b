"""Stickers, inks and patches (chapter 16): more of the usual mistakes, and a cost through which gradients must pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .calls import call
from .exercise import Case
from .expectations import expect, expect_close

Mistakes = tuple[tuple[Callable, str], ...]


def last_one_counts(x: Tensor, boxes: Tensor, adds: Tensor) -> Tensor:
    """Where two stickers meet the earlier one is forgotten."""
    z = x.clone()
    for k in range(len(x)):
        for (x0, y0, x1, y1), add in zip(boxes[k].tolist(), adds.tolist()):
            z[k, :, y0:y1, x0:x1] = x[k, :, y0:y1, x0:x1] + add
    return z.clamp(0, 1)


def each(log: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """What each view costs, from log probabilities that are made in some way: [V, N]."""
    return lambda s, t: -log(s)[:, torch.arange(len(t)), t]


def gradients_pass(right: Callable[..., Tensor], cases: Callable[[], Iterator[Case]]) -> Callable[[Callable], None]:
    """The cost is there to be minimised: its gradients for the scores and the change must be those of the right one."""

    def slope(f: Callable, of: str) -> Tensor | None:
        given = {name: value.clone() if isinstance(value, Tensor) else value for name, value in next(cases()).items()}
        paid = call(f, **given | {of: given[of].requires_grad_()})
        return torch.autograd.grad(paid.sum(), given[of], allow_unused=True)[0] if paid.requires_grad else None

    def check(answer: Callable) -> None:
        for of in ("scores", "change"):
            got = slope(answer, of)
            expect(got is not None, f"the numbers are right, but no gradient passes from the cost to {of}: .detach(), .data, .item() and no_grad cut it off.")
            expect_close(got, slope(right, of), f"the gradient for {of}", why="The numbers are right, but a part of the cost is cut off.")

    return check


def stickers(right: Callable) -> Mistakes:
    """Mistakes of right(x, boxes, adds), which adds stickers up."""
    return (
        (lambda x, boxes, adds: right(x, boxes, torch.where(torch.arange(len(adds)) == 0, -1.0, 1.0).to(adds)), "the first sticker is taken for dark and the others for bright; adds[j] says what sticker j adds."),
        (lambda x, boxes, adds: right(x, boxes[:, :1], adds[:1]), "only the first sticker of each picture is put on; there are len(adds) of them. Does a return stand inside the loop?"),
        (lambda x, boxes, adds: right(x, boxes[:, :2], adds[:2]), "only the first two stickers are put on; there are len(adds) of them."),
        (lambda x, boxes, adds: torch.cat([right(x[:1], boxes[:1], adds), x[1:]]), "only the first picture gets its stickers. Does a return stand inside the loop?"),
        (last_one_counts, "where two stickers meet only the last one counts; add to the sum so far, not to x: z[...] += add."),
    )  # fmt: skip


def inks(right: Callable, far: Callable) -> Mistakes:
    """Mistakes of right(x, palette); far(distance, together) makes one of its parts."""
    return (
        (far(together=lambda d: d.mean(1)), "the distances are averaged; they are multiplied, so that one near colour is enough."),
        (far(lambda d: d.abs(), lambda d: d.prod(1).norm(dim=1)), "the product is taken in each channel; first the length over the channels, then the product over the colours."),
        (far(together=lambda d: d[:, 0]), "only the first colour counts; multiply the distances of all."), (far(together=lambda d: d[:, -1]), "only the last colour counts; multiply the distances of all."),
        (far(together=lambda d: d[:, 1:].prod(1)), "the first colour is left out."), (far(together=lambda d: d[:, :-1].prod(1)), "the last colour is left out; does the number of colours stand in your code? It is len(palette)."),
        (lambda x, palette: right(x.reshape(len(x), *x.shape[2:], x.shape[1]).movedim(3, 1), palette), "the axes are cut anew, not moved: .reshape and .view mix pixels and channels; x.permute(0, 2, 3, 1) puts the channels last."),
    )  # fmt: skip


def costs(right: Callable, cost: Callable) -> Mistakes:
    """Mistakes of right(scores, target, change, mask, weight); cost(...) makes one of its parts."""
    return (
        (lambda scores, target, change, mask, weight: weight * right(scores, target, change, mask, 1.0), "weight multiplies the whole cost; it belongs to the change's size only."),
        (lambda scores, target, change, mask, weight: (mask * change).flatten(1).norm(dim=1) + weight * each(lambda s: s.log_softmax(2))(scores, target).mean(0), "weight multiplies what the views cost; it belongs to the change's size."),
        (cost(chance=each(lambda s: s.mean(0, keepdim=True).log_softmax(2))), "the scores are averaged before the softmax; each view has its own -log p, and the mean comes last."),
        (cost(chance=each(lambda s: s.softmax(2).log_softmax(2))), "softmax is taken twice; log_softmax starts from the scores."),
        (cost(chance=each(lambda s: s.log_softmax(0))), "the softmax runs over the views; classes are the last axis: log_softmax(2)."),
        (cost(chance=each(lambda s: s.log_softmax(1))), "the softmax runs over the pictures; classes are the last axis: log_softmax(2)."),
        (cost(chance=lambda s, t: -s.log_softmax(2)[:, :, t]), "[:, :, target] takes every picture's target for every picture; take each one's own: [:, torch.arange(len(target)), target]."),
        (cost(chance=lambda s, t: -s.log_softmax(2)[:, :, t].mean(1)), "[:, :, target] takes every picture's target for every picture; take each one's own: [:, torch.arange(len(target)), target]."),
        (cost(over=lambda c: c.mean()), "what the views cost is averaged over the pictures, too; each picture has its own (cross_entropy: reduction=\"none\")."),
        (cost(over=lambda c: c), "the mean over the views is missing: .mean(0)."),
        (cost(chance=lambda s, t: -s.log_softmax(2).flatten(0, 1).gather(1, t.repeat_interleave(len(s))[:, None]).view(s.shape[:2])), "targets and scores are paired wrongly: flattened, the scores are all pictures of the first view, then of the second: target.repeat(V)."),
        (cost(chance=lambda s, t: -(1 - each(lambda s: s.log_softmax(2))(s, t).neg().exp()).log()), "this is -log(1 - p), for an attack without a target; here p(target) shall become large: -log p."),
        (cost(size=lambda d: d.norm(dim=1).flatten(1).sum(1)), "the pixels' lengths are added up; one root is taken of all squares: .flatten(1).norm(dim=1)."),
        (cost(masked=lambda d, m: d * (1 - m)), "the change beside the mask is measured; below it the mask is 1."),
    )  # fmt: skip


def places(right: Callable, placed: Callable) -> Mistakes:
    """Mistakes of right(side, across, down, turn, size); placed(...) makes one of its parts."""
    return (
        (lambda side, across, down, turn, size: torch.linalg.inv(torch.cat([right(side, across, down, turn, size), torch.tensor([[0.0, 0.0, 1.0]])]))[:2], "this goes from patch to picture; affine_grid asks the other way: for a place of the picture, where on the patch to look."),
        (placed(scale=lambda side, size: side / size, middle=lambda across, down, side, size: ((2 * across - size) * side / size**2, (2 * down - size) * side / size**2)), "the scale is upside down; the picture is size / side patches wide, and the matrix goes from picture to patch."),
        (placed(scale=lambda side, size: 1.0, middle=lambda across, down, side, size: ((2 * across - size) / size, (2 * down - size) / size)), "the scale is missing; the picture is size / side patches wide."),
        (placed(scale=lambda side, size: 2 * size / side, middle=lambda across, down, side, size: (2 * (2 * across - size) / side, 2 * (2 * down - size) / side)), "the patch comes out half as wide: from -1 to 1 is its whole side, not half of it. The scale is size / side."),
        (lambda side, across, down, turn, size: torch.cat([right(side, across, down, turn, size)[:, :2], torch.tensor([[1 - 2 * across / size], [1 - 2 * down / size]])], 1), "the middle is moved without being turned and scaled; shift first, then turn back and scale the shift as every other place."),
        (placed(middle=lambda across, down, side, size: ((2 * across + side - size) / side, (2 * down + side - size) / side)), "across and down are taken for the patch's upper left corner; they are its middle."),
        (placed(middle=lambda across, down, side, size: (across / side, down / side)), "the middle is counted from 0 to 1; a picture goes from -1 to 1: 2 * across / size - 1."),
        (placed(middle=lambda across, down, side, size: (across * size / side, down * size / side)), "the middle is counted in pixels; a picture goes from -1 to 1: 2 * across / size - 1."),
        (placed(angle=lambda turn: 0.0), "turn has no effect."),
        (placed(middle=lambda across, down, side, size: ((2 * across - size) / side, (size - 2 * down) / side)), "down is counted from the lower edge; v grows downwards, as down does."),
    )  # fmt: skip
