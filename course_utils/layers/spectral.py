"""How much each layer can stretch a change at most: the largest singular value of what it does to its input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime
from ..models import BoundedLeakyReLU, Normalized

HARMLESS = (nn.ReLU, nn.ReLU6, nn.Tanh, nn.Flatten, nn.Identity, nn.Dropout, nn.Dropout2d, nn.Hardtanh)  # stretch nothing
MOST_VALUES = 4_000_000  # of the frequencies' matrices, worked on at a time


class Bound(NamedTuple):
    """A layer's name and kind, and the number L with |layer(a) - layer(b)| <= L |a - b|."""

    name: str
    kind: str
    norm: float


def spectral_bounds(model: nn.Module, shape: Sequence[int]) -> list[Bound]:
    """For each layer of a chain the most that it can stretch a change (Szegedy 2013, section 4.3), in the order of the forward pass.

    |f(x) - f(x + r)| <= L_1 L_2 ... L_K |r|: the product of all bounds the whole network, whatever x and r are. Fully connected: the
    largest singular value. Convolution: see `conv_norm`. ReLU, tanh and the like 1, sigmoid 1/4; max-pooling 1 where its
    windows do not overlap. shape: of one picture, `(C, H, W)`; the bound of a convolution depends on it a little.
    """
    rows, inner = [], model
    if isinstance(model, Normalized):
        rows, inner = [Bound("std", "Normalized", (1 / model.std.min()).item())], model.model
    weight = runtime.model_tensor(model)
    x = torch.rand(2, *shape, generator=runtime.generator(0)).to(torch.rand(1) if weight is None else weight)
    here: list[Tensor] = [x]  # what the last layer gave

    def note(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor, name: str) -> None:
        if given[0] is not here[0] or layer.__class__ not in KNOWN:
            raise ValueError(f"layer {name!r}, {type(layer).__name__}, has no bound here: the model must be one chain of known layers, "
                             f"each working on what the one before gave. Known: {', '.join(kind.__name__ for kind in KNOWN)}.")  # fmt: skip
        rows.append(Bound(name, type(layer).__name__, KNOWN[layer.__class__](layer, given[0].shape[1:])))
        here[0] = out

    leaves = [(name, layer) for name, layer in inner.named_modules() if not any(layer.children())]
    handles = [layer.register_forward_hook(lambda *a, name=name: note(*a, name=name)) for name, layer in leaves]
    try:
        with runtime.frozen(inner), torch.no_grad():
            if inner(x) is not here[0]:
                raise ValueError("the model does something to its last layer's output; it must be one chain of layers.")
    finally:
        for handle in handles:
            handle.remove()
    return rows


def conv_norm(
    kernel: Tensor, size: Sequence[int], *, stride: Sequence[int] = (1, 1), dilation: Sequence[int] = (1, 1)
) -> float:
    """The most that a convolution on a torus stretches a change: kernel `[out, in, h, w]`, torus of at
    least `size` rows and columns.

    A wave of frequency (u, v) in the input channels comes out as the same wave, its amplitudes
    multiplied by the matrix A(u, v) of the kernels' Fourier transforms, [out, in]. (torch does not
    flip the kernel: by its conjugate, whose singular values are the same.) So the norm is the largest
    singular value of all A(u, v). With a stride s the waves whose frequencies differ by multiples of
    size / s look the same afterwards: their matrices stand side by side, [out, in s^2], divided by s.

    A zero-padded convolution is a part of the one on the torus of its padded size, so its norm is at
    most this one.
    """
    (out, into, *window), (s, t), (d, e) = kernel.shape, stride, dilation
    around = [math.ceil(max(n, g * (k - 1) + 1) / f) * f for n, k, f, g in zip(size, window, stride, dilation)]
    spread = kernel.new_zeros(out, into, *around, dtype=torch.float64)
    spread[:, :, : d * window[0] : d, : e * window[1] : e] = kernel.detach()
    waves = torch.fft.fft2(spread)  # [out, in, rows, columns]
    rows, columns = around[0] // s, around[1] // t
    waves = waves.view(out, into, s, rows, t, columns).permute(3, 5, 0, 1, 2, 4).flatten(3)
    matrices = waves.flatten(0, 1).reshape(rows * columns, out, -1)
    parts = matrices.split(max(1, MOST_VALUES // matrices[0].numel()))
    return max(torch.linalg.matrix_norm(part, 2).max().item() for part in parts) / math.sqrt(s * t)


def of_conv(layer: nn.Conv2d, shape: Sequence[int]) -> float:
    if layer.padding_mode != "zeros":
        raise ValueError(f"padding_mode is {layer.padding_mode!r}; only a convolution that is padded with zeros has a bound here.")
    reach = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size)]
    pad = {"valid": (0, 0), "same": [r / 2 for r in reach]}.get(layer.padding, layer.padding)
    size = [int(n + 2 * p) for n, p in zip(shape[1:], pad)]
    return max(conv_norm(part, size, stride=layer.stride, dilation=layer.dilation) for part in layer.weight.chunk(layer.groups))


def of_max_pool(layer: nn.MaxPool2d, shape: Sequence[int]) -> float:
    """The root of how many windows may hold one pixel: 1 where they do not overlap."""
    k, s, d = (pair(value) for value in (layer.kernel_size, layer.stride, layer.dilation))
    return math.sqrt(math.prod(min(a, math.ceil((c * (a - 1) + 1) / b)) for a, b, c in zip(k, s, d)))


def of_average(layer: nn.AvgPool2d, shape: Sequence[int]) -> float:
    """It is a convolution of each channel alone, with a stride."""
    k, s, p = (pair(value) for value in (layer.kernel_size, layer.stride, layer.padding))
    if layer.ceil_mode or layer.divisor_override or (p != (0, 0) and not layer.count_include_pad):
        raise ValueError("AvgPool2d has a bound here only without ceil_mode, divisor_override and count_include_pad=False.")
    return conv_norm(torch.full((1, 1, *k), 1 / (k[0] * k[1])), [n + 2 * q for n, q in zip(shape[1:], p)], stride=s)


def of_whole_average(layer: nn.AdaptiveAvgPool2d, shape: Sequence[int]) -> float:
    if pair(layer.output_size) != (1, 1):
        raise ValueError(f"AdaptiveAvgPool2d gives {layer.output_size}; only the average of the whole map has a bound here.")
    return 1 / math.sqrt(math.prod(shape[1:]))


def of_batch_norm(layer: nn.BatchNorm2d, shape: Sequence[int]) -> float:
    if layer.running_var is None:
        raise ValueError("a BatchNorm2d without running statistics has no bound: what it does depends on the batch.")
    scale = layer.weight.detach() if layer.affine else torch.ones_like(layer.running_var)
    return (scale.abs() / (layer.running_var + layer.eps).sqrt()).max().item()


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


KNOWN = {
    nn.Linear: lambda layer, shape: torch.linalg.matrix_norm(layer.weight.detach().double(), 2).item(),
    nn.Conv2d: of_conv, nn.MaxPool2d: of_max_pool, nn.AvgPool2d: of_average, nn.AdaptiveAvgPool2d: of_whole_average, nn.BatchNorm2d: of_batch_norm,
    BoundedLeakyReLU: lambda layer, shape: max(1.0, layer.slope, abs(layer.above)),
    nn.Sigmoid: lambda layer, shape: 0.25, nn.LeakyReLU: lambda layer, shape: max(1.0, abs(layer.negative_slope)),
    **{kind: lambda layer, shape: 1.0 for kind in HARMLESS},
}  # fmt: skip
