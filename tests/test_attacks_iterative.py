"""The attacks of many steps: what holds for every picture, against independent computations, and what they refuse."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime
from course_utils.attacks import basic_iterative, deepfool, fgsm, kurakin_steps, least_likely, pgd, steps_needed
from course_utils.runtime import generator
from tests.test_attacks import CLASSES, Reads, in_any_state, labels, needs_cuda, numpy_slope, rounding, small, some, trace

BUDGET = {  # within eps, in the max-norm or (l2) in the L2 norm
    "basic": partial(basic_iterative, step=0.03, steps=4),
    "least likely": partial(least_likely, step=0.03, steps=4),
    "pgd": partial(pgd, steps=4),
    "pgd l2": partial(pgd, steps=4, norm="l2"),
    "pgd restarts": partial(pgd, steps=3, restarts=3),
    "pgd margin": partial(pgd, steps=4, restarts=2, loss="margin", kappa=5.0),
}
STILL = {  # no chance is in them
    "basic": BUDGET["basic"],
    "least likely": BUDGET["least likely"],
    "pgd": partial(pgd, steps=4, random_start=False),
    "pgd l2": partial(pgd, steps=4, norm="l2", random_start=False),
}
FREE = {"deepfool": partial(deepfool, steps=8), "deepfool linf": partial(deepfool, steps=8, norm="linf")}  # without a budget
EVERY = {**{name: partial(attack, eps=0.1) for name, attack in BUDGET.items()}, **FREE}
TARGETED = ["basic", "pgd", "pgd l2", "pgd restarts", "pgd margin"]
stable = settings(deadline=None, max_examples=10, derandomize=True)
every_attack = pytest.mark.parametrize("attack", EVERY.values(), ids=EVERY)
every_budget = pytest.mark.parametrize("name", BUDGET)


def size(name: str, change: Tensor) -> Tensor:
    """How large a change is in the norm of an attack's budget: `[N]`."""
    flat = change.double().flatten(1)
    return flat.norm(dim=1) if "l2" in name else flat.abs().amax(1)


# ---------------------------------------------------------------- what holds for every picture


@st.composite
def cases(draw: st.DrawFn) -> tuple[nn.Module, Tensor, Tensor | None, float]:
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    count, seed = draw(st.integers(1, 5)), draw(st.integers(0, 10_000))
    eps = draw(st.one_of(st.sampled_from([0.0, 1e-6, 0.007, 0.25, 1.0, 5.0]), st.floats(0, 1)))
    return small(seed).to(dtype), some(count, seed, dtype), labels(count, seed) if draw(st.booleans()) else None, eps


def expect_like(found: Tensor, x: Tensor) -> None:
    assert found.min() >= 0 and found.max() <= 1
    assert (found.shape, found.dtype, found.device) == (x.shape, x.dtype, x.device)
    assert not found.requires_grad and found.grad_fn is None and found.data_ptr() != x.data_ptr()


@every_budget
@stable
@given(case=cases(), targeted=st.booleans())
def test_the_result_is_in_the_budget_in_the_range_and_like_the_input(name: str, case: tuple, targeted: bool) -> None:
    model, x, y, eps = case
    clean, more = x.clone(), {"targeted": True} if targeted and y is not None and name in TARGETED else {}
    found = BUDGET[name](model, x, y, eps=eps, **more)
    assert (size(name, found - x) <= eps * (1 + 1e-5) + rounding(x)).all()
    expect_like(found, x)
    assert torch.equal(x, clean)
    if eps == 0:
        assert torch.equal(found, x)


@pytest.mark.parametrize("name", FREE)
@stable
@given(case=cases())
def test_deepfool_gives_pictures_in_the_range_and_like_the_input(name: str, case: tuple) -> None:
    model, x, y, _ = case
    clean = x.clone()
    found = FREE[name](model, x, y)
    expect_like(found, x)
    assert torch.equal(x, clean)
    before, after = (runtime.predict(model, pictures) for pictures in (x, found))
    y = before if y is None else y
    assert torch.equal(found[before != y], x[before != y]), "what is wrong already stays as it is"
    assert (after != y).all(), "these small networks are fooled in eight steps, always"


