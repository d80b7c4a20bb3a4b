"""Right answers to the exercises of chapter 15, in other words than the reference's."""

import torch


# ---------------------------------------------------------------- first_candidates


def first_plainly(u, z, height, width):
    return torch.cat([u[:, :1] * (height - 1), u[:, 1:] * (width - 1), 128 + 127 * z], 1)


def first_by_stack(u, z, height, width):
    columns = [(height - 1) * u[:, 0], (width - 1) * u[:, 1], *(127 * part + 128 for part in z.unbind(1))]
    return torch.stack(columns, dim=1)


def first_in_a_new_tensor(u, z, height, width):
    found = torch.empty(len(u), 2 + z.shape[1], dtype=u.dtype, device=u.device)
    found[:, 0], found[:, 1] = u[:, 0] * (height - 1), u[:, 1] * (width - 1)
    found[:, 2:] = z * 127 + 128
    return found.detach()


# ---------------------------------------------------------------- paint


def paint_plainly(x, candidates):
    rows = candidates[:, 0].round().clamp(0, x.shape[1] - 1).long()
    columns = candidates[:, 1].round().clamp(0, x.shape[2] - 1).long()
    pictures = x.repeat(len(candidates), 1, 1, 1)
    pictures[torch.arange(len(candidates)), :, rows, columns] = candidates[:, 2:].round().clamp(0, 255) / 255
    return pictures


def paint_one_by_one(x, candidates):
    pictures = []
    for row, column, *levels in candidates.tolist():
        picture = x.detach().clone()
        row, column = min(max(round(row), 0), x.shape[1] - 1), min(max(round(column), 0), x.shape[2] - 1)
        for channel, level in enumerate(levels):
            picture[channel, row, column] = min(max(round(level), 0), 255) / 255
        pictures.append(picture)
    return torch.stack(pictures)


def paint_by_mask(x, candidates):
    rows, columns = torch.arange(x.shape[1], device=x.device), torch.arange(x.shape[2], device=x.device)
    at_row = rows == candidates[:, :1].round().clamp(0, x.shape[1] - 1)
    at_column = columns == candidates[:, 1:2].round().clamp(0, x.shape[2] - 1)
    here = (at_row[:, :, None] & at_column[:, None, :])[:, None]
    colours = torch.minimum(torch.maximum(candidates[:, 2:].round(), torch.zeros(1).to(x)), torch.full((1,), 255.0).to(x)) / 255
    return torch.where(here, colours[:, :, None, None], x[None]).detach()


# ---------------------------------------------------------------- one_generation


def generation_plainly(parents, fitness, trios, score):
    a, b, c = parents[trios].unbind(1)
    children = a + 0.5 * (b - c)
    return torch.where((score(children) > fitness)[:, None], children, parents)


def generation_by_loop(parents, fitness, trios, score):
    children = torch.stack([parents[i] + (parents[j] - parents[k]) / 2 for i, j, k in trios.tolist()])
    reward = score(children)
    return torch.stack([children[n] if reward[n] > fitness[n] else parents[n] for n in range(len(parents))])


def generation_by_index(parents, fitness, trios, score):
    children = parents[trios[:, 0]] + parents[trios[:, 1]].sub(parents[trios[:, 2]]).div(2)
    better = score(children).gt(fitness)
    new = parents.detach().clone()
    new[better] = children[better].detach()
    return new


# ---------------------------------------------------------------- reached


def reached_plainly(place, size, layers):
    low = high = place
    counts = []
    for k, s, p in layers:
        size = (size + 2 * p - k) // s + 1
        low, high = max(0, -(-(low + p - k + 1) // s)), min(size - 1, (high + p) // s)
        counts.append(high - low + 1)
    return tuple(counts)


def reached_by_sets(place, size, layers):
    hit, counts = {place}, []
    for k, s, p in layers:
        size = (size + 2 * p - k) // s + 1
        hit = {i for i in range(size) if hit & set(range(i * s - p, i * s - p + k))}
        counts.append(len(hit))
    return tuple(counts)


def reached_by_pooling(place, size, layers):
    row, counts = torch.zeros(1, 1, size), []
    row[0, 0, place] = 1
    for kernel, stride, padding in layers:
        row = torch.nn.functional.pad(row, (padding, padding)).unfold(2, kernel, stride).amax(3)
        counts.append(int(row.sum()))
    return tuple(counts)


RIGHT = {
    "first_candidates": (first_plainly, first_by_stack, first_in_a_new_tensor),
    "paint": (paint_plainly, paint_one_by_one, paint_by_mask),
    "one_generation": (generation_plainly, generation_by_loop, generation_by_index),
    "reached": (reached_plainly, reached_by_sets, reached_by_pooling),
}
