"""Transfer tables against a case worked out by hand, and changes brought to a size."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import data, measure, models, runtime
from course_utils.attacks import fgsm, lbfgs
from course_utils.measure import of_rms, transfer_table
from course_utils.runtime import generator
from tests.test_attacks import CLASSES, labels, small, some, trace

stable = settings(deadline=None, max_examples=20, derandomize=True)


class Above(nn.Module):
    """Class 1 where the mean of a picture is above a threshold, else class 0."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        mean = x.flatten(1).mean(1)
        return torch.stack([self.threshold - mean, mean - self.threshold], 1)


def greys(*values: float) -> Tensor:
    return torch.tensor(values)[:, None, None, None].expand(-1, 1, 4, 4).clone()


def over(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Every pixel to a value just on the other side of this network's threshold."""
    return greys(*(model.threshold + (0.05 if label == 0 else -0.05) for label in y.tolist()))


def test_a_case_worked_out_by_hand() -> None:
    """Thresholds 0.3 and 0.6. The second network has the picture of grey 0.4 wrong from the start."""
    nets, x, y = {"low": Above(0.3), "high": Above(0.6)}, greys(0.2, 0.4, 0.8, 0.9), torch.tensor([0, 1, 1, 1])
    table = transfer_table(nets, over, x, y, noise=(0.0,))
    # For "low" they become 0.35, 0.25, 0.25, 0.25: wrong there; for "high" 0.35 is class 0, which is right, and the others are wrong.
    # For "high" they become 0.65, 0.55, 0.55, 0.55: wrong there; "low" takes all for 1, so that only the first is wrong.
    assert table.names == ["low", "high", "noise 0"]
    assert torch.allclose(table.error, torch.tensor([[1.0, 0.75], [0.25, 1.0], [0.0, 0.25]]))
    assert torch.allclose(table.success, torch.tensor([[1.0, 2 / 3], [0.25, 1.0], [0.0, 0.0]]), atol=1e-6)
    assert torch.allclose(table.distortion, torch.tensor([(0.15 + 0.15 + 0.55 + 0.65) / 4, (0.45 + 0.15 + 0.25 + 0.35) / 4, 0.0]), atol=1e-6)
    assert torch.equal(table.control[2], table.success[2])
    as_list = transfer_table([*nets.values()], over, x, y)
    assert as_list.names == ["1", "2"] and torch.equal(as_list.error, table.error[:2])


def test_brought_to_one_size() -> None:
    x, y = greys(0.2, 0.8), torch.tensor([0, 1])
    table = transfer_table([Above(0.3)], over, x, y, rms=0.05)
    assert torch.allclose(table.distortion, torch.tensor([0.05]), atol=1e-6)
    assert table.error.item() == 0.0, "0.05 is too little for either"
    assert transfer_table([Above(0.3)], over, x, y, rms=0.4).error.item() == 0.5, "to 0.6 and to 0.4, and that is class 1, as before"


def test_the_control_is_as_large_as_the_change_and_asks_no_network() -> None:
    x, y = greys(*torch.linspace(0.31, 0.9, 60).tolist()), torch.ones(60, dtype=torch.long)
    table = transfer_table([Above(0.3)], over, x, y)
    assert table.success.item() == 1 and table.control.item() < 0.2, "the mean of noise is near 0"
    loud = transfer_table([Above(0.3)], lambda m, x, y: torch.zeros_like(x), x, y)
    assert loud.distortion.item() == pytest.approx(0.605, abs=1e-3) and loud.control.item() > 0


def test_parts_give_what_the_whole_gives() -> None:
    nets, x, y = [small(k) for k in range(3)], some(7), labels(7)
    whole, parts = (transfer_table(nets, partial(fgsm, eps=0.1), x, y, noise=(0.1,), batch_size=size) for size in (2000, 3))
    assert all(torch.equal(a, b) for a, b in zip(whole[1:4], parts[1:4])) and torch.allclose(whole.distortion, parts.distortion)


def test_models_come_back_and_seeds_decide() -> None:
    nets, x, y = [small(k).train() for k in range(2)], some(5), labels(5)
    before = [trace(net) for net in nets]
    runs = [transfer_table(nets, partial(fgsm, eps=0.2), x, y, noise=(0.3,), generator=generator(seed)) for seed in (3, 3, 4)]
    assert [trace(net) for net in nets] == before
    assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(runs[0][1:], runs[1][1:]))
    assert not torch.equal(runs[0].distortion, runs[2].distortion)


