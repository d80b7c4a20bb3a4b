"""Right answers to the exercises of chapter 02, written in other words than the references."""

import numpy as np
import torch
import torch.nn.functional as F

# ---------------------------------------------------------------- the strongest place


def strongest_in_two_steps(maps):
    by_row, columns = maps.max(3)
    values, rows = by_row.max(2)
    return values, rows, columns.gather(2, rows[:, :, None])[:, :, 0]


def strongest_by_unravel(maps):
    place = maps.reshape(*maps.shape[:2], -1).argmax(-1)
    rows, columns = torch.unravel_index(place, maps.shape[2:])
    return maps.amax((2, 3)), rows, columns


def strongest_map_by_map(maps):
    values, rows, columns = (torch.zeros(maps.shape[:2], dtype=kind, device=maps.device) for kind in (maps.dtype, torch.long, torch.long))
    for n in range(maps.shape[0]):
        for u in range(maps.shape[1]):
            at = divmod(int(maps[n, u].argmax()), maps.shape[3])
            values[n, u] = maps[n, u][at]
            rows[n, u], columns[n, u] = at
    return values, rows, columns


def strongest_by_sorting(maps):
    best = maps.flatten(2).sort(dim=2, descending=True)
    place = best.indices[..., 0]
    return best.values[..., 0], place.div(maps.shape[3], rounding_mode="floor"), place.remainder(maps.shape[3])


# ---------------------------------------------------------------- the running list


def update_picture_by_picture(values, pictures, new, start):
    rows = [list(zip(v, p)) for v, p in zip(values.tolist(), pictures.tolist())]
    for number, picture in enumerate(new.tolist()):
        for row, value in zip(rows, picture):
            row.append((value, start + number))
    k = values.shape[1]
    best = [sorted(row, key=lambda pair: -pair[0])[:k] for row in rows]
    return torch.tensor([[v for v, _ in row] for row in best]).to(values), torch.tensor([[p for _, p in row] for row in best]).to(pictures)


def update_in_numpy(values, pictures, new, start):
    every = np.concatenate([values.cpu().numpy(), new.cpu().numpy().T], 1)
    numbers = np.concatenate([pictures.cpu().numpy(), np.tile(np.arange(start, start + len(new)), (len(every), 1))], 1)
    order = np.argsort(-every, axis=1, kind="stable")[:, : values.shape[1]]
    best, which = np.take_along_axis(every, order, 1), np.take_along_axis(numbers, order, 1)
    return torch.from_numpy(best).to(values), torch.from_numpy(which).to(pictures)


def update_by_insertion(values, pictures, new, start):
    values, pictures = values.clone(), pictures.clone()
    for number, picture in enumerate(new):
        for unit, value in enumerate(picture):
            place = int((values[unit] >= value).sum())  # behind all that are as large
            if place < values.shape[1]:
                values[unit, place + 1 :], pictures[unit, place + 1 :] = values[unit, place:-1].clone(), pictures[unit, place:-1].clone()
                values[unit, place], pictures[unit, place] = value, start + number
    return values, pictures


def update_with_argsort(values, pictures, new, start):
    both = torch.hstack([values, new.transpose(0, 1)])
    numbers = torch.hstack([pictures, (torch.arange(len(new), device=new.device) + start).repeat(len(values), 1)])
    order = both.argsort(dim=1, descending=True, stable=True)[:, : values.size(1)]
    return torch.take_along_dim(both, order, 1), torch.take_along_dim(numbers, order, 1)


# ---------------------------------------------------------------- the receptive field


def field_from_behind(layers):
    size, stride, start = 1, 1, 0
    for kernel, step, padding in layers[::-1]:  # what one unit needs of the map below
        size = (size - 1) * step + kernel
        start = start * step - padding
        stride *= step
    return size, stride, start


def field_by_two_units(layers):
    def first_and_last(unit):
        low = high = unit
        for kernel, stride, padding in reversed(layers):
            low, high = low * stride - padding, high * stride - padding + kernel - 1
        return low, high

    low, high = first_and_last(0)
    return high - low + 1, first_and_last(1)[0] - low, low


def field_by_recursion(layers):
    if not layers:
        return 1, 1, 0
    size, stride, start = field_by_recursion(layers[:-1])
    kernel, step, padding = layers[-1]
    return size + (kernel - 1) * stride, stride * step, start - padding * stride


# ---------------------------------------------------------------- the patch


def cut_pixel_by_pixel(picture, top, left, size, fill):
    patch = torch.full((len(picture), size, size), fill, dtype=picture.dtype, device=picture.device)
    for i in range(size):
        for j in range(size):
            if 0 <= top + i < picture.shape[1] and 0 <= left + j < picture.shape[2]:
                patch[:, i, j] = picture[:, top + i, left + j]
    return patch


def cut_by_two_slices(picture, top, left, size, fill):
    _, high, wide = picture.shape
    patch = picture.new_full((picture.shape[0], size, size), fill)
    t, b, l, r = max(top, 0), min(top + size, high), max(left, 0), min(left + size, wide)
    patch[:, t - top : b - top, l - left : r - left] = picture[:, t:b, l:r]
    return patch


def cut_by_mask(picture, top, left, size, fill):
    rows, columns = (torch.arange(size, device=picture.device) + at for at in (top, left))
    inside = ((rows >= 0) & (rows < picture.shape[1]))[:, None] & ((columns >= 0) & (columns < picture.shape[2]))
    pixels = picture[:, rows.clamp(0, picture.shape[1] - 1)[:, None], columns.clamp(0, picture.shape[2] - 1)]
    return pixels.masked_fill(~inside, fill)


def cut_by_negative_padding(picture, top, left, size, fill):
    _, high, wide = picture.shape
    return F.pad(picture, (-left, left + size - wide, -top, top + size - high), value=fill)


# ---------------------------------------------------------------- purity


def purity_by_counting(labels):
    counts = torch.stack([torch.bincount(row, minlength=int(labels.max()) + 1) for row in labels])
    best = counts.amax(1)
    most = (counts == best[:, None]).int().argmax(1)
    return most, best / labels.shape[1]


def purity_row_by_row(labels):
    most, share = [], []
    for row in labels.tolist():
        best = max(sorted(set(row)), key=row.count)
        most.append(best)
        share.append(row.count(best) / len(row))
    return torch.tensor(most, device=labels.device), torch.tensor(share, device=labels.device)


def purity_by_pairs(labels):
    ordered = labels.sort(dim=1).values
    counts = (ordered[:, :, None] == ordered[:, None, :]).sum(2)
    best, place = counts.amax(1), (counts == counts.amax(1, keepdim=True)).float().argmax(1)
    return ordered.gather(1, place[:, None])[:, 0], best / labels.shape[1]


RIGHT = {
    "strongest_places": (strongest_in_two_steps, strongest_by_unravel, strongest_map_by_map, strongest_by_sorting),
    "update": (update_picture_by_picture, update_in_numpy, update_by_insertion, update_with_argsort),
    "field": (field_from_behind, field_by_two_units, field_by_recursion),
    "cut": (cut_pixel_by_pixel, cut_by_two_slices, cut_by_mask, cut_by_negative_padding),
    "purity": (purity_by_counting, purity_row_by_row, purity_by_pairs),
}
