"""Wrong answers to the exercises of chapter 07: kind of mistake, answer, words that its message must hold."""

import math

import torch

from course_utils.checks.ch07_adversarial_rubbish import c_to_try, distortion, nearest_plane, to_plane, transform, wave_norm

INF = math.inf
seen: dict = {}  # what a stale answer leaves over


def never_ends(*_):
    while True:
        pass


def flat(x, x_adv):
    return (x_adv - x).flatten(1)


def attached(f):
    return lambda *a: f(*a) + a[0].detach().clone().requires_grad_().sum() * 0


def edits_pictures(x, x_adv):
    x_adv -= x
    return x_adv.flatten(1).square().mean(1).sqrt()


def remembers(x, x_adv):
    key = ("distortion", x.shape, x.dtype)
    seen[key] = seen.get(key, 0) + distortion(x, x_adv)
    return seen[key]


def cases(first, second, both):
    return lambda low, high: torch.where(high == INF, first(low, high), torch.where(low == 0, second(low, high), both(low, high)))


def ten(low, high):
    return 10 * low


def tenth(low, high):
    return high / 10


def root(low, high):
    return (low * high).sqrt()


def edits_low(low, high):
    low[low == 0] = high[low == 0] / 100
    return torch.where(high == INF, 10 * low, (low * high).sqrt())


def one_for_all(low, high):
    if (low == 0).any():
        return high / 10
    return 10 * low if (high == INF).any() else (low * high).sqrt()


def one_for_all_too(low, high):
    if (high == INF).any():
        return 10 * low
    return high / 10 if (low == 0).any() else (low * high).sqrt()


def remembers_c(low, high):
    key = ("c", low.shape, low.dtype)
    seen[key] = seen.get(key, 1) * 1.01
    return c_to_try(low, high) * seen[key]


def distance(lead, size):
    return lead / size


def plane(far=distance, **more):
    return lambda x, weight, bias: to_plane(x, weight, bias, far, **more)


def unit(change):
    return change / change.flatten(1).norm(dim=1)[:, None, None, None]


def first_class(x, weight, bias):
    """The boundary to class 0, whichever is nearest."""
    scores = x.flatten(1) @ weight.T + bias
    own = scores.argmax(1)
    w = weight[own] - weight[0]
    lead = scores.amax(1) - scores[:, 0]
    return (-(lead / w.square().sum(1).clamp_min(1e-9))[:, None] * w).view_as(x)


def own_wins(x, weight, bias):
    """The own class is not excluded: its distance is 0 / 0, and argmin takes it."""
    scores = x.flatten(1) @ weight.T + bias
    own = scores.argmax(1)
    w = weight[own][:, None] - weight
    lead = scores.gather(1, own[:, None]) - scores
    k, rows = (lead / w.norm(dim=2)).argmin(1), torch.arange(len(x))
    return (-(lead / w.norm(dim=2) ** 2)[rows, k, None] * w[rows, k]).view_as(x)


def like_the_first(x, weight, bias):
    return nearest_plane(x[:1], weight, bias).expand_as(x)


def edits_bias(x, weight, bias):
    result = nearest_plane(x, weight, bias)
    bias.mul_(0.5)
    return result


def remembers_plane(x, weight, bias):
    key = ("plane", x.shape, x.dtype)
    seen[key] = seen.get(key, 0) + nearest_plane(x, weight, bias)
    return seen[key]


def random_plane(x, weight, bias):
    return nearest_plane(x, weight, bias) + 1e-2 * torch.rand_like(x)


def answered(of):
    return lambda kernel, u, v: of(transform(kernel, u, v)).item()


def edits_kernel(kernel, u, v):
    result = wave_norm(kernel, u, v)
    kernel.zero_()
    return result


def remembers_wave(kernel, u, v):
    key = ("wave", kernel.shape, kernel.dtype, u, v)
    seen[key] = seen.get(key, 0) + wave_norm(kernel, u, v)
    return seen[key]