@pytest.mark.parametrize("name", [*STILL, *FREE])
@stable
@given(seed=st.integers(0, 10_000), own=st.booleans(), count=st.integers(1, 5))
def test_a_batch_gives_what_its_pictures_give_alone(name: str, seed: int, own: bool, count: int) -> None:
    model, x, y = small(seed).double(), some(count, seed, torch.float64), None if own else labels(count, seed)
    attack = FREE.get(name) or partial(STILL[name], eps=0.1)
    alone = [attack(model, x[i : i + 1], None if own else y[i : i + 1]) for i in range(count)]
    assert torch.allclose(attack(model, x, y), torch.cat(alone), atol=1e-9)


@stable
@given(seed=st.integers(0, 10_000), own=st.booleans(), count=st.integers(1, 5))
def test_a_batch_needs_as_many_steps_as_its_pictures_alone(seed: int, own: bool, count: int) -> None:
    model, x, y = small(seed).double(), some(count, seed, torch.float64), None if own else labels(count, seed)
    alone = [steps_needed(model, x[i : i + 1], None if own else y[i : i + 1], step=0.02, steps=9) for i in range(count)]
    assert steps_needed(model, x, y, step=0.02, steps=9).tolist() == [steps.item() for steps in alone]


@every_attack
@stable
@given(seed=st.integers(0, 10_000))
def test_without_labels_it_is_the_class_of_the_clean_picture(attack: Callable, seed: int) -> None:
    model, x = small(seed), some(3, seed)
    own = model(x).argmax(1)
    assert torch.equal(attack(model, x), attack(model, x, own))


@every_attack
@stable
@given(choice=st.data())
def test_the_model_comes_back_as_it_was(attack: Callable, choice: st.DataObject) -> None:
    model, x = in_any_state(choice), some()
    before, pictures = trace(model), x.clone().requires_grad_()
    found = attack(model, pictures, labels())
    steps_needed(model, pictures, labels(), steps=3)
    assert trace(model) == before and pictures.grad is None and pictures.requires_grad
    assert torch.equal(found, attack(small(), x, labels())), "modes and frozen parameters change nothing (BatchNorm, dropout)"


@every_attack
def test_the_model_comes_back_as_it_was_after_an_error(attack: Callable) -> None:
    model = small().train()
    before = trace(model)
    with pytest.raises(ValueError, match="the model has 4 classes"):
        attack(model, some(), torch.tensor([0, 1, 4]))
    assert trace(model) == before


@every_attack
def test_gradients_switched_off_by_the_caller(attack: Callable) -> None:
    expected, net = attack(small(), some(), labels()), small()
    with torch.no_grad():
        assert torch.equal(attack(net, some(), labels()), expected) and not torch.is_grad_enabled()
    with torch.inference_mode():
        assert torch.equal(attack(net, some(), labels()), expected) and torch.is_inference_mode_enabled()
        assert len(steps_needed(net, some(), labels())) == 3


@every_budget
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("eps", [0.1, 0.03])
def test_in_half_precision_rounding_does_not_break_the_budget(name: str, dtype: torch.dtype, eps: float) -> None:
    model, x = small().to(dtype), some(4, dtype=dtype)
    found = BUDGET[name](model, x, labels(4), eps=eps)
    expect_like(found, x)
    change = size(name, found.double() - x.double())
    assert (change <= eps * (1 + 1e-6)).all() and change.max() > 0.3 * eps


@pytest.mark.parametrize("name", BUDGET)
def test_in_half_precision_small_steps_are_not_lost(name: str) -> None:
    model, x = small().bfloat16(), torch.full((3, 3, 8, 10), 0.9, dtype=torch.bfloat16)  # the next number is 0.004 away
    attack, still = BUDGET[name], {"random_start": False, "restarts": 1} if "pgd" in name else {}
    found = attack(model, x, labels(3), eps=1.0, step=0.001 if "l2" not in name else 0.01, steps=40, **still)
    far = size(name, found.double() - x.double())
    assert (far > (0.02 if "l2" not in name else 0.2)).all()


def test_in_half_precision_small_steps_add_up_and_are_counted() -> None:
    model, x = small(), 0.8 + 0.1 * some(4)  # the next number in half precision is 0.004 away
    y = runtime.predict(model, x)
    few, half = (steps_needed(m, p, y, step=0.001, steps=300) for m, p in ((model, x), (small().bfloat16(), x.bfloat16())))
    assert ((half - few).abs() <= 0.2 * few + 5).all() and few.max() <= 300


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_deepfool_in_half_precision(name: str, dtype: torch.dtype) -> None:
    model, x = small().to(dtype), some(4, dtype=dtype)
    found = FREE[name](model, x, steps=30)
    expect_like(found, x)
    assert (runtime.predict(model, found) != runtime.predict(model, x)).all()


