"""Counting arithmetic, in forward passes: for open tasks whose maps may take only so much work.

It is no part of the toolbox's front: torch's counter of operations takes a second to load.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .expectations import expect


class Unnamed(contextlib.nullcontext):
    """Stands for torch's tracker of modules, whose hooks refuse `autograd.grad` for a picture that is a leaf."""

    parents = ("Global",)


def counter() -> FlopCounterMode:
    """A counter of arithmetic that does not ask which module it belongs to."""
    mode = FlopCounterMode(display=False)
    mode.mod_tracker = Unnamed()
    return mode


def passes(work: Callable[[], Tensor], model: nn.Module, x: Tensor) -> tuple[Tensor, float]:
    """What `work` gives, and its arithmetic for each picture, in forward passes of the model; whatever network it runs, however."""
    with counter() as one, torch.no_grad():
        model(x[:1])
    with counter() as all_of_it:
        result = work()
    return result, all_of_it.get_total_flops() / one.get_total_flops() / len(x)


def expect_work(used: float, budget: int) -> None:
    """Require that a map took no more work for each picture than the task allows; half a pass is left for small things."""
    expect(
        used <= budget + 0.5,
        f"your map took the work of {used:.0f} forward passes for each picture; at most {budget} are allowed "
        "(a gradient takes two: one forward, one backward).",
    )
