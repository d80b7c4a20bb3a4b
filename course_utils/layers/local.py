"""Small changes of a picture: computing again only what they can reach."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ..runtime import check_pictures, frozen
from .steps import ZERO, Plan


class _Patch(NamedTuple):
    """The part of a map that may differ from the base picture's map: cells [B, C, h, w] at (top, left), each [B]."""

    cells: Tensor
    top: Tensor
    left: Tensor


class _Map:
    """A base picture's map [N, C, H, W] as a table with a row for each cell, from which crops are gathered quickly."""

    def __init__(self, base: Tensor) -> None:
        _, channels, self.height, self.width = base.shape
        cells = base.permute(0, 2, 3, 1).reshape(-1, channels)
        outside = cells.new_tensor([0.0, -torch.inf])[:, None].expand(2, channels)  # rows ZERO and LOWEST
        self.table = torch.cat([outside, cells])

    def crop(
        self, index: Tensor, patch: _Patch, top: Tensor, left: Tensor, height: int, width: int, border: int
    ) -> Tensor:
        """[B, C, height, width] from (top, left) of the maps of pictures `index`, with the patch pasted in.

        Cells outside the map hold the border's value. Cells of the patch that lie outside the crop or outside the map
        go to a spare last row, so that shapes never depend on values.
        """
        batch, (high, wide) = len(index), patch.cells.shape[2:]
        ramp = torch.arange(max(batch, height, width, high, wide), device=index.device)
        top, left = top[:, None, None], left[:, None, None]
        rows, columns = top + ramp[:height, None], left + ramp[:width]
        source = 2 + (index[:, None, None] * self.height + rows) * self.width + columns
        source = source.where(self._inside(rows, columns), border)
        rows, columns = patch.top[:, None, None] + ramp[:high, None], patch.left[:, None, None] + ramp[:wide]
        y, x = rows - top, columns - left
        shown = self._inside(rows, columns) & (y >= 0) & (y < height) & (x >= 0) & (x < width)
        target = ((ramp[:batch, None, None] * height + y) * width + x).where(shown, batch * height * width)
        result = self.table.index_select(0, F.pad(source.flatten(), (0, 1)))
        result.index_copy_(0, target.flatten(), patch.cells.permute(0, 2, 3, 1).reshape(-1, result.shape[1]))
        return result[:-1].view(batch, height, width, -1).permute(0, 3, 1, 2)

    def _inside(self, rows: Tensor, columns: Tensor) -> Tensor:
        return (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)


def paste(x: Tensor, boxes: Tensor, patches: Tensor, *, index: Tensor | None = None) -> Tensor:
    """Copies [K, C, H, W] of pictures `x` with patch k pasted at box k; boxes, patches and index are as in `Local`."""
    return _paste(x, *_check_boxes(x, boxes, patches, index))


def _paste(x: Tensor, boxes: Tensor, patches: Tensor, index: Tensor) -> Tensor:
    (_, channels, height, width), (high, wide) = x.shape, patches.shape[2:]
    ramp = torch.arange(max(len(boxes), channels, high, wide), device=x.device)
    rows = (boxes[:, :1] + ramp[:high])[:, None, :, None]
    columns = (boxes[:, 1:] + ramp[:wide])[:, None, None, :]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    planes = ramp[: len(boxes), None, None, None] * channels + ramp[:channels, None, None]
    pixels = x.new_empty(len(boxes) * x[0].numel() + 1)  # the spare last one takes what hangs over the edge
    pictures = pixels[:-1].view(len(boxes), *x.shape[1:])
    pictures.copy_(x[index] if len(x) > 1 else x)
    target = ((planes * height + rows) * width + columns).where(inside, len(pixels) - 1)
    pixels.put_(target, patches)
    return pictures


