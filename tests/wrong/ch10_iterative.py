"""Wrong answers to the exercises of chapter 10: kind of mistake, answer, words that its message must hold."""

import math

import torch
import torch.nn.functional as F

from course_utils.checks.ch10_iterative import boundary_step, chosen, how_many, length, small_step, to_ball

seen: dict = {}  # what a stale answer leaves over


def slope(model, now, y, value=F.cross_entropy):
    now = now.detach().clone().requires_grad_()
    return torch.autograd.grad(value(model(now), y), now)[0]


def step_of(value, sign=1):
    """The small step of another value."""
    return lambda m, x, now, y, eps, s: back(now + sign * s * slope(m, now, y, value).sign(), x, eps)


def back(moved, x, eps):
    return torch.minimum(torch.maximum(moved, x - eps), x + eps).clamp(0, 1).detach()


def moved_by(change):
    return lambda m, x, now, y, eps, s: change(slope(m, now, y), x.detach(), now.detach(), eps, s)


def edits(model, x, now, y, eps, step):
    return now.add_(step * slope(model, now, y).sign()).clamp_(x - eps, x + eps).clamp_(0, 1)


def by_backward(model, x, now, y, eps, step):
    z = now.detach().clone().requires_grad_()
    F.cross_entropy(model(z), y).backward()
    return back(now + step * z.grad.sign(), x, eps)


def own_tensor(model, x, now, y, eps, step):
    now.requires_grad_()
    F.cross_entropy(model(now), y).backward(inputs=[now])
    return back(now + step * now.grad.sign(), x, eps)


def momentum(model, x, now, y, eps, step):
    key = (now.shape, now.dtype)
    seen[key] = 0.9 * seen.get(key, 0) + slope(model, now, y)
    return back(now + step * seen[key].sign(), x, eps)


def attached(f):
    return lambda *a: a[1].detach().clone().requires_grad_() * 0 + f(*a)


def switched_off(model, x, now, y, eps, step):
    gradient = slope(model, now, y)
    torch.set_grad_enabled(False)
    return back(now + step * gradient.sign(), x, eps)


def without_copy(model, x, now, y, eps, step):
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(now), y), now)
    return back(now + step * gradient.sign(), x, eps)


def never_ends(*_):
    while True:
        pass


def norm_of(change):
    return change.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None, None]


def ball(back_to):
    return lambda moved, x, eps: (x + back_to(moved - x, norm_of(moved - x), eps)).clamp(0, 1)


def edits_moved(moved, x, eps):
    moved -= x
    moved *= (eps / norm_of(moved)).clamp(max=1)
    return moved.add_(x).clamp_(0, 1)


def remembers(ahead, slopes):
    key = ("boundary", slopes.shape, slopes.dtype)
    seen[key] = seen.get(key, 0) + boundary_step(ahead, slopes)
    return seen[key]


def nearest_only_first(ahead, slopes):
    k = int((ahead / length(slopes))[0].argmin())
    scale = ahead[:, k] / length(slopes)[:, k] ** 2
    return scale[:, None, None, None] * slopes[:, k]


def sort_edits(ahead, slopes):
    result = boundary_step(ahead, slopes)
    slopes.mul_(0.5)
    return result


