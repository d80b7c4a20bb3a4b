"""Universal perturbations: against the paper's algorithm written down plainly, what always holds, and what is refused."""

from __future__ import annotations

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
from course_utils.attacks import universal_perturbation
from course_utils.attacks.deepfool import BEYOND
from course_utils.attacks.universal import scaled, smallest_changes
from course_utils.runtime import generator
from tests.test_attacks import in_any_state, needs_cuda, small, some, trace
from tests.test_pitfalls import flat

stable = settings(deadline=None, max_examples=8, derandomize=True)
quick = partial(universal_perturbation, passes=2)
every_norm = pytest.mark.parametrize("norm", ["linf", "l2"])
XI = {"linf": 0.1, "l2": 0.8}


def size(norm: str, v: Tensor) -> float:
    return v.double().flatten().norm(torch.inf if norm == "linf" else 2).item()


# ---------------------------------------------------------------- against the paper's algorithm


def deepfool_plainly(model: nn.Module, x: Tensor, label: int, steps: int, overshoot: float, classes: int) -> Tensor | None:
    """Algorithm 2 of the DeepFool paper for one picture [C, H, W]; None where it does not leave its class."""
    order = model(x[None])[0].argsort(descending=True).tolist()
    order = [k for k in order if k != label][: classes - 1]
    r = torch.zeros_like(x)
    for _ in range(steps):
        slopes = torch.autograd.functional.jacobian(lambda z: model(z[None])[0], x + (1 + overshoot) * r)
        scores = model((x + (1 + overshoot) * r)[None])[0]
        w = {k: slopes[k] - slopes[label] for k in order}
        far = {k: (abs(scores[k] - scores[label]) / w[k].norm()).item() for k in order}
        nearest = min(far, key=far.get)
        r = r + (far[nearest] + BEYOND) * w[nearest] / w[nearest].norm()
        if model((x + (1 + overshoot) * r)[None]).argmax() != label:
            return (1 + overshoot) * r
    return None


def plainly(model: nn.Module, x: Tensor, norm: str, xi: float, delta: float, passes: int, steps: int, classes: int) -> tuple[Tensor, int]:
    """Algorithm 1 of the paper, picture by picture: v, and how many passes it took."""
    own, v, chance = model(x).argmax(1), torch.zeros_like(x[0]), generator(4)
    for done in range(1, passes + 1):
        for i in torch.randperm(len(x), generator=chance).tolist():
            if model((x[i] + v)[None]).argmax() == own[i]:
                r = deepfool_plainly(model, x[i] + v, int(own[i]), steps, 0.02, classes)
                if r is not None:
                    v = v + r
                    v = torch.minimum(torch.maximum(v, torch.tensor(-xi)), torch.tensor(xi)) if norm == "linf" else v * min(1, xi / v.norm().item())
        if (model((x + v).clamp(0, 1)).argmax(1) != own).double().mean() >= 1 - delta:
            break
    return v, done


@every_norm
@pytest.mark.parametrize(("seed", "passes", "classes", "steps"), [(0, 2, 4, 10), (3, 3, 3, 10), (5, 2, 4, 2)])
def test_one_picture_at_a_time_it_is_the_papers_algorithm(norm: str, seed: int, passes: int, classes: int, steps: int) -> None:
    model, x = small(seed).double().requires_grad_(False), some(7, seed, torch.float64)
    want, took = plainly(model, x, norm, XI[norm], 0.2, passes, steps, classes)
    found = universal_perturbation(
        model, x, norm=norm, xi=XI[norm], rate=0.8, passes=passes, batch=1, steps=steps, classes=classes, generator=generator(4)
    )
    assert torch.allclose(found.perturbation, want, atol=1e-9) and len(found.rates) == took


