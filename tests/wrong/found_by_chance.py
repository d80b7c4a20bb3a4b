"""Wrong answers to the exercise `found_by_chance` of chapter 20."""

import torch

from course_utils.checks.ch20_obfuscated_gradients import found_by_chance

left_over: list = []  # what a stale answer keeps


def says(model, x, eps, noise, clip=True):
    places = x.detach()[:, None] + eps * noise.detach()
    with torch.no_grad():
        return model((places.clamp(0, 1) if clip else places).flatten(0, 1)).argmax(1).view(noise.shape[:2])


def by(rule, **options):
    return lambda model, x, y, eps, noise: rule(says(model, x, eps, noise, **options), y)


def any_other(answers, y):
    return (answers != y[:, None]).any(1)


def in_place(model, x, y, eps, noise):
    noise *= eps
    return any_other(says(model, x, 1.0, noise), y)


def moves_x(model, x, y, eps, noise):
    with torch.no_grad():
        x += eps * noise[:, 0]
    return any_other(says(model, x, eps, noise), y)


def trains(model, x, y, eps, noise):
    model.train()
    return found_by_chance(model, x, y, eps, noise)


def switched_off(model, x, y, eps, noise):
    torch.set_grad_enabled(False)
    return any_other(says(model, x, eps, noise), y)


def stale(model, x, y, eps, noise):
    key = (x.dtype, x.stride(), x.requires_grad, float(x.detach().sum()), float(noise.detach().sum()))
    before, found = key in left_over, found_by_chance(model, x, y, eps, noise)
    left_over.append(key)
    return ~found if before else found


def walks(model, x, y, eps, noise):
    at, fooled = x.detach(), torch.zeros_like(y, dtype=torch.bool)
    for step in noise.unbind(1):
        at = (at + eps * step).clamp(0, 1)
        with torch.no_grad():
            fooled |= model(at).argmax(1) != y
    return fooled


def forgets(model, x, y, eps, noise):
    for step in noise.detach().unbind(1):
        with torch.no_grad():
            fooled = model((x.detach() + eps * step).clamp(0, 1)).argmax(1) != y
    return fooled


def draws_its_own(model, x, y, eps, noise):
    return any_other(says(model, x, eps, 2 * torch.rand_like(noise) - 1), y)


def never_ends(*_):
    while True:
        pass


FOUND = (
    ("another quantity", by(lambda s, y: (s != y[:, None]).all(1)), "one is enough"),
    ("off by one", by(lambda s, y: s[:, 0] != y), "first try"),
    ("stale", forgets, "last try"),
    ("wrong sign", by(lambda s, y: (s == y[:, None]).any(1)), "still y"),
    ("wrong sign", by(lambda s, y: (s == y[:, None]).all(1)), "turn it round"),
    ("argument ignored", by(lambda s, y: (s != s[:, :1]).any(1)), "compare with y"),
    ("argument ignored", lambda m, x, y, e, n: any_other(says(m, x, e, n), m(x.detach()).argmax(1)), "compare with y"),
    ("argument ignored", lambda m, x, y, e, n: found_by_chance(m, x, y, 1.0, n), "eps is not used"),
    ("hard-coded constant", lambda m, x, y, e, n: found_by_chance(m, x, y, 0.5, n), "is expected"),
    ("no clip", by(any_other, clip=False), "clip"),
    ("no clip", lambda m, x, y, e, n: any_other(m((x[:, None] + e * n).clamp(min=0).flatten(0, 1)).argmax(1).view(n.shape[:2]), y), "one side only"),
    ("no clip", lambda m, x, y, e, n: any_other(m((x[:, None] + e * n).clamp(max=1).flatten(0, 1)).argmax(1).view(n.shape[:2]), y), "one side only"),
    ("no clip", lambda m, x, y, e, n: any_other(m((x[:, None] + e * n).clamp(-1, 1).flatten(0, 1)).argmax(1).view(n.shape[:2]), y), "one side only"),
    ("wrong axis", by(lambda s, y: (s.flatten().view(s.shape[::-1]) != y).any(0)), "sorted back"),
    ("wrong axis", by(lambda s, y: (s.T.reshape(s.shape) != y[:, None]).any(1)), "sorted back"),
    ("another quantity", by(lambda s, y: (s != y[:, None]).float().mean(1) >= 0.5), "most of them"),
    ("another quantity", by(lambda s, y: s.mode(1).values != y), "most of them"),
    ("another quantity", lambda m, x, y, e, n: m((x[:, None] + e * n).clamp(0, 1).flatten(0, 1)).unflatten(0, n.shape[:2]).mean(1).argmax(1) != y, "scores of the tries"),
    ("another quantity", lambda m, x, y, e, n: found_by_chance(m, x, y, e, n) & (m(x.detach()).argmax(1) == y), "left out"),
    ("no absolute value", lambda m, x, y, e, n: found_by_chance(m, x, y, e, n.sign()), "signs"),
    ("wrong sign", lambda m, x, y, e, n: found_by_chance(m, x, y, -e, n), "taken off"),
    ("another quantity", lambda m, x, y, e, n: found_by_chance(m, 0 * x, y, e, n), "noise alone"),
    ("another quantity", walks, "begins at x"),
    ("another quantity", lambda m, x, y, e, n: found_by_chance(m, x, y, e, n) | (m(x.detach()).argmax(1) != y), "x itself"),
    ("another quantity", by(lambda s, y: (s != y[:, None]).float().mean(1)), "share"),
    ("another quantity", by(lambda s, y: (s != y[:, None]).sum(1)), "counts"),
    ("wrong shape", by(lambda s, y: (s != y[:, None]).any()), "whole batch"),
    ("wrong axis", by(lambda s, y: (s != y[:, None]).any(0)), "each try"),
    ("batch of one only", lambda m, x, y, e, n: found_by_chance(m, x, y, e, n[:1].expand_as(n)), "tries of its own"),
    ("random", draws_its_own, "random numbers"),
    ("in place", in_place, "place"),
    ("in place", moves_x, "place"),
    ("model changed", trains, "mode"),
    ("state changed", switched_off, "grad"),
    ("stale", stale, "earlier call"),
    ("no result", lambda *a: None, "returns nothing"),
    ("no result", lambda *a: found_by_chance(*a).tolist(), "list"),
    ("raises", lambda m, x, y, e, n: m(x + e * n), "size"),
    ("endless", never_ends, "seconds"),
)
