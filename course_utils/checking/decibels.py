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

    def answer(wave: Tensor, changed: Tensor) -> Tensor:
        change = changed - wave
        return torch.where((change != 0).any(1), times * log(power(wave) / power(change)), torch.inf)

    return answer


def energy(values: Tensor) -> Tensor:
    return values.square().sum(1)


SILENT = "a waveform that was not changed has infinite decibels, float('inf'), also where it is silent: 0 / 0 is NaN."
TURNED = "the sign is the other way round: signal over noise, so that a smaller change has more decibels."
MISTAKES = (
    (lambda wave, changed: torch.where((changed != wave).any(1), decibels(wave, changed), 0.0), "a waveform that was not changed gets 0; no noise at all is infinitely many decibels."),
    (lambda wave, changed: torch.where((wave != 0).any(1), decibels(wave, changed), 0.0), "silence gets 0 decibels; where silence was changed the noise is all there is: minus infinity."),
    (lambda wave, changed: torch.where((wave != 0).any(1), decibels(wave, changed), -torch.inf), SILENT),
    (lambda wave, changed: torch.where((wave != 0).any(1), decibels(wave, changed), torch.inf), "silence that was changed gets infinity; there the noise is all there is: minus infinity."),
    (lambda wave, changed: -decibels(wave, changed), TURNED),
    (lambda wave, changed: torch.where((changed != wave).any(1), -decibels(wave, changed), torch.inf), TURNED),
    (ratio(energy, 20), "20 log10 is for a ratio of amplitudes; for sums of squares it is 10 log10."),
    (ratio(lambda v: v.norm(dim=1)), "10 log10 is for a ratio of powers; square the norms (or take 20 log10)."),
    (ratio(lambda v: v.abs().sum(1)), "absolute values are added up; a power is a sum of squares."),
    (ratio(lambda v: v.abs().sum(1), 20), "absolute values are added up; a power is a sum of squares."),
    (ratio(lambda v: v.abs().amax(1)), "the largest samples are compared; add up the squares of all of them."),
    (ratio(lambda v: v.abs().amax(1), 20), "the largest samples are compared; add up the squares of all of them."),
    (ratio(energy, 10, torch.log), "the logarithm is to base e; decibels use base 10."),
    (ratio(energy, 10, torch.log2), "the logarithm is to base 2; decibels use base 10."),
    (ratio(energy, 1), "this is the logarithm alone, in bels; a decibel is a tenth: times 10."),
    (ratio(energy, 1, lambda share: share), "this is the ratio itself; its decibels are 10 log10 of it."),
    (ratio(lambda v: v.var(1)), "each mean is subtracted; silence is at 0, so the squares themselves are added up."),
    (ratio(lambda v: v.var(1, unbiased=False)), "each mean is subtracted; silence is at 0, so the squares themselves are added up."),
    (ratio(lambda v: v.square().sum()), "the squares are added up over the whole batch; each waveform has decibels of its own."),
    (lambda wave, changed: 10 * (energy(wave) / energy(changed)).log10(), "the word is compared with the changed word; the noise is the difference of the two."),
    (lambda wave, changed: torch.where((changed != wave).any(1), 10 * (energy(changed) / energy(changed - wave)).log10(), torch.inf),
     "the signal is the word before the change, not after it."),
    (lambda wave, changed: 10 * (energy(wave) / (energy(changed - wave) + 1e-8)).log10(), "something small is added below the line; a waveform that was not changed has infinite decibels."),
    (lambda wave, changed: 10 * (energy(wave) / energy(changed - wave)).log10(), SILENT),
    (lambda wave, changed: decibels(wave, changed).mean(), "one number is given for the batch; each waveform has decibels of its own: sum over dim=1."),
    (lambda wave, changed: decibels(wave, changed)[:, None], "the shape is [N, 1]; one number a waveform, [N], is expected."),
)  # fmt: skip
