"""A network with a detector in front: it refuses to answer where the detector gives an alarm."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import runtime


class Guarded(nn.Module):
    """A network of K classes as one of K + 1: the last answer is "refused", where the detector's value is above `threshold`.

    refuses: the number of that answer, K. Its score is the largest of the classes' plus 1, or, where there is no alarm, the smallest minus 1:
    an alarm is a decision, and has no gradient. detector: a module from pictures `[N, C, H, W]` to `[N]`, such as `lid_detector`.
    """

    def __init__(self, model: nn.Module, detector: nn.Module, *, threshold: float = 0.0, classes: int) -> None:
        super().__init__()
        self.model, self.detector = runtime.check_model(model), runtime.check_model(detector)
        self.threshold, self.refuses = threshold, runtime.check_count(classes, "classes", least=2)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.model(x)
        with torch.no_grad():
            alarm = self.detector(x) > self.threshold
            refused = torch.where(alarm, scores.amax(1) + 1, scores.amin(1) - 1)
        return torch.cat([scores, refused[:, None]], 1)
