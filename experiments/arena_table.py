"""Chapter 23's recorded verdicts: networks of the course in the arena, on drawn digits and on MNIST.

`python -m experiments.arena_table [digits|mnist] [NETWORK ...] [--seconds S] [--pictures N]`. Each network is written down as soon as it is judged.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from course_utils.arena import judged

from .record import add

BEHIND = """
import torch
from course_utils import models
class Behind(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.load("{name}")
    def forward(self, x):
        return self.net({change})
load = Behind
"""
PLAIN = "from course_utils import models\ndef load():\n    return models.load('{name}')\n"
# key -> (what the file says, the checkpoint's name with {} for the pictures)
NETWORKS = {
    "plain": (PLAIN, "lenet-{}"), "pgd": (PLAIN, "madry-{}-pgd"), "distilled": (PLAIN, "stridenet-{}-distilled"),
    "noise": (BEHIND.replace("{change}", "(x + 0.2 * torch.randn_like(x)).clamp(0, 1)"), "lenet-{}"), "fgsm": (PLAIN, "lenet-{}-fgsm"),
    "rounded": (BEHIND.replace("{change}", "(3 * x).round() / 3"), "lenet-{}"), "two_levels": (BEHIND.replace("{change}", "x.round()"), "lenet-{}"),
}  # fmt: skip
SHOWN = ("noise", "fgsm", "pgd", "transfer", "pgd margin", "square", "bpda straight", "bpda borrowed", "eot", "stand-in")


def one(pictures: str, key: str, seconds: float, count: int) -> tuple[dict[str, float], int]:
    """The numbers of one judgement, in percent, and on how many pictures."""
    text, name = NETWORKS[key]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{key}.py"
        path.write_text(text.replace("{name}", name.format(pictures)), encoding="utf-8")
        report = judged(path, seconds=seconds, pictures=count, seed=0, data={"digits": "drawn", "mnist": "real"}[pictures], out=Path(folder) / "out").report
    if report["verdict"] == "invalid":
        raise SystemExit(f"{pictures}, {key}: {report['reasons']}")
    start = f"{pictures}_{key}"
    numbers = {f"{start}_stands": float(report["verdict"] == "stands"), f"{start}_seconds": report["took"], f"{start}_pictures": report["pictures"]}
    numbers |= {f"{start}_clean": 100 * report["clean_accuracy"], f"{start}_worst": 100 * report["worst_case"]}
    numbers |= {f"{start}_{attack.replace(' ', '_')}": 100 * left for attack in SHOWN if (left := report["accuracy_left"].get(attack)) is not None}
    return numbers, report["pictures"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["digits", "mnist"], help=f"digits, mnist, or some of {', '.join(NETWORKS)}")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--pictures", type=int, default=100)
    given = parser.parse_args()
    kinds, keys = [k for k in ("digits", "mnist") if k in given.what] or ["digits", "mnist"], [k for k in NETWORKS if k in given.what] or list(NETWORKS)
    for key in keys:
        for pictures in kinds:
            numbers, count = one(pictures, key, given.seconds, given.pictures)
            command = f"python -m experiments.arena_table --seconds {given.seconds:g} --pictures {given.pictures}"
            add("arena", f"{pictures}, {key}", numbers, source="fresh drawn digits, and MNIST test pictures turned and moved a little", count=count, seed=0, command=command)


if __name__ == "__main__":
    main()
