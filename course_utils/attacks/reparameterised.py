"""The reparameterised attack (Athalye 2018): a defense that gives back G(z) is fooled by choosing z."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import runtime
from ..models import Generator
from ..models.generator import check_drawn
from ..runtime import Labels, check_count, check_positive
from .adam import Adam
from .common import attacking
from .margins import lead


def reparameterised(
    model: nn.Module, network: Generator, x: Tensor, y: Tensor | None = None, *, start: Tensor | None = None, c: float = 0.05, kappa: float = 0.5,
    steps: int = 100, rate: float = 0.05, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Of the pictures that the generator network draws, one near x that the model takes for another class: min |G(z) - x|^2 + c * loss, over z.

    The distance is the mean over the pixels, and the loss max(Z_y - max Z_i, -kappa) over i != y, of the logits Z of G(z). Adam on z from `start`; of all
    steps the nearest picture that fools is kept, else the last. G(z) is where a projection on what G draws ends: the defense gives it back.

    x: grey pictures `[N, 1, 28, 28]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction. start: codes `[N, codes]`, such as
    `defenses.project(network, x).z`; None: drawn by chance.
    """
    check_count(steps, "steps"), check_positive(rate, "rate", zero=False), check_positive(c, "c"), check_positive(kappa, "kappa")
    z = first_codes(network, x, start, generator)
    with attacking(model, x, y) as (x, y), runtime.frozen(network):
        if not y.known:
            y(runtime.logits(model, x))
        adam = Adam(z)
        best, least = x.clone(), torch.full((len(x),), torch.inf, device=x.device)
        for _ in range(steps):
            drawn = network(z)
            apart, behind = (drawn - x).square().flatten(1).mean(1), lead_of(model, drawn, y)
            nearer = (behind > 0) & (apart < least) | least.isinf() & (behind <= 0)
            best = torch.where(nearer[:, None, None, None], drawn.detach(), best)
            least = torch.where(nearer & (behind > 0), apart.detach(), least)
            slope = runtime.gradient(apart - c * behind.clamp(max=kappa), z)
            z = (z.detach() - rate * adam.step(slope)).requires_grad_()
        return best


def lead_of(model: nn.Module, x: Tensor, y: Labels) -> Tensor:
    """max Z_i - Z_y over i != y, `[N]`: above 0 where the model is fooled."""
    scores = model(x)
    return lead(scores, y(scores), targeted=False)


def first_codes(network: Generator, x: Tensor, start: Tensor | None, generator: torch.Generator | None) -> Tensor:
    """Codes to walk from, `[N, codes]`, which gradients can be taken for."""
    check_drawn(network, x)
    start = network.draw(len(x), generator=generator) if start is None else start
    if not isinstance(start, Tensor) or start.shape != (len(x), network.codes):
        given = list(start.shape) if isinstance(start, Tensor) else type(start).__name__
        raise ValueError(f"start is {given}; a code for each picture is expected: [{len(x)}, {network.codes}].")
    return start.detach().clone().to(x).requires_grad_()
