"""Filters as pictures, and the numbers for what one sees in them."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from course_utils.models import AENet10, DenseNet10, LeNet, Normalized, SceneNet, StrideNet
from course_utils.runtime import generator
from course_utils.visualize import (
    above_nyquist, dead_filters, filter_pictures, first_layer_weights, mosaic, roughness, shift_wobble, weight_tiles,
    without_filters,
)  # fmt: skip


def random_filters(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=generator(seed))


# ---------------------------------------------------------------- filters as pictures


@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: Normalized(net, (0.4, 0.5, 0.6), (0.2, 0.2, 0.3)), nn.Sequential])
def test_the_first_layer_is_found_behind_a_normalizer_and_in_nested_models(wrap) -> None:
    net = SceneNet(5, width=8)
    weights = first_layer_weights(wrap(nn.Sequential(nn.Dropout(0.1), nn.BatchNorm2d(3), net)))
    assert torch.equal(weights, net[0].weight) and weights.shape == (8, 3, 7, 7) and not weights.requires_grad


def test_first_layer_weights_are_a_copy() -> None:
    net = LeNet()
    before = net[0].weight.detach().clone()
    first_layer_weights(net).zero_()
    assert torch.equal(net[0].weight, before)


@pytest.mark.parametrize("net", [DenseNet10(), DenseNet10((30,)), AENet10(30)])
def test_linear_layers_on_pixels_are_filters_as_large_as_the_picture(net: nn.Module) -> None:
    weights = first_layer_weights(net, shape=(1, 28, 28))
    x = torch.rand(2, 1, 28, 28)
    linear = next(m for m in net.modules() if isinstance(m, nn.Linear))
    assert torch.allclose((x[:, None] * weights).sum((2, 3, 4)) + linear.bias, linear(x.flatten(1)), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (nn.Sequential(nn.Flatten(), nn.ReLU()), None, "this Sequential has no layer with weights"),
        (nn.Sequential(nn.Conv1d(4, 8, 3)), None, "the first layer with weights is Conv1d; a Conv2d or a Linear is expected"),
        (nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 2)), None, "is Embedding"),
        (nn.Sequential(nn.Conv2d(8, 4, 3)), None, "filters have 8 channels; a picture has 1 or 3 colours"),
        (DenseNet10(), None, r"takes 784 numbers, but no shape is given; give the picture's shape \(C, H, W\)"),
        (DenseNet10(), (3, 28, 28), r"takes 784 numbers, but shape is \(3, 28, 28\)"),
        (DenseNet10(), (4, 14, 14), "filters have 4 channels"),
        ("lenet", None, "model is a str"),
    ],
)
def test_first_layers_without_pictures_are_refused(model: nn.Module, shape: tuple | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        first_layer_weights(model, shape)


def test_one_scale_for_all_filters_and_grey_for_zero() -> None:
    weights = random_filters(6, 3, 5, 4) * torch.tensor([1.0, 2, 3, 4, 0, 0.1])[:, None, None, None]
    pictures = filter_pictures(weights)
    assert pictures.shape == weights.shape and (pictures[4] == 0.5).all() and 0 <= pictures.min() and pictures.max() <= 1
    assert torch.allclose((pictures - 0.5) * 2 * weights.abs().max(), weights, atol=1e-6)
    assert torch.isclose((pictures - 0.5).abs().max(), torch.tensor(0.5))
    own = filter_pictures(weights, each=True)
    assert torch.allclose((own[:4] - 0.5).abs().amax((1, 2, 3)), torch.tensor(0.5)) and (own[4] == 0.5).all()


@pytest.mark.parametrize("bad", [torch.zeros(3, 5, 5), torch.zeros(0, 1, 5, 5), torch.zeros(2, 1, 5, 5, dtype=torch.long), [1.0]])
def test_what_is_no_bank_of_filters_is_refused(bad: object) -> None:
    for function in (filter_pictures, roughness, lambda w: above_nyquist(w, 2)):
        with pytest.raises(ValueError, match=r"filters \[K, C, h, w\] of floating point numbers are expected"):
            function(bad)
    with pytest.raises(ValueError, match="NaN or infinite"):
        roughness(torch.full((1, 1, 3, 3), math.inf))


def test_tiles_of_a_later_layer_stand_in_one_mosaic() -> None:
    net = LeNet()
    tiles = weight_tiles(net, "2")
    assert tiles.shape == (50, 20, 1, 5, 5) and torch.equal(tiles[:, :, 0], filter_pictures(net[2].weight.detach()))
    whole = mosaic(tiles[:3, :4], gap=2)
    assert whole.shape == (1, 3 * 7 - 2, 4 * 7 - 2)
    for k in range(3):
        for c in range(4):
            assert torch.equal(whole[:, 7 * k : 7 * k + 5, 7 * c : 7 * c + 5], tiles[k, c])
    assert (whole[:, 5:7] == 1).all() and (whole[:, :, 5:7] == 1).all()
    assert torch.equal(mosaic(tiles[:1, :1], gap=0), tiles[0, 0])


def test_tiles_of_what_is_no_convolution_are_refused() -> None:
    with pytest.raises(ValueError, match="layer '5' is Linear; a Conv2d is expected"):
        weight_tiles(LeNet(), "5")
    with pytest.raises(ValueError, match="unknown layer"):
        weight_tiles(LeNet(), "conv2")
    with pytest.raises(ValueError, match=r"tiles has shape \[2, 1, 3, 3\]; \[rows, columns, C, h, w\]"):
        mosaic(torch.zeros(2, 1, 3, 3))
    with pytest.raises(ValueError, match="gap is -1"):
        mosaic(torch.zeros(1, 2, 1, 3, 3), gap=-1)


# ---------------------------------------------------------------- measures


def test_roughness_is_total_variation_over_size() -> None:
    weights = torch.tensor([[[[1.0, -2], [0, 4]]], [[[3.0, 3], [3, 3]]], [[[0.0, 0], [0, 0]]]])
    assert roughness(weights).tolist() == [(1 + 6 + 3 + 4) / 7, 0, 0]
    noise = random_filters(200, 3, 7, 7)
    assert torch.allclose(roughness(-5 * noise), roughness(noise))
    smooth = nn.functional.avg_pool2d(noise, 3, 1, 1)
    assert (roughness(smooth) < roughness(noise)).float().mean() > 0.95
    assert torch.allclose(roughness(noise[:, [2, 0, 1]]), roughness(noise))
    assert torch.allclose(roughness(noise.transpose(2, 3)), roughness(noise))


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_the_share_above_nyquist_is_that_of_the_waves_in_a_filter(stride: int) -> None:
    place = torch.arange(32.0)
    coarse, fine = (torch.cos(2 * math.pi * f * place) for f in (2 / 32, 15 / 32))
    filters = torch.stack([coarse.expand(32, 32), fine.expand(32, 32).T, coarse + 2 * fine.expand(32, 32).T])[:, None]
    shares = above_nyquist(filters, stride)
    expected = [0.0, float(stride > 1), 0.8 * (stride > 1)]
    assert torch.allclose(shares, torch.tensor(expected), atol=1e-5)


def test_the_share_above_nyquist_of_one_weight_is_that_of_all_frequencies() -> None:
    spike = torch.zeros(1, 3, 7, 7)
    spike[0, 1, 2, 3] = 5.0
    for stride, size in ((2, 32), (4, 32), (4, 64)):
        f = torch.fft.fftfreq(size).abs()
        kept = (f <= 1 / (2 * stride)).float().mean() ** 2
        assert torch.allclose(above_nyquist(spike, stride, size), 1 - kept)
    assert above_nyquist(spike, 1).item() == 0 and above_nyquist(0 * spike, 2).item() == 0
    with pytest.raises(ValueError, match="size is 5; a whole number of at least 7"):
        above_nyquist(spike, 2, size=5)
    with pytest.raises(ValueError, match="stride is 0"):
        above_nyquist(spike, 0)


def test_waves_beyond_nyquist_look_like_coarser_ones_in_a_map_with_stride() -> None:
    """What the measure is about: f and 1/stride - f give the same map."""
    place, filters = torch.arange(64.0), random_filters(4, 1, 5, 5)
    waves = [torch.cos(2 * math.pi * f * place).expand(1, 1, 64, 64) for f in (3 / 16, 1 / 4 - 3 / 16)]
    low, high = (nn.functional.conv2d(w, filters, stride=4).flatten(2) for w in waves[::-1])
    spectra = [torch.fft.rfft(m.reshape(4, 15, 15).mean(1)[:, :12]).abs().argmax(1) for m in (low, high)]
    assert torch.equal(*spectra)


def test_dead_filters_are_those_that_never_give_anything_above_zero() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 2)).train()
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, -1, 0, 1])[:, None, None, None].expand(4, 1, 3, 3))
        net[0].bias.copy_(torch.tensor([-5.0, 0, 0, 0]))
    x = torch.zeros(9, 1, 6, 6)
    x[:8, :, 2, 2] = 0.5
    assert dead_filters(net, x).tolist() == [True, True, True, False]
    x[8] = 1  # only the last picture, in the last batch, wakes the first filter
    before = copy.deepcopy(net.state_dict())
    for layer in (None, "0", net[1]):
        assert dead_filters(net, x, layer, batch_size=4).tolist() == [False, True, True, False]
    assert net.training and net[0].weight.requires_grad and not net[0]._forward_hooks
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert dead_filters(net, x, "3").shape == (2,)
    with pytest.raises(ValueError, match="pixels from 0 to 2"):
        dead_filters(net, 2 * x)
    with pytest.raises(ValueError, match="batch_size is 0"):
        dead_filters(net, x, batch_size=0)


def test_a_map_of_every_pixel_does_not_wobble_and_a_coarse_one_does() -> None:
    x = torch.zeros(3, 1, 28, 28)
    x[:, :, 8:20, 8:20] = torch.rand(3, 1, 12, 12, generator=generator(1))
    torch.manual_seed(0)
    fine, coarse = StrideNet(7, 1), StrideNet(7, 4)
    coarse[0].load_state_dict(fine[0].state_dict())
    still, moving = (shift_wobble(net, x, "0") for net in (fine, coarse))
    assert still.shape == (16,) and (still < 1e-3).all() and (moving > 20 * still).all()
    means = torch.stack([coarse[0](x.roll((a, b), (2, 3))).mean((2, 3)) for a in range(4) for b in range(4)]).detach()
    assert torch.allclose(moving, means.std(0, correction=0).mean(0) / means.abs().mean((0, 1)), atol=1e-6)
    with pytest.raises(ValueError, match="shifts is 1; a whole number of at least 2"):
        shift_wobble(fine, x, "0", shifts=1)


@pytest.mark.parametrize("kernel, stride", [(11, 4), (7, 4), (7, 2), (5, 1)])
def test_the_first_layer_of_a_stride_net_leaves_the_rest_as_it_is(kernel: int, stride: int) -> None:
    net = StrideNet(kernel, stride, classes=5)
    assert net(torch.rand(2, 1, 28, 28)).shape == (2, 5) and first_layer_weights(net).shape == (16, 1, kernel, kernel)
    assert [tuple(p.shape) for p in list(net.parameters())[2:]] == [(32, 16, 3, 3), (32,), (5, 32 * 49), (5,)]


@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: Normalized(net, 0.1, 0.3)])
def test_filters_that_are_taken_away_give_zero(wrap) -> None:
    model = wrap(LeNet().eval())
    before = copy.deepcopy(model.state_dict())
    less = without_filters(model, torch.tensor([3, 17]))
    found = first_layer_weights(less)
    assert (found[[3, 17]] == 0).all() and torch.equal(found[:3], first_layer_weights(model)[:3])
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    x = torch.rand(2, 1, 28, 28)
    assert torch.equal(without_filters(model, [])(x), model(x)) and not torch.allclose(less(x), model(x))
    assert (without_filters(LeNet(), [49], layer="2")[2].bias[49] == 0).all()
    with pytest.raises(ValueError, match=r"filters is \[20\]; numbers from 0 to 19"):
        without_filters(model, [20])
