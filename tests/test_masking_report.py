"""The report's call: what it leaves alone, its table, its options, bad input; and its verdicts on the core of the bench."""

from __future__ import annotations

import copy
import os

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import masking as bench
from benchmarks.hiding import Double
from course_utils import data, defenses, models, runtime
from course_utils.defenses.masking import findings
from course_utils.defenses.masking.asking import Asked
from course_utils.defenses.masking.contests import freed
from course_utils.runtime import generator
from tests.test_attacks import some
from tests.test_masking import Before, Lies, Sealed

report = defenses.gradient_masking_report
QUICK = {"attack": False}


@pytest.fixture(scope="module")
def digits() -> tuple[nn.Module, Tensor, Tensor]:
    x, y, *_ = data.load("digits", "test", 24, source="drawn")
    return models.load("stridenet-digits"), x, y


# ---------------------------------------------------------------- the call


def test_nothing_is_changed_and_a_seed_gives_the_same(digits: tuple) -> None:
    net, x, y = copy.deepcopy(digits[0]).train(), digits[1].clone(), digits[2].clone()
    before = copy.deepcopy(net.state_dict())
    first, again = (report(net, x, y, queries=10, steps=3, generator=generator(3)) for _ in range(2))
    assert first == again and net.training and all(p.requires_grad and p.grad is None for p in net.parameters())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items()) and torch.equal(x, digits[1])


def test_table_and_words(digits: tuple) -> None:
    found = report(*digits, queries=10, steps=3)
    html = found._repr_html_()
    assert "<table>" in html and "Is there a gradient?" in html and len(found.rows()) == len(found.checks) == 16
    assert "hides" not in repr(found) and "No sign" in repr(found)


def test_contests_only_where_the_looks_find_nothing(digits: tuple) -> None:
    net, x, y = digits
    assert report(net, x, y, attack=None, queries=5, steps=2).shares and not report(Sealed(net), x, y, attack=None).shares


def test_wrong_ones_are_left_out_and_one_class_is_enough(digits: tuple) -> None:
    net, x, y = digits
    right = runtime.predict(net, x) == y
    other = torch.where(torch.arange(len(y)) < 6, (y + 1) % 10, y)
    assert report(net, x, other, **QUICK).right == int((right & (other == y)).sum())
    ones = runtime.predict(net, x)[:1].repeat(3)
    assert report(net, x[:1].repeat(3, 1, 1, 1), ones, **QUICK).right == 3
    assert report(net, x, y, most=5, **QUICK).right == 5


def test_double_precision_and_many_classes() -> None:
    x = torch.rand(4, 3, 8, 8, generator=generator(0), dtype=torch.float64)
    with runtime.seeded_weights(0):
        net = nn.Sequential(nn.Flatten(), nn.Linear(192, 30), nn.Tanh(), nn.Linear(30, 1000)).double()
    found = report(net, x, runtime.predict(net, x), queries=5, steps=2)
    assert not found.masked and found.right == 4, found.findings


def test_a_network_in_a_precision_of_its_own(digits: tuple) -> None:
    net, x, y = digits
    assert not report(Double(net), x, y, **QUICK).masked
    with pytest.raises(ValueError, match="computes in"):
        report(copy.deepcopy(net).double(), x, y)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"x": torch.zeros(0, 1, 28, 28), "y": torch.zeros(0).long()}, "empty"),
        ({"x": torch.full((2, 1, 28, 28), 1.5), "y": torch.zeros(2).long()}, r"\[0, 1\]"),
        ({"x": torch.full((2, 1, 28, 28), torch.nan), "y": torch.zeros(2).long()}, "NaN"),
        ({"y": torch.zeros(3).long()}, "one label a picture"),
        ({"y": torch.full((24,), 10)}, "classes"),
        ({"y": None}, "y is None"),
        ({"most": 0}, "most"), ({"steps": 1}, "steps"), ({"queries": 0}, "queries"), ({"model": lambda x: x}, "Module"),
    ],
)  # fmt: skip
def test_bad_input(change: dict, words: str, digits: tuple) -> None:
    given = dict(zip(("model", "x", "y"), digits)) | change
    with pytest.raises(ValueError, match=words):
        report(given.pop("model"), given.pop("x"), given.pop("y"), **given)


def test_a_network_that_gets_nothing_right(digits: tuple) -> None:
    net, x, y = digits
    with pytest.raises(ValueError, match="none of the 24 pictures right"):
        report(net, x, (runtime.predict(net, x) + 1) % 10)
    with pytest.raises(ValueError, match="class scores"):
        report(nn.Identity(), some(), torch.zeros(len(some())).long())
    with pytest.raises(ValueError, match="at least two classes"):
        report(nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 1)), x, torch.zeros(len(x)).long())


# ---------------------------------------------------------------- suspicions

STRAIGHT = {  # what attacks refute -> words of the suspicion
    "straight-through levels": (lambda x: x + ((7 * x).round() / 7 - x).detach(), "does not do what the gradient says"),
    "straight-through signs": (lambda x: x + ((x > 0.5).to(x) - x).detach(), "does not do what the gradient says"),
    "cut off": (lambda x: x.clamp(0.02, 0.98), "leave them as they are"),
}


