"""What a judgement is made with: pictures that nobody has seen before, other networks of the course, and pictures for the report."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import data, models, runtime

COUNT, SEEDS, FRESH = 200, 100, 40  # pictures to attack, those that a stand-in is trained from, and those that are shown at the very end
EACH = 3  # examples of each attack


class Material(NamedTuple):
    """x, y: the pictures and their labels. seeds, fresh: other pictures. others: networks to transfer from. start: a network to train as a stand-in."""

    x: Tensor
    y: Tensor
    seeds: Tensor
    fresh: Tensor
    others: list[nn.Module]
    start: Callable[[], nn.Module]

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Material:
        """Drawn pictures come from a secret seed; of real ones some are chosen by it, and moved a little, so that no picture is one of the data set."""
        source, seed = settings["data"], settings["seed"]
        runtime.choose_profile(source)
        if source == "drawn":
            pictures = data.load("digits", "test", n=COUNT + SEEDS + FRESH, source=source, seed=seed)
            x, y = pictures.x, pictures.y
        else:
            pictures, chance = data.load("digits", "test", source=source), drawn_anew(seed, "pictures")
            chosen = torch.randperm(len(pictures.x), generator=chance)[: COUNT + SEEDS + FRESH]
            x, y = jolted(pictures.x[chosen], chance), pictures.y[chosen]
        others = [models.classifier("digits", net, source=source, training=how).cpu() for net, how in (("lenet", "twin"), ("madry", "pgd-twin"), ("madry", None))]
        small = models.classifier("digits", "stridenet", source=source).cpu()
        return cls(x[:COUNT], y[:COUNT], x[COUNT : COUNT + SEEDS], x[COUNT + SEEDS :], others, lambda: copy.deepcopy(small))


def drawn_anew(seed: int, what: str) -> torch.Generator:
    """Random numbers for one purpose, which tell nothing about those for another."""
    return runtime.generator(int.from_bytes(hashlib.sha256(f"arena {seed} {what}".encode()).digest()[:7], "big"))


def jolted(x: Tensor, chance: torch.Generator) -> Tensor:
    """Pictures turned by up to 8 degrees, scaled by up to 6 % and moved by up to a pixel: still what they were, but in no data set."""
    turn, scale, right, down = (2 * torch.rand(4, len(x), generator=chance) - 1).unbind()
    angle, size = turn * 8 * torch.pi / 180, 1 + 0.06 * scale
    rows = [torch.stack([size * angle.cos(), -size * angle.sin(), right / 14], 1), torch.stack([size * angle.sin(), size * angle.cos(), down / 14], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return (F.grid_sample(x, grid, align_corners=False).clamp(0, 1) * 255).round() / 255


def examples(attack: Any, x: Tensor, made: Tensor, y: Tensor, said: Tensor, before: Tensor) -> list[dict[str, Any]]:
    """The first few pictures that an attack fooled the submission with: what was shown, found, and said. before: which were right unchanged."""
    won = (before & (said != y)).nonzero().flatten()[:EACH].tolist()
    return [
        {"attack": attack.name, "threat": attack.threat, "label": int(y[i]), "said": int(said[i]), "clean": encoded(x[i, 0]), "found": encoded(made[i, 0])} for i in won
    ]


def encoded(picture: Tensor) -> str:
    """A grey picture `[H, W]` as a PNG in base64."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray((picture * 255).round().byte().numpy()).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()
