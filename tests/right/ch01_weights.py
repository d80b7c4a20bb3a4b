"""Right answers to the exercises of chapter 01, in other words than the references."""

import math

import numpy as np
import torch
import torch.nn.functional as F


def by_loop(w):
    largest = max(float(f.abs().max()) for f in w)
    return torch.stack([(f / largest + 1) / 2 for f in w])


def by_lerp(w):
    limit = torch.maximum(w.max(), -w.min())
    return torch.lerp(torch.zeros_like(w), torch.ones_like(w), (w + limit) / (2 * limit))


def by_norm(w):
    return 0.5 * (1 + w / torch.linalg.vector_norm(w, ord=math.inf))


def rough_by_slices(w):
    down = (w[:, :, 1:, :] - w[:, :, :-1, :]).abs()
    across = (w[..., 1:] - w[..., :-1]).abs()
    return (down.flatten(1).sum(1) + across.flatten(1).sum(1)) / w.abs().flatten(1).sum(1)


def rough_by_loop(w):
    return torch.stack([(f.diff(dim=1).abs().sum() + f.diff(dim=2).abs().sum()) / f.abs().sum() for f in w])


def rough_by_convolution(w):
    """Each colour on its own, by two small difference filters."""
    planes = w.reshape(-1, 1, *w.shape[2:])
    kernel = torch.tensor([[-1.0, 1.0]]).to(w)
    steps = [F.conv2d(planes, k[None, None]).abs().sum((1, 2, 3)).reshape(len(w), -1).sum(1) for k in (kernel, kernel.T)]
    return (steps[0] + steps[1]) / w.flatten(1).norm(p=1, dim=1)


def rough_by_numpy(w):
    a = w.detach().cpu().numpy()
    found = (np.abs(np.diff(a, axis=2)).sum((1, 2, 3)) + np.abs(np.diff(a, axis=3)).sum((1, 2, 3))) / np.abs(a).sum((1, 2, 3))
    return torch.from_numpy(found).to(w)


@torch.no_grad()
def dead_by_maxima(layer, x, batch_size):
    largest = None
    for part in x.split(batch_size):
        now = layer(part).amax((0, 2, 3))
        largest = now if largest is None else torch.maximum(largest, now)
    return largest <= 0


@torch.no_grad()
def dead_by_counting(layer, x, batch_size):
    count = sum((layer(part) > 0).sum((0, 2, 3)) for part in x.split(batch_size))
    return count == 0


@torch.no_grad()
def dead_by_relu(layer, x, batch_size):
    sums = [layer(x[i : i + batch_size]).relu().sum((0, 2, 3)) for i in range(0, len(x), batch_size)]
    return torch.stack(sums).sum(0) == 0


def dead_by_all(layer, x, batch_size):
    sleeps = torch.ones(layer.out_channels, dtype=torch.bool, device=x.device)
    for part in x.split(batch_size):
        sleeps &= (layer(part) <= 0).transpose(0, 1).flatten(1).all(1)
    return sleeps


def share_by_padding(w, stride, size):
    padded = F.pad(w, (0, size - w.shape[3], 0, size - w.shape[2]))
    energy = torch.fft.fft2(padded).abs() ** 2
    f = torch.fft.fftfreq(size).abs()
    kept = (f <= 1 / (2 * stride)).to(w)
    low = (energy * kept[:, None] * kept).sum((1, 2, 3))
    return 1 - low / energy.sum((1, 2, 3))


def share_by_matrices(w, stride, size):
    """The transform as a product with cosines and sines; Parseval gives the energy below the line."""
    steps = torch.arange(size, dtype=torch.float64)
    waves = torch.exp(-2j * math.pi * steps[:, None] * steps / size)
    rows, columns = waves[:, : w.shape[2]], waves[:, : w.shape[3]]
    energy = (rows @ w.double().to(waves.dtype) @ columns.T).abs().square().sum(1)
    f = torch.minimum(steps, size - steps) / size
    fine = (f[:, None] > 1 / (2 * stride)) | (f[None] > 1 / (2 * stride))
    return (energy[:, fine].sum(1) / (size**2 * w.double().square().sum((1, 2, 3)))).to(w)


def share_by_loop(w, stride, size):
    shares = []
    for one in w:
        power = torch.view_as_real(torch.fft.fft2(one, s=(size, size))).square().sum((0, 3))
        high = torch.tensor([[max(min(i, size - i), min(j, size - j)) * 2 * stride > size for j in range(size)] for i in range(size)])
        shares.append(power[high].sum() / power.sum())
    return torch.stack(shares)


RIGHT = {
    "filter_pictures": (by_loop, by_lerp, by_norm),
    "roughness": (rough_by_slices, rough_by_loop, rough_by_convolution, rough_by_numpy),
    "dead_filters": (dead_by_maxima, dead_by_counting, dead_by_relu, dead_by_all),
    "share_above": (share_by_padding, share_by_matrices, share_by_loop),
}
