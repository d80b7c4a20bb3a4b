"""Wrong answers to the exercises of chapter 15: kind of mistake, answer, words that its message must hold."""

import math

import torch

from course_utils.checks.ch15_one_pixel import bred, brush, drawn, everyone, first_candidates, followed, one_generation, paint, reached, transposed

seen: dict = {}  # what a stale answer leaves over


def in_place_draw(u, z, height, width):
    u *= height - 1
    return torch.cat([u[:, :1], u[:, 1:] * (width - 1) / (height - 1), 128 + 127 * z], 1)


def own_chance(u, z, height, width):
    return first_candidates(torch.rand_like(u), z, height, width)


def paints_the_picture(x, candidates):
    x[:] = paint(x, candidates[:1])[0]
    return paint(x, candidates)


def one_for_all(x, candidates):
    rows, columns = candidates[:, 0].round().clamp(0, x.shape[1] - 1).long(), candidates[:, 1].round().clamp(0, x.shape[2] - 1).long()
    pictures = x.repeat(len(candidates), 1, 1, 1)
    pictures[:, :, rows, columns] = (candidates[:, 2:].round().clamp(0, 255) / 255).T[None].to(x)
    return pictures


def attached(x, candidates):
    return paint(x, candidates) + 0 * x.detach().clone().requires_grad_()


def remembers(x, candidates):
    key = (x.shape, x.dtype)
    seen.setdefault(key, paint(x, candidates))
    return seen[key]


def grows(parents, fitness, trios, score):
    parents.copy_(one_generation(parents, fitness, trios, score))
    return parents


def one_after_the_other(parents, fitness, trios, score):
    """Children of later candidates see what earlier ones became."""
    new = parents.clone()
    for i, (a, b, c) in enumerate(trios.tolist()):
        child = new[a] + 0.5 * (new[b] - new[c])
        if score(child[None])[0] > fitness[i]:
            new[i] = child
    return new


def own_trios(parents, fitness, trios, score):
    return one_generation(parents, fitness, torch.randint(len(parents), trios.shape, generator=torch.Generator().manual_seed(3)), score)


def no_result(*_):
    print("done")


def never_ends(*_):
    while True:
        pass