@every_attack
def test_several_threads_attack_one_model(attack: Callable) -> None:
    model, batches = small().train(), [some(2, seed) for seed in range(8)]
    before = trace(model)
    expected = [attack(model, x) for x in batches]
    with ThreadPoolExecutor(4) as threads:
        assert all(map(torch.equal, threads.map(lambda x: attack(model, x), batches), expected))
    assert trace(model) == before


@every_attack
def test_in_place_first_steps_leave_the_pictures_alone(attack: Callable) -> None:
    x = some()
    found = attack(nn.Sequential(nn.Hardtanh(0.2, 0.8, inplace=True), small()), x)
    assert torch.equal(found, attack(nn.Sequential(nn.Hardtanh(0.2, 0.8), small()), x)) and torch.equal(x, some())


@every_attack
def test_where_the_scores_are_flat_there_is_no_step(attack: Callable) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(240, CLASSES)).requires_grad_(False)
    model[1].weight.zero_()
    found = attack(model, some())
    assert not found.isnan().any()
    if attack.func is not pgd:  # which is somewhere at random
        assert torch.equal(found, some())


@needs_cuda
@every_attack
def test_on_a_gpu_the_result_is_the_same(attack: Callable) -> None:
    model, x = small().double(), some(dtype=torch.float64)
    expected = attack(model, x, labels())
    found = attack(model.cuda(), x.cuda(), labels().cuda())
    assert found.device.type == "cuda" and ((found.cpu() - expected).abs() > 1e-6).float().mean() < 0.01


# ---------------------------------------------------------------- chance


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_starts_are_those_of_the_generator_and_of_nothing_else(norm: str) -> None:
    """torch's, NumPy's and Python's own generators are neither asked nor set."""
    model, x, y = small(), some(4), labels(4)
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    attack = partial(pgd, model, x, y, eps=0.2, steps=2, restarts=2, norm=norm)
    first = attack(generator=generator(3))
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == np.random.get_state()[1].tolist() and states[2] == random.getstate()
    assert torch.equal(first, attack(generator=generator(3))) and not torch.equal(first, attack(generator=generator(4)))
    assert torch.equal(attack(), attack(generator=generator())), "without one it is the course's seed"


def test_random_starts_fill_the_ball() -> None:
    x = torch.full((200, 1, 2, 2), 0.5)
    change = attacks.MaxBall(x, 0.2).random(generator(0)) - x
    assert change.abs().max() <= 0.2 + 1e-7 and abs(change.mean()) < 0.02 and abs(change.std() - 0.2 / 3**0.5) < 0.01
    length = (attacks.L2Ball(x, 0.2).random(generator(0)) - x).flatten(1).norm(dim=1)
    assert length.max() <= 0.2 + 1e-7 and abs((length < 0.2 * 0.5 ** (1 / 4)).float().mean() - 0.5) < 0.1, "half of the volume"
    assert not torch.equal(change[0], change[1]), "each picture has a start of its own"


# ---------------------------------------------------------------- against independent computations


def test_the_number_of_steps_is_the_papers() -> None:
    assert [kurakin_steps(levels / 255) for levels in (0, 1, 2, 4, 8, 16, 32)] == [0, 2, 3, 5, 10, 20, 36]
    model, x, y = small(), some(), labels()
    found = basic_iterative(model, x, y, eps=2 / 255)
    assert torch.equal(found, basic_iterative(model, x, y, eps=2 / 255, step=1 / 255, steps=3))


@pytest.mark.parametrize("sign", [1, -1])
def test_against_a_loop_of_single_steps(sign: int) -> None:
    model, x, y = small().double(), some(5, dtype=torch.float64), labels(5)
    expected, toward = x, model(x).argmin(1)
    for _ in range(7):
        expected = fgsm(model, expected, y if sign > 0 else toward, eps=0.02, targeted=sign < 0)
        expected = torch.minimum(torch.maximum(expected, x - 0.1), x + 0.1)
    attack = basic_iterative if sign > 0 else least_likely
    assert torch.allclose(attack(model, x, y, eps=0.1, step=0.02, steps=7), expected, atol=1e-12)
    options = {"eps": 0.1, "step": 0.02, "steps": 7, "random_start": False, "targeted": sign < 0}
    assert torch.allclose(pgd(model, x, y if sign > 0 else toward, **options), expected, atol=1e-12)


