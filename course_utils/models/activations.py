"""Activations that chapter 22 puts in the place of ReLU: the bounded leaky ReLU and rectified polynomials."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..runtime import check_count, check_model, check_positive

LEAST = 1e-3  # below that no bound is used, whatever training does to it


class BoundedLeakyReLU(nn.Module):
    """The lecture's bounded leaky ReLU: s x for x < 0; x for 0 <= x <= b; b - s (x - b) for x > b. The bound b is trained.

    The largest value is b, at x = b; above it the answer falls again, and below 0 (or far above b) nothing bounds it from below.
    `channels=C`: a bound for each channel (axis 1). above: the slope above b, None for -s; 0 makes it flat there, s makes it grow without limit.
    Its gradient: 1 for x inside, s below, `above` beyond b; for the bound it is 1 - above = 1 + s beyond b, and else 0.
    A bound that training takes below 0.001 counts as 0.001, and still gets its gradient.
    """

    def __init__(self, bound: float = 1.0, slope: float = 0.1, *, channels: int | None = None, above: float | None = None) -> None:
        super().__init__()
        check_positive(bound, "bound", zero=False), check_positive(slope, "slope")
        if above is not None and not -1e6 < above <= 1:
            raise ValueError(f"above is {above}; the slope above the bound, a finite number of at most 1, is expected (None: -slope).")
        shape = () if channels is None else (check_count(channels, "channels"),)
        self.slope, self.above = float(slope), -float(slope) if above is None else float(above)
        self.bound = nn.Parameter(torch.full(shape, float(bound)))

    def forward(self, x: Tensor) -> Tensor:
        b = self.bound + (self.bound.clamp_min(LEAST) - self.bound).detach()
        if b.dim():
            if x.dim() < 2 or x.shape[1] != len(b):
                raise ValueError(f"x has shape {list(x.shape)}; {len(b)} channels on axis 1 are expected, a bound for each.")
            b = b.view(-1, *[1] * (x.dim() - 2))
        return torch.where(x > b, b + self.above * (x - b), torch.where(x < 0, self.slope * x, x))

    def extra_repr(self) -> str:
        b = self.bound.detach()
        size = f"{b.item():.3g}" if not b.dim() else f"{b.min():.3g} to {b.max():.3g}, channels={len(b)}"
        return f"bound={size}, slope={self.slope:g}, above={self.above:g}"


class RectifiedPolynomial(nn.Module):
    """x^n for x > 0, else 0: n = 1 is ReLU. Its gradient is n x^(n - 1) for x > 0, and 0 at and below 0."""

    def __init__(self, n: float) -> None:
        super().__init__()
        if check_positive(n, "n") < 1:
            raise ValueError(f"n is {n}; a power of at least 1 is expected: below that the slope at 0 is infinite.")
        self.n = n

    def forward(self, x: Tensor) -> Tensor:
        return x.relu() ** self.n

    def extra_repr(self) -> str:
        return f"n={self.n:g}"


def with_activations(model: nn.Module, make: Callable[[str, nn.Module], nn.Module]) -> nn.Module:
    """A copy of the model with `make(name, relu)` in the place of each ReLU layer. The model itself stays as it is."""
    whole = copy.deepcopy(check_model(model))
    places = [(f"{path}.{name}".strip("."), part, name) for path, part in whole.named_modules() for name, child in part.named_children() if isinstance(child, nn.ReLU)]
    if not places:
        raise ValueError(f"{type(model).__name__} has no nn.ReLU layer; these are replaced.")
    for path, part, name in places:
        setattr(part, name, make(path, getattr(part, name)))
    return whole


def with_bounds(model: nn.Sequential, bound: float = 3.0, slope: float = 0.1) -> nn.Sequential:
    """A copy of a chain whose ReLUs are bounded leaky ReLUs, with a bound for each channel of the layer before, all the same at first."""
    widths, last = {}, None
    for name, layer in model.named_modules():
        last = getattr(layer, "out_channels", getattr(layer, "out_features", last))
        widths[name] = last
    return with_activations(model, lambda name, relu: BoundedLeakyReLU(bound, slope, channels=widths[name]))
