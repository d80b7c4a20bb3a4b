"""Train the detector of the street scenes: `make train NAME=detector-scenes`.

Its body is the first layers of `scenenet-scenes`, kept fixed: what they answer is computed once for each scene and its mirror image,
and only what stands on them learns, in about a minute. Measured: mean average precision at an overlap of 0.5 on scenes of seeds that
nothing is trained on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils import measure, models, runtime, training
from course_utils.data import scenes

NAME, UNDER = "detector-scenes", "scenenet-scenes"
SCENES, HELD, PART = 1_500, 500, 250  # drawn in parts of 250, a seed each
EPOCHS, RATE, BATCH = 6, 0.004, 16
HELD_OUT = 1_000_000  # the first seed of scenes that nothing is trained on


class Street(NamedTuple):
    """Scenes and what stands in them; label -1 where there is no sign."""

    x: Tensor  # bytes [N, 3, S, S]
    boxes: Tensor  # [N, K, 4]
    labels: Tensor  # [N, K] groups


def street(n: int, seed: int, signs: tuple[int, int] = (1, 4)) -> Street:
    """`n` scenes from the seeds `seed`, `seed + 1` ... on."""
    parts = []
    for part, start in enumerate(range(0, n, PART)):
        drawn = scenes.draw_groups(min(PART, n - start), generator=runtime.generator(seed + part), signs=signs)
        parts.append(Street((drawn.x * 255).round().byte(), drawn.boxes, drawn.labels))
    return Street(*map(torch.cat, zip(*parts)))


def mirrored(scene: Street) -> Street:
    """The scenes seen in a mirror: the groups of the signs stay the same."""
    x0, y0, x1, y1 = scene.boxes.unbind(-1)
    size = scene.x.shape[-1]
    return Street(scene.x.flip(3), torch.stack([size - x1, y0, size - x0, y1], -1), scene.labels)


@torch.no_grad()
def answers(body: nn.Module, x: Tensor) -> Tensor:
    """What the fixed layers answer to scenes given as bytes, in half precision: `[N, C, rows, columns]`."""
    where = runtime.device()
    return torch.cat([body(part.to(where).float() / 255).half().cpu() for part in x.split(25)])


def loss(model: models.Detector, maps: Tensor, truth: Tensor) -> Tensor:
    """The detector's loss on the body's maps; truth `[N, K, 5]` holds the boxes and, last, the labels."""
    return models.detection_loss(model.said(maps.float()), truth[..., :4], truth[..., 4].long())


def precision(model: nn.Module, held: Street) -> float:
    """Mean average precision at an overlap of 0.5."""
    found = models.detect(model, held.x.float().div(255).to(runtime.device()))
    return measure.mean_average_precision(found, held.boxes, held.labels, threshold=0.5)


def detector(seed: int = 0) -> models.Detector:
    """A detector that has learned nothing yet, on the fixed layers of the scenes' classifier."""
    with runtime.seeded_weights(seed):
        net = models.checkpoints.NETWORKS[NAME]()
    layers = {name: value for name, value in models.load(UNDER).state_dict().items() if name in net.body.state_dict()}
    net.body.load_state_dict(layers)
    net.body.requires_grad_(False)
    return net.to(runtime.device()).eval()


def run(record: Callable[[str, str, str, int, str], None]) -> None:
    """Train, measure, save and record the detector; `record` writes its row."""
    start = time.time()
    net, drawn, held = detector(), street(SCENES, 0, (3, 4)), street(HELD, HELD_OUT)
    both = [drawn, mirrored(drawn)]
    maps = torch.cat([answers(net.body, part.x) for part in both])
    truth = torch.cat([torch.cat([part.boxes, part.labels[..., None].to(part.boxes)], 2) for part in both])
    print(f"{NAME} {time.time() - start:5.0f} s  scenes drawn", flush=True)
    training.train(net, maps, truth, epochs=EPOCHS, batch_size=BATCH, lr=RATE, optimizer="adam", weight_decay=0, loss=loss, label=NAME)
    path = models.save(net, NAME)
    score = precision(models.load(NAME), held)
    note = f"the accuracy is the mean average precision at an overlap of 0.5; on the first layers of `{UNDER}`, which stay as they are; eleven groups of signs, three or four in a scene, one to four where it is tested"
    record(NAME, f"drawn, {SCENES:,} scenes and their mirror images", f"{100 * score:.2f} % of {HELD}", 0, note)
    print(f"{NAME}: mAP@0.5 {score:.3f}, {path.stat().st_size / 1e6:.2f} MB, {time.time() - start:.0f} s")
