"""The patches of pictures that excite a unit or a direction of a layer most (Girshick et al. 2013, Szegedy et al. 2013)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..data import Pictures
from ..layers import NoField, layer_name, receptive_field, stopped_at
from ..runtime import check_colour, check_count, check_pictures, frozen, model_tensor

AT_ONCE = 2**18  # pixels of a batch, if no size is asked for: 64 pictures of 64 x 64, 5 of 224 x 224


class TopPatches(NamedTuple):
    """The k strongest places of each of U units or directions, strongest first, at most one a picture.

    `values` [U, k]; `pictures` [U, k]: the picture's number in the data; `labels` [U, k]: its label, -1 where none came with
    the data; `positions` [U, k, 2]: row and column in the layer's map; `boxes` [U, k, 4]: the pixels [y0:y1, x0:x1] that the
    unit sees there, as (y0, x0, y1, x1); `patches` [U, k, C, h, w]: these pixels, `fill` where the field leaves the picture.
    """

    values: Tensor
    pictures: Tensor
    labels: Tensor
    positions: Tensor
    boxes: Tensor
    patches: Tensor


def top_patches(
    model: nn.Module, data: Tensor | Pictures | Iterable, layer: str | nn.Module, units: Iterable[int] | Tensor | None = None, *,
    directions: Tensor | None = None, k: int = 9, fill: float | Tensor = 0.5, batch_size: int | None = None, patches: bool = True,
) -> TopPatches:  # fmt: skip
    """Where in the data <phi(x), v> is largest, phi(x) being the layer's values at one position: `TopPatches`.

    A unit is one channel of the layer (`units` None: all of them); `directions` [U, channels] gives other vectors v. `data`:
    pictures [N, C, H, W], `Pictures`, or a stream: any iterable of batches x, (x, y) or `Pictures`, of one size, read once.
    One batch and the k best are held, whatever the length. The forward stops at the layer. Where a unit sees the whole picture
    (behind fully connected layers and global pooling) that is its patch. Of equal values the earlier picture comes first.
    With `patches` False none are kept, [U, k, C, 0, 0]: for many directions that takes less time and memory.
    """
    check_count(k, "k")
    batches, best = _batches(data, batch_size, model), None
    first = next(batches, None)
    sees = _sees(model, layer, first[0].shape[2:]) if first else None  # before there is a hook, which would hide the layer
    with frozen(model), torch.no_grad(), stopped_at(model, layer) as run:
        for x, y in itertools.chain([first] if first else [], batches):
            phi = _maps(run, x, layer_name(model, layer))
            if best is None:
                mix = _vectors(units, directions, phi)
                best = _Best(k, len(mix), _Field(sees, x, phi), x, check_colour(fill, x), patches)
            best.add(x, y, *strongest(phi, mix))
    if best is None or best.seen < k:
        raise ValueError(f"the data holds {best.seen if best else 0} pictures; at least k = {k} are expected, one for each place.")
    return best.result()


def strongest(phi: Tensor, mix: Tensor) -> tuple[Tensor, Tensor]:
    """The largest value over the positions of each map phi [N, channels, h, w], and where it is: both [U, N].

    `mix` holds numbers of channels [U], or directions [U, channels].
    """
    flat = phi.flatten(2)
    values, places = (mix @ flat if mix.is_floating_point() else flat[:, mix]).max(2)
    return values.T, places.T


def only_boxes(x: Tensor, boxes: Tensor, *, fill: float | Tensor = 0.5) -> Tensor:
    """Pictures [N, C, H, W] of which only the box of each is left, boxes [N, 4] as (y0, x0, y1, x1); all else is `fill`."""
    if boxes.shape != (len(x), 4):
        raise ValueError(f"boxes has shape {list(boxes.shape)}; one box (y0, x0, y1, x1) a picture is expected, [{len(x)}, 4].")
    y0, x0, y1, x1 = boxes.to(x.device)[:, :, None, None].unbind(1)
    rows, columns = torch.arange(x.shape[2], device=x.device)[:, None], torch.arange(x.shape[3], device=x.device)
    inside = (rows >= y0) & (rows < y1) & (columns >= x0) & (columns < x1)
    return x.where(inside[:, None], check_colour(fill, x))


def _sees(model: nn.Module, layer: str | nn.Module, sides: Iterable[int]) -> tuple:
    """What the layer's units see along both axes; None where every unit may see every pixel."""
    try:
        return receptive_field(model, layer, tuple(sides)).axes
    except NoField:
        return None, None