def test_a_network_that_had_nothing_right_has_no_success() -> None:
    table = transfer_table([Above(0.3)], over, greys(0.1, 0.9), torch.tensor([1, 0]))
    assert table.success.isnan().all() and table.error.shape == (1, 1)


def test_minimal_changes_fool_their_own_network_always() -> None:
    """The diagonal is 100 %, and what was made for one network fools another more often than noise of its size."""
    pictures = data.load("digits", "test", 40, source="drawn")
    nets = {name: models.load(name) for name in ("fc100-digits-p1", "fc123-digits-p1", "fc100-digits-p2")}
    table = transfer_table(nets, lambda m, x, y: lbfgs(m, x, (y + 1) % 10, targeted=True, searches=4, steps=25), pictures.x, pictures.y)
    assert table.success.diag().eq(1).all() and table.error.diag().eq(1).all()
    assert (table.success > table.control + 0.03).all()


BAD = (
    ({"models": []}, "no network in models"),
    ({"x": 2 * some(3)}, r"pixels in \[0, 1\] are expected"),
    ({"y": torch.tensor([0, 1])}, "one label a picture"),
    ({"rms": -0.1}, "rms is -0.1"),
    ({"noise": (-1.0,)}, "noise is -1.0"),
    ({"attack": lambda m, x, y: x + 1}, "what the attack gives holds pixels"),
    ({"attack": lambda m, x, y: x[:, :, :4]}, "x_adv"),
)


@pytest.mark.parametrize(("changed", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_input_is_refused_in_words(changed: dict, words: str) -> None:
    given = {"models": [small()], "attack": partial(fgsm, eps=0.1), "x": some(3), "y": labels(3)} | changed
    with pytest.raises(ValueError, match=words):
        transfer_table(**given)


# ---------------------------------------------------------------- of_rms


@stable
@given(seed=st.integers(0, 10_000), size=st.floats(0, 0.3), double=st.booleans())
def test_a_change_has_the_size_that_is_asked_for(seed: int, size: float, double: bool) -> None:
    dtype = torch.float64 if double else torch.float32
    x, change = some(4, seed, dtype), torch.randn(4, 3, 8, 10, generator=generator(seed + 1), dtype=dtype)
    found = of_rms(x, change, size)
    assert found.min() >= 0 and found.max() <= 1 and found.dtype == dtype
    assert torch.allclose(measure.norms(x, found).rms, torch.full((4,), size, dtype=dtype), rtol=2e-3, atol=1e-6)
    assert ((found - x) * change >= 0).all(), "along the change, never against it"


def test_sizes_of_each_picture_and_what_cannot_be_reached() -> None:
    x, change = some(4), torch.randn(4, 3, 8, 10, generator=generator(5))
    change[3] = 0
    sizes = torch.tensor([0.05, 0.1, 0.2, 0.1])
    assert torch.allclose(measure.norms(x, of_rms(x, change, sizes)).rms, torch.tensor([0.05, 0.1, 0.2, 0.0]), atol=1e-4)
    farthest = torch.where(change > 0, 1.0, torch.where(change < 0, 0.0, x))
    assert (of_rms(x, change, 5.0) - farthest).abs().mean() < 0.01 and of_rms(x, change, 5.0).isfinite().all()
    assert torch.equal(of_rms(x, -change, 0.1) > x, change < 0) is False  # clipped pixels stay where they are
    with pytest.raises(ValueError, match="the same shape is expected"):
        of_rms(x, change[:2], 0.1)


def test_it_grows_with_the_size_and_is_one_line() -> None:
    x, change = torch.full((1, 1, 5, 5), 0.5), torch.linspace(-1, 1, 25).view(1, 1, 5, 5)
    small_one, larger = (of_rms(x, change, size) - x for size in (0.05, 0.1))
    assert torch.allclose(2 * small_one, larger, atol=1e-6) and math.isclose(larger.square().mean().sqrt(), 0.1, rel_tol=1e-5)
    assert runtime.check_pictures(x + larger) is not None and CLASSES == 4
