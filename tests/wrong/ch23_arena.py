"""Wrong answers to the exercises of chapter 23: kind of mistake, answer, words that its message must hold."""

import torch
import torch.nn.functional as F

from course_utils.checks.ch23_arena import allotted, gradient_lie, score_interval, shared_places, worst_case

seen: dict = {}  # what a stale answer leaves over


def remembers(f):
    def stale(*a):
        first = next(v for v in a if isinstance(v, torch.Tensor))
        key = (f.__name__, first.shape, first.dtype)
        seen[key] = seen.get(key, f(*a) if f(*a).dtype != torch.bool else torch.zeros_like(f(*a)))
        seen[key] = seen[key] | f(*a) if f(*a).dtype == torch.bool else seen[key] + f(*a)
        return seen[key]

    return stale


def never_ends(*_):
    while True:
        pass


def fills_in(clean, right, tried):
    right |= ~tried
    return clean & right.all(1)


def share_right(clean, right, tried):
    return worst_case(clean, right, tried).float().mean()


def divides_in_place(right, count, z):
    right /= count
    return score_interval(right * count, count, z)


def moves_x(model, x, y, gradient, step):
    before = x.clone()
    x += step * gradient.sign()
    return gradient_lie(model, before, y, gradient, step)


def trains(model, x, y, gradient, step):
    model.train()
    return gradient_lie(model, x, y, gradient, step)


def attached(model, x, y, gradient, step):
    moved = (x + step * gradient.sign()).clamp(0, 1)
    did = F.cross_entropy(model(moved), y, reduction="none") - F.cross_entropy(model(x), y, reduction="none")
    said = (gradient * (moved - x)).flatten(1).sum(1)
    return (did - said).abs() / (did.abs() + said.abs()).clamp_min(1e-12)


def divides_by_zero(model, x, y, gradient, step):
    moved = (x + step * gradient.sign()).clamp(0, 1)
    with torch.no_grad():
        did = F.cross_entropy(model(moved), y, reduction="none") - F.cross_entropy(model(x), y, reduction="none")
    said = (gradient * (moved - x)).flatten(1).sum(1)
    return (did - said).abs() / (did.abs() + said.abs())


def no_clip(model, x, y, gradient, step):
    moved = x + step * gradient.sign()
    with torch.no_grad():
        did = F.cross_entropy(model(moved), y, reduction="none") - F.cross_entropy(model(x), y, reduction="none")
    said = step * gradient.abs().flatten(1).sum(1)
    return (did - said).abs() / (did.abs() + said.abs()).clamp_min(1e-12)


def takes_from_needs(shares, needs, seconds):
    for k in range(len(needs)):
        given = seconds * shares[k] / shares[k:].sum()
        needs[k] = min(given, needs[k])
        seconds = seconds - needs[k]
    return needs


def order_decides(worst, clean):
    order = sorted(range(len(worst)), key=lambda k: (-worst[k], -clean[k]))
    places = torch.empty(len(worst), dtype=torch.int64, device=worst.device)
    places[torch.tensor(order, device=worst.device)] = torch.arange(1, len(worst) + 1, device=worst.device)
    return places


def dense(worst, clean):
    pairs = list(zip(worst.tolist(), clean.tolist()))
    order = sorted(set(pairs), reverse=True)
    return torch.tensor([1 + order.index(pair) for pair in pairs], device=worst.device)


def by_hand(right, count, z, middle=lambda n, z: z * z / (2 * n), inner=lambda n, z: z * z / (4 * n * n), below=lambda n, z: 1 + z * z / n):
    share = right / count
    half = z * (share * (1 - share) / count + inner(count, z)).sqrt()
    centre = share + middle(count, z)
    return torch.stack([centre - half, centre + half], 1) / below(count, z)[:, None]


def no_root(right, count, z):
    share = right / count
    half, centre = z * (share * (1 - share) / count + z * z / (4 * count * count)), share + z * z / (2 * count)
    return torch.stack([centre - half, centre + half], 1) / (1 + z * z / count)[:, None]


