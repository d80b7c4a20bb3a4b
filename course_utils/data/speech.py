"""Spoken digits, synthesised: a source (a voice's pulses, or noise) through a filter (the resonances of a mouth), both moving in time.

A vowel is known by its formants, the frequencies at which the mouth resonates. Those of the vowels are the means of 33 men by Peterson and
Barney (1952), those of consonants and of the beginnings and ends of diphthongs are the settings by which Klatt (1980) made a synthesiser speak.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..transforms.sound import RATE

LENGTH = 6000  # samples of a word, 0.75 s
WINDOW, HOP, BINS = 200, 50, 256  # the filter is set anew every 6.25 ms
TOP = 3600.0  # no harmonic of a voice lies above: half of RATE is the limit
LOUD = 1000.0  # how strong the pulses of a full voice are, where noise has deviation 1


class Sound(NamedTuple):
    """A phoneme: the formants in Hz, how strong voice, breath and noise are, and the middle and width of the noise's band in Hz."""

    f1: float
    f2: float
    f3: float
    voice: float = 1.0
    breath: float = 0.0  # noise that passes through the same resonances as the voice
    noise: float = 0.0  # noise that is made at the teeth or lips and passes through its own band alone
    middle: float = 3000.0
    width: float = 1000.0


SOUNDS = {
    # Peterson and Barney 1952, men: beet, bit, bet, but, bought, boot
    "i": Sound(270, 2290, 3010), "I": Sound(390, 1990, 2550), "E": Sound(530, 1840, 2480), "V": Sound(640, 1190, 2390),
    "O": Sound(570, 840, 2410), "u": Sound(300, 870, 2240),
    # Klatt 1980: the two ends of bait, bite, boat; the end of seven; consonants
    "e": Sound(480, 1720, 2520), "y": Sound(330, 2020, 2600), "a": Sound(660, 1200, 2550), "j": Sound(400, 1880, 2500),
    "o": Sound(540, 1100, 2300), "U": Sound(450, 900, 2300), "@": Sound(500, 1400, 2300, 0.7),
    "w": Sound(290, 610, 2150, 0.6), "r": Sound(310, 1060, 1380, 0.7), "n": Sound(480, 1340, 2470, 0.3),
    "v": Sound(220, 1100, 2080, 0.35, noise=0.025, middle=2000, width=2500), "z": Sound(240, 1390, 2530, 0.3, noise=0.25, middle=3800, width=500),
    "f": Sound(340, 1100, 2080, 0, noise=0.07, middle=2200, width=2500), "T": Sound(320, 1290, 2540, 0, noise=0.06, middle=2900, width=1200),
    "s": Sound(320, 1390, 2530, 0, noise=0.3, middle=3800, width=500),
    "t": Sound(400, 1600, 2600, 0, noise=0.6, middle=3400, width=900), "k": Sound(300, 1990, 2850, 0, noise=0.45, middle=1990, width=500),
    "h": Sound(380, 1200, 2450, 0, breath=0.12), ".": Sound(400, 1700, 2600, 0),  # after a t; and the silence before one
}  # fmt: skip
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORDS = (  # each phoneme with its length in milliseconds
    "z70 I70 r70 o100 U120", "w90 V150 n120", "t20 h50 u210", "T100 r70 i200", "f110 O190 r110",
    "f100 a130 j90 v90", "s110 I90 .50 k15 s120", "s100 E100 v60 @60 n110", "e100 y110 .60 t20", "n90 a130 j90 n100",
)  # fmt: skip
QUIET = ".1000"  # behind every word


def tables() -> tuple[Tensor, Tensor]:
    """The words' phonemes as numbers `[10, segments, 8]`, and their lengths in seconds `[10, segments]`."""
    parts = [[(part[0], float(part[1:]) / 1000) for part in f"{word} {QUIET}".split()] for word in WORDS]
    longest = max(map(len, parts))
    filled = [part + [part[-1]] * (longest - len(part)) for part in parts]
    return torch.tensor([[SOUNDS[name] for name, _ in part] for part in filled]), torch.tensor([[seconds for _, seconds in part] for part in filled])


def draw(y: Tensor, *, generator: torch.Generator) -> Tensor:
    """Words `[N, 6000]` in [-1, 1] for digits `y` `[N]`, 8,000 samples a second, each said by a speaker of its own.

    Speakers differ in pitch, in the size of the mouth (all formants), in tempo and loudness; rooms and microphones in noise and tilt.
    """
    return torch.cat([say(part, generator) for part in y.split(100)])


