"""Chapter 22, the trainings: eight activations, activations epoch by epoch, weight decay; and, in `bounded_rows`, patches on bounded networks.

`COURSE_DATA_DIR=... python -m experiments.activations_table [PART ...] [--quick]`. Parts: "compare" (eight activations, three seeds), "epochs" (one training, looked at
after each epoch) and "decay" (six weight decays), each with "_cifar10" or "_drawn" behind it; "two_gtsrb", "forty_gtsrb", "two_signs", "all_signs" (patches and stickers
made for one network and tried on others), "forty_gtsrb_scratch", "all_signs_scratch" (the same with three networks trained anew, the bounded one from another start);
"strangers_gtsrb", "strangers_signs". `--quick`: few pictures and epochs, for two contended cores; every part says on how many it rests.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from course_utils import data, layers, measure, runtime, training
from course_utils.models import BoundedLeakyReLU, RectifiedPolynomial, SmallAlexNet
from experiments import bounded_rows

from .record import add

ACTIVATIONS: dict[str, Callable[[int], nn.Module]] = {
    "sigmoid": lambda c: nn.Sigmoid(), "tanh": lambda c: nn.Tanh(), "relu": lambda c: nn.ReLU(), "leaky": lambda c: nn.LeakyReLU(0.1), "relu6": lambda c: nn.ReLU6(),
    "bounded": lambda c: BoundedLeakyReLU(3.0, 0.1, channels=c), "polynomial2": lambda c: RectifiedPolynomial(2), "polynomial3": lambda c: RectifiedPolynomial(3),
}  # fmt: skip
DECAYS = (0.0, 5e-5, 5e-4, 5e-3, 2e-2, 5e-2)
SEEDS = (0, 1, 2)
WORLDS = {"cifar10": 10, "drawn": 24}  # classes


def lesson(source: str, quick: bool) -> tuple[Tensor, Tensor, Tensor, Tensor, dict]:
    """Training and test pictures, and how long to train."""
    n, epochs, width = (1500, 4, 8) if quick else (None, 12, 16)
    x, y, *_ = data.load("objects", "train", n=n or (16_000 if source == "drawn" else None), source=source)
    z, t, *_ = data.load("objects", "test", n=500 if quick else None, source=source)
    where = runtime.device()
    return x.to(where), y, z.to(where), t.to(where), {"epochs": epochs, "width": width}


def trained(x: Tensor, y: Tensor, classes: int, how: dict, activation: Callable = ACTIVATIONS["relu"], seed: int = 0, **more) -> nn.Module:
    """A small AlexNet, from a start of this seed; every activation gets the same starts, pictures, order and learning rate."""
    with runtime.seeded_weights(seed):
        net = SmallAlexNet(classes, how["width"], activation).to(x.device)
    training.train(net, x, y, epochs=how["epochs"], lr=0.05, batch_size=32 if len(x) < 10_000 else 128, seed=seed, **more)
    return net


def spots(net: nn.Module) -> list[str]:
    """The names of the activations: the layer behind each batch normalization."""
    leaves = layers.names(net)
    return [leaves[k + 1] for k, name in enumerate(leaves) if isinstance(layers.resolve(net, name), nn.BatchNorm1d | nn.BatchNorm2d)]


def looked_at(net: nn.Module, x: Tensor) -> dict[str, float]:
    """For each activation of the network on pictures x: the largest, median and 99.9th percentile of what is not 0, and the tail ratio."""
    names, numbers = spots(net), {}
    with runtime.frozen(net), torch.no_grad(), layers.capture(net, *names) as seen:
        net(x)
    for k, name in enumerate(names, 1):
        values = seen[name][seen[name] != 0].abs().flatten()
        ordered = values.sort().values
        numbers |= {f"layer{k}_largest": ordered[-1].item(), f"layer{k}_median": ordered[len(ordered) // 2].item()}
        numbers |= {f"layer{k}_high": ordered[int(0.999 * (len(ordered) - 1))].item(), f"layer{k}_tail": measure.tail_ratio(values)}
    return numbers


def compare(source: str, quick: bool) -> tuple[dict[str, float], int]:
    """Percent of test pictures right with each activation: the mean of three seeds, and the least and the most."""
    x, y, z, t, how = lesson(source, quick)
    numbers: dict[str, float] = {}
    for name, activation in ACTIVATIONS.items():
        rights = [100 * measure.accuracy(trained(x, y, WORLDS[source], how, activation, seed), z, t) for seed in SEEDS]
        numbers |= {f"{source}_{name}": sum(rights) / len(rights), f"{source}_{name}_least": min(rights), f"{source}_{name}_most": max(rights)}
        print(source, name, [round(right, 1) for right in rights], flush=True)
    return numbers, len(x)


def epochs(source: str, quick: bool) -> tuple[dict[str, float], int]:
    """Activations on 200 test pictures before training and after each epoch, and how many of the test pictures are right."""
    x, y, z, t, how = lesson(source, quick)
    kept: list[dict[str, float]] = []

    def look(net: nn.Module) -> float:
        mode = net.training
        kept.append({"right": 100 * measure.accuracy(net.eval(), z, t), **looked_at(net, z[:200])})
        net.train(mode)
        return kept[-1]["right"]

    with runtime.seeded_weights(0):
        look(SmallAlexNet(WORLDS[source], how["width"]).to(x.device))
    trained(x, y, WORLDS[source], how, evaluate=look)
    return {f"{source}_epoch{k}_{name}": value for k, row in enumerate(kept) for name, value in row.items()}, len(x)


def decay(source: str, quick: bool) -> tuple[dict[str, float], int]:
    """Weight decay: largest and tail ratio of weights and of activations (worst layer of each), and how many are right."""
    x, y, z, t, how = lesson(source, quick)
    numbers: dict[str, float] = {}
    for strength in DECAYS:
        net, key = trained(x, y, WORLDS[source], how, weight_decay=strength), f"{source}_decay{strength:g}"
        weights = [part.weight for part in net if isinstance(part, nn.Conv2d | nn.Linear)]
        seen = looked_at(net, z[:200])
        numbers |= {f"{key}_right": 100 * measure.accuracy(net, z, t), f"{key}_size": torch.cat([w.detach().flatten() for w in weights]).square().mean().sqrt().item()}
        numbers |= {f"{key}_weights": max(measure.tail_ratio(w) for w in weights), f"{key}_activations": max(v for k, v in seen.items() if k.endswith("_tail"))}
        numbers |= {f"{key}_largest": max(v for k, v in seen.items() if k.endswith("_largest"))}
        print(key, {k.removeprefix(key): round(v, 3) for k, v in numbers.items() if k.startswith(key)}, flush=True)
    return numbers, len(x)


TRAININGS = {"compare": compare, "epochs": epochs, "decay": decay}
PARTS: dict[str, Callable[..., tuple[dict[str, float], int]]] = {
    **{f"{name}_{source}": partial(part, source) for name, part in TRAININGS.items() for source in WORLDS}, **bounded_rows.PARTS,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="few pictures and epochs")
    parser.add_argument("--signs", type=int, help="on how many signs the tables of patches rest (24 with --quick, else 500)")
    given = parser.parse_args()
    for part in given.parts:
        runtime.seed_everything(0)
        counted = {"signs": given.signs} if given.signs and part in bounded_rows.TABLES else {}
        numbers, count = PARTS[runtime.pick("part", part, PARTS)](given.quick, **counted)
        key = next((name for name in TRAININGS if part.startswith(name)), "")
        named = {f"{key}_{name}" if key else f"{part}_{name}": value for name, value in numbers.items()}
        command = f"python -m experiments.activations_table {part}" + " --quick" * given.quick + "".join(f" --{name} {value}" for name, value in counted.items())
        add("activations", part, named, source="CIFAR-10, GTSRB and drawn signs; strangers: MNIST, ORL faces, CIFAR-10", count=count, seed=0, command=command)
        print(part, len(named), "numbers", flush=True)


if __name__ == "__main__":
    main()
