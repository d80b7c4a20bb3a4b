"""L-BFGS and rubbish pictures: what holds for every picture, against SciPy and closed forms, and what they refuse."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.scipy_lbfgs import reference
from course_utils import data, measure, models, runtime
from course_utils.attacks import deepfool, gradient_rubbish, lbfgs
from course_utils.attacks.lbfgs import Memory, minimise, next_weight
from course_utils.attacks.margins import wanted
from course_utils.runtime import generator
from tests.test_attacks import CLASSES, Reads, in_any_state, labels, needs_cuda, small, some, trace
from tests.test_attacks_iterative import expect_like

stable = settings(deadline=None, max_examples=8, derandomize=True)
fewer = settings(stable, max_examples=4)
quick = partial(lbfgs, searches=4, steps=16)


def target(model: nn.Module, x: Tensor) -> Tensor:
    """Another class than the model's own."""
    return (runtime.predict(model, x) + 1) % CLASSES


# ---------------------------------------------------------------- what holds for every picture


@stable
@given(
    dtype=st.sampled_from([torch.float32, torch.float64]), count=st.integers(1, 5), seed=st.integers(0, 10_000), way=st.sampled_from(["own", "class", "target"]),
)  # fmt: skip
def test_the_result_is_in_the_range_like_the_input_and_of_the_class(dtype: torch.dtype, count: int, seed: int, way: str) -> None:
    model, x = small(seed).to(dtype), some(count, seed, dtype)
    y, clean = None if way == "own" else labels(count, seed), x.clone()
    found = quick(model, x, y, targeted=way == "target")
    expect_like(found, x)
    assert torch.equal(x, clean)
    before, after = runtime.predict(model, x), runtime.predict(model, found)
    y, wanted = (before, "not") if way == "own" else (y, "is" if way == "target" else "not")
    there = (before == y) == (wanted == "is")
    assert torch.equal(found[there], x[there]), "what is of the wanted class already stays as it is: r = 0 exactly"
    assert torch.equal(after == y, torch.full_like(there, wanted == "is")), "these small networks give in, always"


@fewer
@given(seed=st.integers(0, 10_000), count=st.integers(2, 4), targeted=st.booleans())
def test_a_batch_gives_what_its_pictures_give_alone(seed: int, count: int, targeted: bool) -> None:
    model, x, y = small(seed).double(), some(count, seed, torch.float64), labels(count, seed)
    alone = [quick(model, x[i : i + 1], y[i : i + 1], targeted=targeted) for i in range(count)]
    assert torch.allclose(quick(model, x, y, targeted=targeted), torch.cat(alone), atol=1e-6)


def test_without_labels_it_is_the_class_of_the_clean_picture() -> None:
    model, x = small(), some(4)
    assert torch.equal(quick(model, x), quick(model, x, model(x).argmax(1)))


@stable
@given(choice=st.data())
def test_the_model_comes_back_as_it_was(choice: st.DataObject) -> None:
    model, x = in_any_state(choice), some()
    before, pictures = trace(model), x.clone().requires_grad_()
    found, made = quick(model, pictures, labels()), gradient_rubbish(model, labels(), (3, 8, 10), steps=4)
    assert trace(model) == before and pictures.grad is None and pictures.requires_grad
    assert torch.equal(found, quick(small(), x, labels())), "modes and frozen parameters change nothing (BatchNorm, dropout)"
    assert torch.equal(made.images, gradient_rubbish(small(), labels(), (3, 8, 10), steps=4).images)


def test_gradients_switched_off_by_the_caller() -> None:
    expected, net = quick(small(), some(), labels()), small()
    with torch.no_grad():
        assert torch.equal(quick(net, some(), labels()), expected) and not torch.is_grad_enabled()
    with torch.inference_mode():
        assert torch.equal(quick(net, some(), labels()), expected) and torch.is_inference_mode_enabled()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("targeted", [False, True])
def test_in_half_precision(dtype: torch.dtype, targeted: bool) -> None:
    model, x = small().to(dtype), some(4, dtype=dtype)
    y = target(model, x) if targeted else runtime.predict(model, x)
    found = quick(model, x, y, targeted=targeted)
    expect_like(found, x)
    after = runtime.predict(model, found)
    exact = quick(small(), x.float(), y, targeted=targeted)
    assert ((after == y) == targeted).all() and measure.norms(x, found).l2.mean() < 2 * measure.norms(x.float(), exact).l2.mean()


