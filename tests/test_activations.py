"""Chapter 22's activations: the bounded leaky ReLU, rectified polynomials, bounds of a trained network, and what measures tails."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import defenses, layers, measure, models, runtime, training
from course_utils.defenses import BoundedLeakyReLU, RectifiedPolynomial
from course_utils.models import SmallAlexNet, with_activations, with_bounds
from course_utils.runtime import generator

stable = settings(deadline=None, max_examples=40, derandomize=True)


def small(seed: int = 0) -> nn.Sequential:
    """Two ReLUs: one of a convolution of 4 channels, one of a layer of 6 units."""
    with runtime.seeded_weights(seed):
        return nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 5),
        ).eval()  # fmt: skip


def some(count: int = 40, seed: int = 1) -> Tensor:
    return torch.rand(count, 3, 8, 8, generator=generator(seed))


# ---------------------------------------------------------------- the bounded leaky ReLU


def test_by_hand() -> None:
    x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 1.5, 2.0, 3.0, 12.0])
    want = torch.tensor([-0.4, -0.1, 0.0, 0.5, 1.5, 1.8, 1.6, -0.2])  # s = 0.2, b = 1.8 below: 1.8 - 0.2 (x - 1.8)
    got = BoundedLeakyReLU(1.8, 0.2)(x)
    want[5:] = torch.tensor([1.8 - 0.2 * 0.2, 1.8 - 0.2 * 1.2, 1.8 - 0.2 * 10.2])
    assert torch.allclose(got, want, atol=1e-6)


def test_the_other_two_ways_above_the_bound() -> None:
    x = torch.tensor([0.5, 3.0, 1e6])
    assert torch.allclose(BoundedLeakyReLU(1.0, 0.1, above=0.0)(x), torch.tensor([0.5, 1.0, 1.0]))
    assert BoundedLeakyReLU(1.0, 0.1, above=0.1)(x)[2] > 1e5, "with +s nothing bounds it"
    assert BoundedLeakyReLU(1.0, 0.1)(x)[2] < -9e4, "with -s nothing bounds it from below"


@stable
@given(st.floats(0.01, 50), st.floats(0, 1), st.integers(0, 1000))
def test_it_is_continuous_and_never_above_the_bound(bound: float, slope: float, seed: int) -> None:
    act = BoundedLeakyReLU(bound, slope).double()
    x = torch.cat([30 * bound * torch.randn(200, generator=generator(seed)).double(), act.bound.detach()[None], torch.zeros(1).double()])
    y = act(x)
    assert y.max() <= act.bound + 1e-9 and (act(x + 1e-9) - y).abs().max() < 1e-8
    assert ((act(x + 1.0) - y).abs() <= 1 + 1e-9).all(), "it stretches nothing"


def test_without_a_reachable_bound_it_is_leaky_relu_and_with_slope_0_a_clamp() -> None:
    x = torch.randn(500, generator=generator(0))
    assert torch.equal(BoundedLeakyReLU(1e9, 0.1)(x), F.leaky_relu(x, 0.1))
    assert torch.equal(BoundedLeakyReLU(6.0, 0.0, above=0.0)(9 * x), F.relu6(9 * x))


def test_both_gradients_by_hand_and_by_differences() -> None:
    act, x = BoundedLeakyReLU(2.0, 0.1), torch.tensor([-1.0, 1.0, 5.0, 7.0], requires_grad=True)
    act(x).sum().backward()
    assert torch.allclose(x.grad, torch.tensor([0.1, 1.0, -0.1, -0.1])) and torch.allclose(act.bound.grad, torch.tensor(2.2))
    wide = BoundedLeakyReLU(0.7, 0.3, channels=3).double()
    z = torch.randn(2, 3, 4, generator=generator(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(wide, (z,)) and torch.autograd.gradcheck(lambda b: torch.func.functional_call(wide, {"bound": b}, z), (wide.bound,))


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 4), (5, 3, 4, 2)])
def test_a_bound_for_each_channel(shape: tuple[int, ...]) -> None:
    act = BoundedLeakyReLU(channels=3, slope=0.5)
    act.bound.data = torch.tensor([1.0, 2.0, 3.0])
    x = 4 * torch.rand(shape, generator=generator(2))
    for channel, bound in enumerate((1.0, 2.0, 3.0)):
        assert torch.allclose(act(x)[:, channel], BoundedLeakyReLU(bound, 0.5)(x[:, channel]))
    with pytest.raises(ValueError, match="3 channels on axis 1"):
        act(x[:, :2])


def test_the_bound_is_trained_and_saved_and_stays_in_use_below_0() -> None:
    act = BoundedLeakyReLU(1.0)
    step = torch.optim.SGD(act.parameters(), 0.1)
    for _ in range(200):
        step.zero_grad()
        (act(torch.full((8,), 10.0)) - 3.0).square().mean().backward()
        step.step()
    assert abs(act(torch.tensor(10.0)).item() - 3.0) < 0.01 and abs(act.bound.item() - 4 / 1.1) < 0.01
    again = BoundedLeakyReLU(9.0)
    again.load_state_dict(act.state_dict())
    assert torch.equal(again.bound, act.bound) and "bound=3.6" in repr(again)
    act.bound.data.fill_(-5.0)
    assert act(torch.tensor(0.5)).item() < 0.002
    act.zero_grad()
    act(torch.tensor(0.5)).backward()
    assert act.bound.grad > 0, "it finds its way back"


@pytest.mark.parametrize("kind", [torch.float16, torch.float64])
def test_dtype_and_values_that_are_not_finite(kind: torch.dtype) -> None:
    act = BoundedLeakyReLU(1.0, 0.1).to(kind)
    got = act(torch.tensor([float("nan"), float("inf"), 0.5], dtype=kind))
    assert got.dtype == kind and got[0].isnan() and got[1] == -float("inf") and got[2] == 0.5


@pytest.mark.parametrize(("given_", "words"), [
    ({"bound": 0.0}, "bound is 0"), ({"bound": -1.0}, "bound is -1"), ({"bound": float("nan")}, "bound is nan"), ({"slope": -0.1}, "slope is -0.1"),
    ({"slope": float("nan")}, "slope is nan"), ({"bound": float("inf")}, "bound is inf"), ({"channels": 0}, "channels is 0"), ({"above": 2.0}, "above is 2"),
    ({"above": float("nan")}, "above is nan"), ({"bound": "1"}, "bound is a str"),
])  # fmt: skip
def test_bad_options(given_: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BoundedLeakyReLU(**given_)


# ---------------------------------------------------------------- rectified polynomials


@pytest.mark.parametrize("n", [1, 2, 3, 2.5, 20])
def test_the_polynomial_by_hand(n: float) -> None:
    x = torch.tensor([-3.0, -0.0, 0.0, 0.5, 2.0], requires_grad=True)
    y = RectifiedPolynomial(n)(x)
    assert torch.allclose(y, torch.tensor([0.0, 0.0, 0.0, 0.5**n, 2.0**n]))
    y.sum().backward()
    assert torch.allclose(x.grad, torch.tensor([0.0, 0.0, 0.0, n * 0.5 ** (n - 1), n * 2.0 ** (n - 1)]))


def test_power_1_is_relu_and_other_powers_are_refused() -> None:
    x = torch.randn(100, generator=generator(0))
    assert torch.equal(RectifiedPolynomial(1)(x), x.relu())
    for n, words in ((0, "n is 0"), (0.5, "infinite"), (-2, "n is -2"), (float("nan"), "nan"), ("2", "str")):
        with pytest.raises(ValueError, match=words):
            RectifiedPolynomial(n)
    assert "n=3" in repr(RectifiedPolynomial(3))


# ---------------------------------------------------------------- networks


def test_activations_are_replaced_in_a_copy() -> None:
    net = small()
    seen: list[str] = []
    other = with_activations(net, lambda name, relu: seen.append(name) or nn.Tanh())
    assert seen == ["1", "5"] and isinstance(other[1], nn.Tanh) and isinstance(net[1], nn.ReLU) and other[0].weight is not net[0].weight
    with pytest.raises(ValueError, match="no nn.ReLU"):
        with_activations(nn.Sequential(nn.Linear(2, 2)), lambda name, relu: relu)


def test_a_chain_gets_a_bound_for_each_channel() -> None:
    net = with_bounds(small(), bound=2.0, slope=0.3)
    assert [len(net[at].bound) for at in (1, 5)] == [4, 6] and net[1].slope == 0.3 and bool((net[5].bound == 2).all())


def test_batch_norm_folds_before_a_bounded_activation() -> None:
    plain = with_bounds(models.SignNet(4, width=2, hidden=6), bound=0.5)
    whole = training.with_batch_norm(plain)
    training.train(whole, torch.rand(32, 3, 48, 48, generator=generator(0)), torch.arange(32) % 4, epochs=2, batch_size=16)
    training.fold_batch_norm(whole, plain)
    x = torch.rand(5, 3, 48, 48, generator=generator(1))
    assert torch.allclose(runtime.logits(plain, x), runtime.logits(whole, x), atol=1e-4)
    assert not torch.equal(plain[1].bound, torch.full((2,), 0.5)), "the bounds have learned"


@pytest.mark.parametrize("per_channel", [True, False])
def test_bounds_are_the_percentile_of_clean_activations(per_channel: bool) -> None:
    net, x = small(), some()
    state = copy.deepcopy(net.state_dict())
    heights = defenses.highest(net, x, percentile=90, per_channel=per_channel)
    first = net[1](net[0](x)).detach()
    values = first.transpose(0, 1).flatten(1) if per_channel else first.flatten()[None]
    want = values.quantile(0.9, dim=1, interpolation="lower")
    assert torch.allclose(heights["1"].reshape(-1), want, atol=2e-3) and heights["1"].shape == ((4,) if per_channel else ())
    other = defenses.bounded(net, x, percentile=90, per_channel=per_channel, slope=0.2)
    assert torch.equal(other[1].bound, heights["1"]) and other[1].above == -0.2 and other[1].bound.requires_grad
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items()) and isinstance(net[1], nn.ReLU)


def test_at_percentile_100_nothing_is_cut_off() -> None:
    net, x = small(), some()
    kept = defenses.bounded(net, x, percentile=100, slope=0, above=0)
    assert torch.allclose(runtime.logits(kept, x), runtime.logits(net, x), atol=1e-6)
    cut = defenses.bounded(net, x, percentile=50, slope=0, above=0)
    with layers.capture(cut, "1") as seen:
        cut(x)
    assert (seen["1"].amax((0, 2, 3)) <= cut[1].bound + 1e-6).all() and seen["1"].min() >= 0


def test_a_dead_channel_gets_the_layer_s_bound() -> None:
    net = small()
    net[0].bias.data[2] = -99.0
    heights = defenses.highest(net, some(), percentile=99)
    assert torch.equal(heights["1"][2], defenses.highest(net, some(), percentile=99, per_channel=False)["1"]) and heights["1"][2] > 0.1


def test_bad_input_of_bounds() -> None:
    for how, words in (({"percentile": 0}, "percentile is 0"), ({"percentile": 101}, "percentile is 101")):
        with pytest.raises(ValueError, match=words):
            defenses.bounded(small(), some(), **how)
    for x, words in ((some()[0], "four are expected"), (2 * some(), "in \\[0, 1\\]")):
        with pytest.raises(ValueError, match=words):
            defenses.bounded(small(), x)
    with pytest.raises(ValueError, match="no nn.ReLU"):
        defenses.highest(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), some())


def test_exposed_has_the_same_answers_and_the_gradient_of_no_bound() -> None:
    net, x = defenses.bounded(small(), some(), percentile=60), some(seed=3)
    open_ = defenses.exposed(net)
    assert torch.equal(runtime.logits(open_, x), runtime.logits(net, x))
    layer, z = defenses.Exposed(BoundedLeakyReLU(1.0, 0.1)), torch.tensor([-2.0, 0.5, 9.0], requires_grad=True)
    layer(z).sum().backward()
    assert torch.allclose(z.grad, torch.tensor([0.1, 1.0, 1.0]))
    with pytest.raises(ValueError, match="nothing to expose"):
        defenses.exposed(small())


def test_over_excited_units_are_counted() -> None:
    net, x = small(), some()
    bounds = defenses.highest(net, x, percentile=90)
    share = defenses.over_excited(net, x, bounds)
    units = torch.cat([net[1](net[0](x)).flatten(1) > bounds["1"].repeat_interleave(64), net[:6](x) > bounds["5"]], 1)
    assert torch.allclose(share, units.float().mean(1)) and abs(share.mean() - 0.1) < 0.02
    assert defenses.over_excited(net, torch.zeros(1, 3, 8, 8), {"1": torch.full((4,), 99.0)}).item() == 0


def test_the_small_alexnet_takes_any_activation_and_learns() -> None:
    x, y = torch.rand(64, 3, 32, 32, generator=generator(0)), torch.arange(64) % 3
    x[y == 1, 0] += 0.5
    x = x.clamp(0, 1)
    for act in (lambda c: nn.ReLU(), lambda c: BoundedLeakyReLU(3.0, channels=c), lambda c: RectifiedPolynomial(2)):
        net = SmallAlexNet(3, width=4, activation=act)
        assert net(x).shape == (64, 3) and net.classes == 3 and sum(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in net) == 5
        history = training.train(net, x, y, epochs=4, batch_size=16)
        assert history.loss[-1] < history.loss[0]
    assert SmallAlexNet()(x).shape == (64, 10)


# ---------------------------------------------------------------- tails, shares, outcomes


def test_the_tail_ratio_by_hand() -> None:
    assert measure.tail_ratio(torch.tensor([0.0, 0.0, 0.0, -1.0, 2.0, 4.0, 0.0])) == 2.0
    assert measure.tail_ratio(torch.tensor([-8.0, 1.0, 1.0])) == 8.0
    assert measure.tail_ratio(torch.zeros(3)) != measure.tail_ratio(torch.zeros(3)), "NaN"
    values = torch.randn(10_000, generator=generator(0))
    assert abs(measure.tail_ratio(values) - measure.tail_ratio(7 * values)) < 1e-4 and 5 < measure.tail_ratio(values) < 8


def test_the_top_share_by_hand() -> None:
    change = torch.zeros(3, 10, 10)
    change[0, 0, 0], change[1] = -5.0, 1.0
    assert torch.allclose(measure.top_share(change), torch.tensor([1.0, 0.01, 0.0]))
    assert torch.allclose(measure.top_share(torch.tensor([[1.0, -2.0, 3.0, 4.0]]), 0.5), torch.tensor([0.7]))
    assert measure.top_share(torch.rand(2, 5), 1.0).tolist() == pytest.approx([1, 1])
    for top, words in ((0.0, "top is 0"), (1.5, "top is 1.5"), (float("nan"), "nan")):
        with pytest.raises(ValueError, match=words):
            measure.top_share(change, top)
    with pytest.raises(ValueError, match=r"shape \[4\]"):
        measure.top_share(torch.rand(4))


def test_outcomes_by_hand_and_their_sum() -> None:
    first, second = torch.tensor([1, 1, 1, 0, 0], dtype=torch.bool), torch.tensor([1, 0, 0, 1, 0], dtype=torch.bool)
    assert measure.outcomes(first, second) == pytest.approx({"none": 20, "first": 40, "second": 20, "both": 20})
    for a, b, words in ((first.long(), second, "first is torch.int64"), (first, second[:3], "second is torch.bool of shape"), (first[:0], second[:0], "first")):
        with pytest.raises(ValueError, match=words):
            measure.outcomes(a, b)
