"""Counting gradients, whichever way they are computed: for open tasks that allow only a few of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook


class Tally:
    """How many pictures' gradients were computed so far."""

    rows = 0


@contextlib.contextmanager
def counting(classes: int = 10) -> Iterator[Tally]:
    """Count the gradients that are taken inside, once for each picture in a backward pass.

    Whatever network of the task's kind is used, also a copy or one that was loaded elsewhere: the counter sits behind every
    linear layer with so many outputs, a LeNet's last one.
    """
    tally = Tally()

    def tap(layer: nn.Module, _: object, scores: Tensor) -> Tensor | None:
        last = isinstance(layer, nn.Linear) and layer.out_features == classes
        return Tap.apply(scores, tally) if last else None

    handle = register_module_forward_hook(tap)
    try:
        yield tally
    finally:
        handle.remove()


class Count(torch.autograd.Function):
    """Passes a gradient on, and notes how many rows it has. Under `torch.func.vmap` it sees the batch as it really is."""

    @staticmethod
    def forward(gradient: Tensor, tally: Tally) -> Tensor:
        tally.rows += gradient.numel() // gradient.shape[-1]
        return gradient.clone()

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.tally = inputs[1]

    @staticmethod
    def backward(ctx, again: Tensor):
        return Count.apply(again, ctx.tally), None

    @staticmethod
    def vmap(info, in_dims, gradient: Tensor, tally: Tally):
        return Count.apply(gradient.movedim(in_dims[0], 0), tally), 0


class Tap(torch.autograd.Function):
    """Passes scores on; what comes back through it is counted."""

    @staticmethod
    def forward(scores: Tensor, tally: Tally) -> Tensor:
        return scores.clone()

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.tally = inputs[1]

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return Count.apply(gradient, ctx.tally), None

    @staticmethod
    def vmap(info, in_dims, scores: Tensor, tally: Tally):
        return Tap.apply(scores.movedim(in_dims[0], 0), tally), 0
