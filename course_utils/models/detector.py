"""A one-stage detector: one pass over the picture gives, for each cell of a coarse grid, scores of classes and a box."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from .. import runtime
from .networks import SceneNet, conv

CELL = 8  # side in pixels of a cell
BODY = 14  # so many of SceneNet's layers
USUAL = 24.0  # side in pixels of the box that a cell gives before it has learned anything


class Answer(NamedTuple):
    """What a detector says about pictures, cell by cell and row by row, before anything is left out."""

    scores: Tensor  # [N, cells, classes] before the sigmoid: each class is a yes or no of its own
    boxes: Tensor  # [N, cells, 4] x0, y0, x1, y1 in pixels
    places: Tensor  # [cells, 2] the cells' middles, x and y in pixels


class Detections(NamedTuple):
    """What was found: one entry a picture, its boxes from the surest to the least sure."""

    boxes: list[Tensor]  # [K, 4] x0, y0, x1, y1 in pixels
    scores: list[Tensor]  # [K] in [0, 1]
    labels: list[Tensor]  # [K] classes


class Detector(nn.Module):
    """A small detector without anchors (after CenterNet and FCOS, 2019), for pictures with sides of 32 pixels and more.

    Its body is the first six convolutions of SceneNet, as detectors commonly stand on the layers of a classifier. A cell of 8x8 pixels
    answers for the things whose middle is near its own. Its box is told by the middle's distance from the cell's, in cells, and by the
    logarithm of its sides.
    """

    def __init__(self, classes: int = 11, width: int = 24, head: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(*list(SceneNet(width=width))[:BODY])
        self.neck = nn.Sequential(*conv(4 * width, head, 3), *conv(head, head, 3))
        self.scores, self.sides = nn.Conv2d(head, classes, 1), nn.Conv2d(head, 4, 1)
        nn.init.constant_(self.scores.bias, -4.6)  # 1 in 100: in almost all cells there is nothing, and the loss shall not begin with that
        self.to(memory_format=torch.channels_last)  # a fifth faster to train on a CPU
        self.classes = classes

    def forward(self, x: Tensor) -> Answer:
        return self.said(self.body(x))

    def said(self, maps: Tensor) -> Answer:
        """The answer to the body's maps `[N, C, rows, columns]`."""
        maps = self.neck(maps)
        places = middles(*maps.shape[2:]).to(maps)
        shift, logs = self.sides(maps).flatten(2).transpose(1, 2).split(2, 2)
        middle, half = places + CELL * shift, USUAL / 2 * logs.clamp(-3, 3).exp()
        return Answer(self.scores(maps).flatten(2).transpose(1, 2), torch.cat([middle - half, middle + half], 2), places)


def middles(rows: int, columns: int) -> Tensor:
    """The middles of a grid's cells, row by row: `[rows * columns, 2]`, x and y in pixels."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return CELL * (torch.stack([x, y], 2).reshape(-1, 2) + 0.5)


def assigned(places: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """What each cell shall say: classes `[N, cells]`, -1 where there is nothing, and boxes `[N, cells, 4]`.

    A cell answers for a box whose middle is less than a cell away in both directions, of several for the smallest.
    """
    middle, area = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    near = ((places[:, None] - middle[:, None]).abs() < CELL).all(-1) & (labels >= 0)[:, None]  # [N, cells, K]
    cost, first = torch.where(near, area[:, None].expand(near.shape), torch.inf).min(2)
    classes = torch.where(cost < torch.inf, labels.gather(1, first), -1)
    return classes, boxes.gather(1, first[..., None].expand(-1, -1, 4))


def detection_loss(answer: Answer, boxes: Tensor, labels: Tensor, *, focus: float = 2.0) -> Tensor:
    """How wrong an answer is, one number: focal loss of all cells' scores + 1 - GIoU of the boxes where something is, per such cell.

    boxes: the truth `[N, K, 4]`, x0, y0, x1, y1 in pixels. labels `[N, K]`: its classes; rows with -1 do not count. focus: the focal
    loss is the cross-entropy times (1 - p)^focus, with p the probability of what is right, so that cells that are right anyway
    weigh next to nothing; 0 leaves the cross-entropy.
    """
    from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss  # here, not above: torchvision takes seconds to load

    checked(answer, boxes, labels)
    classes, whose = assigned(answer.places, boxes.to(answer.boxes), labels)
    something = classes >= 0
    wanted = (classes[..., None] == torch.arange(answer.scores.shape[2], device=classes.device)).to(answer.scores)
    seen = sigmoid_focal_loss(answer.scores, wanted, alpha=0.25 if focus else -1, gamma=focus, reduction="sum")
    apart = generalized_box_iou_loss(answer.boxes, whose, reduction="none").where(something, 0).sum()
    return (seen + apart) / something.sum().clamp_min(1)


def class_losses(answer: Answer, boxes: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy of each class's scores over all cells of all pictures, added up: `[classes]`. The truth as for `detection_loss`."""
    checked(answer, boxes, labels)
    classes, _ = assigned(answer.places, boxes.to(answer.boxes), labels)
    wanted = (classes[..., None] == torch.arange(answer.scores.shape[2], device=classes.device)).to(answer.scores)
    return binary_cross_entropy_with_logits(answer.scores, wanted, reduction="none").sum((0, 1))


