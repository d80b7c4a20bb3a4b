"""The exercises of chapter 11: f of the scores, into tanh space, the next c of the search, and fewer pixels for L0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ..attacks.carlini_wagner import next_c as library_next_c
from ..checking import PICTURES, TENSORS, Case, Exercise, expect, searching
from ..checking.battery import NARROW, ONE_PICTURE
from ..checking.searching import without
from ..runtime import generator

searched = partial(searching.searched, library_next_c)


def behind(scores: Tensor, t: Tensor) -> Tensor:
    """max(0, max_{i != t} Z_i - Z_t) of each picture: [N]."""
    own = scores.gather(1, t[:, None])[:, 0]
    return (scores.scatter(1, t[:, None], -torch.inf).amax(1) - own).relu()


def to_w(x: Tensor, edge: float) -> Tensor:
    """atanh((1 - edge) (2 x - 1))."""
    return torch.atanh((1 - edge) * (2 * x - 1))


def next_c(low: Tensor, high: Tensor, c: Tensor, worked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The interval with this result taken in, and the c to try next."""
    return library_next_c(low, high, c, worked)


def fewer_pixels(free: Tensor, change: Tensor, slope: Tensor, count: Tensor) -> Tensor:
    """free without the count[n] free pixels of the smallest sum over colours of |change * slope|."""
    return without(free, (change * slope).abs().sum(1), count)


# ---------------------------------------------------------------- f


def logits() -> Iterator[Case]:
    """Some are won, some lost, some tied; in some all other logits are below 0, in some all are above."""
    scores = 3 * torch.randn(10, 5, generator=generator(1))
    t = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
    scores[0] -= 20
    scores[1] += 20
    scores[2, 2], scores[3, 3], scores[4] = 9, scores[3].max(), -8 + torch.arange(5.0)
    yield {"scores": scores, "t": t}
    yield from ({"scores": -scores[:, [3, 0, 2, 4, 1, 1]] - 7, "t": (t + 2) % 6 % 4}, {"scores": (2 * scores).round() / 2, "t": t.flip(0)})


def slopes(answer: Callable) -> None:
    """f must be differentiable: 1 for the strongest other class, -1 for the target, nothing where it is won."""
    scores, t = next(logits()).values()
    value = answer(scores.requires_grad_(), t)
    expect(isinstance(value, Tensor) and value.requires_grad, "the value is right, but it has no gradient: no .detach(), .item() or torch.no_grad() here.")
    got, want = (torch.autograd.grad(v.sum(), scores)[0] for v in (value, behind(scores, t)))
    expect(torch.allclose(got, want.where(value.detach()[:, None] > 0, got)), "the value is right, but its gradient for the scores is another one; cut nothing off from the graph.")


# ---------------------------------------------------------------- tanh space


def bright() -> Iterator[Case]:
    x = (1.3 * torch.rand(4, 2, 4, 5, generator=generator(2)) - 0.15).clamp(0, 1)
    yield from ({"x": x, "edge": 0.0137}, {"x": x.flip(0), "edge": 0.2}, {"x": x[:, :1], "edge": 1e-4})


def finite(got: Tensor, case: Case) -> None:
    """Require w that can be worked with."""
    expect(bool(got.detach().isfinite().all()), "w is infinite where a pixel is black or white; draw x towards grey first: (1 - edge) * (2 * x - 1).")


