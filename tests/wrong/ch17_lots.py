"""Wrong answers to the exercises of chapter 17: kind of mistake, answer, words that its message must hold."""

import torch

from course_utils.checks.ch17_lots import back, each, index, moved, moved_by, nearest_person, origin_target, searched, smallest_scale_for, unit, window_ssim

seen: dict = {}  # what a stale answer leaves over


def asks_x(features, x, wanted):
    x.requires_grad_()
    own = features(x)
    return torch.autograd.grad(own, x, (wanted - own).detach())[0]


def attached(features, x, wanted):
    x = x.detach().clone().requires_grad_()
    own = features(x)
    return torch.autograd.grad(own, x, (wanted - own).detach(), create_graph=True)[0]


def not_held(features, x, wanted):
    """The change runs through the graph, too: backward of half the squared distance with the wrong half."""
    x = x.detach().clone().requires_grad_()
    own = features(x)
    return torch.autograd.grad((own * (wanted - own)).sum(), x)[0]


def by_backward(features, x, wanted):
    x = x.detach().clone().requires_grad_()
    features(x).backward(wanted - features(x).detach())
    return x.grad


def trains(features, x, wanted):
    features.train()
    return origin_target(features, x, wanted)


def first_for_all(features, x, wanted):
    return origin_target(features, x, wanted)[:1].expand(len(x), *x.shape[1:])


def remembers(x, direction, scale):
    key = (x.shape, x.dtype, scale)
    seen.setdefault(key, moved_by(x, direction, scale))
    return seen[key]


def scales_in_place(x, direction, scale):
    direction /= each(direction.abs().flatten(1).amax(1), direction)
    return moved_by(x, direction, scale)


def flipped(faces):
    return faces.flip(1)


def normalises_in_place(stored, people, faces):
    stored /= stored.norm(dim=1, keepdim=True)
    return nearest_person(stored, people, faces)


def no_result(*_):
    print("done")


def never_ends(*_):
    while True:
        pass


def grows_for_ever(works, growth, largest, halvings):
    high = 1.0
    while not works(high):
        high = 1.0 * growth
    return high


