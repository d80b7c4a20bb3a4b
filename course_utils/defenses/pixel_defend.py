"""PixelDefend (Song 2018): a picture is replaced by a likely one nearby, before a network sees it."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import runtime
from ..models import PixelCNN
from ..models.pixelcnn import check_grey, decode

ROUNDING = 1e-6


def pixel_defend(cnn: PixelCNN, x: Tensor, *, eps: float = 0.1) -> Tensor:
    """Each pixel, row by row, becomes the grey level that a PixelCNN finds most likely, given the new pixels before it, of those within eps of its own.

    x_i <- argmax p(v | x_1 ... x_{i-1}) over the levels v with |v - x_i| <= eps. That is greedy: the most likely next pixel, not the most likely picture.
    No gradient comes through. eps: at least half the distance of two levels, so that one is in reach. The paper takes 16/255 for CIFAR-10.

    x: grey pictures `[N, 1, H, W]` in [0, 1].
    """
    check_grey(cnn, x)
    levels, eps = cnn.values(), runtime.check_positive(eps, "eps")
    if eps + ROUNDING < 0.5 / (cnn.levels - 1):
        raise ValueError(f"eps is {eps}; the {cnn.levels} grey levels are {1 / (cnn.levels - 1):.3g} apart: at least half of that is expected.")

    def likeliest(scores: Tensor, given: Tensor) -> Tensor:
        out_of_reach = (levels - given[..., None]).abs() > eps + ROUNDING
        return levels[scores.masked_fill(out_of_reach, -torch.inf).argmax(-1)]

    with runtime.frozen(cnn), torch.no_grad():
        return decode(cnn, x.detach(), likeliest)