WRONG = {
    "first_candidates": (
        ("off by one", drawn(lambda u, h, w: u * torch.tensor([float(h), float(w)]).to(u)), "last row is height - 1"),
        ("off by one", drawn(lambda u, h, w: 1 + u * torch.tensor([h - 1.0, w - 1.0]).to(u)), "off by"),
        ("wrong axis", drawn(lambda u, h, w: u * torch.tensor([w - 1.0, h - 1.0]).to(u)), "swapped"),
        ("wrong axis", lambda u, z, h, w: first_candidates(u, z, h, w).T, "shape"),
        ("off by one", drawn(lambda u, h, w: (u * torch.tensor([h - 1.0, w - 1.0]).to(u)).round()), "rounded"),
        ("hard-coded constant", lambda u, z, h, w: first_candidates(u, z, 32, 32), "off by"),
        ("another quantity", drawn(spread=127**0.5), "not the variance"),
        ("another quantity", drawn(mean=128 / 255, spread=127 / 255), "grey levels"),
        ("no clip", lambda u, z, h, w: torch.cat([first_candidates(u, z, h, w)[:, :2], (128 + 127 * z).clamp(0, 255)], 1), "clipped"),
        ("argument ignored", lambda u, z, h, w: first_candidates(u, torch.zeros_like(z), h, w), "off by"),
        ("wrong axis", drawn(lambda u, h, w: u * (h - 1)), "columns end at width - 1"),
        ("random", own_chance, "nothing is random"),
        ("in place", in_place_draw, "in place"),
        ("no result", no_result, "nothing"),
    ),
    "paint": (
        ("wrong axis", transposed, "swapped"),
        ("off by one", brush(torch.floor), "cut off"),
        ("off by one", brush(limits=lambda h, w: (h - 2, w - 2)), "last row and column"),
        ("another quantity", brush(level=lambda c: (c / 255).clamp(0, 1)), "whole ones"),
        ("another quantity", brush(level=lambda c: c.clamp(0, 255).round()), "divide by 255"),
        ("no clip", brush(level=lambda c: c.round() / 255), "clip the levels"),
        ("hard-coded constant", brush(limits=lambda h, w: (31, 31)), "index"),
        ("another quantity", brush(start=lambda x, p: torch.zeros(p, *x.shape, dtype=x.dtype)), "copies of x"),
        ("wrong shape", lambda x, candidates: paint(x, candidates)[0], "shape"),
        ("batch of one only", lambda x, candidates: paint(x, candidates[:1]).repeat(len(candidates), 1, 1, 1), "off by"),
        ("batch of one only", one_for_all, "in every picture"),
        ("off by one", brush(torch.trunc, lambda c: (c / 255).clamp(0, 1)), "nothing is rounded"),
        ("off by one", lambda x, candidates: paint(x, candidates.int().float()), "cut off to whole ones"),
        ("in place", paints_the_picture, "in place"),
        ("attached", attached, "graph"),
        ("stale", remembers, "off by"),
    ),
    "one_generation": (
        ("another quantity", bred(lambda own, a, b, c: own + 0.5 * (b - c)), "its own parent"),
        ("wrong sign", bred(lambda own, a, b, c: a + 0.5 * (c - b)), "swapped"),
        ("hard-coded constant", bred(lambda own, a, b, c: a + (b - c)), "scale is 0.5"),
        ("wrong sign", bred(lambda own, a, b, c: a + 0.5 * (b + c)), "difference"),
        ("argument ignored", bred(better=lambda new, old: torch.ones_like(old, dtype=torch.bool)), "every child"),
        ("wrong sign", bred(better=lambda new, old: new < old), "less fit"),
        ("off by one", bred(better=lambda new, old: new >= old), "only as good"),
        ("another quantity", bred(better=lambda new, old: new > old.max()), "best of all"),
        ("another quantity", everyone, "in its place"),
        ("argument ignored", lambda parents, fitness, trios, score: parents.clone(), "no child takes over"),
        ("argument ignored", lambda parents, fitness, trios, score: one_generation(parents, score(parents), trios, score), "scored once more"),
        ("wrong axis", lambda parents, fitness, trios, score: one_generation(parents, fitness[trios[:, 0]], trios, score), "compared with parent a"),
        ("argument ignored", own_trios, "off by"),
        ("stale", one_after_the_other, "off by"),
        ("in place", grows, "in place"),
        ("endless", never_ends, "still running"),
    ),
    "reached": (
        ("no clip", followed(clip=False), "outside the map"),
        ("off by one", followed(lambda low, k, s, p: (low + p - k + 1) // s), "round up"),
        ("off by one", followed(last=lambda high, k, s, p: math.ceil((high + p) / s)), "round down"),
        ("off by one", followed(lambda low, k, s, p: math.ceil((low + p - k) / s)), "expected"),
        ("argument ignored", followed(lambda low, k, s, p: math.ceil((low - k + 1) / s), lambda high, k, s, p: high // s), "padding"),
        ("argument ignored", followed(lambda low, k, s, p: low + p - k + 1, lambda high, k, s, p: high + p), "strides"),
        ("another quantity", lambda place, size, layers: tuple(n * n for n in reached(place, size, layers)), "rows are asked"),
        ("wrong shape", lambda place, size, layers: reached(place, size, layers)[-1:], "each layer"),
        ("hard-coded constant", lambda place, size, layers: reached(place, 32, layers), "use the argument"),
        ("wrong axis", lambda place, size, layers: reached(place, size, layers)[::-1], "expected"),
        ("no result", no_result, "nothing"),
    ),
}
