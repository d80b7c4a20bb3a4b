"""The exercises of chapter 02: the strongest places, a running list of the best, receptive fields, patches, purity."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checking import Exercise
from ..checking.battery import DOUBLE, ON_DEVICE, ONE_PICTURE, STRIDED, TENSORS
from ..checking.patches import chains, lists, places, some_labels, some_maps

Three = tuple[Tensor, Tensor, Tensor]


def strongest_places(maps: Tensor) -> Three:
    """The largest value of each map [N, U, h, w], its row and its column: three times [N, U]."""
    values, places = maps.flatten(2).max(2)
    return values, places // maps.shape[3], places % maps.shape[3]


def update(values: Tensor, pictures: Tensor, new: Tensor, start: int) -> tuple[Tensor, Tensor]:
    """The k best [U, k] of the old ones and of new [N, U], whose pictures have the numbers start, start + 1, ..."""
    numbers = torch.arange(start, start + len(new), device=new.device).expand(len(values), -1)
    best = torch.cat([values, new.T], 1).sort(dim=1, descending=True, stable=True)
    order = best.indices[:, : values.shape[1]]
    return best.values[:, : values.shape[1]], torch.cat([pictures, numbers], 1).gather(1, order)


def field(layers: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Size, stride and start of the receptive field behind a chain of (kernel, stride, padding)."""
    size, step, start = 1, 1, 0
    for kernel, stride, padding in layers:
        start -= padding * step
        size += (kernel - 1) * step
        step *= stride
    return size, step, start


def cut(picture: Tensor, top: int, left: int, size: int, fill: float) -> Tensor:
    """The patch [C, size, size] of a picture [C, H, W] whose first pixel is (top, left); `fill` outside the picture."""
    wide = F.pad(picture, (size,) * 4, value=fill)
    return wide[:, size + top : 2 * size + top, size + left : 2 * size + left]


def purity(labels: Tensor) -> tuple[Tensor, Tensor]:
    """The most frequent label of each row of labels [U, k], the smallest of equally frequent ones, and its share: [U], [U]."""
    most = labels.mode(1).values
    return most, (labels == most[:, None]).float().mean(1)


# ---------------------------------------------------------------- known mistakes


def placed(change: Callable[[Tensor, int, int], tuple[Tensor, Tensor]]) -> Callable:
    def wrong(maps: Tensor) -> Three:
        values, place = maps.flatten(2).max(2)
        return values, *change(place, *maps.shape[2:])

    return wrong


def listed(shift: int, forget: bool = False, descending: bool = True) -> Callable:
    def wrong(values: Tensor, pictures: Tensor, new: Tensor, start: int) -> tuple[Tensor, Tensor]:
        sign = 1 if descending else -1
        best, which = update(sign * values, pictures, sign * new, shift + (0 if forget else start))
        return sign * best, which

    return wrong


def later_first(values: Tensor, pictures: Tensor, new: Tensor, start: int) -> tuple[Tensor, Tensor]:
    numbers = torch.arange(start, start + len(new), device=new.device).expand(len(values), -1)
    best, order = torch.cat([new.T, values], 1).sort(dim=1, descending=True, stable=True)
    return best[:, : values.shape[1]], torch.cat([numbers, pictures], 1).gather(1, order[:, : values.shape[1]])


