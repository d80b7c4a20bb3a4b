"""Black boxes: an oracle that gives class numbers only and counts, and the substitute that learns from its answers (Papernot 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .. import runtime, training
from ..runtime import check_count, check_positive
from .common import input_gradient

Ask = Callable[[Tensor], Tensor]  # pictures [N, C, H, W] -> class numbers [N]: whole numbers of any kind, also a list or an array of them


class Refused(RuntimeError):
    """The oracle has answered as often as it was allowed to."""


class Oracle:
    """A network behind a counter: pictures go in, class numbers come out, and no gradient (they are whole numbers).

    queries: how many pictures it has answered. budget: how many it will; None for any number. A call that would go beyond is refused as a
    whole and not counted. With `scores=True` it gives each class's score `[N, classes]` instead, without a gradient.
    """

    def __init__(self, model: nn.Module, budget: int | None = None, *, scores: bool = False) -> None:
        runtime.check_model(model)
        self.budget = None if budget is None else check_count(budget, "budget", least=0)
        self.queries, self.scores = 0, scores
        self._answer = lambda x: runtime.logits(model, x) if scores else runtime.predict(model, x)
        self._check = lambda x: runtime.check_pictures(x, model)

    @property
    def left(self) -> int | None:
        """How many more pictures it will answer; None for any number."""
        return None if self.budget is None else self.budget - self.queries

    def __call__(self, x: Tensor) -> Tensor:
        count = len(self._check(x))
        if self.left is not None and count > self.left:
            raise Refused(f"the oracle refuses: {count:,} pictures are asked about, and {self.left:,} of its {self.budget:,} answers are left.")
        self.queries += count
        return self._answer(x.detach())


class Substitute(NamedTuple):
    """model: the network that was trained. x `[M, C, H, W]`, y `[M]`: the pictures it asked about, and the oracle's answers.

    after: for each round, how many pictures had been asked about, and the share of them that the substitute then got as the oracle does.
    """

    model: nn.Module
    x: Tensor
    y: Tensor
    after: list[tuple[int, float]]


def augmented(model: nn.Module, x: Tensor, y: Tensor, step: float) -> Tensor:
    """Jacobian-based augmentation (Papernot 2016): x + step * sign(d F_y / dx), clipped to [0, 1]; F_y is the score of the oracle's class y."""
    with runtime.frozen(model):
        slope = input_gradient(model, x, y, lambda scores, y, reduction: scores.gather(1, y[:, None]).sum())
    return (x + step * slope.sign()).clamp(0, 1)


def train_substitute(
    oracle: Ask, seeds: Tensor, *, model: nn.Module | None = None, classes: int = 10, rounds: int = 6, step: float = 0.3,
    period: int | None = 1, epochs: int = 10, batch_size: int = 128, lr: float = 1e-3, seed: int = 0,
    watch: Callable[[nn.Module, int], None] | None = None,
) -> Substitute:  # fmt: skip
    """A network that answers as the oracle does, from its class numbers alone (Papernot 2016).

    In each round it is trained on all pictures so far; then each of them goes a step along its own Jacobian, and the oracle is asked about
    these: the set doubles, to len(seeds) * 2 ** (rounds - 1) pictures, and each is asked about once.
    seeds: pictures `[N, C, H, W]` in [0, 1], of more than one of the oracle's classes. model: trained in place; None for what `usual`
    gives. step: lambda. period: the paper's periodic step, whose sign changes after every `period` rounds; None: it never does.
    watch(model, queries): called after each round. The authors' library has step 0.1, period None and the network `dense`.
    """
    rounds, seeds = checked(oracle, seeds, rounds, period), runtime.detached(seeds)
    check_positive(step, "step")
    net = (usual(seeds[0].shape, classes, seed) if model is None else model).to(seeds.device)
    x, y, after = seeds, labels(oracle, seeds, classes, several=True), []
    for k in range(rounds):
        with torch.inference_mode(False), torch.enable_grad():
            training.train(net, x, y, epochs=epochs, batch_size=batch_size, lr=lr, weight_decay=0.0, optimizer="adam", seed=seed + k)
        after.append((len(x), (runtime.predict(net, x) == y).float().mean().item()))
        if watch is not None:
            watch(net, len(x))
        if k < rounds - 1:
            sign = -1 if period and (k // period) % 2 else 1
            more = augmented(net, x, y, sign * step)
            x, y = torch.cat([x, more]), torch.cat([y, labels(oracle, more, classes)])
    return Substitute(net, x, y, after)


def usual(shape: torch.Size, classes: int, seed: int) -> nn.Sequential:
    """LeNet's layers for pictures of this shape, brought to 4 x 4 behind the convolutions; `dense`, where they are too small for it."""
    if min(shape[1:]) < 28:
        return dense(shape, classes, seed)
    with runtime.seeded_weights(seed):
        return nn.Sequential(
            nn.Conv2d(shape[0], 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.AdaptiveMaxPool2d(4),
            nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, classes),
        )  # fmt: skip


def dense(shape: torch.Size, classes: int, seed: int, width: int = 200) -> nn.Sequential:
    """Two layers of ReLUs, for pictures of this shape; its first weights come from the seed alone."""
    with runtime.seeded_weights(seed):
        return nn.Sequential(
            nn.Flatten(), nn.Linear(shape.numel(), width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, classes)
        )


def labels(oracle: Ask, x: Tensor, classes: int, several: bool = False) -> Tensor:
    """The oracle's answers, which must be class numbers; those of the seeds (`several`) of more than one class."""
    y = torch.as_tensor(oracle(x), device=x.device)
    y = y if y.is_floating_point() or y.dtype == torch.bool else y.long()
    runtime.check_labels(y, len(x), classes, name="what the oracle gives")
    if several and bool((y == y[0]).all()):
        raise ValueError(f"the oracle takes all {len(x)} pictures for class {int(y[0])}; a substitute needs at least two classes. Give other seeds.")
    return y


def checked(oracle: Ask, seeds: Tensor, rounds: int, period: int | None) -> int:
    """The number of rounds; the oracle must have enough answers left for them, before one is spent."""
    runtime.check_pictures(seeds, name="seeds")
    if period is not None:
        check_count(period, "period")
    needed, left = len(seeds) * 2 ** (check_count(rounds, "rounds") - 1), getattr(oracle, "left", None)
    if left is not None and needed > left:
        raise Refused(f"{rounds} rounds from {len(seeds)} seeds need {needed:,} answers, and the oracle has {left:,} left; take fewer rounds or seeds.")
    return rounds