@pytest.mark.parametrize("name", STRAIGHT)
def test_a_suspicion_falls_where_steps_along_the_gradient_succeed(name: str, digits: tuple) -> None:
    """A rounding with the identity's gradient, and pixels without a gradient on a black background: attacks succeed as on the bare network."""
    change, words = STRAIGHT[name]
    found = report(Before(change, digits[0]), *digits[1:], attack=None, queries=20)
    assert not found.masked and len(found.findings) == 1 and words in found.findings[0] and "is not hidden" in found.findings[0], found.findings
    assert "hides" not in repr(found) and "succeed all the same" in repr(found)


def test_what_hangs_on_the_other_pictures_is_a_suspicion_and_what_hangs_on_the_place_is_none(digits: tuple) -> None:
    net, x, y = digits
    light = torch.linspace(0, 1, len(x)).view(-1, 1, 1, 1)
    company = Before(lambda x: x + 0.5 * x.mean(), net)
    assert report(company, x * light, runtime.predict(company, x * light), **QUICK).masked
    found = report(company, x * light, runtime.predict(company, x * light), attack=None, queries=20)
    assert not found.masked and "the pictures beside it" in found.findings[0] and "is not hidden" in found.findings[0], found.findings
    place = report(Before(lambda x: x + 0.3 * torch.rand(len(x), 1, 1, 1, generator=generator(0)), net), x, y, attack=None, queries=20)
    assert place.masked and "its place in the batch" in place.findings[0], place.findings


def test_one_picture_proves_nothing() -> None:
    def of(chance: float, count: int) -> list[str]:
        shares = {name: {32: 0.2, 255: 1.0} for name in ("many steps", "one step", "margin", "elsewhere")} | {"random search": {32: chance}}
        return [c.finding for c in findings.of_contests(shares, 10, count) if c.finding]

    assert of(0.4, 5) == [] and len(of(0.6, 5)) == 1 and len(of(0.41, 100)) == 1 and of(0.39, 100) == []


@pytest.mark.parametrize(
    ("scores", "together", "factors"),
    [
        ([[5.0, 1.0, 0.0], [2.0, -1.0, -2.0]], False, [1, 1]),  # leads of 4 and 3 stay
        ([[0.004, 0.002, 0.0], [0.002, -0.002, -0.003]], False, [1000, 500]),  # leads of 0.002 and 0.004 become 2, each for itself
        ([[5.0, 1.0, 0.0], [8.0, 7.0, -2.0]], True, [0.5, 2.0]),  # and so do larger ones where the pictures share their gradients
        ([[1.0, 0.999, -1.0], [1.0, 0.999, -1.0]], False, [1, 1]),  # saturated: two scores at one ceiling
        ([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], True, [1, 1]),  # nothing to scale
    ],
)
def test_the_contests_do_not_depend_on_the_scale_of_the_scores(scores: list, together: bool, factors: list) -> None:
    table, y = torch.tensor(scores), torch.zeros(2, dtype=torch.long)
    loss = freed(Asked(Before(lambda x: table[: len(x)] + 0 * x.sum(), nn.Identity())), torch.zeros(2, 1, 2, 2), y, together)
    torch.testing.assert_close(loss(table, y), F.cross_entropy(torch.tensor(factors)[:, None] * table, y, reduction="none"))


def test_small_shares_are_not_called_none() -> None:
    assert [findings.percent(v) for v in (0, 1e-7, 0.0035, 0.01, 0.256, 1)] == ["0 %", "0 %", "0.4 %", "1 %", "26 %", "100 %"]


def test_a_suspicion_stays_where_steps_along_the_gradient_fail(digits: tuple) -> None:
    for rule, words in ((torch.neg, "not that of the scores"), (lambda g: g * (torch.arange(g.shape[-1]) % 8 == 0), "leave them as they are")):
        found = report(Before(lambda x, rule=rule: Lies.apply(x, rule), digits[0]), *digits[1:], attack=None)
        assert found.masked and words in found.findings[0] and "But" not in found.findings[0], found.findings


# ---------------------------------------------------------------- the core of the bench

CORE = [one for one in bench.everything() if one.name.endswith("@ lenet-digits") or (one.pictures == "digits" and "@" not in one.name)]


@pytest.mark.skipif(os.environ.get("COURSE_TESTS") != "all", reason="some minutes: make test-all")
@pytest.mark.parametrize("one", CORE, ids=lambda one: one.name)
def test_verdicts_of_the_bench(one: bench.Judged) -> None:
    row = bench.judge(one, 0, attack=None)
    assert row["masked"] == one.hides, row["findings"]


def test_the_bench_is_large() -> None:
    every = list(bench.everything())
    assert sum(one.hides for one in every) >= 100 and sum(not one.hides for one in every) >= 90 and len({one.name for one in every}) == len(every)
