"""Wrong answers to the exercises of chapter 09: kind of mistake, answer, words that its message must hold."""

import numpy as np
import torch
import torch.nn.functional as F

from course_utils import attacks
from course_utils.checks.ch09_fgsm import fgsm, honest_success, linear_step, noise_of_size, targeted_fgsm
from course_utils.runtime import generator

seen: dict = {}  # what a stale answer leaves over


def slope(model, x, y, value=F.cross_entropy):
    """The gradient of a value of scores and classes for the pictures; as careful as it can be, so that one mistake stays one."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(value(model(x), y), x)[0]


def step(value=F.cross_entropy, sign=1):
    """An attack that follows the gradient of another value."""
    return lambda m, x, y, e: (x + sign * e * slope(m, x, y, value).sign()).clamp(0, 1).detach()


def scaled(size):
    """The gradient itself over its size in some norm."""

    def answer(model, x, y, eps):
        gradient = slope(model, x, y)
        return (x + eps * gradient / size(gradient)).clamp(0, 1)

    return answer


def numpys(x):
    return torch.from_numpy(np.random.choice([-1.0, 1.0], tuple(x.shape))).to(x)


def stale(sign):
    """Gradients of earlier calls are never wiped: they add up."""

    def answer(model, x, y, eps):
        key = (sign, x.shape, x.dtype)
        seen[key] = seen.get(key, 0) + slope(model, x, y)
        return (x + sign * eps * seen[key].sign()).clamp(0, 1)

    return answer


def edited(sign):
    def answer(model, x, y, eps):
        return x.add_(sign * eps * slope(model, x, y).sign()).clamp_(0, 1)

    return answer


def own_tensor(model, x, y, eps):
    x.requires_grad_()  # the caller's own tensor: its .grad stays there and adds up
    F.cross_entropy(model(x), y).backward(inputs=[x])
    return (x + eps * x.grad.sign()).clamp(0, 1).detach()


def backward(sign):
    def answer(model, x, y, eps):
        x = x.detach().clone().requires_grad_()
        F.cross_entropy(model(x), y).backward()
        return (x + sign * eps * x.grad.sign()).clamp(0, 1).detach()

    return answer


def wipes(model, x, y, eps):
    model.zero_grad()
    return fgsm(model, x, y, eps)


def switched_off(model, x, y, eps):
    gradient = slope(model, x, y)
    torch.set_grad_enabled(False)
    return (x + eps * gradient.sign()).clamp(0, 1)


def without_copy(model, x, y, eps):
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return (x + eps * gradient.sign()).clamp(0, 1)


def tuple_kept(model, x, y, eps):
    x = x.clone().requires_grad_()
    gradient = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return (x + eps * gradient.sign()).clamp(0, 1)


def attached(f):
    return lambda m, x, y, e: x.detach().clone().requires_grad_() * 0 + f(m, x, y, e)


def random_start(model, x, y, eps):
    start = (x + 0.2 * (torch.rand_like(x) - 0.5)).clamp(0, 1)
    return (x + eps * slope(model, start, y).sign()).clamp(0, 1)


def never_ends(*_):
    while True:
        pass


def first_only(f):
    return lambda m, x, y, e: torch.cat([f(m, x[:1], y[:1], e), x[1:]])


def coins(x, g, *shape):
    return 2 * torch.randint(0, 2, shape or x.shape, generator=g).to(x) - 1


def biased(x, e, g):
    return (x + e * (2 * (torch.rand(x.shape, generator=g) < 0.45).to(x) - 1)).clamp(0, 1)


def reflected(x, e, g):
    """Where the step would leave [0, 1] it goes the other way."""
    change = e * coins(x, g)
    return torch.where((x + change < 0) | (x + change > 1), x - change, x + change).clamp(0, 1)


def reseeded(x, e, g):
    return noise_of_size(x, e, g.manual_seed(g.initial_seed()))


def overwrites(b, a, y):
    a[b != y] = y[b != y]
    return ((a != y).sum() / (b == y).sum()).item()


def global_seed(x, e, g):
    torch.manual_seed(g.initial_seed())
    return (x + e * (2 * torch.randint(0, 2, x.shape).to(x) - 1)).clamp(0, 1)


WRONG = {
    "linear_step": (
        ("wrong sign", lambda x, w, eps: x - eps * w.sign(), "went down"),
        ("another quantity", lambda x, w, eps: x + eps * w, "more than eps"),
        ("another quantity", lambda x, w, eps: x + eps * w / w.abs().max(), "not used up"),
        ("another quantity", lambda x, w, eps: x + eps * w / w.norm(), "not used up"),
        ("another quantity", lambda x, w, eps: x + eps * x.sign(), "the sign of x is used"),
        ("another quantity", lambda x, w, eps: x + eps * (w * x).sign(), "sign of the product"),
        ("another quantity", lambda x, w, eps: x + eps, "every coordinate goes up"),
        ("another quantity", lambda x, w, eps: x.clone(), "comes back as it was"),
        ("another quantity", lambda x, w, eps: w + eps * x.sign(), "w is moved"),
        ("no absolute value", lambda x, w, eps: x + eps * w / w.abs(), "holds NaN"),
        ("no absolute value", lambda x, w, eps: x + eps * (w > 0), "must go down by eps"),
        ("no clip", lambda x, w, eps: (x + eps * w.sign()).clamp(0, 1), "nothing has to be clipped"),
        ("wrong shape", lambda x, w, eps: w @ (x + eps * w.sign()), "has shape []"),
        ("hard-coded constant", lambda x, w, eps: linear_step(x, w, 0.2519), "use the argument `eps`"),
        ("argument ignored", lambda x, w, eps: eps * w.sign(), "change alone"),
        ("in place", lambda x, w, eps: x.add_(eps * w.sign()), "x was changed in place"),
        ("in place", lambda x, w, eps: x + eps * w.sign_(), "w was changed in place"),
        ("random", lambda x, w, eps: linear_step(x, w, eps * torch.rand(())), "random numbers"),
        ("precision", lambda x, w, eps: linear_step(x, w, eps).float(), "torch.float64 is expected"),
        ("no result", lambda x, w, eps: print(linear_step(x, w, eps)), "returns nothing"),
        ("no result", lambda x, w, eps: linear_step(x, w, eps).tolist(), "is list"),
        ("raises", lambda x, w, eps: x + eps * w.signs(), "AttributeError"),
    ),
    "fgsm": (
        ("wrong sign", targeted_fgsm, "down the loss"),
        ("no clip", lambda m, x, y, e: (x + e * slope(m, x, y).sign()), "clip"),
        ("no clip", lambda m, x, y, e: (x + e * slope(m, x, y).sign()).clamp(x.min(), x.max()).detach(), "range found in x"),
        ("no clip", lambda m, x, y, e: x + (e * slope(m, x, y).sign()).clamp(0, 1), "clip the sum"),
        ("no clip", lambda m, x, y, e: (x + e * slope(m, x, y).sign()).clamp(max=1), "pixels leave [0, 1]"),
        ("another quantity", lambda m, x, y, e: attacks.fgv(m, x, y, eps=e), "scaled; take its sign"),
        ("another quantity", lambda m, x, y, e: (x + e * slope(m, x, y)).clamp(0, 1), "value is used; take its sign"),
        ("another quantity", scaled(lambda g: g.abs().max()), "scaled; take its sign"),
        ("another quantity", scaled(lambda g: g.flatten(1).norm(dim=1)[:, None, None, None]), "scaled; take its sign"),
        ("another quantity", lambda m, x, y, e: x.clone(), "come back as they were"),
        ("another quantity", step(lambda s, y: F.cross_entropy(s.softmax(1), y)), "softmax is applied before"),
        ("another quantity", step(lambda s, y: -s.gather(1, y[:, None]).sum()), "score is differentiated"),
        ("another quantity", step(lambda s, y: -s[:, y].sum()), "takes the columns y"),
        ("another quantity", lambda m, x, y, e: (x + e * (fgsm(m, x, y, 1e-3) - x).sign() / 0.3081).clamp(0, 1), "more than eps"),
        ("argument ignored", lambda m, x, y, e: attacks.fgsm(m, x, eps=e), "own prediction"),
        ("argument ignored", lambda m, x, y, e: e * slope(m, x, y).sign(), "change alone"),
        ("hard-coded constant", lambda m, x, y, e: fgsm(m, x, y, 0.0973), "use the argument `eps`"),
        ("batch of one only", step(lambda s, y: F.cross_entropy(s[:1], y[:1])), "only the first picture's loss"),
        ("batch of one only", first_only(fgsm), "only the first picture's loss"),
        ("wrong shape", lambda m, x, y, e: fgsm(m, x, y, e).squeeze(), "has shape [3, 6, 5]"),
        ("wrong shape", lambda m, x, y, e: fgsm(m, x, y, e).flatten(1), "has shape [8, 90]"),
        ("in place", edited(1), "changed in place"),
        ("attached", attached(fgsm), "carries the graph"),
        ("stale", own_tensor, "old gradient"),
        ("stale", stale(1), "left over"),
        ("random", random_start, "no random start"),
        ("precision", lambda m, x, y, e: fgsm(m, x, y, e).float(), "torch.float64 is expected"),
        ("model changed", backward(1), "parameters' gradients changed"),
        ("model changed", wipes, "parameters' gradients changed"),
        ("model changed", lambda m, x, y, e: fgsm(m.train(), x, y, e), "another mode"),
        ("model changed", lambda m, x, y, e: fgsm(m.requires_grad_(False), x, y, e), "no longer ask"),
        ("state changed", switched_off, "gradients are switched off"),
        ("no result", lambda m, x, y, e: print(fgsm(m, x, y, e)), "returns nothing"),
        ("no result", lambda m, x, y, e: fgsm(m, x, y, e).numpy(), "is ndarray"),
        ("raises", without_copy, "nothing asks for a gradient here"),
        ("raises", tuple_kept, "gives a tuple"),
        ("raises", lambda m, x, y: x, "must take the arguments"),
    ),
    "honest_success": (
        ("another quantity", lambda b, a, y: (a != y).float().mean().item(), "had wrong before"),
        ("another quantity", lambda b, a, y: (a != b).float().mean().item(), "changed predictions"),
        ("another quantity", lambda b, a, y: ((b == y) & (a != y)).float().mean().item(), "divide by all"),
        ("another quantity", lambda b, a, y: ((b == y) & (a != y)).sum().item(), "a number of pictures"),
        ("another quantity", lambda b, a, y: ((b == y).float().mean() - (a == y).float().mean()).item(), "loss of accuracy"),
        ("another quantity", lambda b, a, y: 1 - ((a == y).sum() / (b == y).sum()).item(), "two accuracies are compared"),
        ("another quantity", lambda b, a, y: honest_success(b, a, y) * 100, "percent"),
        ("another quantity", lambda b, a, y: honest_success(a, b, y), "are swapped"),
        ("wrong sign", lambda b, a, y: (a[b == y] == y[b == y]).float().mean().item(), "survive"),
        ("wrong sign", lambda b, a, y: (a[b != y] != y[b != y]).float().mean().item(), "that were wrong before"),
        ("off by one", lambda b, a, y: round(honest_success(b, a, y), 1), "is off by"),
        ("off by one", lambda b, a, y: ((b == y) & (a != y)).sum().item() / ((b == y).sum().item() + 1), "is off by"),
        ("hard-coded constant", lambda b, a, y: 0.4, "is off by"),
        ("argument ignored", lambda b, a, y: honest_success(y, a, y), "had wrong before"),
        ("in place", overwrites, "after was changed in place"),
        ("wrong shape", lambda b, a, y: (a[b == y] != y[b == y]).float().mean(), ".item() gives it"),
        ("wrong shape", lambda b, a, y: (a != y)[b == y].float(), "one number is expected"),
        ("no result", lambda b, a, y: print(honest_success(b, a, y)), "returns nothing"),
        ("raises", lambda b, a, y: (a[b == y] != y[b == y]).mean().item(), "RuntimeError"),
        ("endless", never_ends, "does a loop never end"),
    ),
    "noise_of_size": (
        ("another quantity", lambda x, e, g: (x + e * (2 * torch.rand(x.shape, generator=g) - 1)).clamp(0, 1), "less than eps"),
        ("another quantity", lambda x, e, g: (x + e * torch.randn(x.shape, generator=g)).clamp(0, 1), "more than eps"),
        ("another quantity", biased, "not equally likely"),
        ("another quantity", reflected, "not equally likely"),
        ("wrong sign", lambda x, e, g: (x + e * torch.randint(0, 2, x.shape, generator=g).clamp(1)).clamp(0, 1), "moved the same way"),
        ("off by one", lambda x, e, g: (x + e * torch.randint(-1, 2, x.shape, generator=g)).clamp(0, 1), "less than eps"),
        ("off by one", lambda x, e, g: (x + e * torch.randint(0, 2, x.shape, generator=g)).clamp(0, 1), "less than eps"),
        ("no clip", lambda x, e, g: x + e * coins(x, g), "leave [0, 1]"),
        ("no clip", lambda x, e, g: (x + e * coins(x, g)).clamp(min=0), "up to 1.07"),
        ("argument ignored", lambda x, e, g: (x + e * (2 * torch.randint(0, 2, x.shape) - 1)).clamp(0, 1), "draw from `generator`"),
        ("argument ignored", lambda x, e, g: noise_of_size(x, e, generator(0)), "same noise"),
        ("argument ignored", lambda x, e, g: e * coins(x, g), "leave [0, 1]"),
        ("hard-coded constant", lambda x, e, g: noise_of_size(x, 0.0713, g), "use the argument `eps`"),
        ("stale", reseeded, "do not set its seed"),
        ("random", lambda x, e, g: (x + e * coins(x, g, 1, *x.shape[1:])).clamp(0, 1), "all pictures move together"),
        ("random", lambda x, e, g: (x + e * coins(x, g, len(x), 1, 1, 1)).clamp(0, 1), "move together"),
        ("wrong axis", lambda x, e, g: (x + e * coins(x, g, *x[:, :, :1].shape)).clamp(0, 1), "all rows"),
        ("wrong axis", lambda x, e, g: (x + e * coins(x, g, *x[:, :1].shape)).clamp(0, 1), "colours of a pixel"),
        ("in place", lambda x, e, g: x.add_(e * coins(x, g)).clamp_(0, 1), "changed in place"),
        ("precision", lambda x, e, g: noise_of_size(x, e, g).float(), "torch.float64 is expected"),
        ("state changed", global_seed, "sets the seed of torch's"),
        ("state changed", lambda x, e, g: (x + e * numpys(x)).clamp(0, 1), "draws hundreds of them"),
        ("no result", lambda x, e, g: print(noise_of_size(x, e, g)), "returns nothing"),
        ("raises", lambda x, e, g: x + e * torch.randint(0, 2, x.shape, g), "randint() received"),
    ),
    "targeted_fgsm": (
        ("wrong sign", fgsm, "Subtract"),
        ("wrong sign", step(lambda s, y: -F.cross_entropy(s, y), sign=-1), "Subtract"),
        ("no clip", lambda m, x, t, e: x - e * slope(m, x, t).sign(), "clip"),
        ("no clip", lambda m, x, t, e: (x - e * slope(m, x, t).sign()).clamp(x.min(), x.max()), "range found in x"),
        ("argument ignored", lambda m, x, t, e: attacks.fgsm(m, x, eps=e), "own class"),
        ("argument ignored", lambda m, x, t, e: attacks.fgsm(m, x, m(x).argmax(1), eps=e, targeted=True), "own prediction"),
        ("argument ignored", lambda m, x, t, e: -e * slope(m, x, t).sign(), "change alone"),
        ("hard-coded constant", lambda m, x, t, e: targeted_fgsm(m, x, t, 0.0973), "use the argument `eps`"),
        ("hard-coded constant", lambda m, x, t, e: targeted_fgsm(m, x, (t + 1) % 4, e), "is off by"),
        ("another quantity", lambda m, x, t, e: attacks.fgv(m, x, t, eps=e, targeted=True), "scaled; take its sign"),
        ("another quantity", step(lambda s, t: s.gather(1, t[:, None]).sum()), "score is differentiated"),
        ("another quantity", step(lambda s, t: F.cross_entropy(s.softmax(1), t), sign=-1), "softmax is applied before"),
        ("batch of one only", step(lambda s, t: F.cross_entropy(s[:1], t[:1]), sign=-1), "only the first picture's loss"),
        ("wrong shape", lambda m, x, t, e: targeted_fgsm(m, x, t, e).mean(1), "has shape [8, 6, 5]"),
        ("in place", edited(-1), "changed in place"),
        ("attached", attached(targeted_fgsm), "carries the graph"),
        ("stale", stale(-1), "left over"),
        ("model changed", backward(-1), "parameters' gradients changed"),
        ("precision", lambda m, x, t, e: targeted_fgsm(m, x, t, e).float(), "torch.float64 is expected"),
        ("no result", lambda m, x, t, e: print(targeted_fgsm(m, x, t, e)), "returns nothing"),
        ("raises", lambda m, x, t, e: x - e * torch.autograd.grad(F.cross_entropy(m(x), t), x)[0].sign(), "nothing asks for a gradient"),
    ),
}  # fmt: skip
