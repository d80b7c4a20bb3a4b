"""Wrong answers to the exercises of chapter 22: kind of mistake, answer, words that its message must hold."""

import torch

from course_utils.attacks.walking import unit
from course_utils.checking.exciting import above, below, both, moved, none, one, other, parted, sizes, whole_batch
from course_utils.checking.remembering import ahead, counted, rectified, remembered, walker
from course_utils.checking.slips import own_score, total_loss
from course_utils.checks.ch22_activations import bounded_leaky, carried_by_few, memory_scores, speakers, walk, who_is_fooled

seen: dict = {}  # what a stale answer leaves over


def in_place(x, bound, slope):
    x[x < 0] *= slope
    b = bound.view(-1, 1, 1)
    return torch.where(x > b, b - slope * (x - b), x)


def remembers(f):
    def stale(*a):
        first = next(v for v in a if isinstance(v, torch.Tensor))
        key = (f.__name__, first.shape, first.dtype)
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


def in_l2(before, after, top):
    change = moved(before, after).flatten(1)
    return change.topk(max(1, round(top * change.shape[1])), 1).values.norm(dim=1) / change.norm(dim=1)


def of_the_largest(before, after, top):
    change = moved(before, after).flatten(1)
    high = after.flatten(1).topk(max(1, round(top * change.shape[1])), 1).indices
    return change.gather(1, high).sum(1) / change.sum(1)


def with_the_first(f, s, y):
    a, b = f.argmax(1) != y, s.argmax(1) != f.argmax(1)
    return 100 * torch.stack([~a & ~b, a & ~b, ~a & b, a & b]).to(f).mean(1)


def cuts_v(pixels, labels, v, n, temperature):
    v -= 0.1
    return memory_scores(pixels, labels, v + 0.1, n, temperature)


def by_rows(pixels, labels, v, n, temperature):
    return memory_scores(pixels, labels, v, n, temperature).T


def speakers_of(rows):
    return (rows.cumsum(1) <= rows.sum(1, keepdim=True) / 2).sum(1) + 1


def sorts_in_place(activations):
    activations.copy_(activations.sort(1, descending=True).values)
    return speakers(activations)


def in_twos(activations):
    return torch.tensor([[int(k)] for k in speakers(activations)])


def moves_x(model, x, y, step, steps):
    x.copy_(walk(model, x, y, step, steps))
    return x


def with_a_graph(model, x, y, step, steps):
    z = x.detach().clone().requires_grad_()
    return walk(model, z, y, step, steps) + 0 * z


def trains_on(model, x, y, step, steps):
    model.train()
    return walk(model, x, y, step, steps)


def one_more(model, x, y, step, steps):
    return walk(model, x, y, step, steps + 1)


def by_backward(model, x, y, step, steps):
    z = x.detach().clone().requires_grad_()
    ahead(model(z), y).sum().backward()
    return walk(model, x, y, step, steps)


def next_fixed(model, x, y, step, steps):
    with torch.no_grad():
        after = model(x).scatter(1, y[:, None], -torch.inf).argmax(1)
    return walker(lambda s, y: s.gather(1, after[:, None]) - own_score(s, y))(model, x, y, step, steps)


