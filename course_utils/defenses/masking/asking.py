"""A network as the report asks it: a gradient that is missing, broken or not a number is noted, and never stops it."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ... import runtime
from ...attacks.margins import lead
from ...runtime import check_scores, watched

Value = Callable[[Tensor, Tensor], Tensor]  # of scores [N, K] and classes [N], one number a picture [N]
TOGETHER = 2**22  # pixels in one batch


def cross_entropy(scores: Tensor, y: Tensor) -> Tensor:
    """What the usual attacks climb: -log softmax(z)_y, `[N]`."""
    return F.cross_entropy(scores, y, reduction="none")


def margin(scores: Tensor, y: Tensor) -> Tensor:
    """max Z_k - Z_y over k != y, `[N]`: above 0 where the picture is taken for another class."""
    return lead(scores, y, targeted=False)


def scaled(scores: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy of scores that are scaled, each picture's for itself, until the right class is 2 ahead or 2 behind, `[N]`.

    It then looks at the runner-up, and is not flat yet, whatever the size of the scores is.
    """
    ahead = margin(scores, y).detach().abs().clamp_min(torch.finfo(scores.dtype).tiny)
    return cross_entropy(2 * (scores - scores.gather(1, y[:, None])) / ahead[:, None], y)


class Asked:
    """A frozen network and what it says. refuses: the number of its answer "refused", or None; a refused picture has not fooled it.

    trouble: what went wrong when a gradient was asked for ("" if nothing did).
    """

    def __init__(self, model: nn.Module) -> None:
        self.model, self.refuses, self.trouble = model, getattr(model, "refuses", None), ""

    def scores(self, x: Tensor) -> Tensor:
        """The scores `[N, K]` of pictures, in single precision at least, without a gradient."""
        with torch.no_grad():
            return torch.cat([wide(check_scores(self.model(part.clone()), len(part))) for part in x.split(at_once(x))])

    def fooled(self, scores: Tensor, y: Tensor) -> Tensor:
        """Which pictures are taken for another class, and not refused, `[N]`."""
        says = scores.argmax(1)
        return (says != y) if self.refuses is None else (says != y) & (says != self.refuses)

    def judged(self, x: Tensor, y: Tensor) -> Tensor:
        """Which pictures fool the network, asked afresh, `[N]`."""
        return self.fooled(self.scores(x), y)

    def classes(self, scores: Tensor) -> Tensor:
        """The scores of the classes alone, without the one that says "refused": what attacks work on."""
        if self.refuses is None:
            return scores
        kept = [k for k in range(scores.shape[1]) if k != self.refuses]
        return scores[:, kept]

    def slope(self, x: Tensor, y: Tensor, value: Value = cross_entropy) -> tuple[Tensor, Tensor]:
        """The scores `[N, K]`, detached, and each picture's gradient of `value`, `[N, C, H, W]`: 0 where there is none."""
        parts = [self.part(*part, value) for part in zip(x.split(at_once(x)), y.split(at_once(x)))]
        return tuple(torch.cat(both) for both in zip(*parts))

    def part(self, x: Tensor, y: Tensor, value: Value) -> tuple[Tensor, Tensor]:
        """`slope` for one batch."""
        x = watched(x)
        try:
            scores = check_scores(self.model(x.clone()), len(x))
        except RuntimeError as error:  # such as numpy() of a tensor that a gradient is wanted for
            return self.scores(x.detach()), self.without(x, f"its forward pass refuses to be differentiated ({first_line(error)})")
        if not scores.requires_grad:
            return wide(scores), self.without(x, "no gradient leads from its scores back to the pixels")
        try:
            found = torch.autograd.grad(value(self.classes(scores), y).sum(), x, allow_unused=True)[0]
        except (RuntimeError, NotImplementedError) as error:
            return wide(scores), self.without(x, f"its backward pass fails ({first_line(error)})")
        return wide(scores), self.without(x, "no gradient leads from its scores back to the pixels") if found is None else found

    def without(self, x: Tensor, trouble: str) -> Tensor:
        """No gradient: 0 everywhere, and what the trouble was."""
        self.trouble = self.trouble or trouble
        return torch.zeros_like(x)


def takes(model: nn.Module, x: Tensor) -> bool:
    """Whether the network answers pictures of this precision."""
    with runtime.frozen(model), torch.no_grad():
        try:
            model(x[:1])
        except RuntimeError:
            return False
    return True


def wide(scores: Tensor) -> Tensor:
    """Scores without their graph, as an ordinary tensor in single precision at least."""
    scores = scores.detach().clone()
    return scores if scores.dtype == torch.float64 else scores.float()


def at_once(x: Tensor) -> int:
    """How many pictures go into one batch."""
    return max(1, TOGETHER // x[0].numel())


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:90] if str(error).strip() else type(error).__name__