def _check_boxes(x: Tensor, boxes: Tensor, patches: Tensor, index: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, patches and index, on the device of the pictures; ValueErrors where they do not fit together."""
    count, (pictures, channels) = len(boxes), x.shape[:2]
    if boxes.dtype != torch.int64 or boxes.dim() != 2 or boxes.shape[1] != 2 or count == 0:
        raise ValueError(f"boxes is {boxes.dtype} {list(boxes.shape)}; int64 [K, 2] with rows and columns is expected.")
    if patches.dim() != 4 or patches.shape[0] not in (1, count) or patches.shape[1] != channels:
        raise ValueError(f"patches has shape {list(patches.shape)}; [{count} or 1, {channels}, h, w] is expected.")
    if index is None and pictures > 1:
        raise ValueError(f"x holds {pictures} pictures; say with index [K] which picture each box belongs to.")
    index = torch.zeros(count, dtype=torch.int64) if index is None else index
    if index.shape != (count,) or index.min() < 0 or index.max() >= pictures:
        raise ValueError(f"index must hold {count} numbers from 0 to {pictures - 1}, one a box.")
    return boxes.to(x.device), patches.to(x).expand(count, -1, -1, -1), index.to(x.device)


class Local:
    """A model prepared for many small changes of the same pictures: `Local(model, x)(boxes, patches)`.

    It keeps every map of the unchanged pictures. A patch is followed from step to step: only the cells it can reach are
    computed again, on a crop of the kept map with the changed cells pasted in. Once the reached part is larger
    than `share` of a map, or a step mixes all positions, the rest of the network runs in full.

    Where the model's forward cannot be written down as fixed steps, or mixes all positions at once, whole pictures are
    run instead; `why_not` then says the reason, and is None otherwise. The model must not change while this is in use.
    """

    def __init__(self, model: nn.Module, x: Tensor, *, share: float = 0.7, local: bool = True) -> None:
        self.model, self.x, self.share = model, check_pictures(x, model).detach(), share
        self.why_not: str | None = None if local else "switched off"
        self.maps: dict[fx.Node, _Map] = {}
        if local:
            self._prepare()

    def _prepare(self) -> None:
        try:
            self.plan = Plan(self.model, tuple(self.x.shape[2:]))  # type: ignore[arg-type]
        except Exception as problem:  # whatever a forward does to stand-ins for tensors; the plain way needs none
            self.why_not = f"the forward cannot be written down as fixed steps: {problem}"
            return
        if not self.plan.windows:
            mixing = next((seen for seen in self.plan.sees.values() if isinstance(seen, str)), "output")
            self.why_not = f"{mixing} mixes all positions before any convolution or pooling"
            return
        with frozen(self.model), torch.no_grad():
            values: dict[fx.Node, Any] = {**self.plan.constants, self.plan.input: self.x.clone()}
            made = {}
            for node in self.plan.graph.nodes:
                if node not in values:
                    values[node] = self.plan.run(node, values)
                made[node] = getattr(values[node], "_version", None)
            plain, own = self.model(self.x.clone()), values[node]
        self.base = {node: values[node] for node, seen in self.plan.sees.items() if isinstance(seen, tuple)}
        same = isinstance(plain, Tensor) and isinstance(own, Tensor) and plain.shape == own.shape
        if not (same and (plain - own).abs().max() <= 1e-4 * plain.abs().max()):
            self.why_not = "written down as fixed steps, the forward gives other results"
        elif any(value._version != made[node] for node, value in self.base.items() if node in made):
            self.why_not = "a step changes the values of an earlier one in place"

    def __call__(self, boxes: Tensor, patches: Tensor, *, index: Tensor | None = None, batch_size: int = 8) -> Tensor:
        """The scores [K, classes] of the pictures with patch k pasted at box k.

        `boxes` int64 [K, 2]: row and column of each patch's top left pixel; what hangs over the edge is left out.
        `patches` [K, C, h, w], or [1, C, h, w] for the same everywhere. `index` int64 [K]: which picture each box
        belongs to; it may be left out for a single picture.
        """
        boxes, patches, index = _check_boxes(self.x, boxes, patches, index)
        regions = self._regions(boxes, *patches.shape[2:]) if self.why_not is None else {}
        results = []
        with frozen(self.model), torch.no_grad():
            for begin in range(0, len(boxes), batch_size):
                part = slice(begin, begin + batch_size)
                if self.why_not is not None:
                    results.append(self.model(_paste(self.x, boxes[part], patches[part], index[part])))
                else:
                    patch = _Patch(patches[part], *boxes[part].unbind(1))
                    results.append(self._forward(part, index[part], patch, regions))
        return torch.cat(results)

    def _regions(self, boxes: Tensor, height: int, width: int) -> dict[fx.Node, tuple[Tensor, Tensor, int, int]]:
        """For each step that may be computed on a part of its map: top [K], left [K], height and width of that part.

        Steps that share the very same part with a step before them share the very same tuple.
        """
        regions: dict[fx.Node, tuple[Tensor, Tensor, int, int]] = {}
        corners, ends = boxes.cpu().T, (boxes.cpu() + torch.tensor([height, width]) - 1).T
        for node, seen in self.plan.sees.items():
            window = self.plan.windows.get(node)
            if node.op == "placeholder" or not isinstance(seen, tuple) or (window is not None and window.run is None):
                continue
            (top, rows), (left, columns) = (axis.reached(*span) for axis, span in zip(seen, zip(corners, ends)))
            if rows * columns <= self.share * len(seen[0].first) * len(seen[1].first):
                own = top.to(boxes.device), left.to(boxes.device), rows, columns
                before = [regions[source] for source in node.all_input_nodes if source in regions]
                regions[node] = next((r for r in before if window is None and _equal(r, own)), own)
        return regions

    def _crop(self, node: fx.Node, patch: _Patch, index: Tensor, top: Tensor, left: Tensor, *rest: int) -> Tensor:
        if node not in self.maps:
            self.maps[node] = _Map(self.base[node])
        return self.maps[node].crop(index, patch, top, left, *rest)

    def _forward(self, part: slice, index: Tensor, patch: _Patch, regions: dict) -> Tensor:
        plan, zero = self.plan, torch.zeros_like(index)
        values: dict[fx.Node, Any] = {**plan.constants, plan.input: patch}

        def whole(node: fx.Node) -> Any:
            if isinstance(values[node], _Patch):
                values[node] = self._crop(node, values[node], index, zero, zero, *self.base[node].shape[2:], ZERO)
            return values[node]

        for node in plan.graph.nodes:
            if node in values:
                continue
            moving = [source for source in node.all_input_nodes if source not in plan.constants]
            if node not in regions or node.op == "output" or not all(isinstance(values[s], _Patch) for s in moving):
                values[node] = plan.run(node, {source: whole(source) for source in node.all_input_nodes})
                continue
            all_top, all_left, height, width = regions[node]
            top, left = all_top[part], all_left[part]
            window = plan.windows.get(node)
            if window is not None:
                needed = window.needs(top, left, height, width)
                cells = window.run(self._crop(moving[0], values[moving[0]], index, *needed, window.border))
            else:
                crops = {
                    source: values[source].cells if regions.get(source) is regions[node]
                    else self._crop(source, values[source], index, top, left, height, width, ZERO)
                    for source in moving
                }  # fmt: skip
                cells = plan.run(node, {**plan.constants, **crops})
            values[node] = _Patch(cells, top, left)
        return values[node]


def _equal(one: tuple[Tensor, Tensor, int, int], other: tuple[Tensor, Tensor, int, int]) -> bool:
    return one[2:] == other[2:] and torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def local_forward(
    model: nn.Module, x: Tensor, boxes: Tensor, patches: Tensor, *, index: Tensor | None = None, batch_size: int = 8
) -> Tensor:
    """The scores [K, classes] of picture `x` [1, C, H, W] with patch k pasted at box k, computing what it can reach.

    Equal to running the K whole pictures, to within rounding. Boxes, patches and index are as in `Local`, which saves
    the preparation when the same picture is changed again and again. Large batches are not always faster on a CPU:
    its caches hold only so much.
    """
    return Local(model, x)(boxes, patches, index=index, batch_size=batch_size)
