"""What every gradient attack is made of: checks at the border, the gradient, and the step that stays in the budget.

Everything is checked once, in `attacking`. The rest takes checked tensors and never waits for the device, so that an
attack of a thousand steps pays for its checks once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime
from ..runtime import Labels


@contextlib.contextmanager
def attacking(model: nn.Module, x: Tensor, y: Tensor | None, *, targeted: bool = False) -> Iterator[tuple[Tensor, Labels]]:
    """Check `x` and `y` and freeze the model while it is attacked; gives `x` detached, and the labels.

    For `y` None the labels are the model's own prediction, taken from the first forward pass that is done anyway.
    """
    labels = runtime.check_batch(x, y, model)
    if targeted and y is None:
        raise ValueError("targeted=True needs y, the classes that the pictures shall be taken for.")
    with runtime.frozen(model):
        yield runtime.detached(x), labels


def input_gradient(
    model: nn.Module, x: Tensor, y: Tensor | Labels | None, loss: Callable[..., Tensor] = F.cross_entropy
) -> Tensor:
    """Each picture's own gradient of the loss: d J(x_i, y_i) / d x_i, `[N, C, H, W]`.

    The losses are added up, not averaged: a mean would divide every picture's gradient by the batch size.
    """
    x = runtime.watched(x)
    scores = model(x.clone())  # a copy, which a first step that works in place may change
    return runtime.gradient(loss(scores, runtime.labels_or_prediction(y, scores), reduction="sum"), x)


def each(values: Tensor) -> Tensor:
    """One value a picture, `[N]`, in the shape that multiplies pictures: `[N, 1, 1, 1]`."""
    return values[:, None, None, None]


def wide(x: Tensor) -> Tensor:
    """The pictures in at least single precision: half precision rounds x + eps to more than that (0.1016 for 0.1)."""
    return x.float() if x.dtype.itemsize < 4 else x


def inwards(moved: Tensor, x: Tensor) -> Tensor:
    """`moved` in the precision of `x`; where rounding led away from x, the next number towards x."""
    rounded = moved.to(x.dtype)
    if rounded is moved:
        return moved
    farther = (rounded.to(moved.dtype) - x).abs() > (moved - x).abs()
    return torch.where(farther, torch.nextafter(rounded, x), rounded)


def bounds(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The lowest and the highest value of each pixel within eps of `x` and inside [0, 1]."""
    return inwards((wide(x) - eps).clamp_(min=0), x), inwards((wide(x) + eps).clamp_(max=1), x)


def within(moved: Tensor, x: Tensor, eps: float) -> Tensor:
    """`moved` brought back into the max-norm budget around `x`, |moved - x| <= eps, and into [0, 1]."""
    return moved.clamp(*bounds(x, eps))
