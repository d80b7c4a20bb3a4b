"""Measures against NumPy, SciPy and numbers known from elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from course_utils import measure
from course_utils.runtime import generator


class Brightest(nn.Module):
    """A model whose scores are its three pixels: the class of a picture is its brightest pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return 10 * x.flatten(1)


def points(*classes: int, value: float = 0.8) -> Tensor:
    """Pictures 1x1x3 with one bright pixel each."""
    x = torch.full((len(classes), 1, 1, 3), 0.2)
    x[torch.arange(len(classes)), 0, 0, list(classes)] = value
    return x


# ---------------------------------------------------------------- sizes of a change


def test_norms_against_numpy() -> None:
    x, x_adv = torch.rand(2, 4, 3, 5, 6, generator=generator(0))
    found, flat = measure.norms(x, x_adv), (x_adv - x).numpy().reshape(4, -1)
    assert np.allclose(found.l1, np.linalg.norm(flat, 1, axis=1), rtol=1e-5)
    assert np.allclose(found.l2, np.linalg.norm(flat, 2, axis=1), rtol=1e-5)
    assert np.allclose(found.linf, np.linalg.norm(flat, np.inf, axis=1), rtol=1e-5)
    assert np.allclose(found.rms, np.sqrt((flat**2).mean(1)), rtol=1e-5)
    assert found.l0.tolist() == [30] * 4 and all(size.shape == (4,) for size in found)


def test_l0_counts_pixels_not_channels() -> None:
    x = torch.full((2, 3, 4, 4), 0.5)
    x_adv = x.clone()
    x_adv[0, :, 1, 2] += 0.1  # one pixel, all three channels
    x_adv[0, 1, 3, 3] -= 0.1  # one pixel, one channel
    assert measure.norms(x, x_adv).l0.tolist() == [2, 0]


def test_norms_of_nothing_and_of_pictures_with_gradients() -> None:
    x = torch.rand(2, 1, 3, 3)
    assert all(size.eq(0).all() for size in measure.norms(x, x))
    assert not any(size.requires_grad for size in measure.norms(x, x.clone().requires_grad_()))


def test_norms_refuse_pictures_that_do_not_match() -> None:
    with pytest.raises(ValueError, match=r"x has shape \[2, 1, 3, 3\] and x_adv \[1, 1, 3, 3\]; the same shape"):
        measure.norms(torch.zeros(2, 1, 3, 3), torch.zeros(1, 1, 3, 3))


def test_quantize_is_what_a_picture_file_would_store() -> None:
    x = torch.rand(2, 3, 8, 8, generator=generator(0))
    found = measure.quantize(x)
    assert torch.equal((found * 255).round().byte().float() / 255, found)
    assert (found - x).abs().max() <= 0.5 / 255 + 1e-7 and torch.equal(measure.quantize(found), found)
    assert measure.quantize(torch.tensor([0.0, 0.4 / 255, 0.6 / 255, 1.0])).mul(255).round().tolist() == [0, 0, 1, 255]


# ---------------------------------------------------------------- accuracy and success


def test_accuracy_and_confidence() -> None:
    x, y = points(0, 1, 2, 2), torch.tensor([0, 1, 2, 0])
    assert measure.accuracy(Brightest(), x, y) == 0.75
    expected = math.exp(8) / (math.exp(8) + 2 * math.exp(2))
    assert torch.allclose(measure.confidence(Brightest(), x), torch.full((4,), expected))


@pytest.mark.parametrize("y", [torch.tensor([[0], [1]]), torch.tensor([0]), torch.tensor([0, 1]).to("meta")])
def test_labels_that_are_not_one_a_picture_are_refused(y: Tensor) -> None:
    for count in (measure.accuracy, measure.success_rate):
        with pytest.raises(ValueError, match=r"one label a picture is expected: \[2\] on cpu"):
            count(Brightest(), points(0, 1), y)


def test_untargeted_success_is_another_class() -> None:
    x_adv, y = points(0, 0, 2, 1), torch.tensor([0, 1, 2, 0])
    assert measure.success_rate(Brightest(), x_adv, y) == 0.5


def test_with_the_clean_pictures_only_those_count_that_were_right() -> None:
    x, x_adv, y = points(0, 2, 2, 0), points(0, 0, 0, 1), torch.tensor([0, 1, 2, 0])
    assert measure.success_rate(Brightest(), x_adv, y) == 0.75
    assert measure.success_rate(Brightest(), x_adv, y, x=x) == pytest.approx(2 / 3)  # the second was wrong before


