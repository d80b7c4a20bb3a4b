"""Wrong answers to the exercises of chapter 18: kind of mistake, answer, words that its message must hold."""

import torch
import torch.nn.functional as F

from course_utils.attacks.common import within
from course_utils.checking import knobs, slips
from course_utils.checks.ch18_adversarial_training import (
    by_value, climbed, hardest_first, mixed, mixed_loss, scene_step, stepped, still_right, unclipped, watched_climb, worst_view,
)  # fmt: skip

seen: dict = {}  # what a stale answer leaves over


def trained_already(model, x, y, eps, alpha):
    loss = mixed_loss(model, x, y, eps, alpha)
    loss.backward(retain_graph=True)
    return loss


def by_backward(model, x, y, eps, alpha):
    """The gradient for the pictures by loss.backward(), which fills the weights' gradients, too."""
    z = x.detach().clone().requires_grad_()
    F.cross_entropy(model(z), y).backward()
    return mixed(lambda *_: (x + eps * z.grad.sign()).clamp(0, 1))(model, x, y, eps, alpha)


def asks_x(model, x, y, eps, alpha):
    x.requires_grad_()
    g = torch.autograd.grad(F.cross_entropy(model(x), y), x)[0]
    return mixed(lambda *_: (x + eps * g.sign()).clamp(0, 1).detach())(model, x, y, eps, alpha)


def moves_in_place(model, x, y, eps, alpha):
    clean = F.cross_entropy(model(x.clone()), y)
    x.copy_(stepped(model, x, y, eps))
    return alpha * clean + (1 - alpha) * F.cross_entropy(model(x), y)


def half_cut(model, x, y, eps, alpha):
    with torch.no_grad():
        attacked = F.cross_entropy(model(stepped(model, x, y, eps).detach()), y) if torch.is_grad_enabled() else None
    attacked = F.cross_entropy(model(stepped(model, x, y, eps)), y).detach() if attacked is None else attacked
    return alpha * F.cross_entropy(model(x), y) + (1 - alpha) * attacked


def trains(model, x, y, eps, alpha):
    model.train()
    return mixed_loss(model, x, y, eps, alpha)


def frozen(model, x, y, eps, alpha):
    for weights in model.parameters():
        weights.requires_grad_(False)
    return mixed_loss(model, x, y, eps, alpha)


def noisy(model, x, y, eps, alpha):
    return mixed(lambda m, x, y, eps: (x + eps * torch.randn_like(x).sign()).clamp(0, 1))(model, x, y, eps, alpha)


def start_in_place(model, x, y, start, eps, step, steps):
    start += step * slips.gradient_of(slips.total_loss, model, start, y).sign()
    return watched_climb(model, x, y, start, eps, step, steps - 1)


def keeps_graph(model, x, y, start, eps, step, steps):
    z, losses = watched_climb(model, x, y, start, eps, step, steps)
    return z.requires_grad_(), losses


def attached_losses(model, x, y, start, eps, step, steps):
    z, losses = watched_climb(model, x, y, start, eps, step, steps)
    return z, losses + 0 * F.cross_entropy(model(z), y)


def around_start(model, x, y, start, eps, step, steps):
    z, losses = start, []
    for t in range(steps + 1):
        z = z.detach().requires_grad_()
        loss = F.cross_entropy(model(z), y, reduction="none")
        losses.append(loss.detach())
        if t < steps:
            z = (z + step * torch.autograd.grad(loss.sum(), z)[0].sign()).clamp(start - eps, start + eps).clamp(0, 1)
    return z.detach(), torch.stack(losses)


def of_a_random_start(model, x, y, start, eps, step, steps):
    return watched_climb(model, x, y, within(x + eps * (2 * torch.rand_like(x) - 1), x, eps), eps, step, steps)


def stale(model, x, y, start, eps, step, steps):
    key = (x.shape, x.dtype, steps)
    return seen.setdefault(key, watched_climb(model, x, y, start, eps, step, steps))


def averaged_slope(model, x, y, start, eps, step, steps):
    return climbed(move=lambda g, step, eps: step * g / len(g))(model, x, y, start, eps, step, steps)


def never_ends(*_):
    while True:
        pass


def no_result(*_):
    print("done")


