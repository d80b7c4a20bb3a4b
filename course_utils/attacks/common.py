"""What every attack does before and after its core: check the input, settle the labels, take the gradient."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime


@contextlib.contextmanager
def attacking(model: nn.Module, x: Tensor, y: Tensor | None, *, targeted: bool = False) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Check `x` and `y` and freeze the model while it is attacked; gives `x` detached, and `y`.

    A `y` of None stays None: the methods take the model's own prediction from the forward pass that they do anyway.
    Whether the labels fit the model is seen in that pass too, so that the check costs nothing: see `settle`.
    """
    runtime.check_pictures(x, model)
    if targeted and y is None:
        raise ValueError("targeted=True needs y, the classes that the pictures shall be taken for.")
    with runtime.frozen(model):
        yield x.detach(), y


def settle(y: Tensor | None, scores: Tensor) -> Tensor:
    """The labels to attack: `y` checked against the model's scores `[N, classes]`, or the model's own prediction."""
    if scores.dim() != 2:
        raise ValueError(f"the model gives shape {list(scores.shape)}; class scores [N, classes] are expected.")
    if y is None:
        return scores.detach().argmax(1)
    return runtime.check_labels(y, len(scores), scores.shape[1], where=scores.device)


def input_gradient(model: nn.Module, x: Tensor, y: Tensor | None, loss: Callable[..., Tensor] = F.cross_entropy) -> Tensor:
    """Each picture's own gradient of the loss: d J(x_i, y_i) / d x_i, `[N, C, H, W]`.

    The losses are added up, not averaged: a mean would divide every picture's gradient by the batch size.
    """
    x = x.detach().requires_grad_()
    scores = model(x)
    (gradient,) = torch.autograd.grad(loss(scores, settle(y, scores), reduction="sum"), x)
    return gradient
