"""The exercises of chapter 23: the worst case of each picture, an interval, shared places, a lie detector for gradients, shares of the time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checking import PICTURES, TENSORS, Exercise
from ..checking.battery import ON_DEVICE, ONE_PICTURE, STRIDED
from ..checking.judging import again, ahead, claimed, counts, dealt, equal, lie, losses, outcomes, plain, programmes, results, wilson


def worst_case(clean: Tensor, right: Tensor, tried: Tensor) -> Tensor:
    """Right unchanged, and under every attack that was tried on it: [N]."""
    return clean & (right | ~tried).all(1)


def score_interval(right: Tensor, count: Tensor, z: float) -> Tensor:
    """Wilson's interval of each share, [K, 2]."""
    return wilson()(right, count, z)


def shared_places(worst: Tensor, clean: Tensor) -> Tensor:
    """1 + how many are better: in the worst case, or equal there and better on clean pictures."""
    return 1 + (ahead(worst) | (equal(worst) & ahead(clean))).sum(1)


def gradient_lie(model: nn.Module, x: Tensor, y: Tensor, gradient: Tensor, step: float) -> Tensor:
    """|did - said| / (|did| + |said|) for a step along the claimed gradient's sign: [N]; 0 where nothing is said and nothing happens."""
    return lie()(model, x, y, gradient, step)


def allotted(shares: Tensor, needs: Tensor, seconds: float) -> Tensor:
    """What each attack takes: at most its share of the time that is left, beside those that come later."""
    return dealt()(shares, needs, seconds)


