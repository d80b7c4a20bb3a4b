"""Expectation over transformation and the destruction rate: what holds for every picture, against loops by hand, and what they refuse."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import measure, transforms
from course_utils.attacks import pgd, transform_attack
from course_utils.defenses import expectation
from course_utils.runtime import generator
from tests.test_attacks import in_any_state, labels, needs_cuda, rounding, small, some, trace

stable = settings(deadline=None, max_examples=10, derandomize=True)


def noisy(x: Tensor, *, generator: torch.Generator) -> Tensor:
    return transforms.add_noise(x, 0.05, generator=generator)


def darker(x: Tensor) -> Tensor:
    return 0.8 * x


attack = partial(transform_attack, transform=noisy, samples=3, steps=3)


# ---------------------------------------------------------------- what holds for every picture


@stable
@given(
    dtype=st.sampled_from([torch.float32, torch.float64]), count=st.integers(1, 4), seed=st.integers(0, 1000), known=st.booleans(),
    eps=st.one_of(st.sampled_from([0.0, 1e-6, 0.25, 5.0]), st.floats(0, 1)), norm=st.sampled_from(["linf", "l2"]), start=st.booleans(),
)  # fmt: skip
def test_the_result_is_in_the_budget_in_the_range_and_like_the_input(dtype, count, seed, known, eps, norm, start) -> None:
    model, x, y = small(seed).to(dtype), some(count, seed, dtype), labels(count, seed) if known else None
    clean = x.clone()
    found = attack(model, x, y, eps=eps, norm=norm, random_start=start)
    change = (found - x).double().flatten(1)
    size = change.norm(dim=1) if norm == "l2" else change.abs().amax(1)
    assert (size <= eps * (1 + 1e-5) + rounding(x)).all() and torch.equal(x, clean)
    assert found.min() >= 0 and found.max() <= 1 and found.shape == x.shape and found.dtype == x.dtype
    assert not found.requires_grad and found.grad_fn is None and (eps > 0 or torch.equal(found, x))


@stable
@given(choice=st.data())
def test_the_model_comes_back_as_it_was(choice: st.DataObject) -> None:
    model, x = in_any_state(choice), some()
    before, pictures = trace(model), x.clone().requires_grad_()
    found = attack(model, pictures, labels(), eps=0.1)
    assert trace(model) == before and pictures.grad is None
    assert torch.equal(found, attack(small(), x, labels(), eps=0.1))
    with pytest.raises(ValueError, match="the model has 4 classes"):
        attack(model, x, torch.tensor([0, 1, 4]), eps=0.1)
    assert trace(model) == before


def test_gradients_switched_off_by_the_caller() -> None:
    expected, net = attack(small(), some(), labels(), eps=0.1), small()
    with torch.no_grad():
        assert torch.equal(attack(net, some(), labels(), eps=0.1), expected) and not torch.is_grad_enabled()
    with torch.inference_mode():
        assert torch.equal(attack(net, some(), labels(), eps=0.1), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_in_half_precision_the_budget_holds_and_small_steps_add_up(dtype: torch.dtype) -> None:
    model, x = small().to(dtype), some(4, dtype=dtype)
    found = transform_attack(model, x, labels(4), transform=darker, samples=2, steps=30, step=0.001, eps=0.03)
    change = (found.double() - x.double()).abs()
    assert change.max() <= 0.03 * (1 + 1e-6) and change.mean() > 0.01


def test_chance_comes_from_the_generator_alone() -> None:
    model, x, y, state = small(), some(), labels(), torch.get_rng_state()
    first = attack(model, x, y, eps=0.2, random_start=True, generator=generator(3))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first, attack(model, x, y, eps=0.2, random_start=True, generator=generator(3)))
    assert not torch.equal(first, attack(model, x, y, eps=0.2, random_start=True, generator=generator(4)))
    assert torch.equal(attack(model, x, y, eps=0.2), attack(model, x, y, eps=0.2, generator=generator()))


@needs_cuda
def test_on_a_gpu_the_result_is_the_same() -> None:
    model, x = small().double(), some(dtype=torch.float64)
    expected = attack(model, x, labels(), eps=0.1)
    found = attack(model.cuda(), x.cuda(), labels().cuda(), eps=0.1)
    assert ((found.cpu() - expected).abs() > 1e-6).float().mean() < 0.01
    far = transforms.roadside(torch.rand(2, 3, 32, 32, device="cuda"), (8.0, 40.0), generator=torch.Generator("cuda"))
    assert far.device.type == "cuda"


# ---------------------------------------------------------------- against independent computations


class Darker(nn.Module):
    """The model behind a fixed transform."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(darker(x))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("more", [{}, {"random_start": True}, {"targeted": True}], ids=["plain", "random", "targeted"])
