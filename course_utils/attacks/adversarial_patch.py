"""The universal adversarial patch: one small picture that makes any picture it lies in a given class, wherever it lies and however it is turned."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive
from .common import attacking, wide
from .tanh_space import Walk

Share = float | tuple[float, float]  # of a picture's area; two: each picture's is drawn between them
FILL = {"disc": 0.785, "square": 1.0}  # the shapes, and how much of their square they fill


class Patch(NamedTuple):
    """patch `[C, S, S]` in [0, 1], its mask `[1, S, S]`, and the target class."""

    patch: Tensor
    mask: Tensor
    target: int


class Spots(NamedTuple):
    """Where patches lie, one number a picture `[N]`: the side and the middle in pixels, and how far turned, in degrees."""

    side: Tensor
    across: Tensor
    down: Tensor
    turn: Tensor


def adversarial_patch(
    model: nn.Module, images: Tensor, target: int, *, share: Share = (0.05, 0.2), rotation: float = 22.5, shape: str = "disc",
    side: int | None = None, steps: int = 200, batch: int = 16, rate: float = 0.3, generator: torch.Generator | None = None,
) -> Patch:  # fmt: skip
    """Adversarial patch (Brown 2017): p = argmax E over pictures x, places l and transforms t of log P(target | A(p, x, l, t)).

    At each step the patch is pasted on `batch` pictures, everywhere inside them, turned by up to `rotation` degrees either way, covering
    `share` of their area, and Adam takes a step in tanh space (half a logit), where pixels cannot leave [0, 1].
    Pictures that the model takes for the target already are left out: they would teach the patch nothing.

    images: `[N, C, H, W]` in [0, 1]; target: the class; side: of the patch in its own pixels, None for as many as it covers.
    """
    shares, chance = checked(share, rotation, shape), generator or runtime.generator()
    check_count(steps, "steps"), check_count(batch, "batch"), check_positive(rate, "rate", zero=False)
    with attacking(model, images, None) as (x, labels):
        scores = runtime.logits(model, x)
        x = x[labels(scores) != checked_target(target, scores.shape[1])]
        if not len(x):
            raise ValueError(f"the model takes all pictures for the target {target} already; pictures of other classes are expected.")
        mask = outline(shape, side or usual_side(shares, shape, x)).to(x)
        walk = Walk(torch.full_like(mask, 0.5).expand(x.shape[1], -1, -1)[None], rate, 0.0)
        walk.w += 0.1 * torch.randn(walk.w.shape, generator=chance).to(walk.w)
        for _ in range(steps):
            some = x[torch.randint(len(x), (batch,), generator=chance).to(x.device)]
            patch = runtime.watched(walk.pictures())
            pasted = paste(some, patch[0].to(x.dtype), mask, spots(some, shares, rotation, mask, chance))
            log_chance = wide(model(pasted)).log_softmax(1)[:, target]
            walk.step(runtime.gradient(-log_chance.mean(), patch))
        return Patch(walk.pictures()[0].to(x.dtype), mask, int(target))


def paste(x: Tensor, patch: Tensor, mask: Tensor, at: Spots) -> Tensor:
    """A(p, x, l, t): pictures `[N, C, H, W]` with the patch `[C, S, S]` at the spots; the mask is warped as the patch is, by one affine grid."""
    sheet = torch.cat([patch * mask, mask]).expand(len(x), -1, -1, -1)
    across, down = x.shape[3] / at.side, x.shape[2] / at.side  # the picture, in sides of the patch
    cos, sin = torch.deg2rad(at.turn).cos(), torch.deg2rad(at.turn).sin()
    right, low = (2 * at.across - x.shape[3]) / at.side, (2 * at.down - x.shape[2]) / at.side
    rows = [across * cos, down * sin, -(right * cos + low * sin), -across * sin, down * cos, right * sin - low * cos]
    where = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3).to(x.dtype), [len(x), 1, *x.shape[2:]], align_corners=False)
    sheet = F.grid_sample(sheet, where, padding_mode="zeros", align_corners=False)
    return ((1 - sheet[:, -1:]) * x + sheet[:, :-1]).clamp(0, 1)


def pasted(x: Tensor, patch: Patch, *, share: Share = 0.1, rotation: float = 22.5, generator: torch.Generator | None = None) -> Tensor:
    """Pictures with a patch anywhere on them, each at a place of its own: `[N, C, H, W]`. Options as in `adversarial_patch`."""
    shares = checked(share, rotation, "disc")
    if patch.patch.shape[0] != runtime.check_pictures(x).shape[1]:
        raise ValueError(f"the patch has {patch.patch.shape[0]} channels and the pictures {x.shape[1]}; as many are expected.")
    return paste(x, patch.patch.to(x), patch.mask.to(x), spots(x, shares, rotation, patch.mask, generator or runtime.generator()))


def spots(x: Tensor, shares: tuple[float, float], rotation: float, mask: Tensor, chance: torch.Generator) -> Spots:
    """A spot for each picture: any place where all of the patch is inside, any share and any turn in the range, equally likely."""
    (height, width), drawn = x.shape[2:], torch.rand(4, len(x), generator=chance, dtype=torch.float64).to(x.device, wide(x).dtype)
    share, turn = shares[0] + (shares[1] - shares[0]) * drawn[0], rotation * (2 * drawn[1] - 1)
    side = (share * height * width / mask.mean().to(share)).sqrt()
    angle, corner = torch.deg2rad(turn), bool(mask[0, 0, 0] > 0)
    half = side / 2 * (angle.cos().abs() + angle.sin().abs() if corner else 1)
    across, down = (half + (size - 2 * half).clamp_min(0) * d for size, d in ((width, drawn[2]), (height, drawn[3])))
    return Spots(side, across, down, turn)


def outline(shape: str, side: int) -> Tensor:
    """The mask `[1, side, side]` of a patch: 1 inside, soft at the edge of a disc."""
    if shape == "square":
        return torch.ones(1, side, side)
    place = torch.arange(side) + 0.5 - side / 2
    return (side / 2 + 0.5 - torch.hypot(place[:, None], place)).clamp(0, 1)[None]


def usual_side(shares: tuple[float, float], shape: str, x: Tensor) -> int:
    """So many pixels that the patch is pasted about as it is."""
    return max(3, round((sum(shares) / 2 * x[0, 0].numel() / FILL[shape]) ** 0.5))


def checked(share: Share, rotation: float, shape: str) -> tuple[float, float]:
    low, high = share if isinstance(share, tuple) else (share, share)
    if not 0 < check_positive(low, "share") <= check_positive(high, "share") <= 0.5:
        raise ValueError(f"share is {share}; a share of a picture's area above 0, at most 0.5, or two, the smaller one first, are expected.")
    check_positive(rotation, "rotation"), runtime.pick("shape", shape, FILL)
    return float(low), float(high)


def checked_target(target: int, classes: int) -> int:
    if check_count(target, "target", least=0) >= classes:
        raise ValueError(f"target is {target}; the model has {classes} classes: 0 to {classes - 1}.")
    return int(target)
