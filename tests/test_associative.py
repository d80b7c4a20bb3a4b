"""Dense associative memory: energy and update by hand and against the literal formula, powers that do not overflow, four bits a weight, its training."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from course_utils import models, runtime
from course_utils.models import AssociativeMemory, checkpoints, packing
from course_utils.models.associative import power, rectified_power
from experiments import train_memory
from experiments.train_memory import Plan


def tiny(n: int, temperature: float = 1.0) -> AssociativeMemory:
    """Two memories of two pixels and two labels: (1, -1 | 1, -1) and (-1, 1 | -1, 1)."""
    net = AssociativeMemory(n, 2, (1, 1, 2), 2, temperature)
    with torch.no_grad():
        net.pixels.copy_(torch.tensor([[1.0, -1], [-1, 1]])), net.labels.copy_(torch.tensor([[1.0, -1], [-1, 1]]))
    return net


def some(n: int, temperature: float, seed: int = 0, memories: int = 40) -> AssociativeMemory:
    with runtime.seeded_weights(seed):
        net = AssociativeMemory(n, memories, temperature=temperature)
    with torch.no_grad():
        return net.requires_grad_(False) or net


def literally(net: AssociativeMemory, x: Tensor) -> Tensor:
    """Krotov and Hopfield's formula with its twenty states, in double precision: sum_mu F(xi . s with x_a = +1) - F(xi . s with x_a = -1)."""
    memories = torch.cat([net.pixels, net.labels], 1).double()
    columns = []
    for a in range(net.classes):
        energies = []
        for unit in (1.0, -1.0):
            labels = torch.full((len(x), net.classes), -1.0, dtype=torch.float64)
            labels[:, a] = unit
            overlaps = torch.cat([2 * x.double().flatten(1) - 1, labels], 1) @ memories.T / net.temperature.double()
            energies.append(torch.where(overlaps > 0, overlaps**net.n, 0.0).sum(1))
        columns.append(energies[0] - energies[1])
    return torch.stack(columns, 1)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20, 30])
def test_powers_by_squaring_are_powers(n: int) -> None:
    x = torch.tensor([-1.5, -0.3, 0.0, 0.7, 1.1])
    assert torch.allclose(power(x, n), x**n, rtol=1e-5)
    assert torch.allclose(rectified_power(x, n), torch.where(x > 0, x**n, 0.0), rtol=1e-5)


def test_energy_by_hand() -> None:
    """The picture (1, 0) is the state (1, -1); with no class its overlaps are 2 - 0 and -2 - 0, with the first class 2 + 2 and -2 - 2."""
    net, x = tiny(3), torch.tensor([[[[1.0, 0.0]]]])
    assert net.state(x).tolist() == [[1, -1, -1, -1]]
    assert net.energy(net.state(x)).item() == -8
    assert net.energy(net.state(x, torch.tensor([[1.0, -1.0]]))).item() == -64
    assert tiny(3, 2.0).energy(net.state(x)).item() == -1


def test_scores_by_hand() -> None:
    """b = (2, -2); flipping the first label adds (2, -2), the second (-2, 2): 4^3 - 2^3 = 56, and 0^3 - 2^3 = -8."""
    net, x = tiny(3), torch.tensor([[[[1.0, 0.0]]]])
    assert net(x).tolist() == [[56, -8]]
    assert torch.equal(net.update(x), net(x).tanh())
    assert net.activations(x).tolist() == [[12, 0]]


@pytest.mark.parametrize(("n", "temperature"), [(2, 20.0), (3, 30.0), (20, 100.0), (30, 100.0)])
def test_eleven_powers_give_what_twenty_do(n: int, temperature: float) -> None:
    net, x = some(n, temperature), torch.rand(6, 1, 28, 28, generator=runtime.generator(1))
    expected = literally(net, x)
    assert torch.allclose(net(x).double(), expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())


def test_a_score_is_the_fall_of_the_energy() -> None:
    net, x = some(3, 30.0), torch.rand(2, 1, 28, 28, generator=runtime.generator(1))
    flipped = torch.full((2, 10), -1.0)
    flipped[:, 4] = 1
    fall = net.energy(net.state(x)) - net.energy(net.state(x, flipped))
    assert torch.allclose(net(x)[:, 4], fall, rtol=1e-3, atol=1e-3)


def test_n_of_30_does_not_overflow_in_single_precision() -> None:
    """The worst case: a memory that is the picture itself. Without T, 794^30 is infinite in single precision."""
    x = torch.ones(1, 1, 28, 28)
    net = some(30, 600.0)
    net.pixels.fill_(1.0), net.labels.fill_(-1.0)
    assert math.isinf(rectified_power(torch.tensor(794.0), 30).item())
    x.requires_grad_()
    scores = net(x)
    (slope,) = torch.autograd.grad(scores.sum(), x)
    assert scores.isfinite().all() and slope.isfinite().all() and slope.abs().max() > 0 and net.energy(net.state(x.detach())).isfinite().all()


