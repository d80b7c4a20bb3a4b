"""Stochastic activation pruning (Dhillon 2018): each layer loses some of its activations by chance, most likely the small ones."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_positive


def pruned(h: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Activations `[N, ...]` of which each is kept with chance q = 1 - (1 - p)^r and divided by q, or becomes 0.

    p = |h| / sum |h| over the picture's layer, and r = share * the number of its units: q is the chance to be drawn at least once in r draws
    with the chances p. So large activations are kept more often. The mean over the draws is h.
    """
    with torch.no_grad():
        size = h.abs().flatten(1)
        p = size / size.sum(1, keepdim=True).clamp_min(torch.finfo(h.dtype).tiny)
        q = -torch.expm1(share * size.shape[1] * torch.log1p(-p))
        coins = torch.rand(q.shape, generator=generator, device=generator.device).to(q)
        factor = torch.where(coins < q, 1 / q, 0).view_as(h)
    return h * factor


class Pruning(nn.Module):
    """`pruned` as a layer; all layers of a network draw from one generator."""

    def __init__(self, share: float, generator: torch.Generator) -> None:
        super().__init__()
        self.share, self.generator = share, generator

    def forward(self, h: Tensor) -> Tensor:
        return pruned(h, self.share, self.generator)

    def extra_repr(self) -> str:
        return f"share={self.share}"


def activation_pruning(model: nn.Module, share: float = 1.0, *, generator: torch.Generator | None = None) -> nn.Module:
    """A copy of the model with `pruned` behind every ReLU: fresh draws at every call. The model itself stays as it is.

    share: how many draws a layer has, as a share of its units (the paper's SAP-100 has 1.0; fewer draws, more zeros). A gradient goes through
    the activations that were kept.
    """
    check_positive(share, "share", zero=False)
    whole, chance = copy.deepcopy(runtime.check_model(model)), generator or runtime.generator()
    places = [(part, name) for part in whole.modules() for name, child in part.named_children() if isinstance(child, nn.ReLU)]
    if not places:
        raise ValueError(f"{type(model).__name__} has no nn.ReLU layer; activations are pruned behind these.")
    for part, name in places:
        setattr(part, name, nn.Sequential(getattr(part, name), Pruning(share, chance)))
    return whole
