"""How alike two pictures look to a person: SSIM, and PASS, for which a small move of the whole picture does not count (Rozsa 2016)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..runtime import check_count, check_pictures, detached
from .alignment import alignment, warped


def ssim(x: Tensor, x_adv: Tensor, *, whole: bool = False) -> Tensor:
    """Structural similarity (Wang 2004) of two batches `[N, C, H, W]` in [0, 1]: `[N]`; 1 for the same picture, lower for others.

    Means, variances and the covariance are taken in a Gaussian window (deviation 1.5, 11 pixels wide) around every pixel
    where it fits; the index is averaged over places and colours. As scikit-image computes it, for a batch, on its device.
    whole: around every pixel there is, the pictures mirrored at their edges (scikit-image's `full` map, averaged).
    """
    check_windows(x, x_adv)
    return Windowed(x, whole).index(x_adv)


def check_windows(x: Tensor, x_adv: Tensor) -> None:
    """ValueError unless both are batches of the same shape in which a window fits."""
    if x.shape != x_adv.shape or x.dim() != 4 or min(x.shape[2:]) < 11:
        raise ValueError(f"the pictures have shapes {list(x.shape)} and {list(x_adv.shape)}; the same [N, C, H, W] is expected, "
                         "with H and W at least 11.")  # fmt: skip


class Windowed:
    """Pictures `[N, C, H, W]` with their windows' means and variances, to be compared with others of the same shape."""

    def __init__(self, x: Tensor, whole: bool) -> None:
        self.dtype, self.working = x.dtype, torch.promote_types(x.dtype, torch.float32)
        self.down, self.across = (windows(size, whole).to(x.device, self.working) for size in x.shape[2:])
        self.x, self.mean, self.variance = self.moments(x)

    def local(self, values: Tensor) -> Tensor:
        return self.down @ values @ self.across.T  # the mean in each window, as two tables: faster than a convolution of one channel

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = x.detach().to(self.working) - 0.5  # grey is 0: so small variances are not lost in single precision
        mean = self.local(x)
        return x, mean, self.local(x * x) - mean**2

    def index(self, other: Tensor) -> Tensor:
        other, mean, variance = self.moments(other)
        both = self.local(self.x * other) - self.mean * mean
        a, b = self.mean + 0.5, mean + 0.5
        index = (2 * a * b + 0.01**2) * (2 * both + 0.03**2) / ((a**2 + b**2 + 0.01**2) * (self.variance + variance + 0.03**2))
        return index.mean((1, 2, 3)).to(self.dtype)


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
    check_windows(x, x_adv)
    windowed = Windowed(x, whole)
    return torch.maximum(windowed.index(x_adv), windowed.index(warped(x_adv, alignment(x, x_adv, steps)))).clamp(max=1)
