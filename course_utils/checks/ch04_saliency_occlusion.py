"""The exercises of chapter 04: saliency, occlusion, integrated gradients, deletion, right for the right reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import training, visualize
from ..checking import PICTURES, Case, Exercise, deletion, probe, slips
from ..checking.battery import NARROW, ON_DEVICE, STRIDED
from ..runtime import generator


def score_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """d S_y(x) / d x, [N, C, H, W]; S is the score before the softmax."""
    return visualize.score_gradient(model, x, y)


def saliency(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """max over the colours of |dS_y / dx|, [N, H, W]."""
    return visualize.saliency(model, x, y)


def occlusion_map(model: nn.Module, x: Tensor, y: int, window: int, stride: int, fill: float) -> Tensor:
    """How far the score of class y drops when a square covers one picture `[1, C, H, W]`: `[rows, columns]`."""
    label = torch.tensor([y], device=x.device)
    # Here the last window ends inside the picture; the course's own may hang over the edge.
    rows, columns = ((size - window) // stride + 1 for size in x.shape[2:])
    return visualize.occlusion(model, x, label, window=window, stride=stride, fill=fill)[0, :rows, :columns]


def path_points(x: Tensor, steps: int) -> Tensor:
    """(k + 1/2) / steps * x for k = 0 .. steps - 1, [steps, N, C, H, W]."""
    shares = (torch.arange(steps).to(x) + 0.5) / steps
    return shares.reshape(-1, *[1] * x.dim()) * x


def integrated_gradients(model: nn.Module, x: Tensor, y: Tensor, steps: int) -> Tensor:
    """x * mean of dS_y/dx at (k + 1/2) / steps * x: the way from black to x, `[N, C, H, W]`."""
    return visualize.integrated_gradients(model, x, y, steps=steps)


def delete_top(x: Tensor, heat: Tensor, share: float, fill: float) -> Tensor:
    """Replace the given share of each picture's pixels by `fill`, those with the highest heat first."""
    rank = heat.flatten(1).argsort(1, descending=True).argsort(1).reshape(heat.shape)
    return x.where(rank[:, None] >= round(share * heat[0].numel()), torch.tensor(fill, dtype=x.dtype, device=x.device))


