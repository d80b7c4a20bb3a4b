"""What every attack does before and after its core: check the input, freeze the model, take the gradient."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime


@contextlib.contextmanager
def attacking(model: nn.Module, x: Tensor, y: Tensor | None, *, targeted: bool = False) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Check `x` and `y` and freeze the model while it is attacked; gives `x` detached, and `y`.

    A `y` of None stays None: the methods take the model's own prediction from the forward pass that they do anyway.
    Whether the labels fit the model is seen in that pass too, so that the check costs nothing: see `runtime.settle`.
    """
    runtime.check_pictures(x, model)
    if targeted and y is None:
        raise ValueError("targeted=True needs y, the classes that the pictures shall be taken for.")
    with runtime.frozen(model):
        yield x.detach(), y


def input_gradient(model: nn.Module, x: Tensor, y: Tensor | None, loss: Callable[..., Tensor] = F.cross_entropy) -> Tensor:
    """Each picture's own gradient of the loss: d J(x_i, y_i) / d x_i, `[N, C, H, W]`.

    The losses are added up, not averaged: a mean would divide every picture's gradient by the batch size.
    """
    x = x.detach().requires_grad_()
    scores = model(x.clone())  # a copy, which a first step that works in place may change
    return runtime.gradient(loss(scores, runtime.settle(y, scores), reduction="sum"), x)
