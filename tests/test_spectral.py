"""The bounds of layers: against dense matrices, against power iteration, and that the product holds for every change."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import layers, models, runtime
from course_utils.layers import conv_norm, spectral_bounds
from course_utils.runtime import generator

stable = settings(deadline=None, max_examples=20, derandomize=True)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def dense(layer: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """The matrix of a linear layer, from what it makes of each unit vector."""
    return layer(torch.eye(math.prod(shape), dtype=torch.float64).view(-1, *shape)).flatten(1)


def power(kernel: Tensor, size: int, stride: int, padding: int, steps: int = 300) -> float:
    """The largest singular value of a zero-padded convolution by power iteration, there with conv2d, back with conv_transpose2d."""
    x = random(1, kernel.shape[1], size, size, seed=5)
    left = (size + 2 * padding - kernel.shape[2]) % stride
    for _ in range(steps):
        y = F.conv2d(x / x.norm(), kernel, stride=stride, padding=padding)
        x = F.conv_transpose2d(y, kernel, stride=stride, padding=padding, output_padding=left)
    return y.norm().item()


@stable
@given(st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, 3, 5]), st.sampled_from([1, 2, 3]), st.integers(4, 7), st.integers(0, 99))
def test_on_the_torus_it_is_the_norm_of_the_dense_matrix(out: int, into: int, k: int, stride: int, size: int, seed: int) -> None:
    kernel, size = random(out, into, k, k, seed=seed), math.ceil(max(size, k) / stride) * stride

    def around(x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (0, k - 1, 0, k - 1), mode="circular"), kernel, stride=stride)

    exact = torch.linalg.matrix_norm(dense(around, (into, size, size)), 2).item()
    assert math.isclose(conv_norm(kernel, (size, size), stride=(stride, stride)), exact, rel_tol=1e-9)


@pytest.mark.parametrize(("size", "k", "stride", "padding"), [(12, 5, 1, 0), (12, 3, 1, 1), (12, 3, 2, 1), (11, 3, 2, 1), (13, 5, 3, 2), (16, 4, 4, 0)])
def test_power_iteration_comes_near_the_bound_and_never_above(size: int, k: int, stride: int, padding: int) -> None:
    layer = nn.Conv2d(3, 4, k, stride, padding).double()
    layer.weight.data = random(4, 3, k, k, seed=size)
    (bound,) = spectral_bounds(layer, (3, size, size))
    found = power(layer.weight.data, size, stride, padding)
    assert 0.8 * bound.norm < found <= bound.norm * (1 + 1e-9)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(36, 7), nn.Conv2d(4, 6, 3, padding="same", dilation=2), nn.Conv2d(4, 6, (2, 3), stride=(1, 2), groups=2), nn.AvgPool2d(3, 2, padding=1),
        nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3, padding="valid"),
    ],
    ids=str,
)  # fmt: skip
def test_a_linear_layers_bound_is_not_below_its_norm_and_near_it(layer: nn.Module) -> None:
    layer = layer.double().eval()
    if isinstance(layer, nn.BatchNorm2d):
        layer.running_var = torch.tensor([0.5, 2.0, 1.0, 3.0], dtype=torch.float64)
    shape = (36,) if isinstance(layer, nn.Linear) else (4, 7, 6)
    (bound,) = spectral_bounds(layer, shape)
    zero = layer(torch.zeros(1, *shape, dtype=torch.float64))
    exact = torch.linalg.matrix_norm(dense(lambda x: layer(x) - zero, shape).detach(), 2).item()
    assert exact <= bound.norm * (1 + 1e-9) and bound.norm < 1.3 * exact


@pytest.mark.parametrize(("pool", "norm"), [(nn.MaxPool2d(2), 1), (nn.MaxPool2d(3, 2), 2), (nn.MaxPool2d(3, 1), 3), (nn.MaxPool2d(2, 3), 1)])
def test_a_pixel_in_many_windows_counts_in_each(pool: nn.Module, norm: float) -> None:
    assert spectral_bounds(pool, (1, 9, 9))[0].norm == pytest.approx(norm)
    peak = torch.zeros(1, 1, 9, 9)
    peak[0, 0, 4, 4] = 1
    assert pool(peak).norm() == norm


def test_the_wave_that_is_stretched_most_is_stretched_so() -> None:
    """The first layer of LeNet: the wave of the strongest frequency, in the middle of the picture, comes out longer by almost the bound."""
    kernel = models.load("lenet-digits")[0].weight.detach().double()
    transforms = torch.fft.fft2(kernel, s=(28, 28)).squeeze(1).norm(dim=0)  # one channel: A is a column
    u, v = divmod(int(transforms.argmax()), 28)
    place = torch.arange(28, dtype=torch.float64)
    wave = torch.cos(2 * math.pi * (u * place[:, None] + v * place) / 28)
    stretch = F.conv2d(wave[None, None], kernel).norm() / wave[2:26, 2:26].norm()
    assert math.isclose(transforms.max(), conv_norm(kernel, (28, 28)), rel_tol=1e-6) and abs(stretch / transforms.max() - 1) < 0.1


@pytest.mark.parametrize("name", ["fc10-digits", "fc100-digits", "ae400-digits", "lenet-digits"])
def test_no_change_is_stretched_by_more_than_the_product(name: str) -> None:
    net = models.load(name)
    bounds = spectral_bounds(net, (1, 28, 28))
    x = torch.rand(20, 1, 28, 28, generator=generator(0))
    change = 0.3 * torch.randn(x.shape, generator=generator(1))
    moved = (runtime.logits(net, x + change) - runtime.logits(net, x)).norm(dim=1)
    assert (moved <= math.prod(b.norm for b in bounds) * change.flatten(1).norm(dim=1)).all()
    assert bounds[-1].kind == "Linear" and net.state_dict().keys() == models.load(name).state_dict().keys()


def test_the_normalizer_counts_and_the_model_comes_back_as_it_was() -> None:
    net = models.Normalized(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sigmoid(), nn.Flatten(), nn.Linear(4 * 16, 2)), 0.5, (0.5, 0.25, 0.4)).train()
    rows = spectral_bounds(net, (3, 6, 6))
    assert [row.norm for row in rows[:1]] == [4] and [row.kind for row in rows[1:]] == ["Conv2d", "Sigmoid", "Flatten", "Linear"]
    assert [row.norm for row in rows[2:4]] == [0.25, 1] and [row.name for row in rows[1:]] == ["0", "1", "2", "3"]
    assert net.training and not any(layer._forward_hooks for layer in net.modules())


def test_what_is_no_chain_of_known_layers_is_refused() -> None:
    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.inner(x)

    for net, shape, words in [
        (Branch(), (4,), "one chain of layers"),
        (nn.Sequential(Branch(), nn.Linear(4, 2)), (4,), "layer '1', Linear, has no bound here: the model must be one chain"),
        (nn.Sequential(nn.Linear(4, 4), nn.Softmax(1)), (4,), "layer '1', Softmax, has no bound here"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), (1, 6, 6), "padding_mode is 'reflect'"),
        (nn.AdaptiveAvgPool2d(2), (1, 6, 6), "only the average of the whole map"),
        (nn.AvgPool2d(2, ceil_mode=True), (1, 5, 5), "without ceil_mode"),
        (nn.BatchNorm2d(1, track_running_stats=False), (1, 5, 5), "without running statistics"),
    ]:
        with pytest.raises(ValueError, match=words):
            spectral_bounds(net, shape)
        assert not any(layer._forward_hooks for layer in net.modules())
    assert layers.Bound("a", "b", 1.0).norm == 1
