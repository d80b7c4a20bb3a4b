"""The exercises of chapter 05: a step uphill, the price of a picture, a small blur, the sizes of the octaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checking import ATTACK, PICTURES, Case, Exercise, blurring, call, expect, expect_close, expect_inside, probe, slips
from ..checking.battery import NARROW
from ..runtime import generator


def climb(model: nn.Module, x: Tensor, y: Tensor, rate: float) -> Tensor:
    """x + rate * g / mean |g| of each picture, clipped to [0, 1]; g is the gradient of the score of class y."""
    return moved(slips.gradient_of(slips.own_score, model, x, y), x, rate)


def moved(slope: Tensor, x: Tensor, rate: float) -> Tensor:
    return (x + rate * slope / slope.abs().mean((1, 2, 3), keepdim=True)).clamp(0, 1).detach()


def price(x: Tensor, centre: float, weight: float) -> Tensor:
    """weight * |x - centre|^2 of each picture: [N]."""
    return weight * (x - centre).square().flatten(1).sum(1)


def soften(x: Tensor) -> Tensor:
    """Each pixel half of itself and a quarter of each neighbour, first along the rows, then along the columns."""
    wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
    across = wide[..., :-2] / 4 + wide[..., 1:-1] / 2 + wide[..., 2:] / 4
    return across[:, :, :-2] / 4 + across[:, :, 1:-1] / 2 + across[:, :, 2:] / 4


def octave_sizes(side: int, count: int, ratio: float) -> tuple[int, ...]:
    """The sides of `count` octaves, the smallest first, the last `side`, each about `ratio` times the one before."""
    return tuple(round(side / ratio**k) for k in reversed(range(count)))


# ---------------------------------------------------------------- cases


def slopes() -> Iterator[Case]:
    model, x, y = probe(channels=3)
    y = torch.cat([y[:1], y[:-1]])  # not every class as often: the sum of the columns y is not the sum of all scores
    yield {"model": model, "x": x, "y": y, "rate": 0.0973}
    yield {"model": model, "x": x.flip(0), "y": y, "rate": 0.0317}


def priced() -> Iterator[Case]:
    x = torch.rand(4, 3, 5, 6, generator=generator(2))
    yield {"x": x, "centre": 0.4, "weight": 0.3}
    yield {"x": x.flip(0)[:, :1], "centre": 0.0, "weight": 2.0}
    yield {"x": x, "centre": 0.9, "weight": 0.3}


def some_pictures() -> Iterator[Case]:
    yield {"x": torch.rand(4, 3, 6, 5, generator=generator(3))}
    yield {"x": (torch.rand(3, 1, 7, 7, generator=generator(4)) > 0.8).float()}
    yield {"x": torch.full((2, 3, 4, 4), 0.3)}


def pyramids() -> Iterator[Case]:
    yield {"side": 52, "count": 4, "ratio": 1.4}  # cut, rounded up, or rounded from octave to octave: each gives other sides
    yield {"side": 224, "count": 4, "ratio": 1.4}
    yield {"side": 100, "count": 2, "ratio": 2.0}
    yield {"side": 67, "count": 5, "ratio": 1.25}
    yield {"side": 90, "count": 3, "ratio": 2.0}  # 22.5: round() takes the even neighbour


def lets_gradients_pass(answer: Callable) -> None:
    """The price is there to be differentiated: its gradient for the pixels must be 2 * weight * (x - centre)."""
    case = next(priced())
    x = case["x"].requires_grad_()
    paid = call(answer, **case)
    slope = torch.autograd.grad(paid.sum(), x, allow_unused=True)[0] if paid.requires_grad else None
    expect(slope is not None, "the numbers are right, but no gradient passes from the price to x: .detach(), .data, .item() and no_grad cut it off.")
    expect_close(slope, 2 * case["weight"] * (x - case["centre"]), "the gradient of the price", why="the numbers are right, but a part of the price is cut off from x: its gradient is not 2 * weight * (x - centre).")


# ---------------------------------------------------------------- known mistakes


def stepped(change: Callable[[Tensor, Tensor, float], Tensor]) -> Callable:
    return lambda model, x, y, rate: change(slips.gradient_of(slips.own_score, model, x, y), x, rate)


def rounded_twice(side: int, count: int, ratio: float) -> tuple[int, ...]:
    """Each side from the next larger one, which is rounded already."""
    return (*rounded_twice(round(side / ratio), count - 1, ratio), side) if count else ()


def sized(side_of: Callable[[int, float, int], float], count_of: Callable = range) -> Callable:
    return lambda side, count, ratio: tuple(side_of(side, ratio, k) for k in reversed(count_of(count)))


PER_PICTURE = "the gradient is divided by the mean size over the whole batch; each picture has its own: .mean((1, 2, 3), keepdim=True)."

EXERCISES = (
    Exercise("climb", climb, slopes, difficulty=2, minutes=15, battery=ATTACK, what="the batch of moved pictures", rules=(expect_inside,), hints=(
        "Which direction raises the score fastest? The gradient of the score for the pixels, of each picture's own class.",
        "x = x.detach().clone().requires_grad_(); score = model(x).gather(1, y[:, None]).sum(); (g,) = torch.autograd.grad(score, x).",
        "size = g.abs().mean((1, 2, 3), keepdim=True), one number a picture; then (x + rate * g / size).clamp(0, 1).detach().",
    ), mistakes=(
        (stepped(lambda g, x, r: moved(-g, x, r)), "the step goes down the score; add the gradient."),
        (stepped(lambda g, x, r: (x + r * g).clamp(0, 1)), "the gradient is not divided by its size: its pixels must move by `rate` on average."),
        (stepped(lambda g, x, r: (x + r * g.sign()).clamp(0, 1)), "this is FGSM's step, with the sign; here the gradient keeps its values, divided by their mean size."),
        (stepped(lambda g, x, r: (x + r * g / g.abs().mean()).clamp(0, 1)), PER_PICTURE),
        (stepped(lambda g, x, r: (x + r * g / g.flatten(1).norm(dim=1)[:, None, None, None]).clamp(0, 1)),
         "the gradient is divided by its length (the L2 norm); divide by the mean of |g|."),
        (stepped(lambda g, x, r: (x + r * g / g.abs().amax((1, 2, 3), keepdim=True)).clamp(0, 1)), "the gradient is divided by its largest size; divide by the mean of |g|."),
        (stepped(lambda g, x, r: (x + r * g / g.mean((1, 2, 3), keepdim=True)).clamp(0, 1)), "the mean of the gradient has signs that cancel; take the mean of |g|."),
        (stepped(lambda g, x, r: (x + r * g / g.abs().mean(1, keepdim=True)).clamp(0, 1)), "the mean is taken over the colours alone; a picture has one size: .mean((1, 2, 3), keepdim=True)."),
        (stepped(lambda g, x, r: (x + r * g / g.abs().mean((2, 3), keepdim=True)).clamp(0, 1)), "each colour is divided by a mean of its own; a picture has one size: .mean((1, 2, 3), keepdim=True)."),
        (stepped(lambda g, x, r: moved(g, x, 0.06)), "the step is 0.06 whatever is asked for; use the argument `rate`."),
        (stepped(lambda g, x, r: x + r * g / g.abs().mean((1, 2, 3), keepdim=True)), "pixels leave [0, 1]; clip after the step: .clamp(0, 1)."),
        (stepped(lambda g, x, r: (x + (r * g / g.abs().mean((1, 2, 3), keepdim=True)).clamp(0, 1))), "the step is clipped; clip the sum, (x + ...).clamp(0, 1)."),
        (stepped(lambda g, x, r: r * g / g.abs().mean((1, 2, 3), keepdim=True)), "this is the change alone; add it to x."),
        (stepped(lambda g, x, r: x.clone()), "the pictures come back as they were; move them along the gradient."),
        *slips.of_the_score(moved),
    )),
    Exercise("price", price, priced, battery=tuple(item for item in PICTURES if item is not NARROW), difficulty=1, minutes=5, what="the price", also=lets_gradients_pass, hints=(
        "Count from the mean picture, not from black: x - centre.",
        "Square, then add up over colours, rows and columns, but not over the pictures.",
        "(x - centre).square().flatten(1).sum(1), times weight.",
    ), mistakes=(
        (lambda x, c, w: price(x, 0.0, w), "the norm is counted from black; count it from the mean picture: x - centre."),
        (lambda x, c, w: price(x, c, 1.0), "the weight is not used."),
        (lambda x, c, w: w * price(x, c, 1.0).sqrt(), "this is the norm; its square is asked for."),
        (lambda x, c, w: w * (x - c).square().flatten(1).mean(1), "this is the mean of the squares; add them up."),
        (lambda x, c, w: w * (x - c).abs().flatten(1).sum(1), "these are absolute values; take squares."),
        (lambda x, c, w: price(x, c, w).sum(), "one price for the whole batch; give one for each picture, [N]."),
        (lambda x, c, w: price(x, c, -w), "the sign is wrong: a price is not negative; the ascent subtracts it."),
        (lambda x, c, w: w * price(x, c, w), "the weight counts twice."),
        (lambda x, c, w: w * (x.flatten(1).square().sum(1) - c**2), "first subtract the centre from every pixel, then square."),
        (lambda x, c, w: price(x, w, c), "centre and weight are swapped."),
        (lambda x, c, w: price(x, 0.5, w), "the centre is 0.5 whatever is asked for; use the argument `centre`."),
        (lambda x, c, w: w * (x - c).flatten(1).sum(1).square(), "the sum is squared; square each pixel's distance, then add up."),
    )),
    Exercise("soften", soften, some_pictures, battery=PICTURES, difficulty=2, minutes=10, what="the batch of softened pictures", hints=(
        "A blur of both directions is a blur along the rows, followed by one along the columns.",
        "Make the picture one pixel wider on all sides: F.pad(x, (1, 1, 1, 1), mode=\"replicate\"). Its slices [..., :-2], [..., 1:-1], [..., 2:] are left neighbours, pixels, right ones.",
        "across = wide[..., :-2] / 4 + wide[..., 1:-1] / 2 + wide[..., 2:] / 4; then the same with the slices of rows, [:, :, :-2] and so on.",
    ), mistakes=blurring.of_a_blur(soften)),
    Exercise("octave_sizes", octave_sizes, pyramids, difficulty=1, minutes=5, what="the tuple of sides", hints=(
        "The last octave is the picture's own size. Which power of the ratio divides the one before, and the first?",
        "Octave k from the end is the side over ratio**k; Python's round(...) makes a whole number.",
        "tuple(round(side / ratio**k) for k in reversed(range(count))).",
    ), mistakes=(
        (lambda *a: octave_sizes(*a)[::-1], "the largest comes first; dreams begin small."),
        (sized(lambda side, r, k: round(side / r ** (k + 1))), "the last octave is too small: it is the picture's own size, ratio**0."),
        (sized(lambda side, r, k: round(side * r**k)), "the sizes grow beyond the picture; the picture's own size is the last one."),
        (lambda side, n, r: tuple(round(side * r**k) for k in range(n)), "the sizes grow beyond the picture; the picture's own size is the last one."),
        (sized(lambda side, r, k: int(side / r**k)), "the sizes are cut off; round to the nearest whole number."),
        (sized(lambda side, r, k: int(side / r**k + 0.5)), "a half is rounded up; Python's round takes the even neighbour: round(22.5) is 22."),
        (sized(lambda side, r, k: -int(-side // r**k)), "the sizes are rounded up; round to the nearest whole number."),
        (rounded_twice, "each side is divided from one that is rounded already; divide `side` itself, by ratio**k."),
        (sized(lambda side, r, k: side / r**k), "sizes are whole numbers; round them."),
        (sized(lambda side, r, k: round(side / (1 + k * (r - 1)))), "the ratio is added; it multiplies: ratio**k."),
        (sized(lambda side, r, k: round(side / r)), "every octave has the same size; octave k from the end is divided by ratio**k."),
        (sized(lambda side, r, k: round(side / (r * max(k, 1)))), "the ratio multiplies again and again: ratio**k."),
    )),
)  # fmt: skip