WRONG = {
    "distortion": (
        ("another quantity", lambda x, a: flat(x, a).norm(dim=1), "L2 norm"),
        ("another quantity", lambda x, a: flat(x, a).square().mean(1), "root is missing"),
        ("another quantity", lambda x, a: flat(x, a).abs().mean(1), "absolute values are averaged"),
        ("another quantity", lambda x, a: flat(x, a).abs().amax(1), "largest change"),
        ("another quantity", lambda x, a: flat(x, a).std(1), "mean change is taken off"),
        ("another quantity", lambda x, a: flat(x, a).std(1, correction=0), "off by"),
        ("another quantity", lambda x, a: flat(x, a).norm(dim=1) / flat(x, a).shape[1], "divide it by sqrt(n)"),
        ("another quantity", lambda x, a: flat(x, a).norm(dim=1) / x.flatten(1).norm(dim=1), "relative to the picture"),
        ("no absolute value", lambda x, a: flat(x, a).mean(1), "off by"),
        ("wrong axis", lambda x, a: flat(x, a).square().mean(0).sqrt(), "has shape"),
        ("wrong axis", lambda x, a: flat(x, a).norm(dim=1) / len(x) ** 0.5, "number of pictures"),
        ("wrong axis", lambda x, a: (a - x).square().mean((2, 3)).sqrt().mean(1), "off by"),
        ("wrong axis", lambda x, a: flat(x, a).norm(dim=1) / (x.shape[2] * x.shape[3]) ** 0.5, "all colours"),
        ("wrong shape", lambda x, a: flat(x, a).square().mean().sqrt(), "has shape"),
        ("batch of one only", lambda x, a: distortion(x[:1], a[:1]).expand(len(x)), "off by"),
        ("batch of one only", lambda x, a: flat(x, a).square().mean().sqrt().expand(len(x)), "distortion of its own"),
        ("hard-coded constant", lambda x, a: flat(x, a).norm(dim=1) / 28, "n is taken to be 784"),
        ("another quantity", lambda x, a: 255 * distortion(x, a), "off by"),
        ("wrong axis", lambda x, a: flat(x, a).norm(dim=1) / x.numel() ** 0.5, "the whole batch; n counts"),
        ("wrong axis", lambda x, a: (a - x).square().mean(1).sqrt().mean((1, 2)), "off by"),
        ("in place", edits_pictures, "x_adv was changed in place"),
        ("attached", attached(distortion), "carries the graph"),
        ("stale", remembers, "left over"),
        ("precision", lambda x, a: distortion(x, a).float(), "torch.float64 is expected"),
        ("random", lambda x, a: distortion(x, a) + 1e-3 * torch.rand(len(x)).to(x), "random"),
        ("no result", lambda x, a: print(distortion(x, a)), "returns nothing"),
        ("no result", lambda x, a: distortion(x, a).tolist(), "is list"),
        ("raises", lambda x, a: (a - x).flatten(1).square().mean(1).sqrt(2), "Error"),
        ("raises", lambda x: x, "must take the arguments"),
    ),
    "c_to_try": (
        ("another quantity", cases(ten, tenth, lambda a, b: (a + b) / 2), "arithmetic mean"),
        ("another quantity", cases(ten, tenth, lambda a, b: a * b), "root of low * high is missing"),
        ("another quantity", cases(lambda a, b: 2 * a, lambda a, b: b / 2, root), "factor is 10"),
        ("another quantity", cases(lambda a, b: a + 10, tenth, root), "off by"),
        ("another quantity", cases(lambda a, b: 2 * a, tenth, root), "off by"),
        ("another quantity", cases(ten, lambda a, b: b / 2, root), "off by"),
        ("another quantity", cases(ten, lambda a, b: 0.1 * a, root), "a tenth of high"),
        ("wrong sign", cases(tenth, ten, root), "treat these two cases"),
        ("wrong sign", cases(lambda a, b: a / 10, lambda a, b: 10 * b, root), "the wrong way"),
        ("another quantity", cases(ten, tenth, lambda a, b: 2 * a * b / (a + b)), "off by"),
        ("hard-coded constant", lambda a, b: torch.where(b > 1e6, 10 * a, torch.where(a == 0, b / 10, root(a, b))), "off by"),
        ("hard-coded constant", lambda a, b: torch.where(b == INF, 10 * a, torch.where(a < 1e-3, b / 10, root(a, b))), "off by"),
        ("no clip", root, "treat these two cases"),
        ("no clip", lambda a, b: torch.where(b == INF, 10 * a, root(a, b)), "a tenth of high"),
        ("no clip", lambda a, b: torch.where(a == 0, b / 10, root(a, b)), "high is infinite"),
        ("batch of one only", one_for_all, "has its own"),
        ("batch of one only", one_for_all_too, "has its own"),
        ("batch of one only", lambda a, b: c_to_try(a[:1], b[:1]).expand(len(a)), "off by"),
        ("wrong shape", lambda a, b: c_to_try(a, b)[:, None], "has shape"),
        ("wrong shape", lambda a, b: c_to_try(a, b).mean(), "has shape"),
        ("in place", edits_low, "low was changed in place"),
        ("attached", attached(c_to_try), "carries the graph"),
        ("stale", remembers_c, "left over"),
        ("precision", lambda a, b: c_to_try(a, b).float(), "torch.float64 is expected"),
        ("hard-coded constant", lambda a, b: torch.where(b == INF, torch.full_like(a, 10.0), torch.where(a == 0, b / 10, root(a, b))), "off by"),
        ("random", lambda a, b: c_to_try(a, b) * (1 + 0.1 * torch.rand(len(a)).to(a)), "random"),
        ("no result", lambda a, b: print(c_to_try(a, b)), "returns nothing"),
        ("no result", lambda a, b: [c_to_try(a, b)], "is list"),
        ("raises", lambda a, b: 10 * a if b == INF else (a * b).sqrt(), "Error"),
        ("endless", never_ends, "does a loop never end"),
    ),
    "nearest_plane": (
        ("wrong sign", lambda *a: -nearest_plane(*a), "the other way"),
        ("another quantity", lambda x, *a: x + nearest_plane(x, *a), "return the change alone"),
        ("another quantity", lambda x, *a: (x + nearest_plane(x, *a)).clamp(0, 1) - x, "off by"),
        ("another quantity", lambda x, w, b: unit(nearest_plane(x, w, b)), "off by"),
        ("another quantity", plane(lambda lead, size: lead), "smallest lead"),
        ("another quantity", plane(lambda lead, size: -size), "off by"),
        ("another quantity", plane(lambda lead, size: -lead / size), "farthest"),
        ("another quantity", plane(lambda lead, size: lead / size**2), "the distance is lead / |w|"),
        ("another quantity", plane(power=1), "as long as the distance"),
        ("another quantity", plane(power=0), "far too long"),
        ("another quantity", lambda *a: 1.02 * nearest_plane(*a), "beyond the boundary"),
        ("another quantity", plane(apart=lambda own, other: own.expand(-1, other.shape[1], -1)), "own class alone"),
        ("another quantity", plane(apart=lambda own, other: -other.expand(len(own), -1, -1)), "other class alone"),
        ("argument ignored", lambda x, w, b: nearest_plane(x, w, 0 * b), "bias is left out"),
        ("hard-coded constant", first_class, "off by"),
        ("off by one", own_wins, "NaN"),
        ("batch of one only", like_the_first, "off by"),
        ("wrong shape", lambda *a: nearest_plane(*a).flatten(1), "has shape"),
        ("wrong axis", lambda x, w, b: nearest_plane(x.transpose(2, 3).reshape(x.shape), w, b), "off by"),
        ("in place", edits_bias, "bias was changed in place"),
        ("attached", lambda x, w, b: nearest_plane(x, w, b) * x.detach().clone().requires_grad_().new_ones(1).requires_grad_(), "carries the graph"),
        ("stale", remembers_plane, "left over"),
        ("random", random_plane, "random"),
        ("precision", lambda *a: nearest_plane(*a).float(), "torch.float64 is expected"),
        ("no result", lambda *a: print(nearest_plane(*a)), "returns nothing"),
        ("raises", lambda x, w, b: x @ w.T + b, "RuntimeError"),
        ("raises", lambda x, w: x, "must take the arguments"),
    ),
    "wave_norm": (
        ("another quantity", answered(torch.linalg.matrix_norm), "Frobenius"),
        ("another quantity", answered(lambda a: torch.linalg.matrix_norm(a, "nuc")), "off by"),
        ("another quantity", answered(lambda a: torch.linalg.matrix_norm(a, 2) ** 2), "the square of"),
        ("another quantity", answered(lambda a: a.abs().max()), "largest entry"),
        ("another quantity", answered(lambda a: torch.linalg.svdvals(a)[-1]), "smallest"),
        ("another quantity", answered(lambda a: torch.linalg.matrix_norm(a.real, 2)), "only the real part"),
        ("another quantity", answered(lambda a: torch.linalg.matrix_norm(a.imag, 2)), "off by"),
        ("another quantity", answered(lambda a: torch.linalg.matrix_norm(a / 15, 2)), "add them up"),
        ("another quantity", lambda k, u, v: wave_norm(k, math.radians(u), math.radians(v)), "off by"),
        ("argument ignored", lambda k, u, v: wave_norm(k, u, u), "off by"),
        ("another quantity", lambda k, u, v: wave_norm(k, 2 * math.pi * u, 2 * math.pi * v), "off by"),
        ("no absolute value", answered(lambda a: torch.linalg.matrix_norm(a.abs(), 2)), "A stays complex"),
        ("wrong sign", lambda k, u, v: wave_norm(k, u, -v), "the other sign"),
        ("wrong axis", lambda k, u, v: wave_norm(k, v, u), "exchanged"),
        ("wrong axis", lambda k, u, v: wave_norm(k.transpose(2, 3), u, v), "exchanged"),
        ("argument ignored", lambda k, u, v: wave_norm(k, 0.0, 0.0), "constant picture"),
        ("argument ignored", lambda k, u, v: wave_norm(k, u, 0.0), "off by"),
        ("hard-coded constant", lambda k, u, v: wave_norm(k, 0.7, v), "use the argument `u`"),
        ("hard-coded constant", lambda k, u, v: wave_norm(k, u, 1.9), "use the argument `v`"),
        ("off by one", lambda k, u, v: wave_norm(k[:, :, 1:], u, v), "off by"),
        ("batch of one only", lambda k, u, v: wave_norm(k[:1], u, v), "off by"),
        ("in place", edits_kernel, "kernel was changed in place"),
        ("wrong shape", lambda k, u, v: torch.tensor(wave_norm(k, u, v)), "not Tensor"),
        ("stale", remembers_wave, "left over"),
        ("random", lambda k, u, v: wave_norm(k, u, v) + torch.rand(()).item(), "random"),
        ("no result", lambda k, u, v: print(wave_norm(k, u, v)), "returns nothing"),
        ("raises", lambda k, u, v: torch.linalg.matrix_norm(k * torch.exp(1j * u), 2).item(), "Error"),
    ),
}
