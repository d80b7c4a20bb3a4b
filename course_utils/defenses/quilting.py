"""Image quilting (Guo 2018; Efros and Freeman 2001): a picture put together anew from small patches of clean pictures."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import runtime
from ..runtime import check_count, check_positive


def clean_patches(x: Tensor, count: int = 10_000, size: int = 5, *, generator: torch.Generator | None = None) -> Tensor:
    """Patches `[count, C, size, size]` from random places of random pictures among the clean ones `[N, C, H, W]`."""
    runtime.check_pictures(x), check_count(count, "count")
    if check_count(size, "size") > min(x.shape[2:]):
        raise ValueError(f"size is {size}, and the pictures are {x.shape[2]} x {x.shape[3]}; patches must fit into them.")
    chance = generator or runtime.generator()
    windows = x.unfold(2, size, 1).unfold(3, size, 1)  # a view: [N, C, rows, columns, size, size]
    draws = torch.rand(3, count, generator=chance, device=chance.device, dtype=torch.double).to(x.device)
    picture, top, left = ((part * most).long() for part, most in zip(draws, (len(x), *windows.shape[2:4])))
    return windows[picture, :, top, left]


@torch.no_grad()
def quilt(
    x: Tensor, patches: Tensor, *, overlap: int = 2, neighbours: int = 10, generator: torch.Generator | None = None
) -> Tensor:
    """Pictures `[N, C, H, W]` built anew from clean `patches` `[P, C, size, size]` (see `clean_patches`), row by row.

    At each place one of the `neighbours` patches that are nearest to what stands there, drawn by chance, is sewn on: in the `overlap` with what
    lies there already, the seam runs where the two differ least. The picture only chooses patches: there is no gradient.
    """
    size, chance = fitting(x, patches, overlap, neighbours), generator or runtime.generator()
    patches = patches.to(x)
    known = patches.flatten(1)
    lengths, made = known.square().sum(1), torch.zeros_like(x)
    rows, columns = (starts(side, size, overlap) for side in x.shape[2:])
    for top, left in itertools.product(rows, columns):
        here = (..., slice(top, top + size), slice(left, left + size))
        distances = lengths - 2 * x[here].flatten(1) @ known.T  # less |x|^2, which is the same for all
        nearest = distances.topk(neighbours, 1, largest=False).indices if neighbours > 1 else distances.argmin(1, keepdim=True)
        draw = (neighbours * torch.rand(len(x), 1, generator=chance, device=chance.device, dtype=torch.double)).long().to(x.device)
        new, old = patches[nearest.gather(1, draw)[:, 0]], made[here]
        cost, stays = (new - old).square().sum(1), torch.zeros_like(new[:, 0], dtype=torch.bool)  # [N, size, size]
        if left:
            stays |= seam(cost[:, :, :overlap], size)
        if top:
            stays |= seam(cost[:, :overlap].mT, size).mT
        made[here] = torch.where(stays[:, None], old, new)
    return made


def seam(cost: Tensor, size: int) -> Tensor:
    """Which values of a patch stay as they were, `[N, size, size]`: those left of the cheapest path from top to bottom through `cost`.

    cost: `[N, size, overlap]`. The path goes through one column of each row, and moves by at most one from row to row.
    """
    if cost.shape[2] <= 2:  # then it may go anywhere: each row by itself
        return torch.arange(size, device=cost.device) < cost.argmin(2, keepdim=True)
    total = [cost[:, 0]]
    for row in cost.unbind(1)[1:]:
        padded = F.pad(total[-1], (1, 1), value=torch.inf)
        total.append(row + padded.unfold(1, 3, 1).amin(2))
    columns = torch.arange(cost.shape[2], device=cost.device)
    path = [total[-1].argmin(1, keepdim=True)]
    for row in total[-2::-1]:
        path.insert(0, row.masked_fill((columns - path[0]).abs() > 1, torch.inf).argmin(1, keepdim=True))
    return torch.arange(size, device=cost.device) < torch.stack(path, 1)


def starts(side: int, size: int, overlap: int) -> list[int]:
    """Where patches begin along a side: each overlaps the one before it, the last one ends at the edge."""
    return [*range(0, side - size, size - overlap), side - size]


def fitting(x: Tensor, patches: Tensor, overlap: int, neighbours: int) -> int:
    """The size of the patches, which must fit the pictures."""
    runtime.check_pictures(x), runtime.check_pictures(patches, name="patches")
    channels, size = patches.shape[1], patches.shape[2]
    if channels != x.shape[1] or size != patches.shape[3] or size > min(x.shape[2:]):
        raise ValueError(f"patches has shape {list(patches.shape)} for pictures {list(x.shape)}; [P, {x.shape[1]}, size, size] that fit into them are expected.")
    if check_count(overlap, "overlap") >= size:
        raise ValueError(f"overlap is {overlap} and the patches are {size} wide; it must be smaller.")
    if check_count(neighbours, "neighbours") > len(patches):
        raise ValueError(f"neighbours is {neighbours}, and there are only {len(patches)} patches; at most as many are expected.")
    return size


def soft_quilt(x: Tensor, patches: Tensor, *, overlap: int = 2, heat: float = 0.1) -> Tensor:
    """A smooth stand-in for `quilt`, for BPDA: at each place the mean of all patches, weighted by softmax(-|p - q|^2 / heat), overlaps averaged.

    Pictures `[N, C, H, W]`, of which p are the windows, and clean `patches` q `[P, C, size, size]`. The smaller `heat`, the more it is the nearest one.
    """
    size, known = fitting(x, patches, overlap, 1), patches.to(x).flatten(1)
    check_positive(heat, "heat", zero=False)
    high, wide = x.shape[2:]
    step = size - overlap
    padded = F.pad(x, (0, -(wide - size) % step, 0, -(high - size) % step), mode="replicate")
    windows = F.unfold(padded, size, stride=step).mT  # [N, places, C * size * size]
    weights = ((2 * windows @ known.T - known.square().sum(1)) / heat).softmax(2)
    made = F.fold((weights @ known).mT, padded.shape[2:], size, stride=step)
    often = F.fold(F.unfold(torch.ones_like(padded), size, stride=step), padded.shape[2:], size, stride=step)
    return (made / often)[..., :high, :wide]
