"""Whose pictures fool whom: the tables of Szegedy 2013, sections 4.1 and 4.2, with noise of the same size beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .. import runtime
from .basic import norms

Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]


class Transfer(NamedTuple):
    """M networks and their pictures; shares are 0 to 1. A row for each network that pictures were made for, then one for each noise.

    names: of the rows `[R]`; the first M are those of the columns, the networks that the pictures are tried on.
    error: the share that a column's network gets wrong, of all pictures `[R, M]`. success: the same among the pictures that it had right
    before (NaN where there were none) `[R, M]`. control: `success` of Gaussian noise that is, picture by picture, as large as the
    row's change `[R, M]`; of a noise row it is the row itself. distortion: the mean RMS change of a pixel `[R]`.
    """

    names: list[str]
    error: Tensor
    success: Tensor
    control: Tensor
    distortion: Tensor


def transfer_table(
    models: Mapping[str, nn.Module] | Sequence[nn.Module], attack: Attack, x: Tensor, y: Tensor, *, rms: float | None = None,
    noise: Sequence[float] = (), generator: torch.Generator | None = None, batch_size: int = 2000,
) -> Transfer:  # fmt: skip
    """Attack each network and try its pictures on every other (Szegedy 2013).

    models: networks by name, or a list of them. attack(model, x, y) gives the changed pictures. rms: bring every change to this size
    first (`of_rms`): "amplified to stddev 0.1". noise: deviations of Gaussian rows, clipped to [0, 1] and not scaled up for it.
    x: pictures `[N, C, H, W]` in [0, 1]. y: their right classes `[N]`. At most `batch_size` pictures are attacked at a time.
    """
    nets = dict(models) if isinstance(models, Mapping) else {f"{k}": net for k, net in enumerate(models, 1)}
    if not nets:
        raise ValueError("there is no network in models; at least one is expected, by name or in a list.")
    for net in nets.values():
        runtime.check_batch(x, y, net)
    if rms is not None:
        runtime.check_positive(rms, "rms")
    chance = generator or runtime.generator()
    bell = torch.randn(x.shape, generator=chance, dtype=torch.float32).to(x)
    right = torch.stack([runtime.predict(net, x) == y for net in nets.values()])  # [M, N]

    def wrong(pictures: Tensor) -> Tensor:
        return torch.stack([runtime.predict(net, pictures) != y for net in nets.values()])

    rows = []
    for net in nets.values():
        found = torch.cat([attack(net, *part) for part in zip(x.split(batch_size), y.split(batch_size))])
        found = runtime.check_pictures(found, net, name="what the attack gives")
        if rms is not None:
            found = of_rms(x, found - x, rms)
        size = norms(x, found).rms
        rows.append((wrong(found), wrong(of_rms(x, bell, size)), size))
    for deviation in noise:
        noisy = (x + runtime.check_positive(deviation, "noise") * bell).clamp(0, 1)
        rows.append((missed := wrong(noisy), missed, norms(x, noisy).rms))
    missed, by_noise, sizes = (torch.stack(parts) for parts in zip(*rows))  # [R, M, N] twice, [R, N]
    among = [(part & right).sum(2) / right.sum(1) for part in (missed, by_noise)]
    names = [*nets, *(f"noise {deviation:g}" for deviation in noise)]
    return Transfer(names, missed.float().mean(2).cpu(), among[0].cpu(), among[1].cpu(), sizes.float().mean(1).cpu())


def of_rms(x: Tensor, change: Tensor, rms: float | Tensor, rounds: int = 20) -> Tensor:
    """x + k * change, clipped to [0, 1], with the k >= 0 of each picture for which the RMS change of a pixel is `rms`.

    Clipping shortens a change, so k is raised until it fits: k <- k * rms / size(k), which comes from below and never goes beyond.
    Where even the farthest picture on the way is nearer, it is given; a change of 0 stays 0. rms: a number, or one a picture `[N]`.
    """
    if x.shape != change.shape:
        raise ValueError(f"x has shape {list(x.shape)} and change {list(change.shape)}; the same shape is expected.")
    wanted = torch.as_tensor(rms, dtype=x.dtype, device=x.device).expand(len(x))
    length = change.flatten(1).norm(dim=1) / change[0].numel() ** 0.5
    direction = change / length.clamp_min(torch.finfo(x.dtype).tiny)[:, None, None, None]
    factor = wanted.clone()
    for _ in range(rounds):
        size = norms(x, (x + factor[:, None, None, None] * direction).clamp(0, 1)).rms
        factor = torch.where(size > 0, factor * (wanted / size).clamp(min=1, max=4), factor)
    return (x + factor[:, None, None, None] * direction).clamp(0, 1)
