"""Back from a representation to a picture: by optimization (Mahendran and Vedaldi 2014), and by a network trained for it
(Dosovitskiy and Brox 2015)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import training
from ..layers import representation
from ..runtime import check_count, check_pictures, model_device
from ..runtime import generator as seeded
from .images import noisy_mean
from .optimize import Metric, Prior, maximize, total_variation


def distance(answer: Tensor, target: Tensor) -> Tensor:
    """|answer - target|^2 / |target|^2 for each picture, [N]: 0 is the same representation, 1 as far as an empty one."""
    apart = (answer - target).flatten(1).square().sum(1)
    return apart / target.flatten(1).square().sum(1).clamp(min=1e-12)


def invert(
    model: nn.Module, target: Tensor, layer: str | nn.Module, shape: tuple[int, int, int], *, prior: Prior | None = None,
    centre: float | Tensor = 0.5, noise: float = 10 / 255, steps: int = 400, rate: float = 0.02, metric: Metric | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Pictures [N, C, H, W] whose representation at `layer` is nearest to `target` [N, ...]: argmin distance + prior.

    It starts from the mean picture with normal noise. `prior` None is a total variation of weight 2e-4, which decides among the
    many pictures that a deep layer takes for the same; with `lambda x: 0 * x.sum((1, 2, 3))` nothing decides. For photos a `metric`
    (`natural_metric`) finds a nearer picture in fewer steps.
    """
    chance = generator or seeded()
    start = noisy_mean(model, shape, len(target), centre, noise, chance)
    wanted = target.detach().to(start)
    price = total_variation(2e-4) if prior is None else prior
    return maximize(
        model, start, lambda answer: -distance(answer, wanted), layer=layer, prior=price, steps=steps, rate=rate, momentum=0.9,
        metric=metric, generator=chance,
    )  # fmt: skip


def decoder(features: Sequence[int], shape: tuple[int, int, int], width: int = 32) -> nn.Sequential:
    """An up-convolutional network from a representation (its shape without N) to pictures: Dosovitskiy and Brox's plan, small.

    A vector is first spread over a small map of an eighth of the side. Then the map is doubled until it reaches the picture's size, each time
    with half the channels, with a 3x3 convolution and a leaky ReLU at every size.
    """
    colours, high, wide = shape
    layers: list[nn.Module] = []
    if len(features) == 1:
        channels, rows, columns = 4 * width, -(-high // 8), -(-wide // 8)
        layers += [nn.Linear(features[0], channels * rows * columns), nn.LeakyReLU(0.3), nn.Unflatten(1, (channels, rows, columns))]
    else:
        channels, rows, columns = features
    doublings = max(0, math.ceil(math.log2(max(high / rows, wide / columns))))
    for k in range(doublings + 1):
        narrow = max(8, width * 2 ** (doublings - k) // 4)
        layers += [nn.Conv2d(channels, narrow, 3, padding=1), nn.LeakyReLU(0.3)]
        layers += [nn.Upsample(scale_factor=2)] if k < doublings else []
        channels = narrow
    return nn.Sequential(*layers, nn.Conv2d(channels, colours, 3, padding=1), nn.Upsample(size=(high, wide), mode="bilinear"))


def train_decoder(
    model: nn.Module, layer: str | nn.Module, x: Tensor, *, epochs: int = 10, batch_size: int = 64, lr: float = 0.002, width: int = 32,
    seed: int = 0,
) -> nn.Module:  # fmt: skip
    """A network that gives pictures back from what `layer` answers to them: trained on pictures x for the mean squared error of pixels."""
    check_pictures(x, model)
    check_count(epochs, "epochs")
    answers = representation(model, x, layer)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        made = decoder(answers.shape[1:], tuple(x.shape[1:]), width).to(model_device(model) or "cpu")
    pixels = x.flatten(1)  # the "labels" of this training

    def loss(net: nn.Module, codes: Tensor, pictures: Tensor) -> Tensor:
        return F.mse_loss(net(codes).flatten(1), pictures)

    scale = answers.square().mean().sqrt().clamp(min=1e-6)
    whole = nn.Sequential(Scale(1 / scale), *made)
    training.train(whole, answers, pixels, epochs=epochs, batch_size=batch_size, lr=lr, loss=loss, optimizer="adam", weight_decay=0, seed=seed, label="decoder")
    return whole.append(nn.Hardtanh(0, 1)).eval()  # pixels; while it learns nothing holds it back


class Scale(nn.Module):
    """Times a number: representations of very different size become inputs of about 1."""

    def __init__(self, factor: float | Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", torch.as_tensor(factor))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor
