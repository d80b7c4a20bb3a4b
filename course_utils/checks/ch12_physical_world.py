"""The exercises of chapter 12: a lens that bends, rounding that lets gradients through, the destruction rate, and a step for many views."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from .. import transforms
from ..checking import (
    ATTACK, PICTURES, TENSORS, Case, Exercise, expect, expect_budget, expect_close, expect_inside, rounding, slips,
)  # fmt: skip
from ..checking import views as cameras
from ..runtime import generator

def lens_grid(size: int, k: float) -> Tensor:
    """(x, y) (1 + k r^2) for the pixel centres of a square from -1 to 1: [size, size, 2]."""
    return bent(size, lambda x, y: 1 + k * (x * x + y * y))


def round_through(x: Tensor) -> Tensor:
    """Whole grey levels, with the gradient of x itself."""
    return transforms.grey_levels(x)


def destruction_rate(clean: Tensor, attacked: Tensor, after: Tensor, y: Tensor) -> float:
    """The share of right after among right before and wrong attacked; NaN where that is none."""
    fooled = (clean == y) & (attacked != y)
    return (after == y)[fooled].double().mean().item()


def eot_step(model: nn.Module, views: list[cameras.View], x: Tensor, now: Tensor, y: Tensor, eps: float, step: float) -> Tensor:
    """now + step * sign(mean of the views' gradients of the loss), brought back to within eps of x and into [0, 1]."""
    return cameras.stepped(cameras.mean_slope(slips.total_loss, (model, views), now, y), x, now, eps, step)


# ---------------------------------------------------------------- the lens


def bent(size: int, factor: Callable[[Tensor, Tensor], Tensor], place: Tensor | None = None) -> Tensor:
    """The grid of pixel centres (or of `place`), each times factor(x, y)."""
    place = (2 * torch.arange(size) + 1) / size - 1 if place is None else place
    x, y = place.expand(size, size), place[:, None].expand(size, size)
    return torch.stack([x, y], 2) * factor(x, y)[..., None]


def lenses() -> Iterator[Case]:
    for size, k in ((6, 0.2137), (6, -0.1513), (9, 0.2137), (4, 0.0), (1, 0.2137)):
        yield {"size": size, "k": k}


# ---------------------------------------------------------------- the rate


def predictions() -> Iterator[Case]:
    """Classes before, under attack and after a transform, with every combination of right and wrong; and none that was fooled."""
    for seed in (0, 1):
        chance = generator(seed)
        y = torch.randint(5, (40,), generator=chance)
        wrong = [(y + torch.randint(1, 5, (40,), generator=chance)) % 5 for _ in range(3)]
        right = [torch.rand(40, generator=chance) < share for share in (0.8, 0.35, 0.5)]
        yield dict(zip(("clean", "attacked", "after"), (torch.where(r, y, w) for r, w in zip(right, wrong))), y=y)
    yield {"clean": y, "attacked": y, "after": y.roll(1), "y": y}


NOTHING = "in one of the cases no picture was fooled; a share of nothing is float('nan'), neither 0 nor 1."


def share(got: object, want: float, case: Case) -> None:
    """The number itself; NaN where nothing was fooled."""
    expect(isinstance(got, (int, float)), f"one number is expected, not {type(got).__name__}; .item() gives it.")
    if math.isnan(want):
        expect(math.isnan(got), NOTHING)
    else:
        expect(not math.isnan(got), "the result is NaN, though pictures were fooled.")
        expect_close(float(got), want)


def rate_of(above: Callable[..., Tensor], below: Callable[..., Tensor]) -> Callable[..., float]:
    """A wrong answer: above / below, of right before, right under attack, right after."""

    def rate(clean: Tensor, attacked: Tensor, after: Tensor, y: Tensor) -> float:
        b, a, t = clean == y, attacked == y, after == y
        count = below(b, a, t).sum()
        return (above(b, a, t).sum() / count).item() if count else math.nan

    return rate


EXERCISES = (
    Exercise("lens_grid", lens_grid, lenses, difficulty=2, minutes=12, what="the grid", hints=(
        "First without the lens: pixel i of `size` covers 1 / size of the way from -1 to 1, twice over. Where is its middle?",
        "place = (2 * torch.arange(size) + 1) / size - 1. x changes along the columns, y along the rows: place.expand(size, size), and place[:, None] for y.",
        "r2 = x**2 + y**2; torch.stack([x * (1 + k * r2), y * (1 + k * r2)], 2).",
    ), mistakes=(
        (lambda size, k: lens_grid(size, k).transpose(0, 1), "rows and columns are exchanged: grid[row, column] holds (x, y), and x grows with the column."),
        (lambda size, k: lens_grid(size, k).flip(2), "(y, x) is given; grid_sample wants (x, y): across first, then down."),
        (lambda size, k: bent(size, lambda x, y: 1 + k * (x * x + y * y), torch.linspace(-1, 1, size)),
         "-1 and 1 are taken for the middles of the outer pixels; they are the picture's edges. The middle of pixel i lies at (2 i + 1) / size - 1."),
        (lambda size, k: bent(size, lambda x, y: 1 + k * (x * x + y * y), 2 * torch.arange(size) / size - 1),
         "each place is the left edge of its pixel; take the middle, (2 i + 1) / size - 1."),
        (lambda size, k: bent(size, lambda x, y: 1 + k * (x * x + y * y), (torch.arange(size) + 0.5) / size), "the places go from 0 to 1; they go from -1 to 1, with 0 in the middle."),
        (lambda size, k: bent(size, lambda x, y: 1 + k * (x * x + y * y).sqrt()), "the radius itself is used; the lens bends with its square: 1 + k r^2."),
        (lambda size, k: lens_grid(size, abs(k)), "the sign of k is lost; a pincushion has k < 0."),
        (lambda size, k: lens_grid(size, -k), "it bends the other way; with k > 0 the outer pixels look farther out: times (1 + k r^2)."),
        (lambda size, k: bent(size, lambda x, y: 1 / (1 + k * (x * x + y * y))), "it is divided by 1 + k r^2; multiply: the outer pixels look farther out."),
        (lambda size, k: bent(size, lambda x, y: k * (x * x + y * y)), "the 1 is missing: (x, y) times (1 + k r^2), so that k = 0 changes nothing."),
        (lambda size, k: bent(size, lambda x, y: 1 + k * (x * x + y * y) ** 2), "the fourth power of the radius is used: x^2 + y^2 is r^2 already."),
        (lambda size, k: torch.stack([bent(size, lambda x, y: 1 + k * x * x)[..., 0], bent(size, lambda x, y: 1 + k * y * y)[..., 1]], 2),
         "each axis is bent by its own square; the radius counts, r^2 = x^2 + y^2."),
        *((lambda size, k, i=i: torch.stack([lens_grid(size, k if i == j else 0.0)[..., j] for j in (0, 1)], 2),
           f"only {'xy'[i]} is bent; both x and y are multiplied by 1 + k r^2.") for i in (0, 1)),
        (lambda size, k: lens_grid(size, k).clamp(-1, 1), "places beyond the sheet are moved to its edge; let them be: grid_sample makes them black."),
        (lambda size, k: bent(size, lambda x, y: torch.ones_like(x)), "nothing is bent; multiply by 1 + k r^2."),
        (lambda size, k: lens_grid(size, k).permute(2, 0, 1), "the shape is [2, size, size]; [size, size, 2] is expected: torch.stack(..., 2)."),
    )),
    Exercise("round_through", round_through, rounding.levels, difficulty=2, minutes=8, battery=PICTURES, what="the batch of pictures", also=rounding.lets_through, hints=(
        "Rounded pixels are x plus what rounding adds. Which of the two parts should carry the gradient?",
        "torch.round has gradient 0. .detach() takes a value out of the graph: a constant, for autograd.",
        "x + (rounded - x).detach(), with rounded = (255 * x).round() / 255.",
    ), mistakes=(
        (lambda x: x.round(), "pixels are rounded to 0 or 1; a grey level is 1 / 255: round 255 * x, and divide again."),
        (lambda x: (256 * x).round() / 256, "there are 256 levels, but 255 steps between black and white: 255 * x."),
        (lambda x: (256 * x).floor().clamp(max=255) / 255, "256 * x is cut off; round 255 * x to the nearest whole number."),
        (lambda x: (255 * x).floor() / 255, "pixels are rounded down; take the nearest level: .round()."),
        (lambda x: (255 * x).ceil() / 255, "pixels are rounded up; take the nearest level: .round()."),
        (lambda x: (255 * x).round(), "levels from 0 to 255 come back; divide by 255 again."),
        (lambda x: (255 * x).round() / 255 - x, "this is what rounding adds; add it to x, detached."),
        (lambda x: x.clone(), "nothing is rounded; the values must be whole grey levels, k / 255."),
        (lambda x: 2 * x - (255 * x).round() / 255, "what rounding adds is subtracted; add it."),
    )),
    Exercise("destruction_rate", destruction_rate, predictions, difficulty=1, minutes=8, battery=TENSORS, agree=share, what="the rate", hints=(
        "Which pictures count at all? Those that the attack fooled honestly: right before, wrong under attack.",
        "fooled = (clean == y) & (attacked != y) is a mask. Among those: how many are right after the transform?",
        "(after == y)[fooled].float().mean().item(). The mean of nothing is NaN by itself.",
    ), mistakes=(
        *((lambda *given, rest=rest: rest if math.isnan(found := destruction_rate(*given)) else found, NOTHING) for rest in (0.0, 1.0)),
        (rate_of(lambda b, a, t: b & ~a & ~t, lambda b, a, t: b & ~a), "this is the share that survives; the destruction rate is the share that is right again."),
        (lambda *given: 100 * destruction_rate(*given), "percent are given; a number from 0 to 1 is expected."),
        (lambda *given: rate_of(lambda b, a, t: b & ~a & t, lambda b, a, t: torch.ones(()))(*given), "this is how many are right again; divide by the number of those that were fooled."),
        (lambda clean, attacked, after, y: (after == y)[attacked != clean].double().mean().item(),
         "all pictures count whose class the attack changed; take those that were right before: clean == y."),
        (rate_of(lambda b, a, t: ~a & t, lambda b, a, t: ~a), "pictures that were wrong before the attack are counted; take those that were right: clean == y."),
        (rate_of(lambda b, a, t: b & ~a & t, lambda b, a, t: b), "it is divided by all that were right before; divide by those that were fooled."),
        (rate_of(lambda b, a, t: b & ~a & t, lambda b, a, t: torch.ones_like(b)), "it is divided by all pictures; divide by those that were fooled."),
        (rate_of(lambda b, a, t: b & ~a & t, lambda b, a, t: ~a), "it is divided by all that are wrong under attack; some of them were wrong before. Divide by those that were fooled."),
        (rate_of(lambda b, a, t: ~a & t, lambda b, a, t: b & ~a), "above the line pictures are counted that were wrong before the attack; the same pictures count above and below."),
        (rate_of(lambda b, a, t: t, lambda b, a, t: torch.ones_like(t)), "this is the accuracy after the transform; only pictures that the attack fooled count."),
        (rate_of(lambda b, a, t: b & t, lambda b, a, t: b), "pictures that the attack did not fool are counted; take those with attacked != y."),
        (lambda clean, attacked, after, y: rate_of(lambda b, a, t: b & ~a & t, lambda b, a, t: b & ~a)(clean, attacked, torch.where(after == clean, y, y - 1), y),
         "after is compared with the prediction before; compare it with y."),
        (lambda clean, attacked, after, y: ((after != attacked) & (clean == y) & (attacked != y)).sum().item() / max(1, ((clean == y) & (attacked != y)).sum().item()),
         "a picture counts whose class changed at all; it must be right again: after == y."),
    )),
    Exercise("eot_step", eot_step, cameras.on_the_way, difficulty=2, minutes=15, battery=ATTACK, what="the batch of pictures", rules=(expect_inside, expect_budget), hints=(
        "Each view is a function of pictures. The loss of view k is that of model(view(z)), with the same y; the gradient is asked for z, the picture before the views.",
        "Add up the losses of all views (or average them; the sign does not care), and ask for one gradient. Then comes chapter 10's small step, once.",
        "z = now.detach().clone().requires_grad_(); loss = sum(F.cross_entropy(model(view(z)), y) for view in views); the gradient for z; "
        "(now + step * gradient.sign()).clamp(x - eps, x + eps).clamp(0, 1).",
    ), mistakes=cameras.MISTAKES),
)  # fmt: skip
