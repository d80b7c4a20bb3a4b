"""Wrong answers to the exercises of chapter 14: kind of mistake, answer, words that its message must hold."""

import torch

from course_utils.checks.ch14_universal import added, classes, fooling_share, into_budget, one_turn, portion, shared_part, told, turn, unit

seen: dict = {}  # what a stale answer leaves over


def in_train_mode(model, x, v):
    model.train()
    return fooling_share(model, x, v)


def adds_in_place(model, x, v):
    before = classes(model, x)
    return (classes(model, x.add_(v).clamp_(0, 1)) != before).float().mean().item()


def one_by_one_wrong(model, x, v):
    return float(classes(model, x[:1]) != classes(model, (x[:1] + v).clamp(0, 1)))


def clean_once(model, x, v):
    """The clean classes are kept from the first call."""
    own = seen.setdefault("own", classes(model, x))
    return (own != classes(model, (x + v).clamp(0, 1))).float().mean().item()


def clips_itself(v, xi, norm):
    return v.clamp_(-xi, xi) if norm == "linf" else into_budget(v, xi, norm)


def switched_off(model, x, v, xi, smallest):
    torch.set_grad_enabled(False)
    return one_turn(model, x, v, xi, smallest)


def asks_in_vain(model, x, v, xi, smallest):
    smallest(x + v)
    return one_turn(model, x, v, xi, smallest)


def grows(model, x, v, xi, smallest):
    return v.add_(one_turn(model, x, v, xi, smallest) - v)


def remembers(model, x, v, xi, smallest):
    key = (x.shape, x.dtype)
    seen[key] = seen.get(key, 0) + one_turn(model, x, v, xi, smallest)
    return seen[key].clamp(-xi, xi)


def attached(model, x, v, xi, smallest):
    return (x[0].detach().clone().requires_grad_() * 0) + one_turn(model, x, v, xi, smallest)


def never_ends(*_):
    while True:
        pass


def scaled_in_place(normals, k):
    normals /= normals.flatten(1).norm(dim=1)[:, None, None, None]
    return portion(normals.flatten(1), k)


