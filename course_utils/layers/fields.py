"""Receptive fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import nn

from .activations import layer_name, resolve
from .axes import Axis
from .plan import Plan
from .tracing import hooked_everywhere

_MIX_ALL = set(  # what is known to mix all positions, for the words of a message
    "flatten view reshape mean sum amax adaptiveavgpool2d adaptivemaxpool2d adaptive_avg_pool2d adaptive_max_pool2d "
    "linear softmax log_softmax layernorm groupnorm instancenorm2d matmul multiheadattention squeeze".split()
)


class NoField(ValueError):
    """A unit of the layer may see every pixel, or it is not known which."""


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that the units of a layer see: ints, or (rows, columns) where the two differ.

    Borders ignored, the unit in row r sees the `size` pixel rows that begin at start + r * stride; columns alike.
    `start` is below 0 where padding lets the first unit's field begin outside the picture. Where paths join (branches,
    shortcuts) the field is the smallest box around the fields of all paths.
    """

    size: int | tuple[int, int]
    stride: int | tuple[int, int]
    start: int | tuple[int, int]
    axes: tuple[Axis, Axis] = field(repr=False, compare=False)

    def __iter__(self) -> Iterator[int | tuple[int, int]]:
        """`size, stride, start = receptive_field(...)`"""
        return iter((self.size, self.stride, self.start))

    @property
    def units(self) -> tuple[int, int]:
        """Rows and columns of the layer's map."""
        return len(self.axes[0]), len(self.axes[1])

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """What unit (row, column) really sees: pixels [y0:y1, x0:x1], inside the picture, as (y0, x0, y1, x1)."""
        for name, index, count in zip(("row", "column"), (row, column), self.units):
            if not 0 <= index < count:
                raise ValueError(f"{name} is {index}; this layer's map has {count}: 0 to {count - 1}.")
        rows, columns = self.axes
        ends = int(rows.last[row]) + 1, int(columns.last[column]) + 1
        return min(int(rows.first[row]), ends[0]), min(int(columns.first[column]), ends[1]), *ends


def receptive_field(model: nn.Module, layer: str | nn.Module, size: int | tuple[int, int]) -> ReceptiveField:
    """Which pixels of a picture of `size` the units of `layer` see; exact, through branches, padding and dilation.

    The arithmetic, layer by layer (kernel k, stride s, padding p, dilation d, starting from 1, 1, 0):
    start -= p * stride;  size += d * (k - 1) * stride;  stride *= s.
    """
    name, module = layer_name(model, layer), resolve(model, layer)
    sides = (size, size) if isinstance(size, int) else tuple(size) if isinstance(size, tuple | list) else ()
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise ValueError(f"size is {size}; the picture's side in pixels, or (rows, columns), is expected.")
    if hooked_everywhere():
        raise ValueError("hooks on all modules are registered; what they do to the maps is not known. Remove them first.")
    try:
        plan = Plan(model, sides)
    except Exception as problem:  # whatever a forward does to stand-ins for tensors
        raise NoField(
            f"the forward of {type(model).__name__} cannot be written down as fixed steps, so what its layers see is "
            f"not known: {problem}"
        ) from problem
    if module not in plan.outputs:
        raise ValueError(
            f"layer {name!r} gives no output of its own when the model runs, or lies in a part with hooks; choose another."
        )
    seen = plan.sees[plan.outputs[module]]
    if seen is None or isinstance(seen, str):
        clear = {plan.outputs[m]: n for n, m in model.named_modules() if n and m in plan.outputs}
        last = [n for node, n in clear.items() if isinstance(plan.sees[node], tuple)][-1:]
        hint = f" Choose a layer before it, such as {last[0]!r}." if last else ""
        known = seen is None or seen.rstrip(")").split("(")[-1].lower() in _MIX_ALL
        why = "every pixel is seen by every unit" if known else "it is not known which pixels a unit sees"
        raise NoField(f"layer {name!r} has no receptive field of its own: from {seen} on, {why}.{hint}")
    if 0 in (len(seen[0]), len(seen[1])):
        raise ValueError(f"size is {size}; for layer {name!r} the picture is too small: its map would be empty.")

    def each(attribute: str) -> int | tuple[int, int]:
        rows, columns = (getattr(axis, attribute) for axis in seen)
        return rows if rows == columns else (rows, columns)

    return ReceptiveField(each("size"), each("stride"), each("start"), seen)
