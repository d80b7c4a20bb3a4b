"""The kinds of the signs world, and how any kind is drawn seen from the front."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ... import runtime
from .. import shapes
from ..shapes import coverage
from . import plates, symbols
from .plates import Drawing, ordering, speed, warning_of
from .symbols import arrow

FULL = 256  # side of the sharpest drawing of a kind

KINDS: dict[str, Drawing] = {
    "Speed limit (30km/h)": speed("30"),
    "Speed limit (50km/h)": speed("50"),
    "Speed limit (80km/h)": speed("80"),
    "Speed limit (120km/h)": speed("120"),
    "No passing": plates.no_passing,
    "Right-of-way at the next intersection": warning_of(symbols.crossing_arrow),
    "Priority road": plates.priority,
    "Yield": lambda x, y: plates.triangle(x, y, upright=False),
    "Stop": plates.stop,
    "No vehicles": plates.prohibition,
    "No entry": plates.no_entry,
    "General caution": warning_of(symbols.exclamation),
    "Dangerous curve to the right": warning_of(symbols.bend),
    "Bumpy road": warning_of(symbols.bumps),
    "Traffic signals": plates.warning(plates.lamps),
    "Pedestrians": warning_of(symbols.walker),
    "Bicycles crossing": warning_of(symbols.bicycle),
    "Beware of ice/snow": warning_of(symbols.snow),
    "End of all speed and passing limits": plates.end_of_limits,
    "Turn left ahead": ordering(symbols.left),
    "Ahead only": ordering(lambda x, y: arrow(x, y, [(0.5, 0.8), (0.5, 0.5), (0.5, 0.17)], 0.135, 0.2)),
    "Keep right": ordering(lambda x, y: arrow(x, y, [(0.3, 0.3), (0.5, 0.5), (0.74, 0.74)], 0.135, 0.21)),
    "Keep left": ordering(lambda x, y: arrow(x, y, [(0.7, 0.3), (0.5, 0.5), (0.26, 0.74)], 0.135, 0.21)),
    "Roundabout mandatory": ordering(symbols.roundabout),
}
NAMES = tuple(KINDS)


def front(drawing: Drawing, size: int) -> Tensor:
    """A plate seen from the front, RGBA `[4, size, size]`: its layers painted one on the other."""
    x, y = shapes.grid(size)
    layers = drawing(x, y)
    pixel = 1.0 / size
    colour = torch.tensor(layers[0][1])[:, None, None].expand(3, size, size)
    for distance, paint in layers[1:]:
        colour = torch.lerp(colour, torch.tensor(paint)[:, None, None].expand_as(colour), coverage(distance, pixel))
    return torch.cat([colour, coverage(layers[0][0], pixel)[None]])


def draw_clean(kind: str | int, size: int = FULL) -> Tensor:
    """The front view of a kind (name or class number), RGBA `[4, size, size]` in [0, 1]; alpha is 0 outside the sign."""
    if isinstance(kind, int):
        if not 0 <= kind < len(NAMES):
            raise ValueError(f"sign kind {kind} does not exist; there are {len(NAMES)}: 0 to {len(NAMES) - 1}.")
        kind = NAMES[kind]
    return front(KINDS[runtime.pick("sign kind", kind, NAMES)], size)


@lru_cache(maxsize=1)
def textures() -> dict[int, Tensor]:
    """All kinds at several sizes `{R: [kinds, 4, R, R]}`, colours multiplied by alpha so that they can be averaged."""
    drawn = torch.stack([front(drawing, FULL) for drawing in KINDS.values()])
    level = torch.cat([drawn[:, :3] * drawn[:, 3:], drawn[:, 3:]], 1)
    levels = {FULL: level}
    while (side := level.shape[-1]) > 16:
        level = F.avg_pool2d(level, 2)
        levels[side // 2] = level
    return levels


def texture_level(side: float) -> int:
    """The texture size for a sign of `side` pixels: at least as sharp as the picture."""
    return next((level for level in sorted(textures()) if level >= side), FULL)
