"""How a sticker, or a pair of glasses, comes to sit: never quite where it should."""

from __future__ import annotations

import torch
from torch import Tensor

from ..runtime import check_positive
from .camera import Lens, warp
from .chance import source, square, uniform


def askew(x: Tensor, *, shift: float = 0.03, turn: float = 4.0, stretch: float = 0.05, generator: torch.Generator | None = None) -> Tensor:
    """Square sheets `[N, C, S, S]`, each put down a little off: moved by up to `shift` of a side, rolled by up to `turn` degrees, up to
    `stretch` too large or too small; 0 beyond the sheet's edge. A mask among the channels goes along."""
    square(x), check_positive(shift, "shift"), check_positive(turn, "turn"), check_positive(stretch, "stretch")
    chance = source(generator)
    roll, zoom, right, down = (uniform(-most, most, x, chance) for most in (turn, stretch, 2 * shift, 2 * shift))
    return warp(x, Lens(roll=roll, zoom=1 + zoom, right=right, down=down), padding="zeros")
