"""Back from a representation to a picture: by optimization (Mahendran and Vedaldi 2014), and by a network trained for it
(Dosovitskiy and Brox 2015)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import training
from ..layers import representation
from ..models import Decoder
from ..runtime import check_count, check_pictures, frozen, model_device, seeded_weights
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


def train_decoder(
    model: nn.Module, layer: str | nn.Module, x: Tensor, *, epochs: int = 10, batch_size: int = 64, lr: float = 0.002, width: int = 32,
    seed: int = 0,
) -> nn.Module:  # fmt: skip
    """A network that gives pictures back from what `layer` answers to them: trained on pictures x for the mean squared error of pixels."""
    check_pictures(x, model)
    check_count(epochs, "epochs")
    answers = representation(model, x, layer)
    with seeded_weights(seed):
        made = Decoder(answers.shape[1:], tuple(x.shape[1:]), width).to(model_device(model) or "cpu")
    made[0].factor.fill_(1 / answers.square().mean().sqrt().clamp(min=1e-6))
    pixels = x.flatten(1)  # the "labels" of this training

    def loss(net: nn.Module, codes: Tensor, pictures: Tensor) -> Tensor:
        return F.mse_loss(net(codes).flatten(1), pictures)

    training.train(made, answers, pixels, epochs=epochs, batch_size=batch_size, lr=lr, loss=loss, optimizer="adam", weight_decay=0, seed=seed, label="decoder")
    return made


def decode(net: nn.Module, answers: Tensor, batch_size: int = 256) -> Tensor:
    """The pictures [N, C, H, W] that a decoder gives back from a layer's answers [N, ...], in batches, without gradients."""
    with frozen(net), torch.no_grad():
        return torch.cat([net(part) for part in answers.split(batch_size)])
