"""What a report holds beside the attacks: accuracy against the budget, and the masking checklist."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor

from ..attacks import pgd, random_sign
from ..attacks.common import within
from ..defenses import gradient_masking_report
from .entrance import votes
from .programme import EPS, Bout
from .proxy import Proxy, Stopped
from .searching import best_of

GRID = (0.3, 0.1, 0.2, 0.05, 0.4, 0.15, 0.25)  # the budgets, those that tell most first
MOST, STEPS = 40, 10


def masking(proxy: Proxy, x: Tensor, y: Tensor, chance: torch.Generator, until: float) -> dict[str, Any]:
    """The checklist of chapter 20: the direct looks, and the contests where these find nothing. Cut when the time is up."""
    proxy.until = until
    rows, findings, masked, right = [], ["There was no time for the checklist."], None, 0
    try:
        looks = gradient_masking_report(proxy, x[:32], y[:32], attack=False, generator=chance)
        rows, findings, masked, right = looks.rows(), looks.findings, looks.masked, looks.right
        if not masked:
            findings = ["The direct looks found no sign of a hidden gradient; there was no time for the contests of the checklist."]
            full = gradient_masking_report(proxy, x[:20], y[:20], attack=True, steps=6, queries=40, generator=chance)
            rows, findings, masked = full.rows(), full.findings, full.masked
    except Stopped:
        pass
    except (ValueError, RuntimeError) as error:
        findings = [f"The checklist could not be gone through: {str(error)[:200]}"]
    finally:
        proxy.until = float("inf")
    return {"masked": masked, "findings": findings, "checks": rows, "pictures": right}


def accuracy_curve(bout: Bout, x: Tensor, y: Tensor, found: dict[str, tuple[Tensor, Tensor]]) -> list[dict[str, Any]]:
    """The accuracy left for each budget, and with noise of the same size: PGD at that budget, and the found pictures brought to it.

    For every picture the change that came nearest to fooling, or fooled, in the budget of the verdict is made smaller or larger with the budget.
    """
    x, y, calls = x[:MOST], y[:MOST], 3 if bout.random else 1
    points: list[dict[str, Any]] = []
    with contextlib.suppress(Stopped):
        points.append({"eps": 0.0, "accuracy": share(votes(bout.model, x, calls) == y), "noise": None, "pictures": len(x)})
        change = worst_changes(bout, x, y, found)
        for eps in GRID:
            makers = [lambda eps=eps: within(x + change * (eps / EPS), x, eps)]
            if not bout.model.trouble:
                makers.append(lambda eps=eps: pgd(bout.model, x, y, eps=eps, steps=STEPS, loss="margin", generator=bout.chance))
            left = votes(bout.model, best_of(bout.model, x, y, makers), calls) == y
            noise = votes(bout.model, random_sign(x, eps=eps, generator=bout.chance), calls) == y
            points.append({"eps": eps, "accuracy": share(left), "noise": share(noise), "pictures": len(x)})
    return sorted(points, key=lambda point: point["eps"])


def worst_changes(bout: Bout, x: Tensor, y: Tensor, found: dict[str, tuple[Tensor, Tensor]]) -> Tensor:
    """For each picture the change that some attack found and that the submission takes most surely for another class."""
    makers = []
    for which, made in found.values():
        whole = x.clone()
        here = which < len(x)
        whole[which[here]] = made[here]
        makers.append(lambda whole=whole: whole)
    return best_of(bout.model, x, y, makers) - x


def share(right: Tensor) -> float:
    return round(right.double().mean().item(), 4)
