"""Moving one picture over another: the homography with which they agree best (ECC), sought for in all pairs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

GAIN = 2e-4  # a pair is finished when a step adds less to its correlation, or promises to add less


def alignment(x: Tensor, x_adv: Tensor, steps: int = 10) -> Tensor:
    """Homographies `[N, 3, 3]` that take places in x to places in x_adv (from -1 to 1), so that their correlation is largest.

    The inverse compositional form of ECC. With t = x as a vector, J its slopes along the 8 parameters and i = x_adv as warped so far, all of mean 0:
    lambda = (t't - t'Pt) / (i't - i'Pt) with P = J (J'J)^-1 J', then dp = (J'J)^-1 J' (lambda i - t), and the warp is followed by the inverse of
    the small one of dp. J is that of x and stays, so that a step costs one warp. Of all steps the best is kept; a finished pair is dropped.
    """
    pairs = Pairs.of(smoothed(x), smoothed(x_adv))
    found = torch.eye(3, dtype=pairs.t.dtype, device=x.device).repeat(len(x), 1, 1)
    left, going, warp = torch.arange(len(x), device=x.device), torch.ones(len(x), dtype=torch.bool, device=x.device), found.clone()
    i = centred(pairs.moving)
    highest = pairs.agreement(i)
    for _ in range(steps):
        change, promised = pairs.change(i)
        going = going & (promised > highest + GAIN)
        share = going.float().mean().item()  # the only thing read from the device
        if share == 0:
            break
        if share < 0.7:  # dropping copies the others, so a few are not worth it
            left, warp, highest, change, pairs = left[going], warp[going], highest[going], change[going], pairs.only(going)
            going = going[going]
        warp = followed(warp, change)
        i = centred(warped(pairs.moving, warp))
        agreement = pairs.agreement(i)
        better = going & (agreement > highest)
        found[left] = torch.where(better[:, None, None], warp, found[left])
        going, highest = going & (agreement > highest + GAIN), torch.where(better, agreement, highest)
    return found


class Tables(NamedTuple):
    """What makes sums over J's columns from sums over slopes; made once, so that no step copies anything to a GPU."""

    powers: Tensor  # [6, pixels], see `powers`
    signs: Tensor  # [8, 12], see `combined`


class Pairs(NamedTuple):
    """What ECC's steps need of pairs: all but `moving` stays the same from step to step."""

    t: Tensor  # [N, pixels] the still pictures, of mean 0
    moving: Tensor  # [N, 1, H, W] the pictures to be warped
    slopes: Tensor  # [N, 2, pixels] how the still pictures change across and down
    inverse: Tensor  # [N, 8, 8] (J'J)^-1
    along: Tensor  # [N, 8] J't
    length: Tensor  # [N] t't
    tables: Tables  # the same for all pairs

    @classmethod
    def of(cls, still: Tensor, moving: Tensor) -> Pairs:
        t, slopes, tables = centred(still), steepness(still), Tables(powers(still), combined(still))
        gram = squares(slopes, still, tables)
        gram = gram + torch.diag_embed(1e-6 * gram.diagonal(dim1=1, dim2=2) + 1e-9)  # a blank picture has no slopes
        return cls(t, moving, slopes, torch.linalg.inv(gram.double()).to(gram), onto(slopes, t, tables), (t * t).sum(1), tables)

    def only(self, chosen: Tensor) -> Pairs:
        """The pairs where `chosen` `[N]` is True."""
        return Pairs(*(part[chosen] for part in self[:-1]), self.tables)

    def agreement(self, i: Tensor) -> Tensor:
        """The correlation `[N]` of the still pictures with warped ones of mean 0."""
        return (i * self.t).sum(1) / ((i * i).sum(1) * self.length).sqrt().clamp_min(1e-12)

    def change(self, i: Tensor) -> tuple[Tensor, Tensor]:
        """dp `[N, 8]`, at most 0.2, lest a bad step leaves the picture; and the correlation `[N]` that it promises, if slopes were straight lines."""
        seen = onto(self.slopes, i, self.tables)
        ours, theirs = ((self.inverse @ v[..., None])[..., 0] for v in (self.along, seen))  # (J'J)^-1 J't and (J'J)^-1 J'i
        beside = self.length - (self.along * ours).sum(1), (i * self.t).sum(1) - (seen * ours).sum(1)  # t't - t'Pt and i't - i'Pt
        scale = beside[0] / beside[1].clamp_min(1e-12)
        square = ((seen * theirs).sum(1) + beside[1] ** 2 / beside[0].clamp_min(1e-12)) / (i * i).sum(1).clamp_min(1e-12)
        return (scale[:, None] * theirs - ours).nan_to_num(0, 0, 0).clamp(-0.2, 0.2), square.clamp_min(0).sqrt()


def smoothed(x: Tensor) -> Tensor:
    """Grey pictures `[N, 1, H, W]` in single precision or more, a little out of focus, so that slopes reach farther than one pixel."""
    grey = x.to(torch.promote_types(x.dtype, torch.float32))
    grey = grey.mean(1, keepdim=True) if grey.shape[1] > 1 else grey
    bell = torch.exp(-((torch.arange(5.0) - 2) ** 2) / (2 * 1.1**2))
    down, across = (band(bell / bell.sum(), size).to(grey) for size in grey.shape[2:])
    return down @ grey @ across.T  # as tables: faster than a convolution of one channel


def band(weights: Tensor, size: int) -> Tensor:
    """A weighted mean around each place of an axis, one a row: `[size, size]`. Beyond the ends the axis goes on as at its ends."""
    reach = len(weights) // 2
    table = torch.zeros(size, size)
    rows = torch.arange(size)
    for offset, weight in enumerate(weights.tolist(), -reach):
        table.index_put_((rows, (rows + offset).clamp(0, size - 1)), torch.tensor(weight), accumulate=True)
    return table


def centred(values: Tensor) -> Tensor:
    """Pictures `[N, 1, H, W]` as vectors `[N, pixels]` of mean 0."""
    flat = values.flatten(1)
    return flat - flat.mean(1, keepdim=True)


def places(x: Tensor) -> tuple[Tensor, Tensor]:
    """Columns and rows of pictures from -1 to 1: `[1, W]` and `[H, 1]`."""
    across, down = (torch.linspace(-1, 1, size, dtype=x.dtype, device=x.device) for size in (x.shape[3], x.shape[2]))
    return across[None, :], down[:, None]


def steepness(x: Tensor) -> Tensor:
    """How pictures `[N, 1, H, W]` change across and down: `[N, 2, pixels]`."""
    slope = torch.tensor([-0.5, 0.0, 0.5])
    down, across = (band(slope * (size - 1) / 2, size).to(x) for size in x.shape[2:])
    return torch.cat([x @ across.T, down @ x], 1).flatten(2)


# J has a column for each of a homography's 8 parameters: u a, v a, a, u d, v d, d, -u (u a + v d), -v (u a + v d), where a and d are the slopes
# across and down at the place (u, v). Each is a slope times one of these powers of u and v, or minus the sum of two such products. So sums over
# J's columns are sums of slopes times powers, and J itself, 8 pictures large, is never written down.
POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))  # 1, u, v, uu, uv, vv
J = ({"a": 1}, {"a": 2}, {"a": 0}, {"d": 1}, {"d": 2}, {"d": 0}, {"a": 3, "d": 4}, {"a": 4, "d": 5})  # which power goes with which slope


