"""Right answers to the exercises of chapter 06, written in other words than the references."""

import numpy as np
import torch

# ---------------------------------------------------------------- the distance of two answers


def distance_by_norm(answer, target):
    return (torch.linalg.vector_norm((answer - target).flatten(1), dim=1) / torch.linalg.vector_norm(target.flatten(1), dim=1)) ** 2


def distance_by_loop(answer, target):
    return torch.stack([((a - t) ** 2).sum() / (t * t).sum() for a, t in zip(answer, target)])


def distance_by_einsum(answer, target):
    away, whole = (answer - target).reshape(len(answer), -1), target.reshape(len(target), -1)
    return torch.einsum("nd,nd->n", away, away) / torch.einsum("nd,nd->n", whole, whole)


def distance_by_vmap(answer, target):
    return torch.func.vmap(lambda a, t: (a - t).pow(2).sum() / t.pow(2).sum())(answer, target)


# ---------------------------------------------------------------- the total variation


def variation_repeated(x, beta):
    """The last row and column repeated: their steps are 0."""
    below = torch.cat([x[:, :, 1:], x[:, :, -1:]], 2)
    beside = torch.cat([x[..., 1:], x[..., -1:]], 3)
    return torch.sqrt((below - x).square() + (beside - x).square()).pow(beta).sum((1, 2, 3))


def variation_in_place_of_zeros(x, beta):
    squares = torch.zeros_like(x)
    squares[:, :, :-1] += x.diff(dim=2) ** 2
    squares[:, :, :, :-1] += x.diff(dim=3) ** 2
    return (squares ** (beta / 2)).flatten(1).sum(1)


def variation_in_parts(x, beta):
    down, right = x.diff(dim=2), x.diff(dim=3)
    corner = (down[..., :-1] ** 2 + right[:, :, :-1] ** 2) ** (beta / 2)
    return corner.sum((1, 2, 3)) + down[..., -1].abs().pow(beta).sum((1, 2)) + right[:, :, -1].abs().pow(beta).sum((1, 2))


# ---------------------------------------------------------------- a linear probe


def probe_by_inverse(features, labels, held, ridge):
    centre, base = features.mean(0, keepdim=True), labels.mean(0, keepdim=True)
    a = features - centre
    table = torch.linalg.inv(a.T @ a + ridge * torch.eye(a.shape[1], dtype=a.dtype, device=a.device)) @ a.T @ (labels - base)
    return base + (held - centre) @ table


def probe_by_pictures(features, labels, held, ridge):
    """The same over the pictures: W = A^T (A A^T + ridge I)^-1 Y."""
    a = features - features.mean(0)
    kernel = a @ a.T
    kernel.diagonal().add_(ridge)
    return (held - features.mean(0)) @ (a.T @ torch.linalg.solve(kernel, labels - labels.mean(0))) + labels.mean(0)


def probe_by_least_squares(features, labels, held, ridge):
    """The ridge as more rows: sqrt(ridge) times each feature alone shall give 0."""
    a, y = features - features.mean(0), labels - labels.mean(0)
    more = torch.eye(a.shape[1], dtype=a.dtype, device=a.device) * ridge**0.5
    rows = torch.cat([a, more])
    goal = torch.cat([y, y.new_zeros(a.shape[1], y.shape[1])])
    return (held - features.mean(0)) @ torch.linalg.lstsq(rows, goal).solution + labels.mean(0)


def probe_by_svd(features, labels, held, ridge):
    centre = features.mean(0)
    u, s, v = torch.linalg.svd(features - centre, full_matrices=False)
    return (held - centre) @ v.T @ ((s / (s * s + ridge))[:, None] * (u.T @ (labels - labels.mean(0)))) + labels.mean(0)


# ---------------------------------------------------------------- what a shortcut carries


def carried_into_zeros(x, stride, channels):
    kept = x[:, :, ::stride, ::stride]
    out = x.new_zeros(len(x), channels, *kept.shape[2:])
    out[:, : x.shape[1]] = kept
    return out


def carried_by_index(x, stride, channels):
    rows = torch.arange(0, x.shape[2], stride, device=x.device)
    columns = torch.arange(0, x.shape[3], stride, device=x.device)
    kept = x.index_select(2, rows).index_select(3, columns)
    return torch.cat([kept, kept.new_zeros(kept.shape[0], channels - x.shape[1], *kept.shape[2:])], 1)


def carried_in_numpy(x, stride, channels):
    kept = x.detach().cpu().numpy()[:, :, ::stride, ::stride]
    return torch.from_numpy(np.pad(kept, ((0, 0), (0, channels - x.shape[1]), (0, 0), (0, 0)))).to(x)


def carried_by_convolution(x, stride, channels):
    table = torch.eye(channels, x.shape[1], dtype=x.dtype, device=x.device)[:, :, None, None]
    return torch.nn.functional.conv2d(x, table, stride=stride)


RIGHT = {
    "feature_distance": (distance_by_norm, distance_by_loop, distance_by_einsum, distance_by_vmap),
    "variation": (variation_repeated, variation_in_place_of_zeros, variation_in_parts),
    "probe_scores": (probe_by_inverse, probe_by_pictures, probe_by_least_squares, probe_by_svd),
    "carried": (carried_into_zeros, carried_by_index, carried_in_numpy, carried_by_convolution),
}
