"""Sounds: waveforms as pictures of one row, and the energies that a speech recogniser looks at, in bands as wide as an ear's.

Everything is torch's own and differentiable: `torch.stft`, triangular filters on the mel scale, the logarithm.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from ..runtime import check_count

RATE = 8000  # samples a second, as a telephone has
LOW, HIGH = 100.0, 3800.0  # Hz: below and above there is no band
SILENCE = 1e-6  # energy that is added before the logarithm


def waveform(x: Tensor) -> Tensor:
    """The waveform `[N, T]` in [-1, 1] of sounds `[N, 1, 1, T]` in [0, 1]."""
    if x.dim() != 4 or x.shape[1:3] != (1, 1):
        raise ValueError(f"the sounds have shape {list(x.shape)}; [N, 1, 1, T] is expected.")
    return 2 * x[:, 0, 0] - 1


def from_waveform(wave: Tensor) -> Tensor:
    """Sounds `[N, 1, 1, T]` in [0, 1], as networks and attacks take them, of waveforms `[N, T]` in [-1, 1], clipped to that."""
    if wave.dim() != 2:
        raise ValueError(f"the waveforms have shape {list(wave.shape)}; [N, T] is expected.")
    return (0.5 + 0.5 * wave.clamp(-1, 1))[:, None, None]


def mel_frequencies(bands: int) -> Tensor:
    """The corners of `bands` triangles in Hz, `[bands + 2]`: evenly spaced in mel, 2595 log10(1 + f / 700)."""
    low, high = (2595 * math.log10(1 + f / 700) for f in (LOW, HIGH))
    return 700 * (10 ** (torch.linspace(low, high, check_count(bands, "bands") + 2, dtype=torch.float64) / 2595) - 1)


def mel_filters(bands: int, window: int, like: Tensor | None = None) -> Tensor:
    """Triangles `[bands, window // 2 + 1]` of height 1 over the frequencies of a spectrum, each from its neighbour's middle to the other's.

    like: a tensor whose precision and device they shall have; they are kept there, since an attack asks for them at every step.
    """
    return _triangles(bands, window, *((torch.float32, torch.device("cpu")) if like is None else (like.dtype, like.device)))


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # what is kept must serve gradients, whoever asks first
def _triangles(bands: int, window: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    hz = torch.linspace(0, RATE / 2, window // 2 + 1, dtype=torch.float64)
    left, middle, right = (mel_frequencies(bands)[k : k + bands, None] for k in range(3))
    return torch.minimum((hz - left) / (middle - left), (right - hz) / (right - middle)).clamp_min(0).to(device, dtype)


def mel_energies(wave: Tensor, *, window: int = 256, hop: int = 80, bands: int = 24) -> Tensor:
    """The energy in each band and frame `[N, bands, 1 + T // hop]` of waveforms `[N, T]`; frames of `window` samples, every `hop`.

    |STFT|^2 with a Hann window, over the window's own energy, so that white noise of deviation 1 has 1 in every bin; added up under triangles.
    """
    hann = torch.hann_window(window, dtype=wave.dtype, device=wave.device)
    spectrum = torch.stft(wave, window, hop, window=hann, return_complex=True)
    return mel_filters(bands, window, wave) @ (torch.view_as_real(spectrum).square().sum(3) / hann.square().sum())


def log_mel(wave: Tensor, *, window: int = 256, hop: int = 80, bands: int = 24) -> Tensor:
    """The logarithm of `mel_energies`, `[N, bands, frames]`: what networks for speech look at."""
    return (mel_energies(wave, window=window, hop=hop, bands=bands) + SILENCE).log()


def cosines(bands: int) -> Tensor:
    """The orthonormal cosine transform `[bands, bands]`: its first rows times a log-mel spectrum are the cepstrum, coarse features first."""
    rows, columns = torch.arange(bands)[:, None], torch.arange(bands)
    table = (math.pi / bands * rows * (columns + 0.5)).cos() * (2 / bands) ** 0.5
    return torch.cat([table[:1] / 2**0.5, table[1:]])