def chain(step: Callable[[int, int, int, int, int, int], tuple[int, int, int]], first: int = 1, back: bool = False) -> Callable:
    def wrong(layers: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
        now = (first, 1, 0)
        for layer in reversed(layers) if back else layers:
            now = step(*now, *layer)
        return now

    return wrong


def padded(picture: Tensor, top: int, left: int, size: int, index: Callable[[Tensor, int], Tensor]) -> Tensor:
    rows, columns = (index(at + torch.arange(size, device=picture.device), side) for at, side in zip((top, left), picture.shape[1:]))
    return picture[:, rows[:, None], columns]


def pushed_in(picture: Tensor, top: int, left: int, size: int, fill: float) -> Tensor:
    ends = [max(0, min(at, side - size)) for at, side in zip((top, left), picture.shape[1:])]
    return cut(picture, *ends, size, fill)


def of_the_labels(most: Callable = lambda x: x.mode(1).values, share: Callable = lambda x, m: (x == m[:, None]).float().mean(1)) -> Callable:
    return lambda labels: (most(labels), share(labels, most(labels)))


ROWS = "place // w is the row and place % w the column, w being the width of the map."

EXERCISES = (
    Exercise("strongest_places", strongest_places, some_maps, difficulty=1, minutes=5, battery=(ONE_PICTURE, *TENSORS), hints=(
        "Only the strongest position of each map counts: so a picture can give a unit one patch at most.",
        "maps.flatten(2) is [N, U, h * w]; .max(2) gives the largest values and their places in the flattened map.",
        "The place counts row by row: the row is place // w, the column place % w, with w = maps.shape[3].",
    ), mistakes=(
        (placed(lambda p, h, w: (p % w, p // w)), "rows and columns are swapped: " + ROWS),
        (placed(lambda p, h, w: (p // h, p % h)), "the place is divided by the height: " + ROWS),
        (placed(lambda p, h, w: (p, p)), "this is the place in the flattened map; " + ROWS),
        (placed(lambda p, h, w: (p // w + 1, p % w + 1)), "rows and columns are counted from 1; they begin at 0."),
        (lambda maps: (maps.flatten(2).mean(2), *strongest_places(maps)[1:]), "the values are the means of the maps; take the largest value of each."),
        (lambda maps: strongest_places(maps.abs()), "the sign is lost; a unit is excited where its value is largest, not where it is far from 0."),
        (lambda maps: (maps.clamp(min=0).flatten(2).amax(2), *strongest_places(maps)[1:]), "values below 0 are set to 0; keep them."),
        (lambda maps: (-strongest_places(-maps)[0], *strongest_places(-maps)[1:]), "this is the smallest value of each map; take the largest."),
        (lambda maps: tuple(part.T for part in strongest_places(maps)), "the axes are swapped: [N, U], pictures first."),
        (lambda maps: tuple(part.amax(0) for part in strongest_places(maps)), "the batch is gone; give one value for each picture, [N, U]."),
    )),
    Exercise("update", update, lists, difficulty=2, minutes=10, battery=TENSORS, hints=(
        "Put the old best and the new values side by side, [U, k + N], sort each row, keep the first k.",
        "The numbers of the pictures go side by side in the same way: torch.arange(start, start + N).expand(U, -1) for the new ones.",
        "best = torch.cat([values, new.T], 1).sort(dim=1, descending=True, stable=True); cat the numbers, .gather(1, best.indices[:, :k]).",
    ), mistakes=(
        (listed(0, forget=True), "the new pictures are counted from 0; the first of them has the number `start`."),
        (listed(1), "the new pictures' numbers are one too high; the first of them is `start`."),
        (listed(0, descending=False), "these are the smallest values; keep the largest, .sort(descending=True)."),
        (lambda v, p, new, s: (update(v, p, new, s)[0], update(v, p, new, s)[1].sort(dim=1).values), "the pictures' numbers do not stand beside their values: gather them in the same order."),
        (lambda v, p, new, s: tuple(part.flip(1) for part in update(v, p, new, s)), "the best are sorted upwards; the largest comes first."),
        (lambda v, p, new, s: update(torch.full_like(v, -torch.inf), p, new, s), "the old best are forgotten; compare the new values with them."),
        (lambda v, p, new, s: (v, p), "the new values are not used."),
        (lambda v, p, new, s: update(v, p + s, new, s), "`start` is added to the old pictures' numbers as well; add it to the new ones only."),
        (lambda v, p, new, s: (update(v, p, new, s)[0], torch.cat([v, new.T], 1).sort(dim=1, descending=True, stable=True).indices[:, : v.shape[1]]),
         "these are places in the joined row; gather the pictures' numbers at these places."),
        (lambda v, p, new, s: update(v, p, new.abs(), s), "the sign of the new values is lost."),
        (later_first, "of equal values the earlier picture must come first: put the old ones before the new ones, and sort with stable=True."),
        (lambda v, p, new, s: tuple(torch.cat(two, 1) for two in zip((v, p), update(torch.full_like(v, -torch.inf), p, new, s))),
         "the list grows; keep the k best of the old and the new ones, k = values.shape[1]."),
    )),
    Exercise("field", field, chains, difficulty=1, minutes=5, what="the receptive field", hints=(
        "Before any layer a unit is a pixel: size 1, stride 1, start 0. Go through the layers in order.",
        "Neighbours in the map below lie `stride so far` pixels apart: a kernel of k cells adds (k - 1) of these steps to the size.",
        "start -= padding * step; size += (kernel - 1) * step; and only then step *= stride.",
    ), mistakes=(
        (chain(lambda r, j, a, k, s, p: (r + k * j, j * s, a - p * j)), "the size grows by k cells a layer; a kernel of 1 must not let it grow: (kernel - 1)."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j * s, j * s, a - p * j)), "the layer's own stride is counted in its size; it spreads the *next* map's units: multiply the step last."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j * s, j * s, a - p * j * s)), "the step is multiplied first: multiply it last, after start and size."),
        (chain(lambda r, j, a, k, s, p: (r + k - 1, j * s, a - p * j)), "a cell of a later map is not one pixel: (kernel - 1) * step."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, a - p)), "the padding is in cells of the map below: start -= padding * step."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, a + p * j)), "padding moves the first unit's field out of the picture: start gets smaller."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, 0)), "the padding is not used: start -= padding * step."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j, s, a - p * j)), "the strides multiply; this is the last layer's alone."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j, j + s - 1, a - p * j)), "the strides are added up; they multiply."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j - 2 * p * j, j * s, a - p * j)), "padding does not make the field smaller; it moves it."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, a - p * j), first=0), "before any layer a unit sees one pixel: begin with size 1."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, a - p * j), back=True), "the layers are taken from the last to the first; begin with the first."),
        (chain(lambda r, j, a, k, s, p: (r + (k - 1) * j, j * s, a + ((k - 1) / 2 - p) * j)), "this start is the middle of the first unit's field; give its first pixel."),
        (lambda layers: (field(layers)[0], *field(layers)[:0:-1]), "stride and start are swapped: size, stride, start."),
    )),
    Exercise("cut", cut, places, difficulty=2, minutes=10, battery=(DOUBLE, STRIDED, ON_DEVICE), what="the patch", hints=(
        "Begin with a patch that is `fill` everywhere, and write into it what the picture has.",
        "The part inside the picture: rows max(top, 0) to min(top + size, H); in the patch these are the same rows minus top.",
        "Or make the picture larger first: F.pad(picture, (size, size, size, size), value=fill), and cut at size + top, size + left.",
    ), mistakes=(
        (lambda x, t, l, n, f: cut(x, t, l, n, 0.0), "what lies outside the picture is black; fill it with `fill`."),
        (lambda x, t, l, n, f: cut(x, t, l, n, 0.5), "what lies outside the picture is always grey; fill it with `fill`."),
        (lambda x, t, l, n, f: cut(x, l, t, n, f), "rows and columns are swapped: top counts along the second axis of the picture, left along the third."),
        (lambda x, t, l, n, f: cut(x, t, l, n, f).transpose(1, 2), "the patch lies on its side: [C, rows, columns]."),
        (lambda x, t, l, n, f: padded(x, t, l, n, lambda at, side: at % side), "a negative index counts from the other side: the patch goes on at the opposite border. Fill it with `fill`."),
        (lambda x, t, l, n, f: padded(x, t, l, n, lambda at, side: at.clamp(0, side - 1)), "the pixels at the border are repeated; fill with `fill` what lies outside."),
        (pushed_in, "the patch is pushed into the picture; it must stay where it is, with `fill` outside."),
        (lambda x, t, l, n, f: cut(x, t - n // 2, l - n // 2, n, f), "(top, left) is the patch's first pixel, not its middle."),
        *((lambda x, t, l, n, f, by=by: cut(x, t + by, l + by, n, f), f"the patch begins one pixel too {when}.") for by, when in ((1, "late"), (-1, "early"))),
        (lambda x, t, l, n, f: cut(x, t, l, n, f)[:1].expand(len(x), -1, -1), "all colours are the first one; cut each."),
        (lambda x, t, l, n, f: x[:, max(t, 0) : t + n, max(l, 0) : l + n], "the part outside the picture is missing; every patch is [C, size, size]."),
    )),
    Exercise("purity", purity, some_labels, difficulty=1, minutes=5, battery=(ONE_PICTURE, STRIDED, ON_DEVICE), hints=(
        "labels.mode(1) finds the most frequent label of each row, and of equally frequent ones the smallest.",
        "Compare each label with its row's most frequent one: labels == most[:, None].",
        "The share is the mean of these comparisons: .float().mean(1).",
    ), mistakes=(
        (of_the_labels(share=lambda x, m: (x == m[:, None]).sum(1).float()), "this counts the pictures; give their share, divided by k."),
        (of_the_labels(lambda x: x[:, 0]), "the first label of the row is taken, the strongest picture's; take the most frequent one."),
        (of_the_labels(lambda x: x.median(1).values), "this is the median of the labels; they are names, not sizes: take the most frequent one."),
        (of_the_labels(lambda x: x.float().mean(1).round().long()), "this is the mean of the labels; they are names, not sizes: take the most frequent one."),
        (of_the_labels(lambda x: x.amax(1)), "this is the largest label; take the most frequent one."),
        (of_the_labels(lambda x: (x.amax() - (x.amax() - x).mode(1).values)), "of equally frequent labels take the smallest; this is the largest."),
        (of_the_labels(lambda x: x.flatten().mode().values.expand(len(x))), "one label is taken for all rows; find each row's own."),
        (of_the_labels(share=lambda x, m: torch.tensor([1 / row.unique().numel() for row in x]).to(x.device)), "this is one over the number of different labels; give the share of the most frequent one."),
        (of_the_labels(share=lambda x, m: 1 - (x == m[:, None]).float().mean(1)), "this is the share of all *other* labels."),
        (of_the_labels(share=lambda x, m: 100 * (x == m[:, None]).float().mean(1)), "these are percent; give a share from 0 to 1."),
        (lambda x: purity(x)[::-1], "the label comes first, then its share."),
    )),
)  # fmt: skip