@every_norm
def test_many_at_a_time_v_moves_along_the_sum_of_what_each_would_add(norm: str) -> None:
    model, x = small(2).double(), some(6, 2, torch.float64)
    alone = [deepfool_plainly(model, picture, int(model(picture[None]).argmax()), 10, 0.02, 4) for picture in x]
    d = sum(r for r in alone if r is not None)
    v = XI[norm] * (d.sign() if norm == "linf" else d / d.norm())
    run = partial(universal_perturbation, model, x, norm=norm, xi=XI[norm], passes=1)
    found = run(batch=6)
    assert torch.allclose(found.perturbation, {"linf": 1, "l2": 0.5}[norm] * v, atol=1e-9) and found.needed.tolist() == [1.0]
    assert torch.allclose(run(batch=6, step=0.25).perturbation, 0.25 * v, atol=1e-9)
    assert torch.allclose(run(batch=6, step=3.0).perturbation, v, atol=1e-9), "never beyond the budget"
    assert torch.equal(run(batch=1).perturbation, run(batch=1, step=3.0).perturbation), "one at a time there is no such step"


@every_norm
def test_many_at_a_time_the_steps_add_up_beyond_the_budget(norm: str) -> None:
    model, x = small(2).double(), some(9, 2, torch.float64)
    u = v = torch.zeros_like(x[0])
    for chosen in torch.randperm(9, generator=generator(1)).split(3):
        left = [i for i in chosen if model((x[i] + v)[None]).argmax() == model(x[i : i + 1]).argmax()]
        d = sum(deepfool_plainly(model, x[i] + v, int(model(x[i : i + 1]).argmax()), 10, 0.02, 4) for i in left)
        if left:
            u = u + 0.8 * XI[norm] * (d.sign() if norm == "linf" else d / d.norm())
            v = u.clamp(-0.1, 0.1) if norm == "linf" else u * min(1, 0.8 / u.norm().item())
    found = universal_perturbation(model, x, norm=norm, xi=XI[norm], passes=1, batch=3, step=0.8, generator=generator(1))
    assert torch.allclose(found.perturbation, v, atol=1e-9) and size("linf", u) > 1.1 * size("linf", v)


def test_what_deepfool_does_not_fool_in_its_steps_adds_nothing() -> None:
    model, x = small(1).double(), some(8, 3, torch.float64)
    own = model(x).argmax(1)
    few, many = (smallest_changes(model, x, own, steps, 0.02, 4) for steps in (1, 10))
    failed = (few == 0).flatten(1).all(1)
    assert failed.any() and not failed.all() and (many != 0).flatten(1).any(1).all()
    assert (model(x + few).argmax(1) != own).tolist() == (~failed).tolist()
    assert torch.equal(few[~failed], many[~failed]), "the others were done after one step"


# ---------------------------------------------------------------- what always holds


@st.composite
def cases(draw: st.DrawFn) -> tuple[nn.Module, Tensor, dict]:
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    count, seed, norm = draw(st.integers(1, 5)), draw(st.integers(0, 10_000)), draw(st.sampled_from(["linf", "l2"]))
    xi = draw(st.one_of(st.sampled_from([1e-6, 0.01, 0.1, 1.0, 5.0]), st.floats(1e-3, 2)))
    return small(seed).to(dtype), some(count, seed, dtype), {"norm": norm, "xi": xi, "batch": draw(st.integers(1, 6))}


@stable
@given(case=cases())
def test_v_is_in_the_budget_and_its_rate_is_that_of_clipped_pictures(case: tuple) -> None:
    model, x, options = case
    clean = x.clone()
    found = quick(model, x, **options)
    v = found.perturbation
    assert (v.shape, v.dtype, v.device) == (x.shape[1:], x.dtype, x.device) and v.isfinite().all()
    assert size(options["norm"], v) <= options["xi"] * (1 + 1e-6) and not v.requires_grad and v.grad_fn is None
    assert torch.equal(x, clean)
    assert found.fooling_rate == found.rates[-1] and len(found.rates) == len(found.needed) <= 2
    own = runtime.predict(model, x)
    assert abs(found.fooling_rate - (runtime.predict(model, (x + v).clamp(0, 1)) != own).double().mean().item()) < 1e-6
    assert ((0 <= found.needed) & (found.needed <= 1)).all() and found.needed[0] > 0


