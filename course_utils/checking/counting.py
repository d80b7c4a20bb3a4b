"""Counting gradients, whichever way they are computed: for open tasks that allow only a few of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from .calls import call
from .expectations import expect, expect_inside, returned


def counted(f: Callable, like: Tensor, what: str, /, *, classes: int = 10, **arguments: object) -> tuple[Tensor, float]:
    """The pictures that an answer gives, of the form of `like` and inside [0, 1], and how many gradients it took for each."""
    with counting(classes) as tally:
        got = call(f, **arguments)
    returned(got, like, what)
    expect_inside(got)
    return got, tally.rows / len(like)


def limited(f: Callable, like: Tensor, what: str, most: int, /, *, classes: int = 10, **arguments: object) -> Tensor:
    """The same pictures, with no more than `most` gradients taken for each."""
    got, used = counted(f, like, what, classes=classes, **arguments)
    expect_gradients(used, most)
    return got


def expect_gradients(used: float, most: int) -> None:
    """Require that no more gradients were taken than the task allows."""
    expect(used <= most, f"{used:.3g} gradients were taken for each picture; {most} are allowed. "
           "Each backward pass counts, once for each picture in it.")  # fmt: skip


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
