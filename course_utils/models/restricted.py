"""A network that is asked about some of its classes only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..runtime import check_labels


class Restricted(nn.Module):
    """`model`, whose scores for all other classes than `classes` are left out; class k of it is the model's class classes[k]."""

    def __init__(self, model: nn.Module, classes: Sequence[int]) -> None:
        super().__init__()
        given = torch.as_tensor(classes)
        if given.dim() != 1 or len(given) < 2 or given.is_floating_point() or len(given.unique()) < len(given) or given.min() < 0:
            raise ValueError(f"classes is {list(classes)}; at least two different class numbers are expected.")
        where = next((part.device for part in model.parameters()), None)
        self.model = model
        self.register_buffer("kept", given.long().to(where), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.model(x)
        check_labels(self.kept, len(self.kept), scores.shape[1], name="classes")
        return scores[:, self.kept]
