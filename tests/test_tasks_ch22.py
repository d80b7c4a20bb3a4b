"""The open task of chapter 22: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from course_utils import scores
from course_utils.attacks.common import input_gradient
from course_utils.exercises import open_task
from course_utils.tasks import ch22_activations as task


def with_momentum(model, x, y, mask, gradients=3, paints=12, seed=0):
    now, best, furthest = x, x, torch.full((len(x),), -torch.inf)
    speed, chance = torch.zeros_like(x), torch.Generator().manual_seed(seed)
    for k in range(paints + gradients + 1):
        z = now.detach().clone().requires_grad_(k >= paints)
        scores = model(z).double()
        margin = scores.scatter(1, y[:, None], -torch.inf).logsumexp(1) - scores.gather(1, y[:, None])[:, 0]
        better = margin.detach() > furthest
        best, furthest = torch.where(better[:, None, None, None], z.detach(), best), torch.where(better, margin.detach().float(), furthest)
        if k < paints:  # scores cost nothing: the best of some random paints is the start
            paint = torch.rand(1, 3, 8, 8, generator=chance).round().repeat(1, 1, 6, 6).to(x)
            now = best if k == paints - 1 else torch.where(mask > 0, paint, x)
        elif k < paints + gradients:
            (slope,) = torch.autograd.grad(margin.sum(), z)
            speed = 0.7 * speed + slope / slope.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-12)
            now = (z.detach() + mask * (0.7 - 0.25 * (k - paints)) * speed.sign()).clamp(0, 1)
    return best


REFUSED = (
    (lambda m, x, y, mask: x.zero_(), "in place"),
    (lambda m, x, y, mask: x[:1], "has shape"),
    (lambda m, x, y, mask: x + 0 * mask.double(), "torch.float64"),
    (lambda m, x, y, mask: torch.zeros_like(x), "outside the mask"),
    (lambda m, x, y, mask: torch.where(mask > 0, 2.0, x), "[0, 1]"),
    (lambda m, x, y, mask: with_momentum(m, x, y, mask, gradients=4), "3 are allowed"),
    (lambda m, x, y, mask: m.train() and x, "model"),
    (lambda m, x, y, mask: None, "returns nothing"),
    (lambda m: None, "must take the arguments (model, x, y, mask)"),
)


def test_the_goal_is_above_the_baseline_and_below_momentum(said) -> None:
    goal = open_task("past_bounds").goal
    out = said(with_momentum)
    assert f"✓ goal reached (goal {goal:.1f} %" in out and scores.best("22/past_bounds") >= goal + 4, out
    assert task.fooled(open_task("past_bounds").baseline) < goal - 7


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_goal_does_not_hang_on_chance(seed: int) -> None:
    assert task.fooled(partial(with_momentum, seed=seed)) >= open_task("past_bounds").goal + 5


def test_longer_signed_steps_alone_miss_the_goal() -> None:
    for step in (1 / 3, 0.5, 1.0):
        def longer(model, x, y, mask, step=step):
            now = x
            for _ in range(task.GRADIENTS):
                now = (now + step * mask * input_gradient(model, now, y).sign()).clamp(0, 1)
            return now

        assert task.fooled(longer) < open_task("past_bounds").goal - 3


def test_paint_without_a_gradient_fools_few() -> None:
    def noise(model, x, y, mask):
        return torch.where(mask > 0, torch.rand(x.shape, generator=torch.Generator().manual_seed(0)), x)

    assert task.fooled(noise) < open_task("past_bounds").goal - 20


def test_many_scores_without_a_gradient_miss_the_goal() -> None:
    """The best of 27 colours, picture by picture; with 60 coarse random paints besides, 75 % were fooled."""

    def colours(model, x, y, mask):
        best, furthest = x, torch.full((len(x),), -torch.inf)
        for colour in torch.cartesian_prod(*[torch.tensor([0.0, 0.5, 1.0])] * 3):
            z = torch.where(mask > 0, colour.view(1, 3, 1, 1), x)
            with torch.no_grad():
                scores = model(z)
            margin = scores.scatter(1, y[:, None], -torch.inf).amax(1) - scores.gather(1, y[:, None])[:, 0]
            best, furthest = torch.where((margin > furthest)[:, None, None, None], z, best), furthest.maximum(margin)
        return best

    assert task.fooled(colours) < open_task("past_bounds").goal - 5


def test_each_square_is_whole_and_the_network_has_every_sign_right() -> None:
    x, y, mask = task.given()
    assert len(x) == task.COUNT and bool((mask.sum((1, 2, 3)) == task.SIDE**2).all()) and mask.shape == (task.COUNT, 1, 48, 48)
    assert task.fooled(lambda model, x, y, mask: x) == 0


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ past_bounds: ") and words in out, out
    assert scores.best("22/past_bounds") is None
