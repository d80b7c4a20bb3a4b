"""The open task of chapter 16: one dark and one bright sticker, small ones, with forty queries a picture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .. import attacks, data, models, runtime
from ..checking import Mistake, OpenTask, call, expect, returned
from .ch13_transfer_black_box import Quiet, nothing_but

NETWORK, PICTURES, EACH, SEED = "signnet-signs", 12, 40, 5  # the chapter shows the pictures of seed 0
COVER, ADDS = 0.015, (-1.0, 1.0)


def right_ones() -> tuple[Tensor, Tensor]:
    """Drawn signs that the network has right."""
    net, pictures = models.load(NETWORK), data.load("signs", "test", n=2 * PICTURES, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    right = (runtime.predict(net, x) == y).nonzero().flatten()[:PICTURES]
    return x[right], y[right]


def fooled(attack: Callable) -> float:
    """Percent of the signs that the stickers `attack(oracle, x, y)` gives, boxes [N, 2, 4], have taken for another class."""
    x, y = right_ones()
    net = models.load(NETWORK)
    oracle = Quiet(net, EACH * PICTURES, scores=True)
    with nothing_but(oracle):
        try:
            got = call(attack, oracle=oracle, x=x, y=y)
        except attacks.Refused as error:
            raise Mistake(f"{error} {EACH} a picture are allowed.") from error
        except ValueError as error:
            if isinstance(error.__cause__, Mistake):  # models.load takes the refusal for a damaged file
                raise error.__cause__ from None
            raise
    boxes = returned(got, torch.zeros(len(x), 2, 4, dtype=torch.long, device=x.device), "the boxes")
    size, (x0, y0, x1, y1) = torch.tensor([x.shape[3], x.shape[2]] * 2, device=x.device), boxes.unbind(2)
    expect(((boxes >= 0) & (boxes <= size)).all() and ((x0 <= x1) & (y0 <= y1)).all(), "boxes are x0, y0, x1, y1 in pixels, inside the picture, x0 and y0 not above x1 and y1.")
    most, allowed = int(((x1 - x0) * (y1 - y0)).sum(1).max()), int(COVER * x[0, 0].numel())
    expect(most <= allowed, f"{most} pixels of a picture are covered; {allowed} are allowed for both stickers together.")
    worn = attacks.stuck(x, boxes, torch.tensor(ADDS).to(x))
    return 100 * (runtime.predict(net, worn) != y).float().mean().item()


def at_random(oracle: attacks.Oracle, x: Tensor, y: Tensor) -> Tensor:
    """The baseline: stickers anywhere and of any size, forty times, and the best of them."""
    chance, best = runtime.generator(0), torch.full((len(x),), -torch.inf, device=x.device)
    boxes = torch.zeros(len(x), 2, 4, dtype=torch.long, device=x.device)
    for _ in range(EACH):
        tried = attacks.scattered(x, dark=1, bright=1, cover=COVER, generator=chance)
        ahead = attacks.margins.lead(oracle(tried.images), y, False)
        boxes = torch.where((ahead > best)[:, None, None], tried.boxes, boxes)
        best = torch.maximum(best, ahead)
    return boxes


TASKS = (
    OpenTask("two_stickers", at_random, fooled, goal=75.0, minutes=20, hints=(
        "All pictures can be asked about in one call, each with stickers of its own. How far stickers get is best seen in the scores: the largest other score minus that of y.",
        "Stickers that nearly work have neighbours that work. Keep each picture's best boxes, and try boxes near them; one sticker can move while the other stays.",
        "All that is allowed should be used: two stickers of 8 x 2 pixels cover 32 of 34. Begin near the middle, where the sign is.",
        "Eight random places first; then each place moved by a normal number of pixels, deviation 3 at first, half of it later, and kept where it is better.",
    )),
)  # fmt: skip
