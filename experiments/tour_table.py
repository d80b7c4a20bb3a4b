"""Chapter 00 at full scale: LeNet before and after adversarial training, on all 10,000 MNIST test pictures.

`python -m experiments.tour_table`
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime

from .record import write

EPS, STEPS = 0.25, 10


def small_steps(model: nn.Module, x: Tensor, y: Tensor, eps: float, steps: int) -> Tensor:
    """The chapter's loop: FGSM repeated with small steps, clipped to the budget after each."""
    x_adv = x
    for _ in range(steps):
        x_adv = attacks.fgsm(model, x_adv, y, eps=min(1, 2.5 / steps) * eps).clamp(x - eps, x + eps)
    return x_adv


def main() -> None:
    pictures = data.load("digits", "test", source="mnist")
    x, y = pictures.x.to(runtime.device()), pictures.y.to(runtime.device())
    nets = {"plain": models.load("lenet-mnist"), "guarded": models.load("lenet-mnist-fgsm")}

    def error(net: nn.Module, x: Tensor) -> float:
        return 100 * (1 - measure.accuracy(net, x, y))

    one_step = {name: attacks.fgsm(net, x, y, eps=EPS) for name, net in nets.items()}
    numbers = {}
    for name, net in nets.items():
        numbers |= {f"{name}_clean": error(net, x), f"{name}_fgsm": error(net, one_step[name])}
    numbers["plain_to_guarded"] = error(nets["guarded"], one_step["plain"])
    numbers["guarded_to_plain"] = error(nets["plain"], one_step["guarded"])
    parts = zip(x.split(1000), y.split(1000))  # a thousand at a time: less memory
    ten = torch.cat([small_steps(nets["guarded"], some, labels, EPS, STEPS) for some, labels in parts])
    numbers["guarded_ten"] = error(nets["guarded"], ten)
    write("tour-mnist", numbers, source="MNIST test set", count=len(y), seed=0, command="python -m experiments.tour_table")


if __name__ == "__main__":
    main()
