"""The standard battery: situations in which every answer is tried, beside the exercise's own cases.

An exercise names what applies to it: `battery=ATTACK`. An item that is added to a group here is at once tried on all
exercises that name the group.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .. import runtime
from .exercise import Case, Item


def each(case: Case, change: Callable[[Any], Any]) -> Case:
    """The case with every tensor and every model changed."""
    return {name: change(value) if isinstance(value, (Tensor, nn.Module)) else value for name, value in case.items()}


def copied(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model)


def one_picture(case: Case) -> Iterable[Case]:
    """The first picture alone, and the last one. What is as long as the first tensor holds one entry a picture."""
    count = next(len(value) for value in case.values() if isinstance(value, Tensor))
    for at in (0, count - 1):
        yield each(case, lambda value: value[at : at + 1] if isinstance(value, Tensor) and len(value) == count else value)


def double(case: Case) -> Iterable[Case]:
    """Everything in double precision."""

    def widen(value: Tensor | nn.Module) -> Tensor | nn.Module:
        if isinstance(value, nn.Module):
            return copied(value).double()
        return value.double() if value.is_floating_point() else value

    yield each(case, widen)


def strided(case: Case) -> Iterable[Case]:
    """The same values, laid out in memory in another order, as after `transpose` or a slice."""

    def turned(value: Tensor | nn.Module) -> Tensor | nn.Module:
        many = isinstance(value, Tensor) and value.dim() > 1
        return value.transpose(-1, -2).contiguous().transpose(-1, -2) if many else value

    yield each(case, turned)


def narrow(case: Case) -> Iterable[Case]:
    """Pictures that are neither quite black nor quite white anywhere. A mask, which is 0 or 1 everywhere, stays one."""

    def squeezed(value: Tensor | nn.Module) -> Tensor | nn.Module:
        picture = isinstance(value, Tensor) and value.dim() == 4 and value.is_floating_point()
        picture = picture and 0 <= value.min() and value.max() <= 1 and bool(((value != 0) & (value != 1)).any())
        return 0.2 + 0.5 * value if picture else value

    yield each(case, squeezed)


def asking(case: Case) -> Iterable[Case]:
    """Pictures that ask for gradients themselves, and hold one."""

    def asked(value: Tensor | nn.Module) -> Tensor | nn.Module:
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        own = value.detach().clone().requires_grad_()
        own.grad = torch.full_like(own, 0.5)
        return own

    yield each(case, asked)


def on_device(case: Case) -> Iterable[Case]:
    """Everything on the device in use, where that is not the CPU."""
    where = runtime.device()
    if where.type != "cpu":
        yield each(case, lambda value: (copied(value) if isinstance(value, nn.Module) else value).to(where))


ONE_PICTURE = Item(
    one_picture, "for one picture alone (a batch of one)",
    "Each picture must get the same as in a batch: is something averaged over the batch, or an axis squeezed away?",
)  # fmt: skip
DOUBLE = Item(double, "in double precision", "Is something rounded to torch.float32 on the way?")
STRIDED = Item(strided, "for pictures that lie in memory in another order (after a transpose)", "Use .reshape or .flatten, not .view.")
NARROW = Item(narrow, "for pictures whose pixels go from 0.2 to 0.7", "Is black taken for 0 somewhere, or the largest pixel for 1?")
ASKING = Item(asking, "for pictures that ask for gradients themselves", "Work on a copy of the values: .detach().clone().")
ON_DEVICE = Item(on_device, "on the device in use", "Make new tensors where x is: torch.zeros_like(x), or .to(x.device).")

TENSORS = (DOUBLE, STRIDED, ON_DEVICE)  # any function of tensors
PICTURES = (ONE_PICTURE, NARROW, *TENSORS)  # a function of a batch of pictures
ATTACK = (*PICTURES, ASKING)  # one whose result is detached, whatever comes in