WRONG = {
    "fooling_share": (
        ("wrong sign", told(lambda a, b: a == b), "whose class stays"),
        ("wrong sign", lambda m, x, v: told(lambda a, b: a != b)(m, x, -v), "off by"),
        ("no clip", lambda m, x, v: (m(x).argmax(1) != m(x + v).argmax(1)).float().mean().item(), "not clipped"),
        ("no clip", lambda m, x, v: (m(x).argmax(1) != m(x + v.clamp(0, 1)).argmax(1)).float().mean().item(), "is off by"),
        ("no clip", lambda m, x, v: fooling_share(m, x, v.clamp(0, 1)), "clip the picture"),
        ("another quantity", lambda m, x, v: 100 * fooling_share(m, x, v), "percent"),
        ("another quantity", lambda m, x, v: (m(x).argmax(1) != m((x + v).clamp(0, 1)).argmax(1)).sum().item(), "off by"),
        ("another quantity", lambda m, x, v: (m(x).softmax(1).amax(1) - m((x + v).clamp(0, 1)).softmax(1).amax(1)).mean().item(), "off by"),
        ("another quantity", lambda m, x, v: told(lambda a, b: a < b)(m, x, v), "is off by"),
        ("another quantity", lambda m, x, v: (m(x).argmax(1) != m(v.clamp(0, 1)[None]).argmax(1)).float().mean().item(), "off by"),
        ("batch of one only", one_by_one_wrong, "is off by"),
        ("wrong axis", lambda m, x, v: (m(x).argmax(0) != m((x + v).clamp(0, 1)).argmax(0)).float().mean().item(), "is off by"),
        ("argument ignored", lambda m, x, v: 0.48, ""),
        ("in place", adds_in_place, "x was changed in place"),
        ("stale", clean_once, ""),
        ("model changed", in_train_mode, "another mode"),
        ("wrong shape", lambda m, x, v: (m(x).argmax(1) != m((x + v).clamp(0, 1)).argmax(1)).float(), "one number is expected"),
        ("random", lambda m, x, v: fooling_share(m, x, 0.3 * torch.randn_like(v)), "random"),
        ("no result", lambda m, x, v: print(fooling_share(m, x, v)), "returns nothing"),
        ("raises", lambda m, x, v: (m(x).argmax(1) != m(x + v[:, None]).argmax(1)).float().mean().item(), "RuntimeError"),
        ("raises", lambda m, x: 0.0, "must take the arguments"),
    ),
    "into_budget": (
        ("another quantity", lambda v, xi, norm: v.clamp(-xi, xi) if norm == "linf" else v * xi / v.norm().clamp_min(1e-12), "a shorter one stays"),
        ("another quantity", lambda v, xi, norm: v * xi / v.abs().max().clamp_min(1e-12) if norm == "linf" else into_budget(v, xi, norm), "clip each value instead"),
        ("another quantity", lambda v, xi, norm: v * (xi / v.abs().max().clamp_min(1e-12)).clamp(max=1) if norm == "linf" else into_budget(v, xi, norm), "v is scaled to size xi"),
        ("another quantity", lambda v, xi, norm: xi * v.sign() if norm == "linf" else into_budget(v, xi, norm), "off by"),
        ("another quantity", lambda v, xi, norm: into_budget(v, xi, "linf" if norm == "l2" else "l2"), "shortened to length xi"),
        ("another quantity", lambda v, xi, norm: v.clamp(-xi, xi) if norm == "linf" else v * (xi / v.abs().sum().clamp_min(1e-12)).clamp(max=1), "off by"),
        ("another quantity", lambda v, xi, norm: v.clamp(-xi, xi) if norm == "linf" else v * (xi / v.norm().clamp_min(1e-12) ** 2).clamp(max=1), "off by"),
        ("another quantity", lambda v, xi, norm: v.clamp(-xi, xi) if norm == "linf" else v * (v.norm() <= xi), "off by"),
        ("argument ignored", lambda v, xi, norm: v.clamp(-xi, xi), "the length of the whole v"),
        ("argument ignored", lambda v, xi, norm: v * (xi / v.norm().clamp_min(1e-12)).clamp(max=1), "each value is clipped"),
        ("no clip", lambda v, xi, norm: v.clone(), "comes back as it was"),
        ("no clip", lambda v, xi, norm: v.clamp(max=xi) if norm == "linf" else into_budget(v, xi, norm), "only one side"),
        ("no clip", lambda v, xi, norm: v.clamp(0, xi) if norm == "linf" else into_budget(v, xi, norm), "off by"),
        ("wrong axis", lambda v, xi, norm: v.clamp(-xi, xi) if norm == "linf" else v * (xi / v.norm(dim=(1, 2), keepdim=True).clamp_min(1e-12)).clamp(max=1), "each channel"),
        ("hard-coded constant", lambda v, xi, norm: into_budget(v, 0.2137 if norm == "linf" else 1.3171, norm), ""),
        ("wrong sign", lambda v, xi, norm: -into_budget(v, xi, norm), "off by"),
        ("in place", clips_itself, "v was changed in place"),
        ("no absolute value", lambda v, xi, norm: into_budget(v.abs(), xi, norm), "off by"),
        ("wrong shape", lambda v, xi, norm: into_budget(v, xi, norm)[None], "has shape"),
        ("precision", lambda v, xi, norm: into_budget(v, xi, norm).float(), "torch.float64 is expected"),
        ("no result", lambda v, xi, norm: print(into_budget(v, xi, norm)), "returns nothing"),
        ("no result", lambda v, xi, norm: into_budget(v, xi, norm).numpy(), "is ndarray"),
        ("raises", lambda v, xi, norm: v.clip(-xi, xi) if norm == "linf" else v * min(1, xi / v.norm(p="l2")), "Error"),
    ),
    "one_turn": (
        ("another quantity", asks_in_vain, "fools already"),
        ("another quantity", turn(added, lambda m, x, v: torch.tensor(False)), "fools this picture already"),
        ("wrong sign", turn(added, lambda m, x, v: classes(m, x + v) == classes(m, x)), "stays as it is though"),
        ("wrong sign", turn(lambda x, v, r, xi: (v - r).clamp(-xi, xi)), "off by"),
        ("no clip", turn(lambda x, v, r, xi: v + r), "leaves the budget"),
        ("no clip", turn(lambda x, v, r, xi: v + r.clamp(-xi, xi)), "leaves the budget"),
        ("no clip", turn(lambda x, v, r, xi: v.clamp(-xi, xi) + r), ""),
        ("no clip", turn(added, lambda m, x, v: classes(m, (x + v).clamp(0, 1)) != classes(m, x)), "before it is looked at"),
        ("no clip", turn(added, ask=lambda x, v: (x + v).clamp(0, 1)), "asked for at x + v clipped"),
        ("no clip", turn(lambda x, v, r, xi: ((x + v + r).clamp(0, 1) - x)[0].clamp(-xi, xi)), "lost for all others"),
        ("no clip", turn(lambda x, v, r, xi: (v + r).clamp(0, xi)), "off by"),
        ("another quantity", turn(added, ask=lambda x, v: x), "ask at x + v"),
        ("another quantity", turn(lambda x, v, r, xi: r.clamp(-xi, xi)), "the old v is lost"),
        ("another quantity", turn(lambda x, v, r, xi: (v + r) * (xi / (v + r).norm()).clamp(max=1)), "off by"),
        ("another quantity", turn(lambda x, v, r, xi: (x + v + r).clamp(0, 1)[0]), "off by"),
        ("another quantity", turn(lambda x, v, r, xi: (v + r / 2).clamp(-xi, xi)), "off by"),
        ("argument ignored", lambda m, x, v, xi, s: v.clone(), "stays as it is though"),
        ("hard-coded constant", lambda m, x, v, xi, s: one_turn(m, x, v, 0.3137, s), "off by"),
        ("wrong shape", lambda m, x, v, xi, s: one_turn(m, x, v, xi, s)[None], "has shape"),
        ("in place", grows, "v was changed in place"),
        ("attached", attached, "carries the graph"),
        ("stale", remembers, "left over"),
        ("random", lambda m, x, v, xi, s: one_turn(m, x, v + 0.01 * torch.rand_like(v), xi, s), "random"),
        ("precision", lambda m, x, v, xi, s: one_turn(m, x, v, xi, s).float(), "torch.float64 is expected"),
        ("model changed", lambda m, x, v, xi, s: one_turn(m.train(), x, v, xi, s), "another mode"),
        ("state changed", switched_off, "gradients are switched off"),
        ("no result", lambda m, x, v, xi, s: print(one_turn(m, x, v, xi, s)), "returns nothing"),
        ("no result", lambda m, x, v, xi, s: (v + s(x + v)).clamp(-xi, xi) if m(x + v).argmax() == m(x).argmax() else None, "returns nothing"),
        ("raises", lambda m, x, v, xi, s: v if m(x + v).argmax() != m(x).argmax() else v + s(x, v), "Error"),
        ("endless", never_ends, "does a loop never end"),
    ),
    "shared_part": (
        ("another quantity", lambda n, k: portion(n.flatten(1), k), "longest normals decide"),
        ("another quantity", lambda n, k: portion(unit(n.flatten(1)), k, 1), "square them"),
        ("another quantity", lambda n, k: portion(unit(n.flatten(1) - n.flatten(1).mean(0)), k), "mean normal is subtracted"),
        ("another quantity", lambda n, k: 100 * shared_part(n, k), "off by"),
        ("another quantity", lambda n, k: (torch.linalg.svdvals(unit(n.flatten(1)))[:k] ** 2).sum().item(), "divide by the sum"),
        ("another quantity", lambda n, k: 1 - shared_part(n, k), "off by"),
        ("wrong axis", lambda n, k: portion(unit(n.flatten(1).T), k), "each picture is a row"),
        ("off by one", lambda n, k: portion(unit(n.flatten(1)), k + 1), "off by"),
        ("off by one", lambda n, k: portion(unit(n.flatten(1)), k - 1), "off by"),
        ("off by one", lambda n, k: shared_part(n, k) - shared_part(n, k - 1), "off by"),
        ("hard-coded constant", lambda n, k: shared_part(n, 2), "use the argument `k`"),
        ("batch of one only", lambda n, k: 1.0, "off by"),
        ("wrong shape", lambda n, k: torch.linalg.svdvals(unit(n.flatten(1)))[:k], "one number is expected"),
        ("in place", scaled_in_place, "normals was changed in place"),
        ("random", lambda n, k: shared_part(n + 0.1 * torch.rand_like(n), k), "random"),
        ("no result", lambda n, k: print(shared_part(n, k)), "returns nothing"),
        ("another quantity", lambda n, k: portion(unit(n), k), "off by"),
    ),
}
