"""The exercises of chapter 21: leads under covers, the area under the ROC, an alarm level, local intrinsic dimensionality, energy."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..checking import TENSORS, Exercise
from ..checking.battery import ONE_PICTURE
from ..checking.detecting import alarms, covers, energies, lead, neighbours, two_kinds


def covered_lead(scores: Tensor, covered: Tensor) -> Tensor:
    """The logit of the uncovered picture's class less the largest other one, under each cover: [N, P]."""
    return lead(lambda s, c: s.argmax(1)[:, None])(scores, covered)


def area_by_pairs(attacked: Tensor, clean: Tensor) -> Tensor:
    """The share of the pairs in which the attacked picture has the higher score; equal scores count half."""
    apart = attacked[:, None] - clean
    return ((apart > 0).to(apart) + 0.5 * (apart == 0).to(apart)).mean()


def alarm_level(clean: Tensor, rate: float) -> Tensor:
    """The lowest of the scores above which lie at most rate * Q of them."""
    return clean.sort(descending=True).values[int(rate * len(clean) + 1e-6)]


def local_dimension(features: Tensor, among: Tensor, k: int) -> Tensor:
    """-1 / mean(log(r_i / r_k)) over the k nearest of `among`: [N]."""
    nearest = (features[:, None] - among).norm(dim=2).topk(k, dim=1, largest=False).values
    return -1 / (nearest / nearest[:, -1:]).log().mean(1)


def free_energy(scores: Tensor, temperature: float) -> Tensor:
    """-T log sum exp(z / T) of each row: [N]."""
    return -temperature * (scores / temperature).logsumexp(1)


def far(features: Tensor, among: Tensor, k: int) -> Tensor:
    return (features[:, None] - among).norm(dim=2).sort(1).values[:, :k]


def expanded(f: Tensor, a: Tensor, k: int) -> Tensor:
    squares = f.square().sum(1)[:, None] - 2 * f @ a.T + a.square().sum(1)
    nearest = squares.clamp_min(0).sqrt().sort(1).values[:, :k]
    return -1 / (nearest / nearest[:, -1:]).log().mean(1)


def own(s: Tensor, c: Tensor) -> Tensor:
    return s.argmax(1)[:, None]


