"""What is written into a trained chain of layers: batch normalization folded away, and a temperature of the scores."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def with_batch_norm(model: nn.Sequential) -> nn.Sequential:
    """A copy of a chain, or of a chain of chains, with batch normalization behind every convolution: it trains faster. See `fold_batch_norm`."""
    whole = copy.deepcopy(model)
    for chain in [part for part in whole.modules() if isinstance(part, nn.Sequential)]:
        layers: list[nn.Module] = []
        for layer in chain:
            layers.append(layer)
            if isinstance(layer, nn.Conv2d):
                layers.append(nn.BatchNorm2d(layer.out_channels, device=layer.weight.device))
        chain._modules = {str(place): layer for place, layer in enumerate(layers)}
    return whole


def fold_batch_norm(trained: nn.Sequential, plain: nn.Sequential) -> None:
    """Write the trained chain's convolutions, with their normalization folded in, into the `plain` chain: same outputs."""
    layers = leaves(copy.deepcopy(trained).eval())
    folded = []
    for layer, behind in zip(layers, [*layers[1:], None]):
        if isinstance(layer, nn.Conv2d) and isinstance(behind, nn.BatchNorm2d):
            folded.append(fuse_conv_bn_eval(layer, behind))
        elif not isinstance(layer, nn.BatchNorm2d):
            folded.append(layer)
    for own, layer in zip(leaves(plain), folded, strict=True):
        own.load_state_dict(layer.state_dict())


def leaves(model: nn.Module) -> list[nn.Module]:
    """The layers that hold no others, in order."""
    return [part for part in model.modules() if not list(part.children())]


def temperature(scores: Tensor, y: Tensor) -> float:
    """The T for which softmax(scores / T) fits the labels best: the least mean cross-entropy (Guo et al. 2017).

    A network that is as sure as it is right has T = 1; above 1 it is too sure, below not sure enough. The slope of the
    cross-entropy along 1 / T never falls, so halving an interval finds where it is 0. `scores` `[N, classes]`.
    """
    low, high = 1e-3, 1e3
    own = scores.gather(1, y[:, None])[:, 0]
    for _ in range(60):
        inverse = (low * high) ** 0.5
        slope = ((inverse * scores).softmax(1) * scores).sum(1) - own
        low, high = (low, inverse) if slope.mean() > 0 else (inverse, high)
    return 1 / inverse


def score_weights(model: nn.Module) -> list[nn.Parameter]:
    """The weights and biases of the last convolution or linear layer, behind which all is linear; none where there is no such layer."""
    last = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)][-1:]
    return [parameter for layer in last for parameter in layer.parameters()]


def scale_scores(model: nn.Module, factor: float) -> None:
    """Multiply the scores of a chain by `factor`, in place, by its last weights and biases."""
    with torch.no_grad():
        for parameter in score_weights(model):
            parameter.mul_(factor)
