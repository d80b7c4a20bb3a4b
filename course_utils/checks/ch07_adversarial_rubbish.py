"""The exercises of chapter 07: how large a change is, the next c of a search, the nearest boundary of a linear network, a convolution's answer to a wave."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .. import measure
from ..attacks.lbfgs import next_weight
from ..checking import PICTURES, TENSORS, Case, Exercise
from ..runtime import generator


def distortion(x: Tensor, x_adv: Tensor) -> Tensor:
    """The root of the mean squared change of a picture's values `[N]`."""
    return measure.norms(x, x_adv).rms


def c_to_try(low: Tensor, high: Tensor) -> Tensor:
    """The geometric mean; ten times low as long as high is infinite, a tenth of high as long as low is 0."""
    return next_weight(low, high)


def nearest_plane(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The shortest change of each picture to a boundary of its class, where another class's score is as high."""
    return to_plane(x, weight, bias, lambda lead, size: lead / size)


def wave_norm(kernel: Tensor, u: float, v: float) -> float:
    """The largest singular value of sum_ij K[:, :, i, j] exp(-1i (u i + v j))."""
    return torch.linalg.matrix_norm(transform(kernel, u, v), 2).item()


def changed() -> Iterator[Case]:
    """Pictures and changed ones; the changes have means of their own, one is 0, and colours differ."""
    for seed, shape in ((0, (5, 3, 4, 6)), (1, (4, 1, 7, 5))):
        x = torch.rand(shape, generator=generator(seed))
        change = torch.linspace(0, 0.3, len(x))[:, None, None, None] * (0.4 + torch.randn(shape, generator=generator(seed + 10))) * torch.tensor([1.0, 0.3, 0.6])[: shape[1], None, None]
        yield {"x": x, "x_adv": (x + change).clamp(0, 1)}


def sized(of: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda x, x_adv: of((x_adv - x).flatten(1))


def searches() -> Iterator[Case]:
    inf = math.inf
    yield {"low": torch.tensor([1.0, 0.0, 0.3, 2.0, 0.0, 0.01]), "high": torch.tensor([inf, 1.0, 5.0, 9.0, 0.02, 100.0])}
    yield {"low": torch.tensor([0.25, 40.0, 0.7]), "high": torch.tensor([inf, inf, 0.9])}
    yield {"low": torch.tensor([0.0, 0.0, 3.0, 0.5, 1e-4, 3e9]), "high": torch.tensor([7.0, 0.4, 12.0, 0.6, 3.0, 7e9])}


def chosen(none_failed: Callable, none_reached: Callable, both: Callable) -> Callable[..., Tensor]:
    return lambda low, high: torch.where(high == math.inf, none_failed(low, high), torch.where(low == 0, none_reached(low, high), both(low, high)))


up, down, middle = (lambda low, high: 10 * low), (lambda low, high: high / 10), (lambda low, high: (low * high).sqrt())
CASES = (up, lambda low, high: bool((high == math.inf).any())), (down, lambda low, high: bool((low == 0).any()))


def planes() -> Iterator[Case]:
    """The nearest boundary is neither that of the smallest lead nor of the steepest, and biases matter."""
    for seed, size in ((321, 1.0), (69, 0.1)):
        weight = size * torch.randn(7, 24, generator=generator(seed)) * torch.tensor([1.0, 0.2, 1.5, 0.5, 2.0, 0.8, 0.3])[:, None]
        yield {"x": torch.rand(5, 2, 3, 4, generator=generator(seed + 1)), "weight": weight, "bias": 2 * size * torch.randn(7, generator=generator(seed + 5))}


def to_plane(x: Tensor, weight: Tensor, bias: Tensor, far: Callable, power: int = 2, apart: Callable | None = None) -> Tensor:
    """The change to the boundary of the smallest far(lead, size) `[N, K]`; `apart` gives the w of a pair of classes."""
    scores = x.flatten(1) @ weight.T + bias
    own = scores.argmax(1)
    w = (apart or (lambda a, b: a - b))(weight[own][:, None], weight[None])  # [N, K, D]
    lead, size = scores.gather(1, own[:, None]) - scores, w.norm(dim=2)
    rows, k = torch.arange(len(x), device=x.device), far(lead, size).scatter(1, own[:, None], math.inf).argmin(1)
    return (-(lead / size**power)[rows, k, None] * w[rows, k]).view_as(x)


def waves() -> Iterator[Case]:
    for seed, u, v in ((0, 0.7, 1.9), (1, 2.1, -0.4), (2, 0.0, 0.9), (3, 1.3, 0.0)):
        yield {"kernel": torch.randn(4, 3, 5, 3, generator=generator(seed)), "u": u, "v": v}


def transform(kernel: Tensor, u: float, v: float) -> Tensor:
    """The matrix [out, in] of the kernels' Fourier transforms at one frequency."""
    turn = u * torch.arange(kernel.shape[2])[:, None] + v * torch.arange(kernel.shape[3])
    phase = torch.polar(torch.ones_like(turn, dtype=torch.float64), -turn.double()).to(kernel.device)
    return (kernel.double() * phase).sum((2, 3))


def heard(of: Callable[[Tensor], Tensor]) -> Callable[..., float]:
    return lambda kernel, u, v: of(transform(kernel, u, v)).item()


EXERCISES = (
    Exercise("distortion", distortion, changed, difficulty=1, minutes=5, battery=PICTURES, what="the distortion", hints=(
        "Work outwards from the formula: the change, its square, the mean over one picture, the root.",
        "One picture's values are those of all axes but the first: .flatten(1) makes one axis of them.",
        "(x_adv - x).flatten(1).square().mean(1).sqrt()",
    ), mistakes=(
        (sized(lambda d: d.norm(dim=1)), "this is the L2 norm; the squares are averaged, not added up: divide by sqrt(n)."),
        (sized(lambda d: d.norm(dim=1) / d.shape[1]), "the L2 norm is divided by n; under the root stands the mean, so divide it by sqrt(n)."),
        (sized(lambda d: d.square().mean(1)), "the root is missing."),
        (sized(lambda d: d.abs().mean(1)), "absolute values are averaged; the formula has squares, and a root of their mean."),
        (sized(lambda d: d.abs().amax(1)), "this is the largest change of a pixel; the formula averages squares over all pixels."),
        (sized(lambda d: d.std(1)), "the mean change is taken off before squaring (std does that, and divides by n - 1); the formula does neither."),
        (sized(lambda d: d.norm(dim=1) / len(d) ** 0.5), "the squares are divided by the number of pictures; n is the number of values in one picture."),
        (sized(lambda d: d.square().mean().sqrt().expand(len(d))), "the whole batch is averaged; each picture has a distortion of its own."),
        (lambda x, x_adv: (x_adv - x).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1), "the size is taken relative to the picture's; the formula divides by sqrt(n)."),
        (lambda x, x_adv: (x_adv - x).flatten(1).norm(dim=1) / math.prod(x.shape[2:]) ** 0.5, "n counts the values of all colours: C * H * W."),
        (sized(lambda d: d.norm(dim=1) / d.numel() ** 0.5), "the squares are divided by the number of values in the whole batch; n counts those of one picture."),
        (sized(lambda d: d.norm(dim=1) / 28), "n is taken to be 784, as for one size of pictures; count the values: x[0].numel()."),
    )),
    Exercise("c_to_try", c_to_try, searches, difficulty=2, minutes=8, battery=PICTURES, what="the next c", hints=(
        "Three cases: no failure yet, no success yet, both. Which of low and high tells them apart?",
        "torch.where(condition, a, b) chooses for each picture. high is math.inf as long as nothing has failed, low is 0 as long as nothing has succeeded.",
        "torch.where(high == math.inf, 10 * low, torch.where(low == 0, ..., ...)), with high / 10 and the root of low * high.",
    ), mistakes=(
        (chosen(up, down, lambda low, high: (low + high) / 2), "between the two the arithmetic mean is taken; the geometric one, the root of low * high, halves the factor between them."),
        (chosen(up, down, lambda low, high: low * high), "the root of low * high is missing."),
        (middle, "the geometric mean alone is 0 or infinite as long as one side is not known; treat these two cases."),
        (chosen(lambda low, high: high, down, middle), "as long as nothing has failed high is infinite; take ten times low."),
        (chosen(lambda low, high: low / 10, lambda low, high: 10 * high, middle), "c goes the wrong way: as long as none has failed it grows, ten times low; as long as none has succeeded it falls, a tenth of high."),
        (chosen(up, up, middle), "as long as nothing has succeeded low is 0, and so would be c; take a tenth of high."),
        (chosen(lambda low, high: 2 * low, lambda low, high: high / 2, middle), "the factor is 10 in both directions, not 2."),
        *((lambda low, high, order=order: next((f for f, found in order if found(low, high)), middle)(low, high),
           "one case is chosen for the whole batch; each picture has its own: torch.where.") for order in (CASES, CASES[::-1])),
    )),
    Exercise("nearest_plane", nearest_plane, planes, difficulty=2, minutes=15, battery=PICTURES, what="the batch of changes", hints=(
        "The score of class k catches up with the own one on a plane. How far is it, when the lead shrinks by |w_own - w_k| for each unit of length?",
        "w = weight[own][:, None] - weight is [N, K, D]. distance = lead / w.norm(dim=2); the own class itself must not win: give it an infinite distance.",
        "k = distance.argmin(1); rows = torch.arange(len(x)); the change is -(lead / w.norm(dim=2) ** 2)[rows, k, None] * w[rows, k], in the shape of x.",
    ), mistakes=(
        (lambda x, w, b: -nearest_plane(x, w, b), "the change goes the other way; it must take the lead away."),
        (lambda x, w, b: x + nearest_plane(x, w, b), "this is the changed picture; return the change alone."),
        (lambda x, w, b: to_plane(x, w, b, lambda lead, size: lead), "the class with the smallest lead is taken; it may be far. Take the smallest distance, lead over |w_own - w_k|."),
        (lambda x, w, b: to_plane(x, w, b, lambda lead, size: -lead / size), "the farthest boundary is taken; take the nearest."),
        (lambda x, w, b: to_plane(x, w, b, lambda lead, size: lead / size**2), "the smallest lead / |w|^2 is taken; the distance is lead / |w|."),
        (lambda x, w, b: to_plane(x, w, b, lambda lead, size: lead / size, 1), "the change is not as long as the distance: divide by |w| once for the distance, and once to make w a direction of length 1."),
        (lambda x, w, b: to_plane(x, w, torch.zeros_like(b), lambda lead, size: lead / size), "the bias is left out; it belongs to the score."),
        (lambda x, w, b: to_plane(x, w, b, lambda lead, size: lead / size, 2, lambda own, other: -other.expand(len(own), -1, -1)), "w is the weight of the other class alone; on the boundary two scores are equal, so w is the difference of the two weights."),
        (lambda x, w, b: to_plane(x, w, b, lambda lead, size: lead / size, 2, lambda own, other: own.expand(-1, other.shape[1], -1)), "w is the weight of the own class alone; on the boundary two scores are equal, so w is the difference of the two weights."),
        (lambda x, w, b: to_plane(x, w, b, lambda lead, size: lead / size, 0), "the lead times w is far too long: divide by |w| once for the distance, and once to make w a direction of length 1."),
        (lambda x, w, b: 1.02 * nearest_plane(x, w, b), "the change goes beyond the boundary; it ends on it."),
    )),
    Exercise("wave_norm", wave_norm, waves, difficulty=2, minutes=12, battery=TENSORS, what="the norm", tol=1e-4, hints=(
        "Two steps: the matrix A, [out, in], a sum over the kernel's rows and columns of complex numbers; then its largest singular value.",
        "turn = u * i + v * j for all i and j is u * torch.arange(h)[:, None] + v * torch.arange(w). torch.exp(-1j * turn) makes complex numbers of length 1.",
        "A = (kernel * torch.exp(-1j * turn)).sum((2, 3)); torch.linalg.matrix_norm(A, 2).item() is its largest singular value.",
    ), mistakes=(
        (heard(lambda a: torch.linalg.matrix_norm(a)), "this is the Frobenius norm, the root of all squares; take the largest singular value: torch.linalg.matrix_norm(A, 2)."),
        (heard(lambda a: torch.linalg.svdvals(a)[-1]), "this is the smallest singular value; take the largest."),
        (heard(lambda a: torch.linalg.matrix_norm(a, 2) ** 2), "this is the square of the largest singular value (an eigenvalue of A^H A); take the root."),
        (heard(lambda a: a.abs().max()), "this is the largest entry of A; take the largest singular value."),
        (heard(lambda a: torch.linalg.matrix_norm(a.real, 2)), "only the real part of A is used (cosines); the wave has a sine part, too: complex numbers."),
        (heard(lambda a: torch.linalg.matrix_norm(a.abs(), 2)), "absolute values are taken before the singular value; A stays complex."),
        (lambda kernel, u, v: wave_norm(kernel, v, u), "u and v are exchanged: u belongs to the rows (axis 2), v to the columns (axis 3)."),
        (lambda kernel, u, v: wave_norm(kernel, 0.0, 0.0), "this is the answer to a constant picture (u = v = 0); multiply by exp(-1j * (u * i + v * j)) before the sum."),
        (lambda kernel, u, v: wave_norm(kernel, u, -v), "one of the two angles has the other sign; both are added: u * i + v * j."),
        (lambda kernel, u, v: torch.linalg.matrix_norm(transform(kernel, u, v) / math.prod(kernel.shape[2:]), 2).item(), "the kernel's values are averaged; add them up."),
    )),
)  # fmt: skip
