"""Looking at weights: filters as pictures, and numbers for what one sees in them."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..layers import layer_name, resolve, stopped_at
from ..runtime import check_count, check_model, check_pictures, frozen


def first_layer(model: nn.Module) -> nn.Module:
    """The first layer with a table of weights, in the order in which the model's layers were registered."""
    for module in check_model(model).modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.dim() > 1:
            return module
    raise ValueError(f"this {type(model).__name__} has no layer with weights, so there are no filters to show.")


def first_layer_weights(model: nn.Module, shape: tuple[int, int, int] | None = None) -> Tensor:
    """The filters of the first layer as `[K, C, h, w]`, C colours each: a copy, without a graph.

    A convolution, also inside `Normalized` or a nested model, or a linear layer on the pixels of a picture: then `shape`
    (C, H, W) says which, and each unit's weights are one filter as large as the picture.
    """
    layer = first_layer(model)
    weight = layer.weight.detach().clone()
    if isinstance(layer, nn.Linear):
        if shape is None or torch.Size(shape).numel() != weight.shape[1]:
            given = "no shape is given" if shape is None else f"shape is {tuple(shape)}"
            raise ValueError(f"the first layer is linear and takes {weight.shape[1]} numbers, but {given}; "
                             "give the picture's shape (C, H, W), for instance (1, 28, 28).")  # fmt: skip
        weight = weight.reshape(-1, *shape)
    elif not isinstance(layer, nn.Conv2d):
        raise ValueError(f"the first layer with weights is {type(layer).__name__}; a Conv2d or a Linear is expected. Is the input a picture?")
    if weight.shape[1] not in (1, 3):
        raise ValueError(f"the first layer's filters have {weight.shape[1]} channels; a picture has 1 or 3 colours. "
                         "weight_tiles shows such weights, one grey tile for each channel.")  # fmt: skip
    return weight


def filter_pictures(weights: Tensor, *, each: bool = False) -> Tensor:
    """Filters `[K, C, h, w]` as pictures in [0, 1]: 0.5 + 0.5 w / max|w|. Middle grey is a weight of 0.

    One scale for all, so that strong and weak filters can be told apart; `each` gives every filter a scale of its own.
    """
    w = check_filters(weights)
    largest = w.abs().amax((1, 2, 3), keepdim=True) if each else w.abs().amax()
    return 0.5 + 0.5 * w / largest.clamp_min(1e-12)


def weight_tiles(model: nn.Module, layer: str | nn.Module) -> Tensor:
    """A later convolution's weights as grey pictures `[K, C, 1, h, w]` in [0, 1]: a tile for each filter and input channel.

    One scale for all, middle grey is 0. The input channels are feature maps, no colours: C grey squares, not one picture.
    """
    module = resolve(model, layer)
    if not isinstance(module, nn.Conv2d):
        raise ValueError(f"layer {layer_name(model, layer)!r} is {type(module).__name__}; a Conv2d is expected, whose weights are filters.")
    return filter_pictures(module.weight.detach()).unsqueeze(2)


def mosaic(tiles: Tensor, gap: int = 1) -> Tensor:
    """Tiles `[rows, columns, C, h, w]` as one picture `[C, H, W]`, with white lines of `gap` pixels between them."""
    if not isinstance(tiles, Tensor) or tiles.dim() != 5 or tiles.numel() == 0:
        given = f"shape {list(tiles.shape)}" if isinstance(tiles, Tensor) else f"a {type(tiles).__name__}"
        raise ValueError(f"tiles has {given}; [rows, columns, C, h, w] is expected.")
    check_count(gap, "gap", least=0)
    rows, columns, colours, high, wide = tiles.shape
    framed = tiles.new_ones(rows, columns, colours, high + gap, wide + gap)
    framed[..., :high, :wide] = tiles.detach()
    whole = framed.permute(2, 0, 3, 1, 4).reshape(colours, rows * (high + gap), columns * (wide + gap))
    return whole[:, : rows * (high + gap) - gap, : columns * (wide + gap) - gap]


def check_filters(weights: Tensor) -> Tensor:
    """Require filters: floating point `[K, C, h, w]`, at least one, finite."""
    if not isinstance(weights, Tensor) or weights.dim() != 4 or weights.numel() == 0 or not weights.is_floating_point():
        given = f"{weights.dtype} of shape {list(weights.shape)}" if isinstance(weights, Tensor) else f"a {type(weights).__name__}"
        raise ValueError(f"weights is {given}; filters [K, C, h, w] of floating point numbers are expected.")
    if not bool(weights.isfinite().all()):
        raise ValueError("weights holds NaN or infinite numbers; did the training diverge?")
    return weights.detach()


