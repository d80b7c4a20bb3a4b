"""Wrong answers to the exercises of chapter 12: kind of mistake, answer, words that its message must hold."""

import torch
import torch.nn.functional as F

from course_utils.checks.ch12_physical_world import destruction_rate, eot_step, lens_grid, round_through

seen: dict = {}  # what a stale answer leaves over


def grid(size, place=None, factor=None, order=(0, 1)):
    """A grid whose places, bending or order are other ones."""
    place = (2 * torch.arange(size) + 1) / size - 1 if place is None else place
    y, x = torch.meshgrid(place, place, indexing="ij")
    bent = [v * (factor(x, y) if factor else 1) for v in (x, y)]
    return torch.stack([bent[i] for i in order], 2)


def square(k):
    return lambda x, y: 1 + k * (x**2 + y**2)


def remembers(size, k):
    seen["grid"] = seen.get("grid", 0) + k
    return grid(size, factor=square(seen["grid"]))


def mask(clean, attacked, y):
    return (clean == y) & (attacked != y)


def slope(model, view, now, y, value=F.cross_entropy):
    z = now.detach().clone().requires_grad_()
    return torch.autograd.grad(value(model(view(z)), y), z)[0]


def back(moved, x, eps):
    return torch.minimum(torch.maximum(moved, x - eps), x + eps).clamp(0, 1).detach()


def mean(model, views, now, y, value=F.cross_entropy):
    return torch.stack([slope(model, view, now, y, value) for view in views]).mean(0)


def step_of(value, sign=1):
    return lambda m, v, x, now, y, eps, s: back(now + sign * s * mean(m, v, now, y, value).sign(), x, eps)


def moved_by(change):
    return lambda m, v, x, now, y, eps, s: change(mean(m, v, now, y), x.detach(), now.detach(), eps, s)


def edits(model, views, x, now, y, eps, step):
    return now.add_(step * mean(model, views, now, y).sign()).clamp_(x - eps, x + eps).clamp_(0, 1)


def by_backward(model, views, x, now, y, eps, step):
    z = now.detach().clone().requires_grad_()
    for view in views:
        F.cross_entropy(model(view(z)), y).backward()
    return back(now + step * z.grad.sign(), x, eps)


def momentum(model, views, x, now, y, eps, step):
    key = (now.shape, now.dtype)
    seen[key] = 0.9 * seen.get(key, 0) + mean(model, views, now, y)
    return back(now + step * seen[key].sign(), x, eps)


def step_by_step(model, views, x, now, y, eps, step):
    for view in views:
        now = back(now + step * slope(model, view, now, y).sign(), x, eps)
    return now


def mean_scores(model, views, x, now, y, eps, step):
    z = now.detach().clone().requires_grad_()
    loss = F.cross_entropy(sum(model(view(z)) for view in views) / len(views), y)
    return back(now + step * torch.autograd.grad(loss, z)[0].sign(), x, eps)


def mean_probabilities(model, views, x, now, y, eps, step):
    z = now.detach().clone().requires_grad_()
    sure = sum(model(view(z)).softmax(1) for view in views) / len(views)
    return back(now + step * torch.autograd.grad(F.nll_loss(sure.log(), y), z)[0].sign(), x, eps)


def mean_picture(model, views, x, now, y, eps, step):
    return back(now + step * slope(model, lambda z: sum(view(z) for view in views) / len(views), now, y).sign(), x, eps)


def for_the_views_picture(model, views, x, now, y, eps, step):
    """The gradient for what the camera saw, not for the picture before it."""
    total = 0
    for view in views:
        z = view(now).detach().clone().requires_grad_()
        total = total + torch.autograd.grad(F.cross_entropy(model(z), y), z)[0]
    return back(now + step * total.sign(), x, eps)


def random_view(model, views, x, now, y, eps, step):
    view = views[int(torch.randint(len(views), ()))]
    return back(now + step * slope(model, view, now, y).sign(), x, eps)


def never_ends(*_):
    while True:
        pass