def combined(like: Tensor) -> Tensor:
    """J's columns from the slope across times the 6 powers and the slope down times the 6 powers: `[8, 12]`."""
    signs = torch.zeros(8, 2, 6)
    for row, column in enumerate(J):
        for slope, power in column.items():
            signs[row, "ad".index(slope), power] = 1 if len(column) == 1 else -1
    return signs.flatten(1).to(like)


def powers(x: Tensor, exponents: Sequence[tuple[int, int]] = POWERS) -> Tensor:
    """u^p v^q at the places (u, v) of pictures, a row for each pair of exponents: `[..., pixels]`."""
    u, v = places(x)
    return torch.stack([(u**p * v**q).flatten() for p, q in exponents])


def sums(values: Tensor, weights: Tensor) -> Tensor:
    """Sums of `[N, K, pixels]` with weights `[M, pixels]`: `[N, K, M]`. The short table in front makes the product three times as fast."""
    return (weights @ values.flatten(0, 1).T).T.unflatten(0, values.shape[:2])


def onto(slopes: Tensor, values: Tensor, tables: Tables) -> Tensor:
    """J' times vectors `[N, pixels]` of mean 0 (so that J's own means do not count): `[N, 8]`."""
    return sums(slopes * values[:, None], tables.powers).flatten(1) @ tables.signs.T


def squares(slopes: Tensor, like: Tensor, tables: Tables) -> Tensor:
    """J'J with J's columns of mean 0: `[N, 8, 8]`."""
    exponents = [(p, q) for p in range(5) for q in range(5 - p)]  # of products of two powers
    which = [exponents.index((p + r, q + s)) for p, q in POWERS for r, s in POWERS]
    across, down = slopes.unbind(1)
    table = powers(like, exponents)
    aa, ad, dd = (((table @ (one * other).T)[which]).T.view(-1, 6, 6) for one, other in ((across, across), (across, down), (down, down)))
    whole = torch.cat([torch.cat([aa, ad], 2), torch.cat([ad, dd], 2)], 1)  # [N, 12, 12]
    mean = sums(slopes, tables.powers).flatten(1) @ tables.signs.T
    return tables.signs @ whole @ tables.signs.T - mean[:, :, None] * mean[:, None] / slopes.shape[2]


def followed(warp: Tensor, change: Tensor) -> Tensor:
    """Warps `[N, 3, 3]` behind the inverse of the small warps 1 + change `[N, 8]`, with a 1 in the last corner."""
    small = torch.eye(3, dtype=warp.dtype, device=warp.device) + F.pad(change, (0, 1)).unflatten(1, (3, 3))
    whole = warp @ torch.linalg.inv(small)
    return whole / whole[:, 2:, 2:]


def warped(x: Tensor, warp: Tensor) -> Tensor:
    """Pictures `[N, C, H, W]`, looked at where the homographies `[N, 3, 3]` say; beyond the edges they go on as at the edge."""
    u, v = places(x.to(warp.dtype))
    points = torch.stack([*torch.broadcast_tensors(u, v), torch.ones_like(u * v)]).flatten(1)  # [3, pixels]
    moved = warp @ points
    where = (moved[:, :2] / moved[:, 2:].clamp_min(1e-3)).transpose(1, 2).unflatten(1, x.shape[2:])
    return F.grid_sample(x.to(warp.dtype), where, padding_mode="border", align_corners=True).to(x.dtype)
