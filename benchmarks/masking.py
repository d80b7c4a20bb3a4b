"""The verdicts of `gradient_masking_report` on networks that hide their gradient and on networks that do not, and how far apart its numbers lie.

`COURSE_DATA_DIR=... TORCH_HOME=... python -m benchmarks.masking [WORDS ...] [--seeds 0 1 2] [--quick] [--keep FILE]` writes data/results/bench_masking.json,
and exits with 1 at a wrong verdict. WORDS: only networks whose names hold one of them. FILE: where each verdict goes at once; a run that was broken
off goes on behind the last of them. Hiding: all of `benchmarks.hiding.HIDES` around trained networks, and the distilled
ones. Not hiding: all classifiers that ship, drawn and real, SHOWS around trained networks, and small networks trained here for a few epochs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.common import RESULTS, one_thread
from benchmarks.hiding import HIDES, SHOWS
from course_utils import attacks, data, defenses, models, training
from course_utils.defenses.masking.findings import LIMITS
from course_utils.runtime import generator, seeded_weights

SETS = {"digits": "drawn", "mnist": "mnist", "signs": "drawn", "gtsrb": "gtsrb", "cifar10": "cifar10", "scenes": "drawn", "faces": "drawn", "orl": "orl"}
WORLDS = {"digits": "digits", "mnist": "digits", "signs": "signs", "gtsrb": "signs", "cifar10": "objects", "scenes": "photos", "faces": "faces", "orl": "faces"}
OBJECTS = ("allconv", "smallvgg", "nin")  # networks of objects, which drawn signs stand in for
LEFT_OUT = ("decoder", "spoken", "detector", "pixelcnn", "generator", "distilled", "thermometer")
AROUND = ("lenet-digits", "lenet-mnist")  # all changes are tried on these, FEW on others
OTHERS = ("madry-digits-pgd", "madry-mnist-pgd-twin", "signnet-gtsrb", "signnet-gtsrb-pgd", "allconv-cifar10", "allconv-signs")
FEW = ("rounded to 16 levels", "smooth stairs 1000", "scores x 100", "tanh x 10", "sigmoid x 20", "noise 0.05", "own noise 0.1", "shifts", "no_grad", "gradient by chance", "log-softmax", "blurred", "straight to 8 levels", "cut off", "scores / 10", "scores / 1000", "batch standardised", "gray")
COUNT = 60  # pictures


class Judged(NamedTuple):
    """A network of the bench: whether it hides its gradient, which pictures it is for, and how it is made."""

    name: str
    hides: bool
    pictures: str
    build: Callable[[], nn.Module]


def everything() -> Iterator[Judged]:
    """All networks of the bench."""
    for name in models.available():
        world = name.split("-")[1]
        if world in SETS and not any(word in name for word in LEFT_OUT):
            yield Judged(name, False, place(name), lambda name=name: models.load(name))
        elif name.endswith("-distilled"):
            yield Judged(name, True, world, lambda name=name: models.load(name))
    for name in (*AROUND, *OTHERS):
        for change, make in {**HIDES, **SHOWS}.items():
            if name in AROUND or change in FEW:
                yield Judged(f"{change} @ {name}", change in HIDES, place(name), lambda name=name, make=make: make(models.load(name)))
    for name in FRESH:
        yield Judged(f"{name}, fresh", False, "digits", lambda name=name: fresh(name))


def place(name: str) -> str:
    """Which pictures a shipped network is for; for objects drawn signs of 32x32."""
    network, world = name.split("-")[:2]
    return "objects" if network in OBJECTS and world == "signs" else world


def pictures(where: str, count: int, skip: int = 0) -> tuple[Tensor, Tensor]:
    """Test pictures of a set, and their classes; `skip`: how many of the first ones are left out."""
    world, source = ("objects", "drawn") if where == "objects" else (WORLDS[where], SETS[where])
    x, y, *_ = data.load(world, "test", count + skip, source=source)
    return x[skip:], y[skip:]


# ---------------------------------------------------------------- networks trained here


def dense(*widths: int, bend: Callable[[], nn.Module] = nn.ReLU) -> nn.Module:
    sizes = [784, *widths]
    hidden = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), bend())]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(sizes[-1], 10))


def convolutional(width: int = 12, *, norm: bool = False, drop: float = 0.0, bend: Callable[[], nn.Module] = nn.ReLU, pool: type[nn.Module] = nn.MaxPool2d) -> nn.Module:
    def block(a: int, b: int) -> list[nn.Module]:
        return [nn.Conv2d(a, b, 3, padding=1), *([nn.BatchNorm2d(b)] if norm else []), bend(), pool(2)]

    return nn.Sequential(*block(1, width), *block(width, 2 * width), nn.Flatten(), nn.Dropout(drop), nn.Linear(98 * width, 64), bend(), nn.Linear(64, 10))


def against(attack: Callable) -> training.Loss:
    return lambda model, x, y: F.cross_entropy(model(attack(model, x, y)), y)


FRESH: dict[str, tuple[Callable[[], nn.Module], int, int, training.Loss | None]] = {  # network, pictures, epochs, loss
    "linear": (dense, 2000, 5, None), "dense": (lambda: dense(100), 2000, 6, None), "dense, deep": (lambda: dense(128, 64, 32), 2000, 8, None),
    "sigmoid": (lambda: dense(64, bend=nn.Sigmoid), 2000, 15, None), "tanh": (lambda: dense(64, 32, bend=nn.Tanh), 2000, 8, None),
    "overfitted": (lambda: dense(300), 300, 150, None), "overfitted, convolutional": (lambda: convolutional(16), 600, 40, None),
    "convolutional": (convolutional, 2000, 3, None), "batch norm": (lambda: convolutional(norm=True), 2000, 3, None), "dropout": (lambda: convolutional(drop=0.5), 2000, 5, None),
    "smooth": (lambda: convolutional(bend=nn.GELU, pool=nn.AvgPool2d), 2000, 3, None), "one epoch": (convolutional, 2000, 1, None),
    "FGSM": (convolutional, 2000, 4, against(lambda m, x, y: attacks.fgsm(m, x, y, eps=0.1))),
    "PGD": (lambda: convolutional(norm=True), 2000, 3, against(lambda m, x, y: attacks.pgd(m, x, y, eps=0.1, steps=4))),
    "noise": (convolutional, 2000, 4, against(lambda m, x, y: (x + 0.3 * torch.randn_like(x)).clamp(0, 1))),
}  # fmt: skip


def fresh(name: str) -> nn.Module:
    """One of the small networks, trained for some seconds."""
    make, count, epochs, loss = FRESH[name]
    with seeded_weights(len(name)):
        net = make()
    x, y, *_ = data.load("digits", "train", count, source="drawn")
    training.train(net, x, y, epochs=epochs, optimizer="adam", lr=2e-3, weight_decay=0.0, seed=1, **({"loss": loss} if loss else {}))
    return net.eval()


# ---------------------------------------------------------------- the verdicts


def judge(one: Judged, seed: int, **options) -> dict:
    """The report's verdict and its numbers; each seed has other pictures."""
    x, y = pictures(one.pictures, COUNT, skip=COUNT * seed)
    torch.manual_seed(seed)
    report = defenses.gradient_masking_report(one.build(), x, y, generator=generator(seed), **options)
    numbers = report.numbers | {"sizes": report.numbers["cosine"] / max(report.numbers["signs"], 1e-9)} if "cosine" in report.numbers else report.numbers
    for name in ("one step", "margin", "random search"):
        gaps = [share - report.shares["many steps"][k] for k, share in report.shares.get(name, {}).items()]
        numbers = numbers | ({name: max(gaps)} if gaps else {})
    return {"name": one.name, "hides": one.hides, "masked": report.masked, "seed": seed, "numbers": numbers, "findings": report.findings}


