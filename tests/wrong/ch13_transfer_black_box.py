"""Wrong answers to the exercises of chapter 13: kind of mistake, answer, words that its message must hold."""

import torch

from course_utils.checks.ch13_transfer_black_box import amplified, decibels, jacobian_step, made_long, rms, slope_from_scores, transfer_rates

seen: dict = {}  # what a stale answer leaves over
past: dict = {}


def never_ends(*_):
    while True:
        pass


# ---------------------------------------------------------------- transfer_rates


def rates(had, wrong):
    """Shares of two masks that are made of the arguments."""

    def of(clean, attacked, y):
        h, w = had(clean, y), wrong(clean, attacked, y)
        return (w & h).sum(2) / h.sum(1)

    return of


def edits_clean(clean, attacked, y):
    clean -= y
    return ((attacked != y) & (clean == 0)).sum(2) / (clean == 0).sum(1)


def remembers_rates(clean, attacked, y):
    key = ("rates", attacked.shape)
    seen[key] = seen.get(key, 0) + transfer_rates(clean, attacked, y)
    return seen[key]


def first_network(clean, attacked, y):
    had = clean[:1] == y
    return ((attacked != y) & had).sum(2) / had.sum(1)


# ---------------------------------------------------------------- amplified


def long(length, clip=True):
    return made_long(length, clip)


def edits_picture(x, x_adv, size):
    x_adv -= x
    return (x + size * x_adv / rms(x_adv.flatten(1)).clamp_min(1e-12)[:, None, None, None]).clamp(0, 1)


def remembers_change(x, x_adv, size):
    key = ("change", x.shape, x.dtype)
    seen[key] = seen.get(key, 1) * 1.01
    return amplified(x, x_adv, size * seen[key])


def divides(x, x_adv, size):
    r = x_adv - x
    return (x + size * r / rms(r.flatten(1))[:, None, None, None]).clamp(0, 1)


def by_channel(x, x_adv, size):
    r = x_adv - x
    return (x + size * r / r.square().mean((2, 3), keepdim=True).sqrt().clamp_min(1e-12)).clamp(0, 1)


# ---------------------------------------------------------------- jacobian_step


def slope(model, x, y, value):
    z = x.detach().clone().requires_grad_()
    return torch.autograd.grad(value(model(z), y).sum(), z)[0]


def own(scores, y):
    return scores.gather(1, y[:, None])


def stepped(value, sign=1):
    """The step along another value."""
    return lambda m, x, y, s: (x + sign * s * slope(m, x, y, value).sign()).clamp(0, 1).detach()


def changed(change):
    return lambda m, x, y, s: change(slope(m, x, y, own), x.detach(), s)


def edits_x(model, x, y, step):
    return x.add_(step * slope(model, x, y, own).sign()).clamp_(0, 1)


def by_backward(model, x, y, step):
    z = x.detach().clone().requires_grad_()
    own(model(z), y).sum().backward()
    return (x + step * z.grad.sign()).clamp(0, 1).detach()


def own_tensor(model, x, y, step):
    x.requires_grad_()
    own(model(x), y).sum().backward(inputs=[x])
    return (x + step * x.grad.sign()).clamp(0, 1).detach()


def keeps_slopes(model, x, y, step):
    key = ("slope", x.shape, x.dtype)
    seen[key] = 0.9 * seen.get(key, 0) + slope(model, x, y, own)
    return (x + step * seen[key].sign()).clamp(0, 1).detach()


def switched_off(model, x, y, step):
    found = slope(model, x, y, own)
    torch.set_grad_enabled(False)
    return (x + step * found.sign()).clamp(0, 1)


# ---------------------------------------------------------------- slope_from_scores


def mean(u, weight):
    return (u * weight[:, :, None, None, None]).mean(0)


def weighted(weight, times=mean):
    """Another weight of the directions."""
    return lambda plus, minus, u, sigma: times(u, weight(plus, minus, sigma))


def rise(plus, minus, sigma):
    return (plus - minus) / (2 * sigma)


def edits_plus(plus, minus, u, sigma):
    plus -= minus
    return mean(u, plus / (2 * sigma))


