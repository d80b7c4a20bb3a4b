"""Decibels: waveforms to measure a change of, and the usual mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..measure import snr as decibels
from ..runtime import generator
from .exercise import Case


def sounds() -> Iterator[Case]:
    """Waveforms off their middle, of very different loudness; one is unchanged, one is silence that was changed, one silence that was not."""
    for seed in (0, 1):
        chance = generator(seed)
        wave = (0.4 * torch.randn(6, 50, generator=chance) + 0.15).clamp(-1, 1) * torch.tensor([1, 0.1, 0.5, 1, 0, 0])[:, None]
        change = 0.03 * torch.randn(6, 50, generator=chance) + 0.01
        change[3], change[5] = 0, 0
        yield {"wave": wave, "changed": wave + change}


def ratio(power: Callable[[Tensor], Tensor], times: float = 10, log: Callable[[Tensor], Tensor] = torch.log10) -> Callable[..., Tensor]:
    """A wrong answer: times * log(power(wave) / power(change)), infinite where nothing is changed."""
    return lambda wave, changed: instead(changed - wave, torch.inf, times * log(power(wave) / power(changed - wave)))


def instead(values: Tensor, number: float, found: Tensor) -> Tensor:
    """What was found `[N]`, and this number where all values `[N, T]` are 0."""
    return torch.where((values != 0).any(1), found, number)


def energy(values: Tensor) -> Tensor:
    return values.square().sum(1)


# w: the waves, c: the changed ones
TURNED = "the sign is the other way round: signal over noise, so that a smaller change has more decibels."
MISTAKES = (
    # what stands where one of the two is 0
    (lambda w, c: 10 * (energy(w) / energy(c - w)).log10(), "a waveform that was not changed has infinite decibels, float('inf'), also where it is silent: 0 / 0 is NaN."),
    (lambda w, c: instead(c - w, 0.0, decibels(w, c)), "a waveform that was not changed gets 0; no noise at all is infinitely many decibels."),
    (lambda w, c: instead(w, torch.inf, decibels(w, c)), "silence that was changed gets infinity; there the noise is all there is: minus infinity."),
    (lambda w, c: 10 * (energy(w) / (energy(c - w) + 1e-8)).log10(), "something small is added below the line; a waveform that was not changed has infinite decibels."),
    # which two are compared
    (lambda w, c: -decibels(w, c), TURNED),
    (lambda w, c: instead(c - w, torch.inf, -decibels(w, c)), TURNED),
    (lambda w, c: 10 * (energy(w) / energy(c)).log10(), "the word is compared with the changed word; the noise is the difference of the two."),
    (lambda w, c: instead(c - w, torch.inf, 10 * (energy(c) / energy(c - w)).log10()), "the signal is the word before the change, not after it."),
    # how loud a sound is
    (ratio(lambda v: v.norm(dim=1)), "10 log10 is for a ratio of powers; square the norms (or take 20 log10)."),
    (ratio(lambda v: v.abs().sum(1), 20), "absolute values are added up; a power is a sum of squares."),
    (ratio(lambda v: v.abs().amax(1), 20), "the largest samples are compared; add up the squares of all of them."),
    (ratio(lambda v: v.var(1)), "each mean is subtracted; silence is at 0, so the squares themselves are added up."),
    # from the ratio to decibels
    (ratio(energy, 20), "20 log10 is for a ratio of amplitudes; for sums of squares it is 10 log10."),
    (ratio(energy, 10, torch.log), "the logarithm is to base e; decibels use base 10."),
    (ratio(energy, 1), "this is the logarithm alone, in bels; a decibel is a tenth: times 10."),
    (ratio(energy, 1, lambda share: share), "this is the ratio itself; its decibels are 10 log10 of it."),
    # one number for each waveform
    (ratio(lambda v: v.square().sum()), "the squares are added up over the whole batch; each waveform has decibels of its own."),
    (lambda w, c: decibels(w, c).mean(), "one number is given for the batch; each waveform has decibels of its own: sum over dim=1."),
    (lambda w, c: decibels(w, c)[:, None], "the shape is [N, 1]; one number a waveform, [N], is expected."),
)  # fmt: skip
