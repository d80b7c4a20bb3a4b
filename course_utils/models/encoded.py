"""Thermometer codes (Buckman 2018): each pixel as a row of zeros and ones, and networks that read pictures in this code."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..runtime import check_count
from .networks import Chain


def thermometer(x: Tensor, levels: int = 16) -> Tensor:
    """The l-level thermometer code of pictures `[N, C, H, W]`: `[N, C * l, H, W]`, tau(x)_k = 1 if x > k / l, else 0, for k = 1 .. l.

    The l numbers of a channel stand one behind the other. tau(0.66) at l = 10 is 1111110000. The last one is 0 for every pixel in [0, 1].
    Comparing has no slope: the code's gradient does not exist.
    """
    return (x.detach()[:, :, None] > thresholds(x, levels)).to(x.dtype).flatten(1, 2)


def thermometer_ramp(x: Tensor, levels: int = 16, shift: float = 0.5) -> Tensor:
    """Ramps in the place of the code's steps, `[N, C * l, H, W]`: clamp(l x - k + shift, 0, 1), which has a gradient where x is near k / l.

    With `shift=0.5` it is steepest around the threshold, and its value rounds to the code's. The ramp of the lecture, clamp(x - k / l, 0, 1),
    stays below 1 for all x in [0, 1]: its floor, meant to be the code, is all zeros.
    """
    return (levels * (x[:, :, None] - thresholds(x, levels)) + shift).clamp(0, 1).flatten(1, 2)


def thresholds(x: Tensor, levels: int) -> Tensor:
    """k / l for k = 1 .. l, in the precision of the pictures `x`: `[l, 1, 1]`."""
    if check_count(levels, "levels") < 2:
        raise ValueError("levels is 1, and pixels in [0, 1] would all have the code 0; at least 2 levels are expected.")
    if x.dim() != 4 or not x.is_floating_point():
        raise ValueError(f"the pictures are {x.dtype} {list(x.shape)}; floating point [N, C, H, W] are expected. For a single one use x[None].")
    return torch.arange(1, levels + 1, dtype=x.dtype, device=x.device)[:, None, None] / levels


class Thermometer(nn.Module):
    """The code as a network's first layer; `ramp()` is what stands in for it where a gradient is needed."""

    def __init__(self, levels: int = 16) -> None:
        super().__init__()
        self.levels = check_count(levels, "levels", least=2)

    def forward(self, x: Tensor) -> Tensor:
        return thermometer(x, self.levels)

    def ramp(self, shift: float = 0.5) -> ThermometerRamp:
        return ThermometerRamp(self.levels, shift)

    def extra_repr(self) -> str:
        return f"levels={self.levels}"


class ThermometerRamp(Thermometer):
    """The ramps as a layer."""

    def __init__(self, levels: int = 16, shift: float = 0.5) -> None:
        super().__init__(levels)
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        return thermometer_ramp(x, self.levels, self.shift)


class Encoded(Chain):
    """A network behind a code: `net[0]` is the code and may be replaced, `net[1]` reads it. It takes pixels in [0, 1]."""

    def __init__(self, code: nn.Module, network: Chain) -> None:
        super().__init__(code, network)
        self.classes = network.classes