def apart(rows: list[dict]) -> dict[str, dict]:
    """For each number: its limit, the worst network that does not hide (least or largest), and how many that hide are beyond the limit."""
    result = {}
    for key in sorted({key for row in rows for key in row["numbers"]}):
        open_ones = sorted((row["numbers"][key], row["name"]) for row in rows if not row["hides"] and key in row["numbers"])
        hiding = [row["numbers"][key] for row in rows if row["hides"] and key in row["numbers"]]
        if open_ones:
            low, high = open_ones[0], open_ones[-1]
            beyond = sorted(value for value in hiding if value > high[0])
            below = sorted((value for value in hiding if value < low[0]), reverse=True)
            limit = LIMITS.get({"random search": "search"}.get(key, key))
            result[key] = {"limit": limit, "open": [low, high], "hiding above": [len(beyond), beyond[:1]], "hiding below": [len(below), below[:1]]}
    return result


def judged(given: argparse.Namespace) -> list[dict]:
    """The verdicts on all networks that were asked for; those that were kept are not asked for again."""
    kept = [json.loads(line) for line in given.keep.read_text().splitlines()] if given.keep and given.keep.exists() else []
    rows = {(row["name"], row["seed"]): row for row in kept}
    chosen = [one for one in everything() if not given.words or any(word in one.name for word in given.words)]
    for one, seed in ((one, seed) for one in chosen for seed in given.seeds if (one.name, seed) not in rows):
        row = rows[one.name, seed] = judge(one, seed, attack=None if given.quick else True)
        print("WRONG" if row["masked"] != one.hides else "     ", one.name, f"seed {seed}:", row["findings"][0], flush=True)
        if given.keep:
            with given.keep.open("a") as file:
                file.write(json.dumps(row) + "\n")
    return [rows[one.name, seed] for one in chosen for seed in given.seeds]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--quick", action="store_true", help="contests only where the direct looks find nothing")
    parser.add_argument("--keep", type=Path, help="a file of verdicts, one a line")
    given = parser.parse_args()
    one_thread()
    rows = judged(given)
    wrong = [f"{row['name']}, seed {row['seed']}" for row in rows if row["masked"] != row["hides"]]
    counts = {"hiding": sum(row["hides"] for row in rows), "not hiding": sum(not row["hides"] for row in rows), "wrong": wrong}
    command = "python -m benchmarks.masking" + " --quick" * given.quick
    about = {"date": datetime.date.today().isoformat(), "torch": torch.__version__, "pictures": COUNT, "command": command}
    (RESULTS / "bench_masking.json").write_text(json.dumps({"about": about, "counts": counts, "numbers": apart(rows)}, indent=1) + "\n")
    print(counts)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
