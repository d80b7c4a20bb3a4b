"""Directions in the space of a layer, drawn in several ways: what "a random direction" means is a choice."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import representation
from ..runtime import check_count, check_pictures, pick

FEW = 4  # channels of a direction of few channels


def responses(model: nn.Module, x: Tensor, layer: str | nn.Module, *, batch_size: int = 50) -> Tensor:
    """The layer's values at every position of every picture, as vectors: [M, channels]."""
    check_pictures(x, model), check_count(batch_size, "batch_size")
    phi = representation(model, x, layer, batch_size)
    return phi.flatten(2).transpose(1, 2).flatten(0, 1) if phi.dim() > 2 else phi


def random_directions(phi: Tensor, count: int, kind: str = "random", *, generator: torch.Generator) -> Tensor:
    """`count` random directions of length 1 in the space of the responses phi [M, channels]: [count, channels].

    kind, with z of independent normal numbers and C the covariance of phi:
    "random" z, every direction equally likely (Szegedy 2013); "positive" |z|, as the values behind a ReLU are; "few" z on
    four channels, 0 elsewhere; "along" C^(1/2) z, mostly where phi varies much; "against" C^(-1/2) z, where it varies little;
    "difference" phi_i - phi_j for two of the given responses, drawn by chance.
    """
    check_count(count, "count")
    if phi.dim() != 2 or len(phi) < 2 or not phi.is_floating_point():
        raise ValueError(f"phi is {phi.dtype} {list(phi.shape)}; at least two responses [M, channels] are expected.")
    z = torch.randn(count, phi.shape[1], generator=generator).to(phi)
    draw = KINDS[pick("kind of direction", kind, KINDS)]
    return F.normalize(draw(z, phi, generator), dim=1)


def _few(z: Tensor, phi: Tensor, generator: torch.Generator) -> Tensor:
    chosen = torch.rand(z.shape, generator=generator).topk(min(FEW, z.shape[1]), 1).indices.to(z.device)
    return torch.zeros_like(z).scatter(1, chosen, z.gather(1, chosen))


def _power(exponent: float) -> Callable[[Tensor, Tensor, torch.Generator], Tensor]:
    """z C^exponent. Variances below a ten-thousandth of the largest count as that: channels that never answer have none."""

    def draw(z: Tensor, phi: Tensor, generator: torch.Generator) -> Tensor:
        values, axes = torch.linalg.eigh(torch.cov(phi.double().T))
        values = values.clamp_min(1e-4 * values.amax())
        return (z.double() @ (axes * values**exponent) @ axes.T).to(z)

    return draw


def _difference(z: Tensor, phi: Tensor, generator: torch.Generator) -> Tensor:
    first, second = torch.randint(len(phi), (2, len(z)), generator=generator).to(phi.device)
    return phi[first] - phi[torch.where(first == second, (first + 1) % len(phi), second)]


KINDS: dict[str, Callable[[Tensor, Tensor, torch.Generator], Tensor]] = {
    "random": lambda z, phi, generator: z,
    "positive": lambda z, phi, generator: z.abs(),
    "few": _few,
    "along": _power(0.5),
    "against": _power(-0.5),
    "difference": _difference,
}
