"""Chapter 01 at full scale: first layers of another stride, trained on all of MNIST, and the shipped networks' first filters.

`COURSE_DATA_DIR=... python -m experiments.weights_table`
"""

from __future__ import annotations

import torch

from course_utils import data, measure, models, runtime, training, visualize

from .record import write

DESIGNS = {"coarse": (11, 4), "small": (7, 4), "fine": (7, 2)}
SEEDS, EPOCHS = 3, 2


def main() -> None:
    train_set, test_set = data.load("digits", "train", source="mnist"), data.load("digits", "test", source="mnist")
    x, y = test_set.x.to(runtime.device()), test_set.y.to(runtime.device())
    numbers: dict[str, float] = {}
    for name, (kernel, stride) in DESIGNS.items():
        errors, wobbles, shares = [], [], []
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            net = models.StrideNet(kernel, stride).to(runtime.device())
            training.train(net, train_set.x, train_set.y, epochs=EPOCHS, lr=0.05, batch_size=32, seed=seed, label=f"{name}, {seed}")
            errors.append(100 * (1 - measure.accuracy(net, x, y)))
            wobbles.append(100 * visualize.shift_wobble(net, x[:1000], "1").median().item())
            shares.append(100 * visualize.above_nyquist(visualize.first_layer_weights(net), stride).median().item())
            print(name, seed, errors[-1], wobbles[-1], shares[-1], flush=True)
        numbers |= {
            f"{name}_error": sum(errors) / SEEDS, f"{name}_error_low": min(errors), f"{name}_error_high": max(errors),
            f"{name}_wobble": sum(wobbles) / SEEDS, f"{name}_above": sum(shares) / SEEDS,
        }  # fmt: skip
    source = f"MNIST, trained on all {len(train_set.y):,} pictures for {EPOCHS} epochs, {SEEDS} seeds each"
    write("weights", numbers, source=source, count=len(y), seed=0, command="python -m experiments.weights_table")


if __name__ == "__main__":
    main()
