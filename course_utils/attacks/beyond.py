"""Attacks beyond single pixels: the picture is turned, moved, lit, blurred, or its scene drawn otherwise, as the network likes it least.

A few numbers decide, not one for each pixel. They are found by trying (the worst of k random ones) and by going up the gradient through the
camera, or through the drawing.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime, transforms
from ..runtime import Labels, check_count, check_positive
from .common import attacking, each, wide
from .iterative import judged

Span = tuple[Tensor, Tensor]  # the lowest and the highest of each parameter, [N, P]


class Knobs(Protocol):
    """Pictures with P numbers that can be changed: `own` `[N, P]`, as they are; -1 and 1 are the ends of what is allowed."""

    @property
    def own(self) -> Tensor: ...

    def render(self, parameters: Tensor) -> Tensor: ...


class Camera(NamedTuple):
    """A camera before the pictures `x` `[N, C, H, W]`: they are turned by up to `turn` degrees (clockwise), moved by up to `shift` of a side to the
    right and down, the light is up to `light` of 1 stronger or weaker, and it is out of focus by up to `blur` pixels."""

    x: Tensor
    turn: float = 30.0
    shift: float = 0.1
    light: float = 0.4
    blur: float = 1.0

    names = ("turn", "right", "down", "light", "blur")

    @property
    def own(self) -> Tensor:
        """Straight, in the middle, in usual light, and sharp."""
        return wide(self.x).new_tensor([0, 0, 0, 0, -1]).repeat(len(self.x), 1)

    def render(self, parameters: Tensor) -> Tensor:
        """The pictures as the camera sees them with `parameters` `[N, 5]`, -1 to 1; differentiable in both."""
        turn, right, down, light, blur = parameters.to(self.own).unbind(1)
        angle, (height, width) = torch.deg2rad(self.turn * turn), self.x.shape[2:]
        cos, sin = angle.cos(), angle.sin()  # grid_sample asks where each pixel comes from: the inverse of the move, in halves of the picture
        theta = torch.stack([cos, sin * height / width, -2 * self.shift * right, -sin * width / height, cos, -2 * self.shift * down], 1).reshape(-1, 2, 3)
        grid = F.affine_grid(theta, list(self.x.shape), align_corners=False)
        moved = F.grid_sample(wide(self.x), grid, padding_mode="border", align_corners=False)
        return transforms.blur((moved * each(1 + self.light * light)).clamp(0, 1), self.blur * (blur + 1) / 2).to(self.x.dtype)


class Changed(NamedTuple):
    """Pictures `[N, C, H, W]`, the parameters that made them `[N, P]`, and whether the model is fooled `[N]`."""

    images: Tensor
    parameters: Tensor
    fooled: Tensor


def beyond_pixels(
    model: nn.Module, x: Tensor, y: Tensor | None = None, *, turn: float = 30.0, shift: float = 0.1, light: float = 0.4, blur: float = 1.0,
    tries: int = 10, steps: int = 0, step: float = 0.2, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """The worst that a camera can do (after Engstrom 2017): the worst of `tries` random positions, light and focus, then `steps` steps uphill.

    tries=10, steps=0 is the paper's worst of 10; tries=1, steps=20 gradient ascent from a random start; tries=1, steps=0 asks the model nothing:
    random ones of the same range, the control. x: pictures `[N, C, H, W]` in [0, 1]. y: classes `[N]`, or None for the model's own prediction.
    """
    for name, most in (("turn", turn), ("shift", shift), ("light", light), ("blur", blur)):
        check_positive(most, name)
    runtime.check_batch(x, y, model)
    return worst_change(model, Camera(runtime.detached(x), turn, shift, light, blur), y, tries=tries, steps=steps, step=step, generator=generator).images


def worst_change(
    model: nn.Module, knobs: Knobs, y: Tensor | None = None, *, tries: int = 10, steps: int = 0, step: float = 0.2, reach: float | None = None,
    generator: torch.Generator | None = None,
) -> Changed:  # fmt: skip
    """The parameters in [-1, 1] that the model likes least: p <- clip(p + step * sign(dJ/dp)), from the worst of `tries` random ones.

    Of all that is tried each picture keeps what fools the model, and of that what has the highest loss. reach: only so far from what the
    pictures are, in each parameter. y: classes `[N]`, or None for what the model takes the unchanged pictures for.
    """
    check_positive(step, "step"), check_count(steps, "steps", least=0), check_count(tries, "tries")
    chance = generator or runtime.generator()
    with attacking(model, knobs.render(knobs.own), y) as (x, y):
        low, high = span(knobs.own, reach)
        if not y.known:
            y(runtime.logits(model, x))
        best = looked_at(model, knobs, y, drawn(low, high, chance))
        for _ in range(tries - 1):
            best = worse(best, looked_at(model, knobs, y, drawn(low, high, chance)))
        p = best[0].parameters
        for _ in range(steps):
            p = (p + step * uphill(model, knobs, y, p).sign()).clamp(low, high)
            best = worse(best, looked_at(model, knobs, y, p))
        return best[0]


def span(own: Tensor, reach: float | None) -> Span:
    """What is allowed: -1 to 1, and of that, at most `reach` from what the pictures are."""
    far = 2.0 if reach is None else check_positive(reach, "reach")
    return (own - far).clamp_min(-1), (own + far).clamp_max(1)


def drawn(low: Tensor, high: Tensor, chance: torch.Generator) -> Tensor:
    """Parameters at random, all places alike."""
    return low + (high - low) * torch.rand(low.shape, generator=chance, device=chance.device, dtype=low.dtype).to(low)


def looked_at(model: nn.Module, knobs: Knobs, y: Labels, p: Tensor) -> tuple[Changed, Tensor]:
    """Pictures with these parameters, and the model's loss `[N]`."""
    with torch.no_grad():
        images = knobs.render(p)
    fooled, loss = judged(model, images, y, False, F.cross_entropy)
    return Changed(images, p, fooled), loss


