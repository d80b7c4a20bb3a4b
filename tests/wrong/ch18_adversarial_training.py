"""Wrong answers to the exercises of chapter 18: kind of mistake, answer, words that its message must hold."""

import torch
import torch.nn.functional as F

from course_utils.attacks.common import within
from course_utils.checking import slips
from course_utils.checks.ch18_adversarial_training import by_value, climbed, mixed, mixed_loss, stepped, still_right, unclipped, watched_climb

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
}