def test_pgd_in_l2_against_a_network_differentiated_by_hand() -> None:
    chance = np.random.default_rng(0)
    weights = [chance.normal(size=s) / 3 for s in ((12, 30), (12,), (5, 12), (5,))]
    net = nn.Sequential(nn.Flatten(), nn.Linear(30, 12), nn.ReLU(True), nn.Linear(12, 5)).double()
    for parameter, value in zip(net.parameters(), weights):
        parameter.data = torch.from_numpy(value)
    x, y = chance.random((6, 30)), chance.integers(0, 5, 6)
    moved = x
    for _ in range(5):
        _, slope = numpy_slope(moved, y, weights, 0.0, 1.0)
        change = moved + 0.3 * slope / np.linalg.norm(slope, axis=1, keepdims=True) - x
        change *= np.minimum(1, 0.7 / np.linalg.norm(change, axis=1, keepdims=True))
        moved = np.clip(x + change, 0, 1)
    pictures = torch.from_numpy(x).view(6, 2, 3, 5)
    found = pgd(net, pictures, torch.from_numpy(y), eps=0.7, step=0.3, steps=5, norm="l2", random_start=False)
    assert np.abs(found.numpy().reshape(6, -1) - moved).max() < 1e-12


def middle(count: int = 6) -> Tensor:
    """Pictures far from black and white, where no small change is clipped."""
    return 0.4 + 0.2 * some(count, dtype=torch.float64)


@pytest.mark.parametrize(("norm", "order"), [("l2", 2), ("linf", 1)])
def test_on_a_linear_model_deepfool_is_the_exact_distance(norm: str, order: int) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(240, 6)).double().requires_grad_(False)
    model[1].weight.data = torch.randn(6, 240, generator=generator(0), dtype=torch.float64) / 15
    x = middle()
    scores, (weight, _) = model(x), model[1].parameters()
    own = scores.argmax(1)
    far = torch.stack([
        torch.stack([(s[k] - s[j]) / (weight[j] - weight[k]).norm(order) if j != k else s.new_tensor(torch.inf) for j in range(6)])
        for s, k in zip(scores, own)
    ])  # fmt: skip
    found = deepfool(model, x, norm=norm, overshoot=0)
    change = (found - x).flatten(1)
    assert torch.allclose(size(norm, change), far.amin(1) + attacks.deepfool.__globals__["BEYOND"], atol=1e-9)
    assert torch.equal(model(found).argmax(1), far.argmin(1)), "and it is the nearest class that is reached"
    further = deepfool(model, x, norm=norm)
    assert torch.allclose(further - x, 1.02 * (found - x), atol=1e-9), "the overshoot is that of the whole change"
    two = deepfool(model, x, norm=norm, classes=2, overshoot=0)
    assert torch.equal(model(two).argmax(1), scores.scatter(1, own[:, None], -torch.inf).argmax(1)), "only the second best is looked at"


def test_deepfool_needs_few_steps_and_drops_what_is_done() -> None:
    """With the overshoot in each step alone the steps shrink at the boundary, and many pictures never cross it."""
    net, x = models.load("lenet-digits"), data.load("digits", "test", 64, source="drawn").x
    rows: list[int] = []
    handle = net.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])) if given[0].requires_grad else None)
    found = deepfool(net, x)
    handle.remove()
    assert (runtime.predict(net, found) != runtime.predict(net, x)).all()
    assert sum(rows) < 12 * len(x) and rows[0] == 64 and rows == sorted(rows, reverse=True) and rows[-1] < 10
    scores, own = runtime.logits(net, found), runtime.predict(net, x)[:, None]
    lead = scores.amax(1) - scores.gather(1, own)[:, 0]
    assert lead.min() > 5e-6 * scores.abs().amax(), "far enough behind the boundary that a GPU's or a batch's rounding undoes nothing"
    one_step = size("l2", fgsm(net, x, eps=0.2) - x)
    assert size("l2", found - x).mean() < 0.6 * one_step.mean(), "much shorter than FGSM at an eps that fools three of four"


