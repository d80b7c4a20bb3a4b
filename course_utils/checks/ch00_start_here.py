"""The exercises of chapter 00: how large a change is, the score of each picture's class, the gradient with respect to the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import measure
from ..checking import PICTURES, Case, Exercise, probe, slips
from ..runtime import generator


def largest_change(x: Tensor, x_adv: Tensor) -> Tensor:
    """The largest change of a pixel in each picture: max |x_adv - x|, [N]."""
    return measure.norms(x, x_adv).linf


def own_score(scores: Tensor, y: Tensor) -> Tensor:
    """scores[i, y[i]] for each i, [N]."""
    return scores.gather(1, y[:, None])[:, 0]


def picture_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """d J(x_i, y_i) / d x_i, [N, C, H, W]."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(x), y, reduction="sum"), x)[0]


def changes() -> Iterator[Case]:
    change = 0.8 * (torch.rand(3, 2, 4, 5, generator=generator(0)) - 0.5)  # the largest: down, up, down
    x = 0.5 + 0.1 * torch.rand(change.shape, generator=generator(1))
    yield {"x": x, "x_adv": x + change}
    corners = -0.1 * change
    corners[0, 0, 0, 0], corners[1, -1, -1, -1], corners[2] = 0.3, -0.3, 0  # at both ends, and a picture that did not change
    yield {"x": x, "x_adv": x + corners}


def some_scores() -> Iterator[Case]:
    scores = torch.randn(5, 4, generator=generator(3))
    yield {"scores": scores, "y": torch.tensor([2, 0, 3, 3, 1])}
    yield {"scores": scores[:4], "y": torch.tensor([0, 0, 1, 2])}  # as many pictures as classes


def some_pictures() -> Iterator[Case]:
    model, x, y = probe(channels=2)
    yield {"model": model, "x": x, "y": y}
    yield {"model": model, "x": x[:4], "y": y[:4].flip(0)}


def size(x: Tensor, x_adv: Tensor) -> Tensor:
    return (x_adv - x).abs().flatten(1)


def differentiated(value: slips.Value) -> Callable:
    """A wrong answer: the gradient of this value of the scores and the classes."""
    return lambda model, x, y: slips.gradient_of(value, model, x, y)