WRONG = {
    "lens_grid": (
        ("wrong axis", lambda size, k: lens_grid(size, k).transpose(0, 1), "rows and columns"),
        ("wrong axis", lambda size, k: grid(size, factor=square(k), order=(1, 0)), "(x, y)"),
        ("wrong shape", lambda size, k: lens_grid(size, k).permute(2, 0, 1), "[size, size, 2]"),
        ("wrong shape", lambda size, k: lens_grid(size, k)[None], "has shape [1, 6, 6, 2]"),
        ("off by one", lambda size, k: grid(size, torch.linspace(-1, 1, size), square(k)), "middles of the outer pixels"),
        ("off by one", lambda size, k: grid(size, 2 * torch.arange(size) / size - 1, square(k)), "left edge"),
        ("another quantity", lambda size, k: grid(size, (torch.arange(size) + 0.5) / size, square(k)), "go from 0 to 1"),
        ("another quantity", lambda size, k: grid(size, factor=lambda x, y: 1 + k * (x**2 + y**2).sqrt()), "with its square"),
        ("another quantity", lambda size, k: grid(size, factor=lambda x, y: 1 + k * (x**2 + y**2) ** 2), "fourth power"),
        ("another quantity", lambda size, k: grid(size, factor=lambda x, y: 1 + k * x**2), "off by"),
        ("another quantity", lambda size, k: torch.stack([grid(size, factor=square(k))[..., 0], grid(size)[..., 1]], 2), "only x is bent"),
        ("another quantity", lambda size, k: grid(size, factor=square(k)).clamp(-1, 1), "beyond the sheet"),
        ("another quantity", lambda size, k: grid(size, factor=lambda x, y: k * (x**2 + y**2)), "the 1 is missing"),
        ("another quantity", lambda size, k: grid(size, factor=lambda x, y: 1 / (1 + k * (x**2 + y**2))), "divided"),
        ("wrong sign", lambda size, k: lens_grid(size, -k), "the other way"),
        ("wrong sign", lambda size, k: -lens_grid(size, k), "off by"),
        ("no absolute value", lambda size, k: lens_grid(size, abs(k)), "sign of k is lost"),
        ("argument ignored", lambda size, k: lens_grid(size, 0.0), "nothing is bent"),
        ("hard-coded constant", lambda size, k: lens_grid(size, 0.2137), "use the argument `k`"),
        ("hard-coded constant", lambda size, k: lens_grid(6, k), "use the argument `size`"),
        ("precision", lambda size, k: lens_grid(size, k).double(), "torch.float32 is expected"),
        ("stale", remembers, "left over"),
        ("random", lambda size, k: lens_grid(size, k) + 1e-3 * torch.rand(size, size, 2), "random"),
        ("no result", lambda size, k: print(lens_grid(size, k)), "returns nothing"),
        ("no result", lambda size, k: lens_grid(size, k).numpy(), "is ndarray"),
        ("raises", lambda size, k: torch.stack([torch.arange(size), torch.arange(size + 1)]), "RuntimeError"),
    ),
    "round_through": (
        ("attached", lambda x: (255 * x).round() / 255, "the gradient is 0 everywhere"),
        ("attached", lambda x: ((255 * x).round() / 255).detach(), "no gradient at all"),
        ("attached", lambda x: (x + ((255 * x).round() / 255 - x)).detach(), "no gradient at all"),
        ("attached", lambda x: x.detach() + ((255 * x).round() / 255 - x).detach(), "no gradient at all"),
        ("another quantity", lambda x: (255 * x + ((255 * x).round() - 255 * x).detach()) / 255 + 0.5 * (x - x.detach()), "scaled or partly lost"),
        ("another quantity", lambda x: x.round(), "to 0 or 1"),
        ("another quantity", lambda x: (256 * x).round() / 256, "255 steps"),
        ("another quantity", lambda x: x + ((255 * x).round() - 255 * x).detach(), "off by"),
        ("off by one", lambda x: (255 * x).floor() / 255, "rounded down"),
        ("off by one", lambda x: (255 * x).ceil() / 255, "rounded up"),
        ("off by one", lambda x: (256 * x).floor().clamp(max=255) / 255, "cut off"),
        ("wrong sign", lambda x: 2 * x - (255 * x).round() / 255, "is subtracted"),
        ("another quantity", lambda x: (255 * x).round(), "divide by 255"),
        ("another quantity", lambda x: (255 * x).round() / 255 - x, "add it to x"),
        ("argument ignored", lambda x: x.clone(), "nothing is rounded"),
        ("in place", lambda x: x.mul_(255).round_().div_(255), "x was changed in place"),
        ("precision", lambda x: round_through(x.float()), "torch.float64 is expected"),
        ("wrong shape", lambda x: round_through(x).flatten(1), "has shape"),
        ("random", lambda x: round_through(x + 0.2 * torch.rand_like(x)), "random"),
        ("no result", lambda x: print(round_through(x)), "returns nothing"),
        ("raises", lambda x: (255 * x).long().round_through(), "AttributeError"),
    ),
    "destruction_rate": (
        ("wrong sign", lambda c, a, t, y: (t != y)[mask(c, a, y)].float().mean().item(), "survives"),
        ("another quantity", lambda c, a, t, y: (t == y)[a != y].float().mean().item(), "were wrong before"),
        ("another quantity", lambda c, a, t, y: ((t == y) & mask(c, a, y)).sum().item() / max(1, (c == y).sum().item()), "all that were right before"),
        ("another quantity", lambda c, a, t, y: ((t == y) & mask(c, a, y)).float().mean().item(), "by all pictures"),
        ("another quantity", lambda c, a, t, y: ((t == y) & mask(c, a, y)).sum().item() / max(1, (a != y).sum().item()), "wrong under attack"),
        ("another quantity", lambda c, a, t, y: ((t == y) & (a != y)).sum().item() / max(1, mask(c, a, y).sum().item()), "above the line"),
        ("another quantity", lambda c, a, t, y: (t == y).float().mean().item(), "accuracy after"),
        ("another quantity", lambda c, a, t, y: (t == y)[c == y].float().mean().item(), "did not fool"),
        ("another quantity", lambda c, a, t, y: (t != a)[mask(c, a, y)].float().mean().item(), "changed at all"),
        ("another quantity", lambda c, a, t, y: ((t == y) & mask(c, a, y)).sum().item(), "how many are right again"),
        ("another quantity", lambda c, a, t, y: 100 * (t == y)[mask(c, a, y)].float().mean().item(), "percent are given"),
        ("another quantity", lambda c, a, t, y: (t == y)[a != c].float().mean().item(), "whose class the attack changed"),
        ("another quantity", lambda c, a, t, y: ((t == y).float().mean() - (a == y).float().mean()).item(), "off by"),
        ("argument ignored", lambda c, a, t, y: (t == c)[a != c].float().mean().item(), "off by"),
        ("hard-coded constant", lambda c, a, t, y: destruction_rate(c, a, t, y) if mask(c, a, y).any() else 0.0, "share of nothing"),
        ("hard-coded constant", lambda c, a, t, y: destruction_rate(c, a, t, y) if mask(c, a, y).any() else 1.0, "share of nothing"),
        ("raises", lambda c, a, t, y: ((t == y) & mask(c, a, y)).sum().item() / mask(c, a, y).sum().item(), "ZeroDivisionError"),
        ("wrong shape", lambda c, a, t, y: (t == y)[mask(c, a, y)], "not Tensor"),
        ("no result", lambda c, a, t, y: (t == y)[mask(c, a, y)].float().mean(), ".item()"),
        ("no result", lambda c, a, t, y: print(destruction_rate(c, a, t, y)), "returns nothing"),
        ("in place", lambda c, a, t, y: (t.sub_(y) == 0)[(c == y) & (a != y)].float().mean().item(), "after was changed in place"),
        ("random", lambda c, a, t, y: (t == y)[mask(c, a, y) & (torch.rand(len(y)) < 0.8)].float().mean().item(), "random"),
        ("off by one", lambda c, a, t, y: ((t == y) & mask(c, a, y)).sum().item() / (mask(c, a, y).sum().item() + 1), "off by"),
    ),
    "eot_step": (
        ("another quantity", lambda m, v, x, now, y, e, s: back(now + s * sum(slope(m, view, now, y).sign() for view in v).sign(), x, e), "the signs are averaged"),
        ("another quantity", mean_picture, "no camera sees"),
        ("another quantity", mean_scores, "scores are averaged"),
        ("another quantity", step_by_step, "one after the other"),
        ("another quantity", mean_probabilities, "the probabilities are averaged"),
        ("another quantity", lambda m, v, x, now, y, e, s: back(now + s * len(v) * mean(m, v, now, y), x, e), "the gradient itself is added"),
        ("another quantity", for_the_views_picture, "off by"),
        ("argument ignored", lambda m, v, *rest: eot_step(m, v[:1], *rest), "only the first view"),
        ("argument ignored", lambda m, v, *rest: eot_step(m, v[-1:], *rest), "only the last view"),
        ("argument ignored", lambda m, v, *rest: eot_step(m, [lambda z: z], *rest), "the views are not used"),
        ("off by one", lambda m, v, *rest: eot_step(m, v[1:], *rest), "off by"),
        ("wrong sign", step_of(F.cross_entropy, -1), "the other way"),
        ("no clip", moved_by(lambda g, x, now, e, s: now + s * g.sign()), "leave"),
        ("no clip", moved_by(lambda g, x, now, e, s: (now + s * g.sign()).clamp(0, 1)), "around x"),
        ("no clip", moved_by(lambda g, x, now, e, s: back(now + s * g.sign(), now, e)), "budget"),
        ("no clip", moved_by(lambda g, x, now, e, s: (now + s * g.sign()).clamp(x - e, x + e)), "[0, 1]"),
        ("another quantity", moved_by(lambda g, x, now, e, s: back(x + s * g.sign(), x, e)), "begins at x"),
        ("hard-coded constant", moved_by(lambda g, x, now, e, s: back(now + e * g.sign(), x, e)), "`step` long"),
        ("hard-coded constant", moved_by(lambda g, x, now, e, s: back(now + 0.0613 * g.sign(), x, e)), "use the argument `step`"),
        ("another quantity", moved_by(lambda g, x, now, e, s: back(now + s * g, x, e)), "take its sign"),
        ("another quantity", lambda m, v, x, now, y, e, s: back(now + s * mean(m, v, x, y).sign(), x, e), "gradient at `now`"),
        ("argument ignored", moved_by(lambda g, x, now, e, s: now.clone()), "comes back as it was"),
        ("argument ignored", step_of(lambda scores, y: F.cross_entropy(scores, scores.argmax(1))), "own prediction"),
        ("another quantity", step_of(lambda scores, y: F.cross_entropy(scores.softmax(1), y)), "softmax"),
        ("another quantity", step_of(lambda scores, y: -scores.gather(1, y[:, None]).sum()), "the score is differentiated"),
        ("batch of one only", step_of(lambda scores, y: F.cross_entropy(scores[:1], y[:1])), "only the first picture"),
        ("in place", edits, "now was changed in place"),
        ("model changed", by_backward, "gradients"),
        ("attached", lambda *a: eot_step(*a) + 0 * a[2].detach().clone().requires_grad_(), "graph"),
        ("stale", momentum, "left over"),
        ("random", random_view, "use the losses of all"),
        ("precision", lambda *a: eot_step(*a).float(), "torch.float64 is expected"),
        ("wrong shape", lambda *a: eot_step(*a).flatten(1), "has shape"),
        ("no result", lambda *a: print(eot_step(*a)), "returns nothing"),
        ("no result", lambda *a: [eot_step(*a)], "is list"),
        ("raises", lambda m, v, x, now, y, e, s: m(v(now)), "TypeError"),
        ("endless", never_ends, "seconds"),
    ),
}  # fmt: skip
