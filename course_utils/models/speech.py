"""A small network that hears: from the waveform to energies in bands, and from there as if they were a picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..transforms import log_mel, waveform
from .networks import Chain, conv


class LogMel(nn.Module):
    """Sounds `[N, 1, 1, T]` in [0, 1] as pictures `[N, 1, bands, frames]`: log-mel energies less their mean, so that loudness does not count."""

    def forward(self, x: Tensor) -> Tensor:
        energies = log_mel(waveform(x))
        return (energies - energies.mean((1, 2), keepdim=True))[:, None] / 3  # about 1 in size


class SpeechNet(Chain):
    """Three convolutions on log-mel energies, averaged over six stretches of time: for words of any length."""

    def __init__(self, classes: int = 10, width: int = 16) -> None:
        w = width
        super().__init__(
            LogMel(), *conv(1, w, 3), nn.MaxPool2d(2), *conv(w, 2 * w, 3), nn.MaxPool2d(2), *conv(2 * w, 3 * w, 3),
            nn.AdaptiveAvgPool2d((3, 6)), nn.Flatten(), nn.Linear(3 * w * 18, classes),
        )  # fmt: skip
        self.to(memory_format=torch.channels_last)
        self.classes = classes