def test_several_threads_attack_one_model() -> None:
    model, batches = small().train(), [some(2, seed) for seed in range(4)]
    attack = partial(lbfgs, model, searches=2, steps=12)
    before, expected = trace(model), [attack(x) for x in batches]
    with ThreadPoolExecutor(2) as threads:
        assert all(map(torch.equal, threads.map(attack, batches), expected))
    assert trace(model) == before


def test_in_place_first_steps_leave_the_pictures_alone() -> None:
    x = some()
    found = quick(nn.Sequential(nn.Hardtanh(0.2, 0.8, inplace=True), small()), x)
    assert torch.equal(found, quick(nn.Sequential(nn.Hardtanh(0.2, 0.8), small()), x)) and torch.equal(x, some())


def test_what_cannot_be_fooled_comes_back_as_it_is() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(240, CLASSES)).requires_grad_(False)
    model[1].weight.zero_()
    assert torch.equal(quick(model, some()), some())


def test_chance_has_no_part_in_it() -> None:
    model, x = small(), some(4)
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert torch.equal(quick(model, x), quick(model, x))
    first = gradient_rubbish(model, labels(), (3, 8, 10), steps=3, generator=generator(3)).images
    assert torch.equal(first, gradient_rubbish(model, labels(), (3, 8, 10), steps=3, generator=generator(3)).images)
    assert not torch.equal(first, gradient_rubbish(model, labels(), (3, 8, 10), steps=3).images)
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == np.random.get_state()[1].tolist() and states[2] == random.getstate()


@needs_cuda
def test_on_a_gpu_the_result_is_the_same() -> None:
    model, x = small().double(), some(dtype=torch.float64)
    expected = lbfgs(model, x, labels())
    found = lbfgs(model.cuda(), x.cuda(), labels().cuda())
    assert found.device.type == "cuda" and torch.allclose(measure.norms(x, found.cpu()).l2, measure.norms(x, expected).l2, rtol=0.02)


