"""Pictures changed by chance while a network trains on them."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Augment = Callable[[Tensor, torch.Generator], Tensor]


def shift_and_flip(pixels: int, flip: bool = True) -> Augment:
    """Random shifts of up to `pixels` (zeros move in), and left-right flips."""

    def augment(x: Tensor, chance: torch.Generator) -> Tensor:
        count, _, height, width = x.shape
        padded = F.pad(x, (pixels,) * 4)
        dy, dx = torch.randint(0, 2 * pixels + 1, (2, count), generator=chance)
        rows = (dy[:, None] + torch.arange(height))[:, None, :, None]
        columns = (dx[:, None] + torch.arange(width))[:, None, None, :]
        moved = padded[torch.arange(count)[:, None, None, None], torch.arange(x.shape[1])[None, :, None, None], rows, columns]
        if flip:
            chosen = torch.rand(count, generator=chance) < 0.5
            moved[chosen] = moved[chosen].flip(3)
        return moved

    return augment


def jitter(angle: float = 12, scale: float = 0.12, shift: float = 0.08, light: float = 0.3) -> Augment:
    """Random rotation (degrees), scale, shift (share of the size), contrast and brightness, for pictures that must not be flipped."""

    def augment(x: Tensor, chance: torch.Generator) -> Tensor:
        def uniform(spread: float) -> Tensor:
            return ((2 * torch.rand(len(x), generator=chance) - 1) * spread).to(x)

        turn, size = uniform(angle * torch.pi / 180), 1 + uniform(scale)
        cos, sin = turn.cos() / size, turn.sin() / size
        theta = torch.stack([cos, -sin, 2 * uniform(shift), sin, cos, 2 * uniform(shift)], 1).reshape(-1, 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        moved = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
        contrast, brightness = (1 + uniform(light))[:, None, None, None], uniform(light / 2)[:, None, None, None]
        return (moved * contrast + brightness).clamp(0, 1)

    return augment
