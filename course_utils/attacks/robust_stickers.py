"""Robust stickers (RP2): paint below a mask that fools from every view, changes little, and can be printed."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive
from ..transforms import photograph
from .common import attacking, wide
from .margins import wanted
from .printing import printable, printed, unprintable
from .tanh_space import Walk
from .transform import Transform, seeded

SIZES = {"l1": lambda change: change.abs().flatten(1).sum(1), "l2": lambda change: (change.flatten(1).square().sum(1) + 1e-12).sqrt()}


class RobustStickers(NamedTuple):
    """images `[N, C, H, W]`: the pictures with their stickers. paint: what is printed, `[N, C, H, W]`, or `[1, C, H, W]` for all pictures.
    mask, `[N, 1, H, W]` or `[1, 1, H, W]`: where it is stuck."""

    images: Tensor
    paint: Tensor
    mask: Tensor


def robust_stickers(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, mask: Tensor, views: Transform = photograph, fits: Transform | None = None,
    shared: bool = False, penalty: float = 1e-3, norm: str = "l2", printability: float = 1.0, palette: Tensor | None = None,
    samples: int = 8, steps: int = 100, rate: float = 0.1, targeted: bool = False, generator: torch.Generator | None = None,
) -> RobustStickers:  # fmt: skip
    """Robust physical perturbations, RP2 (Eykholt 2018): min over d of penalty * |M d|_p + NPS + E[J(f(x_i + T_i(M d)), y*)].

    d changes the pictures only below the mask M. J is -log of the probability of the target; without one, of all classes but y. The mean is taken
    over `samples` fresh draws of `views` at each of `steps` steps of Adam, and over the pictures, for `shared`: then it is one d for all of
    them, photos of one sign. fits: the T_i, how a sticker comes to sit; None: exactly. Both are transforms as in `transform_attack`.
    norm "l1" leaves most pixels unchanged, and so shows which ones matter (`strongest`); "l2" is for the stickers themselves.

    Paint is optimised, opaque: (1 - M) x + M p, so d = p - x. NPS is the mean distance of M's colours from the nearest of the `palette`
    (None: `printable()`), `printability` times; the paint that comes back is in these colours. With printability 0 it may have any colour.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own; with `targeted` the classes wanted. mask: `[H, W]`,
    `[1, H, W]`, or `[N or 1, 1, H, W]` in [0, 1].
    """
    check_count(samples, "samples"), check_count(steps, "steps"), check_positive(rate, "rate", zero=False)
    penalty, weight = check_positive(penalty, "penalty"), check_positive(printability, "printability")
    size, chance = SIZES[runtime.pick("norm", norm, SIZES)], generator or runtime.generator()
    look, sit = seeded(views), seeded(fits or (lambda sheet: sheet))
    with attacking(model, x, y, targeted=targeted) as (x, labels):
        y = labels(runtime.logits(model, x)).repeat_interleave(samples)
        plain, inks = x.mean(0, keepdim=True) if shared else x, printable(x.shape[1]) if palette is None else palette
        m = fitting_mask(mask, plain)
        walk = Walk(plain, rate, 0.02)
        for _ in range(steps):
            paint = runtime.watched(walk.pictures())
            worn = stick(x.repeat_interleave(samples, 0), sit(sheets(paint.to(x.dtype), m, len(x) * samples), chance))
            cost = -wide(wanted(model(look(worn, chance)), y, targeted)).sum() / samples / (len(x) if shared else 1)
            cost = cost + (penalty * size(m * (paint - plain))).sum()
            if weight:
                cost = cost + weight * ((m[:, 0] * unprintable(paint, inks)).flatten(1).sum(1) / m.flatten(1).sum(1)).sum()
            walk.step(runtime.gradient(cost, paint))
        paint = (printed(walk.pictures(), inks) if weight else walk.pictures()).to(x.dtype)
        return RobustStickers(stick(x, sheets(paint, m, len(x))), paint, m)


def sheets(paint: Tensor, mask: Tensor, count: int) -> Tensor:
    """Paint `[n, C, H, W]` times mask, and the mask as one more channel, each count / n times: `[count, C + 1, H, W]`."""
    sheet = torch.cat([paint * mask, mask], 1)
    return sheet.repeat_interleave(count // len(sheet), 0) if len(sheet) > 1 else sheet.expand(count, -1, -1, -1)


def stick(x: Tensor, sheet: Tensor) -> Tensor:
    """Sheets `[N, C + 1, H, W]` (see `sheets`) on pictures: (1 - M) x + M p."""
    return ((1 - sheet[:, -1:]) * x + sheet[:, :-1]).clamp(0, 1)


def fitting_mask(mask: Tensor, x: Tensor) -> Tensor:
    """The mask as `[N, 1, H, W]` like the pictures x: refused if it has another size, or leaves nothing to paint on."""
    given = mask.reshape((1,) * (4 - mask.dim()) + tuple(mask.shape)) if isinstance(mask, Tensor) and 2 <= mask.dim() <= 4 else None
    if given is None or given.shape[0] not in (1, len(x)) or given.shape[1] != 1 or given.shape[2:] != x.shape[2:]:
        what = f"has shape {list(mask.shape)}" if isinstance(mask, Tensor) else f"is a {type(mask).__name__}"
        raise ValueError(f"mask {what}; a mask as large as the pictures, [{x.shape[2]}, {x.shape[3]}] or [{len(x)}, 1, {x.shape[2]}, {x.shape[3]}], is expected.")
    given = given.to(x).expand(len(x), -1, -1, -1)
    if not bool(((given >= 0) & (given <= 1)).all()) or not bool((given.flatten(1).amax(1) > 0).all()):
        raise ValueError("mask must hold numbers in [0, 1], and more than 0 somewhere in each picture: else there is nothing to paint on.")
    return given


def strongest(change: Tensor, *, count: int = 2, size: tuple[int, int] = (8, 12), within: Tensor | None = None) -> Tensor:
    """Where changes `[N, C, H, W]` are greatest: a mask `[N, 1, H, W]` of `count` upright rectangles of `size` (rows, columns), which do not
    overlap: the one with the greatest sum of |change|, then the next. within: a mask that they must lie in."""
    (tall, wide_), (height, width) = size, change.shape[2:]
    if not (1 <= tall <= height and 1 <= wide_ <= width):
        raise ValueError(f"size is {size}; rows and columns from 1 to those of the picture, {height} and {width}, are expected.")
    check_count(count, "count")
    heat = change.abs().sum(1, keepdim=True)
    free = torch.ones_like(heat) if within is None else (fitting_mask(within, change) >= 0.5).to(heat)
    mask = torch.zeros_like(heat)
    for _ in range(count):
        inside = F.avg_pool2d(free, size, 1) > 1 - 0.5 / (tall * wide_)
        if not bool(inside.flatten(1).any(1).all()):
            raise ValueError(f"there is no room for {count} rectangles of {tall}x{wide_}; fewer or smaller ones are expected.")
        where = F.avg_pool2d(heat, size, 1).where(inside, -1).flatten(1).argmax(1)
        corner = torch.zeros_like(inside, dtype=heat.dtype).flatten(1).scatter_(1, where[:, None], 1).view_as(inside)
        placed = F.conv_transpose2d(corner, corner.new_ones(1, 1, tall, wide_))
        mask, free = mask + placed, free - placed
    return mask


