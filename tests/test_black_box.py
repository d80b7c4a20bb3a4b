"""The oracle, the substitute that learns from it, and gradients estimated from scores: what holds always, and what they refuse."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime
from course_utils.attacks import Oracle, Refused, augmented, nes, train_substitute
from course_utils.attacks.black_box import dense
from course_utils.attacks.nes import estimated, resolved
from course_utils.runtime import generator
from tests.test_attacks import CLASSES, in_any_state, labels, rounding, small, some, trace
from tests.test_attacks_iterative import expect_like

stable = settings(deadline=None, max_examples=10, derandomize=True)
quick = partial(train_substitute, classes=CLASSES, rounds=3, epochs=2)
climb = partial(nes, step=0.05, steps=3, samples=8)


def halves() -> nn.Module:
    """Four classes, by which quarter of the picture is the brightest: easy to learn."""
    net = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    return net


def quarters(count: int, seed: int = 0) -> Tensor:
    """Pictures with one brighter quarter."""
    x = 0.4 * torch.rand(count, 1, 8, 8, generator=generator(seed))
    for i, k in enumerate(torch.randint(4, (count,), generator=generator(seed + 1)).tolist()):
        x[i, :, 4 * (k // 2) : 4 * (k // 2) + 4, 4 * (k % 2) : 4 * (k % 2) + 4] += 0.5
    return x


# ---------------------------------------------------------------- the oracle


def test_the_oracle_gives_whole_numbers_without_a_gradient_and_counts() -> None:
    net, oracle = small(), Oracle(small())
    x = some(5).requires_grad_()
    y = oracle(x)
    assert y.dtype == torch.int64 and y.shape == (5,) and not y.requires_grad and torch.equal(y, runtime.predict(net, x))
    oracle(x[:2])
    assert oracle.queries == 7 and oracle.left is None and x.grad is None
    with pytest.raises(RuntimeError):
        y.sum().backward()
    with pytest.raises(RuntimeError, match="[Oo]nly.*floating"):
        y.requires_grad_()
    scores = Oracle(small(), scores=True)(x)
    assert scores.shape == (5, CLASSES) and not scores.requires_grad


def test_the_oracle_refuses_and_counts_nothing_then() -> None:
    oracle = Oracle(small(), budget=6)
    oracle(some(4))
    with pytest.raises(Refused, match="3 pictures are asked about, and 2 of its 6 answers are left"):
        oracle(some(3))
    assert (oracle.queries, oracle.left) == (4, 2) and len(oracle(some(2))) == 2
    with pytest.raises(Refused):
        oracle(some(1))
    assert oracle.queries == 6 and len(Oracle(small(), budget=3)(some(3))) == 3


@stable
@given(choice=st.data())
def test_the_oracle_leaves_its_network_as_it_was(choice: st.DataObject) -> None:
    model = in_any_state(choice)
    before = trace(model)
    assert torch.equal(Oracle(model)(some()), runtime.predict(small(), some())) and trace(model) == before


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Oracle(lambda x: x), "torch.nn.Module is expected"), (lambda: Oracle(small(), budget=-1), "budget is -1"),
        (lambda: Oracle(small(), budget=2.5), "budget is 2.5"), (lambda: Oracle(small())(3 * some()), r"pixels in \[0, 1\]"),
        (lambda: Oracle(small())(some()[0]), "four are expected"),
    ],
)  # fmt: skip
def test_bad_input_to_the_oracle(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


# ---------------------------------------------------------------- the substitute


def test_augmentation_is_the_paper_s_step() -> None:
    """For a linear network the slope of a class's score is its weight."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(240, CLASSES)).eval()
    x, y = some(4), labels(4)
    by_hand = (x + 0.1 * net[1].weight[y].sign().view_as(x)).clamp(0, 1).detach()
    found = augmented(net, x, y, 0.1)
    expect_like(found, x)
    assert torch.allclose(found, by_hand) and torch.allclose(augmented(net, x, y, -0.1), (2 * x - (x + 0.1 * net[1].weight[y].sign().view_as(x))).clamp(0, 1).detach(), atol=1e-6)


@pytest.mark.parametrize("period", [None, 1, 2])
def test_the_set_doubles_and_each_picture_is_asked_about_once(period: int | None) -> None:
    oracle, seeds = Oracle(halves().eval(), budget=80), quarters(10)
    made = train_substitute(oracle, seeds, classes=4, rounds=4, epochs=2, step=0.1, period=period)
    assert oracle.queries == len(made.x) == len(made.y) == 80 and [count for count, _ in made.after] == [10, 20, 40, 80]
    assert torch.equal(made.x[:10], seeds) and torch.equal(made.y, runtime.predict(halves(), made.x))
    for k in range(3):
        old, new = made.x[: 10 * 2**k], made.x[10 * 2**k : 20 * 2**k]
        assert ((new - old).abs() <= 0.1 + 1e-6).all() and ((new - old).abs() > 0.09).any() and new.min() >= 0 and new.max() <= 1
    assert not made.model.training and 0 <= made.after[-1][1] <= 1


