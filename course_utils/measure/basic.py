"""Measuring: accuracy, success of an attack, the size of a change, and how sure a share is.

One rule for pixels: every measure takes the pictures as they are given. Whoever asks what is left of a change in a
picture file, which stores whole grey levels, says so: `success_rate(model, quantize(x_adv), y)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import runtime


class Norms(NamedTuple):
    """Sizes of a change, each `[N]`. `l0` counts changed pixels (not channels); `rms` is l2 / sqrt(number of values)."""

    l0: Tensor
    l1: Tensor
    l2: Tensor
    linf: Tensor
    rms: Tensor


def norms(x: Tensor, x_adv: Tensor) -> Norms:
    """The sizes of `x_adv - x`, picture by picture; both `[N, C, H, W]`."""
    if x.shape != x_adv.shape:
        raise ValueError(f"x has shape {list(x.shape)} and x_adv {list(x_adv.shape)}; the same shape is expected.")
    change = (x_adv - x).detach()
    flat = change.flatten(1)
    changed_pixels = (change.abs().amax(1) > 0).flatten(1).sum(1)
    l2 = flat.norm(2, dim=1)
    return Norms(changed_pixels, flat.abs().sum(1), l2, flat.abs().amax(1), l2 / flat.shape[1] ** 0.5)


def snr(wave: Tensor, changed: Tensor) -> Tensor:
    """Signal-to-noise ratio in decibels of changed waveforms, `[N, ...]` with silence at 0: `[N]`.

    10 log10(sum wave^2 / sum (changed - wave)^2), for each sound: 20 more is a change a tenth as large. Infinite where nothing is changed,
    minus infinite where a change is all there is.
    """
    if wave.shape != changed.shape:
        raise ValueError(f"wave has shape {list(wave.shape)} and changed {list(changed.shape)}; the same shape is expected.")
    signal, noise = (sound.detach().flatten(1).square().sum(1) for sound in (wave, changed - wave))
    return torch.where(noise > 0, 10 * (signal / noise).log10(), torch.inf)


def quantize(x: Tensor) -> Tensor:
    """Pixels rounded to whole grey levels k / 255, as any picture file would store them."""
    return (x * 255).round() / 255


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of pictures that the model gets right, 0 to 1."""
    return _equal(runtime.predict(model, x), y).float().mean().item()


def _equal(predicted: Tensor, y: Tensor) -> Tensor:
    """Where predictions `[N]` are the labels `y`, which must be as many (else they would be compared all with all)."""
    if y.shape != predicted.shape or y.device != predicted.device:
        raise ValueError(
            f"y has shape {list(y.shape)} on {y.device}; one label a picture is expected: "
            f"{list(predicted.shape)} on {predicted.device}."
        )
    return predicted == y


def confidence(model: nn.Module, x: Tensor) -> Tensor:
    """The softmax probability of the predicted class `[N]`."""
    return runtime.logits(model, x).softmax(1).amax(1)


def success_rate(model: nn.Module, x_adv: Tensor, y: Tensor, *, x: Tensor | None = None, targeted: bool = False) -> float:
    """Share of attacked pictures that fool the model, 0 to 1.

    Untargeted: the prediction is no longer `y`. Targeted: the prediction is the target `y`. With the
    clean pictures `x` given, an untargeted attack counts only on those that the model had right
    (NaN when there are none).
    """
    hit = _equal(runtime.predict(model, x_adv), y)
    fooled = hit if targeted else ~hit
    if x is not None and not targeted:
        fooled = fooled[_equal(runtime.predict(model, x), y)]
    return fooled.float().mean().item()


