"""What a class, a unit or a layer wants to see: `maximize` with a score, a start, and what keeps the picture natural."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..layers import stopped_at
from ..runtime import check_count, check_pictures, frozen, model_device
from ..runtime import generator as seeded
from .optimize import Metric, Prior, Regularizer, Score, blur, decay, drop_weak, maximize, resized

Shape = tuple[int, int, int]  # colours, height, width


def natural(centre: float | Tensor = 0.5) -> tuple[Regularizer, ...]:
    """Yosinski's regularizers together, each mild: decay, blur, and the weakest pixels dropped."""
    return decay(0.01, centre), blur(0.7, 4), drop_weak(0.2, centre)


def mean_picture(model: nn.Module, shape: Shape, count: int, centre: float | Tensor) -> Tensor:
    """`count` pictures [N, C, H, W] of the mean colour: "zero" where pixels are counted from the mean."""
    return torch.zeros(count, *shape, device=model_device(model)) + centre


def noisy_mean(
    model: nn.Module, shape: Shape, count: int, centre: float | Tensor, noise: float, chance: torch.Generator
) -> Tensor:
    """Mean pictures with normal noise of this deviation, each with a draw of its own."""
    start = mean_picture(model, shape, count, centre)
    return (start + noise * torch.randn(start.shape, generator=chance).to(start)).clamp(0, 1)


def class_score(classes: Tensor) -> Score:
    """The score of each picture's class, before the softmax."""

    def score(scores: Tensor) -> Tensor:
        if scores.dim() != 2:
            raise ValueError(f"the model gives {list(scores.shape)}; class scores [N, K] are expected.")
        if not bool(((classes >= 0) & (classes < scores.shape[1])).all()):
            raise ValueError(f"a class is not among 0 to {scores.shape[1] - 1}, which the model tells apart.")
        return scores.gather(1, classes.to(scores.device)[:, None])[:, 0]

    return score


def unit_score(units: Tensor) -> Score:
    """The answer of each picture's unit: of a map, channel `units[i]` in its middle; of a vector, element `units[i]`."""

    def score(answer: Tensor) -> Tensor:
        if answer.dim() not in (2, 4):
            raise ValueError(f"the layer gives {list(answer.shape)}; a map [N, K, H, W] or a vector [N, K] is expected.")
        if not bool(((units >= 0) & (units < answer.shape[1])).all()):
            raise ValueError(f"a unit is not among 0 to {answer.shape[1] - 1}, which the layer has.")
        middle = answer if answer.dim() == 2 else answer[:, :, answer.shape[2] // 2, answer.shape[3] // 2]
        return middle.gather(1, units.to(answer.device)[:, None])[:, 0]

    return score


def class_image(
    model: nn.Module, classes: Sequence[int] | Tensor, shape: Shape, *, prior: Prior | None = None,
    regularizers: Sequence[Regularizer] | None = None, centre: float | Tensor = 0.5, steps: int = 200, rate: float = 0.02,
    jitter: int = 1, metric: Metric | None = None, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """A picture [N, C, H, W] for each class: argmax S_c(x) - prior(x), from the mean picture (Simonyan et al. 2013).

    S_c is the score before the softmax. `regularizers` None means `natural(centre)`; () means none.
    """
    wanted = torch.as_tensor(classes).flatten()
    rules = natural(centre) if regularizers is None else regularizers
    return maximize(
        model, mean_picture(model, shape, len(wanted), centre), class_score(wanted), prior=prior, regularizers=rules,
        steps=steps, rate=rate, jitter=jitter, metric=metric, generator=generator,
    )  # fmt: skip


def unit_image(
    model: nn.Module, layer: str | nn.Module, units: Sequence[int] | Tensor, shape: Shape, *, prior: Prior | None = None,
    regularizers: Sequence[Regularizer] | None = None, centre: float | Tensor = 0.5, noise: float = 10 / 255, steps: int = 200,
    rate: float = 0.02, jitter: int = 0, metric: Metric | None = None, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """A picture [N, C, H, W] for each unit of a layer: what its channel, in the middle of the map, answers to most.

    It starts from the mean picture with normal noise: other draws end in other pictures, and how far they differ tells what the unit
    does not care about. A unit named twice starts from two draws. `regularizers` None means `natural(centre)`; () means none.
    """
    wanted, chance = torch.as_tensor(units).flatten(), generator or seeded()
    start = noisy_mean(model, shape, len(wanted), centre, noise, chance)
    rules = natural(centre) if regularizers is None else regularizers
    return maximize(
        model, start, unit_score(wanted), layer=layer, prior=prior, regularizers=rules, steps=steps, rate=rate, jitter=jitter,
        metric=metric, generator=chance,
    )  # fmt: skip


def energy(answer: Tensor) -> Tensor:
    """Half the sum of squares of all that a layer answers: whatever it sees, more of it."""
    return 0.5 * answer.square().flatten(1).sum(1)


def deep_dream(
    model: nn.Module, x: Tensor, layer: str | nn.Module, *, score: Score = energy, steps: int = 10, octaves: int = 4, ratio: float = 1.4,
    rate: float = 1.5 / 255, jitter: int | None = None, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Deep Dream (Mordvintsev et al. 2015): from pictures [N, C, H, W], climb a layer's energy at sizes from small to large.

    What was added at one size ("detail") is enlarged and goes on at the next, `ratio` times as large; the last one is the picture's
    own. `jitter` None is 32 pixels at 256 and less on smaller pictures.
    """
    check_pictures(x, model)
    check_count(octaves, "octaves")
    if not ratio > 1:
        raise ValueError(f"ratio is {ratio}; a number above 1 is expected: each octave is so many times as large as the last.")
    chance, side = generator or seeded(), (x.shape[2], x.shape[3])
    sizes = [tuple(max(1, round(n / ratio**k)) for n in side) for k in reversed(range(octaves))]
    fits(model, x, layer, sizes[0])
    detail = torch.zeros_like(x)
    for size in sizes:
        base, detail = resized(x, size), resized(detail, size)
        reach = min(size) // 8 if jitter is None else jitter
        dreamt = maximize(
            model, (base + detail).clamp(0, 1), score, layer=layer, steps=steps, rate=rate, fade=False, jitter=reach, generator=chance
        )
        detail = dreamt - base
    return dreamt


def fits(model: nn.Module, x: Tensor, layer: str | nn.Module, size: tuple[int, ...]) -> None:
    """Refuse octaves that begin below the smallest picture that the network takes."""
    try:
        with frozen(model), torch.no_grad(), stopped_at(model, layer) as run:
            run(resized(x[:1], size))
    except RuntimeError as error:
        raise ValueError(
            f"the smallest octave is {size[0]} x {size[1]} pixels, which the network does not take up to layer {layer!r} ({error}); "
            "ask for fewer octaves, a smaller ratio, or larger pictures."
        ) from None