@pytest.mark.parametrize("shape, first", [((1, 28, 28), nn.Conv2d), ((3, 48, 32), nn.Conv2d), ((1, 16, 28), nn.Flatten)])
def test_the_usual_substitute_looks_through_windows_where_pictures_are_large_enough(shape: tuple[int, ...], first: type) -> None:
    net = attacks.black_box.usual(torch.Size(shape), 7, 0)
    assert isinstance(net[0], first) and net(torch.rand(2, *shape)).shape == (2, 7)


def test_it_learns_what_the_oracle_answers() -> None:
    oracle, seen = Oracle(halves().eval()), []
    made = train_substitute(oracle, quarters(40), classes=4, rounds=3, epochs=10, watch=lambda model, queries: seen.append(queries))
    fresh = quarters(200, 9)
    assert (runtime.predict(made.model, fresh) == runtime.predict(halves(), fresh)).float().mean() > 0.9 and seen == [40, 80, 160]


def test_one_seed_gives_one_substitute_and_other_seeds_are_left_alone() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    one, same, other = (quick(Oracle(halves().eval()), quarters(8), seed=seed).model[1].weight for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[2] and (np.random.get_state()[1] == before[1]).all()


def test_gradients_switched_off_and_a_network_of_ones_own() -> None:
    seeds, mine = quarters(8), nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    start = mine[1].weight.clone()
    with torch.no_grad():
        made = quick(Oracle(halves().eval()), seeds, model=mine)
        assert not torch.is_grad_enabled()
    assert made.model is mine and not torch.equal(mine[1].weight, start)
    assert dense(seeds[0].shape, 4, 0)(seeds).shape == (8, 4)


def test_an_oracle_with_too_few_answers_is_noticed_before_one_is_spent() -> None:
    oracle = Oracle(halves().eval(), budget=31)
    with pytest.raises(Refused, match="3 rounds from 8 seeds need 32 answers, and the oracle has 31 left"):
        quick(oracle, quarters(8))
    assert oracle.queries == 0


def test_an_oracle_that_refuses_in_the_middle() -> None:
    """Any function may be the oracle; what it raises comes through."""
    hidden, seeds = Oracle(halves().eval(), budget=20), quarters(8)
    with pytest.raises(Refused, match="16 pictures are asked about, and 4 of its 20 answers are left"):
        quick(lambda x: hidden(x), seeds)
    assert hidden.queries == 16 and torch.equal(seeds, quarters(8))


BAD = (
    ({"seeds": 2 * quarters(4)}, "seeds holds pixels"), ({"seeds": quarters(4)[:0]}, "empty batch"), ({"rounds": 0}, "rounds is 0"),
    ({"step": -0.1}, "step is -0.1"), ({"period": 0}, "period is 0"), ({"epochs": 0}, "epochs is 0"),
    ({"oracle": lambda x: torch.full((len(x),), 2)}, "takes all 8 pictures for class 2; a substitute needs at least two"),
    ({"oracle": lambda x: torch.rand(len(x), 4)}, "what the oracle gives holds torch.float32"),
    ({"oracle": lambda x: torch.arange(len(x))}, "what the oracle gives holds labels from 0 to 7; the model has 4 classes"),
    ({"oracle": lambda x: torch.arange(2)}, "one label a picture is expected"),
)  # fmt: skip


@pytest.mark.parametrize(("changed", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_input_to_the_substitute(changed: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        quick(**{"oracle": Oracle(halves().eval()), "seeds": quarters(8)} | changed)


# ---------------------------------------------------------------- natural evolution strategies


@stable
@given(
    dtype=st.sampled_from([torch.float32, torch.float64]), count=st.integers(1, 4), seed=st.integers(0, 10_000),
    eps=st.one_of(st.sampled_from([0.0, 0.007, 0.25, 5.0]), st.floats(0, 1)), own=st.booleans(),
)  # fmt: skip
def test_nes_stays_in_the_budget_and_in_the_range(dtype: torch.dtype, count: int, seed: int, eps: float, own: bool) -> None:
    model, x = small(seed).to(dtype), some(count, seed, dtype)
    found = climb(model, x, None if own else labels(count, seed), eps=eps)
    expect_like(found, x)
    assert ((found - x).abs() <= eps + rounding(x)).all()
    assert torch.equal(climb(model, x, eps=eps), climb(model, x, runtime.predict(model, x), eps=eps))


def test_nes_estimates_the_gradient() -> None:
    """With many samples the estimate points along the margin's own gradient."""
    model, x, y = small().double(), 0.2 + 0.6 * some(2, dtype=torch.float64), labels(2)
    slope = estimated(Oracle(model, scores=True), torch.float64, x, y, 6000, 1e-3, generator(0))
    watched = runtime.watched(x)
    exact = runtime.gradient(attacks.margins.lead(model(watched), y, False), watched)
    assert (torch.cosine_similarity(slope.flatten(1), exact.flatten(1)) > 0.9).all()
    assert torch.allclose(slope.flatten(1).norm(dim=1), exact.flatten(1).norm(dim=1), rtol=0.2)


def test_nes_counts_its_queries_and_stops_asking_about_what_fools() -> None:
    oracle, x = Oracle(small(), scores=True), some(3)
    other = (runtime.predict(small(), x) + 1) % CLASSES
    assert torch.equal(climb(oracle, x, other, eps=0.1), x) and oracle.queries == 3, "wrong already: one look at each"
    oracle.queries = 0
    climb(oracle, x, eps=0.0)
    assert oracle.queries == 3 * (4 + 3 * 8), "four looks and three estimates of eight queries"
    with pytest.raises(Refused):
        climb(Oracle(small(), budget=20, scores=True), x, eps=0.1)


def test_nes_fools_more_than_noise_with_scores_alone() -> None:
    net, (x, y, *_) = models.load("lenet-digits"), data.load("digits", "test", 12, source="drawn")
    found = nes(net, x, y, eps=0.3, step=0.06, steps=8, samples=30)
    assert measure.success_rate(net, found, y) >= 0.4 and measure.success_rate(net, attacks.random_sign(x, eps=0.3), y) <= 0.2


def test_nes_leaves_the_model_and_others_seeds_alone_and_works_in_threads() -> None:
    model, batches = small().train(), [some(2, seed) for seed in range(3)]
    before, state = trace(model), torch.get_rng_state()
    expected = [climb(model, x, eps=0.1) for x in batches]
    with ThreadPoolExecutor(2) as threads:
        assert all(map(torch.equal, threads.map(lambda x: climb(model, x, eps=0.1), batches), expected))
    assert trace(model) == before and torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(climb(model, batches[0], eps=0.1, generator=generator(8)), expected[0])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_nes_probes_do_not_vanish_in_half_precision(dtype: torch.dtype) -> None:
    exact, x = small(), some(4)
    y = runtime.predict(exact, x)
    watched = runtime.watched(x)
    slope = runtime.gradient(attacks.margins.lead(exact(watched), y, False), watched).flatten(1)

    def alike(sigma: float) -> float:
        found = estimated(Oracle(small().to(dtype), scores=True), dtype, x, y, 4000, sigma, generator(0))
        return torch.cosine_similarity(found.flatten(1), slope).mean().item()

    assert alike(resolved(1e-3, dtype)) > 0.8
    if dtype == torch.bfloat16:
        assert alike(1e-3) < alike(resolved(1e-3, dtype)) - 0.03, "the reason"
    assert resolved(0.05, dtype) == 0.05 and resolved(1e-3, torch.float32) == 1e-3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_nes_in_half_precision(dtype: torch.dtype) -> None:
    model, x = small().to(dtype), some(3, dtype=dtype)
    found = climb(model, x, eps=0.1)
    expect_like(found, x)
    assert ((found.float() - x.float()).abs() <= 0.1 + 1e-6).all()


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"samples": 7}, "an even number"), ({"samples": 0}, "samples is 0"), ({"sigma": 0}, "sigma is 0"), ({"eps": -1}, "eps is -1"),
     ({"steps": -1}, "steps is -1"), ({"model": Oracle(small())}, "class numbers only"), ({"y": torch.tensor([0, 9, 1])}, "the model has 4 classes"),
     ({"x": 9 * some()}, r"pixels in \[0, 1\]")],
)  # fmt: skip
def test_bad_input_to_nes(changed: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        climb(**{"model": small(), "x": some(), "y": labels(), "eps": 0.1} | changed)


def test_only_the_seeds_must_have_more_than_one_class() -> None:
    said = iter([torch.tensor([0, 1, 1]), torch.tensor([1, 1, 1])])
    made = attacks.train_substitute(lambda x: next(said), torch.rand(3, 1, 4, 4), classes=2, rounds=2, epochs=1)
    assert made.y.tolist() == [0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("say", [lambda y: y.int(), lambda y: y.tolist(), lambda y: y.numpy(), lambda y: y.to(torch.uint8)], ids=["int32", "list", "numpy", "bytes"])
def test_an_oracle_may_give_any_whole_numbers(say) -> None:
    made = attacks.train_substitute(lambda x: say((x.mean((1, 2, 3)) > 0.5).long()), torch.rand(12, 1, 4, 4), classes=2, rounds=2, epochs=1)
    assert made.y.dtype == torch.int64 and len(made.y) == 24
