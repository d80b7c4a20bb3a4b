"""Recognition by nearest neighbour: a network that only gives features, and the stored features of known people."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..runtime import check_labels


class Nearest(nn.Module):
    """Who is it? Scores `[N, people]`: the cosine between a picture's features and the nearest stored ones of each person.

    `features` is any network that gives `[N, D]`, as `FaceNet().extractor()`; `stored` `[M, D]` are its answers to M known pictures, of the people
    `y` `[M]`. New people need no training: store their features.
    """

    def __init__(self, features: nn.Module, stored: Tensor, y: Tensor) -> None:
        super().__init__()
        if stored.dim() != 2 or not len(stored) or not stored.isfinite().all():
            raise ValueError(f"stored has shape {list(stored.shape)}; finite features [M, D] of at least one picture are expected.")
        check_labels(y, len(stored), max(int(y.max()), 0) + 1 if len(y) else 1, where=stored.device)
        self.features, self.classes = features, int(y.max()) + 1
        self.register_buffer("stored", F.normalize(stored.detach(), dim=1))
        self.register_buffer("y", y)

    def forward(self, x: Tensor) -> Tensor:
        alike = F.normalize(self.features(x).flatten(1), dim=1) @ self.stored.T
        nobody = alike.new_full((len(x), self.classes), -1.0)
        return nobody.scatter_reduce(1, self.y.expand(len(x), -1), alike, "amax")
