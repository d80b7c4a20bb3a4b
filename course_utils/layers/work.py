"""How much work a network is, and how much of it lies before the first step that mixes all positions.

Work is counted in multiply-adds. What only moves values is counted as if it were some, by what they cost on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from . import positions, windows

WRITE = 25  # writing one value of a new map
GATHER = 60  # gathering one value of a kept map into a crop
PREPARE = 6e6  # writing down one step, and trying it out
WORTH = 0.13  # the least share of the work that must be saved
FEW = 2**21  # pixels of all changed pictures together: for fewer, running them takes less than finding out

_MARK = "_depends_on_the_pictures"
_WEIGHTED: set[Callable] = {torch.conv2d, torch.conv1d, torch.conv3d, F.linear}
_MAXIMA: set[Callable] = {F.max_pool2d, torch.max_pool2d}
_PRODUCTS: set[Callable] = {torch.matmul, torch.bmm, Tensor.matmul, Tensor.bmm, Tensor.__matmul__}
_KNOWN = positions.FUNCTIONS | positions.JOINS | windows.FUNCTIONS.keys() | {
    *(getattr(Tensor, name) for name in positions.METHODS), F.batch_norm, torch.prelu, F.alpha_dropout,
    Tensor.__radd__, Tensor.__rsub__, Tensor.__rmul__, Tensor.__rtruediv__, Tensor.__rpow__,
}  # fmt: skip


class WorkMeter(TorchFunctionMode):
    """`with WorkMeter(x) as meter: model(x)` adds up the work of the steps of one forward.

    `before` is the work until the first step on the pictures `x` that is in no table of `windows` and `positions`: no
    more than that can be done locally, but for branches that run beside it. It costs some microseconds a step.
    """

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.total = self.before = 0.0
        self.steps = 0
        self.stop: str | None = None
        setattr(x, _MARK, True)

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        result = func(*args, **(kwargs or {}))
        made = _tensors(result)
        if made and any(hasattr(tensor, _MARK) for tensor in _tensors((*args, *(kwargs or {}).values()))):
            single = made[0].dim() == 4 and made[0].shape[2:] == (1, 1) and _tensors(args)[0].shape[2:] != (1, 1)
            if self.stop is None and (single or func not in _KNOWN):
                self.stop, self.before = getattr(func, "__name__", str(func)), self.total
            self.steps += 1
            self.total += made[0].numel() * (_work(func, args, kwargs or {}) + WRITE)
            for tensor in made:
                setattr(tensor, _MARK, True)
        return result

    @property
    def share_before(self) -> float:
        return (self.total if self.stop is None else self.before) / max(self.total, 1.0)

    def preparation(self, pictures: int, count: float) -> float:
        """The work of preparing so many pictures, as a share of the work of running `count` changed ones."""
        return (pictures + 5 + self.steps * PREPARE / max(self.total, 1.0)) / count


def _tensors(value: Any) -> list[Tensor]:
    """The tensors in a value, lists and tuples opened."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, tuple | list) else []


def _work(func: Callable, args: tuple, kwargs: dict) -> float:
    """Multiply-adds for one value of the result."""
    if func in _MAXIMA:
        high, wide = windows.pair(args[1] if len(args) > 1 else kwargs["kernel_size"])
        return windows.TAP * high * wide
    weight = args[1] if len(args) > 1 else kwargs.get("weight")
    if func in _WEIGHTED and isinstance(weight, Tensor):
        return weight[0].numel()
    if func in _PRODUCTS:
        return args[0].shape[-1]
    if func is F.scaled_dot_product_attention:
        return 2 * args[1].shape[-2]
    return sum(p.numel() / len(p) for p in args if isinstance(p, nn.Parameter) and p.dim() > 1)
