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


def within(moved: Tensor, x: Tensor, eps: float) -> Tensor:
    """`moved` brought back into the max-norm budget around `x`, |moved - x| <= eps, and into [0, 1].

    In half precision x + eps may be rounded to more than that (0.1016 for 0.1). There the bounds are computed in single
    precision, and one that was rounded outwards goes back to the next number inwards.
    """
    wide = x.float() if x.dtype.itemsize < 4 else x
    low, high = (wide - eps).clamp_(min=0), (wide + eps).clamp_(max=1)
    if wide is not x:
        rounded = low.to(x.dtype), high.to(x.dtype)
        low = torch.where(rounded[0] < low, torch.nextafter(rounded[0], x), rounded[0])
        high = torch.where(rounded[1] > high, torch.nextafter(rounded[1], x), rounded[1])
    return moved.clamp(low, high)
