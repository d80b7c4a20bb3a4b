"""L-BFGS for a batch against SciPy's L-BFGS-B, picture by picture with the same cost and the same search for c.

On MNIST test pictures where they are found (COURSE_DATA_DIR), else on drawn digits; fully connected networks and LeNet; the target is
another class for each picture. There is no bare limit here: the other column is SciPy's time, and the ratio that counts is ours over it.
"""

from __future__ import annotations

import sys

import torch

from benchmarks.common import cpu_seconds, one_thread, report
from benchmarks.scipy_lbfgs import reference
from course_utils import data, measure, models, runtime
from course_utils.attacks import lbfgs
from course_utils.data.downloads import FetchError

NETWORKS = {"fc10": 0.25, "fc100": 0.25, "fc200": 0.25, "ae400": 0.25, "lenet": 0.5}  # the bar for the ratio of times
NEAR = 1.05  # the bar for the ratio of mean distortions
COUNT = 64


def pictures(count: int) -> tuple[torch.Tensor, str, str]:
    """The pictures, whose they are, and the end of the networks' names."""
    try:
        return data.load("digits", "test", n=count, source="mnist").x, "mnist", "mnist"
    except FetchError:
        return data.load("digits", "test", n=count, source="drawn").x, "drawn", "digits"


def main(count: int = COUNT) -> int:
    one_thread()
    (x, source, tag), rows, good = pictures(count), [], True
    for name, bar in NETWORKS.items():
        net, ran = models.load(f"{name}-{tag}"), {}
        goal = (runtime.predict(net, x) + 1 + torch.arange(len(x)) % 9) % 10
        lbfgs(net, x[:2], goal[:2], targeted=True, searches=1)  # warm caches and lazy initialisation
        for who, attack in (("ours", lbfgs), ("scipy", reference)):
            found: list[torch.Tensor] = []
            seconds = cpu_seconds(lambda attack=attack, found=found: found.append(attack(net, x, goal, targeted=True)))
            ran[who] = seconds, measure.success_rate(net, found[0], goal, targeted=True), measure.norms(x, found[0]).rms.mean().item()
        (own, success, size), (other, success_scipy, size_scipy) = ran["ours"], ran["scipy"]
        ratio = own / other
        rows.append({
            "what": f"{name}, {len(x)} pictures, distortion {size:.4f} (SciPy {size_scipy:.4f})", "bar": bar, "seconds": own, "bare_seconds": other,
            "ratio": ratio, "ratio_lowest": ratio, "ratio_highest": ratio, "success": success, "success_scipy": success_scipy,
            "distortion": round(size, 5), "distortion_scipy": round(size_scipy, 5),
        })  # fmt: skip
        good &= success == 1 and size <= NEAR * size_scipy
    return 0 if report("lbfgs", rows, source=source, bare="SciPy's L-BFGS-B") and good else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
