"""Checks on maps: does a map depend on what the network learned, and do its highest pixels matter to the network?"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..layers import resolve
from ..runtime import check_colour, check_count, check_pictures, labels_or_prediction, logits, model_device, seeded_weights


def deletion_curve(
    model: nn.Module, x: Tensor, order_map: Tensor, y: Tensor | None = None, *, steps: int = 20,
    fill: float | Tensor = 0.5,
) -> Tensor:  # fmt: skip
    """The probability of class `y`, [N, steps + 1], as pixels are replaced by `fill`, in the order of a map [N, H, W].

    The pixels that are highest in `order_map` go first. Entry t is with t / steps of the pixels gone: entry 0 is
    the picture itself, the last one is all `fill`. A map that finds what the network uses gives a curve that falls faster
    than for pixels in random order (Petsiuk et al. 2018). `y` None means the model's own prediction.
    """
    check_pictures(x, model)
    check_count(steps, "steps")
    if order_map.shape != (len(x), *x.shape[2:]):
        raise ValueError(
            f"order_map has shape {list(order_map.shape)}; one value a pixel is expected: {[len(x), *x.shape[2:]]}."
        )
    if order_map.isnan().any():
        raise ValueError("order_map holds NaN; without a number a pixel has no place in the order.")
    y = labels_or_prediction(y, logits(model, x))
    rank = order_map.to(x.device).flatten(1).argsort(dim=1, descending=True, stable=True).argsort(1).view(len(x), 1, *x.shape[2:])
    colour = check_colour(fill, x)
    curve = []
    for step in range(steps + 1):
        gone = rank < round(step / steps * x[0, 0].numel())
        curve.append(logits(model, x.where(~gone, colour)).softmax(1).gather(1, y[:, None]))
    return torch.cat(curve, 1)


def randomize_weights(
    model: nn.Module, generator: torch.Generator, *, layers: Iterable[str | nn.Module] | None = None
) -> nn.Module:
    """A copy of the model whose weights are drawn anew as before training; the model itself is not touched.

    `layers` limits this to some layers, for instance `names(model)[-3:]`: from the top down, a few more each time, it
    is the cascading randomization of Adebayo et al. 2018. A map that stays the same does not show what was learned.
    """
    wanted = [model] if layers is None else [resolve(model, layer) for layer in layers]
    chosen = {id(module) for top in wanted for module in top.modules()}
    if not chosen:
        raise ValueError("layers is empty; name at least one layer, or leave it out for all of them.")
    fresh = copy.deepcopy(model).cpu()  # drawn on the CPU, so that a seed means the same on every device
    with seeded_weights(int(torch.randint(2**24, (1,), generator=generator))):
        for (name, old), new in zip(model.named_modules(), fresh.modules()):
            if id(old) in chosen and next(new.parameters(recurse=False), None) is not None:
                if not hasattr(new, "reset_parameters"):
                    raise ValueError(f"layer {name!r} ({type(new).__name__}) has weights but no reset_parameters().")
                new.reset_parameters()
    return fresh.to(model_device(model) or "cpu")