def measured(over, model, x, y, gradient, step):
    moved = (x + step * gradient.sign()).clamp(0, 1)
    with torch.no_grad():
        did = F.cross_entropy(model(moved), y, reduction="none") - F.cross_entropy(model(x), y, reduction="none")
    return over(did, gradient * (moved - x))


def with_sign(did, parts):
    said = parts.flatten(1).sum(1)
    return (did - said) / (did.abs() + said.abs()).clamp_min(1e-12)


def mean_said(did, parts):
    said = parts.flatten(1).mean(1)
    return (did - said).abs() / (did.abs() + said.abs()).clamp_min(1e-12)


def squares(did, parts):
    said = parts.flatten(1).sum(1)
    return (did - said) ** 2 / (did**2 + said**2).clamp_min(1e-12)


def silent_where_flat(did, parts):
    said = parts.flatten(1).sum(1)
    return torch.where((did == 0) | (said == 0), 0 * did, (did - said).abs() / (did.abs() + said.abs()).clamp_min(1e-12))


def others_only(shares, needs, seconds):
    taken = []
    for k in range(len(shares)):
        others = shares[k + 1 :].sum() if k + 1 < len(shares) else shares[k]
        taken.append(torch.minimum(seconds * shares[k] / others, needs[k]))
        seconds = seconds - taken[-1]
    return torch.stack(taken)


def no_sum(shares, needs, seconds):
    taken = []
    for k in range(len(shares)):
        taken.append(torch.minimum(seconds * shares[k], needs[k]))
        seconds = seconds - taken[-1]
    return torch.stack(taken)


def second_turns(shares, needs, seconds):
    taken = torch.zeros_like(needs)
    for _ in range(20):
        waiting = shares * (taken < needs - 1e-6)
        if waiting.sum() == 0 or seconds - taken.sum() < 1e-6:
            break
        taken = taken + torch.minimum((seconds - taken.sum()) * waiting / waiting.sum(), needs - taken)
    return taken


def least_first(shares, needs, seconds):
    order, taken = needs.argsort(), torch.empty_like(needs)
    taken[order] = allotted(shares[order], needs[order], seconds)
    return taken