@stable
@given(choice=st.data())
def test_the_model_comes_back_as_it_was(choice: st.DataObject) -> None:
    model, x = in_any_state(choice), some()
    before, pictures = trace(model), x.clone().requires_grad_()
    found = quick(model, pictures, xi=0.1)
    assert trace(model) == before and pictures.grad is None and pictures.requires_grad
    assert torch.equal(found.perturbation, quick(small(), x, xi=0.1).perturbation), "modes and frozen parameters change nothing"


def test_gradients_switched_off_by_the_caller_and_steps_in_place() -> None:
    x, want = some(), quick(small(), some(), xi=0.1).perturbation
    with torch.no_grad():
        assert torch.equal(quick(small(), x, xi=0.1).perturbation, want) and not torch.is_grad_enabled()
    net = small()
    with torch.inference_mode():
        assert torch.equal(quick(net, x, xi=0.1).perturbation, want)
    first, same = (nn.Sequential(nn.Hardtanh(0.2, 0.8, inplace=flag), small()) for flag in (True, False))
    assert torch.equal(quick(first, x, xi=0.1).perturbation, quick(same, x, xi=0.1).perturbation) and torch.equal(x, some())


@every_norm
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_in_half_precision_rounding_does_not_break_the_budget(norm: str, dtype: torch.dtype) -> None:
    xi = {"linf": 0.02, "l2": 0.1}[norm]
    found = universal_perturbation(small().to(dtype), some(4, dtype=dtype), norm=norm, xi=xi, passes=6)
    assert found.perturbation.dtype == dtype and 0.9 * xi < size(norm, found.perturbation) <= xi * (1 + 1e-6)


@needs_cuda
def test_on_a_gpu_the_result_is_the_same() -> None:
    model, x = small().double(), some(5, dtype=torch.float64)
    want = quick(model, x, xi=0.1).perturbation
    found = quick(model.cuda(), x.cuda(), xi=0.1).perturbation
    assert found.device.type == "cuda" and (found.cpu() - want).abs().max() < 1e-6


def test_the_order_is_that_of_the_generator_and_of_nothing_else() -> None:
    model, x = small(), some(6)
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    run = lambda seed: quick(model, x, xi=0.1, batch=2, generator=generator(seed)).perturbation  # noqa: E731
    first = run(3)
    assert torch.equal(states[0], torch.get_rng_state()) and states[1:] == (np.random.get_state()[1].tolist(), random.getstate())
    assert torch.equal(first, run(3)) and not torch.equal(first, run(4))
    assert torch.equal(quick(model, x, xi=0.1, batch=2).perturbation, run(0)), "without one it is the course's seed"


def test_it_stops_at_the_rate_that_is_wanted() -> None:
    model, x = small(), some(12)
    found = universal_perturbation(model, x, xi=2.0, rate=0.1, passes=9)
    assert len(found.rates) == 1 and found.fooling_rate >= 0.1
    never = universal_perturbation(model, x, xi=1e-6, rate=0.1, passes=3)
    assert len(never.rates) == 3 and never.fooling_rate == 0 and never.perturbation.any()


def test_pictures_that_v_fools_already_are_not_asked_again() -> None:
    rows: list[int] = []
    model, x = small().double(), some(12, dtype=torch.float64)
    handle = model.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])) if given[0].requires_grad else None)
    found = universal_perturbation(model, x, xi=0.5, rate=1.0, passes=3, batch=1, steps=1)
    handle.remove()
    assert sum(rows) == round(12 * found.needed.sum().item()) < 36


# ---------------------------------------------------------------- what fools nothing, and bad input