def test_scores_keep_a_slope_where_the_update_has_none() -> None:
    x = torch.tensor([[[[1.0, 0.0]]]], requires_grad=True)
    (at_scores,) = torch.autograd.grad(tiny(3)(x)[0, 0], x)
    (at_update,) = torch.autograd.grad(tiny(3).update(x)[0, 0], x)
    assert at_scores.abs().max() > 1 and at_update.abs().max() == 0


def test_for_n_of_2_the_hidden_layer_is_one_of_relus() -> None:
    net, x = some(2, 5.0), torch.rand(3, 1, 28, 28, generator=runtime.generator(1))
    hidden = 2 * ((2 * x.flatten(1) - 1) @ net.pixels.T - net.labels.sum(1)).clamp_min(0) / 5
    assert torch.allclose(net.activations(x), hidden, atol=1e-4)


def test_votes_count_label_units_above_zero() -> None:
    net = tiny(2)
    net.labels.data = torch.tensor([[0.5, 0.1], [-1.0, 0.2]])
    assert net.votes().tolist() == [2, 1]


def test_a_memory_completes_a_picture_of_which_half_is_missing() -> None:
    """Forty patterns of chance: at n = 30 the nearest one fills in all of it. The energy never rises. What is known stays."""
    net = some(30, 200.0)
    net.pixels.data = net.pixels.sign()
    x = (net.pixels[:5] / 2 + 0.5).view(5, 1, 28, 28)
    known = torch.zeros(28, 28, dtype=torch.bool)
    known[:14] = True
    given = torch.where(known, x, 0.25)
    full = net.complete(given, known)
    assert torch.equal(full, x)
    low = some(2, 20.0)
    energies = torch.stack([low.energy(low.state(low.complete(given, known, steps=k), 0.0)) for k in range(1, 5)])
    assert (energies.diff(dim=0) <= 1e-3 * energies.abs().max()).all()
    assert torch.equal(low.complete(given, known)[:, :, :14], x[:, :, :14])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: AssociativeMemory(1), "n is 1"),
        (lambda: AssociativeMemory(2.5), "n is 2.5"),
        (lambda: AssociativeMemory(3, 0), "memories is 0"),
        (lambda: AssociativeMemory(3, 4, temperature=0.0), "temperature is 0"),
        (lambda: AssociativeMemory(3, 4)(torch.rand(2, 3, 28, 28)), r"the pictures have shape \[2, 3, 28, 28\]; \[N, 1, 28, 28\] is expected"),
    ],
)
def test_bad_input_is_refused(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_double_precision_stays() -> None:
    net, x = some(20, 100.0).double(), torch.rand(2, 1, 28, 28, dtype=torch.float64, generator=runtime.generator(1))
    assert net(x).dtype == torch.float64
    assert torch.allclose(net(x), literally(net, x), rtol=1e-6)


# ---------------------------------------------------------------- four bits


def test_four_bits_hold_the_nearest_of_fifteen_numbers() -> None:
    weights = torch.tensor([[-1.0, 1.0, 0.0, 0.07], [0.08, -0.5, 3.0, -3.0]])
    kept = packing.in_four_bits(weights)
    assert kept.shape == (2, 2) and kept.dtype == torch.uint8
    expected = torch.tensor([[-1.0, 1.0, 0.0, 0.0], [1 / 7, -4 / 7, 1.0, -1.0]])
    assert torch.allclose(packing.from_four_bits(kept), expected)
    every = torch.arange(-7, 8).repeat(2).view(2, 15)[:, :14] / 7
    assert torch.allclose(packing.from_four_bits(packing.in_four_bits(every)), every)


def test_a_memory_is_kept_in_four_bits_and_half_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "folder", lambda: tmp_path)
    net = some(3, 20.0, memories=250)
    path = models.save(net, "memory-digits-n3")
    found = models.load("memory-digits-n3")
    assert path.stat().st_size < 250 * (784 / 2 + 10 * 2) + 4000
    assert (found.pixels - net.pixels.clamp(-1, 1)).abs().max() <= 0.5 / 7 + 1e-6 and torch.equal(found.labels, net.labels.half().float())
    assert found.temperature == 20 and found.n == 3
    monkeypatch.setitem(checkpoints.NETWORKS, "memory-digits-n3", lambda: AssociativeMemory(3, 100))
    with pytest.raises(ValueError, match="does not fit the network AssociativeMemory"):
        models.load("memory-digits-n3")


# ---------------------------------------------------------------- training

PLAN = Plan(n=3, memories=12, epochs=6, m=2, hot=8.0, cold=4.0, cooling=4, mean=0.0, rate=0.02, last=0.002, batch=20)


