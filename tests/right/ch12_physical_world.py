"""Right answers to the exercises of chapter 12, in other words than the reference's."""

import math

import torch
import torch.nn.functional as F

# ---------------------------------------------------------------- lens_grid


def grid_by_meshgrid(size, k):
    place = (torch.arange(size) + 0.5) * 2 / size - 1
    y, x = torch.meshgrid(place, place, indexing="ij")
    factor = 1 + k * (x**2 + y**2)
    return torch.stack([x * factor, y * factor], dim=-1)


def grid_by_affine(size, k):
    """torch's own grid of pixel centres."""
    flat = F.affine_grid(torch.eye(2, 3)[None], [1, 1, size, size], align_corners=False)[0]
    return flat + k * flat * flat.pow(2).sum(2, keepdim=True)


def grid_by_loops(size, k):
    grid = torch.empty(size, size, 2)
    for row in range(size):
        for column in range(size):
            x, y = (2 * column + 1 - size) / size, (2 * row + 1 - size) / size
            grid[row, column, 0] = x * (1 + k * (x * x + y * y))
            grid[row, column, 1] = y * (1 + k * (x * x + y * y))
    return grid


# ---------------------------------------------------------------- round_through


def round_by_difference(x):
    rounded = torch.round(x * 255) / 255
    return x + (rounded - x).detach()


class Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.floor(x * 255 + 0.5) / 255

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def round_by_function(x):
    return Through.apply(x)


def round_by_no_grad(x):
    with torch.no_grad():
        off = (255 * x).round() / 255 - x
    return off + x


# ---------------------------------------------------------------- destruction_rate


def rate_by_masks(clean, attacked, after, y):
    fooled = (clean == y) & (attacked != y)
    return (after == y)[fooled].float().mean().item()


def rate_by_sums(clean, attacked, after, y):
    below = ((clean == y) & (attacked != y)).sum().item()
    above = ((clean == y) & (attacked != y) & (after == y)).sum().item()
    return above / below if below else math.nan


def rate_by_loop(clean, attacked, after, y):
    undone = [t == label for c, a, t, label in zip(clean.tolist(), attacked.tolist(), after.tolist(), y.tolist()) if c == label != a]
    return sum(undone) / len(undone) if undone else float("nan")


# ---------------------------------------------------------------- eot_step


def step_by_sum(model, views, x, now, y, eps, step):
    z = now.detach().clone().requires_grad_()
    loss = sum(F.cross_entropy(model(view(z)), y) for view in views)
    (gradient,) = torch.autograd.grad(loss, z)
    return (now + step * gradient.sign()).clamp(x - eps, x + eps).clamp(0, 1).detach()


def step_in_one_batch(model, views, x, now, y, eps, step):
    """All views of all pictures in one batch."""
    change = (now - x).detach().requires_grad_()
    seen = torch.cat([view(x.detach() + change) for view in views])
    loss = F.cross_entropy(model(seen), y.repeat(len(views)))
    loss.backward(inputs=[change])
    return torch.clip(x + torch.clip(change + step * torch.sign(change.grad), -eps, eps), 0, 1).detach()


def step_by_gradients(model, views, x, now, y, eps, step):
    total = torch.zeros_like(now.detach())
    for view in views:
        z = now.detach().clone().requires_grad_()
        total += torch.autograd.grad(-model(view(z)).log_softmax(1).gather(1, y[:, None]).sum(), z)[0]
    moved = now.detach() + step * total.sign()
    return torch.minimum(torch.maximum(moved, x.detach() - eps), x.detach() + eps).clamp(min=0, max=1)


RIGHT = {
    "lens_grid": (grid_by_meshgrid, grid_by_affine, grid_by_loops),
    "round_through": (round_by_difference, round_by_function, round_by_no_grad),
    "destruction_rate": (rate_by_masks, rate_by_sums, rate_by_loop),
    "eot_step": (step_by_sum, step_in_one_batch, step_by_gradients),
}