EXERCISES = (
    Exercise("covered_lead", covered_lead, covers, battery=(ONE_PICTURE, *TENSORS), difficulty=2, minutes=10, what="the leads", hints=(
        "Two things: which class is the picture's own? And how far is it ahead under each cover?",
        "scores.argmax(1) is the class. gather takes its logit out of covered; set it to minus infinity (scatter) and take amax(2) for the largest other one.",
        "own = scores.argmax(1)[:, None, None].expand(-1, covered.shape[1], 1); covered.gather(2, own)[..., 0] - covered.scatter(2, own, -torch.inf).amax(2).",
    ), mistakes=(
        (lead(lambda s, c: c.argmax(2)), "the class is taken anew under each cover, so that the lead is never below 0; it is that of the uncovered picture."),
        (lead(own, largest=False), "the own class is among the others, so that the lead is never above 0; leave it out."),
        (lead(own, other=False), "this is the logit of the own class; take the largest other one off."),
        (lead(own, lambda z: z.softmax(2)), "these are probabilities; the lead is one of logits."),
        (lead(own, lambda z: z.log_softmax(2), other=False), "this is the logarithm of a probability; the lead is a difference of two logits."),
        (lambda s, c: -covered_lead(s, c), "the sign is turned: the lead is above 0 where the class stays."),
        (lambda s, c: (c.argmax(2) == s.argmax(1)[:, None]).to(c), "this says whether the class stays, not how far it is ahead."),
        (lambda s, c: c.topk(2, 2).values @ torch.tensor([1.0, -1.0]).to(c), "the class is taken anew under each cover, so that the lead is never below 0; it is that of the uncovered picture."),
        (lambda s, c: lead(own)(s, s[:, None].expand_as(c)), "this is the lead of the uncovered picture."),
        (lambda s, c: lead(own)(s, s[:, None].expand_as(c)) - covered_lead(s, c), "this is how far the lead drops; give the lead that is left."),
        (lambda s, c: covered_lead(c[:, 0], c), "the own class is taken under the first cover; it is that of the uncovered picture."),
        (lambda s, c: c.gather(2, own(s, c)[..., None].expand(-1, c.shape[1], 1))[..., 0] - c.gather(2, s.topk(2, 1).indices[:, None, 1:].expand(-1, c.shape[1], 1))[..., 0],
         "the rival is the runner-up of the uncovered picture; under each cover it may be another class."),
        (lambda s, c: covered_lead(s, c).amin(1), "one number for each picture; give one for each cover, too."),
        (lead(lambda s, c: s.argmin(1)[:, None]), "this is the class with the smallest logit."),
        (lambda s, c: c.gather(2, own(s, c)[..., None].expand(*c.shape[:2], 1))[..., 0] - c.mean(2), "the mean of the logits is taken off; take off the largest other one."),
    )),
    Exercise("area_by_pairs", area_by_pairs, two_kinds, battery=TENSORS, difficulty=2, minutes=10, what="the area", hints=(
        "Take every attacked picture with every clean one. In which share of the pairs is the attacked one's score higher?",
        "attacked[:, None] > clean compares all with all: [P, Q]. What do equal scores count?",
        "((attacked[:, None] > clean) + 0.5 * (attacked[:, None] == clean)).mean(), in the precision of the scores.",
    ), mistakes=(
        (lambda a, c: (a[:, None] > c).to(a).mean(), "equal scores count half; here they count nothing."),
        (lambda a, c: (a[:, None] >= c).to(a).mean(), "equal scores count half; here they count whole."),
        (lambda a, c: (a[:, None] > c - 1e-4).to(a).mean(), "scores that are nearly equal count as higher."),
        (lambda a, c: 100 * area_by_pairs(a, c), "this is in percent; a share goes from 0 to 1."),
        (lambda a, c: (a[:, None] > c).to(a).sum() / (a[:, None] != c).to(a).sum().clamp_min(1), "equal pairs are left out of the count; they count half, of all P * Q."),
        (lambda a, c: ((a[:, None] > c + 1e-8).to(a) + 0.5 * ((a[:, None] - c).abs() <= 1e-8).to(a)).mean(), "scores that are nearly equal count as equal."),
        (lambda a, c: area_by_pairs(a, c).clamp_min(0.5), "an area below 0.5 is cut off; it says that the score points the wrong way."),
        (lambda a, c: torch.maximum(area_by_pairs(a, c), 1 - area_by_pairs(a, c)), "an area below 0.5 is turned over; it says that the score points the wrong way."),
        (lambda a, c: 1 - area_by_pairs(a, c), "this is the share in which the clean one is higher."),
        (lambda a, c: area_by_pairs(a, c) * len(a) * len(c), "this is the number of pairs; give their share."),
        (lambda a, c: area_by_pairs(a, c) * len(a), "the pairs are divided by the clean pictures only; there are P times Q of them."),
        (lambda a, c: area_by_pairs(a, c) * len(c), "the pairs are divided by the attacked pictures only; there are P times Q of them."),
        (lambda a, c: (a > c.median()).to(a).mean(), "this is one point of the curve: one threshold, not all."),
        (lambda a, c: (a > c.mean()).to(a).mean(), "this is one point of the curve: one threshold, not all."),
        (lambda a, c: a.mean() - c.mean(), "this is a difference of means; the area asks for the order only."),
        (lambda a, c: (a[:, None] - c).mean(), "this is a difference of means; the area asks for the order only."),
        (lambda a, c: (a[:, None] - c).sigmoid().mean(), "how far the scores are apart counts; the area asks for the order only."),
        (lambda a, c: ((a[:, None] - c).sign()).mean(), "this goes from -1 to 1; equal pairs count half, and lost ones 0."),
        (lambda a, c: (a[: min(len(a), len(c))] > c[: min(len(a), len(c))]).to(a).mean(), "each attacked picture is compared with one clean one; compare all with all."),
    )),
    Exercise("alarm_level", alarm_level, alarms, battery=TENSORS, difficulty=1, minutes=8, what="the level", hints=(
        "Of Q clean pictures at most rate * Q may lie above the level, rounded down. Put the scores in order.",
        "In falling order, above the score with index m lie at most m others. Which m? A rate of 0.29 times 100 is 28.999999999999996 for a computer: add 1e-6 before you round down.",
        "clean.sort(descending=True).values[int(rate * len(clean) + 1e-6)].",
    ), mistakes=(
        (lambda c, r: c.sort().values[int(r * len(c) + 1e-6)], "this lets nearly every clean picture raise an alarm; the order is the other way round."),
        (lambda c, r: c.sort(descending=True).values[int(r * len(c))], "0.29 * 100 is 28.999999999999996 for a computer, and rounds down to 28: add 1e-6 first."),
        (lambda c, r: c.sort(descending=True).values[round(r * len(c))], "the number is rounded to the nearest; at most rate * Q may be above: round down."),
        (lambda c, r: c.sort(descending=True).values[max(int(r * len(c) + 1e-6) - 1, 0)], "one fewer than allowed is above; an alarm is a score above the level, not at it."),
        (lambda c, r: c.sort(descending=True).values[int(r * len(c) + 1e-6) + 1], "one more than allowed is above."),
        (lambda c, r: c.sort(descending=True).values[math.ceil(r * len(c) - 1e-6)], "the number is rounded up; at most rate * Q may be above: round down."),
        (lambda c, r: c.quantile(1 - r), "quantile goes between two scores; give the score itself."),
        (lambda c, r: c.quantile(r), "this lets nearly every clean picture raise an alarm; the order is the other way round."),
        (lambda c, r: c.amax(), "rate is not used: no clean picture may raise an alarm."),
        (lambda c, r: c.unique().flip(0)[min(int(r * len(c) + 1e-6), len(c.unique()) - 1)], "equal scores are counted once; each picture counts."),
        (lambda c, r: c.abs().sort(descending=True).values[int(r * len(c) + 1e-6)], "the scores lose their sign; put them in order as they are."),
        (lambda c, r: c.mean() + 1.645 * c.std(), "this takes the scores for normally distributed; count them."),
        (lambda c, r: c.sort(descending=True).values[int(0.05 * len(c))], "a rate of 5 % is built in; take rate."),
        (lambda c, r: c[int(r * len(c) + 1e-6)], "the scores are not put in order."),
    )),
    Exercise("local_dimension", local_dimension, neighbours, battery=(*TENSORS,), difficulty=2, minutes=12, what="the dimensions", tol=1e-4, hints=(
        "Three steps: all distances [N, M], the k smallest of each row in order, and the formula.",
        "torch.cdist(features, among).sort(1).values[:, :k] gives r_1 to r_k. The largest of them, r_k, is the last column.",
        "-1 / (nearest / nearest[:, -1:]).log().mean(1).",
    ), mistakes=(
        (lambda f, a, k: 1 / (far(f, a, k) / far(f, a, k)[:, -1:]).log().mean(1), "the minus is missing: the logarithms are below 0."),
        (lambda f, a, k: -(far(f, a, k) / far(f, a, k)[:, -1:]).log().mean(1), "this is 1 / LID; the power -1 stands outside the bracket."),
        (lambda f, a, k: -1 / (far(f, a, k) / far(f, a, k)[:, -1:]).log().sum(1), "the logarithms are added up; 1/k makes it a mean."),
        (lambda f, a, k: -1 / (far(f, a, k) / far(f, a, k)[:, :1]).log().mean(1), "the distances are divided by the nearest one, r_1; divide by the k-th."),
        (lambda f, a, k: -1 / (far(f, a, k) / far(f, a, k)[:, -1:]).mean(1).log(), "the logarithm of the mean is taken; take the mean of the logarithms."),
        (lambda f, a, k: -1 / far(f, a, k).log().mean(1), "the distances are not divided by r_k."),
        (lambda f, a, k: -1 / (far(f, a, k)[:, :-1] / far(f, a, k)[:, -1:]).log().mean(1), "the k-th neighbour is left out of the mean; the sum goes from 1 to k."),
        (lambda f, a, k: -1 / (far(f, a, k)[:, 1:] / far(f, a, k)[:, -1:]).log().mean(1), "the nearest neighbour is left out; no picture is its own neighbour here."),
        (lambda f, a, k: local_dimension(f, a, min(20, len(a))), "20 neighbours are built in; take k."),
        (lambda f, a, k: local_dimension(f, a, len(a)), "all of them are taken; take the k nearest."),
        (lambda f, a, k: -1 / (far(f, a, k).square() / far(f, a, k)[:, -1:].square()).log().mean(1), "the distances are squared: half the dimension."),
        (lambda f, a, k: -1 / ((lambda d: d / d[:, -1:])((f[:, None] - a).abs().sum(2).sort(1).values[:, :k])).log().mean(1), "these are sums of differences (L1); the distance is the root of the sum of squares."),
        (lambda f, a, k: -1 / ((lambda d: d / d[:, :1])((f[:, None] - a).norm(dim=2).sort(1, descending=True).values[:, :k])).log().mean(1), "these are the k farthest; take the nearest."),
        (lambda f, a, k: -math.log(2) / (far(f, a, k) / far(f, a, k)[:, -1:]).log().mean(1), "the logarithm has another base; take the natural one."),
        (lambda f, a, k: -math.log(10) / (far(f, a, k) / far(f, a, k)[:, -1:]).log().mean(1), "the logarithm has another base; take the natural one."),
        (expanded, "small distances are lost in |a|^2 - 2 a b + |b|^2; take torch.cdist, or subtract before you square."),
        (lambda f, a, k: -(k - 2) / (far(f, a, k) / far(f, a, k)[:, -1:]).log().sum(1), "k - 2 is another estimate; here the logarithms are averaged over k."),
        (lambda f, a, k: local_dimension(f, a, k - 1), "one neighbour too few is taken: k is given."),
        (lambda f, a, k: local_dimension(f, a, min(k + 1, len(a))), "one neighbour too many is taken: no picture is its own neighbour here."),
        (lambda f, a, k: local_dimension(f, a, k).mean(), "one number for the batch; each picture has its own."),
    )),
    Exercise("free_energy", free_energy, energies, battery=(ONE_PICTURE, *TENSORS), difficulty=1, minutes=6, what="the energies", hints=(
        "exp(900) is infinite. Which function of torch takes the logarithm of a sum of exponentials without that?",
        "(scores / temperature).logsumexp(1); temperature stands in two places, and a minus before all.",
        "-temperature * (scores / temperature).logsumexp(1).",
    ), mistakes=(
        (lambda s, t: t * (s / t).logsumexp(1), "the minus is missing: the higher the energy, the more suspicious."),
        (lambda s, t: -(s / t).logsumexp(1), "the factor T before the logarithm is missing."),
        (lambda s, t: -s.logsumexp(1), "T is not used."),
        (lambda s, t: -t * s.logsumexp(1), "the logits are not divided by T."),
        (lambda s, t: -t * (s * t).logsumexp(1), "the logits are multiplied by T; divide by it."),
        (lambda s, t: -(s / t).logsumexp(1) / t, "the logarithm is divided by T; multiply."),
        (lambda s, t: -t * (s / t).exp().sum(1).log(), "the exponentials overflow, or vanish; use logsumexp."),
        (lambda s, t: -t * (s / t).logsumexp(0), "the sum runs over the batch (axis 0); each row is one picture: axis 1."),
        (lambda s, t: -s.amax(1), "this is the limit for T to 0; T is given."),
        (lambda s, t: -t * ((s / t).logsumexp(1) - math.log(s.shape[1])), "the mean of the exponentials is taken; the energy has their sum."),
        (lambda s, t: -t * (s / t).softmax(1).logsumexp(1), "the softmax comes first; a softmax does not know how large the logits are together."),
        (lambda s, t: -t * (s / t).log_softmax(1).logsumexp(1), "the softmax comes first; a softmax does not know how large the logits are together."),
        (lambda s, t: -t * ((s - s.amax(1, keepdim=True)) / t).logsumexp(1), "the largest logit is taken off and never put back."),
        (lambda s, t: -t * (s / t).clamp(-80, 80).exp().sum(1).log(), "the logits are cut off; logsumexp needs no clamp."),
        (lambda s, t: -t * (s / t).logsumexp(1) / math.log(2), "the logarithm has another base; take the natural one."),
        (lambda s, t: -t * (s / t).logsumexp(1) / math.log(10), "the logarithm has another base; take the natural one."),
        (lambda s, t: -((s / t).softmax(1) * (s / t).log_softmax(1)).sum(1), "this is the entropy of the softmax; the energy is another score."),
        (lambda s, t: 1 - (s / t).softmax(1).amax(1), "this is the doubt of the softmax; the energy is another score."),
        (lambda s, t: (-t * (s / t).logsumexp(1)).mean(), "one number for the batch; each picture has its own."),
    )),
)  # fmt: skip
