"""Wrong answers to the exercises of chapter 09, each with words that its message must hold."""

import torch
import torch.nn.functional as F

from course_utils import attacks
from course_utils.checks.ch09_fgsm import fgsm, honest_success, noise_of_size
from course_utils.runtime import generator


def fgsm_edits_input(model, x, y, eps):
    x.requires_grad_(True)
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    x.requires_grad_(False)
    return x.add_(eps * gradient.sign()).clamp_(0, 1)


def fgsm_stale_gradient(model, x, y, eps):
    x.requires_grad_()  # the caller's own tensor: its .grad stays there and adds up
    F.cross_entropy(model(x), y).backward()
    model.zero_grad(set_to_none=True)
    return (x + eps * x.grad.sign()).clamp(0, 1).detach()


def fgsm_backward(model, x, y, eps):
    x = x.clone().requires_grad_()
    F.cross_entropy(model(x), y).backward()
    return (x + eps * x.grad.sign()).clamp(0, 1).detach()


def fgsm_normalized_units(model, x, y, eps):
    return (x + (fgsm(model, x, y, 1e-3) - x).sign() * eps / 0.3081).clamp(0, 1)  # eps divided by MNIST's deviation


WRONG = {
    "linear_step": (
        (lambda x, w, eps: x - eps * w.sign(), "went down"),
        (lambda x, w, eps: x + eps * w, "more than eps"),
        (lambda x, w, eps: x + eps * w / w.abs().max(), "not used up"),
        (lambda x, w, eps: x.add_(eps * w.sign()), "in place"),
        (lambda x, w, eps: x + eps * w / w.abs(), "holds NaN"),
        (lambda x, w, eps: x + eps * x.sign(), "times the sign of its weight"),
        (lambda x, w, eps: w @ (x + eps * w.sign()), "has shape []"),
        (lambda x, w, eps: print(x + eps * w.sign()), "returns nothing"),
    ),
    "fgsm": (
        (lambda m, x, y, e: attacks.fgsm(m, x, y, eps=e, targeted=True), "down the loss"),
        (lambda m, x, y, e: x + e * torch.autograd.grad(F.cross_entropy(m(z := x.clone().requires_grad_()), y), z)[0].sign(), "clip"),
        (lambda m, x, y, e: attacks.fgv(m, x, y, eps=e), "sign"),
        (lambda m, x, y, e: attacks.fgsm(m, x, eps=e), "labels y"),
        (fgsm_edits_input, "editing in place"),
        (fgsm_stale_gradient, "old gradient"),
        (fgsm_backward, "parameters now hold"),
        (fgsm_normalized_units, "more than eps"),
        (lambda m, x, y, e: fgsm(m, x, y, 0.1), "half the eps"),
        (lambda m, x, y, e: fgsm(m.train(), x, y, e), "another mode"),
        (lambda m, x, y, e: fgsm(m.requires_grad_(False), x, y, e), "no longer ask"),
        (lambda m, x, y, e: print(fgsm(m, x, y, e)), "returns nothing"),
        (lambda m, x, y, e: fgsm(m, x, y, e).numpy(), "is ndarray"),
        (lambda m, x, y: x, "must take the arguments"),
    ),
    "targeted_fgsm": (
        (fgsm, "Subtract"),
        (lambda m, x, t, e: attacks.fgsm(m, x, eps=e), "own class"),
        (lambda m, x, t, e: x - e * torch.autograd.grad(F.cross_entropy(m(z := x.clone().requires_grad_()), t), z)[0].sign(), "clip"),
        (lambda m, x, t, e: attacks.fgv(m, x, t, eps=e, targeted=True), "is off by"),
    ),
    "noise_of_size": (
        (lambda x, e, g: (x + e * (2 * torch.rand(x.shape, generator=g) - 1)).clamp(0, 1), "less than eps"),
        (lambda x, e, g: (x + e * torch.randn(x.shape, generator=g)).clamp(0, 1), "more than eps"),
        (lambda x, e, g: x + e * (2 * torch.randint(0, 2, x.shape, generator=g) - 1), "leave [0, 1]"),
        (lambda x, e, g: (x + e * (2 * torch.randint(0, 2, x.shape) - 1)).clamp(0, 1), "draw from `generator`"),
        (lambda x, e, g: (x + e * (2 * torch.randint(0, 2, x[:1].shape, generator=g) - 1)).clamp(0, 1), "same noise"),
        (lambda x, e, g: (x + e * (2 * torch.randint(0, 2, (len(x), 1, 1, 1), generator=g) - 1)).clamp(0, 1), "move together"),
        (lambda x, e, g: (x + e * (2 * torch.randint(0, 2, x[:, :, :1].shape, generator=g) - 1)).clamp(0, 1), "all rows"),
        (lambda x, e, g: noise_of_size(x, e, generator(0)), "another generator"),
        (lambda x, e, g: (x + e * (2 * torch.randint(0, 2, x.shape, generator=g) - 1)).clamp(min=0), "up to 1.07"),
        (lambda x, e, g: (x + e * torch.randint(0, 2, x.shape, generator=g).clamp(1)).clamp(0, 1), "equally likely"),
    ),
    "honest_success": (
        (lambda b, a, y: (a != y).float().mean().item(), "had wrong before"),
        (lambda b, a, y: (a != b).float().mean().item(), "changed predictions"),
        (lambda b, a, y: ((b == y) & (a != y)).float().mean().item(), "divide by all"),
        (lambda b, a, y: (a[b == y] == y[b == y]).float().mean().item(), "survive"),
        (lambda b, a, y: honest_success(b, a, y) * 100, "0.4 is expected"),
    ),
}  # fmt: skip
