"""What noise of a given size must be: every value up or down by eps, by the toss of a fair coin of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..runtime import generator as seeded
from .calls import call
from .exercise import Case
from .expectations import expect, expect_budget, expect_inside, returned
from .probes import probe


def cases() -> Iterator[Case]:
    _, x, _ = probe(channels=3)
    yield {"x": x, "eps": 0.0713, "generator": seeded(3)}
    yield {"x": x[:4], "eps": 0.1973, "generator": seeded(4)}


def agree(got: Tensor, want: Tensor, case: Case) -> None:
    """Each pixel is at x + eps or at x - eps, clipped."""
    returned(got, want, "the batch of noisy pictures")
    expect_inside(got)
    expect_budget(got, case)
    up, down = ((case["x"] + side * case["eps"]).clamp(0, 1) for side in (1, -1))
    whole = ((got - up).abs() < 1e-5) | ((got - down).abs() < 1e-5)
    expect(whole.all(), "some pixels move by less than eps; FGSM moves every pixel by eps, so must its baseline.")


def fair(f: Callable) -> None:
    """Up and down are equally likely, for each value on its own, also where clipping hides one of them; all from `generator`."""

    def draw(level: float, generator: torch.Generator) -> Tensor:
        return call(f, x=torch.full((64, 3, 8, 8), level), eps=0.0713, generator=generator)

    tosses = seeded(3)
    first, second = draw(0.5, tosses), draw(0.5, tosses)
    expect(0 < (first > 0.5).float().mean() < 1, "every value moved the same way; toss a coin for each value: x.shape of them.")
    reseeded = "two calls one after the other gave the same noise: draw from `generator` as it is; do not set its seed, or copy it."
    expect(not torch.equal(first, second), reseeded)
    expect(not torch.equal(first, draw(0.5, seeded(4))), "another generator state gave the same result: draw from `generator`.")
    expect(torch.equal(first, draw(0.5, seeded(3))), "the same generator state gave two results: draw from `generator`.")
    for level in (0.5, 0.0, 1.0):
        up = (draw(level, seeded(5)) > level - (level == 1) * 0.01).float().mean()
        expect((up - 0.5).abs() < 0.02, f"up and down are not equally likely: of pixels at {level}, {100 * up:.0f} % went up.")
    up = (first > 0.5).float()
    for axis, many in ((0, "pictures"), (1, "colours of a pixel"), (2, "rows"), (3, "columns")):
        # shared coins have deviation 0.5, free ones 0.5 / sqrt(n)
        together = up.mean(axis).std() > 0.25 * (1 + up.shape[axis] ** -0.5)
        expect(not together, f"all {many} move together; toss a coin for each value: x.shape of them.")
