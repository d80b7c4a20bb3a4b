"""Chapter 00 at full scale: LeNet before and after adversarial training, on all 10,000 MNIST test pictures.

`python -m experiments.tour_table`
"""

from __future__ import annotations

from torch import Tensor, nn

from course_utils import attacks, data, measure, models, runtime

from .common import in_parts, small_steps
from .record import write

EPS, STEPS = 0.25, 10


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
    ten = in_parts(lambda a, b: small_steps(nets["guarded"], a, b, EPS, STEPS), x, y, size=1000)
    numbers["guarded_ten"] = error(nets["guarded"], ten)
    write("tour-mnist", numbers, source="MNIST test set", count=len(y), seed=0, command="python -m experiments.tour_table")


if __name__ == "__main__":
    main()