@pytest.mark.parametrize("targeted", [False, True])
def test_steps_needed_against_every_number_of_steps(targeted: bool) -> None:
    model, x, y = small(3), some(20, 5), labels(20, 6)
    found = steps_needed(model, x, y, step=0.004, steps=6, eps=0.018, targeted=targeted)
    first = torch.full((20,), 7)
    for k in reversed(range(7)):
        there = basic_iterative(model, x, y, step=0.004, steps=k, eps=0.018, targeted=targeted)
        first[(runtime.predict(model, there) == y) == targeted] = k
    assert found.tolist() == first.tolist() and len(set(first.tolist())) > 3


# ---------------------------------------------------------------- the margin, which the paper calls CW


@pytest.mark.parametrize("kappa", [0.0, 0.3, 50.0])
@pytest.mark.parametrize("targeted", [False, True])
def test_the_margin_is_what_other_libraries_climb(targeted: bool, kappa: float) -> None:
    """torchattacks's and foolbox's f, to be made small: clamp(other - own, min=-kappa) for a target, clamp(own - other, min=-kappa)
    without one. Madry's own loss for CW is -relu(own - other + 50): with kappa = 50 ours is 50 more. All logits above 0, for torchattacks
    has a 0 among the others."""
    z, y = 3 * some(40).flatten(1)[:, :6] + 0.1, torch.arange(40) % 6
    one = torch.eye(6)[y]
    own, other = (one * z).amax(1), ((1 - one) * z).amax(1)
    f = torch.clamp(other - own if targeted else own - other, min=-kappa)
    found = attacks.margins.margin(z, y, targeted=targeted, kappa=kappa, reduction="none")
    assert torch.allclose(found, f if targeted else -f, atol=1e-6) and found.dtype == z.dtype
    assert torch.allclose(attacks.margins.margin(z, y, targeted=targeted, kappa=kappa), found.sum())
    if kappa == 50 and not targeted:
        assert torch.allclose(found - 50, -torch.relu(own - other + 50), atol=1e-4)


@pytest.mark.parametrize("targeted", [False, True])
def test_pgd_on_the_margin_against_a_loop_written_out(targeted: bool) -> None:
    """A picture that leads by more than kappa stays where it is."""
    net, sign = small().double(), -1 if targeted else 1
    x, y = some(8, dtype=torch.float64), labels(8)
    options = {"eps": 0.1, "step": 0.03, "steps": 9, "random_start": False, "targeted": targeted, "loss": "margin"}
    free = attacks.margins.lead(net(pgd(net, x, y, kappa=50, **options)), y, targeted)
    kappa = max(0.0, free.median().item())  # half of the pictures come so far
    moved, stood = x.clone(), torch.zeros(8, dtype=torch.bool)
    for _ in range(9):
        moved.requires_grad_()
        z = net(moved)
        own = z.gather(1, y[:, None])[:, 0]
        other = z.masked_fill(torch.eye(CLASSES, dtype=torch.bool)[y], -torch.inf).amax(1)
        ahead = own - other if targeted else other - own
        (slope,) = torch.autograd.grad((other - own).sum(), moved)
        on = ahead <= kappa
        stood |= ~on
        step = sign * 0.03 * slope.sign() * on[:, None, None, None]
        moved = torch.minimum(torch.maximum(moved.detach() + step, x - 0.1), x + 0.1).clamp(0, 1)
    assert torch.allclose(pgd(net, x, y, kappa=kappa, **options), moved, atol=1e-12)
    assert stood.any() and not stood.all()
    assert not torch.allclose(pgd(net, x, y, kappa=50, **options), moved, atol=1e-3)


def test_the_margin_leads_farther_with_a_larger_kappa_and_cross_entropy_has_none() -> None:
    net, (x, y, *_) = models.load("lenet-digits"), data.load("digits", "test", 40, source="drawn")
    ahead = [attacks.margins.lead(runtime.logits(net, pgd(net, x, y, eps=0.2, step=0.01, steps=30, loss="margin", kappa=k)), y, False) for k in (0, 2, 50)]
    fooled = [(a > 0).float().mean() for a in ahead]
    assert ahead[0].mean() + 0.1 < ahead[1].mean() < ahead[2].mean() - 0.5
    assert ahead[0].mean() < 1.5 and min(fooled) > 0.6, "without kappa it stops behind the boundary"


