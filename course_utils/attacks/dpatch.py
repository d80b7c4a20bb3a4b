"""DPatch: one small patch that blinds a detector, wherever the things stand that it should find."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .. import runtime
from ..models.detector import CELL, Answer, class_losses, detection_loss
from ..models.detector import checked as fits
from ..runtime import check_count, check_positive
from .adam import Adam
from .common import wide

PLACES = ("corner", "random")


class DPatch(NamedTuple):
    """A patch, where it was put, and how it came about.

    patch: `[C, side, side]` in [0, 1]. box: x0, y0, x1, y1 in pixels of the place in the last step. losses `[steps]`: what each step
    climbed (untargeted) or went down (targeted), on its scenes, before the patch moved.
    """

    patch: Tensor
    box: tuple[int, int, int, int]
    losses: Tensor


def dpatch(
    model: nn.Module, images: Tensor, boxes: Tensor, labels: Tensor, *, target: int | None = None, share: float = 0.04,
    place: str | tuple[int, int] = "corner", steps: int = 100, step: float = 0.1, batch: int = 4, reach: int | None = None,
    generator: torch.Generator | None = None,
) -> DPatch:  # fmt: skip
    """DPatch (Liu 2018): a patch P that makes a detector wrong on all scenes x in which it stands.

    Untargeted: argmax_P E_x[L(x with P; the true boxes and classes)]. Targeted: argmin_P E_x[L(x with P; the patch's box, class
    `target`)], as if the patch were the only thing in the scene. L is the detector's own loss, without the focal factor, which would
    silence the cells that are right: those to be turned. Untargeted it is climbed class by class on a logarithmic scale, see `worst`.
    P begins as grey with a little noise; each step is Adam's on `batch` scenes, then P is brought back into [0, 1].

    model: a `models.Detector`, or another that gives its Answer. images `[N, C, H, W]` in [0, 1], boxes `[N, K, 4]` x0, y0, x1, y1 in
    pixels, labels `[N, K]`, -1 where there is nothing. share: of the scene's area that the patch covers at most. place: "corner" (upper
    left), the pixel (x, y) of the patch's corner, or "random": another place at each step. What the patch hides stays in the truth.
    reach: only so many pixels around the patch are looked at, which costs less (a cell of `models.Detector` sees 48); None: all.
    """
    check_count(steps, "steps"), check_count(batch, "batch"), check_count(reach or 0, "reach", least=0), check_positive(step, "step", zero=False)
    side, chance = side_of(share, images), generator or runtime.generator()
    checked(model, images, boxes, labels, target), spot(place, side, images, chance)  # refused now rather than in the loop
    x = runtime.detached(images)
    with runtime.frozen(model):
        patch = (0.5 + 0.1 * torch.randn(x.shape[1], side, side, generator=chance)).clamp(0, 1).to(wide(x))
        adam, losses, sign = Adam(patch), [], 1 if target is None else -1
        for _ in range(steps):
            patch.requires_grad_()
            chosen = some(len(x), batch, chance).to(x.device)
            box = spot(place, side, x, chance)
            truth, kinds = (boxes[chosen], labels[chosen]) if target is None else only(box, target, len(chosen), boxes)
            rows, columns, corner = around(box, reach, x)
            answer = model(paste(x[chosen], patch, box[:2])[:, :, rows, columns])
            loss = worst(answer, truth - corner, kinds) if target is None else detection_loss(answer, truth - corner, kinds, focus=0)
            (slope,) = torch.autograd.grad(sign * loss, patch)
            patch = (patch.detach() + step * adam.step(slope)).clamp(0, 1)
            losses.append(loss.detach())
        return DPatch(patch.to(x.dtype), box, torch.stack(losses))


def paste(x: Tensor, patch: Tensor, place: tuple[int, int] = (0, 0)) -> Tensor:
    """Pictures `[N, C, H, W]` with the patch `[C, h, w]` in each, its upper left corner at the pixel (x, y); gradients reach the patch."""
    (left, top), (height, width) = place, patch.shape[1:]
    if left < 0 or top < 0 or left + width > x.shape[3] or top + height > x.shape[2]:
        raise ValueError(f"the patch of {width}x{height} at {place} does not lie inside the pictures of {x.shape[3]}x{x.shape[2]} pixels.")
    pasted = x.clone()
    pasted[:, :, top : top + height, left : left + width] = patch
    return pasted


def worst(answer: Answer, boxes: Tensor, labels: Tensor) -> Tensor:
    """What the untargeted patch climbs: the mean over the classes of log L_k, with L_k the cross-entropy of class k's scores in all cells.

    It rises wherever a class's part of the loss does. The plain sum is soon ruled by the classes that gave way first: a class that seems
    impossible everywhere has no slope beside them, and stays right.
    """
    return class_losses(answer, boxes, labels).clamp_min(1e-30).log().mean()


def around(box: tuple[int, int, int, int], reach: int | None, images: Tensor) -> tuple[slice, slice, Tensor]:
    """The rows and columns within `reach` pixels of a box, in whole cells of a detector, and what that takes off boxes x0, y0, x1, y1."""
    height, width = images.shape[2:]
    if reach is None:
        reach = max(height, width)
    (left, top), (right, bottom) = (max(0, side - reach) // CELL * CELL for side in box[:2]), (-(-(side + reach) // CELL) * CELL for side in box[2:])
    return slice(top, min(bottom, height)), slice(left, min(right, width)), torch.tensor([left, top, left, top]).to(images)


def some(count: int, batch: int, generator: torch.Generator) -> Tensor:
    """The numbers of `batch` of `count` scenes, of all where there are fewer."""
    return torch.randperm(count, generator=generator)[:batch]


def side_of(share: float, images: Tensor) -> int:
    """The side in pixels of the largest square that covers at most `share` of a picture."""
    if not 0 < check_positive(share, "share") <= 1:
        raise ValueError(f"share is {share}; the share of the scene that the patch covers is expected, above 0 and at most 1.")
    height, width = runtime.check_pictures(images).shape[2:]
    side = int((share * height * width) ** 0.5 + 1e-6)
    if not 1 <= side <= min(height, width):
        raise ValueError(f"share {share} of pictures of {width}x{height} is a square of {side} pixels; 1 to {min(height, width)} are possible.")
    return side


def spot(place: str | tuple[int, int], side: int, images: Tensor, generator: torch.Generator) -> tuple[int, int, int, int]:
    """The patch's box x0, y0, x1, y1 in pixels."""
    height, width = images.shape[2:]
    if isinstance(place, str):
        chosen = runtime.pick("place", place, PLACES)
        ends = torch.tensor([width, height]) - side + 1
        x, y = (torch.rand(2, generator=generator) * ends).long().tolist() if chosen == "random" else (0, 0)
    else:
        x, y = (check_count(value, "place", least=0) for value in place)
    if x + side > width or y + side > height:
        raise ValueError(f"place is {place}; a patch of {side} pixels there does not lie inside pictures of {width}x{height}.")
    return x, y, x + side, y + side


