"""PASS against OpenCV (ECC with a homography) and scikit-image (SSIM), pair by pair: how far apart, and how much faster.

`python -m benchmarks.pass_score [PAIRS]`. OpenCV (opencv-python-headless) is none of the course's packages: without it only the course's own time is
measured. Process CPU seconds on one thread, or seconds on the course's device where that is a GPU.
"""

from __future__ import annotations

import datetime
import json
import sys
import time

import numpy as np
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from benchmarks.common import RESULTS, one_thread
from course_utils import attacks, data, measure, models, runtime
from course_utils.measure.similarity import warped

EQUAL = 200  # so many pairs are compared, all are timed


def by_opencv(x: Tensor, x_adv: Tensor) -> tuple[float, bool]:
    """PASS of one pair `[1, H, W]` in grey levels: the better of the picture as it is and aligned; and whether ECC converged."""
    import cv2

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


def timed(work) -> tuple[float, object]:
    clock = time.perf_counter if runtime.device().type == "cuda" else time.process_time
    work()
    start = clock()
    found = work().cpu()  # waits for a GPU
    return clock() - start, found


def main(count: int = 1000) -> None:
    one_thread()
    rows = {}
    for name, (x, other) in pairs(count).items():
        seconds, found = timed(lambda x=x, other=other: measure.pass_score(x, other))
        rows[name] = {"ours_mean": found.mean().item(), "ours_seconds": seconds}
        try:
            start = time.process_time()
            theirs = [by_opencv(a, b) for a, b in zip(x[:EQUAL].cpu(), other[:EQUAL].cpu())]
            spent = (time.process_time() - start) * count / len(theirs)
        except ModuleNotFoundError as error:
            print(f"OpenCV is not measured: {error}")
            continue
        want = torch.tensor([value for value, _ in theirs])
        rows[name] |= {
            "theirs_mean": want.mean().item(), "mean_difference": (found[:EQUAL] - want).abs().mean().item(),
            "converged": sum(ok for _, ok in theirs) / len(theirs), "theirs_seconds": spent, "times_faster": spent / seconds,
        }  # fmt: skip
    rows = {name: {key: round(value, 4) for key, value in row.items()} for name, row in rows.items()}
    result = {
        "date": datetime.date.today().isoformat(), "device": runtime.describe_device(), "torch": torch.__version__,
        "measure": f"seconds for {count} pairs; {EQUAL} of them compared with OpenCV 50 steps of ECC and scikit-image, one thread", "rows": rows,
    }  # fmt: skip
    if all("times_faster" in row for row in rows.values()):
        (RESULTS / "bench_pass.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