def sorts_in_place(steps, loss, many):
    order = loss.clone().argsort(descending=True)
    steps[:] = steps[order]
    return order[steps.argsort(stable=True)][:many]


def places_in_the_list(steps, loss, many):
    order = torch.argsort(-loss)
    return steps[order].argsort(stable=True)[:many]


def chosen_by_loss(steps, loss, many):
    order = torch.argsort(-loss)[:many]
    return order[steps[order].argsort(stable=True)]


def as_a_mask(steps, loss, many):
    mask = torch.zeros(len(steps), dtype=torch.bool)
    mask[hardest_first(steps, loss, many)] = True
    return mask


def added_up(steps, loss, many):
    """Steps and loss in one number, as if they were of one kind."""
    return (loss - steps).argsort(descending=True)[:many]


def view_of_the_scores(model, views, y):
    with torch.no_grad():
        worst = torch.stack([F.cross_entropy(model(x).softmax(1), y, reduction="none") for x in views])
    return views[worst.argmax(0), torch.arange(len(y))]


def views_with_graph(model, views, y):
    scale = torch.ones((), dtype=views.dtype, requires_grad=True)
    return scale * worst_view(model, views, y)


def views_in_training(model, views, y):
    model.train()
    return worst_view(model, views, y)


def views_clipped(model, views, y):
    views.clamp_(0.05, 0.95)
    return worst_view(model, views, y)


def first_that_fools(model, views, y):
    with torch.no_grad():
        fooled = torch.stack([model(x).argmax(1) != y for x in views])
    return views[fooled.double().argmax(0), torch.arange(len(y))]


def numbers_in_place(model, render, p, y, step):
    p += scene_step(model, render, p, y, step) - p
    return p.clone()


def numbers_with_graph(model, render, p, y, step):
    z = p.detach().clone().requires_grad_()
    slope = torch.autograd.grad(F.cross_entropy(model(render(z)), y), z, create_graph=True)[0]
    return (z + step * slope.sign()).clamp(-1, 1)


def numbers_by_backward(model, render, p, y, step):
    z = p.detach().clone().requires_grad_()
    F.cross_entropy(model(render(z)), y).backward()
    return (p + step * z.grad.sign()).clamp(-1, 1).detach()


