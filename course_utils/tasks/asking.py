"""How open tasks let an answer ask a network that it must not see: an oracle that counts, and nothing but that oracle."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.parameter import is_lazy

from .. import attacks
from ..checking import Mistake, call

OTHERS = "a network that was there before, or a copy of one, was used; build and train your own inside the function, from the oracle's answers."


def asked(answer: Callable, oracle: Quiet, limit: str, **given: Any) -> Any:
    """What `answer(oracle, ...)` returns, when it asks nothing but the oracle, and not more than it may: `limit`, in words."""
    with nothing_but(oracle):
        try:
            return call(answer, oracle=oracle, **given)
        except attacks.Refused as error:
            raise Mistake(f"{error} {limit} are allowed.") from error
        except ValueError as error:
            if isinstance(error.__cause__, Mistake):  # models.load takes the refusal for a damaged file
                raise error.__cause__ from None
            raise


class Quiet(attacks.Oracle):
    """An oracle that says when it is the one who runs a network."""

    busy = False

    def __call__(self, x: Tensor) -> Tensor:
        self.busy = True
        try:
            return super().__call__(x)
        finally:
            self.busy = False


@contextlib.contextmanager
def nothing_but(oracle: Quiet) -> Iterator[None]:
    """Refuse networks that existed before, copies of them, and files: whoever has a network needs no oracle."""
    layers = [thing for thing in gc.get_objects() if issubclass(type(thing), (nn.Linear, nn.Conv2d))]
    before = {weights_of(layer) for layer in layers if not is_lazy(layer.weight)}  # a lazy one has no weights yet
    own: list[nn.Module] = []  # layers that were looked at: once is enough, since copies are made before they are used

    def look(module: nn.Module, _: object) -> None:
        if isinstance(module, (nn.Linear, nn.Conv2d)) and not is_lazy(module.weight) and not oracle.busy and not any(module is known for known in own):
            if weights_of(module) in before:
                raise Mistake(OTHERS)
            own.append(module)

    def refuse(*_: object, **__: object) -> None:
        raise Mistake("a network is read from a file; build and train your own inside the function, from the oracle's answers.")

    handle, torch.load, load = register_module_forward_pre_hook(look), refuse, torch.load
    try:
        yield
    finally:
        torch.load = load
        handle.remove()


def weights_of(module: nn.Module) -> tuple[tuple[int, ...], float]:
    """A mark of a layer's weights, which its copies have, too."""
    return tuple(module.weight.shape), module.weight.detach().double().sum().item()
