"""The exercises of chapter 04: saliency, occlusion, integrated gradients, deletion, right for the right reasons."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import visualize
from ..checking import Exercise, call, call_loss, expect, expect_close, expect_trains, probe, returned, rule_out
from ..runtime import generator, logits
from ..training import right_reasons


def occlusion_map(model: nn.Module, x: Tensor, y: int, window: int, stride: int, fill: float) -> Tensor:
    """How far the score of class y drops when a square covers one picture `[1, C, H, W]`: `[rows, columns]`."""
    label = torch.tensor([y], device=x.device)
    # Here the last window ends inside the picture; the course's own may hang over the edge.
    rows, columns = ((size - window) // stride + 1 for size in x.shape[2:])
    return visualize.occlusion(model, x, label, window=window, stride=stride, fill=fill)[0, :rows, :columns]


def integrated_gradients(model: nn.Module, x: Tensor, y: Tensor, steps: int) -> Tensor:
    """x * mean of dS_y/dx at (k + 1/2) / steps * x: the way from black to x, `[N, C, H, W]`."""
    return visualize.integrated_gradients(model, x, y, steps=steps)


def delete_top(x: Tensor, heat: Tensor, share: float, fill: float) -> Tensor:
    """Replace the given share of each picture's pixels by `fill`, those with the highest heat first."""
    rank = heat.flatten(1).argsort(1, descending=True).argsort(1).reshape(heat.shape)
    return x.where(rank[:, None] >= round(share * heat[0].numel()), torch.tensor(fill).to(x))


def check_saliency(f) -> None:
    model, x, y = probe(3, 8, 3, 6)
    answer = call(f, model=model, x=x, y=y)
    slope = visualize.score_gradient(model, x, y)
    truth = slope.abs().amax(1)
    expect(getattr(answer, "shape", None) != x.shape, "the colours are still there: take the largest of the three, .amax(1).")
    returned(answer, truth, "the map")
    probabilities, losses = nn.Sequential(model, nn.Softmax(1)), nn.Sequential(model, nn.LogSoftmax(1))
    rule_out(
        answer,
        (slope.amax(1), "the sign is kept: take the absolute value first. A pixel that lowers the score matters too."),
        (slope.abs().sum(1), "the colours are added up; Simonyan takes the largest."),
        (slope.abs().mean(1), "the colours are averaged; Simonyan takes the largest."),
        (truth / len(x), "the scores are averaged over the batch, which divides every map by its size; add them up."),
        (visualize.saliency(model, x), "the labels y are not used: differentiate the score of the given class."),
        (visualize.saliency(probabilities, x, y), "the probability is differentiated; take the score before the softmax."),
        (visualize.saliency(losses, x, y), "the loss is differentiated; take the score of class y itself."),
    )
    expect_close(answer, truth, "the map, max over the colours of |dS_y / dx|,")


def check_occlusion_map(f) -> None:
    model, x, _ = probe(3, 8, 3, 6)
    one = x[:1, :, :, :6].clone()  # 8 rows, 6 columns: a swap of the axes shows
    wide = nn.Sequential(nn.ZeroPad2d((0, 2, 0, 0)), model)
    scores = logits(wide, one)[0]
    best = int(scores.argmax())
    y = (best + 1) % 3  # not the class that wins
    drops = functools.partial(occlusion_map, wide, one, window=4, stride=2)  # the last position ends at the edge
    answer = call(f, model=wide, x=one, y=y, window=4, stride=2, fill=0.5)
    truth = drops(y=y, fill=0.5)
    probable = occlusion_map(nn.Sequential(wide, nn.Softmax(1)), one, y, 4, 2, 0.5)
    shape = getattr(answer, "shape", truth.shape)
    expect(shape != truth.T.shape, "rows and columns are swapped: the first index is the row, top to bottom.")
    expect(shape == truth.shape, f"an 8x6 picture, window 4, stride 2 gives {list(truth.shape)} positions, not {list(shape)}. "
           "The last one ends at the edge: range(0, H - window + 1, stride).")  # fmt: skip
    returned(answer, truth, "the map of drops")
    rule_out(
        answer,
        (-truth, "the sign is wrong: where the square hurts, the drop (before minus after) is positive."),
        (scores[y] - truth, "these are the scores under the square; subtract them from the score of the picture."),
        (drops(y=y, fill=0.0), "the square is black; fill it with `fill`."),
        (drops(y=best, fill=0.5), "the class y is not used: take the score of y, model(x)[0, y]."),
        (probable, "these are drops of the probability; take the score before the softmax."),
    )
    expect(not answer.requires_grad, "the result carries a graph; no gradient is needed here: with torch.no_grad().")
    expect_close(answer, truth, "a drop (is the picture copied anew for each position?)", tol=1e-4)


def check_integrated_gradients(f) -> None:
    model, x, y = probe(3, 8, 3, 6)
    answer = returned(call(f, model=model, x=x, y=y, steps=64), x, "the attribution")
    truth = integrated_gradients(model, x, y, 64)
    rule_out(
        answer,
        (x * visualize.score_gradient(model, x, y),
         "this is the gradient at the picture alone times the picture; average it over the whole way from black."),
        (truth * 64, "the gradients are added up but not divided by the number of steps."),
        (truth / x.clamp_min(1e-6),
         "the mean gradient must still be multiplied by the way that each pixel goes: x minus black, which is x."),
        (visualize.integrated_gradients(model, x, y, steps=64, baseline=1.0),
         "the way starts at white; start at black (zeros)."),
        (visualize.integrated_gradients(model, x, steps=64), "the labels y are not used."),
        rtol=2e-2, atol=1e-3,
    )  # fmt: skip
    difference = (logits(model, x) - logits(model, torch.zeros_like(x))).gather(1, y[:, None])[:, 0]
    gap = (answer.flatten(1).sum(1) - difference).abs().max()
    expect(gap < 0.2, f"completeness fails: the attributions must sum to S_y(x) - S_y(black), but are off by {gap:.3f}.")


