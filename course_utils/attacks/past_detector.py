"""Past a network and its detector at once: the attacker who knows both (Carlini and Wagner 2017, "Adversarial examples are not easily detected")."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_positive
from .balls import ball
from .common import attacking, wide
from .iterative import checked, climb
from .margins import lead


def past_detector(
    model: nn.Module, detector: nn.Module, x: Tensor, y: Tensor | None = None, *, eps: float, step: float | None = None, steps: int = 40,
    kappa: float = 2.0, calm: float = 1.0, norm: str = "linf", generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Steps up the margin max Z_i - Z_y, as far as `kappa`, and down the detector's value d, as far as -`calm`, in the budget.

    x <- P(x + step * sign of the gradient of min(margin(x), kappa) - max(d(x), -calm)). What is reached of one leaves the steps to the other.
    detector: a module from pictures `[N, C, H, W]` to `[N]` with a gradient, above 0 for an alarm.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction. step: None for 2.5 * eps / steps.
    """
    step, steps = checked(eps, 2.5 * eps / max(steps, 1) if step is None else step, steps)
    check_positive(kappa, "kappa"), check_positive(calm, "calm")
    source = generator or runtime.generator()
    with attacking(model, x, y) as (x, y), runtime.frozen(detector):
        if not y.known:
            y(runtime.logits(model, x))

        def slope(model: nn.Module, x: Tensor, y: runtime.Labels) -> Tensor:
            x = runtime.watched(x)
            scores = model(x)
            height = lead(scores, y(scores), False).clamp(max=kappa) - detector(x).clamp(min=-calm)
            return runtime.gradient(wide(height), x)

        inside = ball(norm, x, eps)
        return climb(model, inside.random(source), y, inside, step, steps, slope)
