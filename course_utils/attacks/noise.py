"""The baseline beside every attack: noise of the same size that knows nothing about the model."""

from __future__ import annotations

import torch
from torch import Tensor

from ..runtime import check_pictures, check_positive, generator as seeded
from .common import within


def random_sign(x: Tensor, *, eps: float, generator: torch.Generator | None = None) -> Tensor:
    """Every pixel moves by eps, up or down by the toss of a coin, clipped to [0, 1]: FGSM's size without its aim."""
    check_positive(eps, "eps")
    check_pictures(x)
    x = x.detach()
    coins = torch.randint(0, 2, x.shape, generator=generator or seeded())
    return within(x + eps * (2 * coins - 1).to(x), x, eps)
