"""Chapter 22's dense associative memories at full scale, on MNIST: errors, what is stored, which change fools which, and what a LeNet sees at the boundary.

`COURSE_DATA_DIR=... python -m experiments.memory_table`; with a number, so many test pictures walk to the boundary. `--full` takes the memories that
`python -m experiments.train_memory NAME --full` left in the downloads folder, and puts their numbers under names that begin with `full_`.
"""

from __future__ import annotations

import argparse

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils import attacks, measure, models, runtime
from course_utils.measure.transfer import of_rms

from .common import in_parts
from .record import add
from .train_memory import full_file, pictures

POWERS, COUNT = (2, 3, 20, 30), 400
STEP, STEPS = 0.1, 150  # of the walk, in L2


def memory(n: int, full: bool) -> models.AssociativeMemory:
    """The memory of that power that ships, or the one of the paper's size."""
    if not full:
        return models.load(f"memory-mnist-n{n}")
    state = torch.load(full_file(f"memory-mnist-n{n}"), map_location="cpu", weights_only=True)
    net = models.AssociativeMemory(int(state.pop("n")), len(state["pixels"]))
    net.load_state_dict(state)
    return net.to(runtime.device()).eval()


def percent(flags: Tensor) -> float:
    return 100 * flags.float().mean().item()


def likeness(patterns: Tensor, x: Tensor) -> Tensor:
    """Each pattern's correlation with the picture that it is most like."""
    centred = [F.normalize(t.flatten(1) - t.flatten(1).mean(1, keepdim=True), dim=1) for t in (patterns, x)]
    return (centred[0] @ centred[1].T).amax(1)


def stored(net: models.AssociativeMemory, x: Tensor) -> dict[str, float]:
    """What the memories look like, and how many of them a picture asks."""
    with torch.no_grad():
        shares = torch.cat([(f / f.sum(1, keepdim=True).clamp_min(1e-37)).amax(1) for f in (net.activations(part) for part in x.split(500))])
    return {
        "one_vote": percent(net.votes() == 1), "no_vote": percent(net.votes() == 0), "single": percent(shares > 0.5),
        "like": likeness(net.pixels, x).median().item(),
    }  # fmt: skip


def crossed(nets: dict[int, models.AssociativeMemory], x: Tensor, y: Tensor, lenet: torch.nn.Module) -> dict[str, float]:
    """Which change fools which, as it is and with all changes of one size (the mean over all four); how long it is, and what a LeNet sees."""
    walked = {n: in_parts(lambda a, b, net=net: attacks.walk_to_boundary(net, a, b, step=STEP, steps=STEPS), x, y, 500) for n, net in nets.items()}
    change = {n: (end - x).flatten(1).square().mean(1).sqrt() for n, end in walked.items()}
    alike, numbers = torch.stack(list(change.values())).mean().item(), {"walked": float(len(y))}
    for made, end in walked.items():
        same = of_rms(x, end - x, alike)
        scores = runtime.logits(lenet, end).softmax(1)
        numbers |= {f"n{made}_l2": measure.norms(x, end).l2.mean().item(), f"n{made}_lenet_sure": 100 * scores.amax(1).mean().item(),
                    f"n{made}_lenet_right": percent(scores.argmax(1) == y), f"n{made}_lenet_agrees": percent(scores.argmax(1) == runtime.predict(nets[made], end))}  # fmt: skip
        for tested, net in nets.items():
            numbers[f"made{made}_on{tested}"] = percent(runtime.predict(net, end) != y)
            numbers[f"alike{made}_on{tested}"] = percent(runtime.predict(net, same) != y)
    return numbers


def main(count: int, full: bool) -> None:
    held, lenet, where = pictures("mnist", "test"), models.load("lenet-mnist"), runtime.device()
    x, y = held.x.to(where), held.y.to(where)
    nets, numbers, right = {n: memory(n, full) for n in POWERS}, {}, torch.ones_like(y, dtype=torch.bool)
    for n, net in nets.items():
        net.requires_grad_(False)
        correct = runtime.predict(net, x) == y
        right &= correct
        found = {"error": 100 - percent(correct), "memories": float(len(net.pixels)), **stored(net, x)}
        numbers |= {f"n{n}_{key}": value for key, value in found.items()}
    chosen = right.nonzero().flatten()[:count]
    numbers |= crossed(nets, x[chosen], y[chosen], lenet)
    command = "python -m experiments.memory_table" + (" --full" if full else "")
    named = {f"full_{key}" if full else key: value for key, value in numbers.items()}
    add("memory", "K = 2000" if full else "shipped", named, source="mnist", count=len(y), seed=0, command=command)
    print(named)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("count", nargs="?", type=int, default=COUNT, help="test pictures that walk to the boundary")
    options.add_argument("--full", action="store_true", help="the memories of the paper's size, from the downloads folder")
    given = options.parse_args()
    main(given.count, given.full)
