"""The exercises of chapter 04: saliency, occlusion, integrated gradients, deletion, right for the right reasons."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import visualize
from ..exercises import Exercise, Mistake, close, expect, probe, register, returned, untouched
from ..runtime import frozen, generator
from ..training import right_reasons
from ..visualize import score_gradient


# ---------------------------------------------------------------- saliency


def saliency(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """max over the colours of |dS_y / dx|, `[N, H, W]`."""
    return score_gradient(model, x, y).abs().amax(1)


def check_saliency(f) -> None:
    model, x, y = probe(3, 8, 3, 6)
    with untouched(x=x, model=model):
        answer = f(model, x, y)
    gradient = score_gradient(model, x, y)
    truth = gradient.abs().amax(1)
    coloured = isinstance(answer, Tensor) and answer.shape == x.shape
    expect(not coloured, "the colours are still there: take the largest of the three, .amax(1).")
    returned(answer, truth, "the map")
    for wrong, message in (
        (gradient.amax(1), "the sign is kept: take the absolute value first. A pixel that lowers the score matters too."),
        (gradient.abs().sum(1), "the colours are added up; Simonyan takes the largest."),
        (gradient.abs().mean(1), "the colours are averaged; Simonyan takes the largest."),
        (truth / len(x), "the scores are averaged over the batch, which divides every map by its size; add them up."),
        (visualize.saliency(model, x), "the labels y are not used: differentiate the score of the given class."),
    ):
        expect(not torch.allclose(answer, wrong, atol=1e-6), message)
    z = x.clone().requires_grad_()
    (soft,) = torch.autograd.grad(model(z).softmax(1).gather(1, y[:, None]).sum(), z)
    (loss,) = torch.autograd.grad(F.cross_entropy(model(z), y, reduction="sum"), z)
    for wrong, message in ((soft, "the probability is differentiated; take the score before the softmax."),
                           (loss, "the loss is differentiated; take the score of class y itself.")):  # fmt: skip
        expect(not torch.allclose(answer, wrong.abs().amax(1), atol=1e-6), message)
    close(answer, truth, "the map, max over the colours of |dS_y / dx|,")


register(Exercise(
    "saliency", saliency, check_saliency,
    hints=(
        "The score of class y in each picture: model(x).gather(1, y[:, None]).",
        "Add the scores of all pictures up and call torch.autograd.grad(total, x): each picture gets its own gradient.",
        "Absolute value first, then the largest of the three colours: .abs().amax(1).",
    ),
    wrong=(
        (lambda m, x, y: score_gradient(m, x, y).amax(1), "absolute value"),
        (lambda m, x, y: score_gradient(m, x, y).abs().sum(1), "added up"),
        (lambda m, x, y: score_gradient(m, x, y).abs().amax(1) / len(x), "averaged over the batch"),
        (lambda m, x, y: visualize.saliency(m, x), "labels y"),
        (lambda m, x, y: torch.autograd.grad(F.cross_entropy(m(z := x.clone().requires_grad_()), y, reduction="sum"), z)[0].abs().amax(1), "loss"),
        (lambda m, x, y: torch.autograd.grad(m(z := x.clone().requires_grad_()).softmax(1).gather(1, y[:, None]).sum(), z)[0].abs().amax(1), "before the softmax"),
        (lambda m, x, y: score_gradient(m, x, y).abs(), "colours are still there"),
    ),
    difficulty=2, minutes=10,
))  # fmt: skip


# ---------------------------------------------------------------- occlusion


def occlusion_map(model: nn.Module, x: Tensor, y: int, window: int, stride: int, fill: float) -> Tensor:
    """How far the score of class y drops when a square covers one picture `[1, C, H, W]`: `[rows, columns]`."""
    rows = []
    with torch.no_grad():
        base = model(x)[0, y]
        for top in range(0, x.shape[2] - window + 1, stride):
            row = []
            for left in range(0, x.shape[3] - window + 1, stride):
                covered = x.clone()
                covered[:, :, top : top + window, left : left + window] = fill
                row.append(base - model(covered)[0, y])
            rows.append(torch.stack(row))
    return torch.stack(rows)


def check_occlusion(f) -> None:
    model, x, y = probe(3, 8, 3, 6)
    one = x[:1, :, :, :6].clone()  # 8 rows, 6 columns: a swap of the axes shows; window 4: the last position ends at the edge
    wide = nn.Sequential(nn.ZeroPad2d((0, 2, 0, 0)), model)
    with torch.no_grad():
        label = (int(wide(one).argmax()) + 1) % 3  # not the class that wins: the largest score is another one
    with untouched(x=one, model=model):
        answer = f(wide, one, label, 4, 2, 0.5)
    truth = occlusion_map(wide, one, label, 4, 2, 0.5)
    if isinstance(answer, Tensor) and answer.shape != truth.shape:
        expect(answer.shape != truth.T.shape, "rows and columns are swapped: the first index is the row, top to bottom.")
        raise Mistake(f"an 8x6 picture, window 4, stride 2 gives {list(truth.shape)} positions, not {list(answer.shape)}. "
                      "The last one ends at the edge: range(0, H - window + 1, stride).")  # fmt: skip
    returned(answer, truth, "the map of drops")
    expect(not torch.allclose(answer, -truth, atol=1e-6), "the sign is wrong: where the square hurts, the drop (before minus after) is positive.")
    with torch.no_grad():
        base = wide(one)[0]
    drops = functools.partial(occlusion_map, wide, one)
    for wrong, message in (
        (base[label] - truth, "these are the scores under the square; subtract them from the score of the picture."),
        (drops(label, 4, 2, 0.0), "the square is black; fill it with `fill`."),
        (drops(int(base.argmax()), 4, 2, 0.5), "the class y is not used: take the score of y, model(x)[0, y]."),
        (occlusion_map(lambda z: wide(z).softmax(1), one, label, 4, 2, 0.5), "these are drops of the probability; take the score before the softmax."),
    ):
        expect(not torch.allclose(answer, wrong, atol=1e-6), message)
    expect(not answer.requires_grad, "the result carries a graph; no gradient is needed here: with torch.no_grad().")
    close(answer, truth, "a drop (is the picture copied anew for each position?)", tol=1e-4)


def occlusion_that_piles_up(model, x, y, window, stride, fill):
    covered, base = x.clone(), model(x)[0, y].item()
    return torch.tensor([
        [base - model(covered.index_put_(tuple(torch.meshgrid(torch.arange(1), torch.arange(3), torch.arange(t, t + window),
                                                               torch.arange(s, s + window), indexing="ij")), torch.tensor(fill)))[0, y].item()
         for s in range(0, x.shape[3] - window + 1, stride)]
        for t in range(0, x.shape[2] - window + 1, stride)
    ])  # fmt: skip


register(Exercise(
    "occlusion_map", occlusion_map, check_occlusion,
    hints=(
        "Two loops: top over range(0, H - window + 1, stride), left over the same with W.",
        "Copy the picture at each position: covered = x.clone(); then covered[:, :, top:top + window, left:left + window] = fill.",
        "The drop is model(x)[0, y] - model(covered)[0, y]: positive where the square hurts.",
    ),
    wrong=(
        (lambda m, x, y, w, s, c: -occlusion_map(m, x, y, w, s, c), "sign"),
        (lambda m, x, y, w, s, c: m(x)[0, y].detach() - occlusion_map(m, x, y, w, s, c), "subtract"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, y, w, s, c).T, "swapped"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, y, w, s, 0.0), "black"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, y, w, 1, c), "positions"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, y, w, s, c)[:-1, :-1], "ends at the edge"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, int(m(x).argmax()), w, s, c), "y is not used"),
        (lambda m, x, y, w, s, c: occlusion_map(lambda z: m(z).softmax(1), x, y, w, s, c), "before the softmax"),
        (lambda m, x, y, w, s, c: occlusion_map(m, x, y, w, s, c).double(), "torch.float64"),
        (occlusion_that_piles_up, "copied anew"),
    ),
    difficulty=2, minutes=10,
))  # fmt: skip


# ---------------------------------------------------------------- integrated gradients


def integrated_gradients(model: nn.Module, x: Tensor, y: Tensor, steps: int) -> Tensor:
    """x * mean of dS_y/dx at (k + 1/2) / steps * x: the way from black to x, `[N, C, H, W]`."""
    shares = [(k + 0.5) / steps for k in range(steps)]
    return x * sum(score_gradient(model, share * x, y) for share in shares) / steps


def check_integrated(f) -> None:
    model, x, y = probe(3, 8, 3, 6)
    with untouched(x=x, model=model):
        answer = f(model, x, y, 64)
    returned(answer, x, "the attribution")
    truth = visualize.integrated_gradients(model, x, y, steps=64)
    mean = truth / x.clamp_min(1e-6)
    for wrong, message in (
        (x * score_gradient(model, x, y), "this is the gradient at the picture alone times the picture; average it over the whole way from black."),
        (truth * 64, "the gradients are added up but not divided by the number of steps."),
        (mean, "the mean gradient must still be multiplied by the way that each pixel goes: x minus black, which is x."),
        (visualize.integrated_gradients(model, x, y, steps=64, baseline=1.0), "the way starts at white; start at black (zeros)."),
        (visualize.integrated_gradients(model, x, steps=64), "the labels y are not used."),
    ):
        expect(not torch.allclose(answer, wrong, rtol=2e-2, atol=1e-3), message)
    with torch.no_grad():
        difference = (model(x) - model(torch.zeros_like(x))).gather(1, y[:, None])[:, 0]
    gap = (answer.flatten(1).sum(1) - difference).abs().max()
    expect(gap < 0.2, f"completeness fails: the attributions must sum to S_y(x) - S_y(black), but are off by {gap:.3f}.")


register(Exercise(
    "integrated_gradients", integrated_gradients, check_integrated,
    hints=(
        "The way from black to x is share * x, with share from 0 to 1. Take the gradient at `steps` places on it.",
        "Take the middles of the pieces: share = (k + 0.5) / steps. Average the gradients.",
        "Multiply the mean gradient by x - 0. Check: the sum must be S_y(x) - S_y(black).",
    ),
    wrong=(
        (lambda m, x, y, n: x * score_gradient(m, x, y), "alone"),
        (lambda m, x, y, n: integrated_gradients(m, x, y, n) * n, "divided"),
        (lambda m, x, y, n: integrated_gradients(m, x, y, n) / x.clamp_min(1e-6), "multiplied"),
        (lambda m, x, y, n: visualize.integrated_gradients(m, x, y, steps=n, baseline=1.0), "white"),
        (lambda m, x, y, n: integrated_gradients(m, x, (y + 1) % 3, n), "completeness"),
    ),
    difficulty=2, minutes=10,
))  # fmt: skip


# ---------------------------------------------------------------- deletion


def delete_top(x: Tensor, heat: Tensor, share: float, fill: float) -> Tensor:
    """Replace the given share of each picture's pixels by `fill`, those with the highest heat first."""
    count = round(share * heat[0].numel())
    rank = heat.flatten(1).argsort(1, descending=True).argsort(1).reshape(heat.shape)
    return x.where(rank[:, None] >= count, torch.tensor(fill).to(x))