PROBABILITY = "the probability is differentiated; J is minus its logarithm, F.cross_entropy(model(x), y)."
EXERCISES = (
    Exercise("largest_change", largest_change, changes, difficulty=1, minutes=3, battery=PICTURES, hints=(
        "The change is x_adv - x. A pixel that gets darker has changed, too: which function forgets the sign?",
        "Each picture has three axes, [C, H, W]; `.flatten(1)` makes them one and leaves the pictures apart.",
        "`t.amax(1)` is the largest number of each row of t.",
    ), mistakes=(
        (lambda x, a: size(x, a).max(), "the largest change of the whole batch is one number; give one number for each picture, [3]."),
        (lambda x, a: (a - x).abs().amax(1), "you look over the channels only; look over all pixels of a picture: .flatten(1) first."),
        (lambda x, a: (a - x).flatten(1).amax(1), "changes that make a pixel darker are lost; take the absolute value first."),
        (lambda x, a: (x - a).flatten(1).amax(1), "changes that make a pixel brighter are lost; take the absolute value first."),
        (lambda x, a: (a - x).flatten(1).amax(1) - (a - x).flatten(1).amin(1),
         "this is the largest minus the smallest change; take the absolute value, then the largest."),
        (lambda x, a: size(x, a).mean(1), "this is the mean change; take the largest one."),
        (lambda x, a: size(x, a).sum(1), "this is the sum of all changes; take the largest one."),
        (lambda x, a: size(x, a).amax(1) ** 2, "this is the largest square; take the absolute value instead."),
        (lambda x, a: size(x, a).norm(dim=1), "this is the L2 norm, which counts all pixels together; take the largest single change."),
        (lambda x, a: (size(x, a) > 0).sum(1), "this counts the changed pixels; give the size of the largest change."),
        (lambda x, a: size(x, a).amin(1), "this is the smallest change; take the largest."),
        (lambda x, a: size(x, a).amax(1, keepdim=True), "one axis too many, [3, 1]; one number for each picture is expected, [3]."),
    )),
    Exercise("own_score", own_score, some_scores, difficulty=1, minutes=3, battery=PICTURES, hints=(
        "In row i you need column y[i]: another column in each row.",
        "`scores.gather(1, index)` picks along axis 1; `index` needs two axes like `scores`: y[:, None] is [N, 1].",
        "The result of gather is [N, 1]; `[:, 0]` or `.squeeze(1)` takes the last axis away.",
    ), mistakes=(
        (lambda s, y: slips.all_columns(s, y), slips.COLUMNS),
        (lambda s, y: s[y.clamp(max=len(s) - 1)], "scores[y] takes whole rows; take one entry of each row, in column y."),
        (lambda s, y: slips.own_score(s, y), "the result is [N, 1]; take the last axis away, [:, 0]."),
        (lambda s, y: s.amax(1), "this is the largest score of each row; take the one in column y."),
        (lambda s, y: s[0, y], "these all come from the first row; take row i for picture i."),
        (lambda s, y: s.gather(1, y[:, None])[:, 0].mean(), "the mean over the batch is one number; give one for each picture, [N]."),
        (lambda s, y: s.gather(1, y[:, None])[:, 0].sum(), "the sum over the batch is one number; give one for each picture, [N]."),
        (lambda s, y: s.softmax(1).gather(1, y[:, None])[:, 0], "these are probabilities; take the score before the softmax."),
        (lambda s, y: s.log_softmax(1).gather(1, y[:, None])[:, 0], "these are log-probabilities; take the score before the softmax."),
        (lambda s, y: s.argmax(1), "these are the predicted classes; give the score of class y."),
        (lambda s, y: s[y.clamp(max=len(s) - 1), torch.arange(len(y)).clamp(max=s.shape[1] - 1)],
         "rows and columns are swapped: picture i is row i, its class y[i] the column."),
    )),
    Exercise("picture_gradient", picture_gradient, some_pictures, difficulty=2, minutes=7, battery=PICTURES, hints=(
        "The picture is what changes, so the picture asks for the gradient: x = x.clone().requires_grad_(), before model(x).",
        "F.cross_entropy(model(x), y, reduction=\"sum\") adds the losses up; a mean would divide each picture's gradient by N.",
        "(gradient,) = torch.autograd.grad(loss, x) unpacks the tuple; the gradient has the shape of x.",
    ), what="the gradient", tol=1e-4, mistakes=(
        (lambda m, x, y: picture_gradient(m, x, y) / len(x),
         "the losses are averaged, which divides each picture's gradient by the batch size; add them up: reduction=\"sum\"."),
        (lambda m, x, y: -picture_gradient(m, x, y), "the sign is wrong: give the gradient of the loss itself."),
        (lambda m, x, y: picture_gradient(m, x, y).sign(), "this is the gradient's sign; give the gradient itself."),
        (lambda m, x, y: picture_gradient(m, x, y).abs(), "this is the gradient's size; keep its sign."),
        (lambda m, x, y: x + picture_gradient(m, x, y), "the picture is added to its gradient; give the gradient alone."),
        (differentiated(lambda s, y: slips.own_score(s.softmax(1), y)), PROBABILITY),
        (differentiated(lambda s, y: -slips.own_score(s.softmax(1), y)), PROBABILITY),
        (differentiated(lambda s, y: slips.all_columns(-s.log_softmax(1), y)), slips.COLUMNS),
        (differentiated(lambda s, y: s), "the scores of all classes are added up; J is F.cross_entropy(model(x), y)."),
        *slips.of_the_loss(lambda gradient, x: gradient),
        *slips.of_the_loss(lambda gradient, x: gradient / len(x)),
    )),
)  # fmt: skip