def fooling_rate(model: nn.Module, x: Tensor, x_adv: Tensor) -> float:
    """Share of pictures x `[N, C, H, W]` whose predicted class changes, 0 to 1, whatever their right classes (Moosavi-Dezfooli 2016).

    x_adv: the changed pictures `[N, C, H, W]`; or one perturbation for all `[C, H, W]` (or `[1, C, H, W]`), then x + it, clipped to [0, 1].
    """
    one = x_adv.shape in (x.shape[1:], (1, *x.shape[1:])) and x_adv.shape != x.shape
    if not one and x_adv.shape != x.shape:
        raise ValueError(f"x has shape {list(x.shape)} and x_adv {list(x_adv.shape)}; the same shape, or that of one perturbation {list(x.shape[1:])}, is expected.")
    return _equal(runtime.predict(model, (x + x_adv).clamp(0, 1) if one else x_adv), runtime.predict(model, x)).logical_not().float().mean().item()


def right(model: nn.Module, x: Tensor, y: Tensor, k: int = 1) -> Tensor:
    """Which pictures have their class among the model's `k` highest scores: bool `[N]`."""
    scores = runtime.logits(model, x)
    runtime.check_labels(y, len(scores), scores.shape[1], where=scores.device)
    best = scores.topk(min(runtime.check_count(k, "k"), scores.shape[1])).indices
    return (best == y[:, None]).any(1)


def destruction_rate(
    model: nn.Module, x: Tensor, x_adv: Tensor, y: Tensor, transform: Tensor | Callable[[Tensor], Tensor], *, k: int = 1
) -> float:
    """Share of the successful attacks that a transform T undoes, 0 to 1 (Kurakin 2016); NaN where no attack was successful.

    d = sum C(X) (1 - C(X_adv)) C(T(X_adv)) / sum C(X) (1 - C(X_adv)), with C = 1 where the class `y` is among the `k` highest scores. Pictures
    that were wrong before the attack, or that it did not fool, count neither above nor below. transform: T, or what it made of `x_adv`.
    """
    fooled = right(model, x, y, k) & ~right(model, x_adv, y, k)
    after = right(model, transform if isinstance(transform, Tensor) else transform(x_adv), y, k)
    return after[fooled].float().mean().item()


def accuracy_curve(
    model: nn.Module, attack: Callable[[float], Tensor], y: Tensor, budgets: Sequence[float]
) -> list[float]:
    """Accuracy on `attack(budget)` for each budget: `accuracy_curve(net, lambda eps: fgsm(net, x, y, eps=eps), y, grid)`."""
    return [accuracy(model, attack(budget), y) for budget in budgets]


