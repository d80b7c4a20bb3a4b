"""Wrong answers to the exercises of chapter 22: kind of mistake, answer, words that its message must hold."""

import torch

from course_utils.checking.exciting import above, below, both, moved, none, one, other, parted, sizes, whole_batch
from course_utils.checks.ch22_activations import bounded_leaky, carried_by_few, who_is_fooled

seen: dict = {}  # what a stale answer leaves over


def in_place(x, bound, slope):
    x[x < 0] *= slope
    b = bound.view(-1, 1, 1)
    return torch.where(x > b, b - slope * (x - b), x)


def remembers(f):
    def stale(*a):
        key = (f.__name__, a[0].shape, a[0].dtype)
        seen[key] = seen.get(key, 0) + f(*a)
        return seen[key]

    return stale


def last_axis(x, bound, slope):
    return bounded_leaky(x.transpose(1, -1), bound, slope).transpose(1, -1)


def a_number(x, bound, slope):
    return torch.cat([bounded_leaky(x[:, k : k + 1], torch.tensor([b]).to(x), slope) for k, b in enumerate(bound.tolist())], 1)


def bound_cut_off(x, bound, slope):
    b = bound.view(-1, 1, 1)
    return torch.where(x > b, b - slope * (x - b.detach()), torch.where(x < 0, slope * x, x))


def never_ends(*_):
    while True:
        pass


def into_before(before, after, top):
    return carried_by_few(before.zero_(), after, top)


WRONG = {
    "bounded_leaky": (
        ("wrong sign", above(lambda x, b, s: b + s * (x - b)), "rises"),
        ("wrong sign", below(lambda x, b, s: -s * x), "turned"),
        ("another quantity", above(lambda x, b, s: b + 0 * x), "ReLU6"),
        ("another quantity", above(lambda x, b, s: x), "without a bound"),
        ("another quantity", above(lambda x, b, s: b - s * x), "step down"),
        ("another quantity", above(lambda x, b, s: -s * (x - b)), "begins at 0"),
        ("another quantity", above(lambda x, b, s: b - (x - b)), "slope 1"),
        ("another quantity", below(lambda x, b, s: 0 * x), "leaks"),
        ("another quantity", below(lambda x, b, s: x), "s x"),
        ("hard-coded constant", lambda x, b, s: bounded_leaky(x, b, 0.01), "0.01"),
        ("hard-coded constant", lambda x, b, s: bounded_leaky(x, b, 0.1), "use the argument"),
        ("argument ignored", lambda x, b, s: bounded_leaky(x, b.mean().expand_as(b), s), "each channel"),
        ("argument ignored", lambda x, b, s: bounded_leaky(x, b[:1].expand_as(b), s), "each channel"),
        ("wrong axis", last_axis, "size"),
        ("attached", lambda x, b, s: bounded_leaky(x, b, s).detach(), "no gradient"),
        ("attached", a_number, "bound gets no gradient"),
        ("attached", bound_cut_off, "1 + s"),
        ("in place", in_place, "place"),
        ("precision", lambda x, b, s: bounded_leaky(x, b, s).float(), "torch.float"),
        ("batch of one only", lambda x, b, s: bounded_leaky(x[:1], b, s), "shape"),
        ("stale", remembers(bounded_leaky), "earlier call"),
        ("no result", lambda x, b, s: None, "returns nothing"),
        ("raises", lambda x, b, s: torch.where(x > b.view(7, 1, 1), x, x), "shape"),
        ("endless", never_ends, "seconds"),
    ),
    "carried_by_few": (
        ("no absolute value", sizes(lambda b, a: a - b), "cancel"),
        ("no absolute value", sizes(lambda b, a: (a - b).relu()), "only units that rise"),
        ("another quantity", sizes(lambda b, a: (a - b).square()), "squared"),
        ("another quantity", sizes(lambda b, a: a.abs()), "after the attack"),
        ("argument ignored", sizes(lambda b, a: b.abs()), "before the attack"),
        ("wrong sign", sizes(moved, largest=False), "change least"),
        ("another quantity", lambda b, a, t: 1 - carried_by_few(b, a, t), "all the other units"),
        ("another quantity", lambda b, a, t: 100 * carried_by_few(b, a, t), "percent"),
        ("off by one", sizes(moved, lambda k, t: max(1, int(t * k))), "cut off"),
        ("off by one", sizes(moved, lambda k, t: int(t * k) + 1), "too many"),
        ("off by one", sizes(moved, lambda k, t: round(t * k)), "at least one"),
        ("argument ignored", sizes(moved, lambda k, t: 1), "largest unit"),
        ("hard-coded constant", lambda b, a, t: carried_by_few(b, a, 0.029), "use the argument"),
        ("batch of one only", whole_batch, "whole batch"),
        ("batch of one only", lambda b, a, t: carried_by_few(b, a, t).mean().expand(len(b)), "each picture has its own"),
        ("wrong shape", lambda b, a, t: carried_by_few(b, a, t).mean(), "[5] is expected"),
        ("wrong axis", lambda b, a, t: carried_by_few(b.transpose(0, 1), a.transpose(0, 1), t), "shape"),
        ("in place", into_before, "place"),
        ("precision", lambda b, a, t: carried_by_few(b, a, t).double(), "torch.float"),
        ("stale", remembers(carried_by_few), "earlier call"),
        ("no result", lambda b, a, t: carried_by_few(b, a, t).tolist(), "list"),
        ("raises", lambda b, a, t: (a - b).topk(10**6, 1), "range"),
    ),
    "who_is_fooled": (
        ("another quantity", parted(none, lambda a, b: a, lambda a, b: b, both), "counted three times"),
        ("another quantity", parted(none, one, other, lambda a, b: a | b), "not or"),
        ("wrong sign", parted(none, other, one, both), "change places"),
        ("wrong sign", parted(both, other, one, none), "right and fooled"),
        ("wrong sign", parted(both, one, other, none), "none and both"),
        ("another quantity", lambda f, s, y: who_is_fooled(f, s, y) / 100, "percent"),
        ("another quantity", lambda f, s, y: who_is_fooled(f, s, y) * len(y) / 100, "numbers of pictures"),
        ("argument ignored", lambda f, s, y: who_is_fooled(f, s, f.argmax(1)), "use y"),
        ("argument ignored", lambda f, s, y: who_is_fooled(s, s, y), "second network"),
        ("argument ignored", lambda f, s, y: who_is_fooled(f, f, y), "first network"),
        ("wrong shape", lambda f, s, y: who_is_fooled(f, s, y)[1:], "three numbers"),
        ("wrong axis", lambda f, s, y: who_is_fooled(f.T, s.T, y[: f.shape[1]]), "is expected"),
        ("batch of one only", lambda f, s, y: who_is_fooled(f[:1], s[:1], y[:1]), "expected"),
        ("in place", lambda f, s, y: who_is_fooled(f.neg_().neg_().add_(1), s, y), "place"),
        ("precision", lambda f, s, y: who_is_fooled(f, s, y).double(), "torch.float"),
        ("stale", remembers(who_is_fooled), "earlier call"),
        ("no result", lambda f, s, y: dict(enumerate(who_is_fooled(f, s, y))), "dict"),
        ("raises", lambda f, s, y: f @ s, "shapes"),
    ),
}
