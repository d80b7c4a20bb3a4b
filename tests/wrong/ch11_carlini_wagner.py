"""Wrong answers to the exercises of chapter 11: kind of mistake, answer, words that its message must hold."""

import math

import torch
import torch.nn.functional as F

from course_utils.checks.ch11_carlini_wagner import behind, fewer_pixels, next_c, to_w

seen: dict = {}  # what a stale answer leaves over
INF = torch.inf


def own(s, t):
    return s.gather(1, t[:, None])[:, 0]


def others(s, t, fill=-INF):
    return s.scatter(1, t[:, None], fill)


def edits_scores(scores, t):
    first = own(scores, t)
    scores.scatter_(1, t[:, None], -INF)
    return (scores.amax(1) - first).clamp(min=0)


def masked_by_product(scores, t):
    """The mask of a well-known library: the target's logit times 0."""
    mask = 1 - F.one_hot(t, scores.shape[1]).to(scores)
    return (torch.max(scores * mask, 1).values - own(scores, t)).clamp(min=0)


def remembers(f, *key):
    def stale(*a):
        first = next((x for x in a if isinstance(x, torch.Tensor) and x.is_floating_point()), a[0])
        name = (*key, first.shape, first.dtype)
        seen[name] = seen.get(name, 0) + f(*a)
        return seen[name]

    return stale


def search_stale(low, high, c, worked):
    kept = seen.setdefault(("low", low.shape, low.dtype), low.clone())
    kept += 0.25
    return next_c(kept, high, c, worked)


def edits_low(low, high, c, worked):
    low[~worked] = c[~worked]
    high[worked] = c[worked]
    return low, high, torch.where(high < INF, (low + high) / 2, 10 * c)


def by_if(low, high, c, worked):
    if worked:
        high = c
    else:
        low = c
    return low, high, (low + high) / 2 if high < INF else 10 * c


def first_for_all(low, high, c, worked):
    new_low, new_high, new = next_c(low, high, c, worked)
    return new_low, new_high, new[:1].expand_as(new).clone()


def matters(d, g):
    return (d * g).abs().sum(1)


def cut(free, size, count):
    rank = size.where(free, INF).flatten(1).argsort(1).argsort(1).view_as(free)
    return free & (rank >= count[:, None, None])


def edits_free(free, change, slope, count):
    free &= fewer_pixels(free, change, slope, count)
    return free


def whole_batch(free, change, slope, count):
    size = matters(change, slope).where(free, INF)
    rank = size.flatten().argsort().argsort().view_as(free)
    return free & (rank >= count.sum())


def by_threshold(free, change, slope, count):
    """Everything up to the count-th smallest, without asking which are free."""
    size = matters(change, slope).flatten(1).sort(1).values
    edge = size.gather(1, count[:, None] - 1)
    return free & (matters(change, slope) > edge[:, :, None])


def mask_stale(free, change, slope, count):
    key = ("mask", free.shape, slope.dtype)
    seen[key] = fewer_pixels(free, change, slope, count) & seen.get(key, free)
    once = seen[key]
    seen[key] = once & (torch.arange(once[0].numel()).view_as(once[0]) > 5)
    return once


def switched_off(x, edge):
    torch.set_grad_enabled(False)
    return to_w(x, edge)


def never_ends(*_):
    while True:
        pass


