"""Wrong answers to the exercises of chapter 08: kind of mistake, answer, words that its message must hold."""

import torch

from course_utils.checks.ch08_evolved_rubbish import FUNCTIONS, answered, mutation, next_elites, node_answers, rate_now, small_mutation, taken_over

seen: dict = {}  # what a stale answer leaves over


def never_ends(*_):
    while True:
        pass


def attached(f):
    return lambda *a: f(*a) + a[0].detach().clone().requires_grad_().sum() * 0


def remembers(name, f):
    def answer(*a):
        key = (name, a[0].shape, a[0].dtype)
        seen[key] = seen.get(key, 0) + f(*a)
        return seen[key]

    return answer


def edits_u(u, eta):
    u *= 2
    return torch.where(u < 1, u ** (1 / (eta + 1)) - 1, 1 - (2 - u) ** (1 / (eta + 1)))


def edits_elites(elites, best, children, log_p):
    height, child = log_p.max(0)
    better = height > best
    elites[better] = children[child[better]]
    return elites


def edits_best(elites, best, children, log_p):
    after = next_elites(elites, best, children, log_p)
    best.copy_(torch.maximum(best, log_p.amax(0)))
    return after


def edits_before(weights, kind, before):
    result = node_answers(weights, kind, before)
    before.zero_()
    return result


def remembers_rate(rate, generation, every):
    key = ("rate", rate, generation, every)
    seen[key] = seen.get(key, 0) + rate_now(rate, generation, every)
    return seen[key]


def powered(power):
    return lambda u, eta: mutation(u, lambda: power(eta))


def with_functions(*functions):
    return lambda w, k, b: answered(w, k, b, functions)


SINE, SIGMOID, GAUSS, LINEAR = FUNCTIONS


def last_better(elites, best, children, log_p):
    out = elites.clone()
    for child, scores in zip(children, log_p):
        for k in range(len(elites)):
            if scores[k] > best[k]:
                out[k] = child
    return out


