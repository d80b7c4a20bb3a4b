"""The weights of a checkpoint in less room than half precision: large matrices in eight bits, weights in [-1, 1] in four."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

LARGE = 400_000  # matrices with more weights than that are kept in eight bits (in older checkpoints those with more than a million)
STEP = ".row_step"  # behind the matrix's name: how much one of its whole numbers is worth, in each row
FOUR_BITS = ".four_bits"  # behind the name of a matrix of weights in [-1, 1]


def packed(state: Mapping[str, Tensor], coarse: Sequence[str] = ()) -> dict[str, Tensor]:
    """The large matrices of a state as whole numbers, and the steps between them: half of half precision, and no weight moves by more than half a step.

    `coarse`: the names of weights in [-1, 1] that are kept in four bits.
    """
    small = {key + FOUR_BITS: in_four_bits(state[key]) for key in coarse}
    for key, value in state.items():
        if key not in coarse and value.is_floating_point() and value.dim() == 2 and value.numel() > LARGE:
            steps = (value.float().abs().amax(1, keepdim=True) / 127).clamp_min(torch.finfo(torch.float32).tiny)
            small |= {key: (value.float() / steps).round().to(torch.int8), key + STEP: steps}
    return small


def in_four_bits(weights: Tensor) -> Tensor:
    """Weights `[rows, even number]` in [-1, 1] as the nearest of the 15 numbers -7/7 .. 7/7, two in a byte, `[rows, half as many]`: none moves by more than 1/14."""
    sevenths = (7 * weights.float().clamp(-1, 1)).round().add(7).byte()
    return 16 * sevenths[:, ::2] + sevenths[:, 1::2]


def from_four_bits(bytes_: Tensor) -> Tensor:
    """The weights again."""
    return (torch.stack([bytes_ // 16, bytes_ % 16], 2).flatten(1).float() - 7) / 7


def unpacked(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state with all its weights, as the network takes it."""
    state = {key.removesuffix(FOUR_BITS): from_four_bits(value) if key.endswith(FOUR_BITS) else value for key, value in state.items()}
    whole = {key: value for key, value in state.items() if not key.endswith(STEP)}
    return whole | {key: state[key].float() * state[key + STEP] for key in whole if key + STEP in state}


def not_finite(state: Mapping[str, Tensor]) -> str:
    """The names of the weights that are not all finite numbers, or ""."""
    return ", ".join(key for key, value in state.items() if not bool(value.isfinite().all()))
