"""Drawing with distances: signed distances to shapes, anti-aliased coverage, noise textures, batched warps.

A shape is its signed distance: negative inside, positive outside. `coverage` turns a distance into
the share of a pixel that is inside. Everything is batched torch code on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import runtime

Point = tuple[float, float]


# ---------------------------------------------------------------- random numbers


def uniform(shape: Sequence[int], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Uniform random numbers in [low, high)."""
    return torch.rand(*shape, generator=generator) * (high - low) + low


def normal(shape: Sequence[int], deviation: float, generator: torch.Generator) -> Tensor:
    """Normal random numbers around 0."""
    return torch.randn(*shape, generator=generator) * deviation


def chance(shape: Sequence[int], probability: float, generator: torch.Generator) -> Tensor:
    """1.0 with the given probability, else 0.0."""
    return (torch.rand(*shape, generator=generator) < probability).float()


def choose(table: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` random rows of `table` `[rows, ...]`, with repetition: `[count, ...]`."""
    return table[torch.randint(len(table), (count,), generator=generator)]


def column(values: Tensor) -> Tensor:
    """Per-picture colours `[N, 3]` or numbers `[N]` as `[N, 3 or 1, 1, 1]`."""
    return values.reshape(len(values), -1, 1, 1)


def labels(y: Tensor, classes: int) -> Tensor:
    """Require class numbers int64 `[N]`, at least one, each in 0 .. classes - 1; on the CPU."""
    if not isinstance(y, Tensor) or y.dim() != 1 or len(y) == 0:
        given = f"shape {list(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(f"y is {given}; class numbers as a torch.int64 tensor [N] with at least one are expected.")
    return runtime.check_labels(y, len(y), classes).cpu()


def parts(count: int, size: int) -> Iterator[slice]:
    """Slices that cut `count` pictures into parts of at most `size`, so that memory stays small."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def joined(batches: Iterable[Sequence[Tensor]], count: int) -> list[Tensor]:
    """Parts of batches written into whole tensors of `count` rows as they come, so that nothing is held twice."""
    whole: list[Tensor] = []
    start = 0
    for batch in batches:
        whole = whole or [part.new_empty(count, *part.shape[1:]) for part in batch]
        for rows, part in zip(whole, batch):
            rows[start : start + len(part)] = part
        start += len(batch[0])
    return whole


# ---------------------------------------------------------------- grids and distances


def grid(size: int) -> tuple[Tensor, Tensor]:
    """Pixel centres of a unit square, y down: x `[1, size]` and y `[size, 1]`, to be broadcast."""
    centres = (torch.arange(size) + 0.5) / size
    return centres[None, :], centres[:, None]


def circle(x: Tensor, y: Tensor, cx: float | Tensor, cy: float | Tensor, radius: float | Tensor) -> Tensor:
    """Signed distance to a disc."""
    return torch.hypot(x - cx, y - cy) - radius


def box(x: Tensor, y: Tensor, cx: float | Tensor, cy: float | Tensor, half_width: float | Tensor,
        half_height: float | Tensor, corner: float | Tensor = 0.0) -> Tensor:
    """Signed distance to an upright box with rounded corners of radius `corner`."""
    dx, dy = (x - cx).abs() - half_width + corner, (y - cy).abs() - half_height + corner
    outside = torch.hypot(dx.clamp_min(0), dy.clamp_min(0))
    return outside + torch.maximum(dx, dy).clamp_max(0) - corner


def segment(x: Tensor, y: Tensor, start: Point, stop: Point) -> Tensor:
    """Distance to the segment from `start` to `stop`."""
    (ax, ay), (bx, by) = start, stop
    length = max((bx - ax) ** 2 + (by - ay) ** 2, 1e-12)
    along = (((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length).clamp(0, 1)
    return torch.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))


def polyline(x: Tensor, y: Tensor, points: Sequence[Point], thickness: float) -> Tensor:
    """Signed distance to a stroke of the given thickness along the points, with round ends."""
    distances = [segment(x, y, a, b) for a, b in zip(points[:-1], points[1:])]
    return torch.stack(torch.broadcast_tensors(*distances)).amin(0) - thickness / 2


def polygon(x: Tensor, y: Tensor, points: Sequence[Point]) -> Tensor:
    """Signed distance to a closed polygon, convex or not (the sign by counting crossed edges)."""
    edges = list(zip(points, (*points[1:], points[0])))
    distance = torch.stack(torch.broadcast_tensors(*(segment(x, y, a, b) for a, b in edges))).amin(0)
    inside = torch.zeros_like(distance, dtype=torch.bool)
    for (ax, ay), (bx, by) in edges:
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return torch.where(inside, -distance, distance)


def regular(sides: int, radius: float, turn: float, cx: float = 0.5, cy: float = 0.5) -> list[Point]:
    """Corners of a regular polygon; the first corner lies `turn` degrees clockwise from the right."""
    angles = [math.radians(turn + 360 * k / sides) for k in range(sides)]
    return [(cx + radius * math.cos(a), cy + radius * math.sin(a)) for a in angles]


def arc(cx: float, cy: float, rx: float, ry: float, start: float, stop: float, count: int = 9) -> list[Point]:
    """Points on an ellipse from angle `start` to `stop` in degrees: 0 is right, 90 is down."""
    angles = [math.radians(start + (stop - start) * k / (count - 1)) for k in range(count)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


def union(*distances: Tensor) -> Tensor:
    """Signed distance to the union of shapes."""
    return torch.stack(torch.broadcast_tensors(*distances)).amin(0)


def coverage(distance: Tensor, pixel: float | Tensor) -> Tensor:
    """Share of each pixel inside the shape: 1 inside, 0 outside, a ramp one pixel wide at the edge."""
    return (0.5 - distance / pixel).clamp(0, 1)


def over(picture: Tensor, colour: Tensor, cover: Tensor) -> Tensor:
    """`picture` painted with `colour` where `cover` is 1; all broadcast to `[N, 3, H, W]`."""
    return torch.lerp(picture, colour, cover)


# ---------------------------------------------------------------- noise and blur


def noise(count: int, channels: int, size: int, cells: Sequence[int], weights: Tensor | Sequence[float],
          generator: torch.Generator) -> Tensor:
    """Smooth random textures `[count, channels, size, size]`: a weighted sum of random grids of `cells` x `cells`.

    `weights` is one number a grid, or `[count, grids]`. The deviation of the sum is about 1.
    """
    weights = torch.as_tensor(weights, dtype=torch.float32).expand(count, len(cells))
    weights = weights / weights.square().sum(1, keepdim=True).sqrt()
    total = torch.zeros(count, channels, size, size)
    for k, cell in enumerate(cells):
        values = torch.randn(count, channels, cell, cell, generator=generator)
        mode = "bicubic" if cell < size else "area"
        options = {"align_corners": False} if mode == "bicubic" else {}
        layer = F.interpolate(values, size=(size, size), mode=mode, **options)
        total += layer * (1.3 * weights[:, k, None, None, None])
    return total


def blur_kernels(spread: Tensor, motion: Tensor, angle: Tensor, radius: int) -> Tensor:
    """Gaussian kernels `[N, side, side]`: round with deviation `spread`, stretched by `motion` along `angle`."""
    steps = torch.arange(-radius, radius + 1, dtype=torch.float32)
    dx, dy = steps[None, None, :], steps[None, :, None]
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    round_part = spread.square()[:, None, None].clamp_min(0.02)
    long_part = round_part + motion.square()[:, None, None]
    kernel = torch.exp(-0.5 * (along.square() / long_part + across.square() / round_part))
    return kernel / kernel.sum((1, 2), keepdim=True)


def blur(picture: Tensor, kernels: Tensor) -> Tensor:
    """Each picture of `[N, C, H, W]` convolved with its own kernel of `[N, side, side]`; edges are repeated."""
    count, channels, height, width = picture.shape
    radius = kernels.shape[-1] // 2
    padded = F.pad(picture, (radius,) * 4, mode="replicate").reshape(1, count * channels, height + 2 * radius, -1)
    weight = kernels.repeat_interleave(channels, 0)[:, None]
    return F.conv2d(padded, weight, groups=count * channels).reshape(count, channels, height, width)


# ---------------------------------------------------------------- warping


def homographies(corners: Tensor) -> Tensor:
    """Matrices `[N, 3, 3]` that take picture points to the unit square.

    `corners` `[N, 4, 2]` are the picture points of the square's corners (0,0), (1,0), (1,1), (0,1)
    (Heckbert, Fundamentals of texture mapping, 1989: the square-to-quadrilateral map, here inverted).
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (corners[:, k].unbind(1) for k in range(4))
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    determinant = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / determinant, (dx1 * sy - sx * dy1) / determinant
    rows = [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, torch.ones_like(g)]
    return torch.linalg.inv(torch.stack(rows, 1).reshape(-1, 3, 3))


def warp(textures: Tensor, corners: Tensor, size: int, supersample: int = 2) -> Tensor:
    """Textures `[N, C, R, R]` drawn into pictures `[N, C, size, size]` with their corners at `corners` `[N, 4, 2]`.

    Corners are in pixels. Outside the texture the result is 0. Several samples a pixel are averaged.
    Only a window around each texture is computed, of one size for the whole batch.
    """
    count, channels = textures.shape[:2]
    low = corners.amin(1).floor() - 1
    window = min(size, int((corners.amax(1) - low).max().ceil()) + 1)
    low = low.clamp(0, size - window)
    side = window * supersample
    x, y = (part.expand(side, side) * window for part in grid(side))
    points = torch.stack([x, y, torch.ones_like(x)], -1).reshape(1, -1, 3)
    mapped = points @ homographies(corners - low[:, None]).transpose(1, 2)
    # Points behind the plane would divide by 0; they lie outside the texture anyway.
    unit = mapped[..., :2] / mapped[..., 2:].clamp_min(1e-3)
    where = (unit * 2 - 1).reshape(-1, side, side, 2)
    drawn = F.grid_sample(textures, where, mode="bilinear", padding_mode="zeros", align_corners=False)
    drawn = F.avg_pool2d(drawn, supersample) if supersample > 1 else drawn
    if window == size:
        return drawn
    picture = textures.new_zeros(count, channels, size, size)
    across, down = (low[:, k, None].long() + torch.arange(window) for k in (0, 1))
    picture[torch.arange(count)[:, None, None], :, down[:, :, None], across[:, None]] = drawn.permute(0, 2, 3, 1)
    return picture
