"""Running a network up to a layer and no further."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..runtime import frozen
from .activations import layer_name, resolve


class _Reached(BaseException):
    """The layer has run; what lies behind it need not. No `except Exception` of a model holds it up."""


@contextlib.contextmanager
def stopped_at(model: nn.Module, layer: str | nn.Module, *, first: bool = False) -> Iterator[Callable[[Tensor], Tensor]]:
    """`with stopped_at(model, "features.3") as run: run(x)` gives that layer's output; the rest of the network does not run.

    A layer that the forward calls several times gives its last output, as in `capture`: how often it is called is found out
    with the first picture, which runs once more for that. With `first` it gives its first output, and nothing runs twice.
    Modes and gradients are the caller's business. The hook is gone after the block.
    """
    name, module = layer_name(model, layer), resolve(model, layer)
    idle = ValueError(f"layer {name!r} does not run when the model does; choose another of layers.names(model).")
    outputs: list[Any] = []
    last: int | None = 1 if first else None  # the number of the call to stop at, once it is known

    def hook(_: nn.Module, inputs: tuple, output: Any) -> None:
        outputs.append(output)
        if len(outputs) == last:
            raise _Reached

    def run(x: Tensor) -> Tensor:
        nonlocal last
        if last is None:
            try:
                model(x[:1].clone())
            except Exception:  # what lies behind the layer may not take pictures of this size, and need not
                if not outputs:
                    raise
            if not outputs:
                raise idle
            last = len(outputs)
        outputs.clear()
        try:
            model(x.clone())  # the model may change its input in place
        except _Reached:
            if not isinstance(outputs[-1], Tensor):
                raise ValueError(f"layer {name!r} gives a {type(outputs[-1]).__name__}; one that gives a tensor is expected.") from None
            return outputs.pop()
        if not outputs:
            raise idle
        raise ValueError(f"layer {name!r} was called {last} times for the first picture, and less often later; choose another.")

    handle = module.register_forward_hook(hook)
    try:
        yield run
    finally:
        handle.remove()
        outputs.clear()


def representation(model: nn.Module, x: Tensor, layer: str | nn.Module, batch_size: int = 256) -> Tensor:
    """What a layer answers to pictures, in batches, without gradients; nothing behind it runs."""
    with frozen(model), torch.no_grad(), stopped_at(model, layer) as run:
        return torch.cat([run(part) for part in x.split(batch_size)])
