"""The exercises of chapter 22: what a patch does inside, the bounded leaky ReLU, who is fooled; the scores of a memory, how many speak, the walk to the boundary."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..attacks import walk_to_boundary
from ..checking import ATTACK, TENSORS, Exercise, expect_inside, slips
from ..checking.battery import ONE_PICTURE
from ..checking.exciting import (
    above, below, both, bound_learns, changes, excited, moved, none, one, other, parted, sizes, two_networks, whole_batch, wide,
)  # fmt: skip
from ..checking.remembering import active, ahead, counted, other_lengths, rectified, remembered, stored, unit, vanishing, walker, ways


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


def memory_scores(pixels: Tensor, labels: Tensor, v: Tensor, n: int, temperature: float) -> Tensor:
    """How far the energy falls when label unit a goes from -1 to +1, for each state and each a: [N, C]."""
    return remembered()(pixels, labels, v, n, temperature)


def speakers(activations: Tensor) -> Tensor:
    """The fewest memories that together give more than half of each row's sum: [N]."""
    return counted(lambda shares: (shares.cumsum(1) <= 0.5).sum(1) + 1)(activations)


def walk(model: nn.Module, x: Tensor, y: Tensor, step: float, steps: int) -> Tensor:
    """Steps of one length up the gradient of max_{i != y} Z_i - Z_y, until that is above 0."""
    return walk_to_boundary(model, x, y, step=step, steps=steps)


