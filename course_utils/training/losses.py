"""The losses that `train` takes: the usual one, right for the right reasons, and adversarial training."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The usual loss: mean cross-entropy of the model's logits."""
    return F.cross_entropy(model(x), y)


def right_reasons(model: nn.Module, x: Tensor, y: Tensor, inside: Tensor, strength: float) -> Tensor:
    """Right for the right reasons (Ross 2017): cross-entropy + strength * squared input gradient outside the object.

    The gradient is that of the sum of all log-probabilities; its squares are added up over the pixels where `inside`
    `[N, 1, H, W]` is 0, and averaged over the pictures. It stays in the graph, so that the weights learn from it.
    """
    x = x.clone().requires_grad_()
    log_p = model(x).log_softmax(1)
    (gradient,) = torch.autograd.grad(log_p.sum(), x, create_graph=True)
    outside = (gradient * (1 - inside)).square().flatten(1).sum(1).mean()
    return F.nll_loss(log_p, y) + strength * outside


def adversarial(attack: Callable[..., Tensor], *, clean: float = 0.0, predicted: bool = False, **options) -> Loss:
    """Adversarial training: clean * J(x, y) + (1 - clean) * J(attack(model, x, y, **options), y), the pictures attacked anew at every step.

    With `fgsm` and `clean=0.5` that is Goodfellow's objective (2014); with `pgd` and `clean=0` Madry's (2017): the weights go down the loss at
    the highest place that the attack finds. The gradient is taken at the attacked pictures, as if they did not depend on the weights (Danskin).
    predicted: whether the attack starts from the model's own predictions instead of `y` (against label leaking, Kurakin 2016).
    An attack that takes a `generator=` gets a fresh one at every step, seeded from torch's own chance: `train` sets that by its seed, and keeps it.
    """
    if not 0 <= clean < 1:
        raise ValueError(f"clean is {clean}; a share of the loss from 0 (attacked pictures only) up to, but not including, 1 is expected.")
    random = "generator" in inspect.signature(attack).parameters and "generator" not in options

    def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        more = {"generator": runtime.generator(int(torch.randint(2**62, ())))} if random else {}
        moved = attack(model, x, None if predicted else y, **options, **more)
        value = (1 - clean) * F.cross_entropy(model(moved), y)
        return value + clean * F.cross_entropy(model(x), y) if clean else value

    return loss
