"""Occlusion and receptive fields of torchvision's classifiers and of random networks against brute force.

`python -m benchmarks.fuzz [NETWORK ...] [--all] [--random N]` prints a row a network and exits with 1 when a
bar is broken:

- exact: random patches at random places, in double precision, differ from whole pictures by no more than 1e-6 of what
  they change; in single precision the scores of windows differ by no more than 1e-4 of the largest;
- time: all 784 windows of a 224x224 picture, preparation included, take no more than 1.05 of the plain time;
- memory: no more than 1.1 of the plain way, and 32 MB;
- receptive fields: nothing outside a unit's field changes it, and its first and last rows and columns do.

The weights are scaled so that signals survive to the scores.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.common import cpu_seconds, one_thread
from benchmarks.memory import peak_megabytes
from benchmarks.networks import MORE, TORCHVISION, random_network, scale_weights, torchvision_network
from course_utils.layers import Local, ReceptiveField, capture, names, paste, receptive_field
from course_utils.runtime import generator
from course_utils.visualize import window_starts

WINDOW, STRIDE, BATCH = 15, 8, 16  # the defaults of occlusion
RANDOM = "random networks"
EXACT, ROUNDED, TIME, MEMORY, SPARE = 1e-6, 1e-4, 1.05, 1.1, 32.0


class Row(NamedTuple):
    """What was measured of a network, and what of it breaks a bar."""

    name: str
    words: str
    broken: list[str]


# ---------------------------------------------------------------- exactness


def difference(model: nn.Module, x: Tensor, seed: int, count: int = 6) -> tuple[float, float, str | None]:
    """The largest difference of local scores from brute force, the largest change of a score, and why it is not local.

    Random patches at random places, some over the edge. The local way is taken also where it saves nothing.
    """
    chance = generator(seed)
    size = torch.tensor(x.shape[2:])
    high, wide = (int(torch.randint(1, max(2, int(side) // 4), (1,), generator=chance)) for side in size)
    patch = torch.tensor([high, wide])
    boxes = (torch.rand(count, 2, generator=chance) * (size + patch)).long() - patch
    patches = torch.rand(count, x.shape[1], high, wide, generator=chance, dtype=x.dtype)
    index = torch.arange(count) % len(x)
    local = Local(model, x, worth=-torch.inf)
    with torch.no_grad():
        whole, base = model(paste(x, boxes, patches, index=index)), model(x.clone())[index]
    found = local(boxes, patches, index=index, batch_size=count)
    return float((found - whole).abs().max()), float((whole - base).abs().max()), local.why_not


# ---------------------------------------------------------------- receptive fields


def fields_checked(model: nn.Module, x: Tensor, seed: int, layers: int = 3) -> tuple[int, int, list[str]]:
    """Units of random layers checked, how many of them see all of their field's border, and which see more than it.

    A unit must not change when every pixel outside its field does. It should change with the first and the last row and
    column of its field, though a maximum or a ReLU may hide them.
    """
    chance, faults, units, tight = generator(seed), [], 0, 0
    known = names(model)
    for layer in (known[i] for i in torch.randperm(len(known), generator=chance).tolist()):
        field = _field(model, layer, x) if units < layers else None
        if field is None:
            continue
        row, column = (int(torch.randint(count, (1,), generator=chance)) for count in field.units)
        top, left, bottom, right = field.box(row, column)
        if top >= bottom or left >= right:
            continue  # a unit that sees padding only
        noise = torch.rand(9, *x.shape[1:], generator=chance, dtype=x.dtype)
        inside = torch.zeros(x.shape[2:], dtype=torch.bool)
        inside[top:bottom, left:right] = True
        pictures = [x[:1], torch.where(inside, x[:1], noise[:1])]
        for rows, columns in ((top, ...), (bottom - 1, ...), (..., left), (..., right - 1)):
            edge = torch.zeros_like(inside)
            edge[rows, columns] = True
            pictures += [torch.where(edge & inside, picture, x[:1]) for picture in noise[1:, None]]
        with capture(model, layer) as seen, torch.no_grad():
            model(torch.cat(pictures))
        values = seen[layer][:, :, row, column]
        units += 1
        if seen[layer].shape[2:] != field.units or not torch.equal(values[0], values[1]):
            faults.append(f"{layer} ({row}, {column}) sees more than {field.box(row, column)}")
        tight += all(bool((edge != values[0]).any()) for edge in values[2:].split(8))
    return units, tight, faults


def _field(model: nn.Module, layer: str, x: Tensor) -> ReceptiveField | None:
    try:
        return receptive_field(model, layer, tuple(x.shape[2:]))
    except ValueError:  # a step before it mixes all positions
        return None


# ---------------------------------------------------------------- time and memory


def time_and_memory(
    model: nn.Module, x: Tensor, sample: int, repeats: int = 2
) -> tuple[float, float | None, float | None, str | None]:
    """Occlusion of `x`: share of the plain time, the peaks in MB of both ways, and why it is not local.

    All windows are timed by `sample` of them, and the preparation in full. Each way runs before and after the other.
    """
    starts = [window_starts(side, WINDOW, STRIDE) for side in x.shape[2:]]
    boxes, patch = torch.cartesian_prod(*starts), torch.full((1, x.shape[1], WINDOW, WINDOW), 0.5)
    some = boxes[torch.arange(0, len(boxes), -(-len(boxes) // sample))]
    plain = Local(model, x, local=False)
    local = Local(model, x, count=len(boxes))
    for run in (plain, local):
        run(some[:BATCH], patch, batch_size=BATCH)  # warm caches
    prepare = min(cpu_seconds(lambda: Local(model, x, count=len(boxes))) for _ in range(2))
    shares, before = [], cpu_seconds(lambda: plain(some, patch, batch_size=BATCH))
    for _ in range(repeats):
        own = cpu_seconds(lambda: local(some, patch, batch_size=BATCH))
        after = cpu_seconds(lambda: plain(some, patch, batch_size=BATCH))
        scale = len(boxes) / len(some)
        shares.append((prepare + own * scale) / (0.5 * (before + after) * scale))
        before = after
    most = some[: 2 * BATCH]  # two batches show the peak; the preparation is part of the local way

    def peak(way: bool) -> float | None:
        return peak_megabytes(lambda: Local(model, x, count=len(boxes), local=way)(most, patch, batch_size=BATCH))

    rounds = [(peak(False), peak(True)) for _ in range(2)]
    peaks = [None if None in both else min(both) for both in zip(*rounds)]  # type: ignore[type-var]
    return statistics.median(shares), *peaks, local.why_not


# ---------------------------------------------------------------- rows


def torchvision_row(name: str, seed: int, side: int = 224, sample: int = 32) -> Row:
    options = {"image_size": side} if name == "vit_b_16" else {}
    x = torch.rand(1, 3, side, side, generator=generator(seed))
    model = scale_weights(torchvision_network(name, **options), x)
    share, plain, local, why_not = time_and_memory(model, x, sample)
    wide, change, _ = difference(model, x, seed)
    rounded = wide / max(1.0, change)
    model.double()
    exact, change, why_never = difference(model, x.double(), seed, count=4)
    units, tight, faults = fields_checked(model, x.double(), seed)
    broken = list(faults)
    broken += [f"{exact:.1e} of a change of {change:.1e}"] * (exact > EXACT * change)
    broken += [f"{rounded:.1e} in single precision"] * (rounded > ROUNDED)
    broken += [f"{share:.2f} of the plain time"] * (share > TIME)
    if plain is not None and local is not None:
        broken += [f"{local:.0f} MB for {plain:.0f}"] * (local > MEMORY * plain + SPARE)
    memory = "memory ?" if plain is None or local is None else f"{local:5.0f} MB for {plain:5.0f}"
    words = (
        f"off by {wide:.0e} (double: {exact:.0e} of {change:.0e})  time {share:.2f}  {memory}  fields {tight}/{units}  "
        f"{why_not or why_never or 'local'}"
    )
    return Row(name, words, broken)


def random_rows(count: int, seed: int) -> Row:
    """Many random networks in one row."""
    broken, local, units, tight, worst = [], 0, 0, 0, 0.0
    for number in range(seed, seed + count):
        chance = generator(number)
        size = tuple(torch.randint(17, 41, (2,), generator=chance).tolist())
        model = random_network(number, size).double()
        x = torch.rand(2, 3, *size, generator=chance, dtype=torch.float64)
        exact, change, why_not = difference(model, x, number, count=8)
        own_units, own_tight, faults = fields_checked(model, x, number, layers=2)
        local, units, tight = local + (why_not is None), units + own_units, tight + own_tight
        worst = max(worst, exact / max(change, 1e-9))
        broken += [f"network {number}: {fault}" for fault in faults]
        broken += [f"network {number}: {exact:.1e} of a change of {change:.1e}"] * (exact > EXACT * change + 1e-12)
    words = f"off by {worst:.0e} of a change at most  fields {tight}/{units}  {local} of {count} local"
    return Row(RANDOM, words, broken)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="names of torchvision; none: the usual ones")
    parser.add_argument("--all", action="store_true", help="every family of torchvision's classifiers")
    parser.add_argument("--random", type=int, default=200, metavar="N", help="how many random networks")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    one_thread()
    good = True
    for name in (*(chosen.networks or TORCHVISION + MORE * chosen.all), RANDOM):
        row = random_rows(chosen.random, chosen.seed) if name == RANDOM else torchvision_row(name, chosen.seed)
        good = good and not row.broken
        print(f"{row.name:<20} {row.words}{''.join(f'  BROKEN: {bar}' for bar in row.broken)}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
