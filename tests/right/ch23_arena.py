"""Right answers to the exercises of chapter 23, in other words than the reference's."""

import torch
import torch.nn.functional as F


# ---------------------------------------------------------------- worst_case


def no_one_fooled(clean, right, tried):
    fooled = (tried & ~right).any(1)
    return clean & ~fooled


def by_counting(clean, right, tried):
    return clean & ((right & tried).sum(1) == tried.sum(1))


def by_filling(clean, right, tried):
    return torch.cat([clean[:, None], torch.where(tried, right, torch.ones_like(right))], 1).all(1)


# ---------------------------------------------------------------- score_interval


def by_numbers(right, count, z):
    below = count + z**2
    middle = (right + z**2 / 2) / below
    half = z / below * torch.sqrt(right * (count - right) / count + z**2 / 4)
    return torch.stack([middle - half, middle + half], dim=1)


def by_roots(right, count, z):
    p = right / count  # the two solutions of (p - t)^2 = z^2 t (1 - t) / n
    a, b, c = 1 + z * z / count, -(2 * p + z * z / count), p * p
    root = (b * b - 4 * a * c).clamp_min(0).sqrt()
    return torch.stack([(-b - root) / (2 * a), (-b + root) / (2 * a)], 1)


def row_by_row(right, count, z):
    rows = []
    for k, n in zip(right, count):
        p = k / n
        half = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
        rows.append(torch.stack([p + z * z / (2 * n) - half, p + z * z / (2 * n) + half]) / (1 + z * z / n))
    return torch.stack(rows)


# ---------------------------------------------------------------- gradient_lie


def with_names(model, x, y, gradient, step):
    moved = torch.clamp(x + step * torch.sign(gradient), 0, 1)
    with torch.no_grad():
        did = F.cross_entropy(model(moved), y, reduction="none") - F.cross_entropy(model(x), y, reduction="none")
    said = torch.einsum("nchw,nchw->n", gradient, moved - x)
    whole = did.abs() + said.abs()
    return torch.where(whole > 0, (did - said).abs() / whole, torch.zeros_like(whole))


def in_one_batch(model, x, y, gradient, step):
    moved = (x + step * gradient.sign()).clamp(min=0, max=1)
    with torch.no_grad():
        loss = F.cross_entropy(model(torch.cat([moved, x])), torch.cat([y, y]), reduction="none")
    did = loss[: len(x)] - loss[len(x) :]
    said = (gradient * (moved - x)).sum((1, 2, 3))
    return (did - said).abs() / (did.abs() + said.abs() + 1e-20)


def by_log_probabilities(model, x, y, gradient, step):
    def loss(z):
        return -model(z).detach().log_softmax(1).gather(1, y[:, None]).squeeze(1)

    change = (x + step * gradient.sign()).clamp(0, 1) - x
    did, said = loss(x + change) - loss(x), (gradient * change).flatten(1).sum(1)
    return ((did - said) / (did.abs() + said.abs()).clamp_min(1e-12)).abs()


# ---------------------------------------------------------------- allotted


def filling_a_tensor(shares, needs, seconds):
    taken, left = torch.zeros_like(needs), seconds
    for k in range(len(needs)):
        taken[k] = min(left * shares[k] / shares[k:].sum(), needs[k])
        left = left - taken[k]
    return taken


def by_what_is_taken(shares, needs, seconds):
    taken = []
    for k, need in enumerate(needs):
        left = seconds - sum(taken)
        taken.append(torch.minimum(left * shares[k] / shares[k:].sum(), need))
    return torch.stack(taken)


def calling_itself(shares, needs, seconds):
    mine = torch.minimum(seconds * shares[0] / shares.sum(), needs[0])
    if len(shares) == 1:
        return mine[None]
    return torch.cat([mine[None], calling_itself(shares[1:], needs[1:], seconds - mine)])


# ---------------------------------------------------------------- shared_places


def by_pairs(worst, clean):
    pairs = list(zip(worst.tolist(), clean.tolist()))
    order = sorted(pairs, reverse=True)
    return torch.tensor([1 + order.index(pair) for pair in pairs], device=worst.device)


def by_strict_order(worst, clean):
    lost = (worst[:, None] < worst) | ((worst[:, None] == worst) & (clean[:, None] < clean))
    return lost.long().sum(1) + 1


def from_all_who_are_not_better(worst, clean):
    behind = (worst[:, None] > worst) | ((worst[:, None] == worst) & (clean[:, None] >= clean))
    return len(worst) - behind.sum(1) + 1


RIGHT = {
    "worst_case": (no_one_fooled, by_counting, by_filling),
    "score_interval": (by_numbers, by_roots, row_by_row),
    "gradient_lie": (with_names, in_one_batch, by_log_probabilities),
    "allotted": (filling_a_tensor, by_what_is_taken, calling_itself),
    "shared_places": (by_pairs, by_strict_order, from_all_who_are_not_better),
}