WRONG = {
    "origin_target": (
        ("wrong sign", lambda f, x, w: -origin_target(f, x, w), "sign is turned round"),
        ("wrong sign", back(lambda own, wanted: own + wanted), "is added"),
        ("argument ignored", back(lambda own, wanted: wanted), "not taken away"),
        ("argument ignored", back(lambda own, wanted: torch.ones_like(own)), "grad_outputs"),
        ("another quantity", back(lambda own, wanted: (wanted - own).sign()), "only the signs"),
        ("another quantity", lambda f, x, w: origin_target(f, x, w).sign(), "signs of the direction"),
        ("another quantity", back(lambda own, wanted: 2 * (wanted - own)), "factor 2"),
        ("another quantity", not_held, "hold it fixed"),
        ("another quantity", back(lambda own, wanted: 2 * (wanted - own) / own.numel()), "mse_loss"),
        ("batch of one only", back(lambda own, wanted: (wanted - own) / len(own)), "no mean over the batch"),
        ("batch of one only", first_for_all, "off by"),
        ("attached", attached, "graph"),
        ("state changed", asks_x, "x"),
        ("model changed", by_backward, "gradient"),
        ("model changed", trains, "mode"),
        ("no result", no_result, "returns nothing"),
    ),
    "moved_by": (
        ("batch of one only", moved(lambda d: d.abs().max()), "largest pixel of its own"),
        ("no absolute value", moved(lambda d: each(d.flatten(1).amax(1), d)), "largest in size"),
        ("another quantity", moved(lambda d: each(d.flatten(1).norm(dim=1), d)), "L2 norm"),
        ("argument ignored", moved(torch.ones_like), "not made 1 large"),
        ("off by one", moved(level=lambda v: v), "not rounded"),
        ("off by one", moved(level=torch.floor), "cut off"),
        ("no clip", moved(low=-1e9, high=1e9), "clip them"),
        ("no clip", moved(low=-1e9), "leave [0, 1]"),
        ("another quantity", moved(each_level=1), "grey levels"),
        ("another quantity", lambda x, d, scale: 255 * moved_by(x, d, scale), "divide by 255"),
        ("hard-coded constant", lambda x, d, scale: moved_by(x, d, 128), "off by"),
        ("wrong sign", lambda x, d, scale: moved_by(x, -d, scale), "off by"),
        ("in place", scales_in_place, "place"),
        ("stale", remembers, "off by"),
        ("attached", lambda x, d, scale: moved_by(x, d, scale) + 0 * x.detach().clone().requires_grad_(), "graph"),
    ),
    "smallest_scale_for": (
        ("off by one", searched(bisect=False), "halved"),
        ("off by one", searched(give="low"), "largest that did not work"),
        ("off by one", searched(give="middle"), "nobody tried"),
        ("hard-coded constant", searched(first=0.5), "another scale than 1"),
        ("off by one", lambda works, growth, largest, halvings: smallest_scale_for(works, growth, largest, halvings + 1), "too often"),
        ("argument ignored", searched(reach=lambda s, largest: s < 1e12), "above largest"),
        ("off by one", searched(reach=lambda s, largest: s < largest), "largest itself"),
        ("off by one", searched(start=1.0), "begin at 0"),
        ("another quantity", searched(nothing=lambda low: low), "0.0 is expected"),
        ("argument ignored", lambda works, growth, largest, halvings: smallest_scale_for(works, 2.2, largest, halvings), "off by"),
        ("endless", grows_for_ever, "still running"),
        ("no result", no_result, "returns nothing"),
    ),
    "window_ssim": (
        ("another quantity", index(spread=lambda a: a.var(1), structure=lambda a, b: (a * b).sum(1) / (a.shape[1] - 1)), "divided by P - 1"),
        ("another quantity", index(spread=lambda a: a.square().mean(1).sqrt()), "deviations"),
        ("another quantity", index(spread=lambda a: a.var(1)), "unbiased=False"),
        ("another quantity", lambda a, b: index(structure=lambda p, q: (p * q).mean(1) + a.mean(1) * b.mean(1))(a, b), "take the means away"),
        ("hard-coded constant", index(c1=0.01, c2=0.03), "not squared"),
        ("hard-coded constant", index(c1=(0.01 * 255) ** 2, c2=(0.03 * 255) ** 2), "levels up to 255"),
        ("argument ignored", index(c1=1e-9, c2=1e-9), "left out"),
        ("argument ignored", index(light=False), "means is left out"),
        ("wrong shape", lambda a, b: window_ssim(a, b).mean(), "each pair has one"),
        ("wrong axis", lambda a, b: window_ssim(a.T, b.T), "dimension 1"),
        ("wrong sign", lambda a, b: -window_ssim(a, b), "off by"),
        ("no absolute value", index(structure=lambda a, b: (a * b).mean(1).abs()), "off by"),
        ("argument ignored", lambda a, b: window_ssim(a, a), "off by"),
    ),
    "nearest_person": (
        ("another quantity", lambda stored, people, faces: people[(faces @ stored.T).argmax(1)], "long stored answers"),
        ("another quantity", lambda stored, people, faces: people[torch.cdist(faces, stored).argmin(1)], "distances"),
        ("another quantity", lambda stored, people, faces: (unit(faces) @ unit(stored).T).argmax(1), "whose they are"),
        ("wrong sign", lambda stored, people, faces: people[(unit(faces) @ unit(stored).T).argmin(1)], "smallest cosine"),
        ("no absolute value", lambda stored, people, faces: people[(unit(faces) @ unit(stored).T).abs().argmax(1)], "no abs"),
        ("wrong axis", lambda stored, people, faces: people[(unit(faces) @ unit(stored).T).argmax(0)], "for each stored answer"),
        ("batch of one only", lambda stored, people, faces: nearest_person(stored, people, faces[:1]), "shape"),
        ("another quantity", lambda stored, people, faces: (unit(faces) @ unit(stored).T).amax(1), "expected"),
        ("argument ignored", lambda stored, people, faces: nearest_person(stored, people, stored), "shape"),
        ("in place", normalises_in_place, "place"),
    ),
}
