"""What breaks the defenses, and pruning: BPDA and EOT against finite differences, pruning by hand, and refusals."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from course_utils import attacks, defenses, runtime
from course_utils.defenses import pruning
from course_utils.runtime import generator
from tests.test_attacks import labels, small, some


def finite(value, x: Tensor, h: float = 1e-6) -> Tensor:
    """The gradient of a function of one picture by central differences, a value at a time."""
    slopes = torch.zeros_like(x)
    for place in range(x.numel()):
        step = torch.zeros_like(x)
        step.view(-1)[place] = h
        slopes.view(-1)[place] = (value(x + step) - value(x - step)) / (2 * h)
    return slopes


def slope_of(value, x: Tensor) -> Tensor:
    watched = x.clone().requires_grad_()
    return torch.autograd.grad(value(watched), watched)[0]


# ---------------------------------------------------------------- bpda


def test_the_value_is_forward_s_and_the_gradient_backward_s_by_finite_differences() -> None:
    x = some(1, dtype=torch.float64)[:, :, :3, :3]
    weights = torch.randn(1, 12, 3, 3, generator=generator(5), dtype=x.dtype)
    both = defenses.bpda(partial(defenses.thermometer, levels=4), partial(defenses.thermometer_ramp, levels=4))
    assert torch.equal(both(x), defenses.thermometer(x, 4))
    ramp = lambda x: (weights * defenses.thermometer_ramp(x, 4)).sum()  # noqa: E731
    assert torch.allclose(slope_of(lambda x: (weights * both(x)).sum(), x), finite(ramp, x), atol=1e-4)


def test_the_gradient_of_what_follows_is_taken_at_forward_s_value() -> None:
    x = torch.tensor([[[[0.3, 0.71]]]], dtype=torch.float64)
    both = defenses.bpda(defenses.bit_depth)
    assert torch.allclose(slope_of(lambda x: both(x).square().sum(), x), 2 * defenses.bit_depth(x)), "2 f(x) times the identity's slope"


def test_a_forward_without_a_gradient_with_a_useless_one_and_a_module() -> None:
    x = some(2)

    def sealed(x: Tensor) -> Tensor:
        with torch.no_grad():
            return x.round()

    ones = torch.ones_like(x)
    for ahead in (sealed, lambda x: x.round(), lambda x: x + 1e3 * (50 * x).sin() / 1e4, nn.Sequential(nn.ReLU())):
        both = defenses.bpda(ahead)
        assert torch.equal(both(x), ahead(x)) and torch.equal(slope_of(lambda x: both(x).sum(), x), ones)
    doubled = defenses.bpda(sealed, lambda x: 2 * x)
    assert torch.equal(slope_of(lambda x: doubled(x).sum(), x), 2 * ones)


def test_the_value_is_exact_even_where_backward_is_large() -> None:
    x = some(2)
    assert torch.equal(defenses.bpda(defenses.bit_depth, lambda x: 1e6 * x)(x), defenses.bit_depth(x))


def test_chance_is_handed_on() -> None:
    x = some(2, dtype=torch.float64)[:, :, :8, :8]
    shaken = defenses.bpda(lambda x, generator: x + torch.rand(x.shape, generator=generator))
    draws = [shaken(x, generator=generator(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).double()
    first, second = (defenses.expectation(net, shaken, 3, generator=generator(s))(x) for s in (1, 2))
    assert not torch.equal(first, second), "an expectation gives its own generator to BPDA, and BPDA to its forward"
    assert attacks.transform_attack(net, x, transform=shaken, eps=0.1, steps=2, samples=2).shape == x.shape


def test_a_model_with_bpda_inside_is_attacked_and_comes_back_as_it_was() -> None:
    net = nn.Sequential(defenses.bpda(defenses.bit_depth), small()).train()
    before = copy.deepcopy(net.state_dict())
    x = some(3)
    found = attacks.pgd(net, x, labels(3), eps=0.1, steps=3)
    assert net.training and all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert (found - x).abs().max() <= 0.1 + 1e-6
    sealed = nn.Sequential(defenses.bpda(defenses.bit_depth), small())
    assert not torch.equal(runtime.logits(sealed, found), runtime.logits(sealed, x))


# ---------------------------------------------------------------- expectation


def test_the_gradient_of_an_expectation_is_that_of_the_mean_by_finite_differences() -> None:
    """With the same draws at every call (a fresh generator of the same seed), the mean over them is a function like any other."""
    x = torch.rand(1, 3, 6, 6, generator=generator(8), dtype=torch.float64)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()
    own = partial(defenses.random_resize_pad, low=6, high=9)

    def value(x: Tensor) -> Tensor:
        return defenses.expectation(net, own, 7, generator=generator(2))(x)[0, 1]

    assert torch.allclose(slope_of(value, x), finite(value, x), atol=1e-7)


def test_the_gradient_of_the_mean_loss_over_bpda_draws_by_finite_differences() -> None:
    """EOT over BPDA: the gradient is that of the mean over draws of backward, at the values that forward has."""
    x, chance = torch.rand(1, 1, 3, 3, generator=generator(8), dtype=torch.float64), torch.randn(5, 1, 3, 3, generator=generator(1), dtype=torch.float64)
    weights = torch.randn(1, 1, 3, 3, generator=generator(6), dtype=torch.float64)
    draws = [defenses.bpda(lambda x, n=n: (x + 0.1 * n).round(), lambda x, n=n: x + 0.1 * n) for n in chance]
    mean = lambda x: sum((weights * f(x)).sum() for f in draws) / 5  # noqa: E731
    stand_in = lambda x: sum((weights * f.back(x)).sum() for f in draws) / 5  # noqa: E731
    assert torch.allclose(slope_of(mean, x), finite(stand_in, x), atol=1e-7)
    assert not slope_of(lambda x: sum((weights * f.ahead(x)).sum() for f in draws), x).any()


# ---------------------------------------------------------------- activation pruning


def test_pruning_keeps_the_mean_and_keeps_large_activations_more_often() -> None:
    h = torch.tensor([0.0, 0.1, 0.4, 1.5, -2.0]).repeat(20_000, 1)
    kept = pruning.pruned(h, 0.8, generator(0))
    share = kept.ne(0).float().mean(0)
    p = h[0].abs() / h[0].abs().sum()
    assert torch.allclose(share, 1 - (1 - p) ** 4, atol=0.015) and (share.diff() > 0).sum() == 4, "r = 0.8 * 5 draws"
    assert torch.allclose(kept.mean(0), h[0], atol=0.03)
    assert torch.allclose(kept[kept[:, 2] != 0][0, 2], h[0, 2] / (1 - (1 - p[2]) ** 4))


def test_pruning_at_its_limits() -> None:
    one = torch.tensor([[0.0, 3.0, 0.0]])
    assert torch.equal(pruning.pruned(one, 1.0, generator(0)), one), "all of the size in one unit: it is always kept"
    assert not pruning.pruned(torch.zeros(2, 4), 1.0, generator(0)).any()
    h = torch.rand(3, 2, 4, 4, generator=generator(1)) + 0.1
    assert torch.allclose(pruning.pruned(h, 1e4, generator(0)), h)


def test_pruning_s_gradient_goes_through_what_was_kept() -> None:
    h = torch.rand(1, 30, generator=generator(1)).add(0.05).requires_grad_()
    kept = pruning.pruned(h, 0.5, generator(0))
    (slope,) = torch.autograd.grad(kept.sum(), h)
    assert torch.allclose(slope * h, kept) and 0 < slope.eq(0).sum() < 30


def test_a_forward_that_works_in_place_leaves_the_pictures_alone() -> None:
    x = some(3)
    before = x.clone()
    assert torch.equal(defenses.bpda(lambda v: v.mul_(2))(x), 2 * before) and torch.equal(x, before)


def test_a_pruned_network_is_a_copy_that_draws_afresh_and_repeats_by_seed() -> None:
    net, x = small().train(), some(4)
    before = copy.deepcopy(net.state_dict())
    calls = []
    for seed in (1, 1, 2):
        whole = defenses.activation_pruning(net, 0.7, generator=generator(seed))
        calls.append((runtime.logits(whole, x), runtime.logits(whole, x)))
    assert torch.equal(calls[0][0], calls[1][0]) and not torch.equal(calls[0][0], calls[0][1]) and not torch.equal(calls[0][0], calls[2][0])
    assert net.training and whole.training and all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert torch.allclose(runtime.logits(defenses.activation_pruning(net, 1e5), x), runtime.logits(net, x), atol=1e-4)
    assert sum(isinstance(part, pruning.Pruning) for part in whole.modules()) == 2 and not any(isinstance(part, pruning.Pruning) for part in net.modules())


@pytest.mark.parametrize(("call", "words"), [
    (lambda: defenses.bpda(3), "forward is a int"), (lambda: defenses.bpda(None), "forward is a NoneType"), (lambda: defenses.bpda(torch.relu, 3), "backward is a int"),
    (lambda: defenses.bpda(lambda x: None)(some()), "forward gives a NoneType"), (lambda: defenses.bpda(lambda x: x.long())(some()), "forward gives torch.int64"),
    (lambda: defenses.bpda(lambda x: x, lambda x: x.numpy())(some()), "backward gives a ndarray"),
    (lambda: defenses.bpda(defenses.thermometer)(some()), "the same shape"), (lambda: defenses.activation_pruning(small(), 0), "share is 0"),
    (lambda: defenses.activation_pruning(nn.Linear(3, 2)), "no nn.ReLU"), (lambda: defenses.activation_pruning(torch.relu), "torch.nn.Module is expected"),
])  # fmt: skip
def test_what_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