def checked(answer: Answer, boxes: Tensor, labels: Tensor) -> None:
    """Refuse a truth that does not fit the answer, as far as that shows without reading from the device."""
    if not isinstance(answer, Answer):
        raise ValueError(f"the model gives a {type(answer).__name__}; a detector's Answer (scores, boxes, places) is expected: models.Detector.")
    count = len(answer.scores)
    if boxes.dim() != 3 or boxes.shape[0] != count or boxes.shape[2] != 4 or boxes.shape[1] < 1:
        raise ValueError(f"boxes has shape {list(boxes.shape)}; [{count}, K, 4] is expected, with K at least 1: fill up with label -1.")
    if labels.shape != boxes.shape[:2] or labels.dtype != torch.int64:
        raise ValueError(f"labels is {labels.dtype} of shape {list(labels.shape)}; int64 of shape {list(boxes.shape[:2])} is expected, -1 where there is nothing.")


@torch.no_grad()
def detect(model: nn.Module, x: Tensor, *, least: float = 0.05, overlap: float = 0.5, most: int = 100, batch: int = 16) -> Detections:
    """What a detector finds in pictures `x` `[N, 3, H, W]` in [0, 1].

    Boxes with a score of at least `least`; of boxes of one class that overlap by more than `overlap` (intersection over union)
    only the surest stays (non-maximum suppression); at most `most` a picture. Sides are clipped to the picture.
    """
    from torchvision.ops import batched_nms, clip_boxes_to_image

    runtime.check_pictures(x, model), runtime.check_count(most, "most"), runtime.check_count(batch, "batch")
    for name, share in (("least", least), ("overlap", overlap)):
        if not 0 <= runtime.check_positive(share, name) <= 1:
            raise ValueError(f"{name} is {share}; a number in [0, 1] is expected.")
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    with runtime.frozen(model), torch.no_grad():
        for part in x.split(batch):
            answer = model(part)
            if not isinstance(answer, Answer):
                raise ValueError(f"the model gives a {type(answer).__name__}; a detector's Answer is expected: models.Detector.")
            sure = answer.scores.float().sigmoid()
            picture, cell, label = (sure >= least).nonzero(as_tuple=True)
            boxes, scores = clip_boxes_to_image(answer.boxes[picture, cell].float(), part.shape[2:]), sure[picture, cell, label]
            kept = batched_nms(boxes, scores, picture * sure.shape[2] + label, overlap)  # from the surest to the least sure
            for number in range(len(part)):
                own = kept[picture[kept] == number][:most]
                found.append((boxes[own], scores[own], label[own]))
    return Detections(*map(list, zip(*found)))


def best(found: Detections, least: float) -> Detections:
    """Only what was found with a score of at least `least`: what a person would be shown."""
    kept = [scores >= least for scores in found.scores]
    pick = lambda parts: [part[mask] for part, mask in zip(parts, kept)]  # noqa: E731
    return Detections(*map(pick, found))
