"""Right answers to the exercises of chapter 09, written in other words than the reference."""

import torch
import torch.nn.functional as F


def linear_step_where(x, w, eps):
    return torch.where(w > 0, x + eps, x - eps)


def fgsm_one_by_one(model, x, y, eps):
    out = []
    for i in range(len(x)):
        z = x[i : i + 1].clone().requires_grad_()
        F.cross_entropy(model(z), y[i : i + 1]).backward(inputs=[z])
        out.append(torch.clamp(z + eps * z.grad.sign(), 0, 1).detach())
    return torch.cat(out)


def fgsm_that_cleans_up(model, x, y, eps):
    z = x.clone().requires_grad_()
    F.cross_entropy(model(z), y).backward()
    model.zero_grad()
    return (x + eps * z.grad.sign()).clamp(0, 1)


def noise_from_normal(x, eps, generator):
    return (x + eps * torch.randn(x.shape, generator=generator).sign()).clamp(0, 1)


def honest_by_counting(before, after, y):
    kept = [int(b == t) for b, t in zip(before, y)]
    return sum(int(k and a != t) for k, a, t in zip(kept, after, y)) / sum(kept)


def targeted_by_log_probability(model, x, target, eps):
    gradient = torch.func.grad(lambda z: model(z).log_softmax(1).gather(1, target[:, None]).sum())(x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def fgsm_written_out(model, x, y, eps):
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def noise_of_coins(x, eps, generator):
    coins = torch.randint(0, 2, x.shape, generator=generator)
    return (x + eps * (2 * coins - 1)).clamp(0, 1)


def targeted_written_out(model, x, target, eps):
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), target), x)
    return (x - eps * gradient.sign()).clamp(0, 1).detach()


RIGHT = {
    "linear_step": (linear_step_where,),
    "fgsm": (fgsm_one_by_one, fgsm_that_cleans_up, fgsm_written_out),
    "noise_of_size": (noise_from_normal, noise_of_coins),
    "honest_success": (honest_by_counting,),
    "targeted_fgsm": (targeted_by_log_probability, targeted_written_out),
}
