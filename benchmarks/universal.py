"""Universal perturbations against ART's, with the same budget, DeepFool settings and number of passes, on digits at 0.25 in the max-norm.

`python -m benchmarks.universal [PICTURES] [PASSES]`. ART (adversarial-robustness-toolbox) is none of the course's packages: without it only the course's
own times are measured. Process CPU seconds on one thread; ART's random numbers are NumPy's.
"""

from __future__ import annotations

import datetime
import json
import random
import sys
import time

import numpy as np
import torch

from benchmarks.common import RESULTS, one_thread
from course_utils import data, measure, models
from course_utils.attacks import universal_perturbation
from course_utils.runtime import generator

XI = 0.25


def timed(make, x: torch.Tensor, unseen: torch.Tensor, net: torch.nn.Module) -> dict[str, float]:
    """Seconds, and the fooling rate on the pictures used and on unseen ones."""
    start = time.process_time()
    v = make()
    return {"seconds": round(time.process_time() - start, 2), "own": round(measure.fooling_rate(net, x, v), 4), "unseen": round(measure.fooling_rate(net, unseen, v), 4)}


def by_art(net: torch.nn.Module, x: torch.Tensor, passes: int) -> torch.Tensor:
    """ART's UniversalPerturbation with DeepFool inside: 10 steps, overshoot 0.02, ten classes."""
    from art.attacks.evasion import UniversalPerturbation
    from art.estimators.classification import PyTorchClassifier

    random.seed(0), np.random.seed(0)
    classifier = PyTorchClassifier(net, torch.nn.CrossEntropyLoss(), tuple(x.shape[1:]), 10, clip_values=(0.0, 1.0))
    inner = {"max_iter": 10, "epsilon": 0.02, "nb_grads": 10, "verbose": False}
    attack = UniversalPerturbation(classifier, attacker="deepfool", attacker_params=inner, delta=0.0, max_iter=passes, eps=XI, norm=np.inf, verbose=False)
    attack.generate(x.numpy())
    return torch.from_numpy(np.asarray(attack.noise)).reshape(x.shape[1:])


def main(count: int = 128, passes: int = 5) -> None:
    one_thread()
    net = models.load("lenet-digits")
    x, unseen = data.load("digits", "train", count, source="drawn").x, data.load("digits", "test", 1000, source="drawn").x
    options = {"xi": XI, "passes": passes, "rate": 1.0}
    runs = {
        "many at a time": timed(lambda: universal_perturbation(net, x, generator=generator(0), **options).perturbation, x, unseen, net),
        "one at a time, as the paper": timed(lambda: universal_perturbation(net, x, batch=1, generator=generator(0), **options).perturbation, x, unseen, net),
    }
    print(runs, flush=True)
    try:
        runs["ART"] = timed(lambda: by_art(net, x, passes), x, unseen, net)
    except ModuleNotFoundError as error:
        print(f"ART is not measured: {error}")
    result = {
        "date": datetime.date.today().isoformat(), "device": "cpu, one thread", "torch": torch.__version__, "measure": "process CPU seconds, one run",
        "source": f"drawn digits, LeNet, max-norm {XI}, {count} pictures, {passes} passes, DeepFool: 10 steps, overshoot 0.02, ten classes", "rows": runs,
    }  # fmt: skip
    if "ART" in runs:
        result["times_faster"] = round(runs["ART"]["seconds"] / runs["many at a time"]["seconds"], 1)
        (RESULTS / "bench_universal.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