def outside_penalty(
    model: nn.Module, x: Tensor, inside: Tensor, value: Callable = lambda s: s.log_softmax(1), size: Callable = torch.square
) -> Tensor:
    """The squared gradient of sum_k log p_k, summed where inside is 0, averaged over the pictures."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(model(x)).sum(), x, create_graph=True)
    return size(gradient * (1 - inside)).flatten(1).sum(1).mean()


def right_reasons(model: nn.Module, x: Tensor, y: Tensor, inside: Tensor, strength: float) -> Tensor:
    """Cross-entropy + strength * the penalty."""
    return training.right_reasons(model, x, y, inside, strength)


# ---------------------------------------------------------------- what they are tried on


def pictures() -> Iterator[Case]:
    model, x, y = probe(3, 8, 7, 4)
    yield {"model": model, "x": x, "y": y}
    yield {"model": model, "x": x[:4], "y": y[:4].flip(0)}


def squares() -> Iterator[Case]:
    model, x, _ = probe(3, 8, 6, 4, count=2)
    best, third = model(x[:1])[0].argsort(descending=True)[[0, 2]].tolist()
    yield {"model": model, "x": x[:1], "y": third, "window": 4, "stride": 2, "fill": 0.5}
    yield {"model": model, "x": x[:1], "y": best, "window": 3, "stride": 2, "fill": 0.2}  # does not end at the edge
    yield {"model": model, "x": x[1:], "y": best, "window": 5, "stride": 3, "fill": 0.8}  # one column


def ways() -> Iterator[Case]:
    for case, steps in zip(pictures(), (4, 7)):
        yield case | {"steps": steps}


def masks() -> Iterator[Case]:
    for case, seed in zip(pictures(), (2, 3)):
        x = case["x"]
        inside = (torch.rand(len(x), 1, *x.shape[2:], generator=generator(seed)) < 0.3).to(x)
        yield {"model": case["model"], "x": x, "inside": inside}


def scans() -> Iterator[Case]:
    for case, plain, strength in zip([*masks(), *masks()], [*pictures(), *pictures()], (0.1, 0.4, 0.0)):
        yield {"model": case["model"], "x": case["x"], "y": plain["y"], "inside": case["inside"], "strength": strength}


# ---------------------------------------------------------------- known mistakes


def along(shares: Callable[[int], Sequence[float]], weights: Callable[[int], Sequence[float]] | None = None) -> Callable:
    """Integrated gradients with other places on the way than the middles."""

    def wrong(model: nn.Module, x: Tensor, y: Tensor, steps: int) -> Tensor:
        places = shares(steps)
        parts = weights(steps) if weights else [1 / len(places)] * len(places)
        return x * sum(part * score_gradient(model, share * x, y) for share, part in zip(places, parts))

    return wrong


def covered_for_good(model: nn.Module, x: Tensor, y: int, window: int, stride: int, fill: float, colours: slice | None = None) -> Tensor:
    """Occlusion in which the square never goes away from where it was; or, given `colours`, one of these colours alone."""
    covered, base, drops = x.clone(), model(x)[0, y], []
    for top in range(0, x.shape[2] - window + 1, stride):
        for left in range(0, x.shape[3] - window + 1, stride):
            covered = covered if colours is None else x.clone()
            covered[:, colours or slice(None), top : top + window, left : left + window] = fill
            drops.append(base - model(covered)[0, y])
    return torch.stack(drops).reshape((x.shape[2] - window) // stride + 1, -1).detach()


ENDS = "linspace(0, 1, ...) goes from end to end; take the middles of the pieces: (k + 0.5) / steps."
LEFT = "the places on the way are not the middles of its pieces: share = (k + 0.5) / steps for k = 0 .. steps - 1."

EXERCISES = (
    Exercise("score_gradient", score_gradient, pictures, difficulty=1, minutes=5, battery=PICTURES, what="the gradient", tol=1e-4, hints=(
        "The pictures ask for the gradient: x = x.clone().requires_grad_(), before model(x).",
        "The score of class y in each picture is model(x).gather(1, y[:, None]), as in chapter 00.",
        "Add the scores of all pictures up and call torch.autograd.grad(total, x): each picture gets its own gradient.",
    ), mistakes=(
        (lambda m, x, y: saliency(m, x, y), "this is the map already; give the gradient itself, in the shape of x."),
        (lambda m, x, y: score_gradient(m, x, y).abs(), "the sign is lost; give the gradient itself."),
        (lambda m, x, y: -score_gradient(m, x, y), "the sign is wrong: give the gradient of the score itself."),
        *slips.of_the_score(lambda gradient, x: gradient),
    )),
    Exercise("saliency", saliency, pictures, difficulty=1, minutes=5, battery=PICTURES, what="the map, max over the colours of |dS_y / dx|,",
             tol=1e-4, hints=(
        "Begin with your score_gradient(model, x, y). Does a pixel that lowers the score matter?",
        "A pixel has three derivatives, one for each colour; the map holds the largest of them.",
        "Absolute value first, then the largest of the three colours: .abs().amax(1).",
    ), mistakes=(
        *((f, "the colours are still there: take the largest of the three, .amax(1).") for f in (score_gradient, lambda *a: score_gradient(*a).abs())),
        (lambda *a: F.normalize(saliency(*a).flatten(1), torch.inf).reshape(a[1][:, 0].shape), "each map is divided by its largest value; leave it as it is."),
        (lambda m, x, y: score_gradient(m, x, y).amax(1), "the sign is kept: take the absolute value first. A pixel that lowers the score matters too."),
        (lambda m, x, y: score_gradient(m, x, y).amax(1).abs(), "the absolute value comes too late: first .abs(), then the largest colour."),
        (lambda m, x, y: score_gradient(m, x, y).abs().sum(1), "the colours are added up; Simonyan takes the largest."),
        (lambda m, x, y: score_gradient(m, x, y).abs().mean(1), "the colours are averaged; Simonyan takes the largest."),
        (lambda m, x, y: score_gradient(m, x, y).abs().amin(1), "this is the smallest of the colours; take the largest."),
        *slips.of_the_score(lambda gradient, x: gradient.abs().amax(1)),
    )),
    Exercise("occlusion_map", occlusion_map, squares, difficulty=2, minutes=10, tol=1e-4,
             battery=(NARROW, STRIDED, ON_DEVICE), what="the map of drops", hints=(
        "Two loops: top over range(0, H - window + 1, stride), left over the same with W.",
        "Copy the picture at each position: covered = x.clone(); then covered[:, :, top:top + window, left:left + window] = fill.",
        "The drop is model(x)[0, y] - model(covered)[0, y]: positive where the square hurts.",
    ), mistakes=(
        (lambda *a: -occlusion_map(*a), "the sign is wrong: where the square hurts, the drop (before minus after) is positive."),
        (lambda m, x, y, *a: m(x)[0, y].detach() - occlusion_map(m, x, y, *a), "these are the scores under the square; subtract them from the score of the picture."),
        (lambda *a: occlusion_map(*a).T, "rows and columns are swapped: the first index is the row, top to bottom."),
        (lambda m, x, y, w, s, fill: occlusion_map(m, x, y, w, s, 0.0), "the square is black; fill it with `fill`."),
        (lambda m, x, y, w, s, fill: occlusion_map(m, x, y, w, s, 0.5), "the square is always grey; fill it with `fill`."),
        (lambda m, x, y, *a: occlusion_map(m, x, int(m(x)[0].argmax()), *a), "the class y is not used: take the score of y, model(x)[0, y]."),
        (lambda m, *a: occlusion_map(slips.probable(m), *a), "these are drops of the probability; take the score before the softmax."),
        (lambda *a: occlusion_map(*a).abs(), "drops below 0 are turned around; a square may raise the score, too."),
        (lambda *a: occlusion_map(*a).clamp(min=0), "drops below 0 are lost; a square may raise the score, too."),
        (lambda *a: covered_for_good(*a, slice(1)), "only the first colour is covered; cover all of them: covered[:, :, ...]."),
        (covered_for_good, "the squares pile up: the picture must be copied anew for each position, x.clone() inside the loops."),
    )),
    Exercise("path_points", path_points, lambda: [{"x": case["x"], "steps": case["steps"]} for case in ways()], difficulty=1, minutes=5, battery=PICTURES, what="the way from black", hints=(
        "On the way from black to x every picture is share * x, with a share from 0 to 1.",
        "The middles of `steps` equal pieces: share = (k + 0.5) / steps for k = 0 .. steps - 1.",
        "torch.stack([(k + 0.5) / steps * x for k in range(steps)]) puts the pictures along a new first axis.",
    ), mistakes=(
        (lambda x, n: torch.stack([k / n * x for k in range(n)]), "these are the left ends of the pieces; take the middles: (k + 0.5) / steps."),
        (lambda x, n: torch.stack([(k + 1) / n * x for k in range(n)]), "these are the right ends of the pieces; take the middles: (k + 0.5) / steps."),
        *((lambda x, n, more=more: torch.stack([s * x for s in torch.linspace(0, 1, n + more)]), ENDS) for more in (0, 1)),
        (lambda x, n: path_points(x, n).flip(0), "the way goes from x to black; it begins at black."),
        (lambda x, n: 1 - path_points(1 - x, n).flip(0), "the way begins at white; begin at black."),
        (lambda x, n: path_points(x, n).transpose(0, 1), "the axes are swapped: [steps, N, C, H, W], the way first."),
        (lambda x, n: path_points(x, n).flatten(0, 1), "the ways of all pictures are one long batch; keep an axis for the steps: [steps, N, C, H, W]."),
    )),
    Exercise("integrated_gradients", integrated_gradients, ways, difficulty=2, minutes=10, battery=PICTURES, tol=1e-4,
             what="the attribution", hints=(
        "The integral is the mean of the gradients on the way: call score_gradient at each of the path_points.",
        "torch.stack([score_gradient(model, point, y) for point in path_points(x, steps)]).mean(0) is that mean.",
        "Multiply the mean gradient by x - 0. Check: the sum must be nearly S_y(x) - S_y(black).",
    ), mistakes=(
        (lambda m, x, y, n: x * score_gradient(m, x, y), "this is the gradient at the picture alone times the picture; average it over the whole way from black."),
        (lambda m, x, y, n: integrated_gradients(m, x, y, n) * n, "the gradients are added up but not divided by the number of steps."),
        (lambda m, x, y, n: sum(score_gradient(m, p, y) for p in path_points(x, n)) / n,
         "the mean gradient must still be multiplied by the way that each pixel goes: x minus black, which is x."),
        (lambda m, x, y, n: (x * torch.stack([score_gradient(m, p, y) for p in path_points(x, n)]).abs().mean(0)),
         "the gradients' sizes are averaged; keep their signs."),
        (along(lambda n: [k / n for k in range(n)]), LEFT),
        (along(lambda n: [(k + 1) / n for k in range(n)]), LEFT),
        *((along(lambda n, more=more: torch.linspace(0, 1, n + more).tolist()), ENDS) for more in (0, 1)),
        (lambda m, x, y, n: integrated_gradients(m, x, y, n).abs(), "the signs are lost; the attribution keeps them."),
        (along(lambda n: [k / n for k in range(n + 1)], lambda n: [0.5 / n, *[1 / n] * (n - 1), 0.5 / n]),
         "these are trapezoids, nearly the same number; the exercise asks for the middles of the pieces: (k + 0.5) / steps."),
        (lambda m, x, y, n: visualize.integrated_gradients(m, x, y, steps=n, baseline=1.0), "the way starts at white; start at black (zeros)."),
        (lambda m, x, y, n: integrated_gradients(m, x, y, n).abs().amax(1), "the colours are gone; the attribution has the shape of x."),
        (lambda m, x, y, n: integrated_gradients(m, x, m(x).argmax(1), n), "the labels y are not used."),
        (lambda m, x, y, n: integrated_gradients(slips.probable(m), x, y, n), "the probability is differentiated; take the score before the softmax."),
    )),
    Exercise("delete_top", delete_top, deletion.cases, difficulty=2, minutes=10, battery=PICTURES, agree=deletion.agree, hints=(
        "How many pixels go? round(share * H * W), the same number in each picture.",
        "heat.flatten(1).argsort(1, descending=True).argsort(1) is each pixel's rank in its own picture, 0 for the hottest.",
        "x.where(mask, fill) keeps x where the mask is true; the mask needs a colour axis: mask[:, None].",
    ), mistakes=(
        (lambda x, h, s, c: delete_top(x, -h, s, c), "the pixels with the lowest heat go first; the highest must."),
        (lambda x, h, s, c: delete_top(x, h.abs(), s, c), "the size of the heat is ranked; a map may be negative, and the highest goes first."),
        (lambda x, h, s, c: delete_top(x, h, 1 - s, c), "three quarters were deleted; `share` is the part that goes."),
        (lambda x, h, s, c: delete_top(x, h, s, 0.0), "deleted pixels turn black; give them the value `fill`."),
    )),
    Exercise("outside_penalty", outside_penalty, masks, difficulty=2, minutes=10, battery=PICTURES, tol=1e-4, what="the penalty", hints=(
        "Add up all log-probabilities, model(x).log_softmax(1).sum(), and take the gradient with respect to x.",
        "The weights shall learn from it, so the gradient must stay in the graph: torch.autograd.grad(..., create_graph=True).",
        "Multiply the gradient by 1 - inside, square, add up per picture (.flatten(1).sum(1)), and average over the pictures.",
    ), mistakes=(
        (lambda m, x, i: outside_penalty(m, x, 1 - i), "the gradient inside the object is punished; punish what is outside: 1 - inside."),
        (lambda m, x, i: outside_penalty(m, x, torch.zeros_like(i)), "the gradient is punished everywhere; only outside: times 1 - inside."),
        (lambda m, x, i: outside_penalty(m, x, i) * len(x), "the penalty is added up over the pictures; take the mean."),
        (lambda m, x, i: outside_penalty(m, x, i) / x[0].numel(), "the squares are averaged over the pixels; add up each picture's."),
        (lambda m, x, i: outside_penalty(m, x, i, size=torch.abs), "the sizes are added up; square the gradient."),
        (lambda m, x, i: outside_penalty(m, x, i, lambda s: s.softmax(1)), "probabilities are differentiated; take log-probabilities, log_softmax."),
        (lambda m, x, i: outside_penalty(m, x, i, lambda s: s.softmax(1).log_softmax(1)), "softmax is applied before log_softmax, which applies it itself; give it the scores."),
        (lambda m, x, i: outside_penalty(m, x, i, lambda s: s.log_softmax(1).mean(1)), "log-probabilities are averaged over the classes; add them up."),
        (lambda m, x, i: outside_penalty(m, x, i, lambda s: s), "the scores are differentiated; take log-probabilities, log_softmax."),
        (lambda m, x, i: outside_penalty(m, x, i, lambda s: s.log_softmax(1) / len(x)), "log-probabilities are averaged over the batch; add them up."),
    )),
    Exercise("right_reasons", right_reasons, scans, difficulty=1, minutes=5, battery=PICTURES, tol=1e-4, what="the loss", hints=(
        "It is a sum of two numbers: the usual loss, and your outside_penalty times the strength.",
        "The usual loss is F.cross_entropy(model(x), y).",
        "F.cross_entropy(model(x), y) + strength * outside_penalty(model, x, inside)",
    ), mistakes=(
        (lambda m, x, y, i, s: right_reasons(m, x, y, 1 - i, s), "the gradient inside the object is punished; punish what is outside: 1 - inside."),
        (lambda m, x, y, i, s: F.cross_entropy(m(x), y), "the penalty is missing: add strength times outside_penalty."),
        (lambda m, x, y, i, s: s * outside_penalty(m, x, i), "the cross-entropy is missing."),
        (lambda m, x, y, i, s: F.cross_entropy(m(x), y) - s * outside_penalty(m, x, i), "the penalty is subtracted; add it."),
        (lambda m, x, y, i, s: right_reasons(m, x, y, i, 1), "the penalty is not multiplied by `strength`."),
        (lambda m, x, y, i, s: right_reasons(m, x, y, i, 1) * s, "`strength` multiplies the whole loss; it multiplies the penalty alone."),
        (lambda m, x, y, i, s: right_reasons(m, x, y, i, s * len(x)), "the penalty is added up over the pictures; take the mean, as the cross-entropy does."),
        (lambda m, x, y, i, s: F.cross_entropy(m(x), y, reduction="sum") + s * outside_penalty(m, x, i), "the cross-entropy is added up over the pictures; take the mean."),
        (lambda m, x, y, i, s: F.cross_entropy(m(x).softmax(1), y) + s * outside_penalty(m, x, i), "softmax is applied before F.cross_entropy, which applies it itself; give it the scores."),
    )),
)  # fmt: skip