EXERCISES = (
    Exercise("worst_case", worst_case, outcomes, battery=(ONE_PICTURE, STRIDED, ON_DEVICE), difficulty=1, minutes=8, what="the pictures", hints=(
        "When does a picture count as right? It must be so unchanged, and under each attack that was tried on it.",
        "An attack that was not tried has not fooled anybody: right | ~tried. Then all(1) goes over the attacks.",
        "clean & (right | ~tried).all(1).",
    ), mistakes=(
        (lambda c, r, t: (r | ~t).all(1), "clean is not used: a picture that is wrong without any attack counts as wrong."),
        (lambda c, r, t: c & r.all(1), "an attack that was not tried counts as if it had fooled; what stands in right there says nothing."),
        (lambda c, r, t: c & (r & t).all(1), "an attack that was not tried counts as if it had fooled; leave it out: right | ~tried."),
        (lambda c, r, t: c & (r & t).any(1), "one attack that fails is not enough; the picture must be right under all that were tried."),
        (lambda c, r, t: c & (r | ~t).any(1), "one attack that fails is not enough; the picture must be right under all that were tried."),
        (lambda c, r, t: c & r.any(1), "one attack that fails is not enough; the picture must be right under all that were tried."),
        (lambda c, r, t: ~worst_case(c, r, t), "these are the pictures that are fooled; give those that stay right."),
        (lambda c, r, t: c | (r | ~t).all(1), "clean or attacked: both must be right, so take &."),
        (lambda c, r, t: c & t.any(1) & (r | ~t).all(1), "a picture on which nothing was tried stays what it is unchanged."),
        (lambda c, r, t: c & (~r | ~t).all(1), "right says which pictures are right under the attack, not which are fooled."),
        (lambda c, r, t: c, "no attack is counted."),
        (lambda c, r, t: c & (r | ~t)[:, -1], "only the last attack is counted; take all of them."),
        (lambda c, r, t: c & (r | ~t)[:, 0], "only the first attack is counted; take all of them."),
        (lambda c, r, t: c & (r | ~t)[:, (r | ~t).float().mean(0).argmin()], "only the strongest attack is counted; a weaker one may fool other pictures."),
        (lambda c, r, t: c & ((r & t).sum(1) * 2 > t.sum(1)), "a majority of the attacks is not asked; one that fools is enough."),
        (lambda c, r, t: c & (r | ~t).squeeze().all(-1), "squeeze takes the axis of the attacks away where there is only one; all(1) needs no squeeze."),
        (lambda c, r, t: c & (r | t).all(1), "tried is turned around: what was not tried is to be left out, right | ~tried."),
    )),
    Exercise("score_interval", score_interval, counts, battery=TENSORS, difficulty=2, minutes=12, what="the intervals", hints=(
        "Three pieces: the middle p + z^2/2n, the half z sqrt(p(1-p)/n + z^2/4n^2), and both over 1 + z^2/n.",
        "All of it works on whole tensors: p = right / count, one number for each row. torch.stack([low, high], 1) puts the two side by side.",
        "s = z * z / count; half = z * (p * (1 - p) / count + s / (4 * count)).sqrt(); torch.stack([p + s / 2 - half, p + s / 2 + half], 1) / (1 + s)[:, None].",
    ), mistakes=(
        (plain, "this is the plain interval p +- z sqrt(p(1-p)/n), which has no width at 0 and at 1; take Wilson's."),
        (lambda r, n, z: plain(r, n, z).clamp(0, 1), "this is the plain interval, clipped, which has no width at 0 and at 1; take Wilson's."),
        (wilson(middle=0.0), "the middle lacks z^2 / 2n."),
        (wilson(middle=1.0), "the middle is moved by z^2 / n; it is half of that."),
        (wilson(middle=lambda n, z: 0.5 / z), "the middle is moved by z / 2n; it is z^2 / 2n."),
        (wilson(inner=lambda n, z: n / 4), "the root holds z^2 / 4n; it is z^2 / 4n^2."),
        (wilson(middle=lambda n, z: 0.5 * n**2, inner=lambda n, z: 0.25 * n**4), "z * z / 2 * n is (z * z / 2) times n: set brackets, z * z / (2 * n)."),
        (wilson(root=False), "the root is missing over p(1-p)/n + z^2/4n^2."),
        (wilson(inner=0.0), "the root lacks z^2 / 4n^2."),
        (wilson(inner=0.5), "the root holds z^2 / 2n^2; it is z^2 / 4n^2."),
        (wilson(inner=1.0), "the root holds z^2 / n^2; it is z^2 / 4n^2."),
        (wilson(below=0.0), "the division by 1 + z^2 / n is missing."),
        (wilson(below=0.5), "it is divided by 1 + z^2 / 2n; it is 1 + z^2 / n."),
        (wilson(below=lambda n, z: 1 / z), "it is divided by 1 + z / n; it is 1 + z^2 / n."),
        (wilson(reach=1.96), "z is not used: 1.96 stands in its place."),
        (wilson(reach=1.0), "z is not used."),
        (lambda r, n, z: score_interval(r, n, z).flip(1), "the two ends have changed places: the lower one comes first."),
        (lambda r, n, z: score_interval(r, n, z) * n[:, None], "these are numbers of pictures; give shares."),
        (lambda r, n, z: 100 * score_interval(r, n, z), "these are percent; give shares from 0 to 1."),
        (lambda r, n, z: score_interval(n - r, n, z), "this is the interval of the share that is wrong."),
        (lambda r, n, z: score_interval(r / n, n, z), "right is divided by count twice."),
        (lambda r, n, z: score_interval(r, n, z).T, "the intervals stand in columns; give one row for each: [K, 2]."),
        (lambda r, n, z: score_interval(r, n, z).mean(1), "this is the middle alone; give both ends."),
    )),
    Exercise("allotted", allotted, programmes, battery=TENSORS, difficulty=2, minutes=10, what="the seconds", hints=(
        "One attack after another. How much time is left when its turn comes, and who else is still waiting?",
        "It gets left * shares[k] / shares[k:].sum(), takes no more than it needs, and leaves the rest to those behind it.",
        "for k in range(len(shares)): taken[k] = torch.minimum(left * shares[k] / shares[k:].sum(), needs[k]); left = left - taken[k].",
    ), mistakes=(
        (dealt(later=False), "the share is that of all attacks; those that have had their turn take nothing any more: shares[k:]."),
        (dealt(capped=False), "an attack takes no more than it needs."),
        (dealt(used=False), "what an attack does not need is lost; it stays for the later ones."),
        (dealt(whole=False), "the shares are not divided by their sum."),
        (dealt(own=False), "its own share belongs to the sum: shares[k:], from k on."),
        (dealt(alike=True), "all get the same; the shares are not used."),
        (lambda s, n, t: torch.minimum(t * s / s.sum(), n), "what an attack does not need is lost; it stays for the later ones."),
        (lambda s, n, t: t * s / s.sum(), "nobody's needs are looked at, and nothing is handed on."),
        (lambda s, n, t: n.clone(), "the needs are taken as they are; the time is limited."),
        (lambda s, n, t: n * min(1.0, t / float(n.sum())), "all are cut alike; each gets its share, one after another."),
        (again, "who has had its turn gets no second one, and nobody is served out of turn; what is left goes to later ones only."),
        (lambda s, n, t: dealt()(s[n.argsort()], n.sort()[0], t)[n.argsort().argsort()], "who needs least is served first; keep the order in which they run."),
        (lambda s, n, t: torch.minimum(n, (t - n.cumsum(0) + n).clamp_min(0)), "who comes first takes all it needs; it gets its share only."),
        (lambda s, n, t: dealt()(s.flip(0), n.flip(0), t).flip(0), "the last attack is served first."),
        (lambda s, n, t: dealt()(s, n, t).cumsum(0), "these are the times at which the attacks end; give what each takes."),
        (lambda s, n, t: t - dealt()(s, n, t).cumsum(0), "this is the time that is left after each attack; give what each takes."),
        (lambda s, n, t: n - dealt()(s, n, t), "this is what each lacks; give what it takes."),
        (lambda s, n, t: dealt()(s, n, t) / t, "these are shares of the time; give seconds."),
    )),
    Exercise("gradient_lie", gradient_lie, claimed, battery=PICTURES, difficulty=2, minutes=15, what="the lies", tol=1e-4, hints=(
        "Go a step where the claimed gradient points, and look at what the loss really does. What does the gradient foretell for that very step?",
        "moved = (x + step * gradient.sign()).clamp(0, 1); said = (gradient * (moved - x)).flatten(1).sum(1); did is the loss at moved less that at x, one for each picture.",
        "did = F.cross_entropy(model(moved), y, reduction='none') - F.cross_entropy(model(x), y, reduction='none') under torch.no_grad(); (did - said).abs() / (did.abs() + said.abs()).clamp_min(1e-12).",
    ), mistakes=(
        (lie(clip=False, other="step"), "the step leaves [0, 1]; clip it before you ask the network."),
        (lie(other="step"), "foretold is the change of the clipped step: gradient times (moved - x), not times the whole step."),
        (lie(turned=-1.0), "said has the wrong sign."),
        (lie(move=lambda g: -g.sign()), "the step goes against the claimed gradient; go along it."),
        (lie(move=lambda g: g), "the step is the gradient itself; take its sign, so that every pixel moves by step."),
        (lie(over=lambda d, s: d.abs()), "this is the error over what happened; divide by both, |did| + |said|."),
        (lie(over=lambda d, s: s.abs()), "this is the error over what was said; divide by both, |did| + |said|."),
        (lie(over=lambda d, s: torch.maximum(d.abs(), s.abs())), "this is the error over the larger of the two; divide by their sum."),
        (lie(over=lambda d, s: (d + s).abs()), "did and said are added with their signs, and may cancel; take |did| + |said|."),
        (lie(signed=True), "the error has a sign; take |did - said|."),
        (lie(mean=True), "what the pixels say is averaged; add it up."),
        (lie(over=lambda d, s: (d**2 + s**2) / (d - s).abs().clamp_min(1e-12)), "these are squares; take |did - said| / (|did| + |said|)."),
        (lie(over=lambda d, s: torch.where((d == 0) | (s == 0), torch.inf, d.abs() + s.abs())), "it is 0 only where both are 0; where one of them is, it is 1."),
        (lie(over=lambda d, s: torch.ones_like(d)), "the error itself is no share; divide by |did| + |said|."),
        (lie(value=lambda m, x, y: -losses(m, x, y)), "did has the wrong sign: the loss at moved less the loss at x."),
        (lie(value=lambda m, x, y: m(x).detach().gather(1, y[:, None])[:, 0]), "the score is looked at; the claimed gradient is that of the loss."),
        (lie(value=lambda m, x, y: losses(m, x, y).mean().expand(len(x))), "the losses are averaged over the batch; each picture has its own."),
        (lambda m, x, y, g, s: lie()(m, x, m(x).argmax(1), g, s), "the network's own answer is taken for y."),
        (lambda m, x, y, g, s: 1 - lie()(m, x, y, g, s), "this is 0 for a lie; it must be 0 for the truth."),
        (lambda m, x, y, g, s: lie()(m, x, y, g, s).mean().expand(len(x)), "one number for the batch; each picture has its own."),
        (lambda m, x, y, g, s: F.cosine_similarity(g.flatten(1), (x - x.mean()).flatten(1)), "the network is not asked."),
    )),
    Exercise("shared_places", shared_places, results, battery=TENSORS, difficulty=2, minutes=10, what="the places", hints=(
        "A place is 1 + the number of those that are better. When is one better than another?",
        "worst > worst[:, None] compares all with all: row i, column j says whether j is ahead of i. Clean pictures decide only where the worst cases are equal.",
        "better = (worst > worst[:, None]) | ((worst == worst[:, None]) & (clean > clean[:, None])); 1 + better.sum(1).",
    ), mistakes=(
        (lambda w, c: 1 + ahead(w).sum(1), "clean is not used: it decides where the worst cases are equal."),
        (lambda w, c: w.argsort(descending=True).argsort() + 1, "clean is not used, and of equals each gets a place of its own."),
        (lambda w, c: 1 + (ahead(w) | (equal(w) & ~ahead(-c))).sum(1), ">= takes equals for better, and each for better than itself; take >."),
        (lambda w, c: 1 + (w >= w[:, None]).sum(1), ">= takes equals for better, and each for better than itself; and clean is not used."),
        (lambda w, c: shared_places(w.round(decimals=1), c), "nearly equal is not equal: compare the numbers as they are."),
        (lambda w, c: 1 + ahead(w + 0.001 * c).sum(1), "the two are added, one with a weight; clean pictures decide only where the worst cases are equal."),
        (lambda w, c: 1 + (ahead(w) | ahead(c)).sum(1), "better on clean pictures counts only where the worst cases are equal."),
        (lambda w, c: 1 + (ahead(w) & ahead(c)).sum(1), "better is who leads in the worst case, whatever the clean pictures say."),
        (lambda w, c: 1 + ahead(w + c).sum(1), "the two are added; clean pictures decide only where the worst cases are equal."),
        (lambda w, c: 1 + (ahead(c) | (equal(c) & ahead(w))).sum(1), "the worst case comes first, clean pictures second."),
        (lambda w, c: shared_places(w, c) - 1, "places begin with 1."),
        (lambda w, c: shared_places(-w, -c), "the worst stands first; the largest accuracy is the best."),
        (lambda w, c: shared_places(w, -c), "of equals the one with the smaller clean accuracy stands first."),
        (lambda w, c: shared_places(w, c) + (equal(w) & equal(c)).sum(1) - 1, "equals share the first place of theirs, 1, 2, 2, 4; here they share the last, 1, 3, 3, 4."),
        (lambda w, c: torch.unique(shared_places(w, c), return_inverse=True)[1] + 1, "after two that share a place the next one is left out: 1, 2, 2, 4, not 1, 2, 2, 3."),
        (lambda w, c: shared_places(w, c) + (equal(w) & equal(c)).tril(-1).sum(1), "equals share a place; here the order in which they came decides."),
        (lambda w, c: shared_places(w, c).argsort(stable=True), "this is the order of the submissions; give the place of each."),
        (lambda w, c: shared_places(w, c).argsort(stable=True) + 1, "this is the order of the submissions; give the place of each."),
        (lambda w, c: (w[:, None] >= w).sum(1), "this counts from the last place up."),
    )),
)  # fmt: skip