@pytest.mark.parametrize("attack", [
    lambda steps: lbfgs(small(), some(), searches=2, steps=steps), lambda steps: gradient_rubbish(small(), labels(), (3, 8, 10), sure=1, steps=steps),
], ids=["lbfgs", "rubbish"])  # fmt: skip
def test_the_device_is_read_at_every_eighth_evaluation_only(attack: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for steps in (1, 8, 32):
        with monkeypatch.context() as patch:
            reads = Reads(patch)
            attack(steps)
        seen.append(len(reads.seen))
    assert seen[0] == seen[1] and seen[2] <= 4 * seen[1]


# ---------------------------------------------------------------- against independent computations


@pytest.mark.parametrize("name", ["fc100-digits", "fc10-digits", "ae400-digits"])
def test_as_good_as_scipys_on_the_same_pictures(name: str) -> None:
    net = models.load(name).double()
    x = data.load("digits", "test", n=4, source="drawn").x.double()
    goal = (runtime.predict(net, x) + 1 + torch.arange(4)) % 10
    found, theirs = (attack(net, x, goal, targeted=True, searches=6, steps=60) for attack in (lbfgs, reference))
    assert measure.success_rate(net, found, goal, targeted=True) == 1 == measure.success_rate(net, theirs, goal, targeted=True)
    ours, other = (measure.norms(x, pictures).l2 for pictures in (found, theirs))
    assert abs(ours.mean() / other.mean() - 1) < 0.02 and ((ours / other - 1).abs() < 0.1).all()


def test_on_a_linear_model_it_is_nearly_the_exact_distance() -> None:
    """Two classes: the boundary is a plane, and lead / |w_0 - w_1| away. The last c is within a few percent of the largest."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(240, 2)).double().requires_grad_(False)
    model[1].weight.data = torch.randn(2, 240, generator=generator(0), dtype=torch.float64) / 15
    x = 0.4 + 0.2 * some(6, dtype=torch.float64)
    scores = model(x)
    exact = (scores[:, 0] - scores[:, 1]).abs() / (model[1].weight[0] - model[1].weight[1]).norm()
    ways = {"leave": lbfgs(model, x, searches=14), "reach": lbfgs(model, x, scores.argmin(1), targeted=True, searches=14)}
    for found in ways.values():
        far = measure.norms(x, found).l2
        assert (far >= exact).all() and (far < 1.02 * exact).all()


def test_two_classes_leave_is_reach() -> None:
    scores, y = torch.randn(5, 2, generator=generator(1)), torch.tensor([0, 1, 1, 0, 1])
    assert torch.allclose(-wanted(scores, y, False), -wanted(scores, 1 - y, True), atol=1e-6)
    p = torch.randn(5, 7, generator=generator(2))
    assert torch.allclose(-wanted(p, y, False), -(1 - p.softmax(1).gather(1, y[:, None])[:, 0]).log(), atol=1e-5)
    assert torch.allclose(-wanted(p, y, True), nn.functional.cross_entropy(p, y, reduction="none"), atol=1e-6)


def test_the_search_for_c() -> None:
    inf = math.inf
    low, high = torch.tensor([1.0, 0.0, 1.0, 2.0]), torch.tensor([inf, 1.0, 100.0, 8.0])
    assert torch.allclose(next_weight(low, high), torch.tensor([10, 0.1, 10, 4]))


def quadratic(curvature: Tensor, centre: Tensor) -> Callable:
    """Separate problems 0.5 (z - a)^T H (z - a), with H given for each `[N, D, D]`."""

    def of(z: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        slope = torch.einsum("nij,nj->ni", curvature[which], z - centre[which])
        return 0.5 * (slope * (z - centre[which])).sum(1), slope

    return of


@stable
@given(seed=st.integers(0, 999), count=st.integers(1, 4), size=st.integers(1, 9))
def test_the_minimiser_finds_the_lowest_place_in_the_box(seed: int, count: int, size: int) -> None:
    """For strictly convex problems that place is the only one where no free value is pulled, and no held one inwards."""
    root = torch.randn(count, size, size, generator=generator(seed), dtype=torch.float64)
    curvature = root @ root.transpose(1, 2) + 0.3 * torch.eye(size, dtype=torch.float64)
    centre = 0.5 + torch.randn(count, size, generator=generator(seed + 1), dtype=torch.float64)
    problem, start = quadratic(curvature, centre), torch.rand(count, size, generator=generator(seed + 2), dtype=torch.float64)
    z = minimise(problem, start, steps=400, memory=6)
    _, slope = problem(z, torch.arange(count))
    assert ((z - slope).clamp(0, 1) - z).abs().max() < 2e-3 and z.min() >= 0 and z.max() <= 1


def test_the_direction_is_that_of_the_two_loop_recursion() -> None:
    """Nocedal's recursion, written out for one problem after the other, with the vectors themselves."""
    chance = generator(3)
    like = torch.zeros(3, 12, dtype=torch.float64)
    past, kept = Memory(like, 4), [[], [], []]
    for k in range(7):
        s, y = (torch.randn(3, 12, generator=chance, dtype=torch.float64) for _ in range(2))
        y = s + 0.3 * y
        taken = torch.tensor([True, k % 2 == 0, k != 5])
        past.add(s, y, taken)
        for i in range(3):
            kept[i].append((s[i], y[i]) if taken[i] else None)
    slope, free = torch.randn(3, 12, generator=chance, dtype=torch.float64), torch.rand(3, 12, generator=chance) > 0.3
    expected = []
    for i in range(3):
        pairs = [(s * free[i], y * free[i]) for s, y in (pair for pair in kept[i][-4:] if pair)]
        q, first = slope[i] * free[i], []
        for s, y in reversed(pairs):
            first.append((s @ q) / (s @ y))
            q = q - first[-1] * y
        q = q * (pairs[-1][0] @ pairs[-1][1]) / (pairs[-1][1] @ pairs[-1][1])
        for (s, y), a in zip(pairs, reversed(first)):
            q = q + (a - (y @ q) / (s @ y)) * s
        expected.append(-q)
    assert torch.allclose(past.direction(slope, free), torch.stack(expected), atol=1e-10)


def test_it_goes_less_far_than_deepfool_and_more_searches_go_less_far_still() -> None:
    net, x = models.load("fc100-digits"), data.load("digits", "test", 12, source="drawn").x
    far = [measure.norms(x, found).l2.mean() for found in (deepfool(net, x), quick(net, x), lbfgs(net, x))]
    assert far[0] > far[1] > far[2]


# ---------------------------------------------------------------- rubbish


@stable
@given(seed=st.integers(0, 10_000), count=st.integers(1, 5), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_rubbish_is_what_was_asked_for(seed: int, count: int, dtype: torch.dtype) -> None:
    model, y = small(seed).to(dtype), labels(count, seed)
    made = gradient_rubbish(model, y, (3, 8, 10), sure=0.5, steps=20)
    assert made.images.shape == (count, 3, 8, 10) and made.images.dtype == dtype and not made.images.requires_grad
    assert 0 <= made.images.min() and made.images.max() <= 1
    sure = runtime.logits(model, made.images).softmax(1).gather(1, y[:, None])[:, 0]
    assert torch.allclose(sure, made.confidence, atol=1e-4) and ((made.confidence >= 0.5) | (made.steps == 20)).all()
    one = gradient_rubbish(model, y[:1], (3, 8, 10), sure=0.5, steps=20)
    assert torch.allclose(one.images[0], made.images[0], atol=1e-4) and one.steps[0] == made.steps[0]


def test_rubbish_begins_with_noise_and_goes_as_far_as_it_must() -> None:
    model, y = small(), labels(50)
    start = gradient_rubbish(model, y, (3, 8, 10), steps=0, spread=0.1)
    assert abs(start.images.mean() - 0.5) < 0.01 and abs(start.images.std() - 0.1) < 0.01 and (start.steps == 0).all()
    made = gradient_rubbish(model, y, (3, 8, 10), steps=2, step=0.25, spread=0.1)
    way = (made.images - start.images).flatten(1).norm(dim=1)
    assert (way <= 0.25 * made.steps + 1e-5).all() and (made.confidence >= start.confidence).float().mean() > 0.9
    calm = gradient_rubbish(model, y, (3, 8, 10), steps=2, step=0.25, spread=0.1, decay=0.5)
    assert (calm.images - 0.5).norm() < 0.6 * (made.images - 0.5).norm()


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda x: 255 * x, r"x holds pixels from 0 to 255; pixels in \[0, 1\] are expected", id="bytes as floats"),
        pytest.param(lambda x: x.where(x < x.max(), torch.nan), "x holds NaN", id="NaN"),
        pytest.param(lambda x: x[0], r"x has 3 dimensions", id="one picture"),
        pytest.param(lambda x: x[:0], "x is an empty batch", id="empty batch"),
        pytest.param(lambda x: x.double(), r"x holds torch.float64 but the model computes in torch.float32", id="precision"),
    ],
)
def test_bad_pictures_are_refused(change: Callable, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        lbfgs(small(), change(some()), labels())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"y": torch.tensor([0, 1, 4])}, "the model has 4 classes"),
        ({"y": torch.tensor([0, 1])}, r"y has shape \[2\]; one label a picture is expected: \[3\]"),
        ({"targeted": True}, "targeted=True needs y"),
        ({"c": 0.0}, "c is 0.0; a finite number above 0"),
        ({"searches": 0}, "searches is 0; a whole number of at least 1"),
        ({"steps": 2.5}, "steps is 2.5; a whole number"),
        ({"memory": 0}, "memory is 0"),
    ],
)
def test_bad_options_are_refused(options: dict, words: str) -> None:
    model = small().train()
    before = trace(model)
    with pytest.raises(ValueError, match=words):
        lbfgs(model, some(), **options)
    assert trace(model) == before


def test_bad_orders_of_rubbish_are_refused() -> None:
    for options, words in [
        ({"sure": -1}, "sure is -1"), ({"step": -0.1}, "step is -0.1"), ({"spread": math.nan}, "spread is nan"), ({"steps": -1}, "steps is -1"),
        ({"y": torch.tensor([0, 9, 1])}, "the model has 4 classes"), ({"y": labels().double()}, "y holds torch.float64"), ({"decay": -1}, "decay is -1"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=words):
            gradient_rubbish(small(), **{"y": labels(), "shape": (3, 8, 10), **options})


def test_models_that_cannot_be_attacked_are_named() -> None:
    class Blind(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach().mean((2, 3))

    for attack in (lambda model: lbfgs(model, some()), lambda model: gradient_rubbish(model, labels().clamp(max=2), (3, 8, 10))):
        with pytest.raises(ValueError, match="the model's scores have no gradient for the pixels"):
            attack(Blind())
        with pytest.raises(ValueError, match=r"class scores \[N, classes\] are expected"):
            attack(small().model[0])
