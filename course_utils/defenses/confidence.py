"""Is this picture of a kind that the network knows? Scores of its own confidence, and a temperature that makes the confidence true on what it knows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..runtime import check_count, check_labels, check_positive


def unsure(scores: Tensor, temperature: float = 1.0) -> Tensor:
    """1 - max softmax(z / T) of logits `[N, K]`: `[N]`, the higher the more suspicious (Hendrycks and Gimpel 2016)."""
    check_logits(scores), check_positive(temperature, "temperature", zero=False)
    return 1 - (scores / temperature).softmax(1).amax(1)


def energy(scores: Tensor, temperature: float = 1.0) -> Tensor:
    """-T log sum_k exp(z_k / T) of logits `[N, K]`: `[N]`, the higher the more suspicious (Liu 2020).

    A softmax does not change when all logits go up together; this does.
    """
    check_logits(scores), check_positive(temperature, "temperature", zero=False)
    return -temperature * (scores / temperature).logsumexp(1)


def calibrated_temperature(scores: Tensor, y: Tensor) -> float:
    """The temperature T > 0 with which softmax(z / T) fits the classes best: least mean cross-entropy (Guo 2017).

    scores: logits `[N, K]` of pictures that the network was not trained on, y: their classes `[N]`. The loss is convex in 1 / T; the search halves
    the interval for log T, from -7 to 7, 50 times. Where every answer is right no T is too small, and where chance does better none is too large: then the end is given.
    """
    check_logits(scores), check_labels(y, len(scores), scores.shape[1], where=scores.device)
    z, low, high = scores.detach().double(), -7.0, 7.0
    for _ in range(50):
        middle = torch.tensor((low + high) / 2, dtype=torch.float64, device=z.device, requires_grad=True)
        (slope,) = torch.autograd.grad(F.cross_entropy(z * (-middle).exp(), y), middle)
        low, high = (low, middle.item()) if slope > 0 else (middle.item(), high)
    return float(torch.tensor((low + high) / 2).exp())


def calibration_error(scores: Tensor, y: Tensor, *, bins: int = 15) -> float:
    """Expected calibration error (Guo 2017): |confidence - share right| in bins of equal width of the confidence, weighted by their pictures. 0 to 1."""
    check_logits(scores), check_labels(y, len(scores), scores.shape[1], where=scores.device)
    check_count(bins, "bins")
    sure, answer = scores.detach().double().softmax(1).max(1)
    which = (sure * bins).long().clamp(max=bins - 1)
    gap = torch.zeros(bins, dtype=torch.float64, device=sure.device).index_add_(0, which, sure - (answer == y).double())
    return (gap.abs().sum() / len(y)).item()


def check_logits(scores: Tensor) -> Tensor:
    """Require logits `[N, K]` without NaN."""
    if not isinstance(scores, Tensor) or scores.dim() != 2 or scores.numel() == 0 or not scores.is_floating_point():
        given = f"{scores.dtype} {list(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
        raise ValueError(f"scores is {given}; logits [N, classes] are expected, floating point, of at least one picture.")
    if bool(scores.isnan().any()):
        raise ValueError("scores holds NaN; the network's logits are expected.")
    return scores
