"""The open task of chapter 22: a square of paint that fools the bounded network, with three gradients a picture."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import data, models, runtime
from ..attacks.common import input_gradient
from ..checking import OpenTask, expect, expect_gradients
from ..checking.counting import counted

NETWORK, COUNT, SEED, SIDE, GRADIENTS, CLASSES = "signnet-signs-bounded", 80, 5, 8, 3, 24  # the chapter shows the pictures of seed 0


@functools.lru_cache(maxsize=1)
def given() -> tuple[Tensor, Tensor, Tensor]:
    """Drawn signs that the network has right, and for each a square at a place of its own near the middle."""
    net, pictures = models.load(NETWORK), data.load("signs", "test", n=2 * COUNT, source="drawn", seed=SEED)
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    right = (runtime.predict(net, x) == y).nonzero().flatten()[:COUNT]
    corner = torch.randint(12, 48 - 12 - SIDE + 1, (2, len(right), 1), generator=runtime.generator(SEED)).to(x.device)
    down, across = ((torch.arange(48, device=x.device) >= c) & (torch.arange(48, device=x.device) < c + SIDE) for c in corner)
    return x[right], y[right], (down[:, :, None] & across[:, None]).unsqueeze(1).to(x)


def fooled(attack: Callable) -> float:
    """Percent of the signs that `attack(model, x, y, mask)` makes the network get wrong, by paint below the mask alone."""
    x, y, mask = given()
    net = models.load(NETWORK)
    got, used = counted(attack, x, "the batch of painted pictures", classes=CLASSES, model=net, x=x.clone(), y=y.clone(), mask=mask.clone())
    outside = ((got - x).abs() * (1 - mask)).amax().item()
    expect(outside <= 1e-6, f"pixels outside the mask are changed, by up to {outside:.3g}; paint below it only.")
    expect_gradients(used, GRADIENTS)
    return 100 * (runtime.predict(net, got) != y).double().mean().item()


def signed_steps(model: nn.Module, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """The baseline: three signed steps of a fifth, from the sign as it is."""
    now = x
    for _ in range(GRADIENTS):
        with runtime.frozen(model):
            now = (now + 0.2 * mask * input_gradient(model, now, y).sign()).clamp(0, 1)
    return now


TASKS = (
    OpenTask("past_bounds", signed_steps, fooled, goal=78.0, minutes=25, hints=(
        "Below the mask any colour is allowed. Three steps of a fifth do not even cross the range from black to white: are they long enough?",
        "Begin with large steps and end with small ones, remember each picture's best, and let the direction of earlier steps count on (momentum). Scores cost no gradient: which paint do you start from?",
        "A margin of logits, the largest other one less that of y, keeps its gradient when the network is already wrong or very sure.",
        "Begin with the best of the sign and eleven random paints (each number 0 or 1). Then speed = 0.7 * speed + gradient / mean(|gradient|), and now + mask * step * speed.sign(), with steps from 0.7 down to 0.2.",
    )),
)  # fmt: skip