EXERCISES = (
    Exercise("carried_by_few", carried_by_few, changes, battery=(ONE_PICTURE, *TENSORS), difficulty=2, minutes=10, what="the batch of shares", hints=(
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
        (lambda b, a, t: moved(b, a).flatten(1).topk(max(1, round(t * b[0].numel()))).values.norm(dim=1) / moved(b, a).flatten(1).norm(dim=1), "these are L2 norms; add the absolute values up."),
        (lambda b, a, t: moved(b, a).flatten(1).gather(1, a.flatten(1).topk(max(1, round(t * b[0].numel()))).indices).sum(1) / moved(b, a).flatten(1).sum(1), "the top is taken by the activations after the attack; take the units that change most."),
        (lambda b, a, t: sizes(moved)(b, a, t) * moved(b, a).flatten(1).sum(1) / a.flatten(1).abs().sum(1), "it is divided by the activations after the attack; divide by the sum of all changes."),
        (lambda b, a, t: sizes(moved)(b, a, t) * moved(b, a).flatten(1).sum(1) / (moved(b, a).flatten(1).sum(1) + 1e-3), "a number is added to the divisor, which counts where changes are small; leave it out."),
        (whole_batch, "the top units are those of the whole batch; each picture has its own."),
        (lambda b, a, t: carried_by_few(b, a, t).mean().expand(len(b)), "one share for the whole batch; each picture has its own."),
        (lambda b, a, t: (moved(b, a).flatten(1) > moved(b, a).flatten(1).quantile(1 - t, 1, keepdim=True)).to(b).mean(1), "this is how many units there are in the top; give how much of the change they carry."),
    )),
    Exercise("bounded_leaky", bounded_leaky, excited, battery=(ONE_PICTURE, *TENSORS), also=bound_learns, difficulty=1, minutes=10, what="the batch of activations", hints=(
        "Three pieces: below 0, between 0 and the bound, above the bound. Which value has each, and do they meet?",
        "torch.where(condition, a, b), twice. The bound has one number for each channel, axis 1: bound.view(-1, 1, 1) fits [N, C, H, W].",
        "b = bound.view(-1, 1, 1); torch.where(x > b, b - slope * (x - b), torch.where(x < 0, slope * x, x)).",
    ), mistakes=(
        (above(lambda x, b, s: b + s * (x - b)), "above the bound it rises with slope s, so that nothing bounds it; it falls: b - s (x - b)."),
        (above(lambda x, b, s: b + 0 * x), "above the bound it stays at b (as ReLU6 does); here it falls: b - s (x - b)."),
        (above(lambda x, b, s: x), "this is a leaky ReLU without a bound."),
        (above(lambda x, b, s: b - s * x), "above the bound it is b - s x, a step down at the bound; the pieces meet where s multiplies x - b."),
        (above(lambda x, b, s: -s * (x - b)), "above the bound it begins at 0; it begins at b."),
        (above(lambda x, b, s: b - s * (b - x)), "above the bound it rises: (b - x) is below 0 there; take x - b."),
        (above(lambda x, b, s: b - (x - b)), "above the bound it falls with slope 1; it falls with slope s."),
        (above(lambda x, b, s: 0 * x), "above the bound it is 0; it is b - s (x - b)."),
        (below(lambda x, b, s: 0 * x), "below 0 it is 0; it leaks: s x."),
        (below(lambda x, b, s: -s * x), "below 0 the sign is turned: s x is below 0 there."),
        (below(lambda x, b, s: x), "below 0 it is x itself; it is s x."),
        (below(lambda x, b, s: s + 0 * x), "below 0 it is s; it is s x."),
        *((lambda x, b, s, one=one: bounded_leaky(x, one(b).expand_as(b), s), "one bound is used for all channels; each channel, axis 1, has its own.") for one in (torch.mean, torch.amax, torch.amin, lambda b: b[0])),
        (above(lambda x, b, s: (b - s * (x - b)).relu()), "far above the bound it is cut off at 0; it goes on falling, below 0 as well."),
        (lambda x, b, s: torch.where(x > 0, wide(b, x) - s * (x - wide(b, x)), s * x), "between 0 and the bound it is b - s (x - b); it is x there."),
        (lambda x, b, s: bounded_leaky(x, b, 0.01), "the slope is 0.01, PyTorch's usual one; use the argument."),
        (lambda x, b, s: torch.minimum(bounded_leaky(x, b, s).relu(), wide(b, x)), "what is below 0 is cut off; it leaks, on both sides: s x below 0, b - s (x - b) above the bound."),
    )),
    Exercise("who_is_fooled", who_is_fooled, two_networks, battery=TENSORS, difficulty=1, minutes=8, what="the row of percentages", hints=(
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
        (parted(none, one, both, other), "the order is none, only the first, only the second, both."),
        (lambda f, s, y: 100 * torch.stack([row(f.argmax(1) != y, s.argmax(1) != f.argmax(1)) for row in (none, one, other, both)]).to(f).mean(1), "the second network's answers are compared with the first's; compare both with y."),
        (lambda f, s, y: 100 * torch.stack([row(f.argmax(1) != y, s.argmax(1) != y) for row in (none, one, other, both)]).to(f).mean(0), "the mean runs over the four cases; it runs over the pictures."),
    )),
    Exercise("memory_scores", memory_scores, stored, battery=TENSORS, difficulty=2, minutes=12, what="the table of scores", tol=1e-3, hints=(
        "With all label units at -1, what do they add to a memory's overlap? And what changes when one of them goes to +1?",
        "b = v @ pixels.T - labels.sum(1) is [N, K]. Flipping unit a adds 2 * labels[:, a]. Divide by temperature before the power, and cut off below 0 before it, too.",
        "power = lambda o: (o / temperature).clamp(min=0) ** n; torch.stack([(power(b + 2 * l) - power(b)).sum(1) for l in labels.T], 1).",
    ), mistakes=(
        (remembered(lambda v, p, q: v @ p.T), "the label units are left out of the base; they are -1, and each takes its label weight off the overlap: - labels.sum(1)."),
        (remembered(lambda v, p, q: v @ p.T + q.sum(1)), "the base has all label units at +1; they are at -1."),
        (remembered(lambda v, p, q: v @ p.T, lambda q: q), "all other label units are at 0; they are at -1, and so is this one before it goes to +1."),
        (remembered(lambda v, p, q: v @ p.T - q[:, 0]), "only the first label unit's weight is taken off the base; each of them is at -1: labels.sum(1)."),
        (remembered(power=lambda x, n, t: (x / t) ** n, less=lambda after, before: (after - before).relu().sum(1)), "the differences are cut off below 0; cut off the overlaps before the power, and add up the differences as they are."),
        (remembered(less=lambda after, before: (after - before).amax(1)), "only one memory counts; add them all up."),
        (remembered(flip=lambda q: q), "a unit that goes from -1 to +1 moves by 2: add 2 * labels[:, a]."),
        (remembered(flip=lambda q: -2 * q), "the unit goes the wrong way: from -1 to +1 adds 2 * labels[:, a]."),
        (remembered(power=lambda x, n, t: rectified(x, n) / t**n), "the power overflows, and infinity by infinity is no number: divide the overlap by T first."),
        (remembered(power=lambda x, n, t: (x / t) ** n), "overlaps below 0 count, too; F_n is 0 there: .clamp(min=0) before the power."),
        (remembered(power=lambda x, n, t: (x / t).abs() ** n), "overlaps below 0 count as if they were above; F_n is 0 there: .clamp(min=0)."),
        (remembered(less=lambda after, before: (before - after).sum(1)), "the sign is turned: a large score is a large fall of the energy."),
        *((remembered(power=lambda x, n, t, by=by: (n if by else 1) * rectified(x / t, n - 1)), "the power is n - 1, that of the activation; the energy has n.") for by in (0, 1)),
        (lambda p, q, v, n, t: remembered()(p, q, v, n, t).tanh(), "this is the update, tanh of the scores; give the scores."),
        (remembered(less=lambda after, before: after.sum(1)), "the energy before the flip is not taken off."),
        (remembered(less=lambda after, before: (after - before).mean(1)), "this is the mean over the memories; add them up."),
        (lambda p, q, v, n, t: 2 * n / t * rectified((v @ p.T - q.sum(1)) / t, n - 1) @ q, "this is the network that is nearly the same, to first order; take the difference of the powers."),
        (remembered(power=lambda x, n, t: rectified(x, n) / t), "T is divided by once, after the power; divide the overlap by T, before it."),
        (remembered(power=lambda x, n, t: rectified(x, n)), "T is not used."),
        (remembered(power=lambda x, n, t: rectified(x * t, n)), "the overlap is multiplied by T; divide by it."),
        (remembered(power=lambda x, n, t: rectified(x / t, 3)), "the power is always 3; use n."),
    )),
    Exercise("speakers", speakers, active, battery=(ONE_PICTURE, *TENSORS), difficulty=2, minutes=8, what="the batch of counts", hints=(
        "In which order do you add the memories up, so that few are enough? And when do you stop?",
        "Sort each row, the largest first, divide by its sum, and take cumsum(1). For how many memories is that not yet more than half?",
        "shares = activations.sort(1, descending=True).values / activations.sum(1, keepdim=True); (shares.cumsum(1) <= 0.5).sum(1) + 1.",
    ), mistakes=(
        (counted(lambda s: (s.cumsum(1) < 0.5).sum(1) + 1), "exactly half is not more than half: one more is needed there."),
        (counted(lambda s: (s.cumsum(1) <= 0.5).sum(1)), "the one that takes the sum across is not counted."),
        (lambda a: ((a / a.sum(1, keepdim=True)).cumsum(1) <= 0.5).sum(1) + 1, "they are taken in the order of storage; the most active come first."),
        (counted(lambda s: (s.flip(1).cumsum(1) <= 0.5).sum(1) + 1), "the least active are taken first; sort in descending order."),
        (counted(lambda s: (s > 0.5).sum(1)), "this counts memories that give more than half alone."),
        (counted(lambda s: (s > s[:, :1] / 2).sum(1)), "this counts memories with more than half of the largest; add them up until more than half of the sum is reached."),
        (counted(lambda s: (s > s.mean(1, keepdim=True)).sum(1)), "this counts memories above the mean."),
        (counted(lambda s: (s > 0).sum(1)), "this counts all memories that are active at all."),
        (counted(lambda s: (s.cumsum(1) > 0.5).sum(1)), "this counts from where half is passed on; count up to there."),
        (lambda a: speakers(a.float()) if a.dtype == torch.float64 else speakers(a), "a sum just above a half is more than half: no tolerance, and no rounding to single precision."),
        (lambda a: ((a / (a.sum(1, keepdim=True) + 1e-8)).sort(1, descending=True).values.cumsum(1) <= 0.5).sum(1) + 1, "a small number in the divisor is large beside activations of 1e-25; at least one is above 0, so leave it out."),
        (lambda a: (a.sort(1, descending=True).values.cumsum(1) <= a.sum() / 2).sum(1) + 1, "the sum is that of the whole batch; each picture has its own."),
        (lambda a: (a.sort(1, descending=True).values.cumsum(1) <= 0.5).sum(1) + 1, "half of 1 is taken, not half of the row's sum; the activations are no shares yet."),
        (lambda a: speakers(a.square()), "the activations are squared."),
        (lambda a: (a.sort(1, descending=True).values.cumsum(1) <= 0.5 * a.amax(1, keepdim=True)).sum(1) + 1, "half of the largest is taken; take half of the sum."),
        (lambda a: (a.sort(0, descending=True).values.cumsum(1) <= 0.5 * a.sort(0).values.flip(0).sum(1, keepdim=True)).sum(1) + 1, "they are sorted over the pictures (axis 0); sort each row, axis 1."),
        (lambda a: (a.softmax(1).sort(1, descending=True).values.cumsum(1) <= 0.5).sum(1) + 1, "softmax gives other shares; divide by the sum."),
        (lambda a: speakers(a.T)[: len(a)], "the shares are taken over the pictures (axis 0); each picture's memories lie in its row."),
        (lambda a: speakers(a) / a.shape[1], "this is a share of the memories; give their number."),
        (counted(lambda s: (s.cumsum(1) <= 0.9).sum(1) + 1), "this is for 90 % of the sum; more than half is enough."),
    )),
    Exercise("walk", walk, ways, battery=ATTACK, difficulty=3, minutes=15, what="the batch of end points", tol=1e-4, rules=(expect_inside,), hints=(
        "Three parts: the lead, (largest other score) - (score of y), of each picture; the direction of its gradient, of length 1; and who still walks.",
        "Leave y out with scores.scatter(1, y[:, None], -torch.inf).amax(1). Divide g by its largest entry, then by its norm, picture by picture. torch.where(lead <= 0, moved, x).",
        "g = g / g.flatten(1).abs().amax(1).clamp(min=1e-37)[:, None, None, None]; g = g / g.flatten(1).norm(dim=1).clamp(min=1)[:, None, None, None]; then x + step * g, clamped, where lead <= 0.",
    ), mistakes=(
        *((walker(scale=scale), "tiny gradients have a norm of 0, as their squares vanish in single precision: divide by the largest entry first.") for scale in vanishing),
        *((walker(scale=scale), "a step has another length: its L2 norm, the root of each picture's sum of squares, is `step`; divide by that norm.") for scale in other_lengths),
        (walker(scale=lambda g: g / g.flatten(1).abs().amax(1).view(-1, 1, 1, 1) / (g / g.flatten(1).abs().amax(1).view(-1, 1, 1, 1)).flatten(1).norm(dim=1).view(-1, 1, 1, 1)), "where the gradient is 0 it is divided by 0; keep the divisors above 0 (.clamp(min=1e-37)), and the picture stays."),
        (walker(ends=lambda s, y: torch.where(ahead(s, y) < 0, -1.0, 1.0)), "where another score is as large as that of y the walk goes on: lead <= 0, and not lead < 0."),
        (walker(ends=lambda s, y: torch.where(s.argmax(1) == y, -1.0, 1.0)), "where another score is as large as that of y the walk goes on, whichever argmax or topk names: lead <= 0, of the scores without y."),
        (walker(scale=lambda g: g), "a step is as long as the gradient; each step has the length `step`: divide the gradient by its norm."),
        (walker(scale=torch.sign), "the step follows the sign; here it follows the gradient, divided by its L2 norm."),
        (walker(scale=lambda g: unit(g.flatten()[None, None, None])[0].view_as(g)), "the norm is that of the whole batch; each picture has its own."),
        (walker(ends=lambda s, y: -torch.ones_like(ahead(s, y))), "pictures that are across walk on; they stay where they are."),
        (lambda *a: walker(clip=lambda x: x)(*a).clamp(0, 1), "pixels are clipped at the end only; clip after each step."),
        *((walker(f := lambda s, y, low=low: s.scatter(1, y[:, None], low).amax(1) - slips.own_score(s, y)[:, 0], ends=f), "y's own score is set to a number that the others may be below; set it to -torch.inf.") for low in (0, -1e9)),
        *((lambda m, x, y, step, steps, k=k: walk_to_boundary(m, x, y, step=step, steps=steps + k), f"one step too {w}; take `steps` of them.") for k, w in ((1, "many"), (-1, "few"))),
        (walker(clip=lambda x: x), "pixels leave [0, 1]; clip after each step."),
        (walker(sign=-1.0), "the steps go down the lead: away from the boundary."),
        (walker(least=1), "one step only; take `steps` of them."),
        (walker(turns=False), "the direction, or the class that is next, is that of the first step; take both anew where the picture is."),
        (walker(slips.total_loss), "this climbs the cross-entropy; climb the lead: the largest other score minus that of y."),
        (walker(lambda s, y: -slips.own_score(s, y)), "only y's score is lowered; the lead has the largest other score, too."),
        (walker(lambda s, y: ahead(s, y) + slips.own_score(s, y)[:, 0]), "only the largest other score is raised; the lead has y's score, too."),
        (walker(lambda s, y: ahead(s.softmax(1), y)), "this is the lead of the probabilities; take that of the scores."),
        (walker(lambda s, y: ahead(s, s.argmax(1)), ends=lambda s, y: ahead(s, s.argmax(1))), "the network's own answer is taken for y; use the classes that are given."),
        (walker(lambda s, y: s.amax(1) - slips.own_score(s, y)[:, 0]), "nobody moves. If y is among the others, the lead is 0 with no gradient while y is ahead: leave y out of the maximum. And each picture stops for itself."),
        (lambda m, x, y, step, steps: walk_to_boundary(m, x, y, step=step, steps=steps) - x.detach(), "this is the change alone; add it to x."),
    )),
)  # fmt: skip