def say(y: Tensor, chance: torch.Generator) -> Tensor:
    """`draw` for as many words as fit into the processor's cache."""
    count, frames = len(y), LENGTH // HOP + 1

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *(shape or (1,)), generator=chance)

    def normal(deviation: float, *shape: int) -> Tensor:
        return deviation * torch.randn(count, *shape, generator=chance)

    size, tempo = uniform(0.95, 1.25), uniform(0.8, 1.25)  # a mouth that is 17 % smaller: an average woman's
    sounds, lengths = (table[y] for table in tables())
    within = lengths < 1  # not the quiet behind
    lengths = lengths * tempo * normal(0.18, lengths.shape[1]).exp()
    begin = uniform(0.02, 0.12)
    ends = begin + lengths.cumsum(1)
    time = torch.arange(frames) * HOP / RATE
    at = torch.searchsorted(ends, time.expand(count, -1).contiguous()).clamp(max=lengths.shape[1] - 1)
    sounds = sounds * (normal(0.05, *sounds.shape[1:]) * torch.tensor([1.0, 1, 1, 4, 4, 4, 0, 0])).exp()  # no two say a phoneme alike
    path = sounds.gather(1, at[..., None].expand(-1, -1, sounds.shape[2]))  # [N, frames, 8]
    strength = smooth(path[..., 3:6], 4) * (time > begin)[..., None]
    formants = smooth(path[..., :3], 12) * (size * normal(0.04, 3).exp())[:, None]
    pitch = 115 * size**3.5 * normal(0.12, 1).exp()  # 115 Hz for a man, 200 for an average woman
    said = (time - begin) / ((ends * within).amax(1, keepdim=True) - begin)  # how much of the word
    pitch = pitch * (1.1 - 0.3 * said.clamp(0, 1) + 0.08 * uniform(0, 1) * (math.pi * said).sin())
    voice = pulses(pitch, uniform(0, 1))
    loud = LOUD * strength[..., :1] * (1.15 - said.clamp(0, 1) ** 3)[..., None]  # voices end softer than they begin
    hz = torch.linspace(0, RATE / 2, BINS // 2 + 1)
    wide = torch.tensor([60.0, 90, 150, 220]) * uniform(0.8, 1.4)
    mouth = resonances(torch.cat([formants, (3500 * size)[:, None].expand(-1, frames, 1)], 2), wide, hz)
    band = torch.exp(-0.5 * ((hz - smooth(path[..., 6:7], 4)) / smooth(path[..., 7:8], 4)).square())
    breathy = strength[..., :1] * uniform(0.005, 0.03)[:, None] + strength[..., 1:2]
    hiss = normal(1.0, LENGTH)
    word = filtered(voice, mouth * loud) + filtered(hiss, mouth * breathy + band * strength[..., 2:3])
    return recorded(word, uniform(0.25, 0.9), uniform(-0.3, 0.3), uniform(8, 35), normal(1.0, LENGTH), hz)


def smooth(values: Tensor, frames: int) -> Tensor:
    """`[N, frames, P]` under a bell of this many frames: a tongue cannot jump."""
    bell = torch.hann_window(frames + 1, periodic=False)
    padded = F.pad(values.transpose(1, 2), (frames // 2, frames // 2), mode="replicate")
    return F.conv1d(padded.flatten(0, 1)[:, None], (bell / bell.sum())[None, None]).reshape(padded.shape[0], padded.shape[1], -1).transpose(1, 2)


def pulses(pitch: Tensor, start: Tensor) -> Tensor:
    """A voice `[N, LENGTH]`: one pulse a period of `pitch` `[N, frames]`, all harmonics below TOP equally strong."""
    track = F.interpolate(pitch[:, None], size=LENGTH, mode="linear", align_corners=True)[:, 0]
    turns = math.pi * ((track / RATE).cumsum(1) + start)
    harmonics = 2 * (TOP / track.amax(1, keepdim=True)).floor() + 1
    below = turns.sin()
    near = below.abs() < 1e-4  # there sin(M t) / sin(t) is M
    return torch.where(near, harmonics, (harmonics * turns).sin() / torch.where(near, 1.0, below)) / RATE


def resonances(formants: Tensor, widths: Tensor, hz: Tensor) -> Tensor:
    """The filter of a mouth `[N, frames, bins]`: the product of F^2 / (F^2 - f^2 + i f B) over its formants F, of widths B,
    and a voice's fall of 6 decibels an octave (12 of the larynx, less 6 at the lips)."""
    response = torch.ones(1, dtype=torch.complex64)
    for k in range(formants.shape[2]):
        centre = formants[..., k : k + 1].clamp(max=0.49 * RATE)
        response = response * centre.square() / torch.complex(centre.square() - hz.square(), (hz * widths[:, None, k : k + 1]).expand(*centre.shape[:2], -1))
    return response / (1 + hz / 300)


def filtered(source: Tensor, response: Tensor) -> Tensor:
    """A source `[N, LENGTH]` through a filter that changes from frame to frame `[N, frames, bins]`."""
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(source, BINS, HOP, WINDOW, window, return_complex=True)
    return torch.istft(spectrum * response.transpose(1, 2), BINS, HOP, WINDOW, window, length=source.shape[1])


def recorded(word: Tensor, loudness: Tensor, tilt: Tensor, decibels: Tensor, noise: Tensor, hz: Tensor) -> Tensor:
    """The word as a microphone gives it: its tilt, a room's noise so many decibels below the word, the largest sample at `loudness`."""
    spectrum = torch.fft.rfft(word) * ((torch.linspace(0, RATE / 2, LENGTH // 2 + 1) + 100) / 1000) ** tilt
    word = torch.fft.irfft(spectrum, LENGTH)
    level = word.square().mean(1, keepdim=True).sqrt() * 10 ** (-decibels / 20)
    heard = word + level * (0.6 * noise + 0.8 * torch.cat([noise[:, :1], noise[:, 1:] + noise[:, :-1]], 1))
    return heard * loudness / heard.abs().amax(1, keepdim=True)
