"""PixelCNN (van den Oord 2016): how likely each grey level of a pixel is, given the pixels before it, row by row."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime


class MaskedConv(nn.Module):
    """A 3x3 convolution that sees only pixels that come earlier, row by row: its kernel is 0 from the middle on (mask A), or behind it (mask B).

    `own`: whether the pixel itself is seen (mask B). Only the taps that are not 0 are kept, `[outputs, inputs, 4 or 5]`, in the order of the pixels:
    the three above, the left one, itself.
    """

    def __init__(self, inputs: int, outputs: int, own: bool) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(outputs, inputs, 4 + own)), nn.Parameter(torch.empty(outputs))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights as those of `nn.Conv2d`: by chance, the more inputs the smaller; biases 0."""
        nn.init.kaiming_uniform_(self.weight.flatten(1), a=math.sqrt(5))
        nn.init.zeros_(self.bias)

    def kernel(self) -> Tensor:
        """The whole kernel `[outputs, inputs, 3, 3]`, with its zeros."""
        return F.pad(self.weight, (0, 9 - self.weight.shape[-1])).unflatten(-1, (3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel(), self.bias, padding=1)


class PixelCNN(nn.Module):
    """Grey pictures `[N, 1, H, W]` to scores `[N, levels, H, W]`: for each pixel, of each grey level, from the pixels before it alone.

    softmax over the levels is p(x_i | x_1 ... x_{i-1}), and the product over the pixels is the picture's likelihood. The first convolution has mask A,
    which hides the pixel itself; the others, each added to what it was given, have mask B.
    levels: 16 in place of the paper's 256. A digit's grey is the edge of a stroke: 16 levels show it, and each is seen often enough to learn how
    likely it is. Pictures are rounded to the levels 0, 1/15 ... 1 first.
    """

    def __init__(self, levels: int = 16, width: int = 32, blocks: int = 7) -> None:
        super().__init__()
        self.levels = runtime.check_count(levels, "levels", least=2)
        self.first = MaskedConv(1, width, own=False)
        self.blocks = nn.ModuleList(MaskedConv(width, width, own=True) for _ in range(blocks))
        self.head = nn.Conv2d(width, levels, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.first(self.values().to(x)[self.rounded(x)])
        for block in self.blocks:
            maps = maps + block(maps.relu())
        return self.head(maps.relu())

    def values(self) -> Tensor:
        """The grey levels, from 0 to 1: `[levels]`."""
        return torch.linspace(0, 1, self.levels, device=self.head.weight.device, dtype=self.head.weight.dtype)

    def rounded(self, x: Tensor) -> Tensor:
        """For each pixel the number of the nearest level, `[N, 1, H, W]`, whole numbers."""
        return (x * (self.levels - 1)).round().long().clamp(0, self.levels - 1)

    def surprise(self, x: Tensor) -> Tensor:
        """-log2 p of each pixel given those before it, in bits: `[N, H, W]`."""
        return F.cross_entropy(self(x), self.rounded(x)[:, 0], reduction="none") / math.log(2)


def bits(cnn: PixelCNN, x: Tensor, batch_size: int = 100) -> Tensor:
    """How unlikely each picture is: -log2 p(x) over the number of its pixels, in bits per pixel, `[N]`."""
    check_grey(cnn, x)
    with runtime.frozen(cnn), torch.no_grad():
        return torch.cat([cnn.surprise(part).mean((1, 2)) for part in x.split(runtime.check_count(batch_size, "batch_size"))])


def check_grey(cnn: PixelCNN, x: Tensor) -> Tensor:
    """Require a PixelCNN and grey pictures for it."""
    if not isinstance(cnn, PixelCNN):
        raise ValueError(f"cnn is a {type(cnn).__name__}; a models.PixelCNN is expected.")
    runtime.check_pictures(x, cnn)
    if x.shape[1] != 1:
        raise ValueError(f"x has {x.shape[1]} channels; the PixelCNN is for grey pictures [N, 1, H, W].")
    return x


Choose = Callable[[Tensor, Tensor], Tensor]


def decode(cnn: PixelCNN, x: Tensor, choose: Choose) -> Tensor:
    """Pictures like `x` `[N, 1, H, W]`, pixel after pixel: `choose` gives a pixel's value from its scores and from what `x` holds there.

    `choose(scores [K, N, levels], given [K, N])` gives values `[K, N]`, for K pixels at once. A pixel's scores hang on the row above up to
    the next column, and on its own row up to it: so all pixels with the same t = column + 2 * row can be chosen together, 82 waves in place of 784 pixels.
    What every layer answers is kept, so that all waves together cost as much as one look at the whole picture.
    """
    layers = [cnn.first, *cnn.blocks]
    weights = [layer.weight.permute(2, 1, 0).flatten(0, 1) for layer in layers]  # [taps * inputs, outputs]
    head = cnn.head.weight[:, :, 0, 0].T
    high, wide = x.shape[2:]
    t, row = skewed(high, wide, x.device)
    given = x.new_zeros(wide + 2 * high - 2, high, len(x))
    given[t, row] = x[:, 0].permute(1, 2, 0)
    kept = [x.new_zeros(wide + 2 * high + 1, high + 1, len(x), layer.weight.shape[1]) for layer in layers]  # [t + 3, row + 1]; 0 outside the picture
    for now in range(len(given)):
        rows = slice(max(0, (now - wide + 2) // 2), min(high - 1, now // 2) + 1)
        maps = 0.0
        for k, (layer, weight) in enumerate(zip(layers, weights)):
            if k:
                here(kept[k], now, rows).copy_(maps.relu())
            maps = maps + before(kept[k], now, rows, own=k > 0) @ weight + layer.bias
        values = choose(maps.relu() @ head + cnn.head.bias, given[now, rows])
        here(kept[0], now, rows).copy_(values[..., None])
    return kept[0][t + 3, row + 1, :, 0].permute(2, 0, 1)[:, None].contiguous()


def skewed(high: int, wide: int, where: torch.device) -> tuple[Tensor, Tensor]:
    """For each pixel its wave t = column + 2 * row, and its row: `[H, W]` each."""
    row, column = torch.arange(high, device=where)[:, None].expand(high, wide), torch.arange(wide, device=where)
    return column + 2 * row, row


def here(kept: Tensor, t: int, rows: slice) -> Tensor:
    """The place of wave t in what is kept: `[K, N, channels]`."""
    return kept[t + 3, rows.start + 1 : rows.stop + 1]


def before(kept: Tensor, t: int, rows: slice, own: bool) -> Tensor:
    """What a masked convolution sees at the pixels of wave t, in the order of its taps: `[K, N, taps * channels]`."""
    above = [kept[t + k, rows] for k in range(3)]  # left above is of wave t - 3, above of t - 2, right above of t - 1
    return torch.cat([*above, here(kept, t - 1, rows), *([here(kept, t, rows)] if own else [])], -1)
