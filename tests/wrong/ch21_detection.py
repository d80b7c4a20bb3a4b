"""Wrong answers to the exercises of chapter 21: kind of mistake, answer, words that its message must hold."""

import torch
import torch.nn.functional as F

from course_utils.checks.ch21_detection import alarm_level, area_by_pairs, covered_lead, far, free_energy, local_dimension

seen: dict = {}  # what a stale answer leaves over


def remembers(f):
    def stale(*a):
        key = (f.__name__, *(v.shape for v in a if isinstance(v, torch.Tensor)), a[0].dtype)
        seen[key] = seen.get(key, 0) + f(*a)
        return seen[key]

    return stale


def never_ends(*_):
    while True:
        pass


def attached(f):
    return lambda *a: f(*a) + torch.zeros(1, requires_grad=True).to(a[0]).sum()


def noisy(f):
    return lambda *a: f(*a) + 0.1 * torch.randn(())


def switches_off(f):
    def answer(*a):
        torch.set_grad_enabled(False)
        return f(*a)

    return answer


def narrow(f):
    return lambda *a: f(*a).float()


def anew(scores, covered):
    best = covered.topk(2, 2).values
    return best[..., 0] - best[..., 1]


def of_the_first(scores, covered):
    own = int(scores[0].argmax())
    return covered[..., own] - torch.cat([covered[..., :own], covered[..., own + 1 :]], 2).amax(2)


def against_the_runner_up(scores, covered):
    first, second = (scores.topk(2, 1).indices[:, None, [i]].expand(-1, covered.shape[1], 1) for i in (0, 1))
    return (covered.gather(2, first) - covered.gather(2, second))[..., 0]


def by_expansion(features, among, k):
    squares = features.square().sum(1)[:, None] - 2 * features @ among.T + among.square().sum(1)
    nearest = squares.clamp_min(0).sqrt().sort(1).values[:, :k]
    return -1 / (nearest / nearest[:, -1:]).log().mean(1)


def in_place_lead(scores, covered):
    own = scores.argmax(1)[:, None, None].expand(-1, covered.shape[1], 1)
    value = covered.gather(2, own)[..., 0]
    return value - covered.scatter_(2, own, -torch.inf).amax(2)


def by_diagonal(attacked, clean):
    most = min(len(attacked), len(clean))
    return (attacked[:most] > clean[:most]).to(attacked).mean()


def sorts_in_place(clean, rate):
    clean.copy_(clean.sort(descending=True).values)
    return clean[int(rate * len(clean) + 1e-6)].clone()


def among_themselves(features, among, k):
    return local_dimension(features, features, min(k, len(features)))


def divides_in_place(scores, temperature):
    return -temperature * scores.div_(temperature).logsumexp(1)


def level(rule):
    return lambda clean, rate: clean.sort(descending=True).values[rule(rate * len(clean), len(clean))]