@pytest.mark.parametrize("samples", [1, 3])
def test_with_a_fixed_transform_it_is_pgd_on_the_model_behind_it(norm: str, more: dict, samples: int) -> None:
    x, y, options = some(4, dtype=torch.float64), labels(4), {"eps": 0.2, "steps": 5, "norm": norm, "random_start": False, **more}
    model = small().double()
    expected = pgd(Darker(model), x, y, generator=generator(2), **options)
    found = transform_attack(model, x, y, transform=darker, samples=samples, generator=generator(2), **options)
    assert torch.allclose(found, expected, atol=1e-9)


def test_the_direction_is_that_of_the_mean_of_the_losses_over_fresh_draws() -> None:
    """Neither the mean of the signs nor the loss of the mean: each step by hand, draw by draw."""
    model, x, y, chance = small().double(), some(3, dtype=torch.float64), labels(), generator(5)
    moved = x
    for _ in range(3):
        draws = torch.stack([torch.randn(6, *x.shape[1:], generator=chance, dtype=x.dtype)]).view(3, 2, *x.shape[1:])
        z = moved.clone().requires_grad_()
        losses = [F.cross_entropy(model((z + 0.05 * draws[:, k]).clamp(0, 1)), y, reduction="sum") for k in range(2)]
        (slope,) = torch.autograd.grad(sum(losses) / 2, z)
        moved = (moved + 0.04 * slope.sign()).clamp(x - 0.1, x + 0.1).clamp(0, 1)
    found = transform_attack(model, x, y, transform=noisy, samples=2, steps=3, step=0.04, eps=0.1, generator=generator(5))
    assert torch.allclose(found, moved, atol=1e-9)


def test_without_labels_it_is_the_class_of_the_transformed_clean_pictures() -> None:
    model, x = small(1), some(20)
    own = model(darker(x)).argmax(1)
    assert not torch.equal(own, model(x).argmax(1)), "the test needs a picture whose class the transform changes"
    run = partial(transform_attack, model, x, transform=darker, samples=2, steps=3, eps=0.1)
    assert torch.equal(run(), run(own))


def test_a_transform_may_change_the_size_of_the_pictures() -> None:
    x = torch.rand(2, 3, 16, 20, generator=generator(0))
    found = transform_attack(small(), x, labels(2), transform=lambda p: F.avg_pool2d(p, 2), samples=2, steps=2, eps=0.1)
    assert found.shape == x.shape and not torch.equal(found, x)


