"""Right answers to the exercises of chapter 09, written in other words than the reference."""

import numpy as np
import torch
import torch._dynamo  # the first use of torch.func imports it, which takes seconds: not inside a timed answer
import torch.nn.functional as F


def linear_step_where(x, w, eps):
    return torch.where(w > 0, x + eps, x - eps)


def linear_step_loop(x, w, eps):
    return torch.stack([a + eps if b > 0 else a - eps for a, b in zip(x, w)])


def linear_step_in_numpy(x, w, eps):
    return torch.from_numpy(x.cpu().numpy() + eps * np.sign(w.cpu().numpy())).to(x.device)


def linear_step_by_the_gradient_of_the_score(x, w, eps):
    z = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(w @ z, z)
    return torch.add(x, slope.sign(), alpha=eps)


def fgsm_one_by_one(model, x, y, eps):
    out = []
    for i in range(len(x)):
        z = x[i : i + 1].clone().requires_grad_()
        F.cross_entropy(model(z), y[i : i + 1]).backward(inputs=[z])
        out.append(torch.clamp(z + eps * z.grad.sign(), 0, 1).detach())
    return torch.cat(out)


def fgsm_by_vmap(model, x, y, eps):
    slope = torch.func.vmap(torch.func.grad(lambda a, b: F.cross_entropy(model(a[None]), b[None])))(x, y)
    return (x + eps * slope.sign()).clip(0, 1).detach()  # the model's weights ask for gradients, too


def fgsm_with_a_change_of_zero(model, x, y, eps):
    change = torch.zeros_like(x, requires_grad=True)
    (slope,) = torch.autograd.grad(F.nll_loss(F.log_softmax(model(x + change), 1), y), change)
    return torch.where(slope == 0, x, torch.where(slope > 0, x + eps, x - eps)).clamp(0, 1).detach()


def fgsm_written_out(model, x, y, eps):
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def honest_by_counting(before, after, y):
    kept = [int(b == t) for b, t in zip(before, y)]
    return sum(int(k and a != t) for k, a, t in zip(kept, after, y)) / sum(kept)


def honest_by_division(before, after, y):
    right = before.eq(y)
    return (right & after.ne(y)).sum().item() / right.sum().item()


def honest_by_survivors(before, after, y):
    at = torch.nonzero(before == y).flatten()
    return 1 - torch.mean((after.index_select(0, at) == y.index_select(0, at)).double()).item()


def honest_in_numpy(before, after, y):
    before, after, y = (t.cpu().numpy() for t in (before, after, y))
    return float(np.average(after != y, weights=before == y))


def noise_from_normal(x, eps, generator):
    return (x + eps * torch.randn(x.shape, generator=generator).sign().to(x.device)).clamp(0, 1)


def noise_of_coins(x, eps, generator):
    coins = torch.randint(0, 2, x.shape, generator=generator).to(x.device)
    return (x + eps * (2 * coins - 1)).clamp(0, 1)


def noise_where(x, eps, generator):
    up = (torch.rand(x.shape, generator=generator) < 0.5).to(x.device)
    return torch.where(up, (x + eps).clamp(max=1), (x - eps).clamp(min=0))


def noise_bernoulli(x, eps, generator):
    coins = torch.full(x.shape, 0.5).bernoulli(generator=generator).to(x.device)
    return torch.clip(x - eps + 2 * eps * coins, 0, 1)


def targeted_by_log_probability(model, x, target, eps):
    gradient = torch.func.grad(lambda z: model(z).log_softmax(1).gather(1, target[:, None]).sum())(x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def targeted_written_out(model, x, target, eps):
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), target), x)
    return (x - eps * gradient.sign()).clamp(0, 1).detach()


def targeted_by_logsumexp(model, x, target, eps):
    z = x.clone().requires_grad_()
    scores = model(z)
    (scores.logsumexp(1) - torch.einsum("nk,nk->n", scores, F.one_hot(target, scores.shape[1]).to(scores))).sum().backward(inputs=[z])
    return torch.clamp(z - eps * torch.sign(z.grad), 0, 1).detach()


RIGHT = {
    "linear_step": (linear_step_where, linear_step_loop, linear_step_in_numpy, linear_step_by_the_gradient_of_the_score),
    "fgsm": (fgsm_one_by_one, fgsm_by_vmap, fgsm_with_a_change_of_zero, fgsm_written_out),
    "honest_success": (honest_by_counting, honest_by_division, honest_by_survivors, honest_in_numpy),
    "noise_of_size": (noise_from_normal, noise_of_coins, noise_where, noise_bernoulli),
    "targeted_fgsm": (targeted_by_log_probability, targeted_written_out, targeted_by_logsumexp),
}