def edits_u(plus, minus, u, sigma):
    u *= ((plus - minus) / (2 * sigma))[:, :, None, None, None]
    return u.mean(0)


def remembers_slope(plus, minus, u, sigma):
    key = ("estimate", u.shape, u.dtype)
    seen[key] = seen.get(key, 0) + slope_from_scores(plus, minus, u, sigma)
    return seen[key]


# ---------------------------------------------------------------- decibels


def power(values):
    return values.square().sum(1)


def by(signal, noise, times=10):
    """times * log10(signal / noise), infinite where nothing is changed."""
    return lambda wave, changed: torch.where((wave != changed).any(1), times * (signal(wave, changed) / noise(wave, changed)).log10(), torch.inf)


def adds_up(wave, changed):
    past["noise"] = past.get("noise", 0) + power(changed - wave).mean()
    return 10 * (power(wave) / past["noise"]).log10()


def subtracts(wave, changed):
    changed -= wave
    return torch.where(power(changed) > 0, 10 * (power(wave) / power(changed)).log10(), torch.inf)


def waits(wave, changed):
    while True:
        pass


def noise(wave, changed):
    return power(changed - wave)


WRONG = {
    "transfer_rates": (
        ("another quantity", rates(lambda c, y: torch.ones_like(c, dtype=torch.bool), lambda c, a, y: a != y), "had wrong before count"),
        ("another quantity", lambda c, a, y: ((a != y) & (c == y)).float().mean(2), "divided by the number of all pictures"),
        ("another quantity", lambda c, a, y: (a != y).sum(2) / (c == y).sum(1), "join the two conditions"),
        ("another quantity", rates(lambda c, y: c == y, lambda c, a, y: a == y), "still right"),
        ("another quantity", lambda c, a, y: 1 - transfer_rates(c, a, y), "still right"),
        ("another quantity", lambda c, a, y: (a != c).float().mean(2), "every change of the answer"),
        ("another quantity", rates(lambda c, y: (c == y).all(0).expand_as(c), lambda c, a, y: a != y), "all networks had right"),
        ("another quantity", rates(lambda c, y: (c == y).any(0).expand_as(c), lambda c, a, y: a != y), ""),
        ("another quantity", lambda c, a, y: (a != y).float().mean(2) - (c != y).float().mean(1), "by how much the error grows"),
        ("precision", lambda c, a, y: transfer_rates(c, a, y).double(), "torch.float32 is expected: .to(torch.float32)."),
        ("another quantity", lambda c, a, y: 100 * transfer_rates(c, a, y), "percent"),
        ("another quantity", lambda c, a, y: ((a != y) & (c == y)).sum(2) / (c == y).sum(), "all networks together"),
        ("wrong sign", rates(lambda c, y: c != y, lambda c, a, y: a != y), ""),
        ("wrong axis", lambda c, a, y: transfer_rates(c, a, y).T, "exchanged"),
        ("wrong axis", lambda c, a, y: ((a != y) & (c == y)).sum(1) / (c == y).sum(0).clamp_min(1), "has shape"),
        ("wrong shape", lambda c, a, y: transfer_rates(c, a, y)[None], "has shape"),
        ("wrong shape", lambda c, a, y: transfer_rates(c, a, y).mean(), "has shape"),
        ("argument ignored", rates(lambda c, y: c == c, lambda c, a, y: a != c), "every change of the answer"),
        ("batch of one only", first_network, ""),
        ("hard-coded constant", lambda c, a, y: ((a != y) & (c == y)).sum(2) / 30, ""),
        ("off by one", lambda c, a, y: ((a != y) & (c == y)).sum(2) / ((c == y).sum(1) + 1), ""),
        ("in place", edits_clean, "clean was changed in place"),
        ("stale", remembers_rates, "left over"),
        ("random", lambda c, a, y: transfer_rates(c, a, y) + 0.01 * torch.rand(a.shape[:2]), "random"),
        ("no result", lambda c, a, y: print(transfer_rates(c, a, y)), "returns nothing"),
        ("no result", lambda c, a, y: transfer_rates(c, a, y).tolist(), "list"),
        ("raises", lambda c, a, y: (a != y and c == y).sum(2), "RuntimeError"),
        ("endless", never_ends, "does a loop never end"),
    ),
    "amplified": (
        ("another quantity", long(lambda r: r.norm(dim=1)), "MEAN square"),
        ("another quantity", long(lambda r: r.abs().amax(1)), "largest change"),
        ("another quantity", long(lambda r: r.abs().mean(1)), "mean absolute"),
        ("another quantity", long(lambda r: r.square().mean(1)), "root is missing"),
        ("another quantity", long(lambda r: r.std(1)), "taken off"),
        ("another quantity", lambda x, a, s: (x + s * (a - x)).clamp(0, 1), "divided by its own size"),
        ("another quantity", lambda x, a, s: amplified(x, a, s) - x, "change alone"),
        ("another quantity", long(lambda r: rms(r).clamp_min(0.1)), ""),
        ("wrong sign", lambda x, a, s: (x + s * (x - a) / rms((a - x).flatten(1)).clamp_min(1e-12)[:, None, None, None]).clamp(0, 1), "the other way"),
        ("no clip", long(rms, False), "pixels leave [0, 1]"),
        ("no clip", lambda x, a, s: x + (long(rms, False)(x, a, s) - x).clamp(0, 1), ""),
        ("no clip", lambda x, a, s: long(rms, False)(x, a, s).clamp(float(x.min()), float(x.max())), ""),
        ("off by one", divides, "NaN"),
        ("wrong axis", by_channel, "of its own; a picture has one size"),
        ("wrong axis", long(lambda r: rms(r.T)[: len(r)]), ""),
        ("wrong shape", lambda x, a, s: amplified(x, a, s).mean(1), "has shape"),
        ("batch of one only", long(lambda r: rms(r.flatten()[None]).expand(len(r))), "whole batch"),
        ("batch of one only", long(lambda r: rms(r[:1]).expand(len(r))), ""),
        ("hard-coded constant", lambda x, a, s: amplified(x, a, 0.1037), "size"),
        ("hard-coded constant", long(lambda r: r.norm(dim=1) / 28), "784"),
        ("argument ignored", lambda x, a, s: a.clone(), ""),
        ("in place", edits_picture, "x_adv was changed in place"),
        ("attached", lambda x, a, s: amplified(x, a, s) + 0 * x.detach().clone().requires_grad_(), "carries the graph"),
        ("stale", remembers_change, ""),
        ("random", lambda x, a, s: amplified(x, a + 0.01 * torch.rand_like(x), s), "random"),
        ("precision", lambda x, a, s: amplified(x, a, s).float(), "torch.float64 is expected"),
        ("no result", lambda x, a, s: print(amplified(x, a, s)), "returns nothing"),
        ("raises", lambda x, a, s: (x + s / rms((a - x).flatten(1)) * (a - x)).clamp(0, 1), "Error"),
        ("endless", never_ends, "does a loop never end"),
    ),
    "jacobian_step": (
        ("wrong sign", stepped(own, -1), "goes down the score"),
        ("wrong sign", lambda m, x, y, s: jacobian_step(m, x, y, abs(s)), "do not make it positive"),
        ("no clip", changed(lambda g, x, s: x + s * g.sign()), "pixels leave [0, 1]"),
        ("another quantity", changed(lambda g, x, s: (x + s * g).clamp(0, 1)), "take its sign"),
        ("another quantity", changed(lambda g, x, s: (x + s * g / g.abs().flatten(1).amax(1)[:, None, None, None]).clamp(0, 1)), "take its sign"),
        ("another quantity", changed(lambda g, x, s: s * g.sign()), "change alone"),
        ("another quantity", changed(lambda g, x, s: torch.cat([x, (x + s * g.sign()).clamp(0, 1)])), "old pictures"),
        ("another quantity", changed(lambda g, x, s: x.clone()), "come back as they were"),
        ("another quantity", stepped(lambda s, y: torch.nn.functional.cross_entropy(s, y)), "loss is differentiated"),
        ("another quantity", stepped(lambda s, y: own(s.softmax(1), y)), "probability is differentiated"),
        ("another quantity", stepped(lambda s, y: own(s.log_softmax(1), y)), "probability is differentiated"),
        ("another quantity", stepped(lambda s, y: s.sum(1)), "each picture's own score"),
        ("argument ignored", stepped(lambda s, y: s.amax(1)), "own prediction"),
        ("wrong axis", stepped(lambda s, y: s[:, y]), "every row"),
        ("batch of one only", stepped(lambda s, y: own(s, y)[:1]), "only the first picture"),
        ("hard-coded constant", lambda m, x, y, s: jacobian_step(m, x, y, 0.1), "step"),
        ("wrong shape", lambda m, x, y, s: jacobian_step(m, x, y, s).mean(1), "has shape"),
        ("in place", edits_x, "x was changed in place"),
        ("attached", lambda m, x, y, s: x.detach().clone().requires_grad_() * 0 + jacobian_step(m, x, y, s), "carries the graph"),
        ("stale", own_tensor, "old gradient"),
        ("stale", keeps_slopes, ""),
        ("random", lambda m, x, y, s: jacobian_step(m, (x + 0.1 * torch.rand_like(x)).clamp(0, 1), y, s), "random"),
        ("precision", lambda *a: jacobian_step(*a).float(), "torch.float64 is expected"),
        ("model changed", by_backward, "parameters' gradients changed"),
        ("model changed", lambda m, *a: jacobian_step(m.train(), *a), "another mode"),
        ("state changed", switched_off, "gradients are switched off"),
        ("no result", lambda *a: print(jacobian_step(*a)), "returns nothing"),
        ("raises", lambda m, x, y: x, "must take the arguments"),
        ("endless", never_ends, "does a loop never end"),
    ),
    "slope_from_scores": (
        ("wrong sign", weighted(lambda p, m, s: (m - p) / (2 * s)), "sign is turned"),
        ("another quantity", weighted(lambda p, m, s: p - m), "not divided by 2 sigma"),
        ("another quantity", weighted(lambda p, m, s: (p - m) / s), "2 sigma apart"),
        ("another quantity", weighted(lambda p, m, s: (p - m) / 2 * s), "put brackets"),
        ("another quantity", weighted(lambda p, m, s: (p + m) / (2 * s)), "are added"),
        ("another quantity", weighted(lambda p, m, s: p / s), "only the value at"),
        ("another quantity", weighted(lambda p, m, s: m / (2 * s)), ""),
        ("another quantity", weighted(rise, lambda u, w: (u * w[:, :, None, None, None]).sum(0)), "added up"),
        ("another quantity", weighted(rise, lambda u, w: mean(u.sign(), w)), "signs of u"),
        ("another quantity", weighted(rise, lambda u, w: mean(u, w.sign())), "sign of the rise"),
        ("another quantity", weighted(rise, lambda u, w: mean(u, w).sign()), "the caller takes it"),
        ("another quantity", weighted(lambda p, m, s: (p - m) / (2 * s * s)), "sigma is squared"),
        ("no absolute value", weighted(lambda p, m, s: (p - m).abs() / (2 * s)), ""),
        ("wrong axis", weighted(rise, lambda u, w: (u * w[:, :, None, None, None]).mean(1)), "has shape"),
        ("wrong shape", lambda *a: slope_from_scores(*a)[None], "has shape"),
        ("wrong shape", lambda *a: slope_from_scores(*a).flatten(1), "has shape"),
        ("batch of one only", weighted(lambda p, m, s: rise(p, m, s).mean(1, keepdim=True).expand_as(p)), "averaged over the pictures"),
        ("batch of one only", weighted(lambda p, m, s: rise(p, m, s)[:, :1].expand_as(p)), ""),
        ("off by one", weighted(rise, lambda u, w: mean(u[1:], w[1:])), ""),
        ("off by one", weighted(rise, lambda u, w: mean(u, w) * len(u) / (len(u) - 1)), ""),
        ("hard-coded constant", lambda p, m, u, s: slope_from_scores(p, m, u, 0.0513), "sigma"),
        ("argument ignored", lambda p, m, u, s: u.mean(0), ""),
        ("in place", edits_plus, "plus was changed in place"),
        ("in place", edits_u, "u was changed in place"),
        ("attached", lambda p, m, u, s: slope_from_scores(p, m, u, s) + 0 * u[0].detach().clone().requires_grad_(), "carries the graph"),
        ("stale", remembers_slope, ""),
        ("random", lambda p, m, u, s: slope_from_scores(p, m, u + 0.01 * torch.rand_like(u), s), "random"),
        ("precision", lambda p, m, u, s: slope_from_scores(p.float(), m.float(), u.float(), s), "torch.float64 is expected"),
        ("no result", lambda *a: print(slope_from_scores(*a)), "returns nothing"),
        ("raises", lambda p, m, u, s: (u * rise(p, m, s)).mean(0), "Error"),
        ("endless", never_ends, "does a loop never end"),
    ),
    "decibels": (
        ("wrong sign", lambda wave, changed: -decibels(wave, changed), "the other way round"),
        ("wrong sign", by(noise, lambda wave, changed: power(wave)), "the other way round"),
        ("another quantity", by(lambda wave, changed: power(wave), noise, 20), "10 log10"),
        ("another quantity", by(lambda wave, changed: wave.norm(dim=1), lambda wave, changed: (changed - wave).norm(dim=1)), "ratio of powers"),
        ("another quantity", by(lambda wave, changed: wave.abs().sum(1), lambda wave, changed: (changed - wave).abs().sum(1), 20), "sum of squares"),
        ("another quantity", by(lambda wave, changed: wave.abs().amax(1), lambda wave, changed: (changed - wave).abs().amax(1), 20), "largest samples"),
        ("another quantity", lambda wave, changed: 10 * (power(wave) / power(changed)).log10(), "difference of the two"),
        ("another quantity", by(lambda wave, changed: power(changed), noise), "before the change"),
        ("another quantity", by(lambda wave, changed: wave.var(1), lambda wave, changed: (changed - wave).var(1)), "silence is at 0"),
        ("another quantity", lambda wave, changed: torch.where(noise(wave, changed) > 0, 10 * (power(wave) / noise(wave, changed)).log(), torch.inf), "base 10"),
        ("another quantity", by(lambda wave, changed: power(wave), noise, 1), "in bels"),
        ("another quantity", lambda wave, changed: power(wave) / noise(wave, changed).clamp_min(1e-30), ""),
        ("hard-coded constant", by(lambda wave, changed: torch.ones(len(wave), dtype=wave.dtype), noise), ""),
        ("argument ignored", by(lambda wave, changed: power(wave), lambda wave, changed: torch.full((len(wave),), 0.05, dtype=wave.dtype)), ""),
        ("off by one", lambda wave, changed: 10 * (power(wave) / (noise(wave, changed) + 1e-8)).log10(), "something small"),
        ("off by one", lambda wave, changed: 10 * ((power(wave) + 1e-12) / (noise(wave, changed) + 1e-12)).log10(), ""),
        ("off by one", lambda wave, changed: 10 * (power(wave) / noise(wave, changed)).log10(), "NaN"),
        ("off by one", lambda wave, changed: (10 * (power(wave) / noise(wave, changed)).log10()).nan_to_num(0.0), ""),
        ("off by one", by(lambda wave, changed: power(wave[:, 1:]), lambda wave, changed: power((changed - wave)[:, 1:])), ""),
        ("wrong axis", by(lambda wave, changed: wave.square().sum(0)[: len(wave)], lambda wave, changed: (changed - wave).square().sum(0)[: len(wave)]), ""),
        ("wrong shape", lambda wave, changed: decibels(wave, changed)[:, None], "[N, 1]"),
        ("batch of one only", lambda wave, changed: decibels(wave, changed).mean(), "waveform"),
        ("batch of one only", by(lambda wave, changed: wave.square().sum(), lambda wave, changed: (changed - wave).square().sum()), "whole batch"),
        ("batch of one only", lambda wave, changed: decibels(wave, changed).squeeze(), "one picture alone"),
        ("in place", subtracts, "changed"),
        ("stale", adds_up, ""),
        ("precision", lambda wave, changed: decibels(wave.float(), changed.float()), "float64"),
        ("no result", lambda wave, changed: print(decibels(wave, changed).mean()), "returns nothing"),
        ("no result", lambda wave, changed: decibels(wave, changed).tolist(), "list"),
        ("raises", lambda wave, changed: 10 * torch.log10(wave) / 0, ""),
        ("endless", waits, "seconds"),
    ),
}
