"""Train the detector of the street scenes: `make train NAME=detector-scenes`.

Scenes are drawn in parts of 250, a seed each, and kept as bytes. At each step they are flipped, scaled and shifted with their boxes,
and their light is changed. Measured: mean average precision at an overlap of 0.5 on scenes of seeds that nothing is trained on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import measure, models, runtime, training
from course_utils.data import scenes

NAME = "detector-scenes"
SCENES, HELD, PART = 4_000, 500, 250
EPOCHS, RATE, BATCH = 18, 0.003, 16
HELD_OUT = 1_000_000  # the first seed of scenes that nothing is trained on


def street(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """`n` scenes: pictures as bytes `[n, 3, 192, 192]` and their truth `[n, 4, 5]`, boxes and, last, labels."""
    parts = []
    for part, start in enumerate(range(0, n, PART)):
        drawn = scenes.draw_groups(min(PART, n - start), generator=runtime.generator(seed + part))
        parts.append(((drawn.x * 255).round().byte(), torch.cat([drawn.boxes, drawn.labels[..., None]], 2)))
    x, truth = zip(*parts)
    return torch.cat(x), torch.cat(truth)


def views(x: Tensor, truth: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Scenes `[N, 3, S, S]` flipped, scaled by 0.8 to 1.25, shifted and in another light, and their truth `[N, K, 5]` with them.

    A sign of which less than half is left in the picture no longer counts.
    """
    count, size = len(x), x.shape[-1]
    draw = lambda *shape: 2 * torch.rand(count, *shape, generator=chance) - 1  # noqa: E731
    scale, shift, flip = 1.25 ** draw(1, 1), 0.15 * size * draw(1, 2), draw(1, 1).sign()
    turn = torch.cat([scale * flip, scale], 2)  # [N, 1, 2]: from the old place, seen from the middle, to the new one
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = (1 / turn).unbind(2)[0][:, 0], (1 / turn).unbind(2)[1][:, 0]
    theta[:, :, 2] = -(2 / size * shift / turn)[:, 0]
    moved = F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), padding_mode="border", align_corners=False)
    contrast, light = 1 + 0.3 * draw(1, 1, 1), 0.15 * draw(1, 1, 1)
    corners = ((truth[..., :4].unflatten(2, (2, 2)) - size / 2) * turn[:, None] + shift[:, None] + size / 2)
    whole = torch.cat([corners.amin(2), corners.amax(2)], 2)
    boxes = whole.clamp(0, size)
    area = lambda box: (box[..., 2:] - box[..., :2]).prod(-1)  # noqa: E731
    labels = torch.where(area(boxes) > area(whole) / 2, truth[..., 4], -1)
    return (moved * contrast + light).clamp(0, 1), torch.cat([boxes, labels[..., None]], 2)


def loss(seed: int) -> training.Loss:
    """The detector's loss on fresh views."""
    chance = runtime.generator(seed)

    def value(model: nn.Module, x: Tensor, truth: Tensor) -> Tensor:
        x, truth = views(x.cpu(), truth.cpu(), chance)
        where = runtime.model_device(model) or runtime.device()
        return models.detection_loss(model(x.to(where)), truth[..., :4].to(where), truth[..., 4].long().to(where))

    return value


def precision(model: nn.Module, x: Tensor, truth: Tensor) -> float:
    """Mean average precision at an overlap of 0.5 on scenes given as bytes."""
    where = runtime.model_device(model) or runtime.device()
    found = models.detect(model, x.float().div(255).to(where))
    return measure.mean_average_precision(found, truth[..., :4], truth[..., 4].long(), threshold=0.5)


def run(record: Callable[[str, str, str, int, str], None]) -> None:
    """Train, measure, save and record the detector; `record` writes its row."""
    start = time.time()
    runtime.seed_everything(0)
    (x, truth), held = street(SCENES, 0), street(HELD, HELD_OUT)
    plain = models.checkpoints.NETWORKS[NAME]().to(runtime.device())
    net = training.with_batch_norm(plain)

    def watch(model: nn.Module) -> float:
        score = precision(model, *held)
        print(f"{NAME} {time.time() - start:5.0f} s  mAP {score:.3f}", flush=True)
        return score

    training.train(net, x, truth, epochs=EPOCHS, batch_size=BATCH, lr=RATE, optimizer="adam", weight_decay=1e-5, loss=loss(0), evaluate=watch, label=NAME)
    training.fold_batch_norm(net.cpu(), plain.cpu())
    path = models.save(plain, NAME)
    score = precision(models.load(NAME), *held)
    record(NAME, f"drawn, {SCENES:,} scenes", f"mAP@0.5 {score:.3f} on {HELD}", 0, "batch norm folded in; eleven groups of signs, one to four a scene")
    print(f"{NAME}: mAP@0.5 {score:.3f}, {path.stat().st_size / 1e6:.2f} MB, {time.time() - start:.0f} s")
