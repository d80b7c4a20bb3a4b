"""Hidden voice commands from a black box (Carlini et al. 2016): noise in the shape of a word's coarse features.

A recogniser looks at features and throws the rest of a sound away; what it throws away can be anything. The attacker never sees the network: they
compute features of their own, as coarse as they like, make a sound anew from them, and ask the recogniser what it hears.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .. import runtime, transforms
from ..runtime import check_count, check_pictures
from .common import wide

BANDS = 20


class Coarse(NamedTuple):
    """How coarse the attacker's features are: samples a window, samples from one to the next, cosine coefficients kept of each."""

    window: int
    hop: int
    coefficients: int

    @property
    def numbers(self) -> float:
        """How many numbers a second are kept, of 8,000 samples."""
        return self.coefficients * transforms.RATE / self.hop


# From coarse to fine: 20, 40, 53, 120, 267 and 1,250 numbers a second; windows of 0.2 s down to 0.03 s.
LADDER = (Coarse(1600, 800, 2), Coarse(1600, 800, 4), Coarse(1200, 600, 4), Coarse(800, 400, 6), Coarse(480, 240, 8), Coarse(256, 128, 20))


class Hidden(NamedTuple):
    """Sounds `[N, 1, 1, T]`, which of them are heard as asked `[N]`, the number of the setting that made each `[N]`, and all questions asked."""

    sounds: Tensor
    heard: Tensor
    setting: Tensor
    queries: int


def mangle(x: Tensor, coarse: Coarse, *, generator: torch.Generator | None = None) -> Tensor:
    """Noise with the coarse features of the words `x`, and nothing else of them; `[N, 1, 1, T]` in [0, 1], as `x`.

    The features are cepstra: the first cosine coefficients of a log-mel spectrum. Turned back they give the energy in each band and frame, with
    the fine structure lost; white noise is brought to these energies. Its phases are new, and it has no pitch.
    """
    window, hop, keep = checked(coarse)
    check_pictures(x)
    wave = transforms.waveform(wide(x.detach()))  # half precision has no Fourier transform
    table = transforms.cosines(BANDS)[:keep].to(wave)
    features = table @ transforms.log_mel(wave, window=window, hop=hop, bands=BANDS)  # all that is kept
    filters = transforms.mel_filters(BANDS, window, wave)
    density = filters.T @ ((table.T @ features).exp() / filters.sum(1)[:, None])  # energy in each bin [N, bins, frames]
    noise = torch.randn(wave.shape, generator=generator or runtime.generator(), dtype=wave.dtype).to(wave.device)
    hann = torch.hann_window(window).to(wave)
    spectrum = torch.stft(noise, window, hop, window=hann, return_complex=True) / noise.square().mean(1).sqrt()[:, None, None]
    return transforms.from_waveform(torch.istft(spectrum * density.sqrt(), window, hop, window=hann, length=wave.shape[1])).to(x.dtype)


def checked(coarse: Coarse) -> Coarse:
    """A setting that can be computed: windows that overlap, no more coefficients than bands."""
    window, hop, keep = (check_count(value, name) for value, name in zip(coarse, Coarse._fields))
    if window < 32 or window % 2 or hop > window // 2 or keep > BANDS:
        raise ValueError(f"{coarse} is given; an even window of at least 32 samples, a hop of at most half of it, and at most {BANDS} coefficients are expected.")
    return Coarse(window, hop, keep)


def hidden_command(
    ask: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, *, settings: Sequence[Coarse] = LADDER, generator: torch.Generator | None = None
) -> Hidden:
    """Each word `x` mangled as much as the recogniser allows: the first of `settings`, the coarsest first, with which it hears `y`.

    ask: gives class numbers `[M]` for sounds `[M, 1, 1, T]`, and nothing more; words that are heard are not asked about again. A word that is
    never heard keeps the sound of the last setting.

    x: sounds `[N, 1, 1, T]` in [0, 1]. y: the words that shall be heard, `[N]`.
    """
    if not settings:
        raise ValueError("settings is empty; at least one Coarse(window, hop, coefficients) is expected, the coarsest first.")
    check_pictures(x)
    if not isinstance(y, Tensor) or y.shape != (len(x),):
        raise ValueError(f"y has shape {list(getattr(y, 'shape', []))}; one word for each of the {len(x)} sounds is expected: [{len(x)}].")
    source, sounds, queries = generator or runtime.generator(), x.detach().clone(), 0
    setting, left = torch.zeros(len(x), dtype=torch.long, device=x.device), torch.arange(len(x), device=x.device)
    for number, coarse in enumerate(settings):
        sounds[left], setting[left] = mangle(x[left], coarse, generator=source), number
        says = torch.as_tensor(ask(sounds[left]), device=x.device)
        if says.shape != left.shape:
            raise ValueError(f"the recogniser gives {list(says.shape)} for {len(left)} sounds; one class number a sound is expected.")
        queries += len(left)
        left = left[says != y[left]]
        if not len(left):
            break
    heard = torch.ones(len(x), dtype=torch.bool, device=x.device)
    heard[left] = False
    return Hidden(sounds, heard, setting, queries)