def interval(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval for a share that was measured on `count` pictures."""
    if count < 1 or not 0 <= share <= 1:
        raise ValueError(f"share {share} of {count} pictures; a share in [0, 1] of at least one picture is expected.")
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5 / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def mean_interval(values: Tensor, minus: Tensor | None = None) -> tuple[float, float, float]:
    """The mean of independent values `[M]` and its 95 % interval: (mean, low, high), by the normal approximation.

    minus: other values; then it is the difference of the two means (mean of `values` minus mean of `minus`).
    """
    parts = [part.detach().double().flatten() for part in (values, minus) if part is not None]
    if any(len(part) < 2 for part in parts):
        raise ValueError(f"{[len(part) for part in parts]} values are given; an interval needs at least two.")
    mean = (parts[0].mean() - (parts[1].mean() if minus is not None else 0)).item()
    half = 1.96 * sum((part.var() / len(part)).item() for part in parts) ** 0.5
    return mean, mean - half, mean + half


def purity(labels: Tensor) -> Tensor:
    """The share of each row's most frequent label: labels `[U, k]`, whole numbers, gives `[U]`, from 1 / k to 1."""
    if labels.dim() != 2 or labels.shape[1] == 0 or labels.is_floating_point():
        raise ValueError(f"labels is {labels.dtype} {list(labels.shape)}; whole numbers [U, k] are expected.")
    return (labels[:, :, None] == labels[:, None, :]).sum(2).amax(1) / labels.shape[1]


def separability(features: Tensor, y: Tensor, held: Tensor, held_y: Tensor, *, ridges: Sequence[float] = (1e-3, 1e-2, 0.1, 1.0)) -> float:
    """The share of the held-out pictures that a linear probe on a layer's answers gets right, 0 to 1 (Alain and Bengio 2016).

    features [N, ...] with labels y [N] train the probe, held [M, ...] with held_y [M] measure it. Ridge regression on one-hot labels in
    closed form, W = A^T (A A^T + l I)^-1 Y, with A and Y less their means. l is one of `ridges` times a picture's mean |a|^2: the one with
    which each training picture is best told from the others alone (leave-one-out), which is closed as well: u / diag((A A^T + l I)^-1).
    """
    if len(features) != len(y) or len(held) != len(held_y) or features[0].shape != held[0].shape:
        raise ValueError(f"features {list(features.shape)} with {len(y)} labels and held {list(held.shape)} with {len(held_y)} are given; "
                         "a label a picture, and the same layer for both, are expected.")  # fmt: skip
    centre, y = features.flatten(1).mean(0), y.to(features.device)
    a, b = features.flatten(1) - centre, held.flatten(1) - centre
    wanted = F.one_hot(y).double()
    values, axes = torch.linalg.eigh((a @ a.T).double())
    best, weights = -1, torch.zeros_like(wanted)
    for ridge in ridges:
        stretch = 1 / (values.clamp_min(0) + ridge * values.mean().clamp_min(1e-12))
        u = axes @ (stretch[:, None] * (axes.T @ (wanted - wanted.mean(0))))
        alone = wanted - u / (axes.square() @ stretch)[:, None]
        if (right := int((alone.argmax(1) == y).sum())) > best:
            best, weights = right, u
    scores = (b @ a.T).double() @ weights + wanted.mean(0)
    return (scores.argmax(1) == held_y.to(a.device)).double().mean().item()


def cka(a: Tensor, b: Tensor) -> float:
    """Linear CKA of two layers' answers to the same pictures, [N, ...] each: 0 to 1 (Kornblith et al. 2019).

    |A^T B|^2 / (|A^T A| |B^T B|) with the means over the pictures subtracted: 1 when one is the other turned, mirrored or scaled.
    """
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"{len(a)} and {len(b)} answers are given; the same pictures, at least two, are expected.")
    one, other = ((x @ x.T).double() for x in (v.flatten(1) - v.flatten(1).mean(0) for v in (a, b)))
    return ((one * other).sum() / (one.norm() * other.norm()).clamp_min(1e-12)).item()


def auc(curve: Tensor) -> Tensor:
    """Area under curves `[N, steps]` whose steps go evenly from 0 to 1: `[N]`."""
    if curve.dim() != 2 or curve.shape[1] < 2:
        raise ValueError(f"the curves have shape {list(curve.shape)}; [N, steps] with at least two steps is expected.")
    return torch.trapezoid(curve, dx=1 / (curve.shape[1] - 1), dim=1)


def _ranks(values: Tensor) -> Tensor:
    """Each value's place `[N, M]` in its row's order; equal values share the mean of their places."""
    values = values.contiguous()
    order = values.sort(1).values
    first, behind = torch.searchsorted(order, values), torch.searchsorted(order, values, right=True)
    return (first + behind - 1).double() / 2


def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Spearman's correlation of two batches of maps, picture by picture `[N]`: 1 same order of pixels, 0 unrelated.

    A map that is the same everywhere has no order: 0.
    """
    if a.shape != b.shape:
        raise ValueError(f"the maps have shapes {list(a.shape)} and {list(b.shape)}; the same shape is expected.")
    ranks = [_ranks(m.flatten(1)) for m in (a, b)]
    centred = [r - r.mean(1, keepdim=True) for r in ranks]
    product = (centred[0] * centred[1]).sum(1)
    return (product / (centred[0].norm(dim=1) * centred[1].norm(dim=1)).clamp_min(1e-12)).float()
