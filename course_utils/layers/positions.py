"""Steps that work on each position of a map by itself: the tables of classes, functions and methods of tensors."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES: frozenset[type] = frozenset({  # in eval mode
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh,
    nn.Softplus, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout,
    nn.BatchNorm2d, nn.LocalResponseNorm,
})  # fmt: skip
_NAMES = (
    "relu relu_ sigmoid sigmoid_ tanh tanh_ abs exp log sqrt rsqrt square sign neg pow clamp clamp_ clamp_min clamp_max "
    "add sub mul div maximum minimum lt le gt ge eq ne clone detach".split()
)
METHODS: frozenset[str] = frozenset([*_NAMES, *"add_ sub_ mul_ div_ float where".split()])
JOINS: frozenset[Callable] = frozenset({torch.cat, torch.concat, torch.concatenate})
FUNCTIONS: frozenset[Callable] = frozenset({
    *(getattr(torch, name) for name in _NAMES), torch.where, torch.true_divide, torch.celu, torch.selu,
    F.relu, F.relu6, F.leaky_relu, F.elu, F.selu, F.celu, F.gelu, F.silu, F.mish, F.sigmoid, F.tanh, F.softplus,
    F.hardtanh, F.hardswish, F.hardsigmoid, F.dropout, F.dropout2d, F.local_response_norm,
    operator.add, operator.sub, operator.mul, operator.truediv, operator.neg, operator.pow, operator.abs,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
    operator.iadd, operator.isub, operator.imul, operator.itruediv,
})  # fmt: skip
_RANDOM = {F.dropout, F.dropout2d}


def layer_keeps_positions(cls: type | None, module: nn.Module) -> bool:
    """Whether a layer whose forward is the one of `cls` works on each position by itself."""
    return cls in CLASSES and getattr(module, "running_mean", True) is not None  # else it takes the batch's statistics


def call_keeps_positions(function: object, args: tuple, kwargs: dict, constants: Iterable[object]) -> bool:
    """Whether a function, or a tensor's method by its name, works on each position of the maps among its arguments.

    Its tensors that are no maps (`constants`) must be the same at every position.
    """
    if function in JOINS:  # along the channels only, and maps only
        along = kwargs["dim"] if "dim" in kwargs else args[1] if len(args) > 1 else 0
        return along in (1, -3) and set(kwargs) <= {"tensors", "dim"} and not any(True for _ in constants)
    if function not in (METHODS if isinstance(function, str) else FUNCTIONS) or "out" in kwargs:
        return False
    if function in _RANDOM and kwargs.get("training", True) is not False:
        return False
    if function in (torch.where, "where") and len(args) + len(kwargs) != 3:  # with a condition alone it lists positions
        return False
    return all(not isinstance(constant, Tensor) or _even(constant) for constant in constants)


def _even(constant: Tensor) -> bool:
    """Whether a tensor broadcast to a map [N, C, H, W] has the same value at every position and in every picture."""
    shape = (1,) * (4 - constant.dim()) + tuple(constant.shape)
    return len(shape) == 4 and shape[0] == 1 and shape[2:] == (1, 1)
