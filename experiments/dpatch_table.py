"""Chapter 16 at full scale: DPatch on the detector of the street scenes, by size, by place, with a target, and its controls.

`python -m experiments.dpatch_table`, or with a share (0.1) of the scenes and some of the PARTS, such as `sizes targets`. Mean average
precision counts all that is found, on the patch too, as DPatch counts; `recall` counts only which of the true signs are still found,
with a score of at least 0.5. A sign that the patch hides stays in the truth, also for the controls.
"""

from __future__ import annotations

import functools
import sys
import time

import torch
from torch import Tensor, nn

from course_utils import attacks, measure, models, runtime
from course_utils.data import scenes

from .record import add
from .train_detector import HELD_OUT, NAME, street

STEPS, REACH = 300, 48
SHARE = 0.04
SIZES, PLACES = (0.01, 0.02, 0.04), {"corner": (0, 0), "middle": (77, 77), "random": "random"}
TARGETS = ("Stop", "Prohibition")


@functools.lru_cache(maxsize=1)
def everything(share: float) -> tuple[nn.Module, tuple[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
    """The detector, scenes to make patches from, and scenes to judge them on: of each the pictures, boxes and labels."""
    where, count = runtime.device(), max(20, int(share * 250))
    sets = [street(250, seed) for seed in (HELD_OUT + 1, HELD_OUT)]
    made, held = ((part.x[:count].to(where).float() / 255, part.boxes[:count].to(where), part.labels[:count].to(where)) for part in sets)
    return models.load(NAME), made, held


def pasted(x: Tensor, patch: Tensor, place: str | tuple[int, int]) -> Tensor:
    """The scenes with the patch at its place, or each with it at a place of its own."""
    if place != "random":
        return attacks.paste(x, patch, place)
    spots = (torch.rand(len(x), 2, generator=runtime.generator(7)) * (x.shape[-1] - patch.shape[-1] + 1)).long().tolist()
    return torch.cat([attacks.paste(scene[None], patch, tuple(spot)) for scene, spot in zip(x, spots)])


def judged(share: float, patch: Tensor | None, place: str | tuple[int, int] = (0, 0)) -> dict[str, float]:
    """Mean average precision, recall and how much is found surely on the held-out scenes, in percent and per scene."""
    net, _, (x, boxes, labels) = everything(share)
    x = x if patch is None else pasted(x, patch, place)
    found = models.detect(net, x)
    sure = models.detect(net, x, least=0.5, most=10_000)
    return {
        "map": 100 * measure.mean_average_precision(found, boxes, labels), "map_coco": 100 * measure.mean_average_precision(found, boxes, labels, threshold=None),
        "recall": 100 * measure.recall(sure, boxes, labels), "found": sum(map(len, sure.boxes)) / len(x),
    }  # fmt: skip


def patch_for(part: float, net: nn.Module | None = None, **options: object) -> attacks.DPatch:
    own, (x, boxes, labels), _ = everything(part)
    return attacks.dpatch(net or own, x, boxes, labels, **{"share": SHARE, "steps": max(5, int(STEPS * part**0.5)), "reach": REACH, **options})


def named(numbers: dict[str, float], key: str) -> dict[str, float]:
    print(key, {name: round(value, 2) for name, value in numbers.items()}, f"{time.process_time():.0f} s", flush=True)
    return {f"{key}_{name}": value for name, value in numbers.items()}


def controls(share: float) -> dict[str, float]:
    """No patch, noise, grey, and a patch made for a detector that has learned nothing, all in the corner."""
    side = patch_for(share, steps=1).patch.shape[-1]
    noise = torch.rand(3, side, side, generator=runtime.generator(0)).to(runtime.device())
    with runtime.seeded_weights(3):
        untrained = models.Detector(len(scenes.GROUPS)).to(runtime.device()).eval()
    for_untrained = patch_for(share, untrained)
    tried = {"clean": None, "noise": noise, "grey": torch.full_like(noise, 0.5), "untrained": for_untrained.patch}
    return {name: value for key, patch in tried.items() for name, value in named(judged(share, patch), key).items()}


def sizes(share: float) -> dict[str, float]:
    """In the corner, by the share of the scene that it covers."""
    numbers: dict[str, float] = {}
    for size in SIZES:
        made = patch_for(share, share=size)
        numbers |= named(judged(share, made.patch), f"size_{size:g}") | {f"size_{size:g}_side": made.patch.shape[-1]}
    return numbers


def places(share: float) -> dict[str, float]:
    """By where it is made for and tested; the one made for the corner also where it was not made for."""
    numbers: dict[str, float] = {}
    for key, place in PLACES.items():
        made = patch_for(share, place=place)
        numbers |= named(judged(share, made.patch, place), f"place_{key}")
        if key == "corner":
            numbers |= named(judged(share, made.patch, "random"), "place_corner_moved")
    return numbers


def targets(share: float) -> dict[str, float]:
    """The share of the scenes in which the target is found at the patch, and what happens to the signs."""
    net, _, (x, boxes, labels) = everything(share)
    numbers: dict[str, float] = {}
    for name in TARGETS:
        number, key = scenes.GROUPS.index(name), "target_" + name.lower().replace(" ", "_")
        made = patch_for(share, target=number)
        box, kind = torch.tensor(made.box).float().expand(len(x), 1, 4), torch.full((len(x), 1), number)
        seen = 100 * measure.recall(models.detect(net, attacks.paste(x, made.patch)), box, kind)
        numbers |= named(judged(share, made.patch) | {"seen": seen, "seen_clean": 100 * measure.recall(models.detect(net, x), box, kind)}, key)
    return numbers


PARTS = {"controls": controls, "sizes": sizes, "places": places, "targets": targets}


def main(*given: str) -> None:
    share = float(next((word for word in given if word not in PARTS), 1))
    for part in [word for word in given if word in PARTS] or PARTS:
        numbers = PARTS[part](share)
        add("dpatch", part, numbers, source="drawn street scenes, one to four signs each", count=max(20, int(share * 250)), seed=0,
            command="python -m experiments.dpatch_table", of="scenes")  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