def check_delete(f) -> None:
    x = torch.rand(3, 3, 8, 8, generator=generator(1)) * 0.4
    heat = torch.stack([torch.rand(8, 8, generator=generator(k)) * 10**k for k in range(3)])
    with untouched(x=x, heat=heat):
        answer = f(x, heat, 0.25, 0.9)
    returned(answer, x, "the batch of pictures")
    gone = (answer == 0.9).all(1)
    expect(torch.equal((answer == 0.9).any(1), gone), "a deleted pixel loses all its colours, not some of them.")
    counts = gone.flatten(1).sum(1).tolist()
    expect(not sum(counts) == 0, "nothing was replaced by `fill`.")
    expect(len(set(counts)) == 1, f"{counts} pixels were deleted in the three pictures; rank each picture's pixels by themselves.")
    expect(counts[0] != 48, "three quarters were deleted; `share` is the part that goes.")
    expect(counts[0] == 16, f"{counts[0]} of 64 pixels were deleted; a share of 0.25 is 16.")
    lowest = heat.flatten(1).argsort(1)[:, :16]
    expect(not gone.flatten(1).gather(1, lowest).all(), "the pixels with the lowest heat go first; the highest must.")
    close(answer, delete_top(x, heat, 0.25, 0.9), why="other pixels than the hottest were deleted, or pixels that stay were changed.")
    for share in (0.0, 0.5, 1.0):
        went = int((f(x, heat, share, 0.9) == 0.9).all(1)[0].sum())
        expect(went == round(share * 64), f"with share {share}, {went} of 64 pixels were deleted; {round(share * 64)} is expected.")


