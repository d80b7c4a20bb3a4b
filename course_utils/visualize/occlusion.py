"""Occlusion: cover a part of the picture and see how the score changes (Zeiler and Fergus 2013)."""

from __future__ import annotations

from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import Local
from ..runtime import check_colour, check_count, check_pictures, check_scores, labels_or_prediction, logits, pick


def _pair(value: int | tuple[int, int], name: str, limits: tuple[int, int] | None = None) -> tuple[int, int]:
    """(rows, columns) of whole numbers from 1 to the limits."""
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    whole = len(pair) == 2 and all(isinstance(n, Integral) and not isinstance(n, bool) and n >= 1 for n in pair)
    if not whole or (limits is not None and (pair[0] > limits[0] or pair[1] > limits[1])):
        to = "" if limits is None else f" to the picture's size {limits}"
        raise ValueError(f"{name} is {value}; whole numbers from 1{to} are expected.")
    return int(pair[0]), int(pair[1])


def window_starts(pixels: int, window: int, stride: int) -> Tensor:
    """Where the windows begin along one axis: 0, stride, 2 * stride, ..., until a window reaches the last pixel.

    The last window may hang over the edge; only its part inside the picture is covered. These are
    ceil((pixels - window) / stride) + 1 windows: 28 for 224 pixels, window 15 and stride 8.
    """
    return torch.arange(-(-(pixels - window) // stride) + 1) * stride


def occlusion_logits(
    model: nn.Module, x: Tensor, *, window: int | tuple[int, int] = 15, stride: int | tuple[int, int] = 8,
    fill: float | Tensor = 0.5, batch_size: int | None = None, local: bool = True,
) -> Tensor:  # fmt: skip
    """The scores [N, rows, columns, classes] with a window of colour `fill` at every position of `window_starts`.

    `fill` is a number or one value for each colour channel. With `local` only the part of the network that a window can
    reach is computed again (`layers.Local`), where that saves work: the same scores, to within rounding, in less time.
    `batch_size` None is 16 windows at 224x224 and more on smaller pictures; on a GPU try larger ones.
    """
    check_pictures(x, model)
    size = (x.shape[2], x.shape[3])
    window, stride = _pair(window, "window", size), _pair(stride, "stride", size)
    starts = [window_starts(*axis) for axis in zip(size, window, stride)]
    boxes = torch.cartesian_prod(*starts)
    patch = check_colour(fill, x).expand(x.shape[1], *window)[None]
    scale = max(1, 224 * 224 // x[0, 0].numel())
    batch_size = 16 * scale if batch_size is None else check_count(batch_size, "batch_size")
    scores = []
    for some in x.split(4 * scale):  # every map of these pictures is kept while their windows run
        index = torch.arange(len(some)).repeat_interleave(len(boxes))
        run = Local(model, some, count=len(index), local=local)
        scores.append(check_scores(run(boxes.repeat(len(some), 1), patch, index=index, batch_size=batch_size), len(index)))
    return torch.cat(scores).unflatten(0, [len(x), *(len(s) for s in starts)])


def occlusion(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, window: int | tuple[int, int] = 15,
    stride: int | tuple[int, int] = 8, fill: float | Tensor = 0.5, batch_size: int | None = None, score: str = "logit",
    local: bool = True,
) -> Tensor:  # fmt: skip
    """The map [N, rows, columns] of how far the score of class `y` drops when a window covers the picture there.

    `score` is "logit" (before the softmax) or "probability"; `y` None means the model's own prediction. Row r, column c
    belongs to the window whose top left pixel is (r * stride, c * stride); `heat_map` makes a heat map of pixels.
    """
    pick("score", score, ("logit", "probability"))
    base = logits(model, check_pictures(x, model))
    y = labels_or_prediction(y, base)
    covered = occlusion_logits(model, x, window=window, stride=stride, fill=fill, batch_size=batch_size, local=local)
    if score == "probability":
        base, covered = base.softmax(-1), covered.softmax(-1)
    own = y[:, None, None, None].expand(*covered.shape[:3], 1)
    return base.gather(1, y[:, None])[:, :, None] - covered.gather(3, own)[..., 0]


def heat_map(
    drops: Tensor, size: int | tuple[int, int], window: int | tuple[int, int], stride: int | tuple[int, int]
) -> Tensor:
    """The heat map [N, H, W] of an occlusion map [N, rows, columns].

    Each pixel gets the mean over the windows that cover it; 0 if none does, where the stride is larger than the window.
    `size`, `window` and `stride` are those that the map was made with.
    """
    size = _pair(size, "size")
    window, stride = _pair(window, "window", size), _pair(stride, "stride", size)
    expected = tuple(len(window_starts(*axis)) for axis in zip(size, window, stride))
    if drops.dim() != 3 or tuple(drops.shape[1:]) != expected:
        raise ValueError(
            f"the map has shape {list(drops.shape)}; [N, {expected[0]}, {expected[1]}] is expected for size {size}, "
            f"window {window} and stride {stride}."
        )
    canvas = [(n - 1) * s + w for n, s, w in zip(expected, stride, window)]
    values = torch.stack([drops, torch.ones_like(drops)]).flatten(2)[:, :, None]  # the drops, and how many cover
    tiles = values.expand(-1, -1, window[0] * window[1], -1).flatten(0, 1)
    total, count = F.fold(tiles, canvas, window, stride=stride)[:, 0].unflatten(0, (2, -1))
    heat = total / count.clamp(min=1)
    return F.pad(heat, (0, max(0, size[1] - canvas[1]), 0, max(0, size[0] - canvas[0])))[:, : size[0], : size[1]]
