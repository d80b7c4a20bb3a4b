"""Chapter 13's section on sound with more words: `python -m experiments.sound_table 300` writes data/results/sound.json.

PGD on waveforms with white noise as loud beside it, hidden commands with their questions and their control, and both on the independently
trained twin; always synthesised words.
"""

from __future__ import annotations

import sys

import torch

from course_utils import attacks, data, measure, models, runtime, transforms

from . import record

LEVELS = (0.001, 0.002, 0.004, 0.008, 0.016)


def table(count: int, seed: int = 0) -> dict[str, float]:
    """The numbers: shares in percent, decibels, questions a word."""
    words, where = data.spoken("test", count), runtime.device()
    ear, twin = models.load("speechnet-spoken"), models.load("speechnet-spoken-twin")
    x, y = words.x.to(where), words.y.to(where)
    wanted = (y + 1 + torch.arange(count, device=where) % 9) % 10
    waves = transforms.waveform(x)
    numbers = {"accuracy": 100 * measure.accuracy(ear, x, y), "twin_accuracy": 100 * measure.accuracy(twin, x, y)}
    for eps in LEVELS:
        moved = attacks.pgd(ear, x, wanted, eps=eps, steps=20, targeted=True, generator=runtime.generator(seed))
        change = transforms.waveform(moved) - waves
        noise = torch.randn(waves.shape, generator=runtime.generator(seed + 1)).to(waves)
        noisy = transforms.from_waveform(waves + noise * (change.norm(dim=1) / noise.norm(dim=1))[:, None])
        numbers |= {
            f"pgd_{eps}_snr": measure.snr(waves, waves + change).mean().item(),
            f"pgd_{eps}_target": 100 * measure.success_rate(ear, moved, wanted, targeted=True),
            f"pgd_{eps}_twin_target": 100 * measure.success_rate(twin, moved, wanted, targeted=True),
            f"noise_{eps}_wrong": 100 * measure.success_rate(ear, noisy, y),
        }
    for coarse in attacks.LADDER:
        mangled = attacks.mangle(x, coarse, generator=runtime.generator(seed))
        numbers |= {f"mangled_{coarse.numbers:.0f}{of}": 100 * measure.accuracy(net, mangled, y) for of, net in (("", ear), ("_twin", twin))}
    for name, settings in (("hidden", attacks.LADDER), ("loudness", [coarse._replace(coefficients=1) for coarse in attacks.LADDER])):
        oracle = attacks.Oracle(ear)
        found = attacks.hidden_command(oracle, x, y, settings=settings, generator=runtime.generator(seed))
        numbers |= {
            f"{name}_heard": 100 * found.heard.float().mean().item(), f"{name}_queries": oracle.queries / count,
            f"{name}_twin": 100 * measure.accuracy(twin, found.sounds, y),
            f"{name}_snr": measure.snr(waves, transforms.waveform(found.sounds)).mean().item(),
        }  # fmt: skip
    return numbers


if __name__ == "__main__":
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    record.write("sound", table(many), source="spoken digits, synthesised", count=many, seed=0, command=f"python -m experiments.sound_table {many}")
