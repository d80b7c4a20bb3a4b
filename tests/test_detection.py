"""Detectors and how they are measured: by hand on small cases, against other ways to compute the same, bad input, determinism."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import attacks, data, defenses, measure, models, runtime
from course_utils.defenses import consistency, dimensionality
from course_utils.runtime import generator


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=generator(seed))


class Brightest(nn.Module):
    """Class k of a picture's K quarters of columns: the brightest. Its scores are the means."""

    def forward(self, x):
        return 10 * x.mean((1, 2)).unflatten(1, (4, -1)).mean(2)


class Sick(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :3] * torch.nan


# ---------------------------------------------------------------- ROC


def test_area_by_hand_and_as_the_area_below_the_curve() -> None:
    attacked, clean = torch.tensor([3.0, 1.0, 2.0]), torch.tensor([2.0, 0.0])
    assert measure.auroc(attacked, clean) == pytest.approx((2 + 1 + 1.5) / 6)
    curve = measure.roc(attacked, clean)
    assert curve.thresholds.tolist() == [3, 2, 1, 0, -math.inf]
    assert curve.false_alarms.tolist() == [0, 0, 0.5, 0.5, 1] and curve.detected.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    for seed in range(4):
        a, c = (rand(40, seed=seed) * 9).round(), (rand(23, seed=seed + 50) * 8).round()
        curve = measure.roc(a, c)
        assert torch.trapezoid(curve.detected, curve.false_alarms).item() == pytest.approx(measure.auroc(a, c))
        assert measure.auroc(a, c) == pytest.approx(1 - measure.auroc(c, a)) == pytest.approx(measure.auroc(a.exp(), c.exp()))
    assert measure.auroc(clean + 9, clean) == 1 and measure.auroc(torch.ones(3), torch.ones(5)) == 0.5


def test_threshold_keeps_the_false_alarms() -> None:
    clean = rand(100, seed=1)
    for rate, alarms in ((0.0, 0), (0.29, 29), (0.05, 5), (0.999, 99), (1.0, 100)):
        assert int((clean > measure.alarm_threshold(clean, rate)).sum()) == alarms
    assert measure.alarm_threshold(torch.tensor([1.0, 1.0, 0.0]), 0.5) == 1, "scores that are equal raise alarms together, or none does"


def test_precision_is_the_share_of_right_alarms() -> None:
    assert measure.alarm_precision(0.7, 0.1, 0.001) == pytest.approx(0.7 / (0.7 + 99.9))
    assert measure.alarm_precision(1, 0, 0.01) == 1 and math.isnan(measure.alarm_precision(0, 0, 0.5))


