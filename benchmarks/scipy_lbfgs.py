"""The same attack with SciPy's L-BFGS-B, picture by picture: what `attacks.lbfgs` is compared with, in its tests and its benchmark."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from course_utils import runtime
from course_utils.attacks.lbfgs import cost, next_weight


def reference(model: nn.Module, x: Tensor, y: Tensor, *, targeted: bool = False, searches: int = 9, steps: int = 50) -> Tensor:
    """As `attacks.lbfgs(model, x, y, ...)`: the same cost and the same search for c, one picture after the other."""
    with runtime.frozen(model):
        return torch.cat([one(model, x[i : i + 1], y[i : i + 1], targeted, searches, steps) for i in range(len(x))])


def one(model: nn.Module, x: Tensor, y: Tensor, targeted: bool, searches: int, steps: int) -> Tensor:
    best, weight = x, x.new_ones(1)
    low, high = torch.zeros_like(weight), torch.full_like(weight, math.inf)
    for _ in range(searches):
        problem, first = cost(model, x, y, weight, targeted), torch.zeros(1, dtype=torch.long)

        def value(place: np.ndarray, problem=problem, first=first) -> tuple[float, np.ndarray]:
            there, slope = problem(torch.from_numpy(place).to(x)[None], first)
            return there.item(), slope[0].double().numpy()

        found = minimize(value, best.flatten().double().numpy(), jac=True, method="L-BFGS-B", bounds=[(0, 1)] * x[0].numel(), options={"maxfun": steps})
        ended = torch.from_numpy(found.x).to(x).view_as(x)
        if ((runtime.predict(model, ended) == y).item()) == targeted:
            best, low = ended, weight
        else:
            high = weight
        weight = next_weight(low, high)
    return best
