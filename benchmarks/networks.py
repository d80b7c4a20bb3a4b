"""Networks to try the course's methods on: torchvision's, and random ones with every kind of step."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

TORCHVISION = (
    "alexnet", "squeezenet1_0", "resnet18", "mobilenet_v3_small", "googlenet", "densenet121", "efficientnet_b0",
    "vit_b_16", "shufflenet_v2_x1_0", "inception_v3",
)  # fmt: skip
MORE = (
    "vgg11", "resnet50", "mobilenet_v2", "mobilenet_v3_large", "mnasnet1_0", "regnet_y_400mf", "convnext_tiny", "swin_t",
    "maxvit_t",
)  # fmt: skip


def torchvision_network(name: str, seed: int = 0, **options: object) -> nn.Module:
    """A classifier of torchvision with random weights."""
    torch.manual_seed(seed)
    if name in ("googlenet", "inception_v3"):
        options = {"init_weights": False, **options}
    return getattr(torchvision.models, name)(**options).eval()


def scale_weights(model: nn.Module, x: Tensor) -> nn.Module:
    """Scale each convolution and linear layer so that its output on `x` has deviation 1: signals survive to the end."""

    def rescale(layer: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        deviation = output.std().clamp(min=1e-6)
        layer.weight.data /= deviation
        if layer.bias is not None:
            layer.bias.data /= deviation
        return output / deviation

    layers = [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    for layer in layers:
        if not layer.weight.any():  # begun at zero, such as the last layer of a vision transformer
            nn.init.normal_(layer.weight)
    handles = [layer.register_forward_hook(rescale) for layer in layers]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return model


# ---------------------------------------------------------------- random networks


class Residual(nn.Module):
    """A step on top of its input; both must have the same form."""

    def __init__(self, step: nn.Module, in_place: bool) -> None:
        super().__init__()
        self.step, self.in_place = step, in_place

    def forward(self, x: Tensor) -> Tensor:
        out = self.step(x)
        if self.in_place:
            out += x
            return out
        return torch.add(out, x)


class Branches(nn.Module):
    """Two steps side by side, their channels put together."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.first(x), self.second(x)], 1)


class Call(nn.Module):
    """A function of maps as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Head(nn.Module):
    """Scores from maps, in one of the usual ways."""

    def __init__(self, kind: int) -> None:
        super().__init__()
        self.kind, self.linear = kind, nn.LazyLinear(5)

    def forward(self, x: Tensor) -> Tensor:
        pooled = [lambda: F.adaptive_avg_pool2d(x, 1).flatten(1), lambda: x.mean((2, 3)), lambda: torch.flatten(x, 1)]
        return self.linear(pooled[self.kind]())


def random_network(seed: int, size: tuple[int, int]) -> nn.Module:
    """A network of random steps on pictures [N, 3, *size]; the same for the same seed."""
    chance = random.Random(seed)
    torch.manual_seed(seed)
    steps, x = [], torch.rand(2, 3, *size)
    for _ in range(chance.randint(2, 7)):
        if min(x.shape[2:]) < 10:  # the next step might need more
            break
        steps.append(_random_step(chance, x.shape[1]).eval())
        with torch.no_grad():
            x = steps[-1](x)
    model = nn.Sequential(*steps, Head(chance.randrange(3))).eval()
    x = torch.rand(2, 3, *size)
    model(x)  # the lazy layer learns its size
    return scale_weights(model, x)


def _random_step(chance: random.Random, channels: int) -> nn.Module:
    same = lambda kernel, dilation=1: tuple(d * (k - 1) // 2 for k, d in zip(kernel, (dilation,) * 2))  # noqa: E731
    act = chance.choice([
        nn.ReLU(), nn.ReLU(inplace=True), nn.Hardswish(inplace=True), nn.GELU(), nn.LeakyReLU(0.2), nn.Sigmoid(),
        nn.PReLU(), Call(F.relu), Call(torch.tanh), Call(lambda x: x.relu_()), Call(lambda x: x * torch.sigmoid(x)),
        nn.Identity(), nn.Dropout(), nn.LocalResponseNorm(2),
    ])  # fmt: skip
    kind = chance.randrange(8)
    if kind == 0:  # any convolution
        out = chance.choice([4, 6, 8])
        groups = 2 if channels % 2 == 0 and chance.random() < 0.4 else 1
        convolution = nn.Conv2d(
            channels, out, (chance.randint(1, 5), chance.randint(1, 5)), (chance.randint(1, 3), chance.randint(1, 3)),
            (chance.randint(0, 3), chance.randint(0, 3)), (chance.randint(1, 2), chance.randint(1, 2)), groups,
            bias=chance.random() < 0.7,
        )  # fmt: skip
        if chance.random() < 0.2:
            convolution = nn.utils.parametrizations.weight_norm(convolution)
        return nn.Sequential(convolution, nn.BatchNorm2d(out), act)
    if kind == 1:
        kernel = (chance.randint(1, 4), chance.randint(1, 4))
        return nn.Sequential(nn.Conv2d(channels, 6, kernel, padding="same", dilation=chance.randint(1, 2)), act)
    if kind == 2:
        kernel = (chance.randint(2, 3), chance.randint(2, 3))
        padding = tuple(chance.randint(0, k // 2) for k in kernel)
        ceil, stride = chance.random() < 0.4, chance.randint(1, 3)
        if chance.random() < 0.5:
            return nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)
        return Call(lambda x: F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil))
    if kind == 3:
        kernel, ceil, counted = chance.randint(2, 3), chance.random() < 0.3, chance.random() < 0.6
        return nn.AvgPool2d(kernel, chance.randint(1, 2), kernel // 2, ceil, counted)
    if kind == 4:
        kernel = chance.choice([(1, 1), (3, 3), (1, 3), (5, 3)])
        dilation = chance.randint(1, 2)
        inner = nn.Sequential(nn.Conv2d(channels, channels, kernel, padding=same(kernel, dilation), dilation=dilation), act)
        return Residual(inner, chance.random() < 0.5)
    if kind == 5:
        wide = nn.Conv2d(channels, 4, 3, padding=1)
        narrow = chance.choice([nn.Conv2d(channels, 2, 1), nn.MaxPool2d(3, 1, 1), nn.AvgPool2d(3, 1, 1), nn.Identity()])
        return Branches(wide, narrow)
    if kind == 6:  # one layer used twice
        shared = nn.Conv2d(channels, channels, 3, padding=1)
        return nn.Sequential(shared, act, shared)
    scale = torch.rand(channels, 1, 1)
    return chance.choice([
        Call(lambda x: (x - 0.4) / 0.2), Call(lambda x: scale * x + 1), Call(lambda x: torch.where(x > 0, x, x * 0.1)),
        Call(lambda x: x - x.mean((2, 3), keepdim=True)), Call(lambda x: F.pad(x, (1, 0, 0, 2))), Call(lambda x: x.flip(3)),
        nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(channels, 4, 3)),
    ])  # fmt: skip
