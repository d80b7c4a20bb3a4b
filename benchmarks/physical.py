"""Expectation over transformation against the bare passes that it cannot do without, and the cameras it looks through.

On 24 drawn plates and SignNet. The limit of a step is one transform, forward and backward pass of all draws, in a plain loop. Each
camera is compared with one forward pass of the network whose pictures it makes: it should not cost much more than that.
"""

from __future__ import annotations

import sys
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.common import bracketed, one_thread, report
from course_utils import data, models, runtime, transforms
from course_utils.attacks import transform_attack

STEPS, SAMPLES = 5, 4


def bare(model: nn.Module, x: Tensor, y: Tensor, transform: partial) -> None:
    """Nothing but transforms and gradients."""
    chance, many = runtime.generator(), y.repeat_interleave(SAMPLES)
    for _ in range(STEPS):
        z = x.detach().requires_grad_()
        scores = model(transform(z.repeat_interleave(SAMPLES, 0), generator=chance))
        torch.autograd.grad(F.cross_entropy(scores, many, reduction="sum"), z)


def main() -> int:
    one_thread()
    net, flat = models.load("signnet-signs").requires_grad_(False), data.plates(source="drawn")
    outlines, plain = flat.masks[:, None].float(), data.load("photos", "test", n=16, source="drawn").x
    scenes = models.load("scenenet-scenes").requires_grad_(False)
    road = partial(transforms.roadside, distance=(8.0, 40.0), angle=(-50.0, 50.0), shape=outlines)
    noise = partial(transforms.add_noise, deviation=0.05)
    small = F.interpolate(flat.x, size=(48, 48), mode="area")

    def eot(transform: partial, x: Tensor) -> Tensor:
        return transform_attack(net, x, flat.y, transform=transform, samples=SAMPLES, eps=0.1, steps=STEPS)

    def quiet(run: object) -> None:
        with torch.no_grad():
            run()

    runs = {
        "eot, noise, 5 steps of 4 draws": (1.06, lambda: eot(noise, small), lambda: bare(net, small, flat.y, noise)),
        "eot, roadside, 5 steps of 4 draws": (1.06, lambda: eot(road, flat.x), lambda: bare(net, flat.x, flat.y, road)),
        "roadside, 24 frames (a SignNet pass)": (2.0, lambda: quiet(lambda: road(flat.x)), lambda: quiet(lambda: net(small))),
        "photograph, 16 photos (a SceneNet pass)": (1.0, lambda: quiet(lambda: transforms.photograph(plain)), lambda: quiet(lambda: scenes(plain))),
    }  # fmt: skip
    rows = [{"what": what, "bar": bar, **bracketed(run, limit, 5)} for what, (bar, run, limit) in runs.items()]
    return 0 if report("physical", rows, source="drawn plates and photos") else 1


if __name__ == "__main__":
    sys.exit(main())