def worse(one: tuple[Changed, Tensor], other: tuple[Changed, Tensor]) -> tuple[Changed, Tensor]:
    """Of each picture the one that fools, else the one with the higher loss."""
    (a, loss), (b, more) = one, other
    take = (b.fooled & ~a.fooled) | ((a.fooled == b.fooled) & (more > loss))
    chosen = Changed(torch.where(each(take), b.images, a.images), torch.where(take[:, None], b.parameters, a.parameters), a.fooled | b.fooled)
    return chosen, torch.where(take, more, loss)


def uphill(model: nn.Module, knobs: Knobs, y: Labels, p: Tensor) -> Tensor:
    """The loss's gradient for the parameters, `[N, P]`, through the camera or the drawing."""
    p = runtime.watched(p)
    scores = model(knobs.render(p))
    return runtime.gradient(F.cross_entropy(scores, y(scores), reduction="sum"), p)


def change_needed(
    model: nn.Module, knobs: Knobs, y: Tensor | None = None, *, tries: int = 10, levels: int = 20, generator: torch.Generator | None = None
) -> Tensor:
    """After how many of `levels` equal steps towards some random place the picture is first taken for another class than `y`: `[N]`.

    For each picture `tries` places are drawn in the box -1 to 1, and it goes straight towards each. 0: it was so before. levels + 1: never so.
    The counterpart of `steps_needed`.
    """
    check_count(tries, "tries"), check_count(levels, "levels")
    chance, own = generator or runtime.generator(), knobs.own
    with attacking(model, knobs.render(own), y) as (x, y):
        scores = runtime.logits(model, x)
        needed = torch.where(scores.argmax(1) == y(scores), levels + 1, 0)
        goals = [drawn(*span(own, None), chance) for _ in range(tries)]
        for level in range(1, levels + 1):
            for goal in goals:
                seen, _ = looked_at(model, knobs, y, own + level / levels * (goal - own))
                needed = torch.where((needed > level) & seen.fooled, level, needed)
        return needed
