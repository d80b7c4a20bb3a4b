"""Carlini and Wagner's L2 attack, nine values of c and up to 1,000 steps for each, against 9,000 bare passes on the same pictures.

On 16 MNIST test pictures that LeNet has right where they are found (COURSE_DATA_DIR), else on drawn digits. Of the bare passes a tenth
is run before and after the attack, and counts ten times.
"""

from __future__ import annotations

import sys

from benchmarks.common import bracketed, one_thread, report
from benchmarks.iterative import bare, pictures
from course_utils import measure
from course_utils.attacks import carlini_wagner

PICTURES, PASSES, TENTH = 16, 9000, 10


def main(count: int = PICTURES, search: int = 9) -> int:
    one_thread()
    net, x, y, source = pictures(count)
    rows, found = [], []
    net.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])) if given[0].requires_grad else None)

    def attack() -> None:
        rows.clear()
        found.append(carlini_wagner(net, x, y, search=search))

    timed = bracketed(attack, lambda: bare(net, x, y, PASSES * search // 9 // TENTH), repeats=1)
    for key in ("ratio", "ratio_lowest", "ratio_highest"):
        timed[key] /= TENTH
    timed["bare_seconds"] *= TENTH
    attack()
    near = {
        "l2_success": measure.success_rate(net, found[-1], y), "l2_mean": round(measure.norms(x, found[-1]).l2.mean().item(), 4),
        "passes_per_picture": round(sum(rows) / len(x)),
    }  # fmt: skip
    print(source, near)
    row = {"what": f"L2, {search} values of c, up to 1,000 steps, {len(x)} pictures", "bar": 0.95, **timed}
    return 0 if report("carlini_wagner", [row], source=source, **near) and near["l2_success"] == 1 else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
