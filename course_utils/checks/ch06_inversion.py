"""The exercises of chapter 06: the distance of two answers, the total variation, a linear probe, what a shortcut carries."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checking import PICTURES, TENSORS, Case, Exercise
from ..checking.battery import NARROW, ONE_PICTURE
from ..runtime import generator


def feature_distance(answer: Tensor, target: Tensor) -> Tensor:
    """|answer - target|^2 / |target|^2 of each picture: [N]."""
    return (answer - target).flatten(1).square().sum(1) / target.flatten(1).square().sum(1)


def variation(x: Tensor, beta: float) -> Tensor:
    """Sum of (dx^2 + dy^2)^(beta / 2) of each picture, beyond the border no step: [N]."""
    down = F.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 0, 1))
    right = F.pad(x[..., 1:] - x[..., :-1], (0, 1))
    return (down**2 + right**2).pow(beta / 2).flatten(1).sum(1)


def probe_scores(features: Tensor, labels: Tensor, held: Tensor, ridge: float) -> Tensor:
    """Ridge regression from features to labels, both less their means, applied to held: [M, K]."""
    a = features - features.mean(0)  # so that whatever is the same for all labels drops out of A^T Y
    squares = a.T @ a + ridge * torch.eye(a.shape[1]).to(a)
    return (held - features.mean(0)) @ torch.linalg.solve(squares, a.T @ labels) + labels.mean(0)


def carried(x: Tensor, stride: int, channels: int) -> Tensor:
    """Every stride-th pixel, and channels of zeros behind the old ones."""
    return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, channels - x.shape[1]))


def answers() -> Iterator[Case]:
    for shape, seed in (((5, 3, 4, 4), 1), ((4, 7), 2)):
        chance = generator(seed)
        size = 1 + torch.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))  # each picture's answer of another size
        yield {"answer": torch.randn(shape, generator=chance), "target": size * torch.randn(shape, generator=chance)}


def rough_pictures() -> Iterator[Case]:
    x = torch.rand(4, 3, 6, 5, generator=generator(3))
    yield from ({"x": some, "beta": beta} for some, beta in ((x, 2.0), (x, 3.0), (x.flip(0)[:, :1], 1.5)))


def probes() -> Iterator[Case]:
    chance = generator(4)
    features, held = (0.3 + torch.randn(n, 5, generator=chance) for n in (12, 7))
    labels = F.one_hot(torch.arange(12).square() % 5 % 3, 3).float()
    yield {"features": features, "labels": labels, "held": held, "ridge": 2.0}
    yield {"features": held[:, :4], "labels": labels[:7], "held": features[:, :4], "ridge": 0.7}  # another count of features
    yield {"features": features, "labels": labels, "held": held[:1], "ridge": 1.3}


def maps() -> Iterator[Case]:
    x = torch.randn(3, 4, 6, 8, generator=generator(5))  # of both signs: a layer need not end in a ReLU
    yield {"x": x, "stride": 2, "channels": 8}
    yield {"x": x, "stride": 1, "channels": 4}
    yield {"x": x[:, :2, :5, :7], "stride": 3, "channels": 7}


def probed(f: Tensor, labels: Tensor, held: Tensor, ridge: float, *, mean: Callable = lambda a: a.mean(0), base=True, own=False, average=False, eye=torch.eye) -> Tensor:
    """The probe with another mean, without the labels' mean, with the held pictures' own mean, over mean squares; eye: where the ridge goes."""
    a, b, count = f - mean(f), held - mean(held if own else f), len(f) if average else 1
    w = torch.linalg.solve(a.T @ a / count + ridge * eye(a.shape[1]).to(a), a.T @ labels / count)
    return b @ w + base * labels.mean(0)


def steps(join: Callable[[Tensor, Tensor, float], Tensor], mode: str = "constant") -> Callable:
    """A variation whose steps are joined in another way, or whose border is another."""

    def wrong(x: Tensor, beta: float) -> Tensor:
        wide = F.pad(x, (0, 1, 0, 1), mode="replicate" if mode == "constant" else mode)
        down, right = wide[:, :, 1:, :-1] - x, wide[:, :, :-1, 1:] - x
        return join(down, right, beta).flatten(1).sum(1)

    return wrong


EXERCISES = (
    Exercise("feature_distance", feature_distance, answers, battery=(ONE_PICTURE, *TENSORS), difficulty=1, minutes=5, what="the distance", hints=(
        "How far apart are two lists of numbers? And how far is that, compared with the size of the target?",
        "flatten(1) makes one row a picture, whatever the layer; square and sum over each row.",
        "(answer - target).flatten(1).square().sum(1), over the same sum of target alone.",
    ), mistakes=(
        (lambda a, t: (a - t).flatten(1).square().sum(1), "the distance is not divided by the target's own squared length."),
        (lambda a, t: feature_distance(t, a), "it is divided by the answer's squared length; divide by the target's."),
        (lambda a, t: feature_distance(a, t).sqrt(), "this is the root; the squares are asked for."),
        (lambda a, t: feature_distance(a, t).mean(), "one number for the whole batch; give one for each picture, [N]."),
        (lambda a, t: (a - t).square().sum() / t.square().sum() + 0 * feature_distance(a, t), "the sums run over the whole batch; each picture has its own: flatten(1)...sum(1)."),
        (lambda a, t: (a - t).flatten(1).square().sum(1) / t.square().sum(), "the target's length is that of the whole batch; each picture has its own."),
        (lambda a, t: (a - t).flatten(1).abs().sum(1) / t.flatten(1).abs().sum(1), "these are absolute values; take squares."),
        (lambda a, t: (a - t).flatten(1).square().sum(1) / t.flatten(1).norm(dim=1), "the target's length is not squared."),
        (lambda a, t: 1 - F.cosine_similarity(a.flatten(1), t.flatten(1)), "this is the angle between them; the distance is asked for."),
        (lambda a, t: (a + t).flatten(1).square().sum(1) / t.flatten(1).square().sum(1), "the two are added; subtract them."),
    )),
    Exercise("variation", variation, rough_pictures, battery=tuple(i for i in PICTURES if i is not NARROW), difficulty=2, minutes=10, what="the variation", hints=(
        "How far is each pixel from the one below it, and from the one at its right? At the last row and column nothing follows: that step is 0.",
        "down = F.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 0, 1)) has the shape of x, with zeros in the last row; right goes alike, with (0, 1).",
        "(down**2 + right**2).pow(beta / 2), summed over colours, rows and columns: flatten(1).sum(1).",
    ), mistakes=(
        (lambda x, b: variation(x, 2.0), "beta is not used: (dx^2 + dy^2) to the power beta / 2."),
        (lambda x, b: variation(x, 2 * b), "the power is beta / 2, not beta."),
        (steps(lambda d, r, b: d.abs().pow(b) + r.abs().pow(b)), "the two steps are raised to the power one by one; first add their squares, then raise."),
        (steps(lambda d, r, b: (d + r).abs().pow(b)), "the two steps are added; add their squares."),
        (steps(lambda d, r, b: d.abs().pow(b)), "only the steps to the pixel below count; take those to the right, too."),
        (steps(lambda d, r, b: r.abs().pow(b)), "only the steps to the pixel at the right count; take those downwards, too."),
        (lambda x, b: (x.diff(dim=2)[..., :-1] ** 2 + x.diff(dim=3)[:, :, :-1] ** 2).pow(b / 2).flatten(1).sum(1), "a pixel at the border has a step in one direction only, and it counts: the missing one is 0."),
        (lambda x, b: steps(lambda d, r, p: (d**2 + r**2).pow(p / 2), "circular")(x, b), "the picture goes on at its opposite border; beyond the border the step is 0."),
        (lambda x, b: variation(F.pad(x, (0, 1, 0, 1)), b), "beyond the border everything is black; there the step is 0."),
        (lambda x, b: variation(x, b) / x[0].numel(), "this is the mean; add the steps up."),
        (lambda x, b: variation(x, b).sum(), "one number for the whole batch; give one for each picture, [N]."),
        (lambda x, b: variation(x.mean(1, keepdim=True), b), "the colours are mixed; each has its own steps."),
        (lambda x, b: steps(lambda d, r, p: (d**2 + r**2).sum(1).pow(p / 2))(x, b), "the colours' squares are added before the power; each colour has its own (dx^2 + dy^2)."),
        (lambda x, b: variation(x.flip(2, 3), b), "these are the steps from the pixel above and from the one at the left; take those below and at the right."),
    )),
    Exercise("probe_scores", probe_scores, probes, battery=TENSORS, difficulty=2, minutes=15, what="the table of scores", tol=1e-4, hints=(
        "Subtract the training means first: A = features - features.mean(0), Y = labels - labels.mean(0). What is subtracted from held?",
        "The best W solves (A.T @ A + ridge * I) W = A.T @ Y: torch.linalg.solve(left, right), with I = torch.eye(D).to(features).",
        "(held - features.mean(0)) @ W + labels.mean(0).",
    ), mistakes=(
        (lambda *a: probed(*a, own=True), "held is centred by its own mean; the probe knows only the training pictures' mean."),
        (lambda *a: probed(*a, mean=lambda f: 0 * f[0]), "the features' mean is not subtracted."),
        (lambda *a: probed(*a, base=False), "the labels' mean is not added again at the end."),
        (lambda *a: probed(*a, mean=lambda f: f.mean()), "one mean for all features; each feature has its own: .mean(0)."),
        (lambda *a: probed(*a, average=True), "the squares are averaged over the pictures, the ridge is not: take sums, A.T @ A."),
        (lambda f, y, h, r: probed(f, y, h, 0.0), "the ridge is not used."),
        (lambda f, y, h, r: probed(f, y, h, -r), "the ridge is subtracted; add it to the diagonal."),
        (lambda *a: probed(*a, eye=torch.ones), "the ridge is added to every entry of A^T A; it belongs on the diagonal alone: ridge * torch.eye(D)."),
        (lambda f, y, h, r: probed(f, y, f, r), "these are the scores of the training pictures; the held ones are asked for."),
        (lambda f, y, h, r: probed(f, y, h, r).softmax(1), "these are probabilities; give the scores."),
        (lambda f, y, h, r: F.one_hot(probed(f, y, h, r).argmax(1), y.shape[1]).to(f), "these are decisions; give the scores."),
    )),
    Exercise("carried", carried, maps, battery=PICTURES, difficulty=1, minutes=10, what="what is carried", hints=(
        "Where the block halves its maps, the shortcut keeps every second pixel of every second row. What does it know of channels that x does not have?",
        "x[:, :, ::stride, ::stride] keeps the pixels; zeros of the right shape follow in the channels.",
        "torch.nn.functional.pad(pixels, (0, 0, 0, 0, 0, channels - x.shape[1])) puts zero channels behind.",
    ), mistakes=(
        (lambda x, s, c: F.pad(x[:, :, ::s, ::s], (0, 0, 0, 0, c - x.shape[1], 0)), "the zero channels stand before the old ones; they belong behind."),
        (lambda x, s, c: x[:, torch.arange(c) % x.shape[1], ::s, ::s], "the new channels repeat the old ones; they are zero."),
        (lambda x, s, c: F.pad(F.avg_pool2d(x, s, ceil_mode=True), (0, 0, 0, 0, 0, c - x.shape[1])), "pixels are averaged; keep every stride-th one as it is."),
        (lambda x, s, c: F.pad(F.max_pool2d(x, s, ceil_mode=True), (0, 0, 0, 0, 0, c - x.shape[1])), "the largest pixels are taken; keep every stride-th one as it is."),
        (lambda x, s, c: carried(x, 2, c), "the stride is not used."),
        (lambda x, s, c: carried(x, 1, c), "the maps keep their size; take every stride-th row and column."),
        (lambda x, s, c: carried(x, s, 2 * x.shape[1]), "`channels` is not used: so many there are in the end."),
        (lambda x, s, c: carried(x, s, c + x.shape[1]), "`channels` is how many there are in the end, not how many are new."),
        (lambda x, s, c: carried(x[:, :, s - 1 :, s - 1 :], s, c), "the pixels are shifted: begin with the first one."),
        (lambda x, s, c: carried(x, s, x.shape[1]), "the new channels are missing."),
    )),
)  # fmt: skip