def test_without_any_right_picture_there_is_no_rate() -> None:
    assert math.isnan(measure.success_rate(Brightest(), points(0), torch.tensor([1]), x=points(0)))


def test_targeted_success_is_the_target() -> None:
    x, x_adv, target = points(0, 1, 2, 2), points(1, 1, 0, 2), torch.tensor([1, 1, 1, 2])
    assert measure.success_rate(Brightest(), x_adv, target, targeted=True) == 0.75
    assert measure.success_rate(Brightest(), x_adv, target, x=x, targeted=True) == 0.75


def test_one_rule_for_pixels_they_are_measured_as_they_are() -> None:
    """Nothing is rounded in secret: success and accuracy agree on a change of less than half a grey level."""
    x_adv = torch.tensor([100.0, 100.4, 50.0]).div(255).view(1, 1, 1, 3)
    y = torch.tensor([0])
    assert Brightest()(x_adv).argmax() == 1
    assert measure.success_rate(Brightest(), x_adv, y) == 1 - measure.accuracy(Brightest(), x_adv, y) == 1
    stored = measure.quantize(x_adv)
    assert measure.success_rate(Brightest(), stored, y) == 1 - measure.accuracy(Brightest(), stored, y) == 0


def test_accuracy_curve_is_the_accuracy_at_each_budget() -> None:
    x, y = points(0, 1, 2), torch.tensor([0, 1, 2])
    seen = []

    def towards_class_0(eps: float) -> Tensor:
        seen.append(eps)
        return x + eps * torch.tensor([1.0, 0.0, 0.0])

    assert measure.accuracy_curve(Brightest(), towards_class_0, y, [0.0, 0.5, 0.7]) == pytest.approx([1, 1, 1 / 3])
    assert seen == [0.0, 0.5, 0.7]


# ---------------------------------------------------------------- how sure a share is


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)],
)
def test_interval_against_published_values(hits: int, count: int, low: float, high: float) -> None:
    """The last two are of Newcombe 1998, table I, method 3."""
    assert measure.interval(hits / count, count) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("count", [1, 7, 200, 10_000])
