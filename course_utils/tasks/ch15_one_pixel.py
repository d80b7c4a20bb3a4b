"""The open task of chapter 15: one pixel with a hundred queries a picture, where evolution has not yet finished its first generation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .. import attacks, data, models, runtime
from ..checking import OpenTask, expect, expect_inside, returned
from .asking import Quiet, asked

NETWORK, PICTURES, OF, EACH, SEED = "smallvgg-signs", 15, 400, 100, 5  # the chapter shows the pictures of seed 0


def least_sure() -> tuple[Tensor, Tensor]:
    """The drawn signs that the network has right, but is least sure of: a single pixel hardly ever moves the others."""
    net, pictures = models.load(NETWORK), data.load("objects", "test", n=OF, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    p = runtime.logits(net, x).softmax(1)
    chosen = torch.where(p.argmax(1) == y, p.amax(1), 2.0).argsort()[:PICTURES]
    return x[chosen], y[chosen]


def fooled(attack: Callable) -> float:
    """Percent of the pictures that `attack(oracle, x, y)` has taken for another class, with at most one other pixel in each."""
    x, y = least_sure()
    net = models.load(NETWORK)
    got = asked(attack, Quiet(net, EACH * PICTURES, scores=True), f"{EACH} a picture", x=x, y=y)
    returned(got, x, "the batch of attacked pictures")
    expect_inside(got)
    most = int((got != x).any(1).flatten(1).sum(1).max())
    expect(most <= 1, f"{most} pixels of a picture are other ones; one is allowed.")
    return 100 * (runtime.predict(net, got) != y).float().mean().item()


def at_random(oracle: attacks.Oracle, x: Tensor, y: Tensor) -> Tensor:
    """The baseline: for each picture so many random pixels in random colours, and the best of them."""
    chance, best, found = runtime.generator(0), torch.full((len(x),), -torch.inf, device=x.device), x.clone()
    for _ in range(EACH):
        row, column = torch.randint(x.shape[2], (2,), generator=chance).tolist()
        tried = x.clone()
        tried[:, :, row, column] = torch.rand(x.shape[1], generator=chance).to(x)
        ahead = attacks.margins.lead(oracle(tried), y, False)
        better = ahead > best
        found, best = torch.where(better[:, None, None, None], tried, found), torch.where(better, ahead, best)
    return found


TASKS = (
    OpenTask("few_queries", at_random, fooled, goal=40.0, minutes=20, hints=(
        "All pictures can be asked about in one call, each with a pixel of its own. Which colours work best in section 5's map: those in the middle of the colour cube, or its corners?",
        "A pixel that nearly works has neighbours that work. Keep each picture's best place and colour, and try places near it.",
        "For a quarter of the queries random places and corner colours; then the best place moved by up to 3 rows and columns, the colour kept, now and then another corner.",
        "How far a pixel gets is best seen in the scores: the largest other score minus that of y. It moves long before the class changes.",
    )),
)  # fmt: skip