def test_where_nothing_is_ever_fooled_v_is_zero() -> None:
    found = universal_perturbation(flat(), some(), xi=0.1, passes=50)
    assert not found.perturbation.any() and found.fooling_rate == 0 and found.rates.tolist() == [0.0] and found.needed.tolist() == [1.0]


def test_pictures_of_a_single_class_are_fine() -> None:
    model, x = small(), some(40)
    own = runtime.predict(model, x)
    kind = x[own == own.mode().values]
    assert len(kind) > 10 and universal_perturbation(model, kind, xi=0.5).fooling_rate > 0.5


def test_a_model_of_a_single_class_is_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(240, 1))
    with pytest.raises(ValueError, match="the model gives scores for 1 class; at least two are expected"):
        universal_perturbation(model, some(), xi=0.1)
    assert model.training and all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda x: 255 * x, r"x holds pixels from 0 to 255; pixels in \[0, 1\] are expected", id="bytes as floats"),
        pytest.param(lambda x: x.where(x < x.max(), torch.nan), "x holds NaN", id="NaN"),
        pytest.param(lambda x: x[0], r"x has 3 dimensions.*use x\[None\]", id="one picture"),
        pytest.param(lambda x: x[:0], "x is an empty batch", id="empty batch"),
        pytest.param(lambda x: x.double(), "x holds torch.float64 but the model computes in torch.float32", id="precision"),
    ],
)
def test_bad_pictures_are_refused(change: Callable, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        quick(small(), change(some()), xi=0.1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"xi": 0}, "xi is 0; a finite number above 0 is expected"),
        ({"xi": -0.1}, "xi is -0.1"),
        ({"xi": float("nan")}, "xi is nan"),
        ({"norm": "l1"}, "unknown norm 'l1'. Nearest: l2"),
        ({"step": 0}, "step is 0; a finite number above 0"),
        ({"rate": 0}, "rate is 0; a share above 0"),
        ({"rate": 80}, "rate is 80; a share above 0, at most 1"),
        ({"passes": 0}, "passes is 0; a whole number of at least 1"),
        ({"batch": 0}, "batch is 0"),
        ({"steps": 2.5}, "steps is 2.5; a whole number"),
        ({"classes": 1}, "classes is 1; a whole number of at least 2"),
        ({"overshoot": -0.1}, "overshoot is -0.1"),
    ],
)
def test_bad_options_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        universal_perturbation(small(), some(), **{"xi": 0.1, **options})


def test_a_model_without_gradients_is_named() -> None:
    class Blind(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach().mean((2, 3))

    with pytest.raises(ValueError, match="the model's scores have no gradient for the pixels"):
        quick(Blind(), some(), xi=0.1)


# ---------------------------------------------------------------- scaling, and a trained network


@every_norm
def test_scaled_has_exactly_the_size(norm: str) -> None:
    v = torch.randn(3, 4, 5, generator=generator(1))
    found = scaled(v, 0.7, norm)
    assert abs(size(norm, found) - 0.7) < 1e-6 and torch.allclose(found / found.abs().max(), v / v.abs().max(), atol=1e-6)
    with pytest.raises(ValueError, match="v has norm 0.0; one that is not 0"):
        scaled(torch.zeros(3, 4, 5), 0.7, norm)


def test_it_fools_pictures_it_never_saw_far_more_often_than_noise_or_a_single_pictures_change() -> None:
    net, x = models.load("lenet-digits"), data.load("digits", "train", 48, source="drawn").x
    unseen = data.load("digits", "test", 200, source="drawn").x
    v = universal_perturbation(net, x, xi=0.3, passes=2).perturbation
    rate = lambda change: measure.fooling_rate(net, unseen, change)  # noqa: E731
    noise = 0.3 * torch.randn(v.shape, generator=generator(0)).sign()
    single = scaled(attacks.deepfool(net, x[:1])[0] - x[0], 0.3)
    assert rate(v) > 0.25 and rate(v) > rate(noise) + 0.15 and rate(v) > rate(single) + 0.1
