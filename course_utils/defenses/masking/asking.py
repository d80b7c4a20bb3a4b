"""A network as the report asks it: a gradient that is missing, broken or not a number is noted, and never stops it."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...attacks.margins import lead
from ...runtime import check_scores, watched

Value = Callable[[Tensor, Tensor], Tensor]  # of scores [N, K] and classes [N], one number a picture [N]


def cross_entropy(scores: Tensor, y: Tensor) -> Tensor:
    """What the usual attacks climb: -log softmax(z)_y, `[N]`."""
    return F.cross_entropy(scores, y, reduction="none")


def margin(scores: Tensor, y: Tensor) -> Tensor:
    """max Z_k - Z_y over k != y, `[N]`: above 0 where the picture is taken for another class."""
    return lead(scores, y, targeted=False)


class Asked:
    """A frozen network and what it says. refuses: the number of its answer "refused", or None; a refused picture has not fooled it.

    trouble: what went wrong when a gradient was asked for ("" if nothing did); from then on all gradients are 0.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model, self.refuses, self.trouble = model, getattr(model, "refuses", None), ""

    def scores(self, x: Tensor) -> Tensor:
        """The scores `[N, K]` of pictures, without a gradient."""
        with torch.no_grad():
            return check_scores(self.model(x.clone()), len(x)).detach().float()

    def fooled(self, scores: Tensor, y: Tensor) -> Tensor:
        """Which pictures are taken for another class, and not refused, `[N]`."""
        says = scores.argmax(1)
        return (says != y) if self.refuses is None else (says != y) & (says != self.refuses)

    def judged(self, x: Tensor, y: Tensor) -> Tensor:
        """Which pictures fool the network, asked afresh, `[N]`."""
        return self.fooled(self.scores(x), y)

    def classes(self, scores: Tensor) -> Tensor:
        """The scores without the one that says "refused": what attacks work on."""
        if self.refuses is None:
            return scores
        return scores[:, [k for k in range(scores.shape[1]) if k != self.refuses % scores.shape[1]]]

    def slope(self, x: Tensor, y: Tensor, value: Value = cross_entropy) -> tuple[Tensor, Tensor]:
        """The scores `[N, K]`, detached, and each picture's gradient of `value`, `[N, C, H, W]`: 0 where there is none."""
        x = watched(x)
        scores = check_scores(self.model(x.clone()), len(x))
        found = None
        if not scores.requires_grad:
            self.trouble = self.trouble or "its scores have no gradient for the pixels"
        else:
            try:
                found = torch.autograd.grad(value(self.classes(scores), y).sum(), x, allow_unused=True)[0]
                self.trouble = self.trouble or ("" if found is not None else "its scores do not depend on the pixels in a way that can be differentiated")
            except (RuntimeError, NotImplementedError) as error:
                self.trouble = self.trouble or f"the backward pass fails ({str(error).splitlines()[0][:80]})"
        return scores.detach().float(), torch.zeros_like(x) if found is None else found