WRONG = {
    "covered_lead": (
        ("argument ignored", anew, "taken anew"),
        ("wrong axis", lambda s, c: (c.topk(2, 1).values[:, 0] - c.topk(2, 1).values[:, 1]), "shape"),
        ("wrong sign", lambda s, c: -covered_lead(s, c), "sign"),
        ("another quantity", lambda s, c: covered_lead(s, c.softmax(2)), "probabilities"),
        ("another quantity", lambda s, c: covered_lead(c[:, 0], c), "under the first cover"),
        ("another quantity", against_the_runner_up, "runner-up"),
        ("another quantity", lambda s, c: c.gather(2, s.argmax(1)[:, None, None].expand(-1, c.shape[1], 1))[..., 0], "largest other one"),
        ("another quantity", lambda s, c: (c.argmax(2) == s.argmax(1)[:, None]).to(c), "how far"),
        ("another quantity", lambda s, c: c.gather(2, s.argmax(1)[:, None, None].expand(-1, c.shape[1], 1))[..., 0] - c.amax(2), "never above 0"),
        ("no clip", lambda s, c: covered_lead(s, c).clamp_min(0), "is expected"),
        ("no absolute value", lambda s, c: covered_lead(s, c).abs(), "is expected"),
        ("wrong shape", lambda s, c: covered_lead(s, c).amin(1), "one for each cover"),
        ("batch of one only", of_the_first, "is expected"),
        ("off by one", lambda s, c: c.gather(2, s.argmax(1)[:, None, None].expand(-1, c.shape[1], 1))[..., 0] - c.topk(3, 2).values[..., 2], "is expected"),
        ("in place", in_place_lead, "place"),
        ("attached", attached(covered_lead), "graph"),
        ("stale", remembers(covered_lead), "earlier call"),
        ("precision", narrow(covered_lead), "torch.float"),
        ("no result", lambda s, c: None, "returns nothing"),
        ("raises", lambda s, c: c.gather(2, s.argmax(1)), "Index"),
        ("endless", never_ends, "seconds"),
    ),
    "area_by_pairs": (
        ("off by one", lambda a, c: (a[:, None] > c).to(a).mean(), "count half"),
        ("off by one", lambda a, c: (a[:, None] >= c).to(a).mean(), "count whole"),
        ("wrong sign", lambda a, c: area_by_pairs(c, a), "clean one is higher"),
        ("another quantity", lambda a, c: (a[:, None] > c).to(a).sum() + 0.5 * (a[:, None] == c).to(a).sum(), "number of pairs"),
        ("another quantity", lambda a, c: a.mean() - c.mean(), "difference of means"),
        ("another quantity", lambda a, c: 100 * area_by_pairs(a, c), "percent"),
        ("another quantity", lambda a, c: (a[:, None] > c).to(a).sum() / (a[:, None] != c).to(a).sum().clamp_min(1), "left out"),
        ("hard-coded constant", lambda a, c: ((a[:, None] - c > 1e-8).to(a) + 0.5 * ((a[:, None] - c).abs() <= 1e-8).to(a)).mean(), "nearly equal"),
        ("another quantity", lambda a, c: (a > c.median()).to(a).mean(), "one threshold"),
        ("another quantity", lambda a, c: (a[:, None] - c).sigmoid().mean(), "order only"),
        ("no absolute value", lambda a, c: max(area_by_pairs(a, c), 1 - area_by_pairs(a, c)), "wrong way"),
        ("wrong shape", lambda a, c: (a[:, None] > c).to(a).mean(1), "shape"),
        ("batch of one only", by_diagonal, "all with all"),
        ("hard-coded constant", lambda a, c: (a[:, None] > c - 1e-4).to(a).mean(), "nearly equal"),
        ("in place", lambda a, c: area_by_pairs(a.sub_(c.mean()), c - c.mean()), "place"),
        ("random", noisy(area_by_pairs), "area"),
        ("stale", remembers(area_by_pairs), "earlier call"),
        ("precision", narrow(area_by_pairs), "torch.float"),
        ("attached", attached(area_by_pairs), "graph"),
        ("no result", lambda a, c: print(area_by_pairs(a, c)), "returns nothing"),
        ("raises", lambda a, c: (a > c).mean(), "size"),
        ("endless", never_ends, "seconds"),
    ),
    "alarm_level": (
        ("wrong sign", lambda c, r: c.sort().values[int(r * len(c) + 1e-6)], "other way round"),
        ("off by one", level(lambda m, q: int(m)), "28.99"),
        ("off by one", level(lambda m, q: int(m + 1e-6) + 1), "one more"),
        ("off by one", level(lambda m, q: max(int(m + 1e-6) - 1, 0)), "one fewer"),
        ("off by one", level(lambda m, q: round(m)), "round down"),
        ("hard-coded constant", level(lambda m, q: int(0.05 * q)), "built in"),
        ("argument ignored", lambda c, r: c.amax(), "not used"),
        ("another quantity", lambda c, r: c.quantile(1 - r), "between two scores"),
        ("another quantity", lambda c, r: c.quantile(1 - r, interpolation="lower"), "round down"),
        ("another quantity", lambda c, r: c.quantile(1 - r, interpolation="higher"), "one fewer"),
        ("another quantity", lambda c, r: c.unique().flip(0)[min(int(r * len(c) + 1e-6), len(c.unique()) - 1)], "counted once"),
        ("another quantity", lambda c, r: c.abs().sort(descending=True).values[int(r * len(c) + 1e-6)], "lose their sign"),
        ("another quantity", lambda c, r: c.mean() + 1.645 * c.std(), "normally distributed"),
        ("another quantity", lambda c, r: c[int(r * len(c) + 1e-6)], "in order"),
        ("wrong shape", lambda c, r: c.sort(descending=True).values[: int(r * len(c) + 1e-6) + 1], "shape"),
        ("in place", sorts_in_place, "place"),
        ("stale", remembers(alarm_level), "earlier call"),
        ("precision", narrow(alarm_level), "torch.float"),
        ("attached", attached(alarm_level), "graph"),
        ("no result", lambda c, r: None, "returns nothing"),
        ("no result", lambda c, r: c.sort(descending=True), ".values"),
        ("raises", lambda c, r: c[len(c) + 1], "index"),
        ("endless", never_ends, "seconds"),
    ),
    "local_dimension": (
        ("wrong sign", lambda f, a, k: -local_dimension(f, a, k), "minus"),
        ("another quantity", lambda f, a, k: 1 / local_dimension(f, a, k), "1 / LID"),
        ("another quantity", lambda f, a, k: local_dimension(f, a, k) / k, "added up"),
        ("another quantity", lambda f, a, k: local_dimension(f, a, k) / 2, "squared"),
        ("off by one", lambda f, a, k: local_dimension(f, a, k - 1), "too few"),
        ("off by one", lambda f, a, k: local_dimension(f, a, min(k + 1, len(a))), "too many"),
        ("another quantity", lambda f, a, k: local_dimension(f, a, k) * (k - 2) / k, "another estimate"),
        ("precision", by_expansion, "small distances are lost"),
        ("another quantity", lambda f, a, k: -1 / (far(f, a, k) / far(f, a, k)[:, -1:]).mean(1).log(), "logarithm of the mean"),
        ("another quantity", lambda f, a, k: -1 / far(f, a, k).log().mean(1), "not divided"),
        ("off by one", lambda f, a, k: -1 / (far(f, a, k)[:, :-1] / far(f, a, k)[:, -1:]).log().mean(1), "left out"),
        ("off by one", lambda f, a, k: -1 / (far(f, a, k)[:, 1:] / far(f, a, k)[:, -1:]).log().mean(1), "nearest neighbour"),
        ("hard-coded constant", lambda f, a, k: local_dimension(f, a, min(20, len(a))), "built in"),
        ("argument ignored", lambda f, a, k: local_dimension(f, a, len(a)), "all of them"),
        ("argument ignored", among_themselves, "local_dimension"),
        ("wrong shape", lambda f, a, k: local_dimension(f, a, k)[:, None], "shape"),
        ("wrong shape", lambda f, a, k: local_dimension(f, a, k).mean(), "each picture"),
        ("in place", lambda f, a, k: local_dimension(f.sub_(a.mean(0)), a - a.mean(0), k), "place"),
        ("stale", remembers(local_dimension), "earlier call"),
        ("precision", narrow(local_dimension), "torch.float"),
        ("attached", attached(local_dimension), "graph"),
        ("no result", lambda f, a, k: None, "returns nothing"),
        ("raises", lambda f, a, k: torch.cdist(f, a.T), "size"),
        ("endless", never_ends, "seconds"),
    ),
    "free_energy": (
        ("wrong sign", lambda s, t: -free_energy(s, t), "minus"),
        ("another quantity", lambda s, t: free_energy(s, t) / t, "factor T"),
        ("argument ignored", lambda s, t: -s.logsumexp(1), "T is not used"),
        ("another quantity", lambda s, t: -t * s.logsumexp(1), "not divided"),
        ("another quantity", lambda s, t: -t * (s * t).logsumexp(1), "multiplied"),
        ("another quantity", lambda s, t: -t * (s / t).exp().sum(1).log(), "logsumexp"),
        ("another quantity", lambda s, t: -t * ((s - s.amax(1, keepdim=True)) / t).logsumexp(1), "never put back"),
        ("hard-coded constant", lambda s, t: -t * (s / t).clamp(-80, 80).exp().sum(1).log(), "cut off"),
        ("another quantity", lambda s, t: free_energy(s, t) / torch.log(torch.tensor(2.0)).to(s), "another base"),
        ("another quantity", lambda s, t: torch.distributions.Categorical(logits=s / t).entropy(), "entropy"),
        ("another quantity", lambda s, t: 1 - (s / t).softmax(1).amax(1), "another score"),
        ("another quantity", lambda s, t: -t * (s / t).softmax(1).logsumexp(1), "softmax comes first"),
        ("wrong axis", lambda s, t: -t * (s / t).logsumexp(0), "axis"),
        ("hard-coded constant", lambda s, t: free_energy(s, 2.5), "use the argument"),
        ("wrong shape", lambda s, t: -t * (s / t).logsumexp(1, keepdim=True), "shape"),
        ("batch of one only", lambda s, t: free_energy(s, t).mean().expand(len(s)), "is expected"),
        ("in place", divides_in_place, "place"),
        ("stale", remembers(free_energy), "earlier call"),
        ("precision", narrow(free_energy), "torch.float"),
        ("state changed", switches_off(free_energy), "grad"),
        ("attached", attached(free_energy), "graph"),
        ("no result", lambda s, t: free_energy(s, t).tolist(), "list"),
        ("raises", lambda s, t: F.softmax(s, 5), "Dimension"),
        ("endless", never_ends, "seconds"),
    ),
}