WRONG = {
    "small_step": (
        ("wrong sign", step_of(F.cross_entropy, -1), "the other way"),
        ("wrong sign", lambda m, x, now, y, e, s: small_step(m, x, now, y, e, abs(s)), "do not make it positive"),
        ("no clip", moved_by(lambda g, x, now, e, s: (now + s * g.sign()).clamp(0, 1)), "leave the budget"),
        ("no clip", moved_by(lambda g, x, now, e, s: (now + s * g.sign()).clamp(x - e, x + e)), "clip"),
        ("no clip", moved_by(lambda g, x, now, e, s: back(now + s * g.sign(), now, e)), "leave the budget"),
        ("no clip", moved_by(lambda g, x, now, e, s: x + (now - x + s * g.sign()).clamp(-e, e).clamp(0, 1)), "clip"),
        ("another quantity", moved_by(lambda g, x, now, e, s: back(now + s * g, x, e)), "take its sign"),
        ("another quantity", moved_by(lambda g, x, now, e, s: back(now + s * g / g.abs().flatten(1).amax(1)[:, None, None, None], x, e)), "take its sign"),
        ("another quantity", moved_by(lambda g, x, now, e, s: back(x + s * g.sign(), x, e)), "begins at `now`"),
        ("another quantity", moved_by(lambda g, x, now, e, s: back(now + e * g.sign(), x, e)), "eps long"),
        ("another quantity", lambda m, x, now, y, e, s: back(now + s * slope(m, x, y).sign(), x, e), "the one at x"),
        ("another quantity", step_of(lambda s, y: F.cross_entropy(s.softmax(1), y)), "softmax is applied before"),
        ("another quantity", step_of(lambda s, y: -s.gather(1, y[:, None]).sum()), "score is differentiated"),
        ("another quantity", lambda m, x, now, y, e, s: now.clone(), "comes back as it was"),
        ("argument ignored", lambda m, x, now, y, e, s: back(now + s * slope(m, now, m(now).argmax(1)).sign(), x, e), "own prediction"),
        ("argument ignored", lambda m, x, now, y, e, s: small_step(m, x, x, y, e, s), "off by"),
        ("hard-coded constant", lambda m, x, now, y, e, s: small_step(m, x, now, y, e, 0.0613), "use the argument `step`"),
        ("hard-coded constant", lambda m, x, now, y, e, s: small_step(m, x, now, y, 0.0973, s), "use the argument `eps`"),
        ("batch of one only", step_of(lambda s, y: F.cross_entropy(s[:1], y[:1])), "only the first picture's loss"),
        ("wrong shape", lambda m, x, now, y, e, s: small_step(m, x, now, y, e, s).mean(1), "has shape"),
        ("in place", edits, "now was changed in place"),
        ("attached", attached(small_step), "carries the graph"),
        ("stale", own_tensor, "old gradient"),
        ("stale", momentum, "left over"),
        ("random", lambda m, x, now, y, e, s: small_step(m, x, back(now + 0.1 * (torch.rand_like(x) - 0.5), x, e), y, e, s), "random"),
        ("precision", lambda *a: small_step(*a).float(), "torch.float64 is expected"),
        ("model changed", by_backward, "parameters' gradients changed"),
        ("model changed", lambda m, *a: small_step(m.train(), *a), "another mode"),
        ("state changed", switched_off, "gradients are switched off"),
        ("no result", lambda *a: print(small_step(*a)), "returns nothing"),
        ("raises", without_copy, "nothing asks for a gradient here"),
        ("raises", lambda m, x, y: x, "must take the arguments"),
    ),
    "how_many": (
        ("another quantity", lambda eps: math.ceil(round(max(255 * eps + 4, 318.75 * eps), 6)), "the larger of the two"),
        ("another quantity", lambda eps: math.ceil(round(318.75 * eps, 6)), "larger of the two"),
        ("another quantity", lambda eps: math.ceil(round(min(256 * eps + 4, 320 * eps), 6)), "255 levels"),
        ("another quantity", lambda eps: math.ceil(round(min(eps + 4, 318.75 * eps), 6)), "not in grey levels"),
        ("off by one", lambda eps: int(min(255 * eps + 4, 318.75 * eps)) + 1, "math.ceil leaves that"),
        ("another quantity", lambda eps: math.ceil(min(eps + 4, 1.25 * eps)), "eps is taken as it is"),
        ("off by one", lambda eps: int(min(255 * eps + 4, 318.75 * eps) + 1e-6), "not rounded up"),
        ("off by one", lambda eps: round(min(255 * eps + 4, 318.75 * eps)), "not rounded up"),
        ("off by one", lambda eps: how_many(eps) + 1, "one too many"),
        ("off by one", lambda eps: how_many(eps) - 1, "is expected"),
        ("hard-coded constant", lambda eps: 20, "use the argument `eps`"),
        ("hard-coded constant", lambda eps: 10, "20 is expected"),
        ("precision", lambda eps: float(how_many(eps)), "range() needs an int"),
        ("wrong shape", lambda eps: torch.tensor(how_many(eps)), "not Tensor"),
        ("no result", lambda eps: print(how_many(eps)), "returns nothing"),
        ("no result", lambda eps: [how_many(eps)], "not list"),
        ("raises", lambda eps: math.ceil(min(255 * epsilon + 4, 318.75 * epsilon)), "NameError"),  # noqa: F821
        ("endless", never_ends, "does a loop never end"),
    ),
    "to_ball": (
        ("another quantity", ball(lambda d, n, eps: eps * d / n), "a shorter one stays"),
        ("another quantity", ball(lambda d, n, eps: d.clamp(-eps, eps)), "max-norm"),
        ("another quantity", ball(lambda d, n, eps: d * (eps / (n * n)).clamp(max=1)), "off by"),
        ("another quantity", ball(lambda d, n, eps: d * (eps / d.flatten(1).abs().sum(1).clamp_min(1e-12)[:, None, None, None]).clamp(max=1)), "sum of absolute"),
        ("another quantity", ball(lambda d, n, eps: d * (eps * d[0].numel() ** 0.5 / n).clamp(max=1)), "distance"),
        ("another quantity", ball(lambda d, n, eps: d * (n <= eps)), "off by"),
        ("another quantity", lambda moved, x, eps: (moved * (eps / norm_of(moved)).clamp(max=1)).clamp(0, 1), "limit that of the change"),
        ("wrong axis", ball(lambda d, n, eps: d * (eps / d.norm(dim=(2, 3), keepdim=True).clamp_min(1e-12)).clamp(max=1)), "each channel"),
        ("wrong axis", ball(lambda d, n, eps: d * (eps / d.norm(dim=0, keepdim=True).clamp_min(1e-12)).clamp(max=1)), "distance"),
        ("batch of one only", ball(lambda d, n, eps: d * (eps / d.norm().clamp_min(1e-12)).clamp(max=1)), "whole batch"),
        ("batch of one only", ball(lambda d, n, eps: d * (eps / n.amax()).clamp(max=1)), "its own length"),
        ("no clip", lambda moved, x, eps: x + (moved - x) * (eps / norm_of(moved - x)).clamp(max=1), "clip"),
        ("no clip", lambda moved, x, eps: moved.clamp(0, 1), "L2 distance"),
        ("no clip", lambda moved, x, eps: x + (moved.clamp(0, 1) - x) * (eps / norm_of(moved.clamp(0, 1) - x)).clamp(max=1), "in this order"),
        ("argument ignored", lambda moved, x, eps: x.clone(), "off by"),
        ("hard-coded constant", lambda moved, x, eps: to_ball(moved, x, 0.8731), "use the argument `eps`"),
        ("wrong shape", lambda moved, x, eps: to_ball(moved, x, eps).flatten(1), "has shape"),
        ("wrong sign", ball(lambda d, n, eps: -d * (eps / n).clamp(max=1)), "off by"),
        ("in place", edits_moved, "moved was changed in place"),
        ("no absolute value", lambda moved, x, eps: x + (moved - x) * (eps / (moved - x).flatten(1).norm(dim=1))[:, None, None, None].clamp(max=1), "clip"),
        ("precision", lambda *a: to_ball(*a).float(), "torch.float64 is expected"),
        ("random", lambda moved, x, eps: to_ball(moved + 1e-3 * torch.rand_like(x), x, eps), "random"),
        ("no result", lambda *a: print(to_ball(*a)), "returns nothing"),
        ("raises", lambda moved, x, eps: x + (moved - x) * (eps / (moved - x).flatten(1).norm(dim=1)).clamp(max=1), "RuntimeError"),
    ),
    "boundary_step": (
        ("wrong sign", lambda a, w: -boundary_step(a, w), "the other way"),
        ("another quantity", lambda a, w: chosen(a, w, a), "smallest lead"),
        ("another quantity", lambda a, w: chosen(a, w, -length(w)), "steepest slope"),
        ("another quantity", lambda a, w: chosen(a, w, -a / length(w)), "farthest"),
        ("another quantity", lambda a, w: chosen(a, w, a / length(w) ** 2), "distance is ahead"),
        ("another quantity", lambda a, w: chosen(a, w, a / w.flatten(2).norm(1, dim=2)), "max-norm"),
        ("another quantity", lambda a, w: (a / w.flatten(2).norm(1, dim=2) ** 2)[:, :, None, None, None].mul(w)[range(len(a)), (a / w.flatten(2).norm(1, dim=2)).argmin(1)], "sum of absolute"),
        ("another quantity", lambda a, w: chosen(a, w, a / length(w), 1), "as long as the distance"),
        ("another quantity", lambda a, w: chosen(a, w, a / length(w), 0), "off by"),
        ("another quantity", lambda a, w: chosen(torch.ones_like(a), w, a / length(w), 1), "direction alone"),
        ("another quantity", lambda a, w: 1.02 * boundary_step(a, w), "overshoot"),
        ("another quantity", lambda a, w: (a / length(w) ** 2)[:, :, None, None, None].mul(w).mean(1), "off by"),
        ("another quantity", lambda a, w: (a / length(w) ** 2)[:, :, None, None, None].mul(w).sum(1), "added up"),
        ("hard-coded constant", lambda a, w: chosen(a, w, torch.arange(a.shape[1]).expand_as(a)), "first class"),
        ("batch of one only", nearest_only_first, "off by"),
        ("batch of one only", lambda a, w: chosen(a, w, (a / length(w)).mean(0).expand_as(a)), "off by"),
        ("wrong shape", lambda a, w: boundary_step(a, w).flatten(1), "has shape"),
        ("wrong shape", lambda a, w: (a / length(w) ** 2)[:, :, None, None, None] * w, "has shape"),
        ("wrong shape", lambda a, w: boundary_step(a, w).squeeze(), "has shape"),
        ("in place", sort_edits, "slopes was changed in place"),
        ("stale", remembers, "left over"),
        ("precision", lambda a, w: boundary_step(a, w).float(), "torch.float64 is expected"),
        ("no result", lambda a, w: print(boundary_step(a, w)), "returns nothing"),
        ("no result", lambda a, w: boundary_step(a, w).numpy(), "is ndarray"),
        ("raises", lambda a, w: a[:, (a / length(w)).argmin(1)] * w, "RuntimeError"),
    ),
}
