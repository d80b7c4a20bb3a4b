"""Mistakes that are made with a small blur, [1/4, 1/2, 1/4] along the rows and then along the columns."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Blur = Callable[[Tensor], Tensor]
BELL, THIRDS = [0.25, 0.5, 0.25], [1 / 3] * 3
ROWS_FIRST = "blur along the rows, then blur that result along the columns."


def lined(kernel: list[float], mode: str = "replicate", down: bool = True, right: bool = True) -> Blur:
    """A line of three weights along both directions, or one; `mode` says what lies beyond the border."""

    def wrong(x: Tensor) -> Tensor:
        line = torch.tensor(kernel).to(x).expand(x.shape[1], 1, 1, -1)
        if right:
            x = F.conv2d(F.pad(x, (1, 1, 0, 0), mode=mode), line, groups=x.shape[1])
        return F.conv2d(F.pad(x, (0, 0, 1, 1), mode=mode), line.transpose(2, 3), groups=x.shape[1]) if down else x

    return wrong


def crossed(share: float) -> Blur:
    """The pixel's half beside this share of its four neighbours: both directions at once."""

    def wrong(x: Tensor) -> Tensor:
        wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
        beside = wide[:, :, 1:-1, :-2] + wide[:, :, 1:-1, 2:] + wide[:, :, :-2, 1:-1] + wide[:, :, 2:, 1:-1]
        return x / 2 + share * beside

    return wrong


def without_border(x: Tensor) -> Tensor:
    """Softened where there are two neighbours, and left as it was at the border."""
    across, down = x.clone(), x.clone()
    across[..., 1:-1] = x[..., :-2] / 4 + x[..., 1:-1] / 2 + x[..., 2:] / 4
    down[:] = across
    down[:, :, 1:-1] = across[:, :, :-2] / 4 + across[:, :, 1:-1] / 2 + across[:, :, 2:] / 4
    return down


def of_a_blur(soften: Blur) -> tuple[tuple[Blur, str], ...]:
    """Wrong blurs, each with the sentence that names it; `soften` is the right one."""
    return (
        (lined(BELL, "constant"), "beyond the border everything is black: the border gets darker. Repeat the outermost pixels (mode=\"replicate\")."),
        (lined(BELL, "reflect"), "the border is mirrored; repeat the outermost pixels (mode=\"replicate\")."),
        (lined(BELL, "circular"), "the picture goes on at its opposite border; repeat the outermost pixels (mode=\"replicate\")."),
        (lined(BELL, down=False), "only the neighbours to the left and right are mixed in; do the same with those above and below."),
        (lined(BELL, right=False), "only the neighbours above and below are mixed in; do the same with those to the left and right."),
        (lined(THIRDS), "all three pixels weigh a third; the pixel itself weighs a half, each neighbour a quarter."),
        (lined([0.5, 0.0, 0.5]), "the pixel itself is left out; it weighs a half."),
        (lined([0.5, 1.0, 0.5]), "the weights add up to 2 a direction: the picture gets brighter. A quarter, a half, a quarter."),
        (lined([1.0, 2.0, 1.0]), "the weights add up to 4 a direction: the picture gets brighter. A quarter, a half, a quarter."),
        (lined([0.0, 0.5, 0.5]), "only one of the two neighbours is mixed in."),
        (crossed(1 / 8), "both directions are mixed in at once, and the corners are left out; " + ROWS_FIRST),
        (crossed(1 / 4), "both directions are mixed in at once, with weights that add up to 3/2; " + ROWS_FIRST),
        (without_border, "the outermost pixels stay as they were; beyond the border the outermost pixel is repeated (mode=\"replicate\")."),
        (lambda x: soften(x).sum(1, keepdim=True).expand_as(x), "the colours are added up; soften each on its own (groups=x.shape[1] in a convolution)."),
        (lambda x: soften(soften(x)), "the picture is softened twice."),
        (lambda x: soften(x).mean(1, keepdim=True).expand_as(x), "the colours are mixed; soften each on its own."),
        (lambda x: x.clone(), "the picture comes back as it was."),
    )  # fmt: skip