class _Field:
    """What each unit of a layer sees: its pixels along both axes, and where its patch, all of one size, begins."""

    def __init__(self, sees: tuple, x: Tensor, phi: Tensor) -> None:
        self.columns = phi.shape[3]
        ends, begins, self.size = [], [], []
        for axis, side, units in zip(sees, x.shape[2:], phi.shape[2:]):
            small = axis is not None and axis.size < side
            first, last = (torch.zeros(units).long(), torch.full((units,), side)) if axis is None else (axis.first, axis.last + 1)
            ends.append((torch.minimum(first, last), last))
            begins.append(axis.start + axis.stride * torch.arange(units) if small else torch.zeros(units).long())
            self.size.append(axis.size if small else side)
        (top, bottom), (left, right) = ends
        self.rows, self.across = (torch.stack(part).to(x.device) for part in ((top, bottom, begins[0]), (left, right, begins[1])))

    def at(self, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Positions [..., 2], boxes [..., 4], and the patches' upper left corners [..., 2] of places in the flattened map."""
        row, column = places // self.columns, places % self.columns
        (y0, y1, top), (x0, x1, left) = self.rows[:, row], self.across[:, column]
        return torch.stack([row, column], -1), torch.stack([y0, x0, y1, x1], -1), torch.stack([top, left], -1)

    def cut(self, x: Tensor, index: Tensor, places: Tensor, fill: Tensor) -> Tensor:
        """The patches [M, C, h, w] of pictures x[index] at places [M]."""
        _, boxes, corners = self.at(places)
        rows, columns = (corners[:, i, None] + torch.arange(self.size[i], device=x.device) for i in range(2))
        seen = [(at >= boxes[:, i, None]) & (at < boxes[:, i + 2, None]) for i, at in enumerate((rows, columns))]
        rows, columns = rows.clamp(0, x.shape[2] - 1), columns.clamp(0, x.shape[3] - 1)
        patches = x[index[:, None, None], :, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)
        return patches.where((seen[0][:, :, None] & seen[1][:, None])[:, None], fill)


class _Best:
    """The k best so far of each unit: values, pictures, labels and places [U, k], and their patches."""

    def __init__(self, k: int, count: int, field: _Field, x: Tensor, fill: Tensor, patches: bool) -> None:
        self.keep, self.k, self.field, self.fill, self.seen = patches, k, field, fill, 0
        self.values = x.new_full((count, k), -torch.inf)
        self.pictures, self.labels, self.places = (torch.zeros(count, k, dtype=torch.long, device=x.device) for _ in range(3))
        self.patches = x.new_zeros(count, k, x.shape[1], *(field.size if patches else (0, 0)))

    def add(self, x: Tensor, y: Tensor, values: Tensor, places: Tensor) -> None:
        """One batch: its pictures, their labels [B], and each unit's strongest value and place in each, [U, B]."""
        if bool(values.isnan().any()):
            raise ValueError("the layer gives NaN for some picture; nothing can be ranked.")
        number = torch.arange(len(x), device=x.device)
        merged = torch.cat([self.values, values], 1).sort(dim=1, descending=True, stable=True)
        self.values, order = merged.values[:, : self.k].clone(), merged.indices[:, : self.k]
        batch = (self.seen + number, y, places)
        old = (self.pictures, self.labels, self.places)
        self.pictures, self.labels, self.places = (
            torch.cat([kept, new.expand_as(values)], 1).gather(1, order) for kept, new in zip(old, batch)
        )
        changed = (order >= self.k).any(1).nonzero().flatten()
        for some in changed.split(16) if self.keep else ():  # only a few rows are copied at a time
            rank = order[some]
            patches = self.patches[some[:, None], rank.clamp(max=self.k - 1)]
            fresh = rank >= self.k
            patches[fresh] = self.field.cut(x, rank[fresh] - self.k, self.places[some][fresh], self.fill)
            self.patches[some] = patches
        self.seen += len(x)

    def result(self) -> TopPatches:
        positions, boxes, _ = self.field.at(self.places)
        return TopPatches(self.values, self.pictures, self.labels, positions, boxes, self.patches)


# ---------------------------------------------------------------- what comes in


def _batches(data: Tensor | Pictures | Iterable, size: int | None, model: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """Pictures on the model's device, and a label for each, -1 where there is none."""
    stream = [data] if isinstance(data, (Tensor, Pictures)) else data
    if size is not None:
        check_count(size, "batch_size")
    if not isinstance(stream, Iterable):
        raise ValueError(f"data is a {type(data).__name__}; pictures [N, C, H, W] or an iterable of batches of them is expected.")
    weight, shape = model_tensor(model), None
    for batch in stream:
        x, *rest = batch if isinstance(batch, (tuple, list)) and len(batch) else (batch,)
        x = x.to(weight.device) if isinstance(x, Tensor) and weight is not None else x
        check_pictures(x, model, name="a batch of the data" if stream is data else "data")
        y = rest[0] if rest and isinstance(rest[0], Tensor) and rest[0].shape == (len(x),) else torch.full((len(x),), -1)
        if shape not in (None, x.shape[1:]):
            raise ValueError(f"the data holds pictures {list(shape)} and {list(x.shape[1:])}; all must have one size.")
        shape = x.shape[1:]
        step = size or max(1, min(64, AT_ONCE // (x.shape[2] * x.shape[3])))
        yield from zip(x.detach().split(step), y.to(x.device).split(step))


def _maps(run: Any, x: Tensor, name: str) -> Tensor:
    """The layer's maps [N, channels, h, w]; those of a layer without positions are [N, channels, 1, 1]."""
    try:
        phi = run(x)
    except RuntimeError as problem:
        first = str(problem).split("\n")[0]
        raise ValueError(
            f"the model cannot be run on pictures {list(x.shape[1:])}: {first} (For a network that takes colours, "
            "grey pictures must be x.expand(-1, 3, -1, -1).)"
        ) from problem
    if phi.dim() not in (2, 4) or len(phi) != len(x):
        raise ValueError(f"layer {name!r} gives {list(phi.shape)}; maps [N, channels, h, w] or vectors [N, channels] are expected.")
    return phi.reshape(*phi.shape[:2], 1, 1) if phi.dim() == 2 else phi


def _vectors(units: Iterable[int] | Tensor | None, directions: Tensor | None, phi: Tensor) -> Tensor:
    """The numbers of the channels [U], or the directions [U, channels], that are asked for."""
    channels = phi.shape[1]
    if directions is not None:
        if units is not None:
            raise ValueError("units and directions are both given; give one of them.")
        form = list(directions.shape) if isinstance(directions, Tensor) else type(directions).__name__
        if not isinstance(directions, Tensor) or directions.dim() != 2 or directions.shape[1] != channels or not len(directions):
            raise ValueError(f"directions is {form}; [U, {channels}] is expected, one number for each channel of the layer.")
        if not bool(directions.isfinite().all()):
            raise ValueError("directions holds NaN or infinite numbers.")
        return directions.to(phi)
    wanted = list(range(channels)) if units is None else [int(unit) for unit in units]
    if not wanted or not all(0 <= unit < channels for unit in wanted):
        wrong = next((unit for unit in wanted if not 0 <= unit < channels), "empty")
        raise ValueError(f"units holds {wrong}; the layer has {channels} channels: 0 to {channels - 1}.")
    return torch.tensor(wanted, device=phi.device)
