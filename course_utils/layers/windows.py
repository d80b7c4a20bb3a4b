"""The table from a layer's exact class, or a function itself, to the sliding window that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[int, int]
TAP = 250  # what a CPU does in multiply-adds of a convolution in the time in which it compares one cell for a maximum
ZERO, LOWEST = 0, 1  # what lies outside a map: zeros, or what no maximum takes


class Window(NamedTuple):
    """A sliding window: pairs (rows, columns). `run` computes it on a padded crop; None if it cannot run on a crop."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    ceil: bool
    border: int  # ZERO or LOWEST
    run: Callable[[Tensor], Tensor] | None
    extra: Pair = (0, 0)  # padding behind the map beyond the one before it: even kernels with padding="same"
    work: int = 1  # multiply-adds for a value of the new map

    def needs(self, top: Tensor, left: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, int, int]:
        """The part of the map below that the units (top, left, height, width) are computed from."""
        (k, s, p, d), span = self[:4], (height, width)
        high, wide = ((span[i] - 1) * s[i] + d[i] * (k[i] - 1) + 1 for i in range(2))
        return top * s[0] - p[0], left * s[1] - p[1], high, wide


def pair(value: int | tuple[int, ...]) -> Pair:
    return (value, value) if isinstance(value, int) else (tuple(value) * 2)[:2]  # type: ignore[return-value]


# ---------------------------------------------------------------- windows from the arguments of torch's functions
# Each takes the map's size and the function's arguments behind the map, by their names there; None: no such window.


def _convolution(
    size: Pair, weight: Tensor | Callable[[], Tensor], bias: Tensor | Callable | None = None, stride: int | Pair = 1,
    padding: int | Pair | str = 0, dilation: int | Pair = 1, groups: int = 1,
) -> Window:  # fmt: skip
    """A parametrized layer makes its weight anew at each call, so weight and bias may be functions that give them."""
    shown = weight() if callable(weight) else weight
    kernel, stride, dilation = tuple(shown.shape[2:]), pair(stride), pair(dilation)
    total = [d * (k - 1) for d, k in zip(dilation, kernel)]
    extra = tuple(n % 2 for n in total) if padding == "same" else (0, 0)
    named = {"valid": (0, 0), "same": tuple(n // 2 for n in total)}
    around = named[padding] if isinstance(padding, str) else pair(padding)

    def run(x: Tensor) -> Tensor:
        own, shift = (value() if callable(value) else value for value in (weight, bias))
        return F.conv2d(x, own, shift, stride, 0, dilation, groups)

    return Window(kernel, stride, around, dilation, False, ZERO, run, extra, shown[0].numel())


def _maximum(
    size: Pair, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0,
    dilation: int | Pair = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Window | None:  # fmt: skip
    if return_indices:
        return None
    kernel, padding, dilation = pair(kernel_size), pair(padding), pair(dilation)
    stride = pair(stride) if stride else kernel
    run = lambda x: F.max_pool2d(x, kernel, stride, 0, dilation)  # noqa: E731
    return Window(kernel, stride, padding, dilation, ceil_mode, LOWEST, run, work=TAP * kernel[0] * kernel[1])


def _average(
    size: Pair, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Window:  # fmt: skip
    kernel, padding = pair(kernel_size), pair(padding)
    stride = pair(stride) if stride else kernel
    # where windows at the border are divided by fewer cells, a crop would have to know where it lies
    even = not ceil_mode and (padding == (0, 0) or count_include_pad)
    run = (lambda x: F.avg_pool2d(x, kernel, stride, divisor_override=divisor_override)) if even else None
    return Window(kernel, stride, padding, (1, 1), ceil_mode, ZERO, run)


def _adaptive_average(size: Pair, output_size: int | tuple[int | None, ...] | None) -> Window | None:
    """An ordinary pooling where the cells divide evenly."""
    wanted = tuple(n if m is None else m for n, m in zip(size, pair(output_size) if output_size is not None else size))
    if not all(n % m == 0 and (m > 1 or n == 1) for n, m in zip(size, wanted)):
        return None
    kernel = tuple(n // m for n, m in zip(size, wanted))
    return Window(kernel, kernel, (0, 0), (1, 1), False, ZERO, lambda x: F.avg_pool2d(x, kernel))


# ---------------------------------------------------------------- the tables


def _of_convolution(module: nn.Conv2d, size: Pair) -> Window | None:
    if module.padding_mode != "zeros":
        return None
    return _convolution(
        size, lambda: module.weight, lambda: module.bias, module.stride, module.padding, module.dilation, module.groups
    )


def _of_average(module: nn.AvgPool2d, size: Pair) -> Window:
    return _average(
        size, module.kernel_size, module.stride, module.padding, module.ceil_mode, module.count_include_pad,
        module.divisor_override,
    )  # fmt: skip


def _of_maximum(module: nn.MaxPool2d, size: Pair) -> Window | None:
    return _maximum(
        size, module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode,
        module.return_indices,
    )  # fmt: skip


CLASSES: dict[type, Callable[..., Window | None]] = {
    nn.Conv2d: _of_convolution,
    nn.MaxPool2d: _of_maximum,
    nn.AvgPool2d: _of_average,
    nn.AdaptiveAvgPool2d: lambda module, size: _adaptive_average(size, module.output_size),
}
FUNCTIONS: dict[Callable, Callable[..., Window | None]] = {
    torch.conv2d: _convolution,
    F.max_pool2d: _maximum,
    F.avg_pool2d: _average,
    F.adaptive_avg_pool2d: _adaptive_average,
}


def window_of_layer(cls: type | None, module: nn.Module, size: Pair) -> Window | None:
    """The sliding window that a layer whose forward is the one of `cls` is on a map of `size`, or None."""
    return CLASSES[cls](module, size) if cls in CLASSES else None  # type: ignore[index]


def window_of_call(function: object, size: Pair, options: tuple, named: dict) -> Window | None:
    """The sliding window that a function is on a map of `size`, given its arguments behind the map, or None."""
    return FUNCTIONS[function](size, *options, **named) if function in FUNCTIONS else None  # type: ignore[index]