def test_interval_against_scipy(count: int) -> None:
    for hits in {0, count // 3, count // 2, count}:
        expected = stats.binomtest(hits, count).proportion_ci(0.95, method="wilson")
        assert measure.interval(hits / count, count) == pytest.approx((expected.low, expected.high), abs=2e-5)


@pytest.mark.parametrize(("share", "count"), [(1.1, 10), (-0.1, 10), (0.5, 0), (float("nan"), 10)])
def test_interval_refuses_what_is_no_share(share: float, count: int) -> None:
    with pytest.raises(ValueError, match=rf"share {share} of {count} pictures; a share in \[0, 1\] of at least one picture"):
        measure.interval(share, count)


# ---------------------------------------------------------------- curves and maps


def test_auc_against_numpy_and_known_areas() -> None:
    curves = torch.rand(3, 11, generator=generator(0))
    expected = [((c[1:] + c[:-1]) / 2).mean() for c in curves.numpy()]
    assert np.allclose(measure.auc(curves), expected, atol=1e-6)
    straight = torch.linspace(1, 0, 21)
    assert measure.auc(torch.stack([straight, straight**0])).tolist() == pytest.approx([0.5, 1.0])


@pytest.mark.parametrize("shape", [(5,), (3, 1)])
def test_auc_refuses_what_is_no_curve(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"at least two steps is expected"):
        measure.auc(torch.zeros(shape))


@pytest.mark.parametrize("levels", [10_000, 5], ids=["all different", "many ties"])
def test_rank_correlation_against_scipy(levels: int) -> None:
    a, noise = torch.rand(2, 4, 7, 6, generator=generator(0))
    a, b = ((m * levels).round() for m in (a, a**3 + 0.4 * noise))
    expected = [stats.spearmanr(p.flatten(), q.flatten()).statistic for p, q in zip(a, b)]
    assert np.allclose(measure.rank_correlation(a, b), expected, atol=1e-5)


def test_rank_correlation_of_the_same_order_the_opposite_and_none() -> None:
    a = torch.rand(3, 8, 8, generator=generator(0))
    assert torch.allclose(measure.rank_correlation(a, a.exp()), torch.ones(3))
    assert torch.allclose(measure.rank_correlation(a, -a), -torch.ones(3))
    assert measure.rank_correlation(a, torch.zeros_like(a)).tolist() == [0, 0, 0], "a flat map has no order"


def test_rank_correlation_refuses_maps_that_do_not_match() -> None:
    with pytest.raises(ValueError, match=r"the maps have shapes \[2, 3, 3\] and \[2, 4, 4\]; the same shape"):
        measure.rank_correlation(torch.zeros(2, 3, 3), torch.zeros(2, 4, 4))


# ---------------------------------------------------------------- how alike two pictures look


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_against_scikit_image(channels: int) -> None:
    from skimage.metrics import structural_similarity  # here: it takes a second, and every process reads this file

    x = torch.rand(4, channels, 17, 23, generator=generator(0))
    x[1] = 0.5  # flat: no variance
    changes = (0.0, 0.02, 0.2, 0.9)
    x_adv = torch.stack([(a + e * torch.randn(a.shape, generator=generator(1))).clamp(0, 1) for a, e in zip(x, changes)])
    options = {"channel_axis": 0, "data_range": 1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    want = [structural_similarity(a.double().numpy(), b.double().numpy(), **options) for a, b in zip(x, x_adv)]
    found = measure.ssim(x, x_adv)
    assert found.shape == (4,) and found.dtype == x.dtype and np.allclose(found, want, atol=1e-5)
    assert found[0] == 1 and found[3] < 0.5


def test_ssim_refuses_pictures_that_do_not_match_or_are_too_small() -> None:
    for one, other in (((2, 1, 12, 12), (1, 1, 12, 12)), ((2, 1, 10, 12), (2, 1, 10, 12)), ((12, 12), (12, 12))):
        with pytest.raises(ValueError, match="H and W at least 11"):
            measure.ssim(torch.zeros(one), torch.zeros(other))


# ---------------------------------------------------------------- means and purity


def test_mean_interval_against_scipy() -> None:
    values, others = torch.rand(400, generator=generator(1)), torch.rand(900, generator=generator(2)) - 0.3
    mean, low, high = measure.mean_interval(values)
    want = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    assert (mean, low, high) == pytest.approx((values.mean().item(), *want), abs=1e-4)
    mean, low, high = measure.mean_interval(values, minus=others)
    want = stats.ttest_ind(values, others, equal_var=False).confidence_interval(0.95)
    assert mean == pytest.approx((values.mean() - others.mean()).item()) and (low, high) == pytest.approx(tuple(want), abs=1e-3)


def test_mean_interval_refuses_a_single_value() -> None:
    with pytest.raises(ValueError, match="at least two"):
        measure.mean_interval(torch.ones(1))
    with pytest.raises(ValueError, match=r"\[3, 1\] values"):
        measure.mean_interval(torch.ones(3), minus=torch.ones(1))


def test_purity_is_the_share_of_the_most_frequent_label() -> None:
    labels = torch.tensor([[3, 3, 3, 3], [0, 1, 2, 3], [5, 1, 5, 1], [-1, 2, 2, 2]])
    assert measure.purity(labels).tolist() == [1.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("labels", [torch.ones(3).long(), torch.ones(2, 3), torch.ones(2, 0).long()])
def test_purity_refuses_what_are_no_labels(labels: Tensor) -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        measure.purity(labels)


# ---------------------------------------------------------------- fooling rate


def test_fooling_rate_is_about_predictions_and_clips_a_perturbation() -> None:
    x = points(0, 1, 2, 2)
    moved = points(1, 1, 0, 2)
    assert measure.fooling_rate(Brightest(), x, moved) == 0.5 and measure.fooling_rate(Brightest(), x, x) == 0
    v = torch.tensor([0.7, 0.0, 0.0])[None, None]  # it makes the first pixel 0.9, or 1 where it is 0.8 already
    assert measure.fooling_rate(Brightest(), x, v) == measure.fooling_rate(Brightest(), x, v[None]) == 0.75
    brighter = torch.full((1, 1, 3), 5.0) * torch.tensor([1.0, 2, 3])  # clipped, all pixels are 1: the first of equals is taken
    assert measure.fooling_rate(Brightest(), x, brighter) == 0.75, "without clipping the third pixel would win: 0.5"
    assert measure.fooling_rate(Brightest(), x[:1], points(1)) == 1, "a batch of one is pictures, not a perturbation"


def test_fooling_rate_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"x has shape \[2, 1, 1, 3\] and x_adv \[3, 1, 1, 3\]; the same shape, or that of one perturbation \[1, 1, 3\]"):
        measure.fooling_rate(Brightest(), points(0, 1), points(0, 1, 2))