WRONG = {
    "worst_case": (
        ("argument ignored", lambda c, r, t: (r | ~t).all(1), "clean is not used"),
        ("argument ignored", lambda c, r, t: c & r.all(1), "not tried"),
        ("another quantity", lambda c, r, t: c & (r & t).all(1), "not tried"),
        ("another quantity", lambda c, r, t: c & (r | ~t).any(1), "not enough"),
        ("wrong sign", lambda c, r, t: ~worst_case(c, r, t), "fooled"),
        ("wrong sign", lambda c, r, t: c & (~r | ~t).all(1), "not which are fooled"),
        ("another quantity", lambda c, r, t: c | (r | ~t).all(1), "both must be right"),
        ("wrong axis", lambda c, r, t: (r | ~t).all(0), "shape"),
        ("wrong shape", share_right, "shape"),
        ("another quantity", lambda c, r, t: c & (r | ~t)[:, -1], "only the last attack"),
        ("another quantity", lambda c, r, t: c & ((r & t).sum(1) * 2 > t.sum(1)), "majority"),
        ("batch of one only", lambda c, r, t: worst_case(c, r, t).all().expand(len(c)), "is expected"),
        ("another quantity", lambda c, r, t: c & (r | ~t)[:, (r | ~t).float().mean(0).argmin()], "only the strongest"),
        ("batch of one only", lambda c, r, t: c & (r | ~t).squeeze().all(-1), "squeeze"),
        ("no result", lambda c, r, t: worst_case(c, r, t).numpy(), "ndarray"),
        ("in place", fills_in, "place"),
        ("precision", lambda c, r, t: worst_case(c, r, t).float(), "torch.float"),
        ("stale", remembers(worst_case), "not enough"),
        ("no result", lambda c, r, t: None, "returns nothing"),
        ("no result", lambda c, r, t: worst_case(c, r, t).tolist(), "list"),
        ("raises", lambda c, r, t: c & r, "size"),
        ("endless", never_ends, "seconds"),
    ),
    "score_interval": (
        ("another quantity", lambda r, n, z: torch.stack([r / n - z * (r / n * (1 - r / n) / n).sqrt(), r / n + z * (r / n * (1 - r / n) / n).sqrt()], 1), "plain interval"),
        ("no clip", lambda r, n, z: torch.stack([r / n - z * (r / n * (1 - r / n) / n).sqrt(), r / n + z * (r / n * (1 - r / n) / n).sqrt()], 1).clamp(0, 1), "clipped"),
        ("argument ignored", lambda r, n, z: score_interval(r, n, 1.96), "z is not used"),
        ("hard-coded constant", lambda r, n, z: score_interval(r, torch.full_like(n, 100.0), z), "NaN"),
        ("wrong sign", lambda r, n, z: score_interval(r, n, z).flip(1), "changed places"),
        ("wrong axis", lambda r, n, z: score_interval(r, n, z).T, "columns"),
        ("wrong shape", lambda r, n, z: score_interval(r, n, z)[:, 0], "shape"),
        ("another quantity", lambda r, n, z: score_interval(r, n, z) * n[:, None], "numbers of pictures"),
        ("another quantity", lambda r, n, z: 100 * score_interval(r, n, z), "percent"),
        ("another quantity", lambda r, n, z: score_interval(n - r, n, z), "wrong"),
        ("off by one", lambda r, n, z: score_interval(r, n - 1e-3 + 1, z), "is expected"),
        ("another quantity", lambda r, n, z: by_hand(r, n, z, middle=lambda n, z: z / (2 * n)), "z / 2n"),
        ("another quantity", lambda r, n, z: by_hand(r, n, z, inner=lambda n, z: z * z / (4 * n)), "z^2 / 4n; it"),
        ("another quantity", lambda r, n, z: by_hand(r, n, z, lambda n, z: z * z / 2 * n, lambda n, z: z * z / 4 * n**2), "brackets"),
        ("another quantity", lambda r, n, z: by_hand(r, n, z, below=lambda n, z: 1 + z / n), "1 + z / n"),
        ("another quantity", no_root, "root is missing"),
        ("in place", divides_in_place, "place"),
        ("precision", lambda r, n, z: score_interval(r, n, z).half(), "torch.float"),
        ("stale", remembers(score_interval), "earlier call"),
        ("no result", lambda r, n, z: None, "returns nothing"),
        ("no result", lambda r, n, z: (score_interval(r, n, z)[:, 0], score_interval(r, n, z)[:, 1]), "tuple"),
        ("raises", lambda r, n, z: score_interval(r, n, z)[7], "out of bounds"),
        ("endless", never_ends, "seconds"),
    ),
    "gradient_lie": (
        ("no clip", no_clip, "leaves [0, 1]"),
        ("another quantity", lambda m, x, y, g, s: 1 - gradient_lie(m, x, y, g, s), "0 for the truth"),
        ("wrong sign", lambda m, x, y, g, s: gradient_lie(m, x, y, -g, s), "is expected"),
        ("argument ignored", lambda m, x, y, g, s: gradient_lie(m, x, y, g, 0.05), "use the argument"),
        ("argument ignored", lambda m, x, y, g, s: gradient_lie(m, x, m(x).argmax(1), g, s), "own answer"),
        ("batch of one only", lambda m, x, y, g, s: gradient_lie(m, x, y, g, s).mean().expand(len(x)), "one number for the batch"),
        ("wrong shape", lambda m, x, y, g, s: gradient_lie(m, x, y, g, s).mean(), "shape"),
        ("another quantity", divides_by_zero, "NaN"),
        ("wrong sign", lambda *a: measured(with_sign, *a), "has a sign"),
        ("another quantity", lambda *a: measured(mean_said, *a), "averaged; add"),
        ("another quantity", lambda *a: measured(squares, *a), "squares"),
        ("another quantity", lambda *a: measured(silent_where_flat, *a), "both are 0"),
        ("attached", attached, "graph"),
        ("in place", moves_x, "place"),
        ("model changed", trains, "mode"),
        ("precision", lambda m, x, y, g, s: gradient_lie(m, x, y, g, s).double(), "torch.float"),
        ("stale", remembers(gradient_lie), "earlier call"),
        ("no result", lambda m, x, y, g, s: None, "returns nothing"),
        ("raises", lambda m, x, y, g, s: m(x.flatten(1)), "Error"),
        ("endless", never_ends, "seconds"),
    ),
    "allotted": (
        ("another quantity", lambda s, n, t: torch.minimum(t * s / s.sum(), n), "is lost"),
        ("another quantity", lambda s, n, t: t * s / s.sum(), "needs"),
        ("argument ignored", lambda s, n, t: allotted(torch.ones_like(s), n, t), "shares are not used"),
        ("argument ignored", lambda s, n, t: allotted(s, n, 20.0), "use the argument"),
        ("no clip", lambda s, n, t: allotted(s, torch.full_like(n, 1e9), t), "needs"),
        ("another quantity", lambda s, n, t: torch.minimum(n, (t - n.cumsum(0) + n).clamp_min(0)), "its share only"),
        ("another quantity", lambda s, n, t: allotted(s, n, t).cumsum(0), "end"),
        ("another quantity", lambda s, n, t: allotted(s, n, t) / t, "shares of the time"),
        ("off by one", others_only, "its own share"),
        ("another quantity", no_sum, "divided by their sum"),
        ("another quantity", second_turns, "no second one"),
        ("wrong axis", least_first, "second"),
        ("another quantity", lambda s, n, t: n * min(1.0, t / float(n.sum())), "cut alike"),
        ("hard-coded constant", lambda s, n, t: allotted(s, n, min(t, 20.0)), "use the argument"),
        ("wrong axis", lambda s, n, t: allotted(s.flip(0), n.flip(0), t).flip(0), "served first"),
        ("wrong shape", lambda s, n, t: allotted(s, n, t).sum(), "shape"),
        ("in place", takes_from_needs, "place"),
        ("precision", lambda s, n, t: allotted(s, n, t).double(), "torch.float"),
        ("stale", remembers(allotted), "earlier call"),
        ("no result", lambda s, n, t: None, "returns nothing"),
        ("no result", lambda s, n, t: list(allotted(s, n, t)), "list"),
        ("raises", lambda s, n, t: s @ n[:2], "size"),
        ("endless", never_ends, "seconds"),
    ),
    "shared_places": (
        ("argument ignored", lambda w, c: shared_places(w, torch.ones_like(c)), "clean is not used"),
        ("another quantity", lambda w, c: 1 + (w + c > (w + c)[:, None]).sum(1), "added"),
        ("another quantity", lambda w, c: shared_places(100 * w + c, c), "with a weight"),
        ("another quantity", lambda w, c: shared_places(w.round(decimals=1), c), "nearly equal"),
        ("argument ignored", lambda w, c: w.argsort(descending=True).argsort() + 1, "a place of its own"),
        ("off by one", lambda w, c: 1 + ((w > w[:, None]) | ((w == w[:, None]) & (c >= c[:, None]))).sum(1), "take >"),
        ("off by one", lambda w, c: 1 + (w >= w[:, None]).sum(1), "clean is not used"),
        ("wrong sign", lambda w, c: shared_places(-w, -c), "worst stands first"),
        ("wrong sign", lambda w, c: shared_places(w, -c), "smaller clean accuracy"),
        ("off by one", lambda w, c: shared_places(w, c) - 1, "begin with 1"),
        ("off by one", dense, "1, 2, 2, 4"),
        ("another quantity", order_decides, "share a place"),
        ("another quantity", lambda w, c: shared_places(c, w), "comes first"),
        ("another quantity", lambda w, c: shared_places(w, c).argsort(stable=True), "order of the submissions"),
        ("wrong shape", lambda w, c: shared_places(w, c)[0], "shape"),
        ("in place", lambda w, c: shared_places(w.mul_(2), c), "place"),
        ("precision", lambda w, c: shared_places(w, c).float(), "torch.int64"),
        ("stale", remembers(shared_places), "earlier call"),
        ("no result", lambda w, c: None, "returns nothing"),
        ("no result", lambda w, c: shared_places(w, c).tolist(), "list"),
        ("raises", lambda w, c: w.sort(dim=3), "Dimension"),
        ("endless", never_ends, "seconds"),
    ),
}
