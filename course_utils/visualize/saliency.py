"""Gradients of class scores: saliency maps, their smoothed kind, and integrated gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..runtime import Labels, check_batch, check_count, check_positive, frozen, gradient
from ..runtime import generator as seeded
from ..runtime import labels_or_prediction, logits, watched


def score_gradient(model: nn.Module, x: Tensor, y: Tensor | Labels | None = None) -> Tensor:
    """d S_y(x) / d x, [N, C, H, W], of the unnormalized score S_y (before the softmax)."""
    with frozen(model):
        x = watched(x)
        scores = model(x.clone())  # a copy, which a first step that works in place may change
        y = labels_or_prediction(y, scores)
        return gradient(scores.gather(1, y[:, None]), x)


def saliency(model: nn.Module, x: Tensor, y: Tensor | None = None) -> Tensor:
    """Simonyan's saliency map [N, H, W] (Simonyan et al. 2013): max over the colours of |d S_y / d x|.

    S_y is the score of class `y` before the softmax; `y` None means the model's own prediction.
    """
    return score_gradient(model, x, check_batch(x, y, model)).abs().amax(1)


def smooth_grad(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, samples: int = 50, noise: float = 0.15,
    generator: torch.Generator | None = None, batch_size: int = 32,
) -> Tensor:  # fmt: skip
    """SmoothGrad [N, H, W] (Smilkov et al. 2017): saliency of the gradient averaged over noisy copies of the picture.

    The noise is normal with deviation `noise` * (max - min) of each picture's pixels, and is not clipped. All pictures
    get the same `samples` draws, so that a batch gives what its pictures give one at a time.
    """
    labels = check_batch(x, y, model)
    check_positive(noise, "noise")
    check_count(samples, "samples")
    draws = torch.randn((samples, *x.shape[1:]), generator=generator or seeded()).to(x)
    width = noise * (x.amax((1, 2, 3), keepdim=True) - x.amin((1, 2, 3), keepdim=True))
    mean = _mean_gradient(model, x, labels, samples, lambda i, k: x[i] + width[i] * draws[k], batch_size)
    return mean.abs().amax(1)


def integrated_gradients(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, baseline: Tensor | float | None = None, steps: int = 50,
    batch_size: int = 32,
) -> Tensor:  # fmt: skip
    """Integrated gradients [N, C, H, W] (Sundararajan et al. 2017): (x - b) * mean of d S_y / d x from b to x.

    The baseline b is black unless given: a number or a tensor that fits `x`. The way is cut in `steps`
    pieces and the gradient taken in the middle of each. Completeness: the attribution of a picture sums to
    S_y(x) - S_y(b), the better the more steps.
    """
    labels = check_batch(x, y, model)
    check_count(steps, "steps")
    x = x.detach()
    start = torch.as_tensor(0.0 if baseline is None else baseline).to(x)
    if start.dim() > x.dim() or any(a not in (1, b) for a, b in zip(start.shape[::-1], x.shape[::-1])):
        raise ValueError(
            f"baseline has shape {list(start.shape)}; a number or a tensor that fits {list(x.shape)} is expected."
        )
    start = start.expand_as(x)
    share = ((torch.arange(steps) + 0.5) / steps).to(x)[:, None, None, None]
    mean = _mean_gradient(model, x, labels, steps, lambda i, k: start[i] + share[k] * (x[i] - start[i]), batch_size)
    return (x - start) * mean


def _mean_gradient(
    model: nn.Module, x: Tensor, y: Labels, samples: int, picture: Callable[[Tensor, Tensor], Tensor], batch_size: int
) -> Tensor:
    """Mean over k of the score's gradient at picture(i, k), for each i; all (i, k) run in batches of `batch_size`."""
    check_count(batch_size, "batch_size")
    if not y.known:
        y(logits(model, x))  # the class that is predicted for the picture itself, not for its changed copies
    mean = torch.zeros_like(x)
    for part in torch.arange(len(x) * samples, device=x.device).split(batch_size):
        i, k = part // samples, part % samples
        mean.index_add_(0, i, score_gradient(model, picture(i, k), y[i]) / samples)
    return mean
