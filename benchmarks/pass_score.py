"""PASS against OpenCV (ECC with a homography) and scikit-image (SSIM), pair by pair: how far apart, and how much faster.

`python -m benchmarks.pass_score [PAIRS]`. OpenCV (opencv-python-headless) is none of the course's packages: without it only the course's own time is
measured. Process CPU seconds on one thread, and seconds by the clock on all cores (OpenCV and scikit-image go pair by pair and use one), or on the GPU.
"""

from __future__ import annotations

import datetime
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from benchmarks.common import RESULTS, one_thread
from course_utils import attacks, data, measure, models, runtime
from course_utils.measure.alignment import warped

EQUAL = 200  # so many pairs are compared, all are timed


def by_opencv(x: Tensor, x_adv: Tensor) -> tuple[float, bool]:
    """PASS of one pair `[1, H, W]` in grey levels: the better of the picture as it is and aligned; and whether ECC converged."""
    import cv2

    cv2.setNumThreads(1)  # on pictures so small a second thread only waits
    a, b = ((255 * picture[0]).numpy() for picture in (x, x_adv))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    plain = structural_similarity(a, b, **options)
    try:
        stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-3)
        _, warp = cv2.findTransformECC(a, b, np.eye(3, dtype=np.float32), cv2.MOTION_HOMOGRAPHY, stop, None, 5)
    except cv2.error:  # on sparse digits it may not converge
        return plain, False
    moved = cv2.warpPerspective(b, warp, a.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return max(plain, structural_similarity(a, moved, **options)), True


def pairs(count: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Drawn digits and what attacks, noise and a small turn make of them, in whole grey levels."""
    net, x = models.load("lenet-digits"), measure.quantize(data.load("digits", "test", count, source="drawn").x).to(runtime.device())
    chance = torch.randn(x.shape, generator=runtime.generator(0)).to(x)
    turn = torch.tensor([[0.98, 0.1, 0.03], [-0.1, 0.98, 0.02], [0.02, 0.01, 1.0]]).to(x).repeat(len(x), 1, 1)
    changed = {
        "FGSM 0.1": attacks.fgsm(net, x, eps=0.1), "FGV 0.4": attacks.fgv(net, x, eps=0.4), "hot/cold": attacks.hot_cold(net, x),
        "noise 0.2": (x + 0.2 * chance).clamp(0, 1), "turned": warped(x, turn),
    }  # fmt: skip
    return {name: (x, measure.quantize(other)) for name, other in changed.items()}


def timed(work: Callable[[], Tensor], threads: int, clock: Callable[[], float]) -> tuple[float, Tensor]:
    """The median of seven runs after one that warms up, and what the work gives."""
    torch.set_num_threads(threads)
    work()
    seconds = []
    for _ in range(7):
        start = clock()
        found = work().cpu()  # waits for a GPU
        seconds.append(clock() - start)
    torch.set_num_threads(1)
    return statistics.median(seconds), found


def main(count: int = 1000) -> None:
    one_thread()
    rows = {}
    for name, (x, other) in pairs(count).items():
        work = partial(measure.pass_score, x, other)
        seconds, found = timed(work, 1, time.process_time)
        by_clock, _ = timed(work, os.cpu_count() or 1, time.perf_counter)
        rows[name] = {"ours_mean": found.mean().item(), "ours_cpu_seconds_one_thread": seconds, "ours_seconds_all_cores": by_clock}
        try:
            start, started = time.process_time(), time.perf_counter()
            theirs = [by_opencv(a, b) for a, b in zip(x[:EQUAL].cpu(), other[:EQUAL].cpu())]
            spent, passed = ((now - then) * count / len(theirs) for now, then in ((time.process_time(), start), (time.perf_counter(), started)))
        except ModuleNotFoundError as error:
            print(f"OpenCV is not measured: {error}")
            continue
        want = torch.tensor([value for value, _ in theirs])
        rows[name] |= {
            "theirs_mean": want.mean().item(), "mean_difference": (found[:EQUAL] - want).abs().mean().item(),
            "converged": sum(ok for _, ok in theirs) / len(theirs), "theirs_cpu_seconds": spent, "theirs_seconds": passed,
            "times_faster_one_thread": spent / seconds, "times_faster_all_cores": passed / by_clock,
        }  # fmt: skip
    rows = {name: {key: round(value, 4) for key, value in row.items()} for name, row in rows.items()}
    result = {
        "date": datetime.date.today().isoformat(), "device": runtime.describe_device(), "cores": os.cpu_count(), "torch": torch.__version__,
        "measure": f"seconds for {count} pairs; {EQUAL} of them compared with OpenCV (50 steps of ECC at most) and scikit-image", "rows": rows,
    }  # fmt: skip
    if all("times_faster_all_cores" in row for row in rows.values()):
        (RESULTS / "bench_pass.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
