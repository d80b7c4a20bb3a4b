"""What happens to pictures on the way: the camera against geometry by hand, JPEG against Pillow, chance, gradients and refusals."""

from __future__ import annotations

import io
import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from course_utils import data, defenses, transforms
from course_utils.runtime import generator
from course_utils.transforms import Lens

stable = settings(deadline=None, max_examples=10, derandomize=True)
EVERY = {  # as an attack uses them
    "brightness": partial(transforms.brightness, shift=0.2),
    "contrast": partial(transforms.contrast, factor=1.4),
    "blur": partial(transforms.blur, deviation=0.8),
    "noise": partial(transforms.add_noise, deviation=0.05),
    "warp": partial(transforms.warp, lens=Lens(20, -5, 3, 0.9, 0.1, -0.1, 0.05)),
    "light": partial(transforms.light, gain=0.9, lift=0.05, slope=0.2, direction=30.0),
    "photograph": transforms.photograph,
    "roadside": partial(transforms.roadside, distance=(6.0, 30.0), angle=(-50.0, 50.0), size=16),
}
every_transform = pytest.mark.parametrize("name", EVERY)


def some(count: int = 3, size: int = 16, channels: int = 3, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(count, channels, size, size, generator=generator(seed)).to(dtype)


def smooth(count: int = 2, size: int = 64) -> Tensor:
    """Pictures without fine detail, of which any resampling gives nearly the same."""
    return F.interpolate(some(count, 4), size=(size, size), mode="bicubic").clamp(0, 1)


# ---------------------------------------------------------------- all of them


@every_transform
@stable
@given(count=st.integers(1, 4), double=st.booleans(), seed=st.integers(0, 1000))
def test_pictures_stay_pictures(name: str, count: int, double: bool, seed: int) -> None:
    x = some(count, seed=seed, dtype=torch.float64 if double else torch.float32)
    kept = x.clone()
    found = EVERY[name](x)
    assert found.shape == x.shape and found.dtype == x.dtype and found.min() >= 0 and found.max() <= 1
    assert torch.equal(x, kept) and torch.equal(found, EVERY[name](x)), "the same call gives the same pictures"


@every_transform
def test_gradients_come_through(name: str) -> None:
    x = (0.3 + 0.4 * some()).requires_grad_()
    EVERY[name](x).square().sum().backward()
    assert x.grad.isfinite().all() and (x.grad.abs() > 1e-4).float().mean() > 0.6


@pytest.mark.parametrize("name", ["noise", "photograph", "roadside"])
def test_chance_comes_from_the_generator_and_differs_from_picture_to_picture(name: str) -> None:
    x, state = some(1).expand(4, -1, -1, -1), torch.get_rng_state()
    first, other = (EVERY[name](x, generator=generator(seed)) for seed in (1, 2))
    assert torch.equal(first, EVERY[name](x, generator=generator(1))) and not torch.equal(first, other)
    assert not torch.equal(first[0], first[1]) and torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("name", ["brightness", "contrast", "blur", "noise"])
def test_a_number_a_picture_is_that_number_for_each(name: str) -> None:
    transform, key = EVERY[name].func, next(iter(EVERY[name].keywords))
    values, x = torch.tensor([0.1, 0.4, 0.9]), some()
    more = {"generator": generator(3)} if name == "noise" else {}
    found = transform(x, values, **more)
    for i, value in enumerate(values.tolist()):
        again = {"generator": generator(3)} if more else {}
        assert torch.allclose(found[i], transform(x, **{key: value}, **again)[i], atol=1e-6)


def test_what_makes_no_sense_is_refused() -> None:
    x = some()
    for call, words in (
        (lambda: transforms.brightness(x, torch.zeros(2)), "shift has shape [2]"),
        (lambda: transforms.blur(x, torch.zeros(3, 1)), "deviation has shape [3, 1]"),
        (lambda: transforms.add_noise(x, -0.1), "deviation is -0.1"),
        (lambda: transforms.photograph(x[:, :, :9]), "as tall as wide"),
        (lambda: transforms.photograph(x, strength=-1), "strength is -1"),
        (lambda: transforms.roadside(x[0]), "[3, 16, 16]"),
        (lambda: transforms.roadside(x, shape=x[:2, :1]), "shape has shape [2, 1, 16, 16] for 3 pictures"),
        (lambda: transforms.roadside(x, torch.zeros(2)), "distance has shape [2]"),
        (lambda: transforms.jpeg(x, 0), "quality is 0"),
        (lambda: transforms.jpeg(x, 101), "quality is 101"),
        (lambda: transforms.jpeg(x[:, :2]), "[N, 1 or 3, H, W]"),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert words in str(caught.value)


# ---------------------------------------------------------------- one by one


def test_brightness_and_contrast_by_hand() -> None:
    x = torch.tensor([0.2, 0.4, 0.6, 0.8]).view(1, 1, 2, 2)
    assert torch.allclose(transforms.brightness(x, 0.3).flatten(), torch.tensor([0.5, 0.7, 0.9, 1.0]))
    assert torch.allclose(transforms.contrast(x, 0.5).flatten(), torch.tensor([0.35, 0.45, 0.55, 0.65]))
    assert torch.allclose(transforms.contrast(x, 1.0), x)


def test_blur_is_a_gaussian() -> None:
    dot = torch.zeros(1, 1, 31, 31, dtype=torch.double)
    dot[0, 0, 15, 15] = 1
    place = torch.arange(31.0, dtype=torch.double) - 15
    bell = torch.exp(-(place**2) / (2 * 1.7**2))
    expected = bell[:, None] * bell / bell.sum() ** 2
    assert torch.allclose(transforms.blur(dot, 1.7)[0, 0], expected, atol=1e-6)
    x = some(dtype=torch.double)
    assert torch.equal(transforms.blur(x, 0), x) and torch.allclose(transforms.blur(torch.full_like(x, 0.3), 2), torch.full_like(x, 0.3))


def test_noise_is_as_large_as_asked() -> None:
    found = transforms.add_noise(torch.full((20, 3, 16, 16), 0.5), 0.05) - 0.5
    assert abs(found.std() - 0.05) < 0.002 and abs(found.mean()) < 0.002


@pytest.mark.parametrize("quality", [10, 50, 75, 95])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_what_pillow_reads_from_a_file(quality: int, channels: int) -> None:
    """All but a few blocks, in which a coefficient stood on the border between two steps, are the same to rounding."""
    x = data.load("photos", "test", n=2, source="drawn").x[..., :90, :101]  # no multiples of 8
    x = (x if channels == 3 else x.mean(1, keepdim=True)).mul(255).round() / 255
    read = []
    for picture in x:
        file = io.BytesIO()
        pixels = (255 * picture).round().byte().permute(1, 2, 0).numpy().squeeze()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=0)
        read.append(torch.from_numpy(np.array(Image.open(file))).reshape(*x.shape[2:], channels).permute(2, 0, 1))
    found, file = transforms.jpeg(x, quality), torch.stack(read) / 255
    assert (255 * found - (255 * found).round()).abs().max() < 1e-3, "whole grey levels"
    off = 255 * (found - file).abs()
    assert (off < 2.5).float().mean() > 0.95 and off.mean() < 0.25 * (255 * (x - file)).abs().mean() + 0.05
    assert defenses.jpeg is transforms.jpeg


def test_jpeg_keeps_a_flat_picture_and_has_no_slope() -> None:
    flat = torch.full((1, 3, 11, 13), 128 / 255)
    assert torch.equal(transforms.jpeg(flat, 30), flat)
    x = some().requires_grad_()
    transforms.jpeg(x).sum().backward()
    assert x.grad.eq(0).all()


# ---------------------------------------------------------------- the camera


def test_a_camera_straight_before_the_picture_sees_the_picture() -> None:
    x = some(size=21)
    assert torch.allclose(transforms.warp(x, Lens()), x, atol=1e-5)
    assert torch.allclose(transforms.warp(x, Lens(roll=90)), x.rot90(-1, (2, 3)), atol=1e-5), "clockwise, as rows go down"
    assert torch.allclose(transforms.warp(x, Lens(zoom=2.0))[..., 10, 10], x[..., 10, 10], atol=1e-5)
    shifted = transforms.warp(x, Lens(right=2 / 21))
    assert torch.allclose(shifted[..., 1:], x[..., :-1], atol=1e-5)


@pytest.mark.parametrize("lens", [Lens(40), Lens(0, 25), Lens(30, -20, 15, 0.8, 0.1, -0.2)])
def test_perspective_against_points_in_space(lens: Lens) -> None:
    """Each pixel's place on the picture, brought into space and projected, is that pixel."""
    size = 9
    where = transforms.geometry(lens, some(1, dtype=torch.double), size)[0].reshape(-1, 2).numpy()
    turn, tip, roll = (math.radians(a) for a in lens[:3])
    about_y = np.array([[math.cos(turn), 0, math.sin(turn)], [0, 1, 0], [-math.sin(turn), 0, math.cos(turn)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(tip), -math.sin(tip)], [0, math.sin(tip), math.cos(tip)]])
    about_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    spot = np.concatenate([where, np.zeros((len(where), 1))], 1) @ (about_y @ about_x @ about_z).T
    spot[:, :2] = lens.zoom * spot[:, :2] + [lens.right, lens.down]
    seen = spot[:, :2] / (1 + spot[:, 2:] / lens.far)
    x, y = np.meshgrid((2 * np.arange(size) + 1) / size - 1, (2 * np.arange(size) + 1) / size - 1)
    assert np.abs(seen - np.stack([x.ravel(), y.ravel()], 1)).max() < 1e-9


def test_a_barrel_pulls_the_corners_in() -> None:
    straight, barrel = (transforms.geometry(Lens(barrel=k), some(1, dtype=torch.double), 11)[0] for k in (0.0, 0.1))
    radius = straight.norm(dim=2)
    assert torch.allclose(barrel, straight * (1 + 0.1 * radius.square())[..., None])


def test_grey_levels_round_and_pass_the_gradient_on() -> None:
    x = some().requires_grad_()
    found = transforms.grey_levels(x)
    found.sum().backward()
    assert torch.allclose(found, (255 * x).round() / 255) and x.grad.eq(1).all()


def test_a_sensor_averages_in_its_cells() -> None:
    x = some(2, 12, dtype=torch.double)
    four = transforms.sensor(x, 4, 12, size=4)
    assert torch.allclose(four, transforms.grey_levels(F.avg_pool2d(x, 3)))
    assert torch.allclose(transforms.sensor(x, 12, 12), transforms.grey_levels(x))
    each = transforms.sensor(x, torch.tensor([4.0, 12.0]), 12, size=24)
    enlarged = [F.interpolate(part, size=24, mode="bilinear") for part in (four[:1], transforms.grey_levels(x[1:]))]
    assert torch.allclose(each, torch.cat(enlarged), atol=1e-9)


def test_a_photograph_of_strength_0_is_the_picture_and_more_strength_changes_more() -> None:
    x = transforms.grey_levels(smooth())
    far = [(transforms.photograph(x, strength=s) - x).abs().mean().item() for s in (0.0, 0.5, 1.0, 2.0)]
    assert far[0] < 1e-6 and far == sorted(far) and 0.01 < far[2] < 0.2


def test_light_is_lifted_scaled_and_slopes() -> None:
    x = torch.full((1, 1, 5, 5), 0.4)
    assert torch.allclose(transforms.light(x, 1.5), torch.full_like(x, 0.6)) and torch.allclose(transforms.light(0 * x, 1.5, 0.1), torch.full_like(x, 0.1))
    row = transforms.light(x, slope=0.5)[0, 0, 0]
    assert torch.allclose(row, 0.4 * torch.tensor([0.5, 0.75, 1, 1.25, 1.5])) and (transforms.light(x, slope=0.5, direction=90.0)[..., 0, :] == 0.2).all()


def test_a_sign_far_away_is_coarse_and_a_turned_one_narrow() -> None:
    x, clear = some(1, 64), partial(transforms.roadside, weather=0.0)
    detail = [(clear(x, d)[..., 1:] - clear(x, d)[..., :-1]).abs().mean().item() for d in (8.0, 16.0, 32.0)]
    assert detail[0] > 1.5 * detail[1] > 2 * detail[2]
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    seen = {a: (clear(red, 8.0, a, behind=torch.zeros(1, 3, 4, 4))[0, 0] > 0.5).float() for a in (0.0, 60.0)}
    across = {a: cover[24].mean().item() for a, cover in seen.items()}
    assert abs(across[0.0] - 0.95) < 0.03 and abs(across[60.0] - 0.5 * 0.95) < 0.05


def test_where_there_is_no_sign_the_street_is_seen_and_has_no_gradient() -> None:
    shape = torch.zeros(2, 1, 32, 32)
    shape[:, :, 8:24, 8:24] = 1
    street = some(2, 24, seed=5)
    x = some(2, 32).requires_grad_()
    found = transforms.roadside(x, 8.0, shape=shape, behind=street, weather=0.0, size=24)
    found.sum().backward()
    assert (found - street)[..., :3, :].abs().mean() < 0.12 and x.grad[shape.expand_as(x) == 0].eq(0).all() and x.grad.abs().sum() > 0
    two = transforms.roadside(x.repeat_interleave(2, 0), 8.0, shape=shape, behind=street, weather=0.0, size=24)
    assert torch.allclose(two[::2], found, atol=1 / 255 + 1e-6), "the draws of a picture lie side by side"


def test_a_range_is_drawn_for_each_picture() -> None:
    x = some(1, 32).expand(30, -1, -1, -1)
    near, spread = (transforms.roadside(x, d, weather=0.0) for d in (8.0, (8.0, 40.0)))
    assert near.std(0).mean() < 1e-6 < 0.01 < spread.std(0).mean()


def test_the_driver_sees_the_sign_grow_to_the_right_on_its_post() -> None:
    street, red = torch.zeros(1, 3, 120, 120), torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    seen = {d: transforms.driver_view(street, red, d, 0.0)[0] for d in (10.0, 20.0)}
    red_in = {d: ((p[0] > 0.7) & (p[1] < 0.2)).nonzero() for d, p in seen.items()}
    sides = {d: (where.amax(0) - where.amin(0) + 1).tolist() for d, where in red_in.items()}
    assert all(abs(side - 120 * 2 * 0.9 / d) <= 2 for d, both in sides.items() for side in both)
    assert abs(red_in[10.0].float().mean(0)[1] - 120 * (0.5 + 2 * 1.5 / 10)) < 1.5
    assert 0.3 < seen[10.0][1, 85, 92:100].amax() < 0.46 and seen[10.0][1, 85, :90].amax() < 0.01, "the post"
