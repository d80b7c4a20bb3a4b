"""Bounded activations as a defense: put into a trained network, and what an attack that knows of them does about their gradient."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from .. import layers, runtime
from ..models.activations import LEAST, BoundedLeakyReLU, RectifiedPolynomial, with_activations
from ..runtime import check_pictures, check_positive

__all__ = ["BoundedLeakyReLU", "Exposed", "RectifiedPolynomial", "bounded", "exposed", "highest", "over_excited"]


def bounded(
    model: nn.Module, x: Tensor, *, percentile: float = 99.9, slope: float = 0.1, above: float | None = None, per_channel: bool = True,
) -> nn.Module:  # fmt: skip
    """A copy of the model whose ReLUs are bounded leaky ReLUs: each bound is a high percentile of what the ReLU gives on pictures x.

    x: clean pictures `[N, C, H, W]`, a few hundred. per_channel: a bound for each channel, or one for the layer. A channel that x never excites
    gets the layer's bound. `slope=0, above=0` only cuts activations off at the percentile; train the copy further to let it get used to its bounds.
    """
    heights = highest(model, x, percentile=percentile, per_channel=per_channel)

    def make(name: str, relu: nn.Module) -> nn.Module:
        bound = heights[name]
        layer = BoundedLeakyReLU(1.0, slope, channels=len(bound) if per_channel else None, above=above)
        layer.bound.data = bound.clone()
        return layer.train(relu.training)

    return with_activations(model, make)


def highest(model: nn.Module, x: Tensor, *, percentile: float = 99.9, per_channel: bool = True) -> dict[str, Tensor]:
    """For each ReLU of the model, by name, the percentile of its outputs on pictures x: one for each channel, `[C]`, or one for the layer, `[]`."""
    if check_positive(percentile, "percentile", zero=False) > 100:
        raise ValueError(f"percentile is {percentile}; a number above 0, at most 100, is expected.")
    check_pictures(x, model)
    names = [name for name, part in model.named_modules() if isinstance(part, nn.ReLU)]
    if not names:
        raise ValueError(f"{type(model).__name__} has no nn.ReLU layer; these are bounded.")
    with runtime.frozen(model), torch.no_grad(), layers.capture(model, *names) as seen:
        model(x)
    whole = {name: of_values(seen[name].flatten()[None], percentile)[0] for name in names}
    if not per_channel:
        return whole
    each = {name: of_values(seen[name].transpose(0, 1).flatten(1), percentile) for name in names}
    return {name: torch.where(each[name] > LEAST, each[name], whole[name]) for name in names}


def of_values(values: Tensor, percentile: float) -> Tensor:
    """The percentile of each row of `[R, K]`: the smallest value that is not exceeded by more than that share allows, at least `LEAST`."""
    place = min(values.shape[1], max(1, round(percentile / 100 * values.shape[1])))
    return values.kthvalue(place, 1).values.clamp_min(LEAST)


class Exposed(nn.Module):
    """A bounded activation whose gradient is that of a leaky ReLU without a bound: what an attack does that is not to be misled (BPDA, chapter 20)."""

    def __init__(self, layer: BoundedLeakyReLU) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        open_ = torch.where(x < 0, self.layer.slope * x, x)
        return self.layer(x).detach() + (open_ - open_.detach())


def exposed(model: nn.Module) -> nn.Module:
    """A copy of the model with the same answers, whose bounded activations pass gradients as if there were no bounds."""
    whole = copy.deepcopy(runtime.check_model(model))
    places = [(part, name) for part in whole.modules() for name, child in part.named_children() if isinstance(child, BoundedLeakyReLU)]
    if not places:
        raise ValueError(f"{type(model).__name__} has no BoundedLeakyReLU layer; there is nothing to expose.")
    for part, name in places:
        setattr(part, name, Exposed(getattr(part, name)))
    return whole


def over_excited(model: nn.Module, x: Tensor, bounds: dict[str, Tensor]) -> Tensor:
    """How far each picture takes the model's ReLUs above their clean `bounds` (see `highest`): the share of units above them, `[N]`."""
    with runtime.frozen(model), torch.no_grad(), layers.capture(model, *bounds) as seen:
        model(check_pictures(x, model))
    above = [(seen[name] > limit.view(-1, *[1] * (seen[name].dim() - 2))).flatten(1) for name, limit in bounds.items()]
    return torch.cat(above, 1).double().mean(1).to(x)
