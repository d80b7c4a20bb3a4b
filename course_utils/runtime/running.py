"""Running a model without leaving a trace."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .checks import check_count, check_model, check_scores, detached


class _Held(NamedTuple):
    """A module or parameter that some `frozen` block holds: how it was before the first of them, and how many hold it."""

    thing: nn.Module | nn.Parameter
    was: bool
    count: int


# By identity. Two blocks may hold the same model at once, in two threads or one inside the other, also a part of it:
# whoever comes first notes how each module and parameter was, and whoever leaves last puts it back.
_held: dict[int, _Held] = {}
_lock = threading.Lock()


def _hold(thing: nn.Module | nn.Parameter, state: bool) -> None:
    before = _held.get(id(thing))
    _held[id(thing)] = _Held(thing, state, 1) if before is None else before._replace(count=before.count + 1)


def _release(thing: nn.Module | nn.Parameter) -> bool | None:
    """The state to put back, or None while another block still holds the thing."""
    held = _held.pop(id(thing))
    if held.count == 1:
        return held.was
    _held[id(thing)] = held._replace(count=held.count - 1)
    return None


@contextlib.contextmanager
def frozen(model: nn.Module) -> Iterator[nn.Module]:
    """Use `model` as a fixed function: eval mode, no parameter gradients, gradients enabled for inputs.

    On exit every submodule's mode and every parameter's `requires_grad` are as they were; `.grad` and buffers are never
    touched. Blocks may be nested, and several threads may use one model. Inside `torch.inference_mode()` gradients
    work as well.
    """
    modules = list(check_model(model).modules())
    parameters = [p for p in model.parameters() if not p.is_inference()]  # those have no gradient, and refuse to be asked
    with _lock:
        for module in modules:
            _hold(module, module.training)
            module.training = False
        for parameter in parameters:
            _hold(parameter, parameter.requires_grad)
            parameter.requires_grad_(False)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield model
    finally:
        with _lock:
            for module in modules:
                if (mode := _release(module)) is not None:
                    module.training = mode
            for parameter in parameters:
                if (flag := _release(parameter)) is not None:
                    parameter.requires_grad_(flag)


def logits(model: nn.Module, x: Tensor, batch_size: int = 256) -> Tensor:
    """The model's class scores `[N, classes]` for pictures `[N, C, H, W]`, in batches, without gradients."""
    check_count(batch_size, "batch_size")
    with frozen(model), torch.no_grad():  # the model may change its input in place: it gets a copy
        return torch.cat([check_scores(model(part.clone()), len(part)) for part in x.split(batch_size)])


def predict(model: nn.Module, x: Tensor, batch_size: int = 256) -> Tensor:
    """The model's predicted classes `[N]`."""
    return logits(model, x, batch_size).argmax(1)


def watched(x: Tensor) -> Tensor:
    """The pictures as a tensor of their own that gradients can be taken for."""
    return detached(x).requires_grad_()


def gradient(value: Tensor, x: Tensor, *, again: bool = False) -> Tensor:
    """d value.sum() / d x, for pictures `x` that the model's `value` was computed from.

    again: whether another gradient will be taken from the same scores.
    """
    if not value.requires_grad:
        raise ValueError("the model's scores have no gradient for the pixels; does its forward use no_grad or detach?")
    return torch.autograd.grad(value.sum(), x, retain_graph=again)[0]