def up_to_the_end(model, x, y, step, steps):
    end = walk(model, x, y, step, steps)
    with torch.no_grad():
        across = ahead(model(end), y) > 0
    return torch.where(across.view(-1, 1, 1, 1), end, x.detach())


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
        ("argument ignored", lambda x, b, s: bounded_leaky(x, b.amax().expand_as(b), s), "each channel"),
        ("argument ignored", lambda x, b, s: bounded_leaky(x, b.amin().expand_as(b), s), "each channel"),
        ("another quantity", above(lambda x, b, s: (b - s * (x - b)).relu()), "goes on falling"),
        ("another quantity", lambda x, b, s: torch.where(x > 0, (c := b.view(-1, 1, 1)) - s * (x - c), s * x), "it is x there"),
        ("attached", lambda x, b, s: bounded_leaky(x.detach(), b, s), "gradient for x"),
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
        ("another quantity", in_l2, "L2 norms"),
        ("another quantity", of_the_largest, "units that change most"),
        ("another quantity", lambda b, a, t: carried_by_few(b, a, t) * moved(b, a).flatten(1).sum(1) / a.flatten(1).abs().sum(1), "sum of all changes"),
        ("precision", lambda b, a, t: carried_by_few(b, a, t) / (1 + 1e-3 / moved(b, a).flatten(1).sum(1)), "leave it out"),
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
        ("another quantity", with_the_first, "compare both with y"),
        ("off by one", lambda f, s, y: who_is_fooled(f, s, y)[[0, 1, 3, 2]], "the order is"),
        ("wrong shape", lambda f, s, y: who_is_fooled(f, s, y)[1:], "three numbers"),
        ("wrong shape", lambda f, s, y: tuple(who_is_fooled(f, s, y)), "torch.stack makes one of a tuple"),
        ("wrong axis", lambda f, s, y: who_is_fooled(f.T, s.T, y[: f.shape[1]]), "is expected"),
        ("batch of one only", lambda f, s, y: who_is_fooled(f[:1], s[:1], y[:1]), "expected"),
        ("in place", lambda f, s, y: who_is_fooled(f.neg_().neg_().add_(1), s, y), "place"),
        ("precision", lambda f, s, y: who_is_fooled(f, s, y).double(), "torch.float"),
        ("stale", remembers(who_is_fooled), "earlier call"),
        ("no result", lambda f, s, y: dict(enumerate(who_is_fooled(f, s, y))), "dict"),
        ("raises", lambda f, s, y: f @ s, "shapes"),
    ),
    "memory_scores": (
        ("another quantity", remembered(lambda v, p, q: v @ p.T), "left out of the base"),
        ("wrong sign", remembered(lambda v, p, q: v @ p.T + q.sum(1)), "they are at -1"),
        ("another quantity", remembered(flip=lambda q: q), "moves by 2"),
        ("wrong sign", remembered(flip=lambda q: -2 * q), "wrong way"),
        ("precision", remembered(power=lambda x, n, t: rectified(x, n) / t**n), "overflows"),
        ("no clip", remembered(power=lambda x, n, t: (x / t) ** n), "below 0"),
        ("no absolute value", remembered(power=lambda x, n, t: (x / t).abs() ** n), "below 0"),
        ("wrong sign", remembered(less=lambda after, before: (before - after).sum(1)), "sign is turned"),
        ("off by one", remembered(power=lambda x, n, t: rectified(x / t, n - 1)), "n - 1"),
        ("another quantity", lambda *a: memory_scores(*a).tanh(), "update"),
        ("another quantity", remembered(less=lambda after, before: after.sum(1)), "not taken off"),
        ("another quantity", remembered(less=lambda after, before: (after - before).mean(1)), "add them up"),
        ("another quantity", lambda p, q, v, n, t: 2 * n / t * rectified((v @ p.T - q.sum(1)) / t, n - 1) @ q, "first order"),
        ("another quantity", remembered(lambda v, p, q: v @ p.T, lambda q: q), "they are at -1"),
        ("argument ignored", remembered(lambda v, p, q: v @ p.T - q[:, 0]), "each of them is at -1"),
        ("no clip", remembered(power=lambda x, n, t: (x / t) ** n, less=lambda after, before: (after - before).relu().sum(1)), "overlaps before the power"),
        ("another quantity", remembered(less=lambda after, before: (after - before).amax(1)), "only one memory"),
        ("another quantity", remembered(power=lambda x, n, t: rectified(x * t, n)), "multiplied by T"),
        ("argument ignored", remembered(power=lambda x, n, t: rectified(x, n)), "T is not used"),
        ("hard-coded constant", remembered(power=lambda x, n, t: rectified(x / t, 3)), "always 3"),
        ("wrong axis", by_rows, "shape"),
        ("wrong axis", remembered(less=lambda after, before: (after - before).sum(0)), "shape"),
        ("wrong shape", lambda *a: memory_scores(*a).sum(0), "shape"),
        ("precision", lambda *a: memory_scores(*a).float(), "torch.float"),
        ("in place", cuts_v, "place"),
        ("stale", lambda *a: remembers(memory_scores)(*a), "earlier call"),
        ("no result", lambda *a: None, "returns nothing"),
        ("raises", lambda *a: a[0] @ a[2], "mat1"),
        ("endless", never_ends, "seconds"),
    ),
    "speakers": (
        ("off by one", counted(lambda s: (s.cumsum(1) < 0.5).sum(1) + 1), "exactly half"),
        ("off by one", counted(lambda s: (s.cumsum(1) <= 0.5).sum(1)), "is not counted"),
        ("another quantity", lambda a: ((a / a.sum(1, keepdim=True)).cumsum(1) <= 0.5).sum(1) + 1, "order of storage"),
        ("wrong sign", counted(lambda s: (s.flip(1).cumsum(1) <= 0.5).sum(1) + 1), "least active"),
        ("another quantity", counted(lambda s: (s > 0.5).sum(1)), "alone"),
        ("another quantity", counted(lambda s: (s > s[:, :1] / 2).sum(1)), "half of the largest"),
        ("another quantity", counted(lambda s: (s > 0).sum(1)), "active at all"),
        ("batch of one only", lambda a: (a.sort(1, descending=True).values.cumsum(1) <= a.sum() / 2).sum(1) + 1, "whole batch"),
        ("hard-coded constant", lambda a: (a.sort(1, descending=True).values.cumsum(1) <= 0.5).sum(1) + 1, "no shares yet"),
        ("another quantity", lambda a: (a.softmax(1).sort(1, descending=True).values.cumsum(1) <= 0.5).sum(1) + 1, "softmax"),
        ("hard-coded constant", counted(lambda s: (s.cumsum(1) <= 0.9).sum(1) + 1), "more than half is enough"),
        ("another quantity", lambda a: speakers(a) / a.shape[1], "give their number"),
        ("precision", lambda a: ((a / (a.sum(1, keepdim=True) + 1e-8)).sort(1, descending=True).values.cumsum(1) <= 0.5).sum(1) + 1, "small number in the divisor"),
        ("precision", lambda a: speakers(a.float()), "single precision"),
        ("precision", counted(lambda s: (s.cumsum(1) <= 0.5 + 1e-6).sum(1) + 1), "no tolerance"),
        ("hard-coded constant", lambda a: speakers(a).clamp(max=10), "where 30 is expected"),
        ("wrong axis", lambda a: speakers_of(a.sort(0, descending=True).values), "axis 0"),
        ("another quantity", lambda a: (a.sort(1, descending=True).values.cumsum(1) <= a.amax(1, keepdim=True) / 2).sum(1) + 1, "half of the sum"),
        ("wrong shape", in_twos, "shape"),
        ("in place", sorts_in_place, "place"),
        ("stale", lambda a: remembers(speakers)(a), "earlier call"),
        ("no result", lambda a: speakers(a).tolist(), "list"),
        ("raises", lambda a: a.sort(7), "Dimension"),
        ("endless", never_ends, "seconds"),
    ),
    "walk": (
        ("precision", walker(scale=lambda g: g / g.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)), "tiny gradients"),
        ("another quantity", walker(scale=lambda g: g), "length `step`"),
        ("another quantity", walker(scale=torch.sign), "the sign"),
        ("batch of one only", walker(scale=lambda g: unit(g.flatten()[None, None, None])[0].view_as(g)), "whole batch"),
        ("another quantity", walker(scale=lambda g: g / g.flatten(1).abs().amax(1).view(-1, 1, 1, 1)), "another length"),
        ("another quantity", walker(ends=lambda s, y: -torch.ones_like(ahead(s, y))), "walk on"),
        ("no clip", walker(clip=lambda x: x), "leave [0, 1]"),
        ("wrong sign", walker(sign=-1.0), "away from the boundary"),
        ("argument ignored", walker(least=1), "one step only"),
        ("stale", walker(turns=False), "anew"),
        ("another quantity", walker(total_loss), "cross-entropy"),
        ("another quantity", walker(lambda s, y: -own_score(s, y)), "largest other score, too"),
        ("argument ignored", walker(lambda s, y: ahead(s, s.argmax(1)), ends=lambda s, y: ahead(s, s.argmax(1))), "own answer"),
        ("another quantity", walker(lambda s, y: s.amax(1) - own_score(s, y)[:, 0]), "leave y out"),
        ("off by one", one_more, "too many"),
        ("off by one", lambda m, x, y, step, steps: walk(m, x, y, step, steps - 1), "too few"),
        ("off by one", walker(ends=lambda s, y: torch.where(s.argmax(1) == y, -1.0, 1.0)), "lead <= 0"),
        ("stale", next_fixed, "anew"),
        ("no clip", lambda *a: walker(clip=lambda x: x)(*a).clamp(0, 1), "at the end only"),
        ("hard-coded constant", walker(low := lambda s, y: s.scatter(1, y[:, None], 0).amax(1) - own_score(s, y)[:, 0], ends=low), "-torch.inf"),
        ("another quantity", walker(scale=lambda g: g / g.flatten(1).abs().sum(1).view(-1, 1, 1, 1)), "another length"),
        ("batch of one only", walker(ends=lambda s, y: ahead(s, y).amax().expand(len(y))), "stops for itself"),
        ("in place", moves_x, "place"),
        ("attached", with_a_graph, "graph"),
        ("model changed", trains_on, "mode"),
        ("model changed", by_backward, "grad"),
        ("another quantity", up_to_the_end, "is expected"),
        ("another quantity", lambda m, x, y, step, steps: walk(m, x, y, step, steps) - x.detach(), "add it to x"),
        ("no result", lambda *a: None, "returns nothing"),
        ("raises", lambda m, x, y, step, steps: m(x)[:, 99], "index"),
        ("endless", never_ends, "seconds"),
    ),
}