register(Exercise(
    "delete_top", delete_top, check_delete,
    hints=(
        "How many pixels go? round(share * H * W), the same number in each picture.",
        "heat.flatten(1).argsort(1, descending=True).argsort(1) is each pixel's rank in its own picture, 0 for the hottest.",
        "x.where(mask, fill) keeps x where the mask is true; the mask needs a colour axis: mask[:, None].",
    ),
    wrong=(
        (lambda x, h, s, c: delete_top(x, -h, s, c), "lowest heat"),
        (lambda x, h, s, c: x.where((h < h.quantile(1 - s))[:, None], torch.tensor(c)), "by themselves"),
        (lambda x, h, s, c: delete_top(x, h, 1 - s, c), "three quarters"),
        (lambda x, h, s, c: delete_top(x, h, s, 0.0), "nothing was replaced"),
        (lambda x, h, s, c: torch.cat([delete_top(x, h, s, c)[:, :1], x[:, 1:]], 1), "all its colours"),
        (lambda x, h, s, c: x.copy_(delete_top(x, h, s, c)), "in place"),
        (lambda x, h, s, c: delete_top(x, h, 0.25, c), "with share 0.0, 16"),
        (lambda x, h, s, c: x.where(h.flatten(1).argsort(1, descending=True).view_as(h)[:, None] >= 16, torch.tensor(c)), "other pixels"),
        (lambda x, h, s, c: None, "returns nothing"),
    ),
    difficulty=2, minutes=10,
))  # fmt: skip


