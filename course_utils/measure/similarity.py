"""How alike two pictures look to a person: SSIM, and PASS, for which a small move of the whole picture does not count (Rozsa 2016)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..runtime import check_count, check_pictures, detached


def ssim(x: Tensor, x_adv: Tensor, *, whole: bool = False) -> Tensor:
    """Structural similarity (Wang 2004) of two batches `[N, C, H, W]` in [0, 1]: `[N]`; 1 for the same picture, lower for others.

    Means, variances and the covariance are taken in a Gaussian window (deviation 1.5, 11 pixels wide) around every pixel
    where it fits; the index is averaged over places and colours. As scikit-image computes it, for a batch, on its device.
    whole: around every pixel there is, the pictures mirrored at their edges (scikit-image's `full` map, averaged).
    """
    if x.shape != x_adv.shape or x.dim() != 4 or min(x.shape[2:]) < 11:
        raise ValueError(f"the pictures have shapes {list(x.shape)} and {list(x_adv.shape)}; the same [N, C, H, W] is expected, "
                         "with H and W at least 11.")  # fmt: skip
    down, across = (windows(size, whole).to(x.device) for size in x.shape[2:])

    def local(values: Tensor) -> Tensor:
        return down @ values @ across.T  # the mean in each window: a convolution is slower in double precision

    a, b = x.detach().double(), x_adv.detach().double()  # single precision would lose small variances
    mean_a, mean_b = local(a), local(b)
    both = local(a * b) - mean_a * mean_b
    spread = local(a * a) - mean_a**2 + local(b * b) - mean_b**2
    index = (2 * mean_a * mean_b + 0.01**2) * (2 * both + 0.03**2) / ((mean_a**2 + mean_b**2 + 0.01**2) * (spread + 0.03**2))
    return index.mean((1, 2, 3)).to(x.dtype)


def windows(size: int, whole: bool) -> Tensor:
    """Gaussian windows along one axis, one a row: where they fit `[size - 10, size]`, or around every pixel `[size, size]`, folded at the edges."""
    bell = torch.exp(-((torch.arange(11.0) - 5) ** 2) / (2 * 1.5**2)).double()
    if not whole:
        return torch.stack([F.pad(bell / bell.sum(), (i, size - 11 - i)) for i in range(size - 10)])
    wide = torch.stack([F.pad(bell / bell.sum(), (i, size - 1 - i)) for i in range(size)])  # [size, size + 10]
    return wide[:, 5:-5] + F.pad(wide[:, :5].flip(1), (0, size - 5)) + F.pad(wide[:, -5:].flip(1), (size - 5, 0))


def pass_score(x: Tensor, x_adv: Tensor, *, steps: int = 10, whole: bool = False) -> Tensor:
    """The perceptual adversarial similarity score (PASS) of two batches `[N, C, H, W]` in [0, 1]: `[N]`; 1 for the same picture.

    PASS = SSIM(psi(x_adv), x), where the homography psi aligns x_adv with x: the one that makes their correlation coefficient largest (ECC,
    Evangelidis and Psarakis 2008), here sought for in all pictures at once. Where aligning makes it no better (as for a picture with hardly any
    structure), the pictures are compared as they are. Regional SSIM as in `ssim`: an 11 x 11 Gaussian window of deviation 1.5, exponents 1.
    whole: averaged over every pixel, also near the edges, where no window fits: the figures of the LOTS paper come out only so.
    """
    if x.shape != x_adv.shape:
        raise ValueError(f"x has shape {list(x.shape)} and x_adv {list(x_adv.shape)}; the same shape is expected.")
    check_pictures(x), check_pictures(x_adv, name="x_adv"), check_count(steps, "steps")
    x, x_adv = detached(x), detached(x_adv)
    plain = ssim(x, x_adv, whole=whole)
    return torch.maximum(plain, ssim(x, warped(x_adv, alignment(x, x_adv, steps)), whole=whole)).clamp(max=1)


def alignment(x: Tensor, x_adv: Tensor, steps: int = 10) -> Tensor:
    """Homographies `[N, 3, 3]` that take places in x to places in x_adv (from -1 to 1), so that their correlation is largest.

    The inverse compositional form of ECC. With t = x as a vector, J its slopes along the 8 parameters and i = x_adv as warped so far, all of mean 0:
    lambda = (t't - t'Pt) / (i't - i'Pt) with P = J (J'J)^-1 J', then dp = (J'J)^-1 J' (lambda i - t), and the warp is followed by the inverse of
    the small one of dp. J is that of x and stays, so that a step costs one warp. Of all steps the best is kept.
    """
    still, moving = smoothed(x), smoothed(x_adv)
    t, slopes = centred(still), centred(steepest(still))  # [N, 1 or 8, pixels]
    gram = slopes @ slopes.transpose(1, 2)
    gram = gram + torch.diag_embed(1e-6 * gram.diagonal(dim1=1, dim2=2) + 1e-9)  # a blank picture has no slopes
    inverse = torch.linalg.inv(gram.double()).to(gram)
    along = slopes @ t.transpose(1, 2)  # J't, [N, 8, 1]
    length, inside = (t * t).sum(2), (along * (inverse @ along)).sum(1)
    warp = torch.eye(3, dtype=t.dtype, device=t.device).repeat(len(x), 1, 1)
    best, highest = warp, torch.full_like(length, -torch.inf)
    for step in range(steps + 1):
        i = centred(warped(moving, warp).flatten(2))
        product = (i * t).sum(2)
        agreement = product / ((i * i).sum(2) * length).sqrt().clamp_min(1e-12)
        better = agreement > highest
        best, highest = torch.where(better[:, :, None], warp, best), torch.where(better, agreement, highest)
        if step < steps:
            seen = slopes @ i.transpose(1, 2)
            scale = (length - inside) / (product - (along * (inverse @ seen)).sum(1)).clamp_min(1e-12)
            change = (inverse @ (scale[:, None] * seen - along))[..., 0].nan_to_num(0, 0, 0).clamp(-0.2, 0.2)
            warp = followed(warp, change)
    return best


def smoothed(x: Tensor) -> Tensor:
    """Grey pictures `[N, 1, H, W]` in single precision or more, a little out of focus, so that slopes reach farther than one pixel."""
    grey = (x.float() if x.dtype.itemsize < 4 else x).mean(1, keepdim=True)
    bell = torch.exp(-((torch.arange(5.0) - 2) ** 2) / (2 * 1.1**2)).to(grey)
    down, across = (F.conv1d(F.pad(torch.eye(size).to(grey)[:, None], (2, 2), mode="replicate"), (bell / bell.sum())[None, None])[:, 0] for size in grey.shape[2:])
    return down.T @ grey @ across  # as tables: faster than a convolution of one channel


def centred(values: Tensor) -> Tensor:
    """Pictures `[N, K, H, W]` as vectors `[N, K, pixels]` of mean 0."""
    flat = values.flatten(2)
    return flat - flat.mean(2, keepdim=True)


def places(x: Tensor) -> tuple[Tensor, Tensor]:
    """Columns and rows of pictures from -1 to 1: `[1, W]` and `[H, 1]`."""
    across, down = (torch.linspace(-1, 1, size, dtype=x.dtype, device=x.device) for size in (x.shape[3], x.shape[2]))
    return across[None, :], down[:, None]


def steepest(x: Tensor) -> Tensor:
    """How pictures `[N, 1, H, W]` change with each of a homography's 8 parameters: `[N, 8, H, W]`."""
    u, v = places(x)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")[:, 0]
    across = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) * (x.shape[3] - 1) / 4
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) * (x.shape[2] - 1) / 4
    both = u * across + v * down
    return torch.stack([u * across, v * across, across, u * down, v * down, down, -u * both, -v * both], 1)


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
