"""How good a detector is: mean average precision as COCO counts it (by pycocotools), and the share of the true boxes that it finds."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import torch
from torch import Tensor

from .. import runtime
from ..models import Detections


def mean_average_precision(found: Detections, boxes: Tensor, labels: Tensor, *, threshold: float | None = 0.5) -> float:
    """The mean over the classes of the area under precision against recall, in [0, 1] (COCO's evaluation, by pycocotools).

    All that was found in all pictures goes from the surest to the least sure; it is right where its box overlaps a true one of
    its class, not found before, by at least `threshold` (intersection over union). All else counts as a false alarm, wherever it is.
    Classes that stand in no picture do not count. threshold None: the mean over COCO's ten, 0.5, 0.55 ... 0.95.

    found: what `models.detect` gives for N pictures, at most the 100 surest of each. boxes `[N, K, 4]`: the truth, x0, y0, x1, y1
    in pixels. labels `[N, K]`: its classes, -1 where there is nothing.
    """
    from pycocotools.coco import COCO  # here, not above: most of the course does without it
    from pycocotools.cocoeval import COCOeval

    checked(found, boxes, labels, threshold)
    truth, guesses = of_truth(boxes, labels), of_found(found)
    classes = sorted({row["category_id"] for row in truth})
    with contextlib.redirect_stdout(io.StringIO()):  # it reports each of its steps
        coco = COCO()
        coco.dataset = {"images": [{"id": n} for n in range(len(boxes))], "annotations": truth, "categories": [{"id": c} for c in classes]}
        coco.createIndex()
        answers = COCO()
        answers.dataset = coco.dataset | {"annotations": [row for row in guesses if row["category_id"] in classes]}
        answers.createIndex()
        run = COCOeval(coco, answers, "bbox")
        run.params.areaRng, run.params.areaRngLbl = run.params.areaRng[:1], run.params.areaRngLbl[:1]  # of any size
        run.params.maxDets = [100]
        if threshold is not None:
            run.params.iouThrs = torch.tensor([threshold], dtype=torch.float64).numpy()
        run.evaluate()
        run.accumulate()
    return float(run.eval["precision"].mean())  # [thresholds, 101 recalls, classes, 1, 1]


def recall(found: Detections, boxes: Tensor, labels: Tensor, *, least: float = 0.5, threshold: float = 0.5) -> float:
    """The share of the true boxes that are found: by a box of their class with a score of at least `least` and an overlap of at least `threshold`.

    False alarms do not count. With a patch's box and its target as the truth it is the share of the scenes that show the target there.
    """
    from torchvision.ops import box_iou

    checked(found, boxes, labels, threshold)
    seen = []
    for guesses, scores, kinds, truth, classes in zip(*found, boxes, labels):
        there = classes >= 0
        fits = (box_iou(truth[there].to(guesses), guesses) >= threshold) & (classes[there].to(kinds.device)[:, None] == kinds) & (scores >= least)
        seen.append(fits.any(1))
    return torch.cat(seen).float().mean().item()


def of_truth(boxes: Tensor, labels: Tensor) -> list[dict[str, Any]]:
    """The true boxes as COCO writes them."""
    rows = zip(*(labels >= 0).nonzero().t().tolist(), boxes[labels >= 0].tolist(), labels[labels >= 0].tolist())
    return [box_of(picture, box, label, number) for number, (picture, _, box, label) in enumerate(rows, 1)]


def of_found(found: Detections) -> list[dict[str, Any]]:
    """The found boxes as COCO writes them."""
    rows: list[dict[str, Any]] = []
    for picture, parts in enumerate(zip(*found)):
        for box, score, label in zip(*(part.tolist() for part in parts)):
            rows.append(box_of(picture, box, label, len(rows) + 1) | {"score": score})
    return rows


def box_of(picture: int, box: list[float], label: int, number: int) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    return {"id": number, "image_id": picture, "category_id": label, "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0}


def checked(found: Detections, boxes: Tensor, labels: Tensor, threshold: float | None) -> None:
    """Refuse what cannot be compared."""
    if not isinstance(found, Detections):
        raise ValueError(f"found is a {type(found).__name__}; Detections are expected, as models.detect gives them.")
    if boxes.dim() != 3 or boxes.shape[2] != 4 or labels.shape != boxes.shape[:2]:
        raise ValueError(f"boxes has shape {list(boxes.shape)} and labels {list(labels.shape)}; [N, K, 4] and [N, K] are expected.")
    if not len(found.boxes) == len(found.scores) == len(found.labels) == len(boxes):
        raise ValueError(f"found holds {len(found.boxes)} pictures and boxes {len(boxes)}; the same pictures are expected.")
    if not bool((labels >= 0).any()):
        raise ValueError("labels holds only -1; at least one true box is expected, else there is nothing to find.")
    if threshold is not None and not 0 < runtime.check_positive(threshold, "threshold") <= 1:
        raise ValueError(f"threshold is {threshold}; an overlap above 0, at most 1, is expected, or None for COCO's ten.")
