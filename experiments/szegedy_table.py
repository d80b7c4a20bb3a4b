"""Chapter 07 at full scale: Szegedy's six networks on MNIST, and LeNet: errors, distortions, noise, who is fooled by whose pictures, bounds, blind spots.

`COURSE_DATA_DIR=... python -m experiments.szegedy_table`, or with a number of pictures (64), to try it.
"""

from __future__ import annotations

import math
import sys

import torch
from torch import Tensor, nn

from course_utils import attacks, data, layers, measure, models, runtime, visualize
from course_utils.runtime import generator

from .common import in_parts
from .record import write

NETWORKS = {
    "fc10_weak": "fc10-mnist", "fc10_middle": "fc10-mnist-decay0.01", "fc10_strong": "fc10-mnist-decay1", "fc100": "fc100-mnist",
    "fc200": "fc200-mnist", "ae400": "ae400-mnist", "lenet": "lenet-mnist",
}  # fmt: skip
PART = 5000  # pictures that are attacked at a time


def other_class(y: Tensor, seed: int = 0) -> Tensor:
    """A class for each picture that is not its own, all nine alike."""
    return (y + torch.randint(1, 10, y.shape, generator=generator(seed)).to(y)) % 10


def error(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return 100 * (1 - measure.accuracy(net, x, y))


def of_length(direction: Tensor, x: Tensor, length: Tensor) -> Tensor:
    """x plus so much of the direction that, clipped to [0, 1], it has the length `[N]`: by bisection."""
    low, high = torch.zeros_like(length), torch.full_like(length, 100.0)
    for _ in range(40):
        middle = (low + high) / 2
        far = ((x + middle[:, None, None, None] * direction).clamp(0, 1) - x).flatten(1).norm(dim=1) > length
        low, high = torch.where(far, low, middle), torch.where(far, middle, high)
    return (x + low[:, None, None, None] * direction).clamp(0, 1)


def nearest(a: Tensor, b: Tensor) -> Tensor:
    """The distance of each row of a to the nearest row of b `[N]`."""
    return torch.cat([torch.cdist(part, b).amin(1) for part in a.flatten(1).split(250)])


def one_network(key: str, net: nn.Module, x: Tensor, y: Tensor, goal: Tensor) -> tuple[Tensor, dict[str, float]]:
    """The pictures that reach their targets, and the network's numbers."""
    noise = torch.randn(x.shape, generator=generator(1)).to(x)
    found = in_parts(lambda a, b: attacks.lbfgs(net, a, b, targeted=True), x, goal, PART)
    left = in_parts(lambda a, b: attacks.lbfgs(net, a), x, y, PART)  # any other class than the network's own
    before, after = runtime.predict(net, x), runtime.predict(net, left)
    bounds, top = layers.spectral_bounds(net, x.shape[1:]), runtime.logits(net, x).topk(2).values
    product, size = math.prod(bound.norm for bound in bounds), measure.norms(x, left).l2
    safe = (top[:, 0] - top[:, 1]) / (math.sqrt(2) * product)
    moved = (runtime.logits(net, left) - runtime.logits(net, x)).norm(dim=1)
    numbers = {
        "test_error": error(net, x, y), "success": 100 * measure.success_rate(net, found, goal, targeted=True),
        "distortion": measure.norms(x, found).rms.mean().item(), "nearest_distortion": measure.norms(x, left).rms.mean().item(),
        "changed": 100 * (before != after).float().mean().item(), "right_then_wrong": 100 * ((before == y) & (after != y)).float().mean().item(),
        **{f"noise_{s}": error(net, x + s * noise, y) for s in (0.1, 0.3)},
        **{f"noise_{s}_clipped": error(net, (x + s * noise).clamp(0, 1), y) for s in (0.1, 0.3)},
        **{f"noise_{s}_own": 100 * measure.success_rate(net, (x + s * noise).clamp(0, 1), y, x=x) for s in (0.1, 0.3)},
        "product": product, "safe_l2": safe.mean().item(), "nearest_l2": size.mean().item(), "stretch": (moved / size).mean().item(),
        "broken_promises": 100 * ((size < safe) & (before != after)).float().mean().item(),
    }  # fmt: skip
    numbers |= {f"bound_{k}": bound.norm for k, bound in enumerate(bound for bound in bounds if bound.kind in ("Linear", "Conv2d"))}
    return found, {f"{key}_{name}": value for name, value in numbers.items()}


def by_maximizing(net: nn.Module, x: Tensor, goal: Tensor, rate: float = 0.005) -> dict[str, float]:
    """Section 2: chapter 05's climb from a real picture, with c = 0.3 for all; its L2 beside L-BFGS's, where both succeed."""
    score = lambda scores: scores.log_softmax(1).gather(1, goal[:, None])[:, 0]  # noqa: E731
    climbed = visualize.maximize(net, x, score, prior=visualize.l2(0.3, x), steps=100, rate=rate)
    found = attacks.lbfgs(net, x, goal, targeted=True)
    both = runtime.predict(net, climbed) == goal
    return {
        "climbed_success": 100 * both.float().mean().item(), "climbed_l2": measure.norms(x, climbed).l2[both].mean().item(),
        "climbed_lbfgs_l2": measure.norms(x, found).l2[both].mean().item(),
    }  # fmt: skip


def blind_spots(key: str, net: nn.Module, layer: str, x: Tensor, y: Tensor, seen: Tensor) -> dict[str, float]:
    """Section 6: how far from the nearest training picture, for clean and attacked pictures and for noise as long; in pixels and features."""
    left = in_parts(lambda a, b: attacks.lbfgs(net, a, b), x, y, PART)
    noise = torch.randn(x.shape, generator=generator(2)).to(x)
    noisy, numbers = of_length(noise / noise.flatten(1).norm(dim=1)[:, None, None, None], x, measure.norms(x, left).l2), {}
    features = lambda pictures: torch.cat([layers.representation(net, part, layer).flatten(1) for part in pictures.split(2000)])  # noqa: E731
    for space, given in (("pixels", lambda pictures: pictures.flatten(1)), ("features", features)):
        known = given(seen)
        far = {name: nearest(given(pictures), known) for name, pictures in (("clean", x), ("attacked", left), ("noise", noisy))}
        usual = far["clean"].quantile(0.95)
        for name, distance in far.items():
            numbers |= {f"{space}_{name}": distance.mean().item(), f"{space}_{name}_unusual": 100 * (distance > usual).float().mean().item()}
    return {f"blind_{key}_{name}": value for name, value in numbers.items()}


def straightness(key: str, net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """The share of the lead that is left at a quarter, a half and three quarters of the way to L-BFGS's picture."""
    left = in_parts(lambda a, b: attacks.lbfgs(net, a, b), x, y, PART)
    rival = runtime.logits(net, left).scatter(1, y[:, None], -math.inf).argmax(1)
    ahead = lambda s: s.gather(1, y[:, None]) - s.gather(1, rival[:, None])  # noqa: E731
    lead = [ahead(runtime.logits(net, x + t * (left - x))) for t in (0, 0.25, 0.5, 0.75)]
    return {f"lead_{key}_{t}": 100 * (a / lead[0]).mean().item() for t, a in zip((25, 50, 75), lead[1:])}


def main(count: int = 10_000) -> None:
    pictures, train = (data.load("digits", split, n=n, source="mnist") for split, n in (("test", count), ("train", 60_000 if count > 500 else 3_000)))
    x, y, seen = (tensor.to(runtime.device()) for tensor in (pictures.x, pictures.y, train.x))
    nets, numbers, found = {key: models.load(name) for key, name in NETWORKS.items()}, {}, {}
    right = torch.stack([runtime.predict(net, x) == y for net in nets.values()]).all(0).nonzero().flatten()
    for key, net in nets.items():
        goal = other_class(runtime.predict(net, x))
        found[key], rows = one_network(key, net, x, y, goal)
        numbers |= rows | {f"{key}_train_error": error(net, seen, train.y.to(seen.device))}
        print({name: round(value, 3) for name, value in rows.items()}, flush=True)
    numbers |= {f"cross_{a}_{b}": error(nets[b], found[a], y) for a in nets for b in nets}
    some = right[: max(8, count // 5)]
    numbers |= by_maximizing(nets["lenet"], x[some], other_class(y[some], 3))
    for key, layer in (("fc100", "4"), ("lenet", "6")):
        numbers |= blind_spots(key, nets[key], layer, x[some], y[some], seen) | straightness(key, nets[key], x[some], y[some])
        made = attacks.gradient_rubbish(nets[key], torch.arange(200, device=x.device) % 10, x.shape[1:])
        numbers |= {f"rubbish_{key}": 100 * (made.confidence >= 0.99).float().mean().item(), f"rubbish_{key}_steps": made.steps.float().mean().item()}
    write("szegedy", numbers, source="mnist, test pictures", count=len(y), seed=0, command="python -m experiments.szegedy_table")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
