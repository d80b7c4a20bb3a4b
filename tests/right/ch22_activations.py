"""Right answers to the exercises of chapter 22, in other words than the reference's."""

import torch
import torch.nn.functional as F

# ---------------------------------------------------------------- bounded_leaky


def by_leaky_relu(x, bound, slope):
    b = bound.reshape(1, -1, 1, 1)
    return F.leaky_relu(x, slope) - (1 + slope) * (x - b).clamp(min=0)


def by_masks(x, bound, slope):
    b = bound[:, None, None].expand_as(x)
    low, high = (x < 0).to(x), (x > b).to(x)
    return low * slope * x + (1 - low - high) * x + high * (b - slope * (x - b))


def by_the_smaller(x, bound, slope):
    b = bound.view(1, -1, 1, 1)
    falling = (1 + slope) * b - slope * x
    return torch.where(x < 0, slope * x, torch.where(x < falling, x, falling))


# ---------------------------------------------------------------- carried_by_few


def by_sorting(before, after, top):
    change = torch.abs(after - before).reshape(len(before), -1)
    count = max(1, round(top * change.shape[1]))
    return change.sort(1, descending=True).values[:, :count].sum(1) / change.sum(1)


def by_rank(before, after, top):
    change = (before - after).abs().flatten(1)
    rank = change.argsort(1, descending=True).argsort(1)
    kept = change * (rank < max(1, round(top * change.shape[1])))
    return kept.sum(1) / change.sum(1)


def picture_by_picture(before, after, top):
    shares = []
    for a, b in zip(before, after):
        change = (b - a).flatten().abs()
        shares.append(change.topk(max(1, round(top * len(change)))).values.sum() / change.sum())
    return torch.stack(shares)


# ---------------------------------------------------------------- who_is_fooled


def by_counting(first, second, y):
    case = (first.argmax(1) != y).long() + 2 * (second.argmax(1) != y).long()
    return 100 * torch.bincount(case, minlength=4).to(first) / len(y)


def by_one_hot(first, second, y):
    a, b = (scores.argmax(1).ne(y).to(first) for scores in (first, second))
    return torch.stack([(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b], 1).mean(0) * 100


def by_sets(first, second, y):
    n = len(y)
    a, b = first.max(1).indices != y, second.max(1).indices != y
    both, either = (a & b).sum(), (a | b).sum()
    return 100 * torch.stack([n - either, a.sum() - both, b.sum() - both, both]).to(first) / n


# ---------------------------------------------------------------- memory_scores, speakers, walk


def twenty_states(pixels, labels, v, n, temperature):
    memories, columns = torch.cat([pixels, labels], 1), []
    for a in range(labels.shape[1]):
        energy = []
        for value in (1.0, -1.0):
            units = -torch.ones(len(v), labels.shape[1]).to(v)
            units[:, a] = value
            energy.append(-(F.relu(torch.cat([v, units], 1) @ memories.T / temperature) ** n).sum(1))
        columns.append(energy[1] - energy[0])
    return torch.stack(columns, 1)


def all_at_once(pixels, labels, v, n, temperature):
    b = ((v @ pixels.T - labels.sum(dim=1)) / temperature)[:, :, None]
    after = torch.relu(b + 2 / temperature * labels[None]).pow(n)
    return (after - torch.relu(b).pow(n)).sum(dim=1)


def one_memory_at_a_time(pixels, labels, v, n, temperature):
    scores = torch.zeros(len(v), labels.shape[1]).to(v)
    for p, q in zip(pixels, labels):
        b = (v @ p - q.sum()) / temperature
        flipped = b[:, None] + 2 * q[None] / temperature
        scores = scores + flipped.clamp_min(0) ** n - b[:, None].clamp_min(0) ** n
    return scores


def by_a_loop(activations):
    counts = []
    for row in activations.double():
        total, k = 0.0, 0
        for value in sorted(row.tolist(), reverse=True):
            total, k = total + value, k + 1
            if total > row.sum().item() / 2:
                break
        counts.append(k)
    return torch.tensor(counts, device=activations.device)


def by_first_place(activations):
    largest_first, _ = torch.sort(activations, dim=1, descending=True)
    passed = largest_first.cumsum(1) * 2 > activations.sum(1, keepdim=True)
    return passed.int().argmax(1) + 1


def by_topk(activations):
    k = activations.shape[1]
    so_far = activations.topk(k, dim=1).values.cumsum(1)
    return k - (so_far > so_far[:, -1:] / 2).sum(1) + 1


def by_margin(model, x, y, step, steps):
    x = x.detach().clone()
    rows = torch.arange(len(y), device=y.device)
    for _ in range(steps):
        z = x.clone().requires_grad_(True)
        scores = model(z)
        others = scores.clone()
        others[rows, y] = -torch.inf
        lead = others.max(1).values - scores[rows, y]
        gradient = torch.autograd.grad(lead.sum(), z)[0].flatten(1)
        gradient = F.normalize(gradient / gradient.abs().max(1, keepdim=True).values.clamp_min(1e-37), dim=1).view_as(x)
        walking = (lead.detach() <= 0).to(x)[:, None, None, None]
        x = walking * (x + step * gradient).clamp(0, 1) + (1 - walking) * x
    return x


def alone_each(model, x, y, step, steps):
    ends = []
    for picture, k in zip(x.detach(), y.tolist()):
        for _ in range(steps):
            z = picture[None].clone().requires_grad_(True)
            scores = model(z)[0]
            lead = torch.cat([scores[:k], scores[k + 1 :]]).max() - scores[k]
            if lead > 0:
                break
            g = torch.autograd.grad(lead, z)[0][0].double()
            if g.any():
                picture = (picture + (step * g / g.norm()).to(picture)).clamp(0, 1)
        ends.append(picture)
    return torch.stack(ends).detach()


def until_nobody_walks(model, x, y, step, steps):
    x, taken = x.detach().clone(), 0
    while taken < steps:
        z = x.detach().requires_grad_()
        scores = model(z)
        lead = scores.scatter(1, y.unsqueeze(1), float("-inf")).max(dim=1).values - scores.gather(1, y.unsqueeze(1)).squeeze(1)
        walking = lead <= 0
        if not walking.any():
            return x
        (g,) = torch.autograd.grad(lead.sum(), z)
        scale = g.abs().amax(dim=(1, 2, 3), keepdim=True)
        g = g / torch.where(scale == 0, torch.ones_like(scale), scale)
        size = g.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        g = g / torch.where(size == 0, torch.ones_like(size), size)
        x[walking] = (x + step * g)[walking].clip(0, 1)
        taken += 1
    return x


RIGHT = {
    "bounded_leaky": (by_leaky_relu, by_masks, by_the_smaller),
    "carried_by_few": (by_sorting, by_rank, picture_by_picture),
    "who_is_fooled": (by_counting, by_one_hot, by_sets),
    "memory_scores": (twenty_states, all_at_once, one_memory_at_a_time),
    "speakers": (by_a_loop, by_first_place, by_topk),
    "walk": (by_margin, alone_each, until_nobody_walks),
}