@pytest.mark.parametrize("call, words", [
    (lambda: measure.auroc(torch.rand(3), torch.rand(0)), "clean is empty; without pictures of both kinds"),
    (lambda: measure.roc(torch.rand(0), torch.rand(3)), "attacked is empty"),
    (lambda: measure.auroc(torch.tensor([math.nan]), torch.rand(3)), "attacked holds NaN"),
    (lambda: measure.auroc(torch.rand(3, 1), torch.rand(3)), r"attacked is shape \[3, 1\]"),
    (lambda: measure.alarm_threshold(torch.rand(3), 1.5), "rate is 1.5"),
    (lambda: measure.alarm_precision(0.5, 2, 0.5), "false_alarms is 2"),
    (lambda: defenses.logistic_regression(torch.rand(3, 2), torch.rand(0, 2)), "a detector needs both kinds"),
    (lambda: defenses.logistic_regression(torch.rand(3, 2) * torch.nan, torch.rand(3, 2)), "finite features"),
    (lambda: defenses.logistic_regression(torch.rand(3, 2), torch.rand(3, 2), penalty=0), "penalty is 0"),
    (lambda: defenses.intrinsic_dimensionality(torch.rand(20, 3)), "a picture has only 19 others"),
    (lambda: defenses.intrinsic_dimensionality(torch.rand(4, 3), torch.rand(9, 3)), "k is 20, but a picture has only 9"),
    (lambda: defenses.intrinsic_dimensionality(torch.rand(4, 3), torch.rand(30, 4)), "answers of one layer"),
    (lambda: defenses.intrinsic_dimensionality(torch.full((30, 3), math.nan)), "features holds NaN"),
    (lambda: defenses.intrinsic_dimensionality(torch.rand(30)), r"features is torch.float32 \[30\]"),
    (lambda: defenses.lid_detector(Brightest(), rand(8, 1, 8, 8), rand(4, 1, 8, 8), rand(4, 1, 8, 8)), "among has only 8 pictures"),
    (lambda: defenses.consistency_score(Brightest(), rand(2, 1, 8, 8), window=9), "window is 9"),
    (lambda: defenses.consistency_score(Brightest(), rand(2, 1, 8, 8), share=-0.1), "share is -0.1"),
    (lambda: defenses.consistency_score(Brightest(), rand(2, 1, 8, 8) + 1), "pixels in \\[0, 1\\]"),
    (lambda: defenses.consistency_score(Brightest(), rand(2, 1, 8, 8), share="a"), "share is 'a'"),
    (lambda: defenses.consistency_score(Brightest(), rand(2, 1, 8, 8), window=3, stride=4), "stride is 4, more than the window, 3"),
    (lambda: defenses.consistency_score(nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), rand(2, 1, 8, 8)), "single class"),
    (lambda: defenses.consistency_score(Sick(), rand(2, 1, 8, 8)), "gives NaN"),
    (lambda: defenses.calibration_error(torch.rand(2, 3), torch.tensor([0, 1]), bins=0), "bins is 0"),
    (lambda: defenses.energy(torch.rand(3)), "logits \\[N, classes\\] are expected"),
    (lambda: defenses.unsure(torch.full((2, 3), math.nan)), "scores holds NaN"),
    (lambda: defenses.energy(torch.rand(2, 3), 0), "temperature is 0"),
    (lambda: defenses.calibrated_temperature(torch.rand(2, 3), torch.tensor([0, 3])), "labels from 0 to 3"),
])  # fmt: skip
def test_bad_input_says_what_is_wrong(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


# ---------------------------------------------------------------- local intrinsic dimensionality


def test_dimension_by_hand() -> None:
    line = torch.tensor([[0.0], [1.0], [2.0], [4.0]])
    got = defenses.intrinsic_dimensionality(line, k=3)
    assert got[0].item() == pytest.approx(-3 / (math.log(1 / 4) + math.log(2 / 4)))
    assert defenses.intrinsic_dimensionality(line[:1], line[1:], k=2)[0].item() == pytest.approx(-2 / math.log(1 / 2))


def test_dimension_against_sorted_distances_and_for_any_shape_of_answers() -> None:
    features = rand(50, 3, 4, 2, seed=3)
    far = torch.cdist(features.flatten(1).double(), features.flatten(1).double(), compute_mode="donot_use_mm_for_euclid_dist").sort(1).values[:, 1:21]
    want = -1 / (far / far[:, -1:]).log().mean(1)
    got = defenses.intrinsic_dimensionality(features)
    assert torch.allclose(got.double(), want, rtol=1e-4) and got.dtype == torch.float32
    assert torch.allclose(defenses.intrinsic_dimensionality(features.double()), want, rtol=1e-9)
    assert torch.allclose(defenses.intrinsic_dimensionality(7 * features.double() - 3), want, rtol=1e-6), "neither scale nor place counts"


def test_dimension_of_twins_and_of_equal_distances_is_finite() -> None:
    assert defenses.intrinsic_dimensionality(torch.ones(30, 4)).isfinite().all()
    corners = torch.eye(30)
    assert (defenses.intrinsic_dimensionality(corners) > 1e6).all()


def test_dimension_has_a_gradient() -> None:
    features, among = rand(5, 6, seed=1).double().requires_grad_(), rand(40, 6, seed=2).double()
    assert torch.autograd.gradcheck(lambda f: defenses.intrinsic_dimensionality(f, among), (features,))


def test_logistic_regression_is_at_the_lowest_loss() -> None:
    a, b = rand(60, 3, seed=1) + torch.tensor([0.4, 0.0, -0.2]), rand(90, 3, seed=2)
    judge = defenses.logistic_regression(a, b, penalty=0.05)
    w, bias = judge.weight.double().requires_grad_(), judge.bias.double().requires_grad_()
    every = (torch.cat([a, b]).double() - judge.mean.double()) / judge.deviation.double()
    y = torch.cat([torch.ones(60), torch.zeros(90)]).double()
    each = F.binary_cross_entropy_with_logits(every @ w + bias, y, reduction="none")
    loss = 0.5 * each[:60].mean() + 0.5 * each[60:].mean() + 0.025 * w.square().sum()
    assert all(g.abs().max() < 1e-6 for g in torch.autograd.grad(loss, (w, bias)))
    assert torch.equal(defenses.logistic_regression(a, b, penalty=0.05).weight, judge.weight)


@pytest.fixture(scope="module")
def digits():
    net, pictures = models.load("stridenet-digits"), data.load("digits", "test", n=110, source="drawn")
    return net, pictures.x, pictures.y


def test_detector_finds_what_it_learned_and_has_a_gradient(digits) -> None:
    net, x, y = digits
    adv = attacks.pgd(net, x, y, eps=0.3, step=0.05, steps=10, generator=generator(0))
    before, flags = copy.deepcopy(net.state_dict()), [p.requires_grad for p in net.parameters()]
    detector = defenses.lid_detector(net, x[:50], x[50:80], adv[50:80], layers=["1", "3"])
    with torch.no_grad():
        clean, attacked = detector(x[50:80]), detector(adv[50:80])
    assert clean.shape == (30,) and measure.auroc(attacked, clean) > 0.6
    assert torch.allclose(detector(x[50:53]).detach(), clean[:3], atol=1e-5), "what is said of one does not depend on the others"
    z = x[80:84].clone().requires_grad_()
    (slope,) = torch.autograd.grad(detector(z).sum(), z)
    assert slope.isfinite().all() and slope.abs().max() > 0
    assert all(torch.equal(a, b) for a, b in zip(before.values(), net.state_dict().values())) and flags == [p.requires_grad for p in net.parameters()]
    assert detector.of.layers == ["1", "3"] and dimensionality.LayerDimensionalities(net, x[:30]).layers == ["0", "1", "2", "3"] + [n for n in ("4",) if not isinstance(dict(net.named_modules())["4"], nn.Flatten)]


# ---------------------------------------------------------------- consistency


def test_smooth_cover_goes_on_from_its_edge() -> None:
    ramp = torch.linspace(0, 1, 12).expand(1, 2, 12, 12).clone()
    for box in ([4, 5], [0, 4], [8, 3]):
        patch = defenses.smooth_patches(ramp, torch.tensor([box]), 4)[0, 0]
        inside = ramp[0, :, box[0] : box[0] + 4, box[1] : box[1] + 4]
        assert torch.allclose(patch, inside, atol=1e-6), "a straight ramp goes on as it is"
    stain = ramp.clone()
    stain[:, :, 4:8, 5:9] = 1
    assert torch.equal(defenses.smooth_patches(stain, torch.tensor([[4, 5]]), 4), defenses.smooth_patches(ramp, torch.tensor([[4, 5]]), 4)), "what lies below is not looked at"
    corner = ramp.clone()
    corner[:, :, :4, :4] = 1
    assert torch.equal(defenses.smooth_patches(corner, torch.tensor([[0, 0]]), 4), defenses.smooth_patches(ramp, torch.tensor([[0, 0]]), 4)), "nor in a corner"


def test_leads_are_those_of_covered_pictures() -> None:
    x = rand(3, 2, 16, 16, seed=4)
    net, (window, stride) = Brightest(), (8, 4)
    leads = defenses.covered_leads(net, x, window=window, stride=stride)
    assert leads.shape == (3, 3, 3)
    for i in range(3):
        for r in range(3):
            for c in range(3):
                z = x[[i]].clone()
                z[:, :, 4 * r : 4 * r + 8, 4 * c : 4 * c + 8] = defenses.smooth_patches(x[[i]], torch.tensor([[4 * r, 4 * c]]), 8)[0, 0]
                s, own = net(z)[0], int(net(x[[i]]).argmax())
                assert leads[i, r, c].item() == pytest.approx((s[own] - torch.cat([s[:own], s[own + 1 :]]).max()).item(), abs=1e-5)
    want = -leads.flatten(1).sort(1).values[:, 1]  # floor(0.15 * 9) = 1 is below
    assert torch.allclose(defenses.consistency_score(net, x, window=8, stride=4), want)


def test_score_works_on_any_size_and_number_of_channels_and_leaves_the_model() -> None:
    for shape in ((2, 1, 28, 28), (1, 5, 8, 12), (2, 3, 40, 32)):
        score = defenses.consistency_score(Brightest(), rand(*shape))
        assert score.shape == (shape[0],) and score.isfinite().all()
    net = models.load("signnet-signs-twin").train()
    x = data.load("signs", "test", n=4, source="drawn").x
    score = defenses.consistency_score(net, x)
    assert all(part.training for part in net.modules()) and all(p.requires_grad and p.grad is None for p in net.parameters())
    assert torch.allclose(defenses.consistency_score(net, x, local=False), score, atol=1e-3), "computed again in full: the same"
    assert torch.allclose(torch.cat([defenses.consistency_score(net, part) for part in x.split(1)]), score, atol=1e-3)
    assert defenses.consistency_score(net.double(), x.double()).dtype == torch.float64


def test_stickers_on_signs_are_found() -> None:
    net, pictures = models.load("signnet-signs"), data.load("signs", "test", n=24, source="drawn", seed=1)
    x, y = pictures.x, pictures.y
    stuck = attacks.stickers(net, x[:12], y[:12], population=20, generations=20, generator=generator(0)).images
    fooled = runtime.predict(net, stuck) != y[:12]
    assert measure.auroc(defenses.consistency_score(net, stuck[fooled]), defenses.consistency_score(net, x[12:])) >= 0.85


def test_quantile_counts_the_lower_ones() -> None:
    leads = torch.arange(20.0).flip(0).view(1, 4, 5)
    assert [consistency.quantile(leads, share).item() for share in (0, 0.15, 0.5, 1)] == [0, 3, 10, 19]


# ---------------------------------------------------------------- confidence


def test_doubt_and_energy_by_hand() -> None:
    z = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])
    assert defenses.unsure(z).tolist() == pytest.approx([0.5, 0.25])
    assert defenses.energy(z).tolist() == pytest.approx([-math.log(2), -math.log(4)])
    assert defenses.energy(z + 1000).tolist() == pytest.approx([-1000 - math.log(2), -1000 - math.log(4)])
    assert defenses.energy(z, 2.0).tolist() == pytest.approx([-2 * math.log(2), -2 * math.log(1 + math.sqrt(3))])
    assert torch.allclose(defenses.unsure(z + 50), defenses.unsure(z), atol=1e-6)


def test_calibration_finds_the_factor_that_was_put_on() -> None:
    true = 2 * torch.randn(4000, 5, generator=generator(0))
    y = torch.multinomial(true.softmax(1), 1, generator=generator(1))[:, 0]
    degree = defenses.calibrated_temperature(true, y)
    assert degree == pytest.approx(1, abs=0.1) and defenses.calibrated_temperature(6 * true, y) == pytest.approx(6 * degree, rel=1e-3)
    assert defenses.calibration_error(true, y) < 0.03 < 0.15 < defenses.calibration_error(6 * true, y)
    grid = [F.cross_entropy(true / t, y).item() for t in (degree * 0.95, degree, degree * 1.05)]
    assert grid[1] < min(grid[0], grid[2])


def test_calibration_error_by_hand() -> None:
    z = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]]).log()
    y = torch.tensor([0, 1, 1])
    assert defenses.calibration_error(z, y, bins=10) == pytest.approx((abs(1.8 - 1) + abs(0.6 - 1)) / 3)
