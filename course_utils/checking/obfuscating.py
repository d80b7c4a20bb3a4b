"""For exercises about hidden gradients: defenses without a usable gradient, pictures for codes, and gradients that go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from .exercise import Case
from .probes import probe


def coded() -> Iterator[Case]:
    """Pictures and numbers of levels; once with pixels that lie on a threshold exactly, where float and double agree."""
    _, x, _ = probe(channels=3)
    yield {"x": x, "levels": 7}
    yield {"x": x[:4, :2], "levels": 10}
    yield {"x": (8 * x).round() / 8, "levels": 4}
    yield {"x": torch.cat([x, x.flip(0)], 1)[:2], "levels": 2}  # six channels


def levels_last(x: Tensor, levels: int) -> Tensor:
    """A wrong code: the l numbers are put on the last axis, and the axes are then read as if they stood behind the channels."""
    return (x[..., None] > torch.arange(1, levels + 1).to(x) / levels).to(x.dtype).reshape(len(x), -1, *x.shape[2:])


def coarse(x: Tensor) -> Tensor:
    """Five levels of grey. Its gradient is 0."""
    return (4 * x.detach()).round() / 4


def wavy(x: Tensor) -> Tensor:
    """Something smooth that is near `coarse`."""
    return x + 0.05 * (5 * x).sin()


def four(x: Tensor) -> Tensor:
    """A code of four levels, `[N, C * 4, H, W]`."""
    return (quarters(x.detach()) > 0).to(x.dtype)


def four_ramps(x: Tensor) -> Tensor:
    """The ramps near it."""
    return (4 * quarters(x) + 0.5).clamp(0, 1)


def quarters(x: Tensor) -> Tensor:
    """How far each value is above 1/4, 1/2, 3/4 and 1."""
    return (x[:, :, None] - torch.arange(1, 5, device=x.device)[:, None, None].to(x.dtype) / 4).flatten(1, 2)


def sealed() -> Iterator[Case]:
    """Defenses without a gradient, what stands in for them, and a network behind: of pictures, and of codes."""
    network, x, y = probe(channels=3)
    yield {"network": network, "ahead": coarse, "back": wavy, "x": x, "y": y}
    yield {"network": probe(channels=12)[0], "ahead": four, "back": four_ramps, "x": 0.97 * x + 0.01, "y": y.flip(0)}


class Draw:
    """One draw of a defense that shifts brightness by chance and then keeps few levels: the same for every call, without a gradient."""

    def __init__(self, shift: float) -> None:
        self.shift = shift

    def __call__(self, x: Tensor) -> Tensor:
        return (6 * x.detach() + self.shift).round() / 6


def drawn() -> Iterator[Case]:
    network, x, y = probe(channels=2)
    yield {"network": network, "draws": [Draw(s) for s in (-0.9, 0.1, 0.6, 1.7)], "x": x, "y": y}
    yield {"network": network, "draws": [Draw(s) for s in (0.4, -1.3)], "x": x.flip(0), "y": y.roll(1)}
    yield {"network": network, "draws": [Draw(-0.5)], "x": x[:3], "y": y[:3]}


def through(network: nn.Module, value: Tensor, stand_in: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, loss: Callable) -> Tensor:
    """The gradient of loss(network(value), y), added up, for x, as if `value` were stand_in(x)."""
    z = x.detach().clone().requires_grad_()
    made = stand_in(z)
    return torch.autograd.grad(loss(network(value.detach() + made - made.detach()), y).sum(), z)[0]
