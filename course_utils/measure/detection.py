"""How well a score tells two kinds apart: ROC, the area under it, thresholds, and what an alarm means where attacks are rare."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..runtime import detached


class ROC(NamedTuple):
    """For each threshold `[T]`, from the highest score down: the share of clean pictures with a score above it, and the share of attacked ones."""

    thresholds: Tensor
    false_alarms: Tensor
    detected: Tensor


def roc(attacked: Tensor, clean: Tensor) -> ROC:
    """The curve of a detector whose scores are higher for suspicious pictures: scores `[P]` of attacked ones, `[Q]` of clean ones.

    An alarm is a score above the threshold. At the first threshold, the highest score, there is none; the last is minus infinity. Equal scores share a point.
    """
    attacked, clean = check_scores_of(attacked, "attacked"), check_scores_of(clean, "clean")
    steps = torch.cat([attacked, clean]).unique().flip(0)
    above = [1 - torch.searchsorted(part.sort().values, steps, right=True).double() / len(part) for part in (clean, attacked)]
    all_of_them = steps.new_ones(1)
    return ROC(torch.cat([steps, -torch.inf * all_of_them]), *(torch.cat([share, all_of_them]) for share in above))


def auroc(attacked: Tensor, clean: Tensor) -> float:
    """Area under the ROC: how often an attacked picture has a higher score than a clean one, over all pairs; equal scores count half.

    0.5 is what a score gives that has nothing to do with it; below 0.5 it points the wrong way. Scores as in `roc`.
    """
    attacked, clean = check_scores_of(attacked, "attacked"), check_scores_of(clean, "clean").sort().values
    lower, not_above = (torch.searchsorted(clean, attacked, right=side).double() for side in (False, True))
    return ((lower + not_above) / 2).mean().item() / len(clean)


def alarm_threshold(clean: Tensor, rate: float) -> float:
    """The threshold with at most `rate` of the clean pictures above it: one of their scores `[Q]`, the lowest that does; minus infinity for rate 1."""
    clean = check_scores_of(clean, "clean").sort(descending=True).values
    if not 0 <= rate <= 1:
        raise ValueError(f"rate is {rate}; a share in [0, 1] is expected: how many clean pictures may raise an alarm.")
    allowed = int(rate * len(clean) + 1e-9)  # 0.29 * 100 is 28.999999999999996
    return clean[allowed].item() if allowed < len(clean) else -float("inf")


def alarm_precision(detected: float, false_alarms: float, attacks: float) -> float:
    """How many alarms are right, where a share `attacks` of all pictures is attacked (Bayes); NaN where there is never an alarm."""
    for name, share in (("detected", detected), ("false_alarms", false_alarms), ("attacks", attacks)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is {share}; a share in [0, 1] is expected.")
    right, wrong = attacks * detected, (1 - attacks) * false_alarms
    return right / (right + wrong) if right + wrong else float("nan")


def check_scores_of(scores: Tensor, name: str) -> Tensor:
    """Require a detector's scores `[N]` of at least one picture, without NaN; gives them in double precision."""
    if not isinstance(scores, Tensor) or scores.dim() != 1 or scores.is_complex():
        given = f"shape {list(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
        raise ValueError(f"{name} is {given}; a tensor [N] with one score a picture is expected.")
    if len(scores) == 0:
        raise ValueError(f"{name} is empty; without pictures of both kinds a detector cannot be measured.")
    if bool(scores.isnan().any()):
        raise ValueError(f"{name} holds NaN; a detector's scores can be ordered.")
    return detached(scores).double()
