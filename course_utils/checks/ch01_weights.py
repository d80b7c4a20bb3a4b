"""The exercises of chapter 01: filters as pictures, how rough they are, which are dead, and what a stride cannot carry."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from .. import visualize
from ..checking import PICTURES, TENSORS, Case, Exercise, sleepers
from ..checking.battery import ONE_PICTURE
from ..runtime import generator


def filter_pictures(w: Tensor) -> Tensor:
    """0.5 + 0.5 w / max|w|: one scale for all filters, middle grey for 0."""
    return visualize.filter_pictures(w)


def roughness(w: Tensor) -> Tensor:
    """Total variation over the sum of |w|, [K]."""
    return visualize.roughness(w)


def dead_filters(layer: nn.Module, x: Tensor, batch_size: int) -> Tensor:
    """Which filters never give anything above 0, [K]."""
    return visualize.dead_filters(layer, x, layer, batch_size=batch_size)


def share_above(w: Tensor, stride: int, size: int) -> Tensor:
    """The share of each filter's energy at frequencies above 1 / (2 stride) along either axis, [K]."""
    return visualize.above_nyquist(w, stride, size)


# ---------------------------------------------------------------- what they are tried on


def bank(*shape: int, seed: int) -> Tensor:
    """Filters of different sizes, lighter on the whole than dark, the largest weight a negative one."""
    w = (torch.randn(shape, generator=generator(seed)) + 0.4) * torch.linspace(0.2, 1.1, shape[0])[:, None, None, None]
    w[-1, 0, 1, 2] = -1.3 * w.abs().max()
    return w


def banks() -> Iterator[Case]:
    yield {"w": bank(6, 3, 5, 4, seed=1)}
    yield {"w": 0.01 * bank(4, 1, 3, 7, seed=2)}
    yield {"w": -bank(5, 3, 4, 4, seed=8).flip(0)}  # here the first filter holds the largest weight, a positive one


def strides() -> Iterator[Case]:
    for seed, shape, stride, size in ((3, (5, 3, 7, 6), 2, 32), (4, (4, 1, 5, 5), 3, 24), (5, (3, 3, 9, 9), 4, 20), (6, (3, 1, 5, 3), 1, 9)):
        yield {"w": bank(*shape, seed=seed), "stride": stride, "size": size}


def most(layer: nn.Module, x: Tensor) -> Tensor:
    """The largest output of each filter, [K]."""
    return layer(x).detach().amax((0, 2, 3))


def steps(w: Tensor) -> tuple[Tensor, Tensor]:
    """The differences to the neighbour below and to the one at the right."""
    return w.diff(dim=2), w.diff(dim=3)


def variation(w: Tensor) -> Tensor:
    return sum(d.abs().sum((1, 2, 3)) for d in steps(w))


def total(w: Tensor) -> Tensor:
    return w.abs().sum((1, 2, 3))


def share(w: Tensor, limit: float, size: int | None, power: int = 2, join: Callable = torch.maximum, f: Callable = torch.abs) -> Tensor:
    """The share above a limit, with one thing changed."""
    energy = torch.fft.fft2(w, s=(size, size) if size else None).abs().pow(power).sum(1)
    rows, columns = (f(torch.fft.fftfreq(n)).to(energy) for n in energy.shape[1:])
    fine = join(rows[:, None].expand(energy.shape[1:]), columns[None].expand(energy.shape[1:])) > limit
    return (energy * fine).sum((1, 2)) / energy.sum((1, 2))