def test_it_holds_where_the_attack_on_the_picture_alone_does_not() -> None:
    """A network that looks at one pixel, and a camera that shows another one at each draw."""

    class One(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([x[:, 0, 0, 0], 1 - x[:, 0, 0, 0]], 1) * 20

    def elsewhere(x: Tensor, *, generator: torch.Generator) -> Tensor:
        where = torch.randint(16, (len(x),), generator=generator)
        return x.flatten(2).gather(2, where[:, None, None].expand(-1, x.shape[1], 1))[..., None]

    x, y = torch.full((4, 1, 4, 4), 0.55), torch.zeros(4, dtype=torch.long)
    flat, robust = pgd(One(), x, y, eps=0.1, steps=10), transform_attack(One(), x, y, transform=elsewhere, samples=20, steps=10, eps=0.1)
    seen = [measure.accuracy(One(), elsewhere(p.repeat(50, 1, 1, 1), generator=generator(9)), y.repeat(50)) for p in (x, flat, robust)]
    assert seen[0] == 1 and seen[1] > 0.4 and seen[2] == 0


@pytest.mark.parametrize(("options", "words"), [
    ({"transform": None}, "transform is a NoneType"), ({"samples": 0}, "samples is 0"), ({"eps": -1}, "eps is -1"), ({"steps": 1.5}, "steps is 1.5"),
    ({"norm": "l1"}, "norm 'l1'"), ({"targeted": True, "y": None}, "targeted=True needs y"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(options: dict, words: str) -> None:
    given = {"y": labels(), "transform": darker, "samples": 2, "eps": 0.1, "steps": 2, **options}
    with pytest.raises(ValueError) as caught:
        transform_attack(small(), some(), **given)
    assert words in str(caught.value)


# ---------------------------------------------------------------- the expectation as a module


def test_the_expectation_is_the_mean_of_fresh_draws() -> None:
    model, x = small().double(), some(3, dtype=torch.float64)
    mean = expectation(model, noisy, 4, generator=generator(1))
    draws = noisy(x.repeat_interleave(4, 0), generator=generator(1))
    with torch.no_grad():
        assert torch.allclose(mean(x), torch.stack([model(draws[k::4]) for k in range(4)]).mean(0))
        assert not torch.equal(mean(x), mean(x)), "each call draws anew"
    fixed = expectation(model, darker, 3)
    assert torch.allclose(fixed(x), model(darker(x))) and list(fixed.parameters())


def test_an_attack_on_the_expectation_is_an_attack() -> None:
    model, x = small(), some(4)
    assert torch.allclose(pgd(expectation(model, darker, 2), x, labels(4), eps=0.1, steps=3), pgd(Darker(model), x, labels(4), eps=0.1, steps=3), atol=1e-6)
    with pytest.raises(ValueError, match="samples is 0"):
        expectation(model, darker, 0)
    with pytest.raises(ValueError, match="model is a function"):
        expectation(lambda x: x, darker, 1)


# ---------------------------------------------------------------- the destruction rate


class Brightest(nn.Module):
    """The class of a picture is its brightest pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def ranked(*orders: str) -> Tensor:
    """Pictures 1 x 1 x 4: "210" has pixel 2 as the brightest, then 1, then 0."""
    x = torch.zeros(len(orders), 1, 1, 4)
    for picture, order in zip(x, orders):
        for place, pixel in enumerate(order):
            picture[0, 0, int(pixel)] = 0.9 - 0.2 * place
    return x


def test_the_destruction_rate_of_six_pictures_by_hand() -> None:
    """Class 0 for all. right before, fooled, right after T:

    1: yes, yes, yes - destroyed    2: yes, yes, no - survives    3: yes, no, - not fooled    4: no, - wrong before
    5: yes, yes, yes - destroyed    6: yes, yes, no - survives, though T changes its class
    """
    y = torch.zeros(6, dtype=torch.long)
    x = ranked("0123", "0123", "0123", "1023", "0123", "0123")
    x_adv = ranked("1023", "1023", "0123", "2013", "2103", "3210")
    after = ranked("0123", "1023", "0123", "0123", "0213", "1230")
    rate = partial(measure.destruction_rate, Brightest(), x, x_adv, y)
    assert rate(after) == pytest.approx(2 / 4) and rate(lambda given: after if given is x_adv else given) == pytest.approx(2 / 4)
    # Among the first two: 1, 2 and 4 are not fooled (0 is second), 5 is (third place) and back, 6 is (last) and stays.
    assert rate(after, k=2) == pytest.approx(1 / 2)
    assert math.isnan(rate(after, k=4)), "all four classes are always among the first four: nothing was fooled"
    assert rate(x_adv) == 0 and rate(x) == 1


def test_nothing_fooled_is_nan_and_nonsense_is_refused() -> None:
    x, y = ranked("0123", "1023"), torch.tensor([0, 1])
    assert math.isnan(measure.destruction_rate(Brightest(), x, x, y, x))
    for wrong, words in (({"k": 0}, "k is 0"), ({"y": torch.zeros(1, dtype=torch.long)}, "y has shape [1]"), ({"y": torch.tensor([0, 4])}, "4 classes")):
        with pytest.raises(ValueError) as caught:
            measure.destruction_rate(Brightest(), x, x, **{"y": y, "transform": x, **wrong})
        assert words in str(caught.value)


def test_right_counts_the_first_k() -> None:
    x, y = ranked("0123", "1023", "2301"), torch.tensor([0, 0, 0])
    assert [measure.right(Brightest(), x, y, k).tolist() for k in (1, 2, 3, 9)] == [[True, False, False], [True, True, False], [True, True, True], [True] * 3]
