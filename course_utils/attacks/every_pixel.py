"""Every pixel in each of a few colours: exhaustive search, which shows where single pixels work and how far another search is from the best."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_pictures
from .margins import lead
from .painting import Canvas

TOGETHER = 2**16  # changed pictures between two looks at the clock: their places and colours lie in memory at once


def corners(channels: int) -> Tensor:
    """The colours of which every channel is 0 or 1, `[2^C, C]`: black, white, and for three channels the six pure colours between."""
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=channels)))


def every_pixel(
    model: nn.Module, x: Tensor, colours: Tensor | Sequence[Sequence[float]] | None = None, *, local: bool = True, batch_size: int | None = None
) -> Tensor:
    """The scores `[N, K, H, W, classes]` with the pixel at each place in each of K colours, one pixel at a time: N * K * H * W pictures.

    x: pictures `[N, C, H, W]` in [0, 1]. colours: `[K, C]` in [0, 1]; None: the corners of the colour cube.
    """
    check_pictures(x, model)
    if batch_size is not None:
        check_count(batch_size, "batch_size")
    (count, channels, height, width), x = x.shape, runtime.detached(x)
    palette = torch.as_tensor(corners(channels) if colours is None else colours).to(x)
    if palette.dim() != 2 or palette.shape[1] != channels or not len(palette) or not bool(((palette >= 0) & (palette <= 1)).all()):
        raise ValueError(f"colours has shape {list(palette.shape)}; colours [K, {channels}] in [0, 1] are expected.")
    spots = torch.arange(height * width, device=x.device)
    which, spot = (grid.flatten() for grid in torch.meshgrid(torch.arange(len(palette), device=x.device), spots, indexing="ij"))
    places, found = torch.stack([spot // width, spot % width], 1)[:, None], []
    with runtime.frozen(model), torch.no_grad():
        canvas = Canvas(model, x, pixels=1, queries=count * len(which), batch_size=batch_size, local=local)
        for number in range(count):
            index = torch.full_like(which, number)
            parts = zip(*(part.split(TOGETHER) for part in (places, palette[which][:, None], index)))
            found.append(torch.cat([canvas.ask(*part) for part in parts]).unflatten(0, (len(palette), height, width)))
    return torch.stack(found)


def working(scores: Tensor, y: Tensor, *, targeted: bool = False) -> Tensor:
    """Which single pixels work, `[N, K, H, W]`: with them the picture is taken for another class than y, or for the target y `[N]`.

    scores: `[N, K, H, W, classes]` from `every_pixel`.
    """
    own = y.view(-1, *[1] * (scores.dim() - 2)).expand(scores.shape[:-1])
    return (lead(scores.flatten(0, -2), own.flatten(), targeted) > 0).view(own.shape)