WRONG = {
    "behind": (
        ("wrong sign", lambda s, t: (own(s, t) - others(s, t).amax(1)).clamp(min=0), "wrong way round"),
        ("wrong sign", lambda s, t: (others(s, t).amax(1) - own(s, t)).clamp(max=0), "is expected"),
        ("no clip", lambda s, t: others(s, t).amax(1) - own(s, t), "makes that 0"),
        ("no absolute value", lambda s, t: (others(s, t).amax(1) - own(s, t)).abs(), "absolute value"),
        ("another quantity", masked_by_product, "use -torch.inf"),
        ("another quantity", lambda s, t: behind(s.softmax(1), t), "take the logits"),
        ("another quantity", lambda s, t: behind(s.log_softmax(1), t).exp(), "is expected"),
        ("another quantity", lambda s, t: F.cross_entropy(s, t, reduction="none"), "cross-entropy"),
        ("another quantity", lambda s, t: F.softplus(others(s, t).amax(1) - own(s, t)), "f7"),
        ("another quantity", lambda s, t: (others(s, t).logsumexp(1) - own(s, t)).clamp(min=0), "logsumexp"),
        ("another quantity", lambda s, t: ((s.sum(1) - own(s, t)) / (s.shape[1] - 1) - own(s, t)).clamp(min=0), "mean of the others"),
        ("another quantity", lambda s, t: (s.topk(2).values[:, 1] - own(s, t)).clamp(min=0), "the second largest"),
        ("wrong axis", lambda s, t: (others(s, t).amax(0)[: len(t)].sum() - own(s, t)).clamp(min=0), "is expected"),
        ("argument ignored", lambda s, t: behind(s, s.argmax(1)), "is expected"),
        ("argument ignored", lambda s, t: behind(s, s.argmin(1)), "use t"),
        ("hard-coded constant", lambda s, t: behind(s, torch.zeros_like(t)), "is expected"),
        ("batch of one only", lambda s, t: (others(s, t).amax() - own(s, t)).clamp(min=0), "each picture has its own"),
        ("batch of one only", lambda s, t: behind(s, t).sum(), "one number for the whole batch"),
        ("wrong shape", lambda s, t: behind(s, t)[:, None], "has shape"),
        ("in place", edits_scores, "scores was changed in place"),
        ("attached", lambda s, t: behind(s, t).detach(), "it has no gradient"),
        ("attached", lambda s, t: (others(s, t).amax(1).detach() - own(s, t)).clamp(min=0), "its gradient"),
        ("stale", remembers(behind, "behind"), "left over"),
        ("random", lambda s, t: behind(s + 1e-3 * torch.rand_like(s), t), "random"),
        ("precision", lambda s, t: behind(s, t).float(), "torch.float64 is expected"),
        ("no result", lambda s, t: print(behind(s, t)), "returns nothing"),
        ("raises", lambda s, t: s[t] - s.amax(1), "Error"),
    ),
    "to_w": (
        ("no clip", lambda x, e: torch.atanh(2 * x - 1), "w is infinite"),
        ("no clip", lambda x, e: torch.atanh((2 * x - 1).clamp(e - 1, 1 - e)), "multiply it by 1 - edge"),
        ("no clip", lambda x, e: torch.atanh(2 * (1 - e) * x - 1), "infinite"),
        ("another quantity", lambda x, e: torch.atanh((1 - e) * x), "runs from -1 to 1"),
        ("another quantity", lambda x, e: torch.tanh((1 - e) * (2 * x - 1)), "its inverse"),
        ("another quantity", lambda x, e: torch.atan((1 - e) * (2 * x - 1)), "torch.atanh"),
        ("another quantity", lambda x, e: 0.5 * torch.atanh((1 - e) * (2 * x - 1)), "half too much"),
        ("another quantity", lambda x, e: torch.logit(0.5 + (1 - e) * (x - 0.5)), "not twice that"),
        ("another quantity", lambda x, e: torch.atanh(e * (2 * x - 1)), "is expected"),
        ("another quantity", lambda x, e: (torch.tanh(x) + 1) / 2, "the way back is asked for"),
        ("another quantity", lambda x, e: torch.atanh((2 * x - 1) / (1 + e)), "is expected"),
        ("wrong sign", lambda x, e: torch.atanh((1 - e) * (1 - 2 * x)), "change places"),
        ("hard-coded constant", lambda x, e: to_w(x, 0.0137), "use the argument `edge`"),
        ("hard-coded constant", lambda x, e: torch.atanh(0.999999 * (2 * x - 1)), "`edge` is not used"),
        ("wrong shape", lambda x, e: to_w(x, e).flatten(1), "has shape"),
        ("in place", lambda x, e: to_w(x.mul_(2).sub_(1).add_(1).div_(2).add_(1e-6), e), "x was changed in place"),
        ("attached", lambda x, e: to_w(x, e).requires_grad_(), "carries the graph"),
        ("stale", remembers(to_w, "w"), "left over"),
        ("random", lambda x, e: to_w(x, e) + 1e-2 * torch.randn_like(x), "random"),
        ("precision", lambda x, e: to_w(x, e).float(), "torch.float64 is expected"),
        ("state changed", switched_off, "gradients are switched off"),
        ("no result", lambda x, e: to_w(x, e).numpy(), "is ndarray"),
        ("raises", lambda x, e: math.atanh((1 - e) * (2 * x - 1)), "Error"),
        ("endless", never_ends, "does a loop never end"),
    ),
    "next_c": (
        ("wrong sign", lambda l, h, c, w: next_c(l, h, c, ~w), "change places"),
        ("another quantity", lambda l, h, c, w: (torch.where(w, c, l), torch.where(w, h, c), c), "off by"),
        ("another quantity", lambda l, h, c, w: (*next_c(l, h, c, w)[:2], 10 * c), "the middle comes next"),
        ("another quantity", lambda l, h, c, w: ((a := next_c(l, h, c, w))[0], a[1], (a[0] + a[1]) / 2), "half-way to infinity"),
        ("another quantity", lambda l, h, c, w: ((a := next_c(l, h, c, w))[0], a[1], torch.where(a[1] < INF, (a[1] - a[0]) / 2, 10 * c)), "half the distance"),
        ("another quantity", lambda l, h, c, w: ((a := next_c(l, h, c, w))[0], a[1], torch.where(a[1] < INF, (a[0] * a[1]).sqrt(), 10 * c)), "geometric mean"),
        ("hard-coded constant", lambda l, h, c, w: ((a := next_c(l, h, c, w))[0], a[1], torch.where(a[1] < INF, (a[0] + a[1]) / 2, 2 * c)), "c doubles"),
        ("hard-coded constant", lambda l, h, c, w: ((a := next_c(l, h, c, w))[0], a[1], torch.where(a[1] < INF, (a[0] + a[1]) / 2, 0.01)), "is expected"),
        ("argument ignored", lambda l, h, c, w: (torch.where(w, l, c), h, torch.where(h < INF, (torch.where(w, l, c) + h) / 2, 10 * c)), "high stays"),
        ("argument ignored", lambda l, h, c, w: (l, torch.where(w, c, h), torch.where(torch.where(w, c, h) < INF, (l + torch.where(w, c, h)) / 2, 10 * c)), "low stays"),
        ("argument ignored", lambda l, h, c, w: (l, h, next_c(l, h, c, w)[2]), "give the new ones"),
        ("off by one", lambda l, h, c, w: (*next_c(l, h, c, w)[:2], torch.where(h < INF, (l + h) / 2, 10 * c)), "old low and high"),
        ("batch of one only", lambda l, h, c, w: next_c(l, h, c, w.all().expand_as(w)), "its own search"),
        ("batch of one only", lambda l, h, c, w: next_c(l, h, c, w.any().expand_as(w)), "its own search"),
        ("batch of one only", first_for_all, "is expected"),
        ("wrong shape", lambda l, h, c, w: tuple(v[:, None] for v in next_c(l, h, c, w)), "has shape"),
        ("wrong shape", lambda l, h, c, w: next_c(l, h, c, w)[2], "not 3 things"),
        ("no clip", lambda l, h, c, w: ((a := next_c(l, h, c, w))[0], a[1], a[0] + 0 * a[1]), "NaN"),
        ("in place", edits_low, "changed in place"),
        ("stale", search_stale, "left over"),
        ("precision", lambda *a: tuple(v.float() for v in next_c(*a)), "torch.float64 is expected"),
        ("no result", lambda *a: print(next_c(*a)), "returns nothing"),
        ("no result", lambda *a: list(next_c(*a)), "not 3 things"),
        ("no result", lambda *a: tuple(v.tolist() for v in next_c(*a)), "list"),
        ("raises", by_if, "RuntimeError"),
    ),
    "fewer_pixels": (
        ("wrong sign", lambda f, d, g, n: f & (((-matters(d, g)).where(f, INF)).flatten(1).argsort(1).argsort(1).view_as(f) >= n[:, None, None]), "matter least"),
        ("wrong sign", lambda f, d, g, n: f & ~cut(f, matters(d, g), n), "those that stay free"),
        ("no absolute value", lambda f, d, g, n: cut(f, (d * g).sum(1), n), "the sign is kept"),
        ("no absolute value", lambda f, d, g, n: cut(f, (d * g).sum(1).abs(), n), "cancel"),
        ("another quantity", lambda f, d, g, n: cut(f, d.abs().sum(1), n), "only the change"),
        ("another quantity", lambda f, d, g, n: cut(f, g.abs().sum(1), n), "only the slope"),
        ("another quantity", lambda f, d, g, n: cut(f, d.abs().sum(1) * g.abs().sum(1), n), "multiply first"),
        ("another quantity", lambda f, d, g, n: cut(f, (d * g).abs().amax(1), n), "add the colours up"),
        ("another quantity", lambda f, d, g, n: cut(f, (d * g).square().sum(1).sqrt(), n), "add the colours up"),
        ("another quantity", lambda f, d, g, n: f & (matters(d, g).where(f, INF).flatten(1).argsort(1).view_as(f) >= n[:, None, None]), "argsort of that"),
        ("argument ignored", lambda f, d, g, n: cut(torch.ones_like(f), matters(d, g), n), "free again"),
        ("argument ignored", lambda f, d, g, n: f & cut(torch.ones_like(f), matters(d, g), n), "fixed again"),
        ("argument ignored", by_threshold, "fixed again"),
        ("hard-coded constant", lambda f, d, g, n: cut(f, matters(d, g), torch.ones_like(n)), "says how many"),
        ("off by one", lambda f, d, g, n: cut(f, matters(d, g), n + 1), "one too many"),
        ("off by one", lambda f, d, g, n: cut(f, matters(d, g), n - 1), "one too few"),
        ("batch of one only", lambda f, d, g, n: cut(f, matters(d, g), n[:1].expand_as(n)), "each has its own"),
        ("batch of one only", whole_batch, "off by"),
        ("wrong shape", lambda f, d, g, n: fewer_pixels(f, d, g, n)[:, None], "has shape"),
        ("wrong shape", lambda f, d, g, n: fewer_pixels(f, d, g, n).sum(), "has shape"),
        ("wrong axis", lambda f, d, g, n: cut(f, matters(d, g).flip(1), n), "off by"),
        ("in place", edits_free, "free was changed in place"),
        ("stale", mask_stale, "left over"),
        ("random", lambda f, d, g, n: fewer_pixels(f, d, g + torch.randn_like(g), n), "random"),
        ("precision", lambda f, d, g, n: fewer_pixels(f, d, g, n).to(d), "torch.bool"),
        ("no result", lambda *a: print(fewer_pixels(*a)), "returns nothing"),
        ("no result", lambda *a: fewer_pixels(*a).numpy(), "is ndarray"),
        ("raises", lambda f, d, g, n: f & (matters(d, g).flatten(1).argsort(1) >= n[:, None, None]), "Error"),
    ),
}
