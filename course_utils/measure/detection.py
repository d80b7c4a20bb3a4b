"""How well a score tells two kinds apart: ROC, the area under it, thresholds, and what an alarm means where attacks are rare."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..runtime import detached


class ROC(NamedTuple):
    """For each threshold `[T]`, from none to all: the share of clean pictures with a score of at least that, and the share of attacked ones."""

    thresholds: Tensor
    false_alarms: Tensor
    detected: Tensor


def roc(attacked: Tensor, clean: Tensor) -> ROC:
    """The curve of a detector whose scores are higher for suspicious pictures: scores `[P]` of attacked ones, `[Q]` of clean ones.

    An alarm is a score of at least the threshold. The first threshold is infinite, the last is the lowest score; equal scores share a point.
    """
    attacked, clean = check_scores_of(attacked, "attacked"), check_scores_of(clean, "clean")
    steps = torch.cat([attacked, clean]).unique().flip(0)
    below = [torch.searchsorted(part.sort().values, steps).double() / len(part) for part in (clean, attacked)]
    start = steps.new_zeros(1)
    return ROC(torch.cat([start + torch.inf, steps]), *(torch.cat([start, 1 - share]) for share in below))


def auroc(attacked: Tensor, clean: Tensor) -> float:
    """Area under the ROC: how often an attacked picture has a higher score than a clean one, over all pairs; equal scores count half.

    0.5 is what a score gives that has nothing to do with it; below 0.5 it points the wrong way. Scores as in `roc`.
    """
    attacked, clean = check_scores_of(attacked, "attacked"), check_scores_of(clean, "clean").sort().values
    lower, not_above = (torch.searchsorted(clean, attacked, right=side).double() for side in (False, True))
    return ((lower + not_above) / 2).mean().item() / len(clean)


def alarm_threshold(clean: Tensor, rate: float) -> float:
    """The lowest threshold at which at most `rate` of the clean pictures raise an alarm (score >= threshold). Scores `[Q]`."""
    clean = check_scores_of(clean, "clean").sort(descending=True).values
    if not 0 <= rate <= 1:
        raise ValueError(f"rate is {rate}; a share in [0, 1] is expected: how many clean pictures may raise an alarm.")
    allowed = int(rate * len(clean) + 1e-9)  # 0.29 * 100 is 28.999999999999996
    if allowed == len(clean):
        return clean[-1].item()
    return torch.nextafter(clean[allowed], clean.new_tensor(torch.inf)).item()


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