WRONG = {
    "mixed_loss": (
        ("wrong sign", mixed(lambda m, x, y, eps: stepped(m, x, y, -eps)), "goes down the loss"),
        ("another quantity", mixed(mix=lambda c, a, alpha: (1 - alpha) * c + alpha * a), "are exchanged"),
        ("argument ignored", mixed(mix=lambda c, a, alpha: c + a), "without their shares"),
        ("argument ignored", mixed(mix=lambda c, a, alpha: a), "clean pictures are missing"),
        ("argument ignored", mixed(mix=lambda c, a, alpha: c), "attacked pictures are missing"),
        ("another quantity", mixed(mix=lambda c, a, alpha: alpha * c + a), "1 - alpha is missing"),
        ("another quantity", mixed(mix=lambda c, a, alpha: c + (1 - alpha) * a), "alpha is missing at the clean loss"),
        ("no clip", mixed(unclipped), "leave [0, 1]"),
        ("another quantity", mixed(by_value), "take its sign"),
        ("argument ignored", mixed(lambda m, x, y, eps: stepped(m, x, m(x).argmax(1), eps)), "own predictions"),
        ("another quantity", mixed(lambda m, x, y, eps: stepped(m, x, y, eps) - x), "is off by"),
        ("hard-coded constant", lambda m, x, y, eps, alpha: mixed_loss(m, x, y, 0.25, alpha), "is off by"),
        ("hard-coded constant", lambda m, x, y, eps, alpha: mixed_loss(m, x, y, eps, 0.5), "use the argument `alpha`"),
        ("another quantity", mixed(loss=lambda s, y: F.cross_entropy(s, y, reduction="sum")), "take the mean"),
        ("another quantity", mixed(loss=lambda s, y: F.cross_entropy(s.softmax(1), y)), "softmax is applied before"),
        ("batch of one only", mixed(loss=lambda s, y: F.cross_entropy(s[:1], y[:1])), "is off by"),
        ("wrong shape", mixed(loss=lambda s, y: F.cross_entropy(s, y, reduction="none")), "one number for the batch"),
        ("attached", lambda *a: mixed_loss(*a).detach(), "no gradient for the weights"),
        ("attached", lambda *a: mixed_loss(*a).item(), "one number for the batch"),
        ("attached", half_cut, "cut off from them"),
        ("random", noisy, "random"),
        ("precision", lambda *a: mixed_loss(*a).float(), "torch.float64 is expected"),
        ("in place", moves_in_place, "changed in place"),
        ("model changed", trained_already, "parameters' gradients changed"),
        ("model changed", by_backward, "parameters' gradients changed"),
        ("model changed", trains, "mode"),
        ("model changed", frozen, "requires_grad"),
        ("state changed", asks_x, "x"),
        ("no result", no_result, "returns nothing"),
        ("endless", never_ends, "still running"),
    ),
    "watched_climb": (
        ("wrong sign", climbed(move=lambda g, step, eps: -step * g.sign()), "the attacker climbs"),
        ("off by one", climbed(keep=lambda v: v[1:]), "before the first step is missing"),
        ("off by one", climbed(keep=lambda v: v[:-1]), "after the last step is missing"),
        ("off by one", climbed(more=1), "one step too many"),
        ("off by one", climbed(more=-1), "one step too few"),
        ("wrong axis", climbed(keep=lambda v: v.T), "are turned"),
        ("wrong shape", climbed(keep=lambda v: v.mean(1)), "averaged over the pictures"),
        ("no clip", climbed(lambda z, x, eps: z.clamp(0, 1)), "leave the budget around x"),
        ("no clip", climbed(lambda z, x, eps: torch.minimum(torch.maximum(z, x - eps), x + eps)), "leave [0, 1]"),
        ("hard-coded constant", climbed(move=lambda g, step, eps: eps * g.sign()), "each step is eps long"),
        ("hard-coded constant", lambda m, x, y, start, eps, step, steps: watched_climb(m, x, y, start, eps, 0.01, steps), "is off by"),
        ("hard-coded constant", lambda m, x, y, start, eps, step, steps: watched_climb(m, x, y, start, 0.0973, step, steps), "use the argument `eps`"),
        ("argument ignored", climbed(first=lambda x, start, eps: x), "begins at `start`"),
        ("argument ignored", around_start, "counted from x"),
        ("argument ignored", lambda m, x, y, start, eps, step, steps: watched_climb(m, x, m(x).argmax(1), start, eps, step, steps), "is off by"),
        ("another quantity", climbed(move=lambda g, step, eps: step * g), "take its sign"),
        ("another quantity", averaged_slope, "is off by"),
        ("another quantity", climbed(at_x=True), "asks for the gradient where it stands"),
        ("another quantity", climbed(keep=lambda v: v.cummax(0).values), "largest loss so far"),
        ("another quantity", climbed(value=lambda s, y: slips.total_loss(s.softmax(1), y)), "softmax is applied before"),
        ("batch of one only", climbed(value=lambda s, y: slips.total_loss(s[:1], y[:1])), "is off by"),
        ("in place", start_in_place, "in place"),
        ("attached", keeps_graph, "carries the graph"),
        ("attached", attached_losses, "carries the graph"),
        ("random", of_a_random_start, "random"),
        ("stale", stale, "is off by"),
        ("precision", lambda *a: tuple(v.float() for v in watched_climb(*a)), "torch.float64 is expected"),
        ("no result", lambda *a: watched_climb(*a)[0], "2 things"),
        ("no result", no_result, "returns nothing"),
    ),
    "still_right": (
        ("another quantity", lambda right: 100 * right.double().mean().item(), "mean over the starts"),
        ("another quantity", lambda right: 100 * right.double().mean(1).min().item(), "most successful start"),
        ("wrong axis", lambda right: 100 * right.all(1).double().mean().item(), "starts that get no picture"),
        ("another quantity", lambda right: 100 * right.any(0).double().mean().item(), "after some start"),
        ("wrong sign", lambda right: 100 - still_right(right), "percentage that falls"),
        ("hard-coded constant", lambda right: still_right(right) / 100, "multiply by 100"),
        ("another quantity", lambda right: float(right.all(0).sum()), "number of pictures"),
        ("argument ignored", lambda right: 100 * right[-1].double().mean().item(), "only the last start"),
        ("batch of one only", lambda right: 100 * right[0].double().mean().item(), "only the first start"),
        ("attached", lambda right: 100 * right.all(0).float().mean(), "one number is expected"),
        ("in place", lambda right: still_right(right.logical_not_().logical_not()), "in place"),
        ("no result", no_result, "returns nothing"),
    ),
    "hardest_first": (
        ("wrong sign", knobs.ranked(steps_up=False), "these are the easiest"),
        ("wrong sign", knobs.ranked(loss_down=False), "the higher loss is the harder"),
        ("argument ignored", lambda steps, loss, many: steps.argsort(stable=True)[:many], "let the loss decide"),
        ("another quantity", places_in_the_list, "look up which pictures"),
        ("another quantity", chosen_by_loss, "choose at the end"),
        ("argument ignored", lambda steps, loss, many: loss.argsort(descending=True)[:many], "steps come first"),
        ("another quantity", lambda steps, loss, many: steps.sort().values[:many], "these are steps"),
        ("another quantity", as_a_mask, "expected"),
        ("another quantity", added_up, "off by"),
        ("off by one", knobs.ranked(more=1), "too many"),
        ("off by one", knobs.ranked(more=-1), "too few"),
        ("hard-coded constant", lambda steps, loss, many: hardest_first(steps, loss, 10), "expected"),
        ("wrong axis", lambda steps, loss, many: hardest_first(steps, loss, many).flip(0), "they come first"),
        ("in place", sorts_in_place, "in place"),
        ("no result", lambda steps, loss, many: hardest_first(steps, loss, many).tolist(), "list"),
        ("no result", no_result, "returns nothing"),
    ),
    "worst_view": (
        ("wrong sign", knobs.picked(lambda loss: loss.argmin(0)), "takes the highest"),
        ("wrong axis", knobs.picked(lambda loss: loss.mean(1).argmax().expand(loss.shape[1])), "worst one of its own"),
        ("batch of one only", knobs.picked(lambda loss: loss.argmax(0)[:1].expand(loss.shape[1])), "off by"),
        ("another quantity", knobs.picked(value=knobs.margin_of), "the other scores"),
        ("another quantity", view_of_the_scores, "softmax is applied before"),
        ("another quantity", knobs.picked(value=knobs.lead_of), "the margin is taken"),
        ("argument ignored", knobs.picked(value=knobs.by_prediction), "classes that are given"),
        ("another quantity", first_that_fools, "off by"),
        ("another quantity", lambda model, views, y: knobs.loss_of(model, views, y).argmax(0), "numbers of the views"),
        ("another quantity", lambda model, views, y: knobs.loss_of(model, views, y).amax(0), "these are the losses"),
        ("wrong shape", lambda model, views, y: worst_view(model, views, y)[None], "expected"),
        ("in place", views_clipped, "in place"),
        ("attached", views_with_graph, "graph"),
        ("model changed", views_in_training, "mode"),
        ("no result", no_result, "returns nothing"),
    ),
    "scene_step": (
        ("wrong sign", knobs.stepped(lambda g, step: -step * g.sign()), "the attacker climbs"),
        ("another quantity", knobs.stepped(lambda g, step: step * g), "take its sign"),
        ("no clip", knobs.stepped(back=lambda p: p), "clip them"),
        ("no clip", knobs.stepped(back=lambda p: p.clamp(0, 1)), "as if they were pixels"),
        ("argument ignored", knobs.stepped(lambda g, step: g.sign()), "step's length"),
        ("hard-coded constant", lambda model, render, p, y, step: scene_step(model, render, p, y, 0.1), "off by"),
        ("another quantity", knobs.stepped(value=lambda s, y: slips.total_loss(s.softmax(1), y)), "softmax is applied before"),
        ("argument ignored", knobs.stepped(value=lambda s, y: slips.total_loss(s, s.argmax(1))), "own prediction"),
        ("batch of one only", knobs.stepped(value=lambda s, y: slips.total_loss(s[:1], y[:1])), "first picture"),
        ("another quantity", lambda model, render, p, y, step: render(scene_step(model, render, p, y, step)), "these are the pictures"),
        ("in place", numbers_in_place, "in place"),
        ("attached", numbers_with_graph, "graph"),
        ("model changed", numbers_by_backward, "gradient"),
        ("no result", no_result, "returns nothing"),
    ),
}
