"""One step along the gradient: the fast gradient sign method and the fast gradient value method."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..runtime import check_positive
from .common import attacking, input_gradient, within


def fgsm(model: nn.Module, x: Tensor, y: Tensor | None = None, *, eps: float, targeted: bool = False) -> Tensor:
    """Fast gradient sign method (Goodfellow 2014): x + eps * sign(dJ/dx), clipped to [0, 1].

    Every pixel moves by `eps`, in the direction that raises the loss J of class `y`; with
    `targeted=True` in the direction that lowers it. Max-norm budget: |x_adv - x| <= eps.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction.
    """
    check_positive(eps, "eps")
    with attacking(model, x, y, targeted=targeted) as (x, y):
        gradient = input_gradient(model, x, y)
        step = -eps if targeted else eps
        return within(x + step * gradient.sign(), x, eps)


def fgv(model: nn.Module, x: Tensor, y: Tensor | None = None, *, eps: float, targeted: bool = False) -> Tensor:
    """Fast gradient value method (Rozsa 2016): x + eps * g / max|g| with g = dJ/dx, clipped to [0, 1].

    The gradient itself, not its sign: pixels that matter more move more. The paper uses the
    direction alone; here each picture's gradient is scaled so that its largest pixel moves by
    `eps`, so that the max-norm budget is the one of `fgsm`: |x_adv - x| <= eps.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction.
    """
    check_positive(eps, "eps")
    with attacking(model, x, y, targeted=targeted) as (x, y):
        gradient = input_gradient(model, x, y)
        tiny = torch.finfo(x.dtype).tiny  # where the loss is flat there is no direction, and no step
        largest = gradient.abs().flatten(1).amax(1).clamp_min(tiny)
        step = -eps if targeted else eps
        return within(x + step * (gradient / largest[:, None, None, None]), x, eps)
