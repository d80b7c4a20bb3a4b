"""The exercises of chapter 20: a thermometer code, a gradient by BPDA, one over draws, and PixelDefend's choice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checking import PICTURES, TENSORS, Exercise, slips
from ..checking.battery import ASKING
from ..checking.by_chance import MISJUDGED, added_up, answers, judged, moved, placed, sought
from ..checking.obfuscating import coded, drawn, levels_last, sealed, through
from ..checking.purifying import MISFILLED, scored, weighted, within
from ..models.encoded import thermometer
from ..runtime import frozen


def to_thermometer(x: Tensor, levels: int) -> Tensor:
    """1 where x > k / levels, for k = 1 .. levels: [N, C * levels, H, W]."""
    return thermometer(x, levels)


def bpda_gradient(network: nn.Module, ahead: Callable, back: Callable, x: Tensor, y: Tensor) -> Tensor:
    """dJ/dx with J the loss of network(ahead(x)), and the slopes of `back` in the place of those of `ahead`."""
    with frozen(network):
        return through(network, ahead(x.detach()), back, x, y, slips.total_loss)


def draws_gradient(network: nn.Module, draws: list, x: Tensor, y: Tensor) -> Tensor:
    """The mean over the draws of the gradients by BPDA with the identity."""
    with frozen(network):
        return sum(through(network, draw(x.detach()), same, x, y, slips.total_loss) for draw in draws) / len(draws)


def likeliest(scores: Tensor, x: Tensor, levels: Tensor, eps: float) -> Tensor:
    """Of the levels within eps of each pixel the most likely: [...]."""
    near = (levels - x[..., None]).abs() <= eps
    return levels[scores.masked_fill(~near, -torch.inf).argmax(-1)]


def found_by_chance(model: nn.Module, x: Tensor, y: Tensor, eps: float, noise: Tensor) -> Tensor:
    """Whether the model says another class than y at one of the places clip(x + eps * noise): [N]."""
    return (answers(model, x, eps, noise) != y[:, None]).any(1)


def same(x: Tensor) -> Tensor:
    return x


def against(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """A wrong code: rule(x, k / l), with x [N, C, 1, H, W] and the thresholds [l, 1, 1]."""
    return lambda x, levels: rule(x[:, :, None], torch.arange(1, levels + 1).to(x)[:, None, None] / levels).to(x.dtype).flatten(1, 2)


def back_by(loss: Callable) -> Callable:
    return lambda network, ahead, back, x, y: through(network, ahead(x.detach()), back, x, y, loss)


def over(loss: Callable) -> Callable:
    return lambda network, draws, x, y: sum(through(network, draw(x.detach()), same, x, y, loss) for draw in draws) / len(draws)


def of_mean(network: nn.Module, draws: list, x: Tensor, y: Tensor) -> Tensor:
    return through(network, sum(draw(x.detach()) for draw in draws) / len(draws), same, x, y, slips.total_loss)


def of_mean_scores(network: nn.Module, draws: list, x: Tensor, y: Tensor, soft: bool = False) -> Tensor:
    z = x.detach().clone().requires_grad_()
    scores = [network(draw(z.detach()) + z - z.detach()) for draw in draws]
    mean = sum(s.softmax(1) if soft else s for s in scores) / len(draws)
    return torch.autograd.grad(F.nll_loss(mean.log(), y, reduction="sum") if soft else slips.total_loss(mean, y), z)[0]


AVERAGE = "the losses are averaged over the batch, which divides every gradient by its size; add them up."
EXERCISES = (
    Exercise("to_thermometer", to_thermometer, coded, battery=PICTURES, difficulty=1, minutes=10, what="the code", hints=(
        "Which pixels are above the first threshold, 1 / l? And above the second? That gives the channels one by one.",
        "Put the thresholds on an axis of their own: x[:, :, None] is [N, C, 1, H, W], thresholds [l, 1, 1]. Compare, make numbers of it, and flatten the two axes.",
        "k = torch.arange(1, levels + 1, ...); (x[:, :, None] > k[:, None, None] / levels).to(x.dtype).flatten(1, 2).",
    ), mistakes=(
        (against(lambda x, t: (x - t).clamp(0, 1).floor()), "this is the lecture's ramp and its floor: all zeros. Compare with the threshold instead."),
        (against(lambda x, t: x >= t), "a pixel that lies on a threshold exactly is not above it: > and not >=."),
        (against(lambda x, t: x > t - t[0]), "the thresholds begin at 0; k goes from 1 to l."),
        (against(lambda x, t: x > t * len(t) / (len(t) + 1)), "the thresholds are k / (l + 1); they are k / l."),
        (against(lambda x, t: x > (t * len(t) - 1) / (len(t) - 1)), "the thresholds go from 0 to 1 in l - 1 steps; they are k / l for k = 1 .. l."),
        (against(lambda x, t: x < t), "zeros and ones have changed places: a code begins with ones."),
        (against(lambda x, t: x <= t), "zeros and ones have changed places: a code begins with ones."),
        (against(lambda x, t: x > t.flip(0)), "the code is written from the end; the lowest threshold comes first."),
        (against(lambda x, t: (x > t) & (x <= t + t[0])), "only the highest threshold below x is 1 (one-hot); all below it are 1, too."),
        (against(lambda x, t: ((x - t) * len(t) + 0.5).clamp(0, 1)), "these are the ramps; a code holds zeros and ones."),
        (against(lambda x, t: (x - t).clamp(0, 1)), "these are the lecture's ramps; a code holds zeros and ones."),
        (lambda x, levels: thermometer(x, levels).unflatten(1, (x.shape[1], levels)).transpose(1, 2).flatten(1, 2), "the channels of one threshold stand together; the l numbers of a channel must."),
        (levels_last, "the levels stand on the last axis and are then read as pixels; the l numbers of a pixel belong behind each other among the channels."),
        (against(lambda x, t: x > t - t[0] / 2), "the thresholds lie half a level too low; they are k / l."),
        (lambda x, levels: (x * levels).floor() / levels, "this is the picture with few levels; its code is asked for."),
        (lambda x, levels: thermometer((x * levels).round() / levels, levels), "the pixels are rounded first; compare them as they are."),
    )),
    Exercise("bpda_gradient", bpda_gradient, sealed, battery=(*PICTURES, ASKING), difficulty=3, minutes=20, what="the gradient", hints=(
        "Two things are needed: the network must see the value of ahead(x), and autograd must believe that it came from back(x).",
        "stand_in + (ahead(z) - stand_in).detach() has the value of ahead(z), and the gradient of stand_in = back(z).",
        "z = x.detach().clone().requires_grad_(); s = back(z); value = s + (ahead(z.detach()) - s).detach(); then the loss of network(value), added up, and its gradient for z.",
    ), mistakes=(
        (lambda n, ahead, back, x, y: through(n, back(x.detach()), back, x, y, slips.total_loss), "`back` is used in the forward pass, too; the network must see ahead(x), or the attack is much weaker."),
        (lambda n, ahead, back, x, y: through(n, ahead(x.detach()), same, x, y, slips.total_loss), "the gradient goes back through the identity; it must go through `back`."),
        (lambda n, ahead, back, x, y: slips.gradient_of(slips.total_loss, n, x, y), "this is the network's gradient without the defense; the network sees ahead(x)."),
        (lambda n, ahead, back, x, y: slips.gradient_of(slips.total_loss, n, ahead(x.detach()), y), "this is the gradient for ahead(x); it must be carried back through `back` to x."),
        (lambda n, ahead, back, x, y: through(n, ahead(x.detach()), lambda z: back(ahead(z.detach()) + z - z.detach()), x, y, slips.total_loss), "the slope of `back` is taken at ahead(x); take it at x."),
        (lambda n, ahead, back, x, y: through(n, ahead(back(x.detach())), back, x, y, slips.total_loss), "the network sees ahead(back(x)); it must see ahead(x)."),
        (lambda n, ahead, back, x, y: through(n, ahead(x.detach()) + back(x.detach()), back, x, y, slips.total_loss), "the two are added, so that the value is not ahead(x); take the value of back(x) off again, detached."),
        (back_by(F.cross_entropy), AVERAGE),
        (back_by(lambda s, y: -slips.total_loss(s, y)), "the sign is wrong: this goes down the loss."),
        (lambda *a: bpda_gradient(*a).sign(), "this is the sign of the gradient; give the gradient."),
        *((back_by(value), sentence) for value, sentence in slips.LOSSES),
    )),
    Exercise("draws_gradient", draws_gradient, drawn, battery=(*PICTURES, ASKING), difficulty=2, minutes=15, what="the gradient", hints=(
        "For one draw this is BPDA with the identity. For several: the loss of which network input is averaged?",
        "For each draw the value is z + (draw(z) - z).detach(). Add up the losses, divide by how many draws there are, and ask for one gradient.",
        "losses = [F.cross_entropy(network(z + (draw(z) - z).detach()), y, reduction='sum') for draw in draws]; the gradient of sum(losses) / len(draws) for z.",
    ), mistakes=(
        (lambda n, draws, x, y: draws_gradient(n, draws[:1], x, y), "only the first draw is used; average over all of them."),
        (lambda n, draws, x, y: draws_gradient(n, draws[-1:], x, y), "only the last draw is used; average over all of them."),
        (lambda n, draws, x, y: len(draws) * draws_gradient(n, draws, x, y), "the losses of the draws are added up; average them."),
        (of_mean, "the draws' pictures are averaged; average their losses: the network never sees the mean picture."),
        (of_mean_scores, "the draws' scores are averaged before the loss; average the losses."),
        (partial(of_mean_scores, soft=True), "the draws' probabilities are averaged before the loss; average the losses."),
        (lambda n, draws, x, y: slips.gradient_of(slips.total_loss, n, x, y), "this is the network's gradient without the defense; the network sees draw(x)."),
        (lambda n, draws, x, y: sum(through(n, d(x.detach()), same, x, y, slips.total_loss).sign() for d in draws) / len(draws), "the signs are averaged; average the gradients."),
        (lambda n, draws, x, y: draws_gradient(n, draws, x, n(x.detach()).argmax(1)), "the network's own answers stand in for y; use the classes that are given."),
        (lambda *a: draws_gradient(*a).sign(), "this is the sign of the gradient; give the gradient."),
        (over(F.cross_entropy), AVERAGE),
        (over(lambda s, y: -slips.total_loss(s, y)), "the sign is wrong: this goes down the loss."),
        *((over(value), sentence) for value, sentence in slips.LOSSES),
    )),
    Exercise("likeliest", likeliest, scored, battery=TENSORS, difficulty=2, minutes=10, what="the choice", hints=(
        "Which levels are in reach of which pixel? That is a table of yes and no, as large as the scores. What must happen to the scores of the others?",
        "near = (levels - x[..., None]).abs() <= eps is [..., L]. Give the others a score that can never win: scores.masked_fill(~near, -torch.inf).",
        "levels[scores.masked_fill(~near, -torch.inf).argmax(-1)]: the argmax is a number from 0 to L - 1; `levels` turns it into a grey level.",
    ), mistakes=(
        (within(lambda d, e: d == d), "eps is not used: this is the most likely level of all."),
        (lambda s, x, v, e: v[s.argmax(-1)].clamp(x - e, x + e), "the most likely level of all is pulled back into the interval; choose among the levels that lie in it."),
        (lambda s, x, v, e: v[(v - x[..., None]).abs().argmin(-1)], "this is the nearest level; the most likely one in reach is asked for."),
        (weighted(lambda s, n, v: s.masked_fill(~n, -torch.inf).argmax(-1)), "these are the numbers of the levels; give their values, levels[...]."),
        (weighted(lambda s, n, v: v[s.masked_fill(~n, torch.inf).argmin(-1)]), "this is the least likely level in reach; the larger a score, the likelier."),
        (within(lambda d, e: d.abs() > e), "the levels out of reach are kept and those in reach left out."),
        (within(lambda d, e: d.abs() <= e, -1e3), "a large negative number can still win, where all scores in reach are lower; use -torch.inf."),
        (within(lambda d, e: d.abs() <= e, 0.0), "the scores of the others become 0, which wins where all in reach are below 0; use -torch.inf."),
        (weighted(lambda s, n, v: v[(s * n).argmax(-1)]), "the scores of the others become 0, which wins where all in reach are below 0; use -torch.inf."),
        (weighted(lambda s, n, v: v[(s.softmax(-1) * n).argmax(-1)]), "where a level out of reach is far likelier, the probabilities of those in reach become 0; leave the others out before any softmax."),
        (weighted(lambda s, n, v: v[(s.exp() * n).argmax(-1)]), "exp of a score far from 0 becomes 0 or infinite; leave the others out with -torch.inf instead."),
        *MISFILLED,
        (within(lambda d, e: d.abs() < e), "a level that is eps away exactly is in reach: <= and not <."),
        (within(lambda d, e: d <= e), "there is no limit below; the distance is an absolute value."),
        (within(lambda d, e: d >= -e), "there is no limit above; the distance is an absolute value."),
        (within(lambda d, e: d.square() <= e), "the squared distance is compared with eps."),
        (within(lambda d, e: d.abs() <= e / 2), "only half of the interval is used: eps goes both ways."),
        (within(lambda d, e: (d >= 0) & (d <= e)), "only levels above the pixel are tried; those below are in reach, too."),
        (weighted(lambda s, n, v: (s.masked_fill(~n, -torch.inf).softmax(-1) * v).sum(-1)), "this is the mean over the levels in reach; choose one of them."),
        (weighted(lambda s, n, v: v[n.to(s).argmax(-1)]), "this is the first level in reach; the scores are not used."),
    )),
    Exercise("found_by_chance", found_by_chance, sought, battery=(*PICTURES, ASKING), difficulty=2, minutes=10, what="who was found", hints=(
        "For one try: the place x + eps * noise, clipped; the network's class there; is it another one than y? One place that fools is enough.",
        "All places are one batch: (x[:, None] + eps * noise).clamp(0, 1).flatten(0, 1); the classes go back into [N, T]; then .any(1). No gradient is wanted: torch.no_grad().",
        "says = model(places).argmax(1).view(noise.shape[:2]); return (says != y[:, None]).any(1).",
    ), mistakes=(
        (judged(lambda says, y: (says != y[:, None]).all(1)), "a picture counts only where every place fools; one is enough."),
        (judged(lambda says, y: says[:, 0] != y), "only the first try is looked at; one of all is enough."),
        (judged(lambda says, y: says[:, -1] != y), "only the last try is looked at; keep what the earlier ones have found."),
        (judged(lambda says, y: (says == y[:, None]).any(1)), "this says where the class is still y; found is where it is another one."),
        (judged(lambda says, y: (says == y[:, None]).all(1)), "this says who was not found; turn it round."),
        (lambda model, x, y, eps, noise: (answers(model, x, eps, noise) != answers(model, x, 0.0, noise)[:, :1]).any(1), "the network is compared with its own answers, at x or at another place; compare with y, the classes that are given."),
        (judged(lambda says, y: (says != says[:, :1]).any(1)), "the network is compared with its own answers, at x or at another place; compare with y, the classes that are given."),
        (placed(-torch.inf, torch.inf), "places outside [0, 1] are not clipped; .clamp(0, 1) before the network is asked."),
        (moved(lambda x, eps, noise: (x, 1.0, noise)), "eps is not used; the places are x + eps * noise."),
        (moved(lambda x, eps, noise: (x, eps, noise.sign())), "the signs of noise are used; use its values."),
        (moved(lambda x, eps, noise: (x, eps, -noise)), "the noise is taken off; add it: x + eps * noise."),
        (moved(lambda x, eps, noise: (0 * x, eps, noise)), "this is the noise alone; add it to x."),
        (moved(lambda x, eps, noise: (x, 0.0, noise)), "the network is asked about x; ask about x + eps * noise."),
        (moved(lambda x, eps, noise: (x, eps, noise[:1].expand_as(noise))), "all pictures move as the first one does; each has tries of its own."),
        (moved(lambda x, eps, noise: (x, eps, noise.mean(1, keepdim=True))), "the tries are averaged into one place; each is a place of its own."),
        (judged(lambda says, y: (says != y[:, None]).to(torch.float32).mean(1)), "this is the share of the places that fool; say whether there is one."),
        (judged(lambda says, y: (says != y[:, None]).sum(1)), "this counts the places that fool; say whether there is one."),
        (judged(lambda says, y: (says != y[:, None]).any()), "this is one answer for the whole batch; give one for each picture: .any(1)."),
        (judged(lambda says, y: (says != y[:, None]).any(0)), "this is one answer for each try; give one for each picture: .any(1)."),
        (lambda model, x, y, eps, noise: found_by_chance(model, x, y, eps, noise) | (answers(model, x, 0.0, noise)[:, 0] != y), "x itself is asked about, too; only the places count."),
        *MISJUDGED,
        (added_up, "each try begins where the last one ended; each begins at x."),
    )),
)  # fmt: skip
