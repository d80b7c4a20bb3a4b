"""Chapter 02 on real data: label purity of units and directions on MNIST and GTSRB. `python -m experiments.patches_table`"""

from __future__ import annotations

import torch
from torch import nn

from course_utils import data, measure, models, runtime, visualize
from course_utils.data import Pictures
from course_utils.visualize.directions import KINDS

from .record import write

COUNT = 100  # units, and directions of each kind
LAYERS = (("digits", "mnist", models.LeNet, ("3", "6")), ("signs", "gtsrb", models.SignNet, ("9", "14")))


def purities(model: nn.Module, pictures: Pictures, train: torch.Tensor, layer: str) -> dict[str, torch.Tensor]:
    """The purity of the nine strongest pictures, for units that answer to nine pictures or more and for each kind of direction."""
    chance = runtime.generator(1)
    top = visualize.top_patches(model, pictures, layer, patches=False)
    awake = (top.values[:, -1] > 0).nonzero().flatten()
    units = awake[torch.randperm(len(awake), generator=chance)[:COUNT]]
    phi = visualize.responses(model, train, layer)
    result = {"units": measure.purity(top.labels[units])}
    for kind in KINDS:
        v = visualize.random_directions(phi, COUNT, kind, generator=chance)
        result[kind] = measure.purity(visualize.top_patches(model, pictures, layer, directions=v, patches=False).labels)
    return result


def main() -> None:
    numbers, count = {}, 0
    for world, source, network, layers in LAYERS:
        pictures = data.load(world, "test", source=source)
        train = data.load(world, "train", 500, source=source).x
        count += len(pictures.x)
        draws = torch.stack([torch.randperm(len(pictures.y), generator=runtime.generator(seed))[:9] for seed in range(2000)])
        numbers[f"{world}_chance"] = measure.purity(pictures.y[draws]).mean().item()
        runtime.seed_everything(0)
        untrained = network().eval()
        for layer in layers:
            for name, model in (("", models.load(f"{'lenet' if world == 'digits' else 'signnet'}-{source}")), ("untrained_", untrained)):
                for kind, values in purities(model, pictures, train, layer).items():
                    numbers[f"{world}_{layer}_{name}{kind}"], low, high = measure.mean_interval(values)
                    numbers[f"{world}_{layer}_{name}{kind}_half"] = (high - low) / 2
    write("patches", numbers, source="MNIST and GTSRB, test", count=count, seed=0, command="python -m experiments.patches_table")


if __name__ == "__main__":
    main()