def check_delete_top(f) -> None:
    x = torch.rand(3, 3, 8, 8, generator=generator(1)) * 0.4
    heat = torch.stack([torch.rand(8, 8, generator=generator(k)) * 10**k for k in range(3)])
    for share in (0.25, 0.0, 0.5, 1.0):
        answer = returned(call(f, x=x, heat=heat, share=share, fill=0.9), x, "the batch of pictures")
        gone, count = (answer == 0.9).all(1), round(share * 64)
        counts = gone.flatten(1).sum(1).tolist()
        uneven = f"{counts} pixels were deleted in the three pictures; rank each picture's pixels by themselves."
        expect(torch.equal((answer == 0.9).any(1), gone), "a deleted pixel loses all its colours, not some of them.")
        expect(any(counts) or count == 0, "nothing was replaced by `fill`.")
        expect(len(set(counts)) == 1, uneven)
        expect(counts[0] != 48, "three quarters were deleted; `share` is the part that goes.")
        expect(counts[0] == count, f"with share {share}, {counts[0]} of 64 pixels were deleted; {count} is expected.")
        if 0 < share < 1:
            coldest = delete_top(x, -heat, share, 0.9)
            rule_out(answer, (coldest, "the pixels with the lowest heat go first; the highest must."))
        other = "other pixels than the hottest were deleted, or pixels that stay were changed."
        expect_close(answer, delete_top(x, heat, share, 0.9), why=other)


def check_right_reasons(f) -> None:
    model, x, y = probe(3, 8, 3, 6)
    inside = (torch.rand(6, 1, 8, 8, generator=generator(2)) < 0.3).float()
    value = call_loss(f, model=model, x=x, y=y, inside=inside, strength=0.1)
    without = call_loss(f, model=model, x=x, y=y, inside=inside, strength=0.0)
    plain = F.cross_entropy(model(x), y)
    expect_close(without, plain, why="with strength 0 the loss must be the cross-entropy.")
    truth = right_reasons(model, x, y, inside, 0.1)
    turned = right_reasons(model, x, y, 1 - inside, 0.1)
    rule_out(
        value,
        (turned, "the gradient inside the object is punished; punish what is outside: 1 - inside."),
        (plain + (truth - plain) * len(x),
         "the penalty is added up over the pictures; take the mean, as the cross-entropy does."),
        rtol=1e-4,
    )  # fmt: skip
    expect_close(value, truth, tol=5e-5, why=f"the loss is {value:.4f}; {truth:.4f} is expected. Square the gradient of the "
                 "sum of the log-probabilities, add up each picture's pixels outside, and average over the pictures.")  # fmt: skip
    expect_trains(value, truth, model, "the penalty does not reach the weights: torch.autograd.grad needs create_graph=True.")


EXERCISES = (
    Exercise("saliency", visualize.saliency, check_saliency, difficulty=2, minutes=10, hints=(
        "The score of class y in each picture: model(x).gather(1, y[:, None]).",
        "Add the scores of all pictures up and call torch.autograd.grad(total, x): each picture gets its own gradient.",
        "Absolute value first, then the largest of the three colours: .abs().amax(1).",
    )),
    Exercise("occlusion_map", occlusion_map, check_occlusion_map, difficulty=2, minutes=10, hints=(
        "Two loops: top over range(0, H - window + 1, stride), left over the same with W.",
        "Copy the picture at each position: covered = x.clone(); then covered[:, :, top:top + window, left:left + window] = fill.",
        "The drop is model(x)[0, y] - model(covered)[0, y]: positive where the square hurts.",
    )),
    Exercise("integrated_gradients", integrated_gradients, check_integrated_gradients, difficulty=2, minutes=10, hints=(
        "The way from black to x is share * x, with share from 0 to 1. Take the gradient at `steps` places on it.",
        "Take the middles of the pieces: share = (k + 0.5) / steps. Average the gradients.",
        "Multiply the mean gradient by x - 0. Check: the sum must be S_y(x) - S_y(black).",
    )),
    Exercise("delete_top", delete_top, check_delete_top, difficulty=2, minutes=10, hints=(
        "How many pixels go? round(share * H * W), the same number in each picture.",
        "heat.flatten(1).argsort(1, descending=True).argsort(1) is each pixel's rank in its own picture, 0 for the hottest.",
        "x.where(mask, fill) keeps x where the mask is true; the mask needs a colour axis: mask[:, None].",
    )),
    Exercise("right_reasons", right_reasons, check_right_reasons, difficulty=3, minutes=15, hints=(
        "Start with log_p = model(x).log_softmax(1), x asking for gradients; F.nll_loss(log_p, y) is the cross-entropy.",
        "The penalty is itself made of a gradient. To train on it, that gradient must stay in the graph: create_graph=True.",
        "Multiply the gradient by 1 - inside, square, add up per picture (.flatten(1).sum(1)), average, times strength.",
    )),
)  # fmt: skip
