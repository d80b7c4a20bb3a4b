"""Right answers to the exercises of chapter 05, written in other words than the references."""

import numpy as np
import torch
import torch.nn.functional as F

# ---------------------------------------------------------------- a step uphill


def climb_with_backward(model, x, y, rate):
    z = x.detach().clone().requires_grad_()
    model(z)[torch.arange(len(y), device=y.device), y].sum().backward(inputs=[z])
    step = z.grad / z.grad.abs().flatten(1).mean(1).view(-1, 1, 1, 1)
    return torch.clip(z.detach() + rate * step, 0, 1)


def climb_by_func(model, x, y, rate):
    def total(pictures):
        scores = model(pictures)
        return (scores * F.one_hot(y, scores.shape[1]).to(scores)).sum()

    slope = torch.func.grad(total)(x.detach())
    return (x + rate * slope * (slope[0].numel() / slope.abs().sum((1, 2, 3), keepdim=True))).clamp(0, 1).detach()


def climb_one_by_one(model, x, y, rate):
    out = []
    for picture, kind in zip(x.detach(), y.tolist()):
        picture = picture[None].clone().requires_grad_()
        (slope,) = torch.autograd.grad(model(picture)[0, kind], picture)
        out.append((picture + rate * slope / slope.abs().mean()).clamp(0, 1).detach())
    return torch.cat(out)


def climb_by_the_change(model, x, y, rate):
    change = torch.zeros_like(x, requires_grad=True)
    (slope,) = torch.autograd.grad(model(x.detach() + change).gather(1, y.unsqueeze(1)).sum(), change)
    length = torch.linalg.vector_norm(slope, 1, dim=(1, 2, 3), keepdim=True) / slope[0].numel()
    return torch.minimum(torch.maximum(x.detach() + rate * slope / length, torch.zeros_like(x)), torch.ones_like(x)).detach()


# ---------------------------------------------------------------- the price


def price_by_norm(x, centre, weight):
    return weight * torch.linalg.vector_norm(x - centre, dim=(1, 2, 3)) ** 2


def price_by_einsum(x, centre, weight):
    away = x - centre
    return weight * torch.einsum("nchw,nchw->n", away, away)


def price_by_loop(x, centre, weight):
    return torch.stack([weight * ((picture - centre) ** 2).sum() for picture in x])


def price_expanded(x, centre, weight):
    flat = x.reshape(len(x), -1)
    return weight * ((flat * flat).sum(1) - 2 * centre * flat.sum(1) + flat.shape[1] * centre * centre)


# ---------------------------------------------------------------- a small blur


def soften_by_convolution(x):
    line = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype, device=x.device) / 4
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernel, groups=x.shape[1])


def soften_by_matrices(x):
    def mix(n):
        a = torch.eye(n, dtype=x.dtype, device=x.device) / 2
        for i in range(n):
            a[i, max(i - 1, 0)] += 0.25
            a[i, min(i + 1, n - 1)] += 0.25
        return a

    return mix(x.shape[2]) @ x @ mix(x.shape[3]).T


def soften_by_index(x):
    for axis in (2, 3):
        places = torch.arange(x.shape[axis], device=x.device)
        last = x.shape[axis] - 1
        x = 0.5 * x + 0.25 * (x.index_select(axis, (places - 1).clamp(0, last)) + x.index_select(axis, (places + 1).clamp(0, last)))
    return x


def soften_by_two_means(x):
    """A quarter, a half, a quarter: the mean of two pixels, twice."""
    for axis in (2, 3):
        first, last = x.narrow(axis, 0, 1), x.narrow(axis, x.shape[axis] - 1, 1)
        wide = torch.cat([first, x, last], axis)
        half = (wide.narrow(axis, 0, x.shape[axis] + 1) + wide.narrow(axis, 1, x.shape[axis] + 1)) / 2
        x = (half.narrow(axis, 0, x.shape[axis]) + half.narrow(axis, 1, x.shape[axis])) / 2
    return x


# ---------------------------------------------------------------- octaves


def octaves_backwards(side, count, ratio):
    sizes = []
    for k in range(count):
        sizes.insert(0, round(side / ratio**k))
    return tuple(sizes)


def octaves_in_numpy(side, count, ratio):
    return tuple(int(n) for n in np.rint(side / np.power(float(ratio), np.arange(count - 1, -1, -1))))


def octaves_of_a_list(side, count, ratio):
    return tuple([round(side * ratio**-k) for k in range(count)][::-1])


RIGHT = {
    "climb": (climb_with_backward, climb_by_func, climb_one_by_one, climb_by_the_change),
    "price": (price_by_norm, price_by_einsum, price_by_loop, price_expanded),
    "soften": (soften_by_convolution, soften_by_matrices, soften_by_index, soften_by_two_means),
    "octave_sizes": (octaves_backwards, octaves_in_numpy, octaves_of_a_list),
}
