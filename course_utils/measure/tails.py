"""How heavy the tail of a distribution is, and how few units carry a change."""

from __future__ import annotations

import torch
from torch import Tensor

from ..runtime import check_positive


def tail_ratio(values: Tensor) -> float:
    """The largest size over the median size, of all values that are not 0. A normal distribution's grows slowly with its number: 6 for ten thousand.

    Zeros are left out, since most outputs of a ReLU are 0 and would make the median 0, too. NaN where all are 0.
    """
    sizes = values.detach().abs().flatten()
    sizes = sizes[sizes != 0]
    return (sizes.max() / sizes.median()).item() if len(sizes) else float("nan")


def top_share(change: Tensor, top: float = 0.01) -> Tensor:
    """The share of each picture's change that its most changed units carry: `[N, ...]` to `[N]`, from `top` (all alike) to 1.

    The sum of |change| over the `top` share of the picture's units (at least one) by the sum over all; 0 where nothing changed.
    """
    if not 0 < check_positive(top, "top") <= 1:
        raise ValueError(f"top is {top}; a share of the units above 0, at most 1, is expected.")
    if change.dim() < 2 or not change[0].numel():
        raise ValueError(f"change has shape {list(change.shape)}; the changes of N pictures' units, [N, ...], are expected.")
    sizes = change.detach().abs().flatten(1)
    largest = sizes.topk(max(1, round(top * sizes.shape[1])), 1).values.sum(1)
    return torch.nan_to_num(largest / sizes.sum(1), nan=0.0)


def outcomes(first: Tensor, second: Tensor) -> dict[str, float]:
    """What one attack does to two networks, in percent: none is fooled, only the first, only the second, both. `first`, `second`: who is fooled, bool `[N]`."""
    for name, fooled in (("first", first), ("second", second)):
        if fooled.dtype != torch.bool or fooled.shape != first.shape or first.dim() != 1 or not len(first):
            raise ValueError(f"{name} is {fooled.dtype} of shape {list(fooled.shape)}; which pictures fool, bool [N], is expected of both.")
    parts = {"none": ~first & ~second, "first": first & ~second, "second": ~first & second, "both": first & second}
    return {name: 100 * part.double().mean().item() for name, part in parts.items()}
