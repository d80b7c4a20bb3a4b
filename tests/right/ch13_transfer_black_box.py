"""Right answers to the exercises of chapter 13, in other words than the reference's."""

import math

import torch

# ---------------------------------------------------------------- transfer_rates


def rates_by_masks(clean, attacked, y):
    had = clean == y
    wrong = attacked != y
    return (wrong & had).sum(dim=2) / had.sum(dim=1)


def rates_by_products(clean, attacked, y):
    had, wrong = (clean == y[None]).float(), (attacked != y[None, None]).float()
    return torch.einsum("rmn,mn->rm", wrong, had) / had.sum(1)[None]


def rates_one_by_one(clean, attacked, y):
    rows = []
    for way in attacked:
        rows.append([(now[before == y] != y[before == y]).float().mean() for before, now in zip(clean, way)])
    return torch.stack([torch.stack(row) for row in rows])


# ---------------------------------------------------------------- amplified


def amplified_by_factor(x, x_adv, size):
    change = x_adv - x
    rms = change.flatten(1).square().mean(1).sqrt().clamp_min(1e-12)
    return (x + (size / rms)[:, None, None, None] * change).clamp(0, 1)


def amplified_by_norm(x, x_adv, size):
    r = (x_adv - x).flatten(1)
    longer = size * math.sqrt(r.shape[1]) * r / r.norm(dim=1, keepdim=True).clamp_min(1e-9)
    return torch.clip(x + longer.view_as(x_adv.contiguous()), 0, 1)


def amplified_one_by_one(x, x_adv, size):
    done = []
    for clean, moved in zip(x, x_adv):
        rms = ((moved - clean) ** 2).mean() ** 0.5
        done.append(clean + (moved - clean) * (size / rms) if rms > 0 else clean)
    return torch.stack(done).clamp(min=0, max=1)


# ---------------------------------------------------------------- jacobian_step


def step_by_gather(model, x, y, step):
    z = x.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(z).gather(1, y[:, None]).sum(), z)
    return (x + step * slope.sign()).clamp(0, 1).detach()


def step_by_one_hot(model, x, y, step):
    z = x.detach().clone().requires_grad_()
    scores = model(z)
    (scores * torch.nn.functional.one_hot(y, scores.shape[1])).sum().backward(inputs=[z])
    moved = torch.where(z.grad > 0, z + step, torch.where(z.grad < 0, z - step, z))
    return torch.clip(moved, 0, 1).detach()


def step_one_by_one(model, x, y, step):
    done = []
    for picture, label in zip(x.detach(), y):
        z = picture[None].clone().requires_grad_()
        model(z)[0, label].backward(inputs=[z])
        done.append(picture + step * torch.sign(z.grad[0]))
    return torch.stack(done).clamp(min=0, max=1)


# ---------------------------------------------------------------- slope_from_scores


def slope_by_weights(plus, minus, u, sigma):
    weight = (plus - minus) / (2 * sigma)
    return (u * weight[:, :, None, None, None]).mean(0)


def slope_by_einsum(plus, minus, u, sigma):
    return torch.einsum("sn,snchw->nchw", plus - minus, u) / (2 * sigma * len(u))


def slope_by_loop(plus, minus, u, sigma):
    total = 0
    for above, below, direction in zip(plus, minus, u):
        total = total + direction * ((above - below) / sigma / 2).reshape(-1, 1, 1, 1)
    return total / len(u)


# ---------------------------------------------------------------- decibels


def decibels_by_norms(wave, changed):
    signal, noise = wave.norm(dim=1), (changed - wave).norm(dim=1)
    found = 20 * (signal.log10() - noise.log10())
    found[noise == 0] = math.inf
    return found


def decibels_by_products(wave, changed):
    """Sums of squares as products of rows, means in the place of sums."""
    change = changed - wave
    signal, noise = (torch.einsum("nt,nt->n", values, values) / values.shape[1] for values in (wave, change))
    return torch.where(noise == 0, float("inf"), 10 / math.log(10) * torch.log(signal / noise))


def decibels_by_loop(wave, changed):
    rows = []
    for before, after in zip(wave, changed):
        noise = (after - before).pow(2).sum()
        rows.append(10 * torch.log10(before.pow(2).sum() / noise) if noise > 0 else torch.full_like(noise, math.inf))
    return torch.stack(rows)


RIGHT = {
    "transfer_rates": (rates_by_masks, rates_by_products, rates_one_by_one),
    "amplified": (amplified_by_factor, amplified_by_norm, amplified_one_by_one),
    "jacobian_step": (step_by_gather, step_by_one_hot, step_one_by_one),
    "slope_from_scores": (slope_by_weights, slope_by_einsum, slope_by_loop),
    "decibels": (decibels_by_norms, decibels_by_products, decibels_by_loop),
}