EXERCISES = (
    Exercise("behind", behind, logits, battery=(ONE_PICTURE, *TENSORS), difficulty=2, minutes=8, what="f", also=slopes, hints=(
        "Two numbers for each picture: the target's own logit, and the largest of all others. How do you keep the target out of the maximum?",
        "own = scores.gather(1, t[:, None])[:, 0]. scores.scatter(1, t[:, None], -torch.inf) has minus infinity at the target.",
        "(scores.scatter(1, t[:, None], -torch.inf).amax(1) - own).clamp(min=0).",
    ), mistakes=(
        (lambda s, t: (s.gather(1, t[:, None])[:, 0] - s.scatter(1, t[:, None], -torch.inf).amax(1)).relu(), "the sign is the wrong way round: f is above 0 where another class leads."),
        (lambda s, t: s.scatter(1, t[:, None], -torch.inf).amax(1) - s.gather(1, t[:, None])[:, 0], "f goes below 0 where the target leads; (.)^+ makes that 0."),
        (lambda s, t: (s.scatter(1, t[:, None], 0.0).amax(1) - s.gather(1, t[:, None])[:, 0]).relu(), "the target's logit is replaced by 0, which wins where all others are below 0; use -torch.inf."),
        (lambda s, t: behind(s.softmax(1), t), "these are probabilities (that is f2); take the logits as they are."),
        (lambda s, t: (s.topk(2).values[:, 1] - s.gather(1, t[:, None])[:, 0]).relu(), "the second largest logit is taken; where the target is behind, the strongest other class is the largest of all."),
        (lambda s, t: (s.scatter(1, t[:, None], -torch.inf).amax(1) - s.gather(1, t[:, None])[:, 0]).abs(), "this is the absolute value; where the target leads, f is 0."),
        (lambda s, t: F.cross_entropy(s, t, reduction="none"), "this is the cross-entropy; take the difference of two logits."),
        (lambda s, t: behind(s, t).sum(), "one number for the whole batch; give one for each picture, [N]."),
        (lambda s, t: (s.scatter(1, t[:, None], -torch.inf).amax(1) - s[:, t].diagonal() + 0.01).relu(), "a margin is added; f is 0 as soon as the target leads."),
        (lambda s, t: (s.scatter(1, t[:, None], -torch.inf).logsumexp(1) - s.gather(1, t[:, None])[:, 0]).relu(), "the others are added up (logsumexp); the largest of them counts."),
        (lambda s, t: ((s.sum(1) - s.gather(1, t[:, None])[:, 0]) / (s.shape[1] - 1) - s.gather(1, t[:, None])[:, 0]).relu(), "the mean of the others is taken; the largest of them counts."),
        (lambda s, t: (s.scatter(1, t[:, None], -torch.inf).amax() - s.gather(1, t[:, None])[:, 0]).relu(), "the largest logit of the whole batch is taken; each picture has its own."),
        (lambda s, t: behind(s, s.argmin(1)), "the least likely class is taken for the target; use t."),
        (lambda s, t: F.softplus(s.scatter(1, t[:, None], -torch.inf).amax(1) - s.gather(1, t[:, None])[:, 0]), "softplus is the paper's f7; f6 has a corner: max(0, ...)."),
    )),
    Exercise("to_w", to_w, bright, battery=tuple(item for item in PICTURES if item is not NARROW), difficulty=1, minutes=6, what="w", rules=(finite,), tol=1e-4, hints=(
        "Solve x = (tanh(w) + 1) / 2 for w. Where is the inverse infinite?",
        "tanh(w) = 2x - 1, so w = atanh(2x - 1). Multiply 2x - 1 by a number just below 1 first.",
        "torch.atanh((1 - edge) * (2 * x - 1)).",
    ), mistakes=(
        (lambda x, e: torch.atanh(2 * x - 1), "w is infinite where a pixel is black or white; draw x towards grey first: (1 - edge) * (2 * x - 1)."),
        (lambda x, e: torch.atanh((1 - e) * x), "tanh(w) is 2x - 1, which runs from -1 to 1; here it is x."),
        (lambda x, e: torch.tanh((1 - e) * (2 * x - 1)), "this is tanh; its inverse is asked for, atanh."),
        (lambda x, e: torch.atan((1 - e) * (2 * x - 1)), "this is the inverse of tan; that of tanh is torch.atanh."),
        (lambda x, e: torch.atanh(2 * (1 - e) * x - 1), "the shrinking is applied before 1 is subtracted: black stays at -1, whose atanh is infinite. Shrink 2x - 1."),
        (lambda x, e: torch.atanh((2 * x - 1).clamp(e - 1, 1 - e)), "2x - 1 is cut off at the ends; multiply it by 1 - edge, which keeps different greys different."),
        (lambda x, e: torch.atanh(2 * x.clamp(e, 1 - e) - 1), "x is cut off at the ends; multiply 2x - 1 by 1 - edge, which keeps different greys different."),
        (lambda x, e: torch.atanh((1 - 2 * e) * (2 * x - 1)), "the factor is 1 - edge, not 1 - 2 * edge."),
        (lambda x, e: torch.atanh((1 - 1e-6) * (2 * x - 1)), "`edge` is not used; how far black is drawn towards grey is given."),
        (lambda x, e: 0.5 * torch.atanh((1 - e) * (2 * x - 1)), "half too much: w is atanh(2x - 1) itself."),
        (lambda x, e: 2 * torch.atanh((1 - e) * (2 * x - 1)), "w is atanh(2x - 1) itself, not twice that: with tanh(w) the factor 2 stands outside."),
        (lambda x, e: torch.atanh((1 - e) * (1 - 2 * x)), "black and white change places: 2x - 1."),
        (lambda x, e: 0.5 * (torch.tanh(x) + 1), "this is the way from w to x; the way back is asked for."),
    )),
    Exercise("next_c", next_c, searching.searches, battery=(ONE_PICTURE, *TENSORS), difficulty=2, minutes=10, what="the search", hints=(
        "Where c worked, it is the smallest that is known to work: high. Where it failed, it is the largest that is known to fail: low. Then: is high known yet?",
        "torch.where(worked, c, high) sets one entry where worked is True and keeps the other. high < torch.inf says where something has worked.",
        "low = torch.where(worked, low, c); high = torch.where(worked, c, high); c = torch.where(high < torch.inf, (low + high) / 2, 10 * c).",
    ), mistakes=(
        (searched(lambda low, high, c, w: (torch.where(w, c, low), torch.where(w, high, c))), "the ends change places: what worked is the new high, what failed the new low."),
        (searched(lambda low, high, c, w: (torch.where(w, low, c), high)), "high stays as it was; where c worked, it becomes c."),
        (searched(lambda low, high, c, w: (low, torch.where(w, c, high))), "low stays as it was; where c failed, it becomes c."),
        (searched(step=lambda low, high, c: (low + high) / 2), "where nothing has worked yet, half-way to infinity is infinity; there c becomes ten times as large."),
        (searched(step=lambda low, high, c: 10 * c), "c is always made larger; between low and high, the middle comes next."),
        (lambda low, high, c, w: (*library_next_c(low, high, c, w)[:2], torch.where(w, library_next_c(low, high, c, w)[2], 10 * c)), "c becomes ten times as large wherever it failed; do so only where none has worked yet, where high is infinite."),
        (searched(step=lambda low, high, c: torch.where(high < torch.inf, (low * high).sqrt(), 10 * c)), "this is the geometric mean; take the middle, (low + high) / 2."),
        (searched(step=lambda low, high, c: torch.where(high < torch.inf, (high - low) / 2, 10 * c)), "this is half the distance; the middle is (low + high) / 2."),
        (searched(step=lambda low, high, c: torch.where(high < torch.inf, (low + high) / 2, 2 * c)), "c doubles; the L2 attack takes ten times as much."),
        (searched(step=lambda low, high, c: torch.where((high < torch.inf).all(), (low + high) / 2, 10 * c)), "the whole batch decides; each picture has its own search."),
        (lambda low, high, c, w: library_next_c(low, high, c, w.all().expand_as(w)), "the whole batch decides; each picture has its own search."),
        (lambda low, high, c, w: library_next_c(low, high, c, w.any().expand_as(w)), "the whole batch decides; each picture has its own search."),
        (lambda low, high, c, w: library_next_c(low, high, c, ~w), "worked and failed change places."),
        (lambda low, high, c, w: (*library_next_c(low, high, c, w)[:2], torch.where(high < torch.inf, (low + high) / 2, 10 * c)), "the next c is computed from the old low and high; take the new ones."),
        (lambda low, high, c, w: (low, high, library_next_c(low, high, c, w)[2]), "low and high come back as they were; give the new ones."),
    )),
    Exercise("fewer_pixels", fewer_pixels, searching.masks, battery=(ONE_PICTURE, *TENSORS), difficulty=3, minutes=15, what="the new mask", hints=(
        "How much does a pixel matter? |change * slope|, summed over its colours, [N, H, W]. Those that are fixed already must not be counted again: let them matter infinitely.",
        "matters.where(free, torch.inf).flatten(1).argsort(1) lists the pixels, the least important first; .argsort(1) of that list gives each pixel's rank.",
        "rank = matters.where(free, torch.inf).flatten(1).argsort(1).argsort(1).view_as(free); return free & (rank >= count[:, None, None]).",
    ), mistakes=(
        (lambda f, d, g, n: without(f, (d * g).abs().sum(1), n, largest=True), "those that matter most become fixed; fix those that matter least."),
        (lambda f, d, g, n: without(f, (d * g).sum(1), n), "the sign is kept; take the absolute value of change * slope."),
        (lambda f, d, g, n: without(f, (d * g).sum(1).abs(), n), "the colours are added before the absolute value, and cancel; first .abs(), then .sum(1)."),
        (lambda f, d, g, n: without(f, d.abs().sum(1), n), "only the change counts; how much a pixel matters is |change * slope|."),
        (lambda f, d, g, n: without(f, g.abs().sum(1), n), "only the slope counts; how much a pixel matters is |change * slope|."),
        (lambda f, d, g, n: without(f, d.abs().sum(1) * g.abs().sum(1), n), "change and slope are summed over the colours one by one; multiply first, colour by colour."),
        (lambda f, d, g, n: without(f, (d * g).abs().amax(1), n), "the strongest colour decides; add the colours up, without a maximum and without squares."),
        (lambda f, d, g, n: f & ~without(f, (d * g).abs().sum(1), n), "these are the pixels that become fixed; give those that stay free."),
        (lambda f, d, g, n: without(torch.ones_like(f), (d * g).abs().sum(1), n), "pixels that are fixed already are counted again, and are free again; look among the free ones alone."),
        (lambda f, d, g, n: f & without(torch.ones_like(f), (d * g).abs().sum(1), n), "the pixels that are fixed already matter least and are fixed again, so that too few new ones are; look among the free ones alone: .where(free, torch.inf)."),
        (lambda f, d, g, n: without(f, (d * g).abs().sum(1), n + 1), "one too many becomes fixed."),
        (lambda f, d, g, n: without(f, (d * g).abs().sum(1), n - 1), "one too few becomes fixed."),
        (lambda f, d, g, n: without(f, (d * g).abs().sum(1), torch.ones_like(n)), "one pixel becomes fixed; `count` says how many."),
        (lambda f, d, g, n: without(f, (d * g).abs().sum(1), n[:1].expand_as(n)), "the first picture's count is used for all; each has its own."),
        (lambda f, d, g, n: f & ((d * g).abs().sum(1).where(f, torch.inf).flatten(1).argsort(1).view_as(f) >= n[:, None, None]), "argsort says which pixel comes first, second, ...; the rank of each pixel is the argsort of that: .argsort(1).argsort(1)."),
    )),
)  # fmt: skip