# ---------------------------------------------------------------- restarts and targets


def test_more_restarts_are_never_worse() -> None:
    """Once fooled a picture stays so; one that is not keeps its highest loss."""
    net, (x, y, *_) = models.load("lenet-digits"), data.load("digits", "test", 60, source="drawn")
    found = [pgd(net, x, y, eps=0.11, steps=3, restarts=k, generator=generator(0)) for k in (1, 2, 4)]
    wrong = torch.stack([runtime.predict(net, pictures) != y for pictures in found])
    loss = torch.stack([F.cross_entropy(runtime.logits(net, pictures), y, reduction="none") for pictures in found])
    assert (wrong[1:] >= wrong[:-1]).all() and wrong[-1].sum() > wrong[0].sum(), "and here they are better"
    still = ~wrong[-1]
    assert (loss[1:] >= loss[:-1] - 1e-6)[:, still].all() and (loss[-1] > loss[0] + 1e-4)[still].any()
    assert torch.equal(found[0][wrong[0]], found[2][wrong[0]]), "a picture that was fooled was not tried again"


def test_restarts_drop_what_is_fooled_and_stop_when_nothing_is_left() -> None:
    model, rows = small(), []
    x = some(6)
    model.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])) if given[0].requires_grad else None)
    pgd(model, x, eps=1.0, steps=5, restarts=50)
    assert len(rows) < 50 and rows[0] == 6


@pytest.mark.parametrize("name", TARGETED)
def test_the_own_class_as_the_target_stays_the_answer(name: str) -> None:
    model, x = small(), some(5)
    own = model(x).argmax(1)
    found = BUDGET[name](model, x, own, eps=0.1, targeted=True)
    assert torch.equal(model(found).argmax(1), own) and (model(found).softmax(1).amax(1) > model(x).softmax(1).amax(1)).all()
    assert steps_needed(model, x, own, targeted=True).tolist() == [0] * 5


@pytest.mark.parametrize("name", TARGETED)
def test_targets_are_reached_and_other_classes_left(name: str) -> None:
    model, x = small(), some(8)
    own = model(x).argmax(1)
    target, eps = (own + 1) % CLASSES, 3.0 if "l2" in name else 0.3
    loss = lambda pictures, y: F.cross_entropy(model(pictures), y, reduction="none").detach()  # noqa: E731
    assert (loss(BUDGET[name](model, x, target, eps=eps, targeted=True), target) < loss(x, target)).all()
    assert (loss(BUDGET[name](model, x, own, eps=eps), own) > loss(x, own)).all()


def test_pictures_that_are_wrong_already() -> None:
    model, x = small(), some(8)
    other = (model(x).argmax(1) + 1) % CLASSES
    assert torch.equal(deepfool(model, x, other), x) and steps_needed(model, x, other).tolist() == [0] * 8
    assert (model(pgd(model, x, other, eps=0.05, steps=3, restarts=2)).argmax(1) != other).all(), "and stay so"


# ---------------------------------------------------------------- the device


