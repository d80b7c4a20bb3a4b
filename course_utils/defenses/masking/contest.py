"""The checklist's contests: gradients against searches that never ask for one, in growing budgets."""

from __future__ import annotations

import torch
from torch import Tensor

from ...attacks.balls import MaxBall
from .asking import Asked, Value, cross_entropy, margin

LEVELS = (1, 2, 4, 8, 16, 32, 64, 128, 255)


def descend(asked: Asked, x: Tensor, y: Tensor, eps: float, steps: int, source: torch.Generator, value: Value = cross_entropy, step=None, random=True) -> Tensor:
    """Which pictures PGD fools `[N]`."""
    inside, fooled = MaxBall(x, eps), torch.zeros(len(x), dtype=torch.bool, device=x.device)
    moved = inside.random(source) if random else x.clone()
    left = torch.arange(len(x), device=x.device)
    step = (2.5 * eps / steps if steps > 1 else eps) if step is None else step
    for k in range(steps + 1):
        if k < steps:
            scores, g = asked.slope(moved[left], y[left], value)
        else:
            scores = asked.scores(moved[left])
        if k or random:
            won = asked.fooled(scores, y[left])
            if won.any():
                sure = left[won]
                won[won.clone()] = asked.judged(moved[sure], y[sure])
                fooled[left[won]] = True
                left, g = left[~won], g[~won]
        if k == steps or not len(left):
            break
        near = inside[left]
        moved[left] = near.back(moved[left] + step * g.nan_to_num(0, 0, 0).sign())
    return fooled


def squares(asked: Asked, x: Tensor, y: Tensor, eps: float, queries: int, source: torch.Generator, start: Tensor | None = None) -> Tensor:
    """Which pictures a random search fools `[N]`: stripes, then squares of +-eps that are kept where the margin does not fall (Andriushchenko 2020)."""
    count, channels, height, width = x.shape
    inside = MaxBall(x, eps)
    fooled, left = torch.zeros(count, dtype=torch.bool, device=x.device), torch.arange(count, device=x.device)
    coins = lambda *shape: (2 * torch.randint(0, 2, shape, generator=source) - 1).to(x)
    best = inside.back(x + eps * coins(count, channels, 1, width))
    height_of = torch.full((count,), -torch.inf, device=x.device)
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    for k in range(queries):
        if k == 0:
            tried = best[left]
        else:
            share = 0.3 * 0.5 ** (8 * k / queries)
            side = max(1, round((share * height * width) ** 0.5))
            top = torch.randint(0, max(1, height - side + 1), (len(left), 1), generator=source).to(x.device)
            start_ = torch.randint(0, max(1, width - side + 1), (len(left), 1), generator=source).to(x.device)
            mask = ((rows >= top) & (rows < top + side))[:, None, :, None] & ((columns >= start_) & (columns < start_ + side))[:, None, None, :]
            near = inside[left]
            tried = torch.where(mask, near.back(x[left] + eps * coins(len(left), channels, 1, 1)), best[left])
        scores = asked.scores(tried)
        m = margin(asked.classes(scores), y[left]).nan_to_num(-1e30)
        won = asked.fooled(scores, y[left])
        if won.any():
            won[won.clone()] = asked.judged(tried[won], y[left[won]])
        better = m >= height_of[left]
        best[left] = torch.where(better[:, None, None, None], tried, best[left])
        height_of[left] = torch.maximum(m, height_of[left])
        fooled[left[won]] = True
        left = left[~won]
        if not len(left):
            break
    return fooled


def noise(asked, x, y, eps, source, tries=10):
    fooled = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    for _ in range(tries):
        coins = (2 * torch.randint(0, 2, x.shape, generator=source) - 1).to(x)
        z = (x + eps * coins).clamp(0, 1)
        fooled |= asked.judged(z, y)
    return fooled
