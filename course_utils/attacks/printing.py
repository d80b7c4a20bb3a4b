"""What a printer can print: a palette, how far colours are from it, and colours as they come out of the printer."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

PAPER, INK = 0.94, 0.82  # how bright bare paper is, and what a full layer of an ink takes away


def printable(channels: int = 3) -> Tensor:
    """Thirty printable colours `[30, channels]`: three inks (cyan, magenta, yellow), none, half or full of each, and three greys between.

    The papers measured their own printer's colours; these stand in for them. One channel: the same as grey, each its colours' mean.
    """
    mixed = torch.tensor([*itertools.product((0.0, 0.5, 1.0), repeat=3), *((grey,) * 3 for grey in (0.25, 0.75, 0.875))])
    colours = PAPER - INK * mixed
    return colours if channels == 3 else colours.mean(1, keepdim=True)


def nonprintability(x: Tensor, palette: Tensor) -> Tensor:
    """The non-printability score of each pixel (Sharif 2016), prod over colours c of |p - c|: pictures `[N, C, H, W]` give `[N, H, W]`."""
    return distances(x, palette).prod(1)


def unprintable(x: Tensor, palette: Tensor) -> Tensor:
    """How far each pixel is from the nearest colour, min over c of |p - c|: 0 for the same pixels as the product, `[N, H, W]`.

    A product of thirty distances is next to 0 everywhere, and its slope, too; this one's is 1.
    """
    return distances(x, palette).amin(1)


def printed(x: Tensor, palette: Tensor) -> Tensor:
    """Pictures with each pixel in the nearest printable colour."""
    return palette.to(x)[distances(x, palette).argmin(1)].movedim(3, 1)


def distances(x: Tensor, palette: Tensor) -> Tensor:
    """|p - c| of each pixel and colour: `[N, K, H, W]`."""
    if palette.dim() != 2 or palette.shape[1] != x.shape[1] or not len(palette):
        raise ValueError(f"the palette has shape {list(palette.shape)}; colours [K, {x.shape[1]}], as the pictures have channels, are expected.")
    apart = x[:, None] - palette.to(x)[:, :, None, None]
    return (apart.square().sum(2) + 1e-12).sqrt()
