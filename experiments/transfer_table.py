"""Chapter 13 at full scale, whose pictures fool whom: both tables of Szegedy on MNIST, why it is so, and from picture to picture.

`COURSE_DATA_DIR=... python -m experiments.transfer_table`, or with a number of pictures (64), to try it.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime
from course_utils.runtime import generator

from .record import write

SIX = {
    "fc10_weak": "fc10-mnist", "fc10_middle": "fc10-mnist-decay0.01", "fc10_strong": "fc10-mnist-decay1", "fc100": "fc100-mnist",
    "fc200": "fc200-mnist", "ae400": "ae400-mnist",
}  # fmt: skip
SPLIT = {"fc100_p1": "fc100-mnist-p1", "fc123_p1": "fc123-mnist-p1", "fc100_p2": "fc100-mnist-p2"}
KAPPAS = (0, 1, 2, 4, 8, 12, 16)


def targeted(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Szegedy's attack: the nearest picture of another class, drawn for each picture by its place in the part."""
    goal = (y + torch.randint(1, 10, y.shape, generator=generator(0)).to(y)) % 10
    return attacks.lbfgs(net, x, goal, targeted=True)


def flat(kind: str, table: measure.Transfer) -> dict[str, float]:
    """Every number of a table, in percent: kind_row_column, and kind_row_column_own and _control for those right before."""
    columns, numbers = table.names[: table.error.shape[1]], {}
    for i, row in enumerate(table.names):
        key = row.replace("noise ", "noise_")
        numbers[f"{kind}_{key}_distortion"] = table.distortion[i].item()
        for j, column in enumerate(columns):
            for end, values in (("", table.error), ("_own", table.success), ("_control", table.control)):
                numbers[f"{kind}_{key}_{column}{end}"] = 100 * values[i, j].item()
    return numbers


def gradients(nets: dict[str, nn.Module], x: Tensor, y: Tensor) -> dict[str, float]:
    """Mean cosine of two networks' gradients at a picture; and of one network's gradient with another's at another picture."""
    slopes = {key: attacks.common.input_gradient(net, x, y).flatten(1) for key, net in nets.items()}
    cosine = lambda a, b: torch.cosine_similarity(a, b).mean().item()  # noqa: E731
    pairs = [(a, b) for i, a in enumerate(slopes) for b in list(slopes)[i + 1 :]]
    return {f"cosine_{a}_{b}": cosine(slopes[a], slopes[b]) for a, b in pairs} | {
        f"cosine_{a}_{b}_shuffled": cosine(slopes[a], slopes[b].roll(1, 0)) for a, b in pairs
    }


def by_kappa(nets: dict[str, nn.Module], source: str, x: Tensor, y: Tensor) -> dict[str, float]:
    """Success on each network of Carlini and Wagner's pictures for `source`, at each kappa."""
    numbers = {}
    for kappa in KAPPAS:
        found = attacks.carlini_wagner(nets[source], x, y, confidence=float(kappa), c=1.0, search=5, steps=200, rate=0.05, edge=0.01)
        numbers[f"kappa_{kappa}_distortion"] = measure.norms(x, found).rms.mean().item()
        numbers |= {f"kappa_{kappa}_{key}": 100 * measure.success_rate(net, found, y, x=x) for key, net in nets.items()}
        bell = measure.of_rms(x, torch.randn(x.shape, generator=generator(1)).to(x), measure.norms(x, found).rms)
        numbers |= {f"kappa_{kappa}_{key}_noise": 100 * measure.success_rate(net, bell, y, x=x) for key, net in nets.items()}
    return numbers


def from_picture_to_picture(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Each picture's own smallest change put on every other picture, as it is and at three sizes: the share that is fooled."""
    known = runtime.predict(net, x) == y
    x, y, numbers = x[known], y[known], {}
    change = attacks.lbfgs(net, x, y) - x
    same = (y[:, None] == y[None]).fill_diagonal_(False)
    other, noise = y[:, None] != y[None], torch.randn(x.shape, generator=generator(2)).to(x)
    for size in (None, 0.06, 0.1, 0.15):
        for name, r in (("", change), ("_noise", noise)):
            length = r.flatten(1).square().mean(1).sqrt()
            wanted = change.flatten(1).square().mean(1).sqrt() if size is None else torch.full_like(length, size)
            r = r * (wanted / length)[:, None, None, None]
            wrong = torch.stack([runtime.predict(net, (x + one).clamp(0, 1)) != y for one in r])
            key = f"pictures_{size or 'own'}{name}"
            numbers |= {f"{key}_same": 100 * wrong[same].float().mean().item(), f"{key}_other": 100 * wrong[other].float().mean().item()}
            numbers[f"{key}_best"] = 100 * (wrong & ~torch.eye(len(x), dtype=torch.bool, device=x.device)).float().sum(1).max().item() / (len(x) - 1)
    return numbers


def main(count: int = 1000) -> None:
    pictures = data.load("digits", "test", n=count, source="mnist")
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    six, split = ({key: models.load(name) for key, name in nets.items()} for nets in (SIX, SPLIT))
    numbers = {f"{key}_test_error": 100 * (1 - measure.accuracy(net, x, y)) for key, net in (six | split).items()}
    numbers |= flat("six", measure.transfer_table(six, targeted, x, y, noise=(0.1, 0.3)))
    print("the six are done", flush=True)
    numbers |= flat("split", measure.transfer_table(split, targeted, x, y, noise=(0.06, 0.1)))
    numbers |= flat("louder", measure.transfer_table(split, targeted, x, y, rms=0.1, noise=(0.1,)))
    print("the split is done", flush=True)
    every = split | {"fc10": six["fc10_weak"], "lenet": models.load("lenet-mnist")}
    few = slice(0, max(20, count // 5))
    numbers |= gradients(every, x, y) | by_kappa(every, "fc100_p1", x[few], y[few]) | from_picture_to_picture(split["fc100_p1"], x[few], y[few])
    write("transfer", numbers, source="mnist, test pictures", count=count, seed=0, command="python -m experiments.transfer_table")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
