"""Total variation minimisation (Guo 2018): pixels are dropped at random and restored so that the picture varies little."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import runtime
from ..runtime import check_count, check_positive


@torch.no_grad()
def tv_minimize(
    x: Tensor, drop: float = 0.5, *, weight: float = 0.03, steps: int = 150, generator: torch.Generator | None = None
) -> Tensor:
    """Pictures `[N, C, H, W]` of which each value was dropped with chance `drop` and restored by the smallest total variation (Rudin 1992).

    The z that minimises 1/2 sum over the kept values of (z - x)^2 + weight * TV(z), with TV the sum of the lengths of the gradients, each
    channel on its own. Found by `steps` of the primal-dual method of Chambolle and Pock (2011). Solving it gives no gradient: BPDA is needed.
    """
    if not isinstance(drop, (int, float)) or not 0 <= drop < 1:
        raise ValueError(f"drop is {drop!r}; a share of at least 0 and below 1 is expected: of no kept pixel nothing can be restored.")
    check_positive(weight, "weight"), check_count(steps, "steps"), runtime.check_pictures(x)
    chance = generator or runtime.generator()
    kept = (torch.rand(x.shape, generator=chance, device=chance.device) >= drop).to(x)
    return restored(x, kept, weight, steps)


def restored(x: Tensor, kept: Tensor, weight: float, steps: int, sigma: float = 0.35, tau: float = 0.35) -> Tensor:
    """The minimum for the kept values (1 in `kept`, else 0). sigma * tau * 8 < 1 makes the steps converge."""
    mean = (kept * x).sum((2, 3), keepdim=True) / kept.sum((2, 3), keepdim=True).clamp_min(1)
    z = kept * x + (1 - kept) * mean
    ahead, right, down = z, torch.zeros_like(x), torch.zeros_like(x)
    for _ in range(steps):
        right, down = right + sigma * slope(ahead, 3), down + sigma * slope(ahead, 2)
        length = ((right.square() + down.square()).sqrt() / weight).clamp_min(1) if weight else torch.inf  # the forces are at most `weight` long
        right, down = right / length, down / length
        new = (z + tau * (kept * x - pull(right, 3) - pull(down, 2))) / (1 + tau * kept)
        z, ahead = new, 2 * new - z
    return z.clamp(0, 1)


def slope(z: Tensor, axis: int) -> Tensor:
    """Each value's step to the next one along the axis; 0 at the far edge."""
    return torch.diff(z, dim=axis, append=z.narrow(axis, -1, 1))


def pull(force: Tensor, axis: int) -> Tensor:
    """The transpose of `slope`: sum(slope(z) * force) = sum(z * pull(force)). `force` is 0 at the far edge."""
    edge = (1, 0) if axis == 3 else (0, 0, 1, 0)
    return F.pad(force, edge).narrow(axis, 0, force.shape[axis]) - force
