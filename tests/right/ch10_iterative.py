"""Right answers to the exercises of chapter 10, in other words than the reference's."""

import math

import torch
import torch.nn.functional as F


# ---------------------------------------------------------------- small_step


def step_with_clamps(model, x, now, y, eps, step):
    z = now.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(z), y), z)
    return (now + step * gradient.sign()).clamp(x - eps, x + eps).clamp(0, 1).detach()


def step_by_change(model, x, now, y, eps, step):
    """The change is kept within eps, then the picture within [0, 1]."""
    change = (now - x).detach().requires_grad_()
    loss = F.cross_entropy(model(x.detach() + change), y, reduction="sum")
    loss.backward(inputs=[change])
    moved = torch.where(change.grad > 0, change + step, torch.where(change.grad < 0, change - step, change))
    return torch.clip(x + torch.clip(moved, -eps, eps), 0, 1).detach()


def step_one_by_one(model, x, now, y, eps, step):
    done = []
    for clean, here, label in zip(x.detach(), now.detach(), y):
        z = here[None].clone().requires_grad_()
        (-model(z).log_softmax(1)[0, label]).backward(inputs=[z])
        done.append(torch.minimum(torch.maximum(here + step * z.grad[0].sign(), clean - eps), clean + eps))
    return torch.stack(done).clamp(min=0, max=1)


# ---------------------------------------------------------------- how_many


def count_by_ceil(eps):
    levels = 255 * eps
    return math.ceil(round(min(levels + 4, 1.25 * levels), 6))


def count_by_floor(eps):
    """Rounding up is rounding down the negative."""
    return int(-max(-(255 * eps + 4) // 1, -318.75 * eps // 1))


def count_up(eps):
    steps = 0
    while steps < min(255 * eps + 4, 255 * eps * 1.25) - 1e-6:
        steps += 1
    return steps


# ---------------------------------------------------------------- to_ball


def ball_by_factor(moved, x, eps):
    change = moved - x
    size = change.flatten(1).norm(dim=1).clamp_min(1e-12)
    return (x + change * (eps / size).clamp(max=1)[:, None, None, None]).clamp(0, 1)


def ball_by_where(moved, x, eps):
    change = (moved - x).reshape(len(x), -1)
    size = (change * change).sum(1, keepdim=True).sqrt()
    shorter = torch.where(size > eps, eps * change / size, change)
    return torch.clip(x + shorter.reshape(x.shape), 0, 1)


def ball_one_by_one(moved, x, eps):
    done = []
    for there, clean in zip(moved, x):
        size = (there - clean).norm().item()
        done.append(clean + (there - clean) * eps / size if size > eps else there)
    return torch.stack(done).clamp(0, 1)


def ball_by_renorm(moved, x, eps):
    """torch.renorm does it by rows, for all that is longer than maxnorm."""
    change = torch.renorm((moved - x).flatten(1), p=2, dim=0, maxnorm=eps)
    return (x + change.view_as(x)).clamp(0, 1)


# ---------------------------------------------------------------- boundary_step


def boundary_by_rows(ahead, slopes):
    size = slopes.flatten(2).norm(dim=2)
    k = (ahead / size).argmin(1)
    rows = torch.arange(len(ahead), device=ahead.device)
    return (ahead[rows, k] / size[rows, k] ** 2)[:, None, None, None] * slopes[rows, k]


def boundary_by_gather(ahead, slopes):
    square = torch.einsum("nkchw,nkchw->nk", slopes, slopes)
    k = (ahead**2 / square).argmin(1, keepdim=True)
    scale = (ahead / square).gather(1, k)[:, :, None, None]
    w = slopes.gather(1, k[:, :, None, None, None].expand(-1, -1, *slopes.shape[2:]))[:, 0]
    return scale * w


def boundary_loop(ahead, slopes):
    steps = []
    for leads, ws in zip(ahead, slopes):
        distance, w = min(((lead / w.norm(), w) for lead, w in zip(leads, ws)), key=lambda pair: pair[0].item())
        steps.append(distance * w / w.norm())
    return torch.stack(steps)


def boundary_by_min(ahead, slopes):
    size = slopes.flatten(2).pow(2).sum(2).sqrt()
    distance, k = (ahead / size).min(dim=1)
    mask = F.one_hot(k, ahead.shape[1]).to(slopes)[:, :, None, None, None]
    w = (mask * slopes).sum(1)
    return distance[:, None, None, None] * w / w.flatten(1).norm(dim=1)[:, None, None, None]


RIGHT = {
    "small_step": (step_with_clamps, step_by_change, step_one_by_one),
    "how_many": (count_by_ceil, count_by_floor, count_up),
    "to_ball": (ball_by_factor, ball_by_where, ball_one_by_one, ball_by_renorm),
    "boundary_step": (boundary_by_rows, boundary_by_gather, boundary_loop, boundary_by_min),
}
