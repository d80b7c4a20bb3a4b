"""Numbers a picture: given ones, or drawn from a generator, wherever that lives."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import runtime

Number = float | Tensor  # one for all pictures, or one a picture [N]


def column(value: Number, x: Tensor, name: str) -> Tensor:
    """`value`, one number or one a picture, as `[N, 1, 1, 1]` like the pictures `x`."""
    given = torch.as_tensor(value, dtype=x.dtype, device=x.device) if not isinstance(value, Tensor) else value.to(x)
    if given.dim() > 1 or (given.dim() == 1 and len(given) not in (1, len(x))):
        raise ValueError(f"{name} has shape {list(given.shape)}; one number, or one for each of the {len(x)} pictures, is expected.")
    return given.reshape(-1, 1, 1, 1).expand(len(x), 1, 1, 1)


def square(x: Tensor) -> Tensor:
    """Require a batch of square pictures. Only their form is looked at: an attack calls a transform at every step."""
    if x.dim() != 4 or x.shape[2] != x.shape[3] or not x.is_floating_point():
        raise ValueError(f"the pictures are {x.dtype} {list(x.shape)}; floating point [N, C, S, S], as tall as wide, are expected.")
    return x


def matched(given: Tensor, x: Tensor, name: str) -> Tensor:
    """What belongs to each picture, `[M, ...]`, for N pictures: one for all, or each for N / M neighbours (several draws of one picture)."""
    if given.dim() != 4 or len(x) % max(len(given), 1):
        raise ValueError(f"{name} has shape {list(given.shape)} for {len(x)} pictures; one for all, or one a picture, is expected.")
    return given.to(x).repeat_interleave(len(x) // len(given), 0) if len(given) > 1 else given.to(x).expand(len(x), -1, -1, -1)


def uniform(low: float, high: float, x: Tensor, generator: torch.Generator) -> Tensor:
    """A number in [low, high) for each picture of `x`: `[N]`."""
    drawn = torch.rand(len(x), generator=generator, device=generator.device, dtype=x.dtype)
    return (low + (high - low) * drawn).to(x.device)


def normal(shape: tuple[int, ...], x: Tensor, generator: torch.Generator) -> Tensor:
    """Normal random numbers of deviation 1 in this shape, where the pictures `x` are."""
    return torch.randn(shape, generator=generator, device=generator.device, dtype=x.dtype).to(x.device)


def source(generator: torch.Generator | None) -> torch.Generator:
    """The generator that is given, or a fresh one of the course's seed."""
    return runtime.generator() if generator is None else generator