@pytest.mark.parametrize("n", [2, 3, 4, 20, 30])
def test_the_slopes_are_those_of_the_loss(n: int) -> None:
    chance = runtime.generator(n)
    pixels, labels = (torch.randn(5, k, generator=chance, dtype=torch.float64).mul(0.4).requires_grad_() for k in (9, 4))
    x, y = torch.rand(7, 9, generator=chance, dtype=torch.float64) * 2 - 1, torch.arange(7) % 4
    z = train_memory.scores(pixels, labels, x, n, 1.5)[0]
    target = torch.full((7, 4), -1.0, dtype=torch.float64)
    target[range(7), y] = 1
    expected = torch.autograd.grad((z.tanh() - target).pow(2 * PLAN.m).sum(), (pixels, labels))
    with torch.no_grad():
        got = train_memory.slopes(pixels, labels, x, y, PLAN._replace(n=n), 1.5)
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(got, expected))


@pytest.mark.parametrize(("n", "temperature", "apart"), [(2, 20.0, 0.01), (3, 30.0, 0.01), (20, 60.0, 0.01), (30, 60.0, 0.02)])
def test_the_scores_of_training_are_nearly_the_exact_ones(n: int, temperature: float, apart: float) -> None:
    """On pictures like its memories: their overlaps are far from 0, and a label unit adds little to them."""
    net = some(n, temperature)
    x = (net.pixels[:6].sign() / 2 + 0.5).view(6, 1, 28, 28)
    near = train_memory.scores(net.pixels, net.labels, 2 * x.flatten(1) - 1, n, temperature)[0]
    assert (near - net(x)).abs().max() <= apart * net(x).abs().max()


def test_the_loss_of_power_60_stays_finite() -> None:
    plan = PLAN._replace(n=30, m=30)
    pixels, labels = torch.ones(3, 784), -torch.ones(3, 10)
    slopes = train_memory.slopes(pixels, labels, torch.ones(4, 784), torch.arange(4), plan, 600.0)
    assert all(part.isfinite().all() for part in slopes)


def stripes() -> tuple[Tensor, Tensor]:
    """Bytes of pictures of two kinds: bright at the left or at the right."""
    y = torch.arange(100) % 2
    x = 40 * torch.rand(100, 16, generator=runtime.generator(0))
    x[:, :8] += 180.0 * (y == 0)[:, None]
    x[:, 8:] += 180.0 * (y == 1)[:, None]
    return x.byte(), y


def test_a_memory_learns_and_goes_on_where_it_was(tmp_path: Path) -> None:
    x, y = stripes()
    whole = train_memory.begin(PLAN, 26, x.device)
    for _ in range(PLAN.epochs):
        whole = train_memory.one_epoch(whole, x, y, PLAN)
    half = train_memory.begin(PLAN, 26, x.device)
    for _ in range(3):
        half = train_memory.one_epoch(half, x, y, PLAN)
    train_memory.keep(half, tmp_path / "state")
    again = train_memory.go_on(train_memory.begin(PLAN, 26, x.device), tmp_path / "state")
    assert again.epoch == 3
    for _ in range(3):
        again = train_memory.one_epoch(again, x, y, PLAN)
    assert torch.equal(again.weights, whole.weights) and whole.weights.abs().max() <= 1
    z = train_memory.scores(whole.weights[:, :16], whole.weights[:, 16:], x / 127.5 - 1, 3, 4.0)[0]
    assert torch.equal(z.argmax(1), y)


def test_a_memory_moves_by_the_rate_whatever_its_gradient() -> None:
    x, y = stripes()
    plan = PLAN._replace(batch=100)
    state = train_memory.begin(plan, 26, x.device)
    before = state.weights.clone()
    moved = (train_memory.one_epoch(state, x, y, plan).weights - before).abs().amax(1)
    assert torch.allclose(moved[moved > 0], torch.tensor(plan.rate), atol=1e-5)


def test_the_schedule() -> None:
    assert train_memory.schedule(PLAN, 0) == (8.0, 0.02, 0.6)
    last = train_memory.schedule(PLAN, 5)
    assert last == pytest.approx((4.0, 0.002, 0.9))
    assert train_memory.schedule(PLAN, 2) == pytest.approx((6.0, 0.02 * 0.1**0.4, 0.75))


def test_the_plan_of_the_paper_is_at_its_size() -> None:
    assert set(train_memory.FULL) == set(train_memory.PLANS) == {name for name in models.available() if name.startswith("memory-")}
    for name, plan in train_memory.FULL.items():
        assert (plan.memories, plan.epochs, plan.batch, plan.mean) == (2000, 3000, 1000, -0.3)
        assert train_memory.PLANS[name].memories == len(checkpoints.NETWORKS[name]().pixels) and name.endswith(f"n{plan.n}")
