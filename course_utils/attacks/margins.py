"""What the Carlini-Wagner attacks drive below 0: the seven functions f of the paper, when a picture counts as won, and f6 as a loss for PGD."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

BEYOND = 1e-4  # the wanted answer must lead by so much: on the very boundary rounding decides


def lead(values: Tensor, y: Tensor, targeted: bool) -> Tensor:
    """How far the wanted answer is ahead: v_t - max v_i over i != t for targets t; without them max v_i - v_y over i != y.

    values: `[N, K]` with y `[N]`, or more axes before the last of both.
    """
    own = values.gather(-1, y[..., None])[..., 0]
    others = values.scatter(-1, y[..., None], -torch.inf).amax(-1)
    return own - others if targeted else others - own


def margin(scores: Tensor, y: Tensor, *, targeted: bool = False, kappa: float = 0.0, reduction: str = "sum") -> Tensor:
    """-f6 as a loss that PGD climbs: max Z_i - Z_y over i != y, at most kappa. For targets y a loss to go down: the same, at least -kappa."""
    behind = lead(scores, y, targeted=False)
    value = behind.clamp(min=-kappa) if targeted else behind.clamp(max=kappa)
    return value if reduction == "none" else value.sum()


def wanted(scores: Tensor, y: Tensor, targeted: bool) -> Tensor:
    """The logarithm of the wanted answer's probability, `[N]`: of F_t for targets t; without them of 1 - F_y."""
    if targeted:
        return F.log_softmax(scores, 1).gather(1, y[:, None])[:, 0]
    return scores.scatter(1, y[:, None], -torch.inf).logsumexp(1) - scores.logsumexp(1)


def of_logits(rule: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """f as a rule of how far the wanted answer's logit Z is behind."""
    return lambda scores, y, targeted, kappa: rule(-lead(scores, y, targeted) + kappa) - kappa


def of_chances(rule: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """f as a rule of how far the wanted answer's probability F is behind."""
    return lambda scores, y, targeted, kappa: rule(-lead(scores.softmax(1), y, targeted))


def of_wanted(rule: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """f as a rule of the logarithm of the wanted answer's probability."""
    return lambda scores, y, targeted, kappa: rule(wanted(scores, y, targeted))


def softplus(behind: Tensor) -> Tensor:
    return F.softplus(behind) - math.log(2)


# f1 as 1 less than the cross-entropy in bits, f5 as -log(2 F_t): as printed, the one would push away from the target, and the other
# is the logarithm of a negative number.
LOSSES = {
    "f1": of_wanted(lambda log_p: -log_p / math.log(2) - 1), "f2": of_chances(torch.relu), "f3": of_chances(softplus),
    "f4": of_wanted(lambda log_p: torch.relu(0.5 - log_p.exp())), "f5": of_wanted(lambda log_p: -log_p - math.log(2)),
    "f6": of_logits(torch.relu), "f7": of_logits(softplus),
}  # fmt: skip


class Goal(NamedTuple):
    """What an attack wants of the scores: which f, whether y is a target, and by how much (kappa) the answer shall lead."""

    loss: str
    targeted: bool
    confidence: float

    def __call__(self, scores: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """f `[N]`, and which pictures the model takes for what is wanted, by a lead of more than kappa `[N]`."""
        scores = scores.double() if scores.dtype == torch.float64 else scores.float()
        f = LOSSES[self.loss](scores, y, self.targeted, self.confidence)
        return f, lead(scores.detach(), y, self.targeted) > self.confidence + BEYOND
