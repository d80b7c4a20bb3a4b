"""Carlini and Wagner's attacks: what holds for every picture, against independent computations, and what they refuse."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime
from course_utils.attacks import carlini_wagner
from course_utils.attacks.carlini_wagner import next_c
from course_utils.attacks.margins import BEYOND, LOSSES, Goal, lead
from course_utils.attacks.shrinking import MaxLimit, PixelLimit
from course_utils.attacks.tanh_space import Walk, to_tanh
from course_utils.runtime import generator
from tests.test_attacks import CLASSES, Reads, labels, needs_cuda, small, some, trace
from tests.test_attacks_iterative import expect_like, middle

QUICK = {"steps": 10, "rate": 0.15, "edge": 0.01, "c": 1.0}
EVERY = {
    "l2": partial(carlini_wagner, search=3, **QUICK),
    "linf": partial(carlini_wagner, norm="linf", **QUICK),
    "l0": partial(carlini_wagner, norm="l0", **QUICK),
}
stable = settings(deadline=None, max_examples=3, derandomize=True)
every_norm = pytest.mark.parametrize("norm", EVERY)


def size(norm: str, x: Tensor, found: Tensor) -> Tensor:
    return getattr(measure.norms(x, found), norm).double()


# ---------------------------------------------------------------- what holds for every picture


@every_norm
@stable
@given(seed=st.integers(0, 10_000), count=st.integers(1, 4), double=st.booleans(), kind=st.sampled_from(["own", "given", "targeted"]))
def test_every_picture_is_like_the_input_and_as_wanted_or_untouched(norm: str, seed: int, count: int, double: bool, kind: str) -> None:
    dtype = torch.float64 if double else torch.float32
    model, x, y = small(seed).to(dtype), some(count, seed, dtype), None if kind == "own" else labels(count, seed)
    clean, before = x.clone(), runtime.predict(model, x)
    found = EVERY[norm](model, x, y, targeted=kind == "targeted")
    expect_like(found, x)
    assert torch.equal(x, clean)
    y = before if y is None else y
    already = (before == y) == (kind == "targeted")
    won = (runtime.predict(model, found) == y) == (kind == "targeted")
    assert torch.equal(found[already], x[already]), "what is as wanted already stays as it is"
    assert torch.equal(found[~won], x[~won]), "where nothing was found the clean picture comes back"
    assert won.all() or kind == "targeted", "to leave a class these small networks allow in a few steps, always"


@every_norm
@stable
@given(seed=st.integers(0, 10_000), targeted=st.booleans(), count=st.integers(2, 4))
def test_a_batch_gives_what_its_pictures_give_alone(norm: str, seed: int, targeted: bool, count: int) -> None:
    """Each picture has its own c, tau or pixels, and its own Adam; none of it hangs on when others are dropped."""
    model, x, y = small(seed).double(), some(count, seed, torch.float64), labels(count, seed)
    attack = partial(EVERY[norm], model, targeted=targeted)
    alone = [attack(x[i : i + 1], y[i : i + 1]) for i in range(count)]
    assert torch.allclose(attack(x, y), torch.cat(alone), atol=1e-7)


@every_norm
def test_the_model_comes_back_as_it_was(norm: str) -> None:
    model, x = small().train(), some()
    model.model[1].eval()
    model.model[0].weight.requires_grad_(False)
    model.model[3].bias.grad = torch.ones(6)
    before, pictures = trace(model), x.clone().requires_grad_()
    found = EVERY[norm](model, pictures, labels())
    assert trace(model) == before and pictures.grad is None and pictures.requires_grad
    expected, net = EVERY[norm](small(), x, labels()), small()
    assert torch.equal(found, expected), "modes and frozen parameters change nothing (BatchNorm, dropout)"
    with torch.no_grad():
        assert torch.equal(EVERY[norm](net, x, labels()), expected) and not torch.is_grad_enabled()
    with torch.inference_mode():
        assert torch.equal(EVERY[norm](net, x, labels()), expected)
    with pytest.raises(ValueError, match="the model has 4 classes"):
        EVERY[norm](model, x, torch.tensor([0, 1, 4]))
    assert trace(model) == before


@every_norm
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_in_half_precision(norm: str, dtype: torch.dtype) -> None:
    model, x = small().to(dtype), some(3, dtype=dtype)
    found = EVERY[norm](model, x)
    expect_like(found, x)
    assert (runtime.predict(model, found) != runtime.predict(model, x)).all()


@every_norm
def test_without_labels_it_is_the_prediction_and_nothing_is_random(norm: str) -> None:
    model, x = small(), some()
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    found = EVERY[norm](model, x)
    assert torch.equal(found, EVERY[norm](model, x, model(x).argmax(1)))
    assert torch.equal(states[0], torch.get_rng_state()) and states[1] == np.random.get_state()[1].tolist() and states[2] == random.getstate()


@every_norm
def test_in_place_first_steps_leave_the_pictures_alone(norm: str) -> None:
    x = some()
    found = EVERY[norm](nn.Sequential(nn.Hardtanh(0.2, 0.8, inplace=True), small()), x)
    assert torch.equal(found, EVERY[norm](nn.Sequential(nn.Hardtanh(0.2, 0.8), small()), x)) and torch.equal(x, some())


@every_norm
def test_where_the_scores_are_flat_nothing_is_found_and_it_ends(norm: str) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(240, CLASSES)).requires_grad_(False)
    model[1].weight.zero_()
    assert torch.equal(EVERY[norm](model, some()), some())


@needs_cuda
@every_norm
def test_on_a_gpu_the_result_is_the_same(norm: str) -> None:
    model, x = small().double(), some(dtype=torch.float64)
    found = EVERY[norm](model.cuda(), x.cuda(), labels().cuda())
    assert found.device.type == "cuda" and torch.allclose(found.cpu(), EVERY[norm](small().double(), x, labels()), atol=1e-4)


def test_no_step_reads_from_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """L2 looks for pictures to drop after each tenth of the steps: as often in 20 steps as in 200."""
    seen = []
    for steps in (20, 200):
        with monkeypatch.context() as patch:
            reads = Reads(patch)
            carlini_wagner(small(), some(), labels(), search=1, steps=steps, c=1e-9, rate=1e-9)
        seen.append(len(reads.seen))
    assert seen[0] == seen[1] <= 12


# ---------------------------------------------------------------- f1 to f7


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("targeted", [True, False])
@stable
@given(seed=st.integers(0, 10_000))
def test_where_f_is_at_most_0_the_answer_is_as_wanted(loss: str, targeted: bool, seed: int) -> None:
    """Also with ties, where f = 0 leaves it open which of the best is taken. The other way round it holds for f2, f3, f6 and f7 only."""
    scores = torch.randint(-3, 4, (200, CLASSES), generator=generator(seed)).double()
    y = torch.randint(CLASSES, (200,), generator=generator(seed + 1))
    f, won = Goal(loss, targeted, 0.0)(scores, y)
    ahead = lead(scores, y, targeted)
    assert (ahead[f < -1e-9] > 0).all() and (ahead[f <= 1e-9] >= 0).all() if targeted else True
    if loss in ("f2", "f3", "f6", "f7"):
        assert (f[ahead >= 0] <= 1e-9).all() and (f[ahead < 0] > 0).all()
    assert torch.equal(won, ahead > BEYOND)
    assert torch.equal(won, (scores == scores.amax(1, keepdim=True)).sum(1).eq(1) & ((scores.argmax(1) == y) == targeted) if targeted else ahead > BEYOND)


def test_f_against_values_by_hand() -> None:
    """Logits 5, -3, -4, -9 with target 1 lack 8; a mask of zeros in place of -infinity would say 5 where all others are below 0."""
    scores, chances = torch.tensor([[5.0, -3.0, -4.0, -9.0]]), torch.tensor([0.7, 0.1, 0.15, 0.05])
    value = lambda loss, s, t, targeted=True, kappa=0.0: Goal(loss, targeted, kappa)(s, torch.tensor([t]))[0].item()  # noqa: E731
    assert value("f6", scores, 1) == 8 and value("f6", scores, 0) == 0 and value("f6", scores, 0, kappa=20.0) == -8
    assert value("f6", scores, 0, kappa=3.0) == -3, "no more than kappa is asked for"
    assert value("f6", scores, 0, targeted=False) == 8 and value("f6", scores, 3, targeted=False) == 0
    of = chances.log()[None]
    expected = {"f1": -np.log2(0.1) - 1, "f2": 0.6, "f3": np.log(1 + np.exp(0.6)) - np.log(2), "f4": 0.4, "f5": -np.log(0.2)}
    assert {loss: round(value(loss, of, 1), 5) for loss in expected} == {loss: round(v, 5) for loss, v in expected.items()}
    assert value("f7", of, 1) == pytest.approx(np.log(1 + 7) - np.log(2), abs=1e-5)
    assert value("f1", of, 1, targeted=False) == pytest.approx(-np.log2(0.9) - 1, abs=1e-5)


def test_every_loss_works_on_a_trained_network_and_with_a_margin() -> None:
    net, (x, y, *_) = models.load("stridenet-digits"), data.load("digits", "test", 3, source="drawn")
    target = (y + 1) % 10
    attack = partial(carlini_wagner, net, x, target, targeted=True, c=1.0, search=3, steps=40, rate=0.1, edge=0.01)
    reached = {loss: measure.success_rate(net, attack(loss=loss), target, targeted=True) for loss in ("f1", "f6", "f7")}
    assert min(reached.values()) == 1, reached
    sure = attack(confidence=5.0)
    ahead = lead(runtime.logits(net, sure), target, True)
    assert (ahead > 5).all() and (ahead < 9).all()
    assert (size("l2", x, sure) > size("l2", x, attack())).all()


# ---------------------------------------------------------------- against independent computations


def linear(seed: int = 0) -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(240, 6)).double().requires_grad_(False)
    model[1].weight.data = torch.randn(6, 240, generator=generator(seed), dtype=torch.float64) / 15
    return model


@pytest.mark.parametrize(("norm", "order", "near"), [("l2", 2, 1.01), ("linf", 1, 1.2)])
def test_on_a_linear_model_it_is_nearly_the_exact_distance(norm: str, order: int, near: float) -> None:
    model, x = linear(), middle(3)
    scores, weight = model(x), model[1].weight
    own, target = scores.argmax(1), scores.topk(3).indices[:, 2]
    gap = scores.gather(1, own[:, None])[:, 0] - scores.gather(1, target[:, None])[:, 0]
    least = gap / (weight[own] - weight[target]).norm(order, dim=1)  # no smaller change can reach the target
    options = {"norm": norm, "c": 0.1, "search": 6, "steps": 200, "rate": 0.005}
    found = carlini_wagner(model, x, target, targeted=True, **options)
    ratio = size(norm, x, found) / least
    assert torch.equal(model(found).argmax(1), target) and (ratio >= 1).all() and ratio.mean() < 1.2 * near, ratio
    free = carlini_wagner(model, x, **options)
    gaps = scores.gather(1, own[:, None]) - scores.scatter(1, own[:, None], -torch.inf)
    nearest = (gaps / (weight[own][:, None] - weight[None]).norm(order, dim=2)).amin(1)
    assert (size(norm, x, free) >= nearest).all() and (size(norm, x, free) / nearest).mean() < near


def test_on_a_linear_model_l0_finds_the_fewest_pixels() -> None:
    """Each pixel can close a known part of the gap; the fewest are the strongest ones."""
    model, x = linear(3), middle(8)
    scores, weight = model(x), model[1].weight.view(6, 3, 8, 10)
    own, other = scores.topk(2).indices.T
    slope = weight[other] - weight[own]
    gain = torch.where(slope > 0, slope * (1 - x), -slope * x).sum(1).flatten(1).sort(1, descending=True).values
    fewest = (gain.cumsum(1) < (scores.gather(1, own[:, None]) - scores.gather(1, other[:, None]))).sum(1) + 1
    found = carlini_wagner(model, x, other, targeted=True, norm="l0", **QUICK)
    pixels = size("l0", x, found)
    assert (model(found).argmax(1) == other).all() and (pixels >= fewest).all() and (pixels - fewest).mean() <= 1, (pixels, fewest)


def test_c_is_searched_for_as_in_the_paper() -> None:
    """Ten times as large until it works, then halving; each picture for itself."""
    low, high, c = torch.zeros(3), torch.full((3,), torch.inf), torch.full((3,), 0.001)
    needed, tried = torch.tensor([0.0005, 0.3, 50.0]), []
    for _ in range(7):
        tried.append(c.tolist())
        low, high, c = next_c(low, high, c, c >= needed)
    first, second, third = (torch.tensor(column) for column in zip(*tried))
    assert torch.allclose(first[:3], torch.tensor([0.001, 0.0005, 0.00025])) or torch.allclose(first[:3], torch.tensor([0.001, 0.0005, 0.00075]))
    assert torch.allclose(second[:6], torch.tensor([0.001, 0.01, 0.1, 1.0, 0.55, 0.325]))
    assert torch.allclose(third[:6], torch.tensor([0.001, 0.01, 0.1, 1.0, 10.0, 100.0]))


def test_a_walk_is_adam_in_tanh_space() -> None:
    x, target = some(3, dtype=torch.float64), some(3, 9, torch.float64)
    walk, w = Walk(x, 0.05, 1e-3), to_tanh(x, 1e-3).numpy()
    mean = square = 0 * w
    for k in range(1, 7):
        walk.step(2 * (walk.pictures() - target))
        slope = (0.5 * (np.tanh(w) + 1) - target.numpy()) * (1 - np.tanh(w) ** 2)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        w = w - 0.05 * (mean / (1 - 0.9**k)) / (np.sqrt(square / (1 - 0.999**k)) + 1e-8)
    assert np.abs(walk.w.numpy() - w).max() < 1e-9
    walk.restart(torch.tensor([False, True, False]), x)
    fresh = Walk(x, 0.05, 1e-3)
    assert torch.equal(walk.w[1], fresh.w[1]) and walk.taken.tolist() == [6, 0, 6] and np.abs(walk.w.numpy() - w)[[0, 2]].max() < 1e-9
    for one in (walk, fresh):
        one.pictures(), one.step(target)
    assert torch.equal(walk.w[1], fresh.w[1]) and not torch.equal(walk.w[0], fresh.w[0])


def test_tanh_space_and_back() -> None:
    x = torch.tensor([0.0, 0.25, 1.0]).view(1, 1, 1, 3)
    back = Walk(x, 0.1, 1e-6).pictures()
    assert torch.allclose(back, x, atol=1e-6) and 0 < back.min() and back.max() < 1
    assert torch.allclose(Walk(x, 0.1, 0.01).pictures(), torch.tensor([0.005, 0.2525, 0.995]).view_as(x), atol=1e-6)


# ---------------------------------------------------------------- limits


def test_tau_shrinks_by_a_tenth_of_what_was_reached_where_it_was() -> None:
    limit, change = MaxLimit(torch.zeros(3, 1, 2, 2)), torch.tensor([0.5, 1.2, 0.3])[:, None, None, None].expand(3, 1, 2, 2)
    limit.tighten(torch.tensor([True, True, False]), change, change)
    assert torch.allclose(limit.tau, torch.tensor([0.45, 0.9, 1.0]))
    value, pull = limit.penalty(-change)
    assert torch.allclose(value, 4 * torch.tensor([0.05, 0.3, 0.0])) and pull[:2].eq(-1).all() and pull[2].eq(0).all()


def test_the_pixels_that_matter_least_become_fixed_all_colours_together() -> None:
    x = torch.zeros(2, 3, 2, 5)
    limit, change, slope = PixelLimit(x), torch.ones_like(x), torch.ones_like(x)
    change[:, :, 0, 3], slope[:, :, 1, 1] = 0.1, -0.2  # matter least: a small change, a flat slope
    change[:, 0, 1, 4] = -1.9  # large in one colour
    limit.tighten(torch.tensor([True, False]), change, slope)
    assert (~limit.free[0]).nonzero().tolist() == [[0, 3], [1, 1]] and limit.free[1].all()
    assert torch.equal(limit.inside(torch.ones_like(x), x)[0, 1] == 1, limit.free[0])
    assert limit.relax(torch.tensor([True, True])).tolist() == [True, True] and limit.free.all(), "too many at once: back, and fewer"
    limit.tighten(torch.tensor([True, True]), change, slope)
    assert (~limit.free).flatten(1).sum(1).tolist() == [1, 1]
    assert limit.relax(torch.tensor([True, False])).tolist() == [False, False] and not limit.free[0].all(), "one at a time: that is the end"


def test_l0_counts_pixels_and_leaves_the_others_exactly_as_they_were() -> None:
    model, x = small(), some(2)
    found = EVERY["l0"](model, x)
    changed = (found != x).any(1).flatten(1).sum(1)
    assert torch.equal(changed, measure.norms(x, found).l0) and (changed < 20).all() and (changed >= 1).all()


# ---------------------------------------------------------------- on a trained network


def test_each_norm_is_the_best_in_its_own_and_beats_the_iterative_attacks() -> None:
    net, (x, y, *_) = models.load("stridenet-digits"), data.load("digits", "test", 5, source="drawn")
    options = {"c": 1.0, "steps": 50, "rate": 0.1, "edge": 0.01}
    found = {norm: carlini_wagner(net, x, y, norm=norm, search=5, **options) for norm in EVERY}
    for norm, other in itertools.permutations(EVERY, 2):
        assert size(norm, x, found[norm]).mean() < size(norm, x, found[other]).mean(), (norm, other)
    assert all(measure.success_rate(net, p, y) == 1 for p in found.values())
    assert size("l2", x, found["l2"]).mean() < 0.97 * size("l2", x, attacks.deepfool(net, x, y)).mean()


def test_pictures_without_progress_are_dropped_one_by_one() -> None:
    net, x = models.load("stridenet-digits"), data.load("digits", "test", 12, source="drawn").x
    rows: list[int] = []
    net.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])) if given[0].requires_grad else None)
    carlini_wagner(net, x, search=3, steps=100, rate=0.05)
    assert rows[0] == 12 and sum(rows) < 0.9 * 12 * 300 and len(set(rows)) >= 3


# ---------------------------------------------------------------- bad input


@every_norm
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: 255 * x, r"x holds pixels from 0 to 255; pixels in \[0, 1\] are expected"),
        (lambda x: x.where(x < x.max(), torch.nan), "x holds NaN"),
        (lambda x: x[0], r"x has 3 dimensions, shape \[3, 8, 10\].*use x\[None\]"),
        (lambda x: x[:0], "x is an empty batch"),
        (lambda x: x.double(), r"x holds torch.float64 but the model computes in torch.float32"),
    ],
)
def test_bad_pictures_are_refused(norm: str, change: Callable, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        EVERY[norm](small(), change(some()), labels())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"norm": "l1"}, "unknown norm 'l1'. Nearest: l2"),
        ({"loss": "f8"}, "unknown loss 'f8'. Nearest: f7"),
        ({"steps": 0}, "steps is 0; a whole number of at least 1"),
        ({"search": 2.5}, "search is 2.5; a whole number"),
        ({"c": 0.0}, "c is 0.0; a finite number above 0"),
        ({"rate": -0.1}, "rate is -0.1"),
        ({"confidence": -1}, "confidence is -1; a finite number of at least 0"),
        ({"edge": 0.0}, "edge is 0.0; a number above 0 and below 1"),
        ({"most": 0}, "most is 0; a finite number above 0"),
        ({"edge": 1.0}, "edge is 1.0; a number above 0 and below 1"),
    ],
)
def test_bad_options_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        carlini_wagner(small(), some(), labels(), **options)


@every_norm
def test_labels_targets_and_models_are_checked(norm: str) -> None:
    with pytest.raises(ValueError, match="targeted=True needs y"):
        EVERY[norm](small(), some(), targeted=True)
    with pytest.raises(ValueError, match=r"y has shape \[2\]; one label a picture"):
        EVERY[norm](small(), some(), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="the model has 4 classes"):
        EVERY[norm](small(), some(), torch.tensor([0, 4, 1]))

    class Blind(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach().mean((2, 3))

    with pytest.raises(ValueError, match="the model's scores have no gradient for the pixels"):
        EVERY[norm](Blind(), some())
