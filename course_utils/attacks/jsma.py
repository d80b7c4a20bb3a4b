"""The attack with the saliency map of the Jacobian (JSMA): two pixels at a time, those that help the target most."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import runtime
from ..runtime import check_positive
from .common import attacking, wide

CANDIDATES = 64  # pairs are looked for among so many pixels


def jsma(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, targeted: bool = False, of: str = "probabilities", share: float = 0.145
) -> Tensor:
    """Jacobian-based saliency map attack (Papernot 2015): pixels are set to 1, two at a time, until the answer is as wanted.

    With F the model's answer, a pixel has a = dF_t/dx and b = the sum of dF_i/dx over all i but t. Of all pairs p, q with a_p + a_q > 0 and
    b_p + b_q < 0 the one is taken with the largest -(a_p + a_q)(b_p + b_q); where there is none, the attack ends. With `targeted=True` y is t, else
    the signs are turned, and y is left. A colour of a pixel counts as a pixel.
    of: what F is: "probabilities", as in the paper (Carlini and Wagner call that JSMA-F), or "logits" (JSMA-Z).
    In single precision that product is 0 where the gradients are 1e-23, long before they are: double pictures and a double model go farther.
    share: how many of the pixels may be set, at most. A picture that is as wanted already, and one that is not reached, comes back as it is.

    x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction.
    """
    soft, pairs = runtime.pick("answer", of, ("probabilities", "logits")) == "probabilities", int(check_positive(share, "share") * x[0].numel() / 2)
    with attacking(model, x, y, targeted=targeted) as (x, y):
        y = y(runtime.logits(model, x))
        found, place = x.clone(), torch.arange(len(x), device=x.device)
        moved, goal, open_ = wide(x).flatten(1), y, wide(x).flatten(1) < 1
        for taken in range(pairs + 1):
            a, b, answer = slopes(model, moved.view(-1, *x.shape[1:]).to(x.dtype), goal, soft)
            won = (answer == goal) == targeted
            if not targeted:
                a, b = -a, -b
            pair, good = best_pair(a, b, open_)
            if taken and won.any():
                found[place[won]] = moved[won].view(-1, *x.shape[1:]).to(x.dtype)
            left = ~won & good
            place, moved, goal, open_, pair = place[left], moved[left], goal[left], open_[left], pair[left]
            if not len(place):
                break
            moved, open_ = moved.scatter(1, pair, 1.0), open_.scatter(1, pair, False)
        return found


def slopes(model: nn.Module, x: Tensor, y: Tensor, soft: bool) -> tuple[Tensor, Tensor, Tensor]:
    """dF_y/dx and the sum of the other dF_i/dx, each `[N, pixels]`, and the model's answer `[N]`."""
    x = runtime.watched(x)
    scores = model(x.clone())
    answers = scores.softmax(1) if soft else scores
    own = answers.gather(1, y[:, None]).sum()
    (a,) = torch.autograd.grad(own, x, retain_graph=True)
    (b,) = torch.autograd.grad(answers.sum() - own, x)
    return wide(a).flatten(1), wide(b).flatten(1), scores.argmax(1)


def best_pair(a: Tensor, b: Tensor, free: Tensor) -> tuple[Tensor, Tensor]:
    """The pair of free pixels with the largest -(a_p + a_q)(b_p + b_q) of those with a_p + a_q > 0 > b_p + b_q, `[N, 2]`, and whether there is one `[N]`.

    It is looked for among the pixels with the largest a - b.
    """
    some = (a - b).where(free, -torch.inf).topk(min(CANDIDATES, a.shape[1]), dim=1).indices
    a, b, free = a.gather(1, some), b.gather(1, some), free.gather(1, some)
    ups, downs = a[:, :, None] + a[:, None], b[:, :, None] + b[:, None]
    allowed = (ups > 0) & (downs < 0) & free[:, :, None] & free[:, None] & ~torch.eye(a.shape[1], dtype=torch.bool, device=a.device)
    gain, best = (-ups * downs).where(allowed, -torch.inf).flatten(1).max(1)
    return some.gather(1, torch.stack([best // a.shape[1], best % a.shape[1]], 1)), gain > 0
