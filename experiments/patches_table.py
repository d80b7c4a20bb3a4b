"""Chapter 02 on real data: label purity of units and directions on MNIST and GTSRB. `python -m experiments.patches_table`"""

from __future__ import annotations

import torch
from torch import nn

from course_utils import data, measure, models, runtime, visualize
from course_utils.data import Pictures
from course_utils.visualize.directions import KINDS

from .record import write

COUNT = 300  # directions of each kind; and units, where the layer has so many
LAYERS = (  # the chapter's network, another one trained on the same pictures, and one without training
    ("digits", "mnist", ("lenet-mnist", "lenet-mnist-fgsm"), models.LeNet, ("3", "6")),
    ("signs", "gtsrb", ("signnet-gtsrb", "signnet-gtsrb-twin"), models.SignNet, ("9", "14")),
)


def purities(model: nn.Module, pictures: Pictures, train: torch.Tensor, layer: str) -> dict[str, torch.Tensor]:
    """The purity of the nine strongest pictures, for units that answer to nine pictures or more and for each kind of direction."""
    chance = runtime.generator(1)
    top = visualize.top_patches(model, pictures, layer, patches=False)
    awake = (top.values[:, -1] > 0).nonzero().flatten()
    units = awake[torch.randperm(len(awake), generator=chance)[:COUNT]]
    phi = visualize.responses(model, train, layer)
    drawn = torch.cat([visualize.random_directions(phi, COUNT, kind, generator=chance) for kind in KINDS])
    labels = visualize.top_patches(model, pictures, layer, directions=drawn, patches=False).labels
    return {"units": measure.purity(top.labels[units]), **dict(zip(KINDS, measure.purity(labels).split(COUNT)))}


def main() -> None:
    numbers, count = {}, 0
    for world, source, trained, network, layers in LAYERS:
        pictures = data.load(world, "test", source=source)
        train = data.load(world, "train", 500, source=source).x
        count += len(pictures.x)
        draws = torch.stack([torch.randperm(len(pictures.y), generator=runtime.generator(seed))[:9] for seed in range(2000)])
        numbers[f"{world}_chance"] = measure.purity(pictures.y[draws]).mean().item()
        runtime.seed_everything(0)
        networks = {"": models.load(trained[0]), "other_": models.load(trained[1]), "untrained_": network().eval()}
        for layer in layers:
            for name, model in networks.items():
                for kind, values in purities(model, pictures, train, layer).items():
                    numbers[f"{world}_{layer}_{name}{kind}"], low, high = measure.mean_interval(values)
                    numbers[f"{world}_{layer}_{name}{kind}_half"] = (high - low) / 2
    write("patches", numbers, source="MNIST and GTSRB, test", count=count, seed=0, command="python -m experiments.patches_table")


if __name__ == "__main__":
    main()
