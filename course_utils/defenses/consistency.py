"""Consistency (Horvath and Egervari 2018): cover a region, and see whether class and confidence stay. Who was fooled by stickers is less sure."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..attacks.margins import lead
from ..layers import Local
from ..runtime import check_count, check_pictures, check_scores, logits
from ..visualize.occlusion import window_starts

PART = 64 * 48 * 48  # pixels of the pictures whose maps are kept side by side


def consistency_score(
    model: nn.Module, x: Tensor, *, window: int | None = None, stride: int | None = None, share: float = 0.15, batch_size: int | None = None, local: bool = True,
) -> Tensor:  # fmt: skip
    """How little a network's answer withstands covers, `[N]`: the higher, the more suspicious.

    Each picture is covered at every position, and the lead of its class is measured: the logit of the class that the uncovered picture is
    taken for, less the largest other one; below 0 the class has changed. The score is minus the lead that all but a `share` of the covers leave.
    The cover is a smooth patch that goes on from the edge of the window (`smooth_patches`), so that it is not a sticker itself.

    x: pictures `[N, C, H, W]` in [0, 1]. window: the cover's side; None: 8 pixels, or a sixth of the picture if that is more. stride: None: three
    quarters of the window. With `local` only what a cover can reach is computed again, where that saves work (`layers.Local`).
    """
    check_share(share)
    leads = covered_leads(model, x, window=window, stride=stride, batch_size=batch_size, local=local)
    if bool(leads.isnan().any()):
        raise ValueError("the model gives NaN or infinite scores for x under covers; a score needs finite logits. Look at the model's weights.")
    return -quantile(leads, share)


def covered_leads(
    model: nn.Module, x: Tensor, *, window: int | None = None, stride: int | None = None, batch_size: int | None = None, local: bool = True,
) -> Tensor:  # fmt: skip
    """The lead of each picture's own class under a cover at each position, `[N, rows, columns]`; what `consistency_score` is made of."""
    scores = covered_scores(model, x, window=window, stride=stride, batch_size=batch_size, local=local)
    if scores.shape[3] < 2:
        raise ValueError("the model has a single class; a lead is over another class: at least two are expected.")
    return lead(scores, logits(model, x).argmax(1)[:, None, None].expand(scores.shape[:3]), targeted=True)


def covered_scores(
    model: nn.Module, x: Tensor, *, window: int | None = None, stride: int | None = None, batch_size: int | None = None, local: bool = True,
) -> Tensor:  # fmt: skip
    """The scores `[N, rows, columns, classes]` under a smooth cover at each position."""
    window, stride = cover_size(check_pictures(x, model), window, stride)
    starts = [window_starts(pixels, window, stride).to(x.device) for pixels in x.shape[2:]]
    boxes = torch.cartesian_prod(*starts)
    part = max(1, PART // x[0, 0].numel())
    batch_size = max(16, 64 * 48 * 48 // x[0, 0].numel()) if batch_size is None else check_count(batch_size, "batch_size")
    scores = []
    for some in x.split(part):  # every map of these pictures is kept while their covers run
        index = torch.arange(len(some), device=x.device).repeat_interleave(len(boxes))
        run = Local(model, some, count=len(index), local=local)
        scores.append(check_scores(run(boxes.repeat(len(some), 1), smooth_patches(some, boxes, window).flatten(0, 1), index=index, batch_size=batch_size), len(index)))
    return torch.cat(scores).unflatten(0, (len(x), *map(len, starts)))


def smooth_patches(x: Tensor, boxes: Tensor, window: int) -> Tensor:
    """What would lie in a window if the picture went on smoothly from its edge: `[N, P, C, window, window]` for upper left corners `[P, 2]`.

    The mean of two straight transitions, from the column left of the window to the one right of it, and from the row above to the one below. At the picture's
    border there is one side only, which holds for both; nothing below the cover is looked at, unless it is as wide as the picture.
    """
    (height, width), (top, left) = x.shape[2:], boxes.unbind(1)
    inside = torch.arange(window, device=x.device)
    t = ((inside + 1) / (window + 1)).to(x.dtype)
    rows, columns = (top[:, None] + inside).clamp(max=height - 1), (left[:, None] + inside).clamp(max=width - 1)
    west, east = (x[:, :, rows, column[:, None]] for column in sides(left, window, width))  # [N, C, P, window]
    north, south = (x[:, :, row[:, None], columns] for row in sides(top, window, height))
    across = west[..., None] * (1 - t) + east[..., None] * t
    down = north[..., None, :] * (1 - t)[:, None] + south[..., None, :] * t[:, None]
    return ((across + down) / 2).transpose(1, 2)


def sides(start: Tensor, window: int, pixels: int) -> tuple[Tensor, Tensor]:
    """The pixels just before and just behind windows; where one lies outside the picture, the other one for both."""
    before, behind = start - 1, start + window
    there = before >= 0, behind < pixels
    return torch.where(there[0], before, behind.clamp(max=pixels - 1)), torch.where(there[1], behind, before.clamp(min=0))


def quantile(leads: Tensor, share: float) -> Tensor:
    """The value `[N]` that a `share` of each picture's leads `[N, ...]` is below: of P leads the one with floor(share * P) smaller ones."""
    flat = leads.flatten(1)
    return flat.kthvalue(1 + min(int(share * flat.shape[1]), flat.shape[1] - 1), dim=1).values


def check_share(share: float) -> None:
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise ValueError(f"share is {share!r}; a share in [0, 1] is expected: of how many covers the lead may be lower.")


def cover_size(x: Tensor, window: int | None, stride: int | None) -> tuple[int, int]:
    """The cover's side and its stride, in pixels."""
    shorter = min(x.shape[2:])
    window = min(shorter, max(8, shorter // 6)) if window is None else check_count(window, "window")
    if window > shorter:
        raise ValueError(f"window is {window}; a cover of at most the pictures' shorter side, {shorter}, is expected.")
    stride = max(1, 3 * window // 4) if stride is None else check_count(stride, "stride")
    if stride > window:
        raise ValueError(f"stride is {stride}, more than the window, {window}; give at most that, or some of the picture is never covered.")
    return window, stride
