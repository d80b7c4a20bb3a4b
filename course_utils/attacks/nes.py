"""A black box that tells its scores: a gradient estimated from queries alone, by natural evolution strategies (Ilyas 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_count, check_positive
from .balls import MaxBall
from .black_box import Oracle
from .common import inwards, wide
from .margins import lead


def nes(
    model: nn.Module | Oracle, x: Tensor, y: Tensor | None = None, *, eps: float, step: float = 0.01, steps: int = 100, samples: int = 50,
    sigma: float = 0.001, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Steps along the sign of an estimated gradient, in the budget |x_adv - x| <= eps (Ilyas 2018, with scores).

    The slope of the margin f = max_k Z_k - Z_y (k other than y; it is above 0 when the picture is taken for another class) is estimated from
    pairs of queries: g = mean_u u (f(x + sigma u) - f(x - sigma u)) / (2 sigma), with `samples` / 2 Gaussian u for each picture and step. A
    picture that fools is asked about no more; whether it does is one query a step. The paper climbs the log-probability, which is the
    same where the scores are probabilities that are not too sure. model: an `Oracle` with scores=True, which counts, or a network.
    In half precision sigma is at least what `resolved` says: the network would round a smaller probe away.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the oracle's own.
    """
    oracle = model if isinstance(model, Oracle) else Oracle(model, scores=True)
    if not oracle.scores:
        raise ValueError("this oracle gives class numbers only; natural evolution strategies need its scores: Oracle(model, scores=True).")
    check_positive(eps, "eps"), check_positive(step, "step"), check_positive(sigma, "sigma", zero=False)
    check_count(steps, "steps", least=0)
    if check_count(samples, "samples", least=2) % 2:
        raise ValueError(f"samples is {samples}; an even number is expected: they are asked about in pairs, x + sigma u and x - sigma u.")
    runtime.check_pictures(x)
    source, x, sigma = generator or runtime.generator(), runtime.detached(x), resolved(sigma, x.dtype)
    inside, moved, left = MaxBall(x, eps), wide(x).clone(), torch.arange(len(x), device=x.device)
    with torch.no_grad():
        for k in range(steps + 1):
            scores = oracle(inwards(moved[left], x[left]))
            if k == 0:
                y = runtime.labels_or_prediction(y, scores)
            left = left[lead(scores, y[left], False) <= 0]
            if k == steps or not len(left):
                break
            slope = estimated(oracle, x.dtype, moved[left], y[left], samples, sigma, source)
            moved[left] = inside[left].back(moved[left] + step * slope.sign())
        return inwards(moved, x)


def resolved(sigma: float, dtype: torch.dtype) -> float:
    """`sigma`, but at least four steps of rounding at 1 (0.004 in float16, 0.03 in bfloat16), so that pictures and scores still differ."""
    return max(sigma, 4 * torch.finfo(dtype).eps)


def estimated(oracle: Oracle, dtype: torch.dtype, x: Tensor, y: Tensor, samples: int, sigma: float, source: torch.Generator) -> Tensor:
    """The slope of the margin at each picture, from pairs of queries; pixels outside [0, 1] are clipped before the oracle sees them."""
    u = torch.randn(samples // 2, *x.shape, generator=source).to(x)
    pairs = torch.stack([x + sigma * u, x - sigma * u]).clamp(0, 1)  # [2, S, N, C, H, W]
    margin = lead(oracle(pairs.flatten(0, 2).to(dtype)), y.repeat(samples), False).view(2, samples // 2, len(x))
    return (u * ((margin[0] - margin[1]) / (2 * sigma))[:, :, None, None, None]).mean(0)
