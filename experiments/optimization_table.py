"""Chapter 05 on real pictures' networks: class images of LeNet (MNIST) and SignNet (GTSRB), judged by networks of their own.

`COURSE_DATA_DIR=... python -m experiments.optimization_table`
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils import data, models, runtime, visualize

from .record import write

LOOP = {"steps": 25, "rate": 0.06, "momentum": 0.7}


def judged(net: nn.Module, judge: nn.Module, start: Tensor, centre: float) -> dict[str, float]:
    """Percent of the classes that the judge recognises in pictures made on `net`, and how rough the pictures are."""
    y = torch.arange(len(start), device=start.device)
    natural = (visualize.decay(0.02, centre), visualize.blur(0.7, 2), visualize.drop_weak(0.2, centre))
    numbers = {}
    for key, (rules, jitter) in {"none": ((), 0), "jitter": ((), 2), "blur": (natural[1:2], 2), "all": (natural, 2)}.items():
        made = visualize.maximize(
            net, start, visualize.class_score(y), regularizers=rules, jitter=jitter, generator=runtime.generator(0), **LOOP
        )
        numbers[key] = 100 * (runtime.predict(judge, made) == y).float().mean().item()
        numbers[f"{key}_roughness"] = 100 * roughness(made).mean().item()
    return numbers


def roughness(x: Tensor) -> Tensor:
    """The squared steps between neighbours over the squared distances from the mean: near 4 for noise, [N]."""
    return visualize.total_variation(1.0)(x) / (x - x.mean((1, 2, 3), keepdim=True)).square().flatten(1).sum(1)


def main() -> None:
    where, numbers = runtime.device(), {}
    lenet, robust = models.load("lenet-mnist"), models.load("lenet-mnist-fgsm")
    signnet, twin = models.load("signnet-gtsrb"), models.load("signnet-gtsrb-twin")
    for world, values in {
        "digits": judged(lenet, robust, torch.zeros(10, 1, 28, 28, device=where), 0.0),
        "signs": judged(signnet, twin, torch.full((43, 3, 48, 48), 0.5, device=where), 0.5),
    }.items():
        numbers |= {f"{world}_{key}": value for key, value in values.items()}
    numbers["signs_real_roughness"] = 100 * roughness(data.load("signs", "test", n=1000, source="real").x).mean().item()
    write("optimization", numbers, source="class images of networks trained on MNIST (10) and GTSRB (43)", count=53, seed=0,
          command="python -m experiments.optimization_table")  # fmt: skip


if __name__ == "__main__":
    main()
