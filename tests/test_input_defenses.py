"""The defenses in front of a network: codes, fewer grey levels, total variation, quilting, resizing; by hand, against scikit-image, and refusals."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from course_utils import data, defenses, models
from course_utils.defenses import resizing, total_variation
from course_utils.runtime import generator

stable = settings(deadline=None, max_examples=20, derandomize=True)
PATCHES = torch.rand(40, 3, 5, 5, generator=generator(9))
EVERY = {
    "bit_depth": defenses.bit_depth, "jpeg": defenses.jpeg, "tv_minimize": partial(defenses.tv_minimize, steps=10),
    "quilt": partial(defenses.quilt, patches=PATCHES), "random_resize_pad": defenses.random_resize_pad,
    "thermometer": defenses.thermometer, "thermometer_ramp": defenses.thermometer_ramp,
}  # fmt: skip
every_defense = pytest.mark.parametrize("name", EVERY)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU (CUDA), and there is none here")


def some(count: int = 3, size: int = 16, channels: int = 3, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(count, channels, size, size, generator=generator(seed)).to(dtype)


# ---------------------------------------------------------------- all of them


@every_defense
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_count_and_range_are_kept_and_the_pictures_too(name: str, dtype: torch.dtype) -> None:
    x = some(dtype=dtype)
    before = x.clone()
    made = EVERY[name](x)
    assert made.dtype == dtype and len(made) == 3 and torch.equal(x, before)
    assert 0 <= made.min() and made.max() <= 1 and made.isfinite().all()


@pytest.mark.parametrize("name", ["tv_minimize", "quilt", "random_resize_pad"])
def test_chance_comes_from_the_generator_alone(name: str) -> None:
    x, method = some(), EVERY[name]
    first, again, other = (method(x, generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(method(x), method(x)), "without a generator the course's seed is used"
    twice = method(x[:1].repeat(2, 1, 1, 1), generator=generator(3))
    assert not torch.equal(twice[0], twice[1]), "each picture has draws of its own"


@needs_cuda
@every_defense
def test_on_the_gpu_with_a_generator_of_either_device(name: str) -> None:
    x = some().cuda()
    assert EVERY[name](x).device == x.device
    if name in ("tv_minimize", "quilt", "random_resize_pad"):
        assert EVERY[name](x, generator=generator(1)).device == x.device
        assert EVERY[name](x, generator=torch.Generator("cuda")).device == x.device


# ---------------------------------------------------------------- codes and grey levels


def test_the_lecture_s_example_and_its_slip() -> None:
    x = torch.full((1, 1, 1, 1), 0.66)
    assert defenses.thermometer(x, 10).flatten().tolist() == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    lecture = torch.stack([(x - k / 10).clamp(0, 1) for k in range(1, 11)]).floor()
    assert not lecture.any(), "the floor of the lecture's ramp is 0 for every pixel below 1 + k / l"


@stable
@given(levels=st.integers(2, 40), seed=st.integers(0, 1000))
def test_a_code_is_a_row_of_ones_then_zeros_one_channel_behind_the_other(levels: int, seed: int) -> None:
    x = some(2, 4, seed=seed)
    code = defenses.thermometer(x, levels).unflatten(1, (3, levels))
    by_hand = [[float(value > k / levels) for k in range(1, levels + 1)] for value in x[1, 2].flatten().double().tolist()]
    assert (code.diff(dim=2) <= 0).all() and torch.equal(code[1, 2].flatten(1).T, torch.tensor(by_hand))
    assert not code[:, :, -1].any(), "no pixel is above 1"


def test_a_pixel_on_a_threshold_is_not_above_it() -> None:
    x = torch.tensor([0.0, 0.25, 0.5, 1.0]).reshape(1, 1, 1, 4)
    assert defenses.thermometer(x, 4)[0, :, 0].T.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]]


@stable
@given(levels=st.integers(2, 30), seed=st.integers(0, 1000))
def test_the_ramp_rounds_to_the_code_and_its_slope_is_l_near_a_threshold(levels: int, seed: int) -> None:
    x = some(2, 4, seed=seed, dtype=torch.float64).requires_grad_()
    ramp = defenses.thermometer_ramp(x, levels)
    assert torch.equal(ramp.round(), defenses.thermometer(x, levels))
    (slope,) = torch.autograd.grad(ramp.sum(), x)
    near = (levels * x > 0.5) & (levels * x < levels + 0.5)  # the first ramp begins half a level below the first threshold
    assert torch.allclose(slope[near], torch.tensor(float(levels), dtype=slope.dtype)) and not slope[levels * x < 0.5].any()


def test_the_ramp_s_shift() -> None:
    x = torch.tensor([0.1, 0.2, 0.28]).reshape(1, 1, 1, 3)
    assert torch.allclose(defenses.thermometer_ramp(x, 4, shift=0.0)[0, 0, 0], torch.tensor([0, 0, 0.12]), atol=1e-6)
    assert torch.allclose(defenses.thermometer_ramp(x, 4, shift=1.0)[0, 0, 0], torch.tensor([0.4, 0.8, 1.0]), atol=1e-6)


def test_codes_are_layers_and_one_is_put_in_the_other_s_place() -> None:
    net = models.Encoded(models.Thermometer(4), models.NiN(7, width=6, channels=12))
    x = some(2, 32)
    scores = net(x)
    net[0] = net[0].ramp()
    assert net.classes == 7 and scores.shape == net(x).shape == (2, 7) and net(x.requires_grad_()).requires_grad


def test_bit_depth_by_hand() -> None:
    x = torch.tensor([0.0, 0.07, 0.08, 0.5, 0.93, 1.0]).reshape(1, 1, 1, 6)
    assert torch.allclose(7 * defenses.bit_depth(x), torch.tensor([0, 0, 1, 4.0, 7, 7]), atol=1e-6) or 7 * defenses.bit_depth(x)[..., 3] in (3, 4)
    assert defenses.bit_depth(some(), bits=1).unique().tolist() == [0, 1] and len(defenses.bit_depth(some(9)).unique()) == 8
    assert torch.allclose(defenses.bit_depth(x, bits=16), x, atol=1e-5)


# ---------------------------------------------------------------- total variation


@pytest.mark.parametrize("weight", [0.03, 0.1])
def test_total_variation_agrees_with_scikit_image_where_nothing_is_dropped(weight: float) -> None:
    restoration = pytest.importorskip("skimage.restoration")
    x = data.load("objects", "test", 3, source="drawn").x
    theirs = [restoration.denoise_tv_chambolle(p.permute(1, 2, 0).double().numpy(), weight=weight, eps=1e-12, max_num_iter=3000, channel_axis=2) for p in x]
    exact = torch.stack([torch.as_tensor(p).permute(2, 0, 1) for p in theirs]).float()
    usual, long = defenses.tv_minimize(x, 0, weight=weight), defenses.tv_minimize(x, 0, weight=weight, steps=1500)
    assert (x - exact).abs().max() > 0.05, "there is something to do"
    assert (usual - exact).abs().max() < 0.004 * weight / 0.03 and (long - exact).abs().max() < 0.0005 * weight / 0.03


def energy(z: Tensor, x: Tensor, kept: Tensor, weight: float) -> Tensor:
    length = sum(total_variation.slope(z, axis).square() for axis in (2, 3)).sqrt()
    return 0.5 * (kept * (z - x).square()).sum() + weight * length.sum()


def test_dropped_values_do_not_count_and_the_result_is_the_minimum() -> None:
    x = some(1, 8, dtype=torch.float64)
    kept = (some(1, 8, seed=5) > 0.5).to(x)
    least = total_variation.restored(x, kept, 0.03, 3000)
    other = total_variation.restored(torch.where(kept > 0, x, 1 - x), kept, 0.03, 3000)
    assert torch.allclose(least, other, atol=1e-3), "what was dropped has no say"
    best = energy(least, x, kept, 0.03)
    assert all(best <= energy((least + 0.02 * torch.randn(x.shape, generator=generator(k))).clamp(0, 1), x, kept, 0.03) for k in range(50))
    assert best < energy(x, x, kept, 0.03)


def test_a_flat_picture_comes_back_from_half_of_its_pixels() -> None:
    flat = torch.full((2, 1, 12, 12), 0.3)
    assert torch.allclose(defenses.tv_minimize(flat), flat, atol=1e-5)
    assert torch.allclose(defenses.tv_minimize(some(), 0, weight=0.0), some(), atol=1e-6)


def test_the_share_that_is_dropped() -> None:
    x = some(20, 32)
    for drop in (0.0, 0.3, 0.9):
        as_was = (defenses.tv_minimize(x, drop, weight=1e-6, steps=5) - x).abs() < 1e-4
        assert abs(as_was.float().mean() - (1 - drop)) < 0.02


def test_slope_and_pull_are_transposes() -> None:
    z = some(seed=1, dtype=torch.float64)
    for axis in (2, 3):
        force = total_variation.slope(some(seed=2, dtype=torch.float64), axis)  # 0 at the far edge
        assert torch.allclose((total_variation.slope(z, axis) * force).sum(), (z * total_variation.pull(force, axis)).sum())


# ---------------------------------------------------------------- resizing


def test_resizing_is_torch_s_and_the_rest_is_zeros() -> None:
    x, size, start = some(1, 11, dtype=torch.float64), torch.tensor([14]), torch.tensor([2])
    across = resizing.placing(size, start, 11, 17)
    made = across @ x @ across.mT
    expected = F.pad(F.interpolate(x, size=(14, 14), mode="bilinear", align_corners=False), (2, 1, 2, 1))
    assert torch.allclose(made, expected, atol=1e-6)


def test_sizes_and_places_are_drawn_evenly_and_both_ends_are_in() -> None:
    white = torch.ones(4000, 1, 32, 32)
    made = defenses.random_resize_pad(white, generator=generator(3))
    assert made.shape == (4000, 1, 35, 35)
    rows = made.sum(3).gt(0)[:, 0]
    size, top = rows.sum(1), rows.long().argmax(1)
    assert torch.allclose(size.bincount(minlength=36)[32:] / 4000, torch.full((4,), 0.25), atol=0.03)
    assert torch.allclose(top[size == 32].bincount(minlength=4) / (size == 32).sum(), torch.full((4,), 0.25), atol=0.06)
    assert not torch.equal(top, made.sum(2).gt(0)[:, 0].long().argmax(1)), "up and across are drawn apart"


@pytest.mark.parametrize(("side", "high"), [(299, 331), (32, 35), (48, 53), (28, 31)])
def test_the_sizes_go_with_the_pictures(side: int, high: int) -> None:
    assert defenses.random_resize_pad(torch.zeros(1, 1, side, side)).shape[-1] == high


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(("call", "words"), [
    (lambda: defenses.thermometer(some(), 1), "levels is 1"), (lambda: defenses.thermometer(some()[0]), "x\\[None\\]"),
    (lambda: defenses.thermometer_ramp(some(), 0), "levels is 0"), (lambda: models.Thermometer(1), "levels is 1"),
    (lambda: defenses.jpeg(some(), 0), "quality is 0"), (lambda: defenses.bit_depth(some(), 0), "bits is 0"), (lambda: defenses.bit_depth(some(), 40), "bits is 40"),
    (lambda: defenses.tv_minimize(some(), 1.0), "drop is 1.0"), (lambda: defenses.tv_minimize(some(), -0.1), "drop is -0.1"), (lambda: defenses.tv_minimize(some(), "0.5"), "drop is '0.5'"),
    (lambda: defenses.bit_depth(some().numpy()), "x is a ndarray"), (lambda: defenses.bit_depth(some().byte()), "x is torch.uint8"),
    (lambda: defenses.tv_minimize(some(), weight=-1), "weight is -1"), (lambda: defenses.tv_minimize(some(0)), "empty batch"),
    (lambda: defenses.quilt(some(), PATCHES, neighbours=41), "only 40 patches"), (lambda: defenses.quilt(some(), PATCHES, overlap=5), "overlap is 5"),
    (lambda: defenses.quilt(some(), PATCHES[:0]), "patches is an empty batch"), (lambda: defenses.quilt(some(channels=1), PATCHES), "patches has shape"),
    (lambda: defenses.quilt(some(size=4), PATCHES), "patches has shape"), (lambda: defenses.clean_patches(some(size=4)), "size is 5"),
    (lambda: defenses.random_resize_pad(some(), 20, 18), "low is 20"), (lambda: defenses.random_resize_pad(some()[0]), "as tall as wide"),
    (lambda: defenses.tv_minimize(3 * some()), "pixels in \\[0, 1\\]"),
])  # fmt: skip
def test_what_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