@pytest.mark.parametrize("name", BUDGET)
def test_no_step_reads_from_the_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a GPU never waits: a run of 2 steps reads as often as one of 9."""
    seen, y = [], labels(3)
    for steps in (2, 9):
        model, reads = small(), None
        with monkeypatch.context() as patch:
            reads = Reads(patch)
            more = {"restarts": 2} if "restarts" in name or "margin" in name else {}
            BUDGET[name].func(model, some(), y, eps=1e-4, steps=steps, **more, **({"norm": "l2"} if "l2" in name else {}))
        seen.append(len(reads.seen))
    assert seen[0] == seen[1] <= 4


# ---------------------------------------------------------------- bad input


@every_attack
@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda x: 255 * x, r"x holds pixels from 0 to 255; pixels in \[0, 1\] are expected", id="bytes as floats"),
        pytest.param(lambda x: x - 0.5, r"x holds pixels from -0.5 to 0.5; pixels in \[0, 1\]", id="normalised"),
        pytest.param(lambda x: x.where(x < x.max(), torch.nan), "x holds NaN", id="NaN"),
        pytest.param(lambda x: x[0], r"x has 3 dimensions, shape \[3, 8, 10\].*use x\[None\]", id="one picture"),
        pytest.param(lambda x: x[:0], "x is an empty batch", id="empty batch"),
        pytest.param(lambda x: x.double(), r"x holds torch.float64 but the model computes in torch.float32", id="precision"),
    ],
)
def test_bad_pictures_are_refused(attack: Callable, change: Callable, words: str) -> None:
    for call in (attack, steps_needed):
        with pytest.raises(ValueError, match=words):
            call(small(), change(some()), labels())


@every_attack
def test_bad_labels_are_refused(attack: Callable) -> None:
    for y, words in [
        (torch.tensor([0, -1, 3]), "y holds labels from -1 to 3"),
        (torch.tensor([0, 1]), r"y has shape \[2\]; one label a picture is expected: \[3\]"),
        (torch.tensor([0.0, 1.0, 2.0]), "y holds torch.float32"),
    ]:
        for call in (attack, steps_needed):
            with pytest.raises(ValueError, match=words):
                call(small(), some(), y)


@pytest.mark.parametrize(
    ("attack", "options", "words"),
    [
        (basic_iterative, {"eps": -0.1}, "eps is -0.1; a finite number of at least 0"),
        (least_likely, {"eps": float("nan")}, "eps is nan"),
        (pgd, {"eps": float("inf")}, "eps is inf"),
        (pgd, {"eps": 0.1, "step": -0.01}, "step is -0.01"),
        (pgd, {"eps": 0.1, "steps": -1}, "steps is -1; a whole number of at least 0"),
        (basic_iterative, {"eps": 0.1, "steps": 2.5}, "steps is 2.5; a whole number"),
        (pgd, {"eps": 0.1, "restarts": 0}, "restarts is 0; a whole number of at least 1"),
        (pgd, {"eps": 0.1, "restarts": 3, "random_start": False}, "restarts is 3 with random_start=False; the same start"),
        (pgd, {"eps": 0.1, "loss": "margins"}, "unknown loss 'margins'. Nearest: margin"),
        (pgd, {"eps": 0.1, "loss": "margin", "kappa": -1}, "kappa is -1; a finite number of at least 0"),
        (pgd, {"eps": 0.1, "kappa": 5}, "kappa is 5 with loss='cross_entropy', which never stops rising"),
        (pgd, {"eps": 0.1, "norm": "linfinity"}, "unknown norm 'linfinity'. Nearest: linf"),
        (deepfool, {"norm": "l1"}, "unknown norm 'l1'. Nearest: l2"),
        (deepfool, {"classes": 1}, "classes is 1; a whole number of at least 2"),
        (deepfool, {"steps": -2}, "steps is -2"),
        (deepfool, {"overshoot": -0.1}, "overshoot is -0.1"),
        (steps_needed, {"step": float("nan")}, "step is nan"),
        (steps_needed, {"eps": -1}, "eps is -1"),
    ],
)
def test_bad_options_are_refused(attack: Callable, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        attack(small(), some(), labels(), **options)


@pytest.mark.parametrize("name", TARGETED)
def test_a_target_is_needed(name: str) -> None:
    with pytest.raises(ValueError, match="targeted=True needs y, the classes that the pictures shall be taken for"):
        BUDGET[name](small(), some(), eps=0.1, targeted=True)


@every_attack
def test_models_that_cannot_be_attacked_are_named(attack: Callable) -> None:
    class Blind(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach().mean((2, 3))

    with pytest.raises(ValueError, match="the model's scores have no gradient for the pixels"):
        attack(Blind(), some())
    with pytest.raises(ValueError, match=r"class scores \[N, classes\] are expected"):
        attack(small().model[0], some())


# ---------------------------------------------------------------- on a trained network


def test_many_steps_beat_one_and_noise_at_the_same_budget() -> None:
    net, (x, y, *_) = models.load("lenet-digits"), data.load("digits", "test", 60, source="drawn")
    rate = lambda found: measure.success_rate(net, found, y, x=x)  # noqa: E731
    noise, one = rate(attacks.random_sign(x, eps=0.12)), rate(fgsm(net, x, y, eps=0.12))
    ten, many = rate(basic_iterative(net, x, y, eps=0.12, step=0.03, steps=10)), rate(pgd(net, x, y, eps=0.12, steps=20, restarts=2))
    assert noise < 0.1 and noise + 0.3 < one < ten - 0.1 and ten < many + 0.05
