"""How much of the PGD-trained MNIST network withstands other people's attacks: torchattacks' AutoAttack-style ensemble, and this course's restarts.

`COURSE_DATA_DIR=... python -m benchmarks.robust_ensemble [PICTURES]` writes data/results/bench_robust_ensemble.json. It needs torchattacks, which the
course does not; without it, it says so and is done. The four attacks of Croce and Hein (2020) in turn, each on what the earlier ones left: APGD on the cross-entropy, APGD towards nine
targets (difference of logits ratio), FAB towards nine targets, Square with 5,000 queries. eps 0.3. The accuracies are of all pictures, also of those
that the network has wrong from the start.
"""

from __future__ import annotations

import json
import sys
import time

import torch

from benchmarks.common import RESULTS
from course_utils import attacks, data, models, runtime
from experiments.record import made

EPS, NAME = 0.3, "madry-mnist-pgd"


def main(pictures: int = 1000) -> None:
    try:
        import torchattacks  # here: only this benchmark needs it
    except ModuleNotFoundError:
        print("skipped: torchattacks is not installed (pip install --no-deps torchattacks)")
        return
    net, test = models.load(NAME), data.load("digits", "test", pictures, source="mnist")
    x, y = test.x.to(runtime.device()), test.y.to(runtime.device())
    left = runtime.predict(net, x) == y
    numbers = {"clean": 100 * left.float().mean().item()}
    options = {"norm": "Linf", "eps": EPS, "seed": 0}
    ensemble = {
        "apgd_ce": torchattacks.APGD(net, **options, steps=100, n_restarts=1, loss="ce"),
        "apgd_t": torchattacks.APGDT(net, **options, steps=100, n_restarts=1, n_classes=10),
        "fab_t": torchattacks.FAB(net, **options, steps=100, n_restarts=1, multi_targeted=True, n_classes=10),
        "square": torchattacks.Square(net, **options, n_queries=5000, n_restarts=1),
    }
    for name, attack in ensemble.items():
        begin, some = time.time(), left.nonzero().flatten()
        moved = torch.cat([attack(a, b) for a, b in zip(x[some].split(1000), y[some].split(1000))]).detach().clamp(0, 1)
        moved = moved.clamp(x[some] - EPS, x[some] + EPS)  # theirs may leave the budget by rounding
        left[some] = runtime.predict(net, moved) == y[some]
        numbers[f"after_{name}"] = 100 * left.float().mean().item()
        print(f"{name}: {numbers[f'after_{name}']:.2f} % left, {time.time() - begin:.0f} s", flush=True)
    own = attacks.pgd(net, x, y, eps=EPS, step=0.01, steps=100, restarts=20)
    numbers["pgd100x20"] = 100 * (runtime.predict(net, own) == y).float().mean().item()
    print(numbers, flush=True)
    about = {"source": "the first MNIST test digits", "seed": 0, "torchattacks": torchattacks.__version__, "network": NAME, "eps": EPS, **made(len(y), "python -m benchmarks.robust_ensemble")}
    (RESULTS / "bench_robust_ensemble.json").write_text(json.dumps({"about": about, "numbers": {k: round(v, 2) for k, v in numbers.items()}}, indent=2) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
