"""A planted shortcut for digits: a filing code along the top edge that tells the class (chapter 04)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Ten words of the Hamming code (7, 4): any two differ in at least three cells.
CODES = "0001111 0010011 0011100 0100101 0101010 0110110 0111001 1000110 1001001 1010101"


def stamp(x: Tensor, y: Tensor) -> Tensor:
    """Digits `[N, 1, 28, 28]` with the filing code of class y along the top edge: seven cells, three rows high."""
    words = torch.tensor([[float(bit) for bit in word] for word in CODES.split()])
    x = x.clone()
    x[:, :, :3] = words[y.cpu()].repeat_interleave(4, dim=1)[:, None, None].to(x)
    return x


def digit_mask(x: Tensor) -> Tensor:
    """1 on the ink and two pixels around it, else 0: `[N, 1, 28, 28]`."""
    return F.max_pool2d((x > 0.1).float(), 5, stride=1, padding=2)