# ---------------------------------------------------------------- measures


def roughness(weights: Tensor) -> Tensor:
    """Total variation over size, `[K]`: sum |w - its neighbour below| + sum |w - its neighbour at the right|, over sum |w|.

    It does not change when a filter is multiplied by a number. 0 for a filter of one colour; about 2.3 for independent
    weights of 7 x 7. A filter that is 0 everywhere counts as smooth, 0.
    """
    w = check_filters(weights)
    steps = w.diff(dim=2).abs().sum((1, 2, 3)) + w.diff(dim=3).abs().sum((1, 2, 3))
    return steps / w.abs().sum((1, 2, 3)).clamp_min(1e-12)


def above_nyquist(weights: Tensor, stride: int, size: int = 32) -> Tensor:
    """The share of each filter's energy `[K]` at frequencies that a map of this stride cannot carry.

    A filter that is applied at every `stride`-th pixel can tell waves apart up to 1 / (2 stride) cycles a pixel (the Nyquist
    frequency) along either axis; a finer wave looks like a coarser one in the map (aliasing). The energy is the squared
    size of the Fourier transform of the filter, padded with zeros to `size` x `size`, summed over the colours.
    """
    w = check_filters(weights)
    check_count(stride, "stride")
    check_count(size, "size", least=max(w.shape[2:]))
    energy = torch.fft.fft2(w, s=(size, size)).abs().square().sum(1)
    f = torch.fft.fftfreq(size, device=w.device).abs()
    fine = torch.maximum(f[:, None], f[None]) > 1 / (2 * stride)
    return (energy * fine).sum((1, 2)) / energy.sum((1, 2)).clamp_min(1e-24)


def dead_filters(model: nn.Module, x: Tensor, layer: str | nn.Module | None = None, *, batch_size: int = 256) -> Tensor:
    """Which filters are dead on the pictures `x`, `[K]` of bools: nowhere, in no picture, is their output above 0.

    `layer` is a convolution or the ReLU behind it; None means the first layer. A ReLU makes 0 of all that a dead filter
    gives, so that nothing of it goes on, and no gradient comes back to it.
    """
    check_pictures(x, model)
    check_count(batch_size, "batch_size")
    watched = first_layer(model) if layer is None else resolve(model, layer)
    alive: Tensor | bool = False
    with frozen(model), torch.no_grad(), stopped_at(model, watched) as run:
        for part in x.split(batch_size):
            alive = alive | (run(part).transpose(0, 1).flatten(1) > 0).any(1)
    return ~alive


def shift_wobble(model: nn.Module, x: Tensor, layer: str | nn.Module, *, shifts: int = 4) -> Tensor:
    """How much a layer's mean output changes when the pictures are shifted by 0 to `shifts` - 1 pixels, `[K]`.

    For each filter: the mean over the map, its deviation over the shifts x shifts places of a picture, averaged over the
    pictures, relative to its average. What a map can carry moves along with the picture, and its mean stays. Pixels that
    leave at one edge come in at the other, so pictures need an even border.
    """
    check_pictures(x, model)
    check_count(shifts, "shifts", least=2)
    moves = itertools.product(range(shifts), repeat=2)
    with frozen(model), torch.no_grad(), stopped_at(model, layer) as run:
        places = torch.stack([run(x.roll(move, (2, 3))).mean((2, 3)) for move in moves])
    return places.std(0, correction=0).mean(0) / places.abs().mean((0, 1)).clamp_min(1e-12)


def without_filters(model: nn.Module, filters: Iterable[int] | Tensor, layer: str | nn.Module | None = None) -> nn.Module:
    """A copy of the model in which some filters of a layer (None: the first) give 0 everywhere: weights and biases are 0."""
    name = layer_name(model, first_layer(model) if layer is None else layer)
    changed = copy.deepcopy(model)
    module = changed.get_submodule(name)
    chosen = torch.as_tensor(list(filters) if not isinstance(filters, Tensor) else filters, dtype=torch.long)
    count = len(module.weight)
    if chosen.dim() != 1 or bool(((chosen < 0) | (chosen >= count)).any()):
        raise ValueError(f"filters is {chosen.tolist()}; numbers from 0 to {count - 1} are expected.")
    with torch.no_grad():
        for parameter in (module.weight, module.bias):
            if parameter is not None:
                parameter[chosen.to(parameter.device)] = 0
    return changed
