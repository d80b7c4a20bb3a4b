"""The exercises of chapter 18: Goodfellow's mixed loss, the inner maximisation watched, what is still right after every start; hard pictures, scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import attacks
from ..checking import ASKING, ATTACK, PICTURES, TENSORS, Case, Exercise, knobs, probe, slips
from ..runtime import generator


def mixed_loss(model: nn.Module, x: Tensor, y: Tensor, eps: float, alpha: float) -> Tensor:
    """alpha J(x, y) + (1 - alpha) J(x', y), x' = clip(x + eps sign dJ/dx), held fixed."""
    return mixed()(model, x, y, eps, alpha)


def watched_climb(model: nn.Module, x: Tensor, y: Tensor, start: Tensor, eps: float, step: float, steps: int) -> tuple[Tensor, Tensor]:
    """PGD from `start`: where it ends, and each picture's loss before the first step and after each one."""
    return climbed()(model, x, y, start, eps, step, steps)


def still_right(right: Tensor) -> float:
    """The percentage of pictures (columns) that are right after every start (row)."""
    return 100 * right.all(0).double().mean().item()


def hardest_first(steps: Tensor, loss: Tensor, many: int) -> Tensor:
    """The numbers of the `many` pictures that need the fewest steps, the hardest first; of equals the one with the higher loss."""
    return knobs.ranked()(steps, loss, many)


def worst_view(model: nn.Module, views: Tensor, y: Tensor) -> Tensor:
    """Of each picture the view with the highest loss: [K, N, C, H, W] to [N, C, H, W]."""
    return knobs.picked()(model, views, y)


def scene_step(model: nn.Module, render: Callable[[Tensor], Tensor], p: Tensor, y: Tensor, step: float) -> Tensor:
    """p + step * sign(dJ(render(p), y) / dp), clipped to [-1, 1]."""
    return knobs.stepped()(model, render, p, y, step)


# ---------------------------------------------------------------- the mixed loss


def stepped(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    return unclipped(model, x, y, eps).clamp(0, 1).detach()


def mixed(move: Callable[..., Tensor] = stepped, mix: Callable[..., Tensor] = lambda clean, moved, alpha: alpha * clean + (1 - alpha) * moved,
          loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy) -> Callable[..., Tensor]:  # fmt: skip
    """How the pictures are moved, how the two losses are put together, and which loss it is."""

    def answer(model: nn.Module, x: Tensor, y: Tensor, eps: float, alpha: float) -> Tensor:
        x = x.detach()
        return mix(loss(model(x), y), loss(model(move(model, x, y, eps)), y), alpha)

    return answer


def mixtures() -> Iterator[Case]:
    model, x, y = probe(channels=3)
    yield {"model": model, "x": x, "y": y, "eps": 0.0973, "alpha": 0.5}
    yield {"model": model, "x": x.flip(0), "y": y, "eps": 0.0317, "alpha": 0.813}
    yield {"model": model, "x": x, "y": y.flip(0), "eps": 0.1411, "alpha": 0.0}


def unclipped(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    return x + eps * slips.gradient_of(slips.total_loss, model, x, y).sign()


def by_value(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    return (x + eps * slips.gradient_of(slips.total_loss, model, x, y)).clamp(0, 1)


# ---------------------------------------------------------------- the inner maximisation


def climbed(back: Callable[[Tensor, Tensor, float], Tensor] = attacks.common.within, move: Callable[[Tensor, float, float], Tensor] = lambda g, step, eps: step * g.sign(),
            value: slips.Value = slips.total_loss, keep: Callable[[Tensor], Tensor] = lambda losses: losses, first: Callable[..., Tensor] = lambda x, start, eps: start,
            at_x: bool = False, more: int = 0) -> Callable[..., tuple[Tensor, Tensor]]:  # fmt: skip
    """How it is brought back, how far a step goes and up what, which losses are kept, where it begins."""

    def answer(model: nn.Module, x: Tensor, y: Tensor, start: Tensor, eps: float, step: float, steps: int) -> tuple[Tensor, Tensor]:
        x, z, losses = x.detach(), first(x.detach(), start.detach(), eps), []
        for _ in range(steps + more):
            losses.append(loss_at(model, z, y))
            z = back(z + move(slips.gradient_of(value, model, x if at_x else z, y), step, eps), x, eps)
        return z, keep(torch.stack([*losses, loss_at(model, z, y)]))

    return answer


def loss_at(model: nn.Module, z: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        return F.cross_entropy(model(z), y, reduction="none")


def climbs() -> Iterator[Case]:
    model, x, y = probe(channels=3)
    noise = 2 * torch.rand(x.shape, generator=generator(3)) - 1
    for pictures, eps, step, steps in ((x, 0.0973, 0.0413, 4), (x.flip(0), 0.0513, 0.0231, 3), (x, 0.0731, -0.0617, 2)):
        yield {"model": model, "x": pictures, "y": y, "start": attacks.common.within(pictures + eps * noise, pictures, eps), "eps": eps, "step": step, "steps": steps}


# ---------------------------------------------------------------- every start counts


def trials() -> Iterator[Case]:
    for seed, share in ((1, (0.9, 0.85, 0.8, 0.95, 0.88)), (2, (0.7, 0.6, 0.9)), (3, (0.5,)), (4, (0.95, 0.9, 0.8, 0.9))):
        yield {"right": torch.rand(len(share), 40 + seed, generator=generator(seed)) < torch.tensor(share)[:, None]}


EXERCISES = (
    Exercise("mixed_loss", mixed_loss, mixtures, difficulty=2, minutes=12, battery=PICTURES, tol=1e-4, what="the loss", hints=(
        "Two parts: make the attacked pictures with FGSM as in chapter 09, then two losses of the weights, one on x and one on them.",
        "The attacked pictures are fixed numbers for the weights: take the gradient for a copy of x with torch.autograd.grad, the step, the clip, and .detach().",
        "z = x.detach().clone().requires_grad_(); g = torch.autograd.grad(F.cross_entropy(model(z), y), z)[0]; x_adv = (x + eps * g.sign()).clamp(0, 1); alpha * F.cross_entropy(model(x), y) + ...",
    ), mistakes=(
        (mixed(mix=lambda clean, moved, alpha: (1 - alpha) * clean + alpha * moved), "the two shares are exchanged: alpha belongs to the clean pictures."),
        (mixed(mix=lambda clean, moved, alpha: clean + (1 - alpha) * moved), "alpha is missing at the clean loss; the shares add up to 1."), (mixed(mix=lambda clean, moved, alpha: alpha * clean + moved), "1 - alpha is missing at the attacked loss; the shares add up to 1."),
        (mixed(mix=lambda clean, moved, alpha: clean + moved), "the two losses are added without their shares: alpha and 1 - alpha."), (mixed(mix=lambda clean, moved, alpha: moved), "the clean pictures are missing: alpha times their loss."), (mixed(mix=lambda clean, moved, alpha: clean), "the attacked pictures are missing: 1 - alpha times their loss."),
        (mixed(lambda m, x, y, eps: stepped(m, x, y, -eps)), "the step goes down the loss; it goes up: x + eps * sign."), (mixed(unclipped), "the attacked pictures leave [0, 1]; clip them."), (mixed(by_value), "the gradient's value is used; take its sign."),
        (mixed(lambda m, x, y, eps: stepped(m, x, m(x).argmax(1), eps)), "the step is made with the model's own predictions; use the classes that are given."), (mixed(lambda m, x, y, eps: (eps * slips.gradient_of(slips.total_loss, m, x, y).sign()).clamp(0, 1)), "the change alone is given to the network; add it to x."),
        (mixed(loss=lambda s, y: F.cross_entropy(s, y, reduction="sum")), "the losses are added up over the pictures; take the mean, as F.cross_entropy does."), (mixed(loss=lambda s, y: F.cross_entropy(s.softmax(1), y)), "softmax is applied before F.cross_entropy, which applies it itself; give it the scores."),
    )),
    Exercise("watched_climb", watched_climb, climbs, difficulty=3, minutes=18, battery=ATTACK, what="the result", hints=(
        "It is chapter 10's loop, with a notebook beside it: before each step write down every picture's loss, and once more at the end.",
        "losses = F.cross_entropy(model(z), y, reduction='none') gives [N]; its .sum() has each picture's own gradient. clamp takes tensors as limits: .clamp(x - eps, x + eps).clamp(0, 1).",
        "for t in range(steps + 1): z = z.detach().requires_grad_(); loss = ...; kept.append(loss.detach()); if t < steps: g = torch.autograd.grad(loss.sum(), z)[0]; z = (z + step * g.sign()).clamp(x - eps, x + eps).clamp(0, 1)",
    ), mistakes=(
        (climbed(keep=lambda losses: losses[1:]), "the loss before the first step is missing: [steps + 1, N]."), (climbed(keep=lambda losses: losses[:-1]), "the loss after the last step is missing: [steps + 1, N]."),
        (climbed(keep=lambda losses: losses.mean(1)), "the losses are averaged over the pictures; each has its own, [steps + 1, N]."), (climbed(keep=lambda losses: losses.T), "the losses are turned: a row for each place on the way, a column for each picture."), (climbed(move=lambda g, step, eps: -step * g.sign()), "the steps go down the loss; the attacker climbs."),
        (climbed(move=lambda g, step, eps: eps * g.sign()), "each step is eps long; it is `step` long, and eps is the budget of all steps."), (climbed(move=lambda g, step, eps: step * g), "the gradient's value is used; take its sign."),
        (climbed(lambda z, x, eps: z.clamp(0, 1)), "pixels leave the budget around x; after each step clip to x - eps ... x + eps."), (climbed(lambda z, x, eps: torch.minimum(torch.maximum(z, x - eps), x + eps)), "pixels leave [0, 1]; clip to the budget and to [0, 1]."),
        (climbed(first=lambda x, start, eps: x), "it begins at x; it begins at `start`."), (lambda model, x, y, start, eps, step, steps: climbed()(model, start, y, start, eps, step, steps), "it stays within eps of `start`; the budget is counted from x."), (climbed(at_x=True), "the gradient is the one at x; each step asks for the gradient where it stands."),
        (climbed(more=1), "there is one step too many."), (climbed(more=-1), "there is one step too few."), (climbed(keep=lambda losses: losses.cummax(0).values), "the largest loss so far is kept; write down the loss of each place."),
        *((climbed(value=value), sentence) for value, sentence in slips.LOSSES[:4]),
    )),
    Exercise("still_right", still_right, trials, difficulty=1, minutes=5, battery=TENSORS, what="the percentage", hints=(
        "The attacker may try every start and needs only one that works. Which pictures does he not get?",
        "right.all(0) says for each picture whether it is right in every row.",
        "100 * right.all(0).float().mean().item()",
    ), mistakes=(
        (lambda right: 100 * right.double().mean().item(), "this is the mean over the starts; a picture that falls once has fallen."), (lambda right: 100 * right.any(0).double().mean().item(), "this counts pictures that are right after some start; they must be so after every one."),
        (lambda right: 100 * right.double().mean(1).min().item(), "this is the accuracy after the most successful start; another start gets other pictures: take all of them together."), (lambda right: 100 * right.all(1).double().mean().item(), "this is the share of starts that get no picture; the share of pictures is asked for: all(0)."),
        (lambda right: right.all(0).double().mean().item(), "this is a share; multiply by 100."), (lambda right: 100 - still_right(right), "this is the percentage that falls; what is still right is asked for."), (lambda right: float(right.all(0).sum()), "this is a number of pictures; divide by how many there are."),
        (lambda right: 100 * right[-1].double().mean().item(), "only the last start is looked at."), (lambda right: 100 * right[0].double().mean().item(), "only the first start is looked at."),
    )),
    Exercise("hardest_first", hardest_first, knobs.lists, difficulty=1, minutes=7, battery=TENSORS, what="the ranking", hints=(
        "Few steps mean near to the boundary: hard for the network. Sort by steps, and where two need as many, by loss.",
        "A stable sort keeps the order of equals: sort by the less important thing first, then, stably, by the more important one.",
        "order = loss.argsort(descending=True); order[steps[order].argsort(stable=True)][:many]",
    ), mistakes=(
        (knobs.ranked(steps_up=False), "these are the easiest: many steps mean far from the boundary."), (knobs.ranked(steps_up=False, loss_down=False), "these are the easiest: many steps mean far from the boundary."),
        (knobs.ranked(loss_down=False), "of pictures with as many steps the one with the lower loss comes first; the higher loss is the harder one."),
        (lambda steps, loss, many: steps.argsort(stable=True)[:many], "pictures with as many steps stand in the order of their numbers; let the loss decide."), (lambda steps, loss, many: loss.argsort(descending=True)[:many], "this is the order of the losses; steps come first."),
        (lambda steps, loss, many: steps.sort().values[:many], "these are steps; the numbers of the pictures are asked for (argsort)."), (lambda steps, loss, many: steps[hardest_first(steps, loss, many)], "these are steps; the numbers of the pictures are asked for."),
        (knobs.ranked(more=1), "this is one picture too many."), (knobs.ranked(more=-1), "this is one picture too few."), (lambda steps, loss, many: hardest_first(steps, loss, many).flip(0), "the hardest come last; they come first."),
        (lambda steps, loss, many: hardest_first(steps, loss, many).sort().values, "the pictures are sorted by their numbers; the hardest comes first."), (lambda steps, loss, many: hardest_first(steps, loss, len(steps)), "these are all pictures; only the first `many` are asked for."),
        (lambda steps, loss, many: steps[loss.argsort(descending=True)].argsort(stable=True)[:many], "these are places in the list that was sorted by loss; look up which pictures stand there: order[places]."),
        (lambda steps, loss, many: (loss.argsort(descending=True)[:many])[steps[loss.argsort(descending=True)[:many]].argsort(stable=True)], "those with the highest losses were chosen first, then sorted; sort all of them, and choose at the end."),
    )),
    Exercise("worst_view", worst_view, knobs.views, difficulty=2, minutes=10, battery=TENSORS, tol=1e-6, what="the batch of chosen views", hints=(
        "Compute every view's loss, K rows of N. In each column the largest tells which view this picture gets.",
        "F.cross_entropy(model(x), y, reduction='none') for each x in views, stacked: [K, N]. views[k, n] with k = loss.argmax(0) and n = 0 .. N - 1 picks one view a picture.",
        "with torch.no_grad(): loss = torch.stack([F.cross_entropy(model(x), y, reduction='none') for x in views]); views[loss.argmax(0), torch.arange(len(y))]",
    ), mistakes=(
        (knobs.picked(lambda loss: loss.argmin(0)), "these are the views with the lowest loss; the attacker takes the highest."), (knobs.picked(lambda loss: loss.mean(1).argmax().expand(loss.shape[1])), "all pictures get the same view; each has a worst one of its own."),
        (knobs.picked(lambda loss: loss.max(1).values.argmax().expand(loss.shape[1])), "all pictures get the same view; each has a worst one of its own."), (knobs.picked(lambda loss: torch.zeros_like(loss[0], dtype=torch.long)), "this is always the first view."), (knobs.picked(lambda loss: torch.full_like(loss[0], len(loss) - 1, dtype=torch.long)), "this is always the last view."),
        (knobs.picked(value=knobs.margin_of), "the lowest score of the right class is taken; the loss looks at the other scores, too."), (knobs.picked(value=knobs.by_prediction), "the model's own predictions are used instead of the classes that are given."),
        (knobs.picked(value=knobs.lead_of), "the margin is taken: how far the best other score leads; the loss looks at all other scores."), (knobs.picked(value=knobs.softmax_twice), "softmax is applied before F.cross_entropy, which applies it itself; give it the scores."),
        (lambda model, views, y: knobs.loss_of(model, views, y).argmax(0), "these are the numbers of the views; the pictures are asked for."), (lambda model, views, y: knobs.loss_of(model, views, y).amax(0), "these are the losses; the pictures are asked for."), (lambda model, views, y: views.detach().mean(0), "this is the mean of the views; choose one for each picture."),
    )),
    Exercise("scene_step", scene_step, knobs.scenes, difficulty=2, minutes=10, battery=(*TENSORS, ASKING), what="the result", hints=(
        "It is FGSM's step, taken in other numbers: not the pixels move, but p, of which the pixels are made.",
        "z = p.detach().clone().requires_grad_(); the scores are model(render(z)); torch.autograd.grad goes back through the network and through render.",
        "loss = F.cross_entropy(model(render(z)), y, reduction='sum'); g = torch.autograd.grad(loss, z)[0]; return (p + step * g.sign()).clamp(-1, 1).detach()",
    ), mistakes=(
        (knobs.stepped(lambda g, step: -step * g.sign()), "the step goes down the loss; the attacker climbs."), (knobs.stepped(lambda g, step: step * g), "the gradient's value is used; take its sign."), (knobs.stepped(back=lambda p: p), "numbers leave -1 to 1; clip them."),
        (knobs.stepped(back=lambda p: p.clamp(0, 1)), "the numbers are clipped to 0 to 1, as if they were pixels; they go from -1 to 1."), (knobs.stepped(lambda g, step: g.sign()), "the step's length is left out: step * sign."),
        (knobs.stepped(lambda g, step: step * g / g.norm(dim=1, keepdim=True)), "the gradient is divided by its length; take its sign."), (lambda model, render, p, y, step: render(scene_step(model, render, p, y, step)), "these are the pictures; the numbers are asked for."),
        (lambda model, render, p, y, step: scene_step(model, render, p, y, step) - p.detach(), "this is the change alone; add it to p."), *((knobs.stepped(value=value), sentence) for value, sentence in slips.LOSSES),
    )),
)  # fmt: skip
