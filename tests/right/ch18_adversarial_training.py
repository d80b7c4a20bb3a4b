"""Right answers to the exercises of chapter 18, in other words than the reference's."""

import torch
import torch.nn.functional as F

from course_utils import attacks

# ---------------------------------------------------------------- mixed_loss


def mixed_plainly(model, x, y, eps, alpha):
    z = x.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(model(z), y), z)
    moved = (x + eps * slope.sign()).clamp(0, 1).detach()
    return alpha * F.cross_entropy(model(x), y) + (1 - alpha) * F.cross_entropy(model(moved), y)


def mixed_by_the_library(model, x, y, eps, alpha):
    moved = attacks.fgsm(model, x, y, eps=eps)
    return torch.lerp(F.cross_entropy(model(moved), y), F.cross_entropy(model(x), y), alpha)


def mixed_in_one_pass(model, x, y, eps, alpha):
    """Both halves go through the network together, each picture with its share."""
    z = x.detach().clone()
    z.requires_grad = True
    slope = torch.autograd.grad(F.cross_entropy(model(z), y, reduction="sum"), z)[0]
    moved = torch.clamp(z.detach() + eps * torch.sign(slope), 0, 1)
    losses = F.cross_entropy(model(torch.cat([x.detach(), moved])), y.repeat(2), reduction="none")
    return alpha * losses[: len(x)].mean() + (1 - alpha) * losses[len(x) :].mean()


# ---------------------------------------------------------------- watched_climb


def climbed_plainly(model, x, y, start, eps, step, steps):
    x, z, kept = x.detach(), start.detach(), []
    for t in range(steps + 1):
        z = z.detach().requires_grad_()
        loss = F.cross_entropy(model(z), y, reduction="none")
        kept.append(loss.detach())
        if t < steps:
            slope = torch.autograd.grad(loss.sum(), z)[0]
            z = (z + step * slope.sign()).clamp(x - eps, x + eps).clamp(0, 1)
    return z.detach(), torch.stack(kept)


def climbed_by_its_change(model, x, y, start, eps, step, steps):
    x = x.detach()
    change, rows = start.detach() - x, []
    for _ in range(steps):
        z = (x + change).requires_grad_()
        loss = F.cross_entropy(model(z), y, reduction="none")
        rows.append(loss.detach())
        (slope,) = torch.autograd.grad(loss.sum(), z)
        change = (change + step * slope.sign()).clamp(-eps, eps)
        change = (x + change).clamp(0, 1) - x
    with torch.no_grad():
        rows.append(F.cross_entropy(model(x + change), y, reduction="none"))
    return x + change, torch.stack(rows)


def climbed_with_a_table(model, x, y, start, eps, step, steps):
    x = x.detach()
    z, table = start.detach().clone(), torch.zeros(steps + 1, len(x), dtype=x.dtype, device=x.device)
    low, high = torch.clamp(x - eps, min=0), torch.clamp(x + eps, max=1)
    for t in range(steps):
        z.requires_grad_(True)
        scores = model(z)
        table[t] = scores.detach().logsumexp(1) - scores.detach().gather(1, y[:, None])[:, 0]
        slope = torch.autograd.grad(F.cross_entropy(scores, y, reduction="sum"), z)[0]
        z = torch.max(torch.min(z.detach() + step * torch.sign(slope), high), low)
    table[steps] = F.cross_entropy(model(z), y, reduction="none").detach()
    return z, table


# ---------------------------------------------------------------- still_right


def right_in_all(right):
    return 100 * right.all(0).float().mean().item()


def right_by_counting(right):
    survived = right.sum(0) == len(right)
    return 100 * int(survived.sum()) / right.shape[1]


def right_by_falling(right):
    fallen = (~right).any(dim=0)
    return 100 * (1 - fallen.double().mean().item())


# ---------------------------------------------------------------- hardest_first


def hardest_by_two_sorts(steps, loss, many):
    order = loss.argsort(descending=True)
    return order[steps[order].argsort(stable=True)][:many]


def hardest_by_one_number(steps, loss, many):
    tied = steps.double() - loss.double() / (1 + loss.double().max())
    return torch.topk(tied, many, largest=False, sorted=True).indices


def hardest_as_python_sorts(steps, loss, many):
    pairs = sorted(range(len(steps)), key=lambda i: (int(steps[i]), -float(loss[i])))
    return torch.tensor(pairs[:many], device=steps.device)


# ---------------------------------------------------------------- worst_view


def worst_plainly(model, views, y):
    with torch.no_grad():
        loss = torch.stack([F.cross_entropy(model(x), y, reduction="none") for x in views])
    return views[loss.argmax(0), torch.arange(len(y))]


def worst_so_far(model, views, y):
    best, height = views[0].clone(), None
    for x in views:
        with torch.no_grad():
            loss = F.cross_entropy(model(x), y, reduction="none")
        take = torch.ones_like(loss, dtype=torch.bool) if height is None else loss > height
        best = torch.where(take[:, None, None, None], x, best)
        height = loss if height is None else torch.where(take, loss, height)
    return best.detach()


def worst_in_one_batch(model, views, y):
    with torch.no_grad():
        scores = model(views.flatten(0, 1)).log_softmax(1).unflatten(0, views.shape[:2])
    right = scores.gather(2, y.expand(len(views), -1)[..., None])[..., 0]
    index = right.argmin(0)[None, :, None, None, None].expand(1, *views.shape[1:])
    return views.gather(0, index)[0].detach()


# ---------------------------------------------------------------- scene_step


def step_plainly(model, render, p, y, step):
    z = p.detach().clone().requires_grad_()
    g = torch.autograd.grad(F.cross_entropy(model(render(z)), y, reduction="sum"), z)[0]
    return (p + step * g.sign()).clamp(-1, 1).detach()


def step_from_zero(model, render, p, y, step):
    aside = torch.zeros_like(p, requires_grad=True)
    loss = F.cross_entropy(model(render(p.detach() + aside)), y)
    (g,) = torch.autograd.grad(loss, aside)
    return torch.clamp(p.detach() + step * torch.sign(g), min=-1, max=1)


def step_with_limits(model, render, p, y, step):
    z = p.detach().requires_grad_()
    log_p = model(render(z)).log_softmax(1)
    (g,) = torch.autograd.grad(-log_p[torch.arange(len(y)), y].sum(), z)
    return torch.minimum(torch.maximum(z.detach() + step * g.sign(), -torch.ones_like(p)), torch.ones_like(p)).detach()


RIGHT = {
    "mixed_loss": (mixed_plainly, mixed_by_the_library, mixed_in_one_pass),
    "watched_climb": (climbed_plainly, climbed_by_its_change, climbed_with_a_table),
    "still_right": (right_in_all, right_by_counting, right_by_falling),
    "hardest_first": (hardest_by_two_sorts, hardest_by_one_number, hardest_as_python_sorts),
    "worst_view": (worst_plainly, worst_so_far, worst_in_one_batch),
    "scene_step": (step_plainly, step_from_zero, step_with_limits),
}