EXERCISES = (
    Exercise("filter_pictures", filter_pictures, banks, difficulty=1, minutes=6, battery=TENSORS, what="the bank of pictures", hints=(
        "A weight of 0 must become 0.5, so only the distance from 0 may be scaled. Which weight must reach 0 or 1?",
        "w.abs().max() is the largest distance from 0 in the whole bank: one number for all filters.",
        "Divide by it: the weights are now from -1 to 1. Halve them and add 0.5.",
    ), mistakes=(
        (lambda w: (w - w.min()) / (w.max() - w.min()), "a weight of 0 is not middle grey: do not stretch from the smallest to the largest weight; divide by max|w|."),
        (lambda w: 0.5 + 0.5 * w / w.abs().amax((1, 2, 3), keepdim=True), "every filter has a scale of its own; use one for all, so that weak filters look weak."),
        (lambda w: 0.5 + 0.5 * w / w.abs().amax((2, 3), keepdim=True), "every colour of every filter has a scale of its own; use one for all."),
        (lambda w: 0.5 + 0.5 * w / w.abs().amax((0, 2, 3), keepdim=True), "every colour has a scale of its own; use one for all."),
        (lambda w: 0.5 + w / w.abs().max(), "pixels leave [0, 1]: from -1 .. 1 to 0 .. 1 takes half of the scale as well."),
        (lambda w: 0.5 + 0.5 * w / w.max(), "the largest weight is taken without its sign's other side: a strong negative weight leaves [0, 1]. Take max|w|."),
        (lambda w: (0.5 + 0.5 * w / w.max()).clamp(0, 1), "strong negative weights are cut off: the scale is max|w|, not max w."),
        (lambda w: (0.5 + 0.5 * w).clamp(0, 1), "the weights are not scaled; divide by max|w|."),
        (lambda w: 0.5 + 0.5 * w, "the weights are not scaled; divide by max|w|."),
        (lambda w: w / w.abs().max(), "a weight of 0 is black here; it must be middle grey, 0.5."),
        (lambda w: (w / w.abs().max()).clamp(0, 1), "negative weights are lost; 0 must be middle grey, 0.5, with room below it."),
        (lambda w: w.abs() / w.abs().max(), "the signs are lost; negative weights must be darker than middle grey."),
        (lambda w: 0.5 - 0.5 * w / w.abs().max(), "dark and bright are swapped: a positive weight is brighter than grey."),
        (lambda w: 0.5 + 0.5 * w / w.norm(), "the norm of all weights is the scale; the largest |w| must reach 0 or 1."),
    )),
    Exercise("roughness", roughness, banks, difficulty=1, minutes=8, battery=(ONE_PICTURE, *TENSORS), what="the roughness", hints=(
        "How much does the filter change from each pixel to the next, altogether, and how large is it altogether?",
        "w.diff(dim=2) holds the differences from row to row, w.diff(dim=3) those from column to column; .sum((1, 2, 3)) gives one number a filter.",
        "(w.diff(dim=2).abs().sum((1, 2, 3)) + the same for dim 3) / w.abs().sum((1, 2, 3))",
    ), mistakes=(
        (variation, "this is the total variation alone, which grows with the filter; divide by the sum of |w|."),
        (lambda w: steps(w)[0].abs().sum((1, 2, 3)) / total(w), "only differences from row to row are counted; add those from column to column, dim 3."),
        (lambda w: steps(w)[1].abs().sum((1, 2, 3)) / total(w), "only differences from column to column are counted; add those from row to row, dim 2."),
        (lambda w: (w.diff(dim=1).abs().sum((1, 2, 3)) + w.diff(dim=2).abs().sum((1, 2, 3))) / total(w), "dim 1 holds the colours; neighbours are along dim 2 and dim 3."),
        (lambda w: sum(d.abs().sum() for d in steps(w)) / w.abs().sum(), "this is one number for the whole bank; sum over (1, 2, 3), not over the filters."),
        (lambda w: sum(d.sum((1, 2, 3)) for d in steps(w)) / total(w), "ups and downs cancel; take the absolute value of each difference."),
        (lambda w: sum(d.sum((1, 2, 3)).abs() for d in steps(w)) / total(w), "ups and downs cancel; take the absolute value of each difference, then the sum."),
        (lambda w: variation(w) / w.sum((1, 2, 3)), "positive and negative weights cancel below the line; divide by the sum of |w|."),
        (lambda w: sum(d.square().sum((1, 2, 3)) for d in steps(w)) / w.square().sum((1, 2, 3)), "squares are summed; take absolute values."),
        (lambda w: variation(w) / w.flatten(1).norm(dim=1), "the L2 norm is below the line; divide by the sum of |w|."),
        (lambda w: variation(w) / w[0].numel(), "the number of weights is below the line; divide by the sum of |w|."),
        (lambda w: sum(d.abs().mean((1, 2, 3)) for d in steps(w)) / w.abs().mean((1, 2, 3)), "these are means, and there are fewer differences than weights; take sums."),
        (lambda w: sum((w - w.roll(1, d)).abs().sum((1, 2, 3)) for d in (2, 3)) / total(w), "roll joins the last row to the first, and they are no neighbours; use w.diff."),
    )),
    Exercise("share_above", share_above, strides, difficulty=2, minutes=15, battery=(ONE_PICTURE, *TENSORS), what="the share", hints=(
        "The Fourier transform says how much of each wave is in a filter. Add up the energy of the waves that are too fine, and divide by all of it.",
        "torch.fft.fft2(w, s=(size, size)) pads with zeros and transforms; .abs().square().sum(1) is the energy, [K, size, size]; "
        "torch.fft.fftfreq(size).abs() are the frequencies along an axis.",
        "fine = torch.maximum(f[:, None], f[None]) > 1 / (2 * stride); (energy * fine).sum((1, 2)) / energy.sum((1, 2))",
    ), mistakes=(
        (lambda w, stride, size: 1 - share_above(w, stride, size), "this is the share that the map can carry; give the rest."),
        (lambda w, stride, size: share(w, 1 / (2 * stride), None), "the filter is not padded: give fft2 s=(size, size)."),
        (lambda w, stride, size: share(w, 1 / (2 * stride), size, power=1), "the size of the transform is summed; energy is its square."),
        (lambda w, stride, size: share(w, 1 / stride, size), "the limit is 1 / stride; it takes two pixels of the map to draw a wave: 1 / (2 * stride)."),
        (lambda w, stride, size: share(w, 1 / (2 * stride), size, join=torch.minimum), "a wave is too fine if it is so along either axis: the larger of the two counts."),
        (lambda w, stride, size: share(w, 1 / (2 * stride), size, join=torch.hypot), "the length of the frequency counts here; each axis has a limit of its own: torch.maximum."),
        (lambda w, stride, size: share(w, 1 / (2 * stride), size, join=torch.add), "the two frequencies are added; each axis has a limit of its own: torch.maximum."),
        (lambda w, stride, size: share(w, 1 / (2 * stride), size, f=torch.clone), "half of the frequencies are negative; take their absolute value."),
        (lambda w, stride, size: share(w, 1 / (2 * stride) - 1e-4, size), "the limit itself can still be carried: strictly above it, >."),
        (lambda w, stride, size: share(w.sum(1, keepdim=True), 1 / (2 * stride), size), "the colours are added before the transform, where they cancel; add their energies."),
        (lambda w, stride, size: torch.stack([share(w[:, c : c + 1], 1 / (2 * stride), size) for c in range(w.shape[1])]).mean(0), "shares of single colours are averaged; add up the energies of the colours first."),
        (lambda w, stride, size: share(w, 1 / (2 * stride), size, f=lambda f: torch.fft.ifftshift(f).abs()), "energy and frequencies are in different orders: use fftshift for both or for neither."),
        (lambda w, stride, size: share_above(w, stride, size) * 100, "these are percent; a share from 0 to 1 is expected."),
    )),
    Exercise("dead_filters", dead_filters, sleepers.cases, difficulty=2, minutes=12, battery=PICTURES, what="the result", also=sleepers.in_batches, hints=(
        "A filter is alive as soon as one output is above 0, in any picture, at any place. So a running note for each filter is enough.",
        "for part in x.split(batch_size): layer(part) is [n, K, rows, columns]; .amax((0, 2, 3)) is the largest output of each filter.",
        "Keep alive = alive | (largest > 0), begun with False, under torch.no_grad(); return ~alive.",
    ), mistakes=(
        (lambda layer, x, b: most(layer, x) > 0, "these are the filters that live; a dead one is never above 0."),
        (lambda layer, x, b: most(layer, x) < 0, "an output of exactly 0 is not above 0: such a filter is dead as well."),
        (lambda layer, x, b: layer(x).detach().amin((0, 2, 3)) <= 0, "one output that is not above 0 does not make a filter dead; look at its largest output."),
        (lambda layer, x, b: layer(x).detach().mean((0, 2, 3)) <= 0, "a filter that is below 0 on average may be above 0 somewhere; look at its largest output."),
        (lambda layer, x, b: most(layer, x[:b]) <= 0, "only the first batch counts; a filter may wake later."),
        (lambda layer, x, b: most(layer, x.split(b)[-1]) <= 0, "only the last batch counts; keep a note of what was alive before."),
        (lambda layer, x, b: torch.stack([most(layer, part) <= 0 for part in x.split(b)]).any(0), "a filter that sleeps in one batch counts as dead; it must sleep in all of them."),
        (lambda layer, x, b: most(layer, x[: len(x) // b * b]) <= 0, "the last batch, which is smaller, is left out."),
        (lambda layer, x, b: layer(x).detach().mean((2, 3)).amax(0) <= 0, "the mean over the map is compared; one place above 0 is enough to be alive."),
        (lambda layer, x, b: torch.stack([layer(part).detach().mean((0, 2, 3)) for part in x.split(b)]).amax(0) <= 0, "the mean over a whole batch is compared; one place of one picture above 0 is enough to be alive."),
        (lambda layer, x, b: (layer(x).detach().amax((2, 3)) <= 0).any(0), "a filter that sleeps in one picture counts as dead; it must sleep in all of them."),
        (lambda layer, x, b: layer.weight.detach().abs().sum((1, 2, 3)) == 0, "weights alone do not tell: the bias and the pictures count as well; look at the layer's outputs."),
    )),
)  # fmt: skip
