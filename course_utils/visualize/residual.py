"""Residual blocks looked at: a network without one of them, and how much of a block's output comes over its shortcut."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ..layers import layer_name, resolve
from ..models import Residual
from ..runtime import check_pictures, frozen


def block_of(model: nn.Module, block: str | nn.Module) -> Residual:
    """The residual block of this name."""
    module = resolve(model, block)
    if not isinstance(module, Residual):
        known = [name for name, part in model.named_modules() if isinstance(part, Residual)]
        raise ValueError(f"layer {layer_name(model, block)!r} is {type(module).__name__}, no residual block; the blocks are {known}.")
    return module


class Skipped(nn.Module):
    """What is left of a block whose convolutions are taken out: relu(x), at the size that the next block expects."""

    def __init__(self, block: Residual) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        return self.block[-1](self.block.carried(x))


def without_block(model: nn.Module, block: str | nn.Module) -> nn.Module:
    """A copy of the model in which one block only passes on what its shortcut carries, or would carry (Veit et al. 2016)."""
    block_of(model, block)
    changed = copy.deepcopy(model)
    changed.set_submodule(name := layer_name(model, block), Skipped(changed.get_submodule(name)))
    return changed


def shortcut_share(model: nn.Module, x: Tensor, block: str | nn.Module, batch_size: int = 256) -> Tensor:
    """|c|^2 / (|c|^2 + |a|^2) for each picture, [N]: c comes over the block's shortcut, a is what its convolutions add."""
    check_pictures(x, model)
    module, shares = block_of(model, block), []

    def measured(part: Residual, inputs: tuple[Tensor]) -> None:
        over, added = (value.flatten(1).square().sum(1) for value in (part.carried(inputs[0]), part.added(inputs[0])))
        shares.append(part.shortcut * over / (over + added).clamp(min=1e-12))

    handle = module.register_forward_pre_hook(measured)
    try:
        with frozen(model), torch.no_grad():
            for part in x.split(batch_size):
                model(part)
    finally:
        handle.remove()
    return torch.cat(shares)