def only(box: tuple[int, int, int, int], target: int, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The patch's box as the only thing in each of `count` scenes: boxes `[count, 1, 4]` and labels `[count, 1]`."""
    return torch.tensor(box).to(like).expand(count, 1, 4), torch.full((count, 1), target, device=like.device)


def checked(model: nn.Module, images: Tensor, boxes: Tensor, labels: Tensor, target: int | None) -> None:
    """Refuse a truth that does not fit the scenes, or classes that the model does not know."""
    runtime.check_batch(images, None, model)
    with runtime.frozen(model), torch.no_grad():
        answer = model(images[:1])
        fits(answer, boxes[:1], labels[:1])
    classes = answer.scores.shape[2]
    if len(boxes) != len(images) or labels.shape != boxes.shape[:2]:
        raise ValueError(f"boxes holds {len(boxes)} rows and labels {len(labels)} for {len(images)} scenes; one row a scene is expected.")
    if bool((labels >= classes).any()):
        raise ValueError(f"labels holds {int(labels.max())}; the model has {classes} classes: 0 to {classes - 1}, and -1 where there is nothing.")
    if target is None and not bool((labels >= 0).any()):
        raise ValueError("labels holds only -1; an untargeted patch needs true boxes to lead the detector away from.")
    if target is not None and not 0 <= target < classes:
        raise ValueError(f"target is {target}; the model has {classes} classes: 0 to {classes - 1}.")