# ---------------------------------------------------------------- right for the right reasons


def check_right_reasons(f) -> None:
    model, x, y = probe(3, 8, 3, 6)
    inside = (torch.rand(6, 1, 8, 8, generator=generator(2)) < 0.3).float()

    cut = "the penalty does not reach the weights: torch.autograd.grad needs create_graph=True."

    def slopes(loss: Tensor) -> Tensor:
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])

    with untouched(x=x, model=model):
        value = f(model, x, y, inside, 0.1)
    expect(value is not None, "your function returns nothing; end it with `return` and the loss.")
    expect(isinstance(value, Tensor) and value.dim() == 0, "one number for the batch is expected, as a tensor without dimensions (no .item()).")
    expect(value.requires_grad, "the loss has no gradient for the weights, so it cannot train.")
    plain = F.cross_entropy(model(x), y)
    expect(torch.allclose(f(model, x, y, inside, 0.0), plain, atol=1e-5), "with strength 0 the loss must be the cross-entropy.")
    truth = right_reasons(model, x, y, inside, 0.1)
    turned = right_reasons(model, x, y, 1 - inside, 0.1)
    expect(not torch.allclose(value, turned, rtol=1e-4), "the gradient inside the object is punished; punish what is outside: 1 - inside.")
    summed = plain + (truth - plain) * len(x)
    expect(not torch.allclose(value, summed, rtol=1e-4), "the penalty is added up over the pictures; take the mean, as the cross-entropy does.")
    expect(torch.allclose(value, truth, rtol=1e-4), f"the loss is {value:.4f}; {truth:.4f} is expected. Square the gradient of the sum of "
           "the log-probabilities, add up each picture's pixels outside, and average over the pictures.")  # fmt: skip
    try:
        slope = slopes(value)
    except RuntimeError as error:  # the first torch.autograd.grad has freed the graph
        raise Mistake(f"the value is right but it cannot train: {cut}") from error
    expect(torch.allclose(slope, slopes(truth), rtol=1e-3, atol=1e-4), f"the value is right but {cut}")


def right_reasons_detached(model, x, y, inside, strength):
    z = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(z).log_softmax(1).sum(), z)
    return F.cross_entropy(model(x), y) + strength * (gradient * (1 - inside)).square().flatten(1).sum(1).mean()


def right_reasons_freed(model, x, y, inside, strength):
    z = x.clone().requires_grad_()
    log_p = model(z).log_softmax(1)
    (gradient,) = torch.autograd.grad(log_p.sum(), z)
    return F.nll_loss(log_p, y) + strength * (gradient * (1 - inside)).square().flatten(1).sum(1).mean()


def right_reasons_frozen(model, x, y, inside, strength):
    with frozen(model):
        return right_reasons(model, x, y, inside, strength).detach()


def right_reasons_summed(model, x, y, inside, strength):
    plain = F.cross_entropy(model(x), y)
    return plain + len(x) * (right_reasons(model, x, y, inside, strength) - plain)


register(Exercise(
    "right_reasons", right_reasons, check_right_reasons,
    hints=(
        "Start with log_p = model(x).log_softmax(1), x asking for gradients; F.nll_loss(log_p, y) is the cross-entropy.",
        "The penalty is itself made of a gradient. To train on it, that gradient must stay in the graph: create_graph=True.",
        "Multiply the gradient by 1 - inside, square, add up per picture (.flatten(1).sum(1)), average, times strength.",
    ),
    wrong=(
        (right_reasons_detached, "create_graph"),
        (right_reasons_freed, "cannot train"),
        (lambda m, x, y, i, s: right_reasons(m, x, y, 1 - i, s), "outside"),
        (right_reasons_summed, "take the mean"),
        (right_reasons_frozen, "no gradient for the weights"),
        (lambda m, x, y, i, s: right_reasons(m, x, y, i, s) + 1, "strength 0"),
    ),
    difficulty=3, minutes=15,
))  # fmt: skip
