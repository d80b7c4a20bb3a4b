"""Small changes of a picture: computing again only what they can reach."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..runtime import check_count, check_pictures, frozen
from .crops import KeptMap, Patch, check_boxes, paste_checked
from .plan import Plan
from .regions import Region, reached_regions, saved_work
from .tracing import why_no_plan
from .windows import ZERO
from .work import FEW, WORTH, WorkMeter


class _NotLocal(Exception):
    """The reason why whole pictures must be run."""


class Local:
    """A model prepared for many small changes of the same pictures: `Local(model, x)(boxes, patches)`.

    It keeps the maps of the unchanged pictures. A patch is followed from step to step: only the cells it can reach are
    computed again, on a crop of the kept map with the changed cells pasted in. Once the reached part is larger
    than `share` of a map, or a step mixes all positions, the rest of the network runs in full.

    Where the steps of the model's forward cannot be known, or where this would save less than `worth` of the work,
    whole pictures are run instead; `why_not` then says the reason, and is None otherwise. Before anything is trusted, two
    patches go both ways and must agree. The model must not change while this is in use. `count` is how many patches are
    to come, where that is known: for a few, the preparation is not worth it.
    """

    def __init__(
        self, model: nn.Module, x: Tensor, *, share: float = 0.7, worth: float = WORTH, count: float = math.inf,
        local: bool = True,
    ) -> None:  # fmt: skip
        self.model, self.x, self.share, self.worth = model, check_pictures(x, model).detach(), share, worth
        self.count = count
        self.maps: dict[fx.Node, KeptMap] = {}
        self.why_not: str | None = None if local else "switched off"
        if local:
            try:
                with frozen(model), torch.no_grad():
                    self._prepare()
            except _NotLocal as reason:
                self.why_not = str(reason)
            except Exception as problem:  # a step that fails on its own; whole pictures show whether the model does
                self.why_not = f"a step cannot be run by itself: {problem}"
        if self.why_not is not None:
            self.maps.clear()

    def __call__(self, boxes: Tensor, patches: Tensor, *, index: Tensor | None = None, batch_size: int = 8) -> Tensor:
        """The scores [K, classes] of the pictures with patch k pasted at box k.

        `boxes` int64 [K, 2]: row and column of each patch's top left pixel; what hangs over the edge is left out.
        `patches` [K, C, h, w], or [1, C, h, w] for the same everywhere. `index` int64 [K]: which picture each box
        belongs to; it may be left out for a single picture.
        """
        check_count(batch_size, "batch_size")
        boxes, patches, index = check_boxes(self.x, boxes, patches, index)
        regions = self._regions(boxes, *patches.shape[2:]) if self.why_not is None else {}
        return self._scores(boxes, patches, index, regions, batch_size)

    def pixels(self, places: Tensor, colours: Tensor, index: Tensor, *, batch_size: int = 256) -> Tensor:
        """The scores [K, classes] of pictures `index` [K] with the pixel at row and column `places` int64 [K, 2] in colour [K, C].

        These are patches of 1 x 1 inside the picture. What a pixel can reach is found out once, for all pixels; nothing is
        checked here, and nothing read from the device.
        """
        which, parts = places[:, 0] * self.x.shape[3] + places[:, 1], {}
        for region in self._of_pixels.values():  # steps that share a part go on sharing it
            parts[id(region)] = region._replace(top=region.top[which], left=region.left[which])
        regions = {node: parts[id(region)] for node, region in self._of_pixels.items()}
        return self._scores(places, colours[:, :, None, None], index, regions, batch_size)

    def _scores(self, boxes: Tensor, patches: Tensor, index: Tensor, regions: dict[fx.Node, Region], batch_size: int) -> Tensor:
        local = self.why_not is None and self._saved(regions) >= self.worth
        results = []
        with frozen(self.model), torch.no_grad():
            for begin in range(0, len(boxes), batch_size):
                part = slice(begin, begin + batch_size)
                if local:
                    patch = Patch(patches[part], *boxes[part].unbind(1))
                    results.append(self._forward(part, index[part], patch, regions))
                else:
                    results.append(self.model(paste_checked(self.x, boxes[part], patches[part], index[part])))
                if not isinstance(results[-1], Tensor):
                    given = type(results[-1]).__name__
                    raise ValueError(f"the model gives a {given}; class scores [N, classes] are expected.")
        return torch.cat(results)

    @functools.cached_property
    def _of_pixels(self) -> dict[fx.Node, Region]:
        """For each step the part of its map that each pixel can reach, row by row."""
        every = torch.cartesian_prod(*map(torch.arange, self.x.shape[2:])).to(self.x.device)
        return self._regions(every, 1, 1) if self.why_not is None else {}

    # ------------------------------------------------------------ preparation

    def _prepare(self) -> None:
        if self.count * self.x[0, 0].numel() < FEW:
            raise _NotLocal("so few small pictures are run faster than the local way is prepared")
        unknown = why_no_plan(self.model, self.x)
        if unknown is not None:
            raise _NotLocal(unknown)
        picture = self.x[:1].clone()
        with WorkMeter(picture) as self.meter:
            plain = self.model(picture)
        early = self.meter.share_before or 1.0  # nothing at all: the plan says why
        self._require_worth(early, f": {self.meter.stop} mixes positions early")
        try:
            self.plan = Plan(self.model, tuple(self.x.shape[2:]))  # type: ignore[arg-type]
        except Exception as problem:  # whatever a forward does to stand-ins for tensors
            raise _NotLocal(f"the forward cannot be written down as fixed steps: {problem}") from problem
        if not self.plan.windows:
            raise _NotLocal(f"{self.plan.mixing()} mixes all positions before any convolution or pooling")
        own = self._keep_maps()
        if not isinstance(plain, Tensor) or not isinstance(own, Tensor) or plain.shape != own[:1].shape:
            raise _NotLocal("written down as fixed steps, the forward gives other results")
        _must_agree(own[:1], plain, plain, "written down as fixed steps, the forward gives other results")
        self._try_two_patches(plain)

    def _keep_maps(self) -> Any:
        """Run the unchanged pictures step by step and keep the maps that crops are taken from; gives the result."""
        values: dict[fx.Node, Any] = {**self.plan.constants, self.plan.input: self.x.clone()}
        self.channels: dict[fx.Node, int] = {}
        for node in self.plan.steps:
            if node not in values:
                self._refuse_shared_change(node, values)
                before = [values[source] for source in self.plan.sources[node] if isinstance(values[source], Tensor)]
                versions = [tensor._version for tensor in before]
                values[node] = self.plan.run(node, values, keep=True)
                if versions != [tensor._version for tensor in before]:
                    raise _NotLocal("a step changes the values of an earlier one in place")
            if self.plan.is_map(node) and node is not self.plan.end:
                self.channels[node] = values[node].shape[1]
                if self.plan.crops(node):
                    self.maps[node] = KeptMap(values[node])
            for done in self.plan.last_use[node]:
                del values[done]
        return values[self.plan.end]

    def _refuse_shared_change(self, node: fx.Node, values: dict[fx.Node, Any]) -> None:
        """A step may change its first argument in place only if it alone uses it, and that memory is not read later."""
        changed = values[node.args[0]] if node in self.plan.in_place else None  # type: ignore[index]
        if not isinstance(changed, Tensor):
            return
        memory, order = changed.untyped_storage().data_ptr(), self.plan.order
        if len(node.args[0].users) > 1:  # type: ignore[union-attr]
            raise _NotLocal("a step changes the values of an earlier one in place")
        for other, value in values.items():
            if isinstance(value, Tensor) and value.untyped_storage().data_ptr() == memory:
                if other in self.plan.constants or any(order[user] > order[node] for user in other.users):
                    raise _NotLocal("a step changes the values of an earlier one in place")

    def _try_two_patches(self, plain: Tensor) -> None:
        """Push two patches of noise through the network both ways: one inside, one that hangs over the last corner."""
        height, width = self.x.shape[2:]
        high, wide = max(1, height // 15), max(1, width // 15)
        boxes = torch.tensor([[height // 3, width // 2], [height - (high + 1) // 2, width - (wide + 1) // 2]])
        noise = torch.rand(2, self.x.shape[1], high, wide, generator=torch.Generator().manual_seed(0))
        boxes, noise, index = check_boxes(self.x, boxes, noise, boxes[:, 0] * 0)
        regions = self._regions(boxes, high, wide)
        self._require_worth(self._saved(regions))
        whole = self.model(paste_checked(self.x, boxes, noise, index))
        local = self._forward(slice(None), index, Patch(noise, *boxes.unbind(1)), regions)
        _must_agree(local, whole, plain, "recomputed locally, a patch gives other results")

    def _saved(self, regions: dict[fx.Node, Region]) -> float:
        return saved_work(self.plan, regions, self.channels) / max(self.meter.total, 1.0)

    def _require_worth(self, saved: float, why: str = "") -> None:
        """Refuse where the share of the work that is saved, less that of preparing it, is too small."""
        saved -= self.meter.preparation(len(self.x), self.count)
        if saved < self.worth:
            share = f"{max(saved, 0):.0%}"
            raise _NotLocal(f"the local way would save only {share} of the work, its preparation counted in{why}")

    # ------------------------------------------------------------ the local way

    def _regions(self, boxes: Tensor, height: int, width: int) -> dict[fx.Node, Region]:
        return reached_regions(self.plan, boxes, height, width, self.share)

    def _forward(self, part: slice, index: Tensor, patch: Patch, regions: dict[fx.Node, Region]) -> Tensor:
        """The scores of a batch. Each step gives a patch of its map, or from some step on whole values."""
        plan, whole = self.plan, dict(self.plan.constants)
        patches: dict[fx.Node, Patch] = {plan.input: patch}
        for node in plan.steps:
            if node in whole or node is plan.input:
                continue
            sources = plan.sources[node]
            if node in regions and all(source in patches for source in sources):
                patches[node] = self._step(node, part, index, patches, regions)
            else:
                for source in sources:
                    if source not in whole:
                        whole[source] = self.maps[source].whole(index, patches[source], ZERO)
                whole[node] = plan.run(node, whole)
            for done in plan.last_use[node]:
                whole.pop(done, None)
                patches.pop(done, None)
        return whole[plan.end]

    def _step(
        self, node: fx.Node, part: slice, index: Tensor, patches: dict[fx.Node, Patch], regions: dict[fx.Node, Region]
    ) -> Patch:
        """One step on the part of its map that the patch can reach."""
        own, window, sources = regions[node], self.plan.windows.get(node), self.plan.sources[node]
        top, left = own.top[part], own.left[part]
        if window is not None:
            needed, map_below = window.needs(top, left, own.height, own.width), self.maps[sources[0]]
            crop = map_below.crop(index, patches[sources[0]], *needed, window.border)
            return Patch(window.run(crop), top, left)  # type: ignore[misc]
        crops = {
            source: patches[source].cells if regions.get(source) is own
            else self.maps[source].crop(index, patches[source], top, left, own.height, own.width, ZERO)
            for source in sources
        }  # fmt: skip
        return Patch(self.plan.run(node, {**self.plan.constants, **crops}), top, left)


def _must_agree(found: Tensor, expected: Tensor, unchanged: Tensor, otherwise: str) -> None:
    """Both ways give the same scores, to within rounding or a thousandth of what a patch changes."""
    coarse = expected.is_cuda and torch.backends.cudnn.allow_tf32  # convolutions with factors of 10 bits
    rounding = 100 * (1e-4 if coarse else torch.finfo(expected.dtype).eps) * expected.abs().max()
    allowed = rounding + 1e-3 * (expected - unchanged).abs().max()
    if found.shape != expected.shape or not bool((found - expected).abs().max() <= allowed):
        raise _NotLocal(otherwise)


def local_forward(
    model: nn.Module, x: Tensor, boxes: Tensor, patches: Tensor, *, index: Tensor | None = None, batch_size: int = 8
) -> Tensor:
    """The scores [K, classes] of picture `x` [1, C, H, W] with patch k pasted at box k, computing what it can reach.

    Equal to running the K whole pictures, to within rounding. Boxes, patches and index are as in `Local`, which saves
    the preparation when the same picture is changed again and again. Large batches are not always faster on a CPU:
    its caches hold only so much.
    """
    return Local(model, x)(boxes, patches, index=index, batch_size=batch_size)
