"""The exercises of chapter 10: one small step that stays in the budget, how many of them, back into an L2 ball, DeepFool's step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from .. import attacks
from ..checking import ATTACK, PICTURES, Case, Exercise, expect, expect_budget, expect_inside, probe, slips
from ..runtime import generator


def small_step(model: nn.Module, x: Tensor, now: Tensor, y: Tensor, eps: float, step: float) -> Tensor:
    """now + step * sign(dJ(now)/dnow), brought back to within eps of x and into [0, 1]."""
    gradient = slips.gradient_of(slips.total_loss, model, now, y)
    return attacks.common.within(now.detach() + step * gradient.sign(), x.detach(), eps)


def how_many(eps: float) -> int:
    """min(255 eps + 4, 1.25 * 255 eps), rounded up."""
    return attacks.kurakin_steps(eps)


def to_ball(moved: Tensor, x: Tensor, eps: float) -> Tensor:
    """Back to L2 distance eps of x where it is farther, then into [0, 1]."""
    return attacks.L2Ball(x, eps).back(moved)


def boundary_step(ahead: Tensor, slopes: Tensor) -> Tensor:
    """ahead / ||w||^2 * w for the boundary with the smallest ahead / ||w||."""
    return chosen(ahead, slopes, ahead / length(slopes))


# ---------------------------------------------------------------- one small step


def on_the_way() -> Iterator[Case]:
    """Pictures x, and where the attack is now: within eps of x, often at the edge, so that the next step must be brought back."""
    model, x, y = probe(channels=3)
    noise = 2 * torch.rand(x.shape, generator=generator(3)) - 1
    for pictures, eps, step in ((x, 0.0973, 0.0613), (x.flip(0), 0.0513, 0.0891), (x, 0.0731, -0.0427)):
        now = attacks.common.within(pictures + 1.7 * eps * noise, pictures, eps)
        yield {"model": model, "x": pictures, "now": now, "y": y, "eps": eps, "step": step}


# ---------------------------------------------------------------- how many


def budgets() -> Iterator[Case]:
    for levels in (16, 8, 4, 2, 32, 0, 1, 3, 5, 28, 255, 8.0064):
        yield {"eps": levels / 255}


def whole(got: object, want: int, case: Case) -> None:
    """The number itself; it must be a whole one, for range()."""
    expect(isinstance(got, (int, float)), f"a whole number is expected, not {type(got).__name__}.")
    expect(got == want, f"for eps = {255 * case['eps']:g} / 255 you give {got:g}; {want} is expected.")
    expect(isinstance(got, int), f"{got} is a float; range() needs an int. math.ceil gives one.")


# ---------------------------------------------------------------- back into the ball


def places() -> Iterator[Case]:
    """Moved pictures inside the ball, on its edge, outside, and at x itself."""
    x = (1.3 * torch.rand(6, 2, 4, 5, generator=generator(1)) - 0.15).clamp(0, 1)
    change = torch.randn(x.shape, generator=generator(2))
    change *= torch.tensor([3.0, 0.2, 1.4, 0.7, 0.0, 2.0])[:, None, None, None] / change.flatten(1).norm(dim=1)[:, None, None, None]
    yield {"moved": x + change, "x": x, "eps": 0.8731}
    yield {"moved": (x + 0.5 * change).flip(0), "x": x.flip(0), "eps": 0.4127}
    yield {"moved": x + 0.002 * change, "x": x, "eps": 0.00213}


def sizes(change: Tensor) -> Tensor:
    return change.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None, None]


def placed(back: Callable[[Tensor, Tensor, float], Tensor]) -> Callable[..., Tensor]:
    """A wrong answer that brings the change back in another way: back(change, its sizes, eps)."""
    return lambda moved, x, eps: (x + back(moved - x, sizes(moved - x), eps)).clamp(0, 1)


def expect_ball(got: Tensor, case: Case) -> None:
    """Require an L2 distance of at most eps, picture by picture."""
    most = float((got - case["x"]).detach().flatten(1).norm(dim=1).max())
    expect(most <= case["eps"] * (1 + 1e-5), f"a picture is at L2 distance {most:.3f} from x with eps {case['eps']}; bring it nearer.")


# ---------------------------------------------------------------- DeepFool's step


def length(slopes: Tensor, p: int = 2) -> Tensor:
    return slopes.flatten(2).norm(p, dim=2)


def chosen(ahead: Tensor, slopes: Tensor, distance: Tensor, power: int = 2, p: int = 2) -> Tensor:
    """The step to the boundary of the smallest `distance` `[N, K]`."""
    rows, k = torch.arange(len(ahead), device=ahead.device), distance.argmin(1)
    scale = ahead[rows, k] / length(slopes, p)[rows, k] ** power
    return scale[:, None, None, None] * slopes[rows, k]


def boundaries() -> Iterator[Case]:
    """Nearest is neither the smallest lead nor the steepest slope nor the nearest in the max-norm, and another class in each picture."""
    for seed in (0, 1):
        slopes = torch.randn(4, 6, 2, 3, 4, generator=generator(seed))
        slopes[:, 3, :, :, 1:] = 0  # few pixels: its ||w||_1 is small
        ahead, size = torch.tensor([7.0, 0.5, 9.0, 1.2, 1.25, 30.0]) * (1 + 0.3 * seed), torch.tensor([2.0, 0.7, 10.0, 2.0, 2.0, 12.0])
        slopes *= (size / length(slopes))[:, :, None, None, None]
        yield {"ahead": torch.stack([ahead.roll(k) for k in range(4)]), "slopes": torch.stack([w.roll(k, 0) for k, w in enumerate(slopes)])}


EXERCISES = (
    Exercise("small_step", small_step, on_the_way, difficulty=2, minutes=15, battery=ATTACK, what="the batch of pictures",
             rules=(expect_inside, expect_budget), hints=(
        "Begin with FGSM's step, from `now` instead of x and `step` long instead of eps. Where could the picture be after it?",
        "Two limits hold for every pixel: it stays between x - eps and x + eps, and between 0 and 1. clamp takes tensors as limits, too.",
        "(now + step * gradient.sign()).clamp(x - eps, x + eps).clamp(0, 1), with the gradient of F.cross_entropy(model(now), y) for `now`.",
    ), mistakes=slips.of_a_small_step()),
    Exercise("how_many", how_many, budgets, difficulty=1, minutes=4, agree=whole, what="the number of steps", hints=(
        "The rule speaks of grey levels; eps is a share of the way from black to white, which is 255 levels long.",
        "levels = 255 * eps. min(a, b) takes the smaller of two; math.ceil rounds up.",
        "math.ceil(min(levels + 4, 1.25 * levels)).",
    ), mistakes=(
        (lambda eps: math.ceil(max(255 * eps + 4, 318.75 * eps)), "this is the larger of the two numbers; the rule takes the smaller, min."),
        (lambda eps: math.ceil(255 * eps + 4), "eps + 4 is the larger of the two numbers here; the rule takes the smaller."),
        (lambda eps: math.ceil(min(eps + 4, 318.75 * eps)), "eps + 4 is not in grey levels; the rule is: 255 * eps + 4."),
        (lambda eps: math.floor(min(255 * eps + 4, 318.75 * eps) + 1e-6) + 1, "one too many where the rule gives a whole number: math.ceil leaves that as it is, and from black to white are 255 levels."),
        (lambda eps: math.ceil(min(eps + 4, 1.25 * eps)), "eps is taken as it is; the rule is in grey levels: 255 * eps."),
        (lambda eps: math.floor(min(255 * eps + 4, 318.75 * eps) + 1e-6), "the number is not rounded up; math.ceil does it."),
    )),
    Exercise("to_ball", to_ball, places, difficulty=2, minutes=10, battery=PICTURES, what="the batch of pictures",
             rules=(expect_inside, expect_ball), hints=(
        "Look at the change, moved - x. Its direction may stay; its length must not be more than eps. What factor makes it so?",
        "Each picture has its own length: change.flatten(1).norm(dim=1), [N]. Where it is at most eps, the factor is 1.",
        "factor = (eps / length.clamp_min(1e-12)).clamp(max=1), in the shape [N, 1, 1, 1]; then (x + factor * change).clamp(0, 1).",
    ), mistakes=(
        (placed(lambda d, n, eps: eps * d / n), "every change gets length eps; a shorter one stays as it is."),
        (placed(lambda d, n, eps: d * (eps / d.norm().clamp_min(1e-12)).clamp(max=1)), "the length of the whole batch is used; each picture has its own."),
        (placed(lambda d, n, eps: d * (eps / n.amax()).clamp(max=1)), "the longest change of the batch scales all pictures; each picture has its own length."),
        (placed(lambda d, n, eps: d.clamp(-eps, eps)), "each pixel is clipped to eps; that is the max-norm's budget. Here the length of the whole change counts."),
        (placed(lambda d, n, eps: d * (eps / d.flatten(1).norm(1, dim=1).clamp_min(1e-12)[:, None, None, None]).clamp(max=1)), "the sum of absolute values is used; the L2 norm is the root of the sum of squares."),
        (placed(lambda d, n, eps: d * (eps / d.norm(dim=(2, 3), keepdim=True).clamp_min(1e-12)).clamp(max=1)), "each channel has a length of its own; all values of a picture belong together."),
        (lambda moved, x, eps: x + (moved - x) * (eps / sizes(moved - x)).clamp(max=1), "pixels leave [0, 1]; clip at the end."),
        (lambda moved, x, eps: (moved - x) * (eps / sizes(moved - x)).clamp(max=1), "this is the change alone; add it to x."),
        (lambda moved, x, eps: (moved * (eps / sizes(moved)).clamp(max=1)).clamp(0, 1), "the length of the picture is limited; limit that of the change, moved - x."),
        (lambda moved, x, eps: x + (moved.clamp(0, 1) - x) * (eps / sizes(moved.clamp(0, 1) - x)).clamp(max=1),
         "[0, 1] comes first and the ball second; in this order the change turns. Bring it back to the ball, then clip."),
    )),
    Exercise("boundary_step", boundary_step, boundaries, difficulty=2, minutes=10, battery=PICTURES, what="the batch of steps", hints=(
        "On the way along w_k the lead shrinks by ||w_k|| for each unit of length. How far is it to the boundary, then?",
        "distance = ahead / slopes.flatten(2).norm(dim=2), [N, K]; distance.argmin(1) is the nearest. The step goes along w_k / ||w_k||, that far.",
        "k = distance.argmin(1); rows = torch.arange(len(ahead)); w = slopes[rows, k]; the step is ahead[rows, k] / ||w||**2 times w.",
    ), mistakes=(
        (lambda a, w: -boundary_step(a, w), "the step goes the other way; w_k is the slope of f_k - f_y, which shall rise."),
        (lambda a, w: chosen(a, w, a), "the class with the smallest lead is taken; a small lead with a flat slope may be far. Take the smallest distance."),
        (lambda a, w: chosen(a, w, -length(w)), "the class with the steepest slope is taken; take the smallest distance, lead over slope."),
        (lambda a, w: chosen(a, w, -a / length(w)), "the farthest boundary is taken; take the nearest."),
        (lambda a, w: chosen(a, w, a / length(w) ** 2), "the smallest ahead / ||w||**2 is taken; the distance is ahead / ||w||."),
        (lambda a, w: chosen(a, w, a / length(w, 1)), "the nearest in the max-norm is taken; this is the L2 form: divide by ||w||_2."),
        (lambda a, w: chosen(a, w, a / length(w, 1), p=1), "the sum of absolute values, ||w||_1, is used; this is the L2 form: ||w||_2."),
        (lambda a, w: chosen(a, w, a / length(w), 1), "the step is not as long as the distance: divide by ||w|| once for the distance, and once to make w a direction of length 1."),
        (lambda a, w: chosen(torch.ones_like(a), w, a / length(w), 1), "this is the direction alone; the step is as long as the distance."),
        (lambda a, w: 1.02 * boundary_step(a, w), "the overshoot is added; the caller does that, on the sum of all steps."),
        (lambda a, w: chosen(a, w, torch.arange(a.shape[1], device=a.device).expand_as(a)), "the first class is always taken; take the nearest."),
        (lambda a, w: (a / length(w) ** 2)[:, :, None, None, None].mul(w).sum(1), "the steps to all boundaries are added up; take the nearest alone."),
    )),
)  # fmt: skip