WRONG = {
    "small_mutation": (
        ("wrong sign", lambda u, eta: -small_mutation(u, eta), "sign is turned"),
        ("wrong sign", lambda u, eta: small_mutation(1 - u, eta), "sign is turned"),
        ("no absolute value", lambda u, eta: small_mutation(u, eta).abs(), "never negative"),
        ("another quantity", powered(lambda eta: eta + 1), "the power is eta + 1"),
        ("off by one", powered(lambda eta: 1 / max(eta, 1e-9)), "the power is 1 / eta"),
        ("off by one", powered(lambda eta: 1 / (eta + 2)), "off by"),
        ("off by one", powered(lambda eta: 1 / eta + 1), "mind the brackets"),
        ("no clip", lambda u, eta: small_mutation(u, eta).clamp(0, 1), "clipped to [0, 1]"),
        ("wrong sign", lambda u, eta: torch.where(u < 0.5, (2 * u) ** (1 / (eta + 1)) - 1, (2 * (1 - u)) ** (1 / (eta + 1))), "1 minus the power"),
        ("wrong sign", lambda u, eta: torch.where(u >= 0.5, (2 * u) ** (1 / (eta + 1)) - 1, 1 - (2 * (1 - u)) ** (1 / (eta + 1))), "wrong way round"),
        ("hard-coded constant", powered(lambda eta: 1 / 16), "eta is taken to be 15"),
        ("argument ignored", powered(lambda eta: 1.0), "uniform"),
        ("another quantity", lambda u, eta: 2 * u - 1, "uniform"),
        ("another quantity", lambda u, eta: torch.where(u < 0.5, (2 * u) ** (1 / (eta + 1)) - 1, 1 - (2 * u) ** (1 / (eta + 1))), "1 - u in place of u"),
        ("another quantity", lambda u, eta: torch.where(u < 0.5, u ** (1 / (eta + 1)) - 1, 1 - (1 - u) ** (1 / (eta + 1))), "factor 2"),
        ("another quantity", lambda u, eta: (2 * u) ** (1 / (eta + 1)) - 1, "used for all"),
        ("another quantity", lambda u, eta: 1 - (2 * (1 - u)) ** (1 / (eta + 1)), "used for all"),
        ("batch of one only", lambda u, eta: small_mutation(u.flatten()[0], eta).expand_as(u), "each entry of u has its own"),
        ("wrong shape", lambda u, eta: small_mutation(u, eta).flatten(), "has shape"),
        ("wrong shape", lambda u, eta: small_mutation(u, eta)[None], "has shape"),
        ("in place", edits_u, "u was changed in place"),
        ("attached", attached(small_mutation), "carries the graph"),
        ("stale", remembers("mutation", small_mutation), "left over"),
        ("precision", lambda u, eta: small_mutation(u, eta).float(), "torch.float64 is expected"),
        ("random", lambda u, eta: small_mutation(torch.rand(u.shape).to(u), eta), "random"),
        ("no result", lambda u, eta: print(small_mutation(u, eta)), "returns nothing"),
        ("raises", lambda u, eta: (2 * u) ** (1 / (eta + 1)) - 1 if u < 0.5 else u, "Error"),
        ("raises", lambda u: u, "must take the arguments"),
    ),
    "rate_now": (
        ("another quantity", lambda r, g, e: r / 2 ** (g / e), "halved in steps"),
        ("off by one", lambda r, g, e: r / 2 ** ((g + e - 1) // e), "too early"),
        ("off by one", lambda r, g, e: r / 2 ** ((g + 1) // e), "one generation too early"),
        ("off by one", lambda r, g, e: r / 2 ** (max(g - 1, 0) // e), "the one for generation = 0"),
        ("off by one", lambda r, g, e: r / 2 ** (g // e + 1), "becomes"),
        ("another quantity", lambda r, g, e: r / (1 + g // e), "divides by 2, 4, 8"),
        ("wrong sign", lambda r, g, e: r * 2 ** (g // e), "doubled"),
        ("hard-coded constant", lambda r, g, e: r / 2 ** (g // 1000), "1,000 is written down"),
        ("hard-coded constant", lambda r, g, e: 0.1 / 2 ** (g // e), "use the argument `rate`"),
        ("another quantity", lambda r, g, e: r / 2 if g >= e else r, "halved again"),
        ("argument ignored", lambda r, g, e: r, "use the argument `generation`"),
        ("another quantity", lambda r, g, e: r / 2 ** (g % e), "becomes"),
        ("wrong shape", lambda r, g, e: torch.tensor(r / 2 ** (g // e)), "not Tensor"),
        ("stale", remembers_rate, "left over"),
        ("random", lambda r, g, e: rate_now(r, g, e) * (1 + torch.rand(()).item()), "random"),
        ("no result", lambda r, g, e: print(rate_now(r, g, e)), "returns nothing"),
        ("raises", lambda r, g, e: r / 2 ** (g // e)[0], "Error"),
        ("endless", never_ends, "seconds"),
    ),
    "next_elites": (
        ("another quantity", lambda e, b, c, s: c[s.argmax(0)], "always takes over"),
        ("wrong sign", lambda e, b, c, s: torch.where((s.amax(0) < b)[:, None, None, None], c[s.argmax(0)], e), "turn the comparison round"),
        ("off by one", lambda e, b, c, s: torch.where((s.amax(0) >= b)[:, None, None, None], c[s.argmax(0)], e), "only a better one does"),
        ("wrong sign", lambda e, b, c, s: taken_over(e, b, c, s, pick=lambda p: p.argmin(0)), "no cell changes hands"),
        ("wrong axis", lambda e, b, c, s: taken_over(e, b, c, s, pick=lambda p: p.sum(1).argmax().expand(p.shape[1])), "one child is picked"),
        ("wrong axis", lambda e, b, c, s: torch.where((s.amax(1) > b)[:, None, None, None], c[s.argmax(1)], e), "Error"),
        ("another quantity", lambda e, b, c, s: taken_over(e, b, c, torch.where(s.argmax(1)[:, None] == torch.arange(s.shape[1], device=s.device), s, -torch.inf)),
         "scored for all classes"),
        ("batch of one only", lambda e, b, c, s: next_elites(e, b, c[2:3], s[2:3]), "each class has a best child of its own"),
        ("batch of one only", lambda e, b, c, s: taken_over(e, b, c, s, better=lambda h, best, p: (h > best).any().expand_as(best)), "always takes over"),
        ("batch of one only", lambda e, b, c, s: taken_over(e, b, c, s, better=lambda h, best, p: (h > best).all().expand_as(best)), "no cell changes hands"),
        ("another quantity", lambda e, b, c, s: taken_over(e, b, c, s, better=lambda h, best, p: h > best.max()), "best elite of all cells"),
        ("another quantity", lambda e, b, c, s: taken_over(e, b, c, s, pick=lambda p: (p > b).int().argmax(0)), "take the best one"),
        ("another quantity", last_better, "the last child that is better"),
        ("another quantity", lambda e, b, c, s: e.clone(), "no cell changes hands"),
        ("another quantity", lambda e, b, c, s: torch.where((s.amax(0) > b)[:, None, None, None], (e + c[s.argmax(0)]) / 2, e), "off by"),
        ("argument ignored", lambda e, b, c, s: taken_over(e, torch.full_like(b, -1.0), c, s), "off by"),
        ("in place", edits_elites, "elites was changed in place"),
        ("in place", edits_best, "best was changed in place"),
        ("attached", attached(next_elites), "carries the graph"),
        ("stale", remembers("elites", next_elites), "left over"),
        ("precision", lambda e, b, c, s: next_elites(e, b, c, s).float(), "torch.float64 is expected"),
        ("wrong shape", lambda e, b, c, s: next_elites(e, b, c, s).flatten(1), "has shape"),
        ("random", lambda e, b, c, s: next_elites(e, b, c, s) + 1e-3 * torch.rand_like(e), "random"),
        ("no result", lambda e, b, c, s: (next_elites(e, b, c, s), torch.maximum(b, s.amax(0))), "is tuple"),
        ("no result", lambda e, b, c, s: print("done"), "returns nothing"),
        ("raises", lambda e, b, c, s: torch.where(s.amax(0) > b, c[s.argmax(0)], e), "Error"),
    ),
    "node_answers": (
        ("argument ignored", lambda w, k, b: (w[:, None] @ b)[:, 0], "kind says which function"),
        ("batch of one only", lambda w, k, b: answered(w, k[:1].expand_as(k), b), "the first genome's function"),
        ("batch of one only", lambda w, k, b: answered(w[:1].expand_as(w), k, b), "the first genome's weights"),
        ("batch of one only", lambda w, k, b: answered(w, k, b[:1].expand_as(b)), "off by"),
        ("another quantity", with_functions(torch.cos, SIGMOID, GAUSS, LINEAR), "not the cosine"),
        ("another quantity", with_functions(SINE, torch.tanh, GAUSS, LINEAR), "not tanh"),
        ("no absolute value", with_functions(SINE, SIGMOID, lambda z: torch.exp(-z), LINEAR), "the square is missing"),
        ("another quantity", with_functions(SINE, SIGMOID, lambda z: torch.exp(-z.abs()), LINEAR), "the square is missing"),
        ("wrong sign", with_functions(SINE, SIGMOID, lambda z: torch.exp(z**2), LINEAR), "minus is missing"),
        ("another quantity", with_functions(SINE, SIGMOID, lambda z: torch.exp(-(z**2) / 2), LINEAR), "without dividing by 2"),
        ("no clip", with_functions(SINE, SIGMOID, GAUSS, torch.relu), "also below 0"),
        ("another quantity", with_functions(SINE, SIGMOID, GAUSS, torch.zeros_like), "also below 0"),
        ("another quantity", lambda w, k, b: answered(w / w.shape[1], k, b), "the mean over the inputs"),
        ("another quantity", lambda w, k, b: sum(answered(w[:, j : j + 1], k, b[:, j : j + 1]) for j in range(w.shape[1])), "add first"),
        ("off by one", lambda w, k, b: answered(w, (k + 1) % 4, b), "off by one"),
        ("off by one", lambda w, k, b: answered(w, k - 1, b), "off by one"),
        ("off by one", lambda w, k, b: answered(w[:, 1:], k, b[:, 1:]), "off by"),
        ("wrong sign", lambda w, k, b: answered(-w, k, b), "off by"),
        ("wrong shape", lambda w, k, b: node_answers(w, k, b)[:, None], "has shape"),
        ("wrong axis", lambda w, k, b: node_answers(w, k, b).T, "has shape"),
        ("in place", edits_before, "before was changed in place"),
        ("attached", attached(node_answers), "carries the graph"),
        ("stale", remembers("node", node_answers), "left over"),
        ("precision", lambda w, k, b: node_answers(w, k, b).float(), "torch.float64 is expected"),
        ("random", lambda w, k, b: node_answers(w, torch.randint(4, k.shape).to(k), b), "random"),
        ("no result", lambda w, k, b: [*node_answers(w, k, b)], "is list"),
        ("wrong shape", lambda w, k, b: torch.sin(w @ b), "has shape"),
        ("raises", lambda w, k, b: torch.sin(w.T @ b), "Error"),
    ),
}
