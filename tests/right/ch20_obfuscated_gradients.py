"""Right answers to the exercises of chapter 20, in other words than the reference's."""

import torch
import torch.nn.functional as F

# ---------------------------------------------------------------- to_thermometer


def by_comparing(x, levels):
    k = torch.arange(1, levels + 1, dtype=x.dtype, device=x.device)
    return (x[:, :, None] > k[:, None, None] / levels).to(x.dtype).flatten(1, 2)


def level_by_level(x, levels):
    codes = [torch.where(x > k / levels, 1, 0) for k in range(1, levels + 1)]
    return torch.stack(codes, dim=2).to(x).reshape(len(x), -1, *x.shape[2:])


def channel_by_channel(x, levels):
    parts = []
    for channel in range(x.shape[1]):
        for k in range(levels):
            parts.append((x[:, channel] > (k + 1) / levels).to(x.dtype))
    return torch.stack(parts, 1)


# ---------------------------------------------------------------- bpda_gradient


def by_detaching(network, ahead, back, x, y):
    z = x.detach().clone().requires_grad_()
    stand_in = back(z)
    value = stand_in + (ahead(z.detach()) - stand_in).detach()
    loss = F.cross_entropy(network(value), y, reduction="sum")
    return torch.autograd.grad(loss, z)[0]


def in_two_steps(network, ahead, back, x, y):
    seen = ahead(x.detach()).detach().clone().requires_grad_()
    (outer,) = torch.autograd.grad(F.cross_entropy(network(seen), y, reduction="sum"), seen)
    z = x.detach().clone().requires_grad_()
    return torch.autograd.grad(back(z), z, grad_outputs=outer)[0]


class Swapped(torch.autograd.Function):
    @staticmethod
    def forward(ctx, stand_in, value):
        return value.clone()

    @staticmethod
    def backward(ctx, slope):
        return slope, None


def by_a_function(network, ahead, back, x, y):
    watched = x.detach().clone().requires_grad_()
    scores = network(Swapped.apply(back(watched), ahead(watched.detach())))
    total = -scores.log_softmax(1).gather(1, y[:, None]).sum()
    (gradient,) = torch.autograd.grad(total, watched)
    return gradient


# ---------------------------------------------------------------- draws_gradient


def by_mean_loss(network, draws, x, y):
    z = x.detach().clone().requires_grad_()
    losses = [F.cross_entropy(network(z + (draw(z.detach()) - z).detach()), y, reduction="sum") for draw in draws]
    return torch.autograd.grad(sum(losses) / len(draws), z)[0]


def draw_by_draw(network, draws, x, y):
    total = torch.zeros_like(x)
    for draw in draws:
        seen = draw(x.detach()).detach().clone().requires_grad_()
        total = total + torch.autograd.grad(F.cross_entropy(network(seen), y, reduction="sum"), seen)[0]
    return (total / len(draws)).detach()


def in_one_batch(network, draws, x, y):
    seen = torch.cat([draw(x.detach()) for draw in draws]).detach().requires_grad_()
    loss = F.cross_entropy(network(seen), y.repeat(len(draws)), reduction="sum")
    (slopes,) = torch.autograd.grad(loss, seen)
    return slopes.unflatten(0, (len(draws), len(x))).mean(0)


# ---------------------------------------------------------------- likeliest


def by_where(scores, x, levels, eps):
    far = (x.unsqueeze(-1) - levels).abs() > eps
    left = torch.where(far, torch.full_like(scores, float("-inf")), scores)
    return torch.take(levels, left.max(-1).indices)


def one_by_one(scores, x, levels, eps):
    found = []
    for row, value in zip(scores.reshape(-1, len(levels)), x.reshape(-1)):
        near = ((levels - value).abs() <= eps).nonzero()[:, 0]
        found.append(levels[near[row[near].argmax()]])
    return torch.stack(found).reshape(x.shape)


def from_the_likeliest_down(scores, x, levels, eps):
    order = scores.argsort(-1, descending=True)
    near = (levels[order] - x[..., None]).abs() <= eps
    first = near.to(scores).argmax(-1, keepdim=True)
    return levels[order.gather(-1, first)[..., 0]]


# ---------------------------------------------------------------- found_by_chance


def try_by_try(model, x, y, eps, noise):
    fooled = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    with torch.no_grad():
        for k in range(noise.shape[1]):
            fooled |= model((x + eps * noise[:, k]).clamp(0, 1)).argmax(1) != y
    return fooled


def picture_by_picture(model, x, y, eps, noise):
    found = []
    for picture, own, steps in zip(x.detach(), y, noise.detach()):
        classes = model(torch.clamp(picture + eps * steps, min=0, max=1)).argmax(1)
        found.append((classes != own).sum() > 0)
    return torch.stack(found)


def every_place_at_once(model, x, y, eps, noise):
    tries = noise.shape[1]
    moved = torch.clamp(x.repeat_interleave(tries, 0) + eps * noise.reshape(-1, *x.shape[1:]), 0, 1)
    with torch.no_grad():
        right = model(moved).max(1).indices == y.repeat_interleave(tries)
    return ~right.reshape(-1, tries).all(1)


RIGHT = {
    "to_thermometer": (by_comparing, level_by_level, channel_by_channel),
    "bpda_gradient": (by_detaching, in_two_steps, by_a_function),
    "draws_gradient": (by_mean_loss, draw_by_draw, in_one_batch),
    "likeliest": (by_where, one_by_one, from_the_likeliest_down),
    "found_by_chance": (try_by_try, picture_by_picture, every_place_at_once),
}
