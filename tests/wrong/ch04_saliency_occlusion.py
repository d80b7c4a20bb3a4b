"""Wrong answers to the exercises of chapter 04: (kind, function, words that the message must hold)."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.checks.ch04_saliency_occlusion import (
    delete_top, integrated_gradients, occlusion_map, outside_penalty, path_points, right_reasons, saliency, score_gradient,
)  # fmt: skip

# ---------------------------------------------------------------- what can go wrong with any gradient


def slope(value, finish=lambda g: g, **options):
    """finish(d value(scores, y).sum() / dx), written as a student writes it."""

    def answer(m, x, y):
        z = x.clone().requires_grad_()
        return finish(torch.autograd.grad(value(m(z), y).sum(), z, **options)[0])

    return answer


def own(scores, y):
    return scores.gather(1, y[:, None])


def backward_into_the_model(m, x, y):
    z = x.clone().requires_grad_()
    own(m(z), y).sum().backward()
    return z.grad


def backward_into_x(m, x, y):
    x.requires_grad_()
    own(m(x), y).sum().backward(inputs=[x])
    return x.grad.clone()


def gradients_wiped(m, x, y):
    m.zero_grad()
    return score_gradient(m, x, y)


def put_to_eval(m, x, y):
    m.eval()
    return score_gradient(m, x, y)


def switched_off(m, x, y):
    out = score_gradient(m, x, y)
    torch.set_grad_enabled(False)
    return out


def tuple_left(m, x, y):
    z = x.clone().requires_grad_()
    return torch.autograd.grad(own(m(z), y).sum(), z).abs()


def no_gradient_asked(m, x, y):
    return torch.autograd.grad(own(m(x), y).sum(), x)[0]


def raise_left_in(m, x, y):
    gradient = score_gradient(m, x, y)
    raise NotImplementedError
    return gradient


def same_picture_for_all(m, x, y):
    return score_gradient(m, x, y)[:1].expand(x.shape)


def with_a_random_start(m, x, y):
    return score_gradient(m, x + 0.1 * torch.rand_like(x), y)


kept = []


def map_of_an_earlier_call(m, x, y):
    kept.append(saliency(m, x, y))
    return kept[-1] + sum(one.sum() for one in kept[:-1])


# ---------------------------------------------------------------- occlusion


def occluded(m, x, y, fill, tops, lefts, window, colours=slice(None)):
    with torch.no_grad():
        base, rows = m(x)[0, y], []
        for top in tops:
            for left in lefts:
                covered = x.clone()
                covered[:, colours, top : top + window, left : left + window] = fill
                rows.append(base - m(covered)[0, y])
    return torch.stack(rows).reshape(len(tops), len(lefts))


def flush_with_the_edge(m, x, y, w, s, fill):
    places = [[*range(0, size - w + 1, s)] for size in x.shape[2:]]
    places = [[*p, size - w] if p[-1] != size - w else p for p, size in zip(places, x.shape[2:])]
    return occluded(m, x, y, fill, *places, w)


def rounded_up(m, x, y, w, s, fill):
    places = [[k * s for k in range(math.ceil((size - w) / s) + 1)] for size in x.shape[2:]]
    return occluded(m, x, y, fill, *places, w)


def last_place_left_out(m, x, y, w, s, fill):
    return occluded(m, x, y, fill, range(0, x.shape[2] - w, s), range(0, x.shape[3] - w, s), w)


def square_on_x_itself(m, x, y, w, s, fill):
    out = occlusion_map(m, x, y, w, s, fill)
    x[:, :, -w:, -w:] = fill
    return out


def covered_for_good(m, x, y, w, s, fill):
    covered, base, drops = x.clone(), m(x)[0, y], []
    for top in range(0, x.shape[2] - w + 1, s):
        for left in range(0, x.shape[3] - w + 1, s):
            covered[:, :, top : top + w, left : left + w] = fill
            drops.append(base - m(covered)[0, y])
    return torch.stack(drops).reshape((x.shape[2] - w) // s + 1, -1).detach()


def with_the_graph(m, x, y, w, s, fill):
    covered = x.clone()
    covered[:, :, :w, :w] = fill
    return occlusion_map(m, x, y, w, s, fill) + 0 * m(covered)[0, y]


def one_colour_covered(m, x, y, w, s, fill):
    tops, lefts = (range(0, size - w + 1, s) for size in x.shape[2:])
    return occluded(m, x, y, fill, tops, lefts, w, slice(1))


# ---------------------------------------------------------------- deletion


def by_threshold(x, h, s, c):
    edge = h.flatten(1).sort(1, descending=True).values[:, max(round(s * h[0].numel()) - 1, 0)][:, None, None]
    return x.where((h < edge)[:, None] | (s == 0), torch.tensor(c).to(x))


def by_quantile_of_all(x, h, s, c):
    return x.where((h <= h.quantile(1 - s))[:, None], torch.tensor(c).to(x))


def counting(how):
    def answer(x, h, s, c):
        rank = h.flatten(1).argsort(1, descending=True).argsort(1).view_as(h)
        return x.where((rank >= how(s * h[0].numel()))[:, None], torch.tensor(c).to(x))

    return answer


def one_argsort(x, h, s, c):
    return x.where((h.flatten(1).argsort(1, descending=True).view_as(h) >= round(s * h[0].numel()))[:, None], torch.tensor(c).to(x))


# ---------------------------------------------------------------- right for the right reasons


def penalty(create=True, value=lambda s: s.log_softmax(1), size=torch.square, total=lambda v: v.flatten(1).sum(1).mean(), mask=lambda i: 1 - i):
    def answer(m, x, i):
        z = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(value(m(z)).sum(), z, create_graph=create)
        return total(size(gradient * mask(i)))

    return answer


def loss_with(part, plain=F.cross_entropy):
    return lambda m, x, y, i, s: plain(m(x), y) + s * part(m, x, i)


def freed(m, x, y, i, s):
    z = x.clone().requires_grad_()
    log_p = m(z).log_softmax(1)
    (gradient,) = torch.autograd.grad(log_p.sum(), z)
    return F.nll_loss(log_p, y) + s * (gradient * (1 - i)).square().flatten(1).sum(1).mean()


def trained_already(m, x, y, i, s):
    loss = right_reasons(m, x, y, i, s)
    loss.backward(retain_graph=True)
    return loss


def weights_frozen(m, x, i):
    for weights in m.parameters():
        weights.requires_grad_(False)
    return penalty()(m, x, i)


WRONG = {
    "score_gradient": (
        ("wrong sign", slope(lambda s, y: -own(s, y)), "the sign is wrong"),
        ("wrong axis", slope(lambda s, y: s[:, y]), "takes the columns y of every row"),
        ("wrong axis", slope(own, lambda g: g.flip(3)), "is off by up to"),
        ("wrong shape", saliency, "this is the map already"),
        ("argument ignored", slope(lambda s, y: s.amax(1)), "own prediction is used"),
        ("another quantity", slope(lambda s, y: s.softmax(1).gather(1, y[:, None])), "before the softmax"),
        ("another quantity", slope(lambda s, y: F.cross_entropy(s, y, reduction="sum")), "the loss is differentiated"),
        ("another quantity", slope(lambda s, y: s), "scores of all classes are added up"),
        ("no absolute value", slope(own, torch.abs), "the sign is lost"),
        ("batch of one only", slope(lambda s, y: own(s, y)[:1]), "only the first picture's score"),
        ("batch of one only", slope(lambda s, y: own(s, y).mean()), "averaged over the batch"),
        ("batch of one only", same_picture_for_all, "is off by up to"),
        ("batch of one only", slope(own, torch.squeeze), "for one picture alone"),
        ("attached", slope(own, create_graph=True), "still carries the graph"),
        ("random", with_a_random_start, "changes with the random numbers"),
        ("precision", slope(own, lambda g: g.float()), "torch.float64 is expected"),
        ("model changed", backward_into_the_model, "parameters' gradients changed"),
        ("model changed", gradients_wiped, "parameters' gradients changed"),
        ("model changed", put_to_eval, "mode (train or eval)"),
        ("stale", backward_into_x, "the .grad of x"),
        ("state changed", switched_off, "gradients are switched off"),
        ("no result", lambda m, x, y: None, "returns nothing"),
        ("raises", tuple_left, "gives a tuple"),
        ("raises", no_gradient_asked, "nothing asks for a gradient here"),
        ("raises", raise_left_in, "the line `raise NotImplementedError` is still"),
    ),
    "saliency": (
        ("no absolute value", lambda m, x, y: score_gradient(m, x, y).amax(1), "the sign is kept"),
        ("no absolute value", lambda m, x, y: score_gradient(m, x, y).amax(1).abs(), "comes too late"),
        ("wrong axis", lambda m, x, y: score_gradient(m, x, y).abs().amax(2), "has shape"),
        ("wrong axis", lambda m, x, y: saliency(m, x, y).flip(2), "is off by up to"),
        ("wrong shape", lambda m, x, y: score_gradient(m, x, y), "colours are still there"),
        ("wrong shape", lambda m, x, y: saliency(m, x, y)[:, None], "has shape"),
        ("batch of one only", lambda m, x, y: saliency(m, x, y).squeeze(), "for one picture alone"),
        ("batch of one only", slope(lambda s, y: own(s, y).mean(), lambda g: g.abs().amax(1)), "averaged over the batch"),
        ("another quantity", lambda m, x, y: score_gradient(m, x, y).abs().sum(1), "added up"),
        ("another quantity", lambda m, x, y: score_gradient(m, x, y).abs().mean(1), "the colours are averaged"),
        ("another quantity", lambda m, x, y: score_gradient(m, x, y).norm(dim=1), "is off by up to"),
        ("another quantity", lambda m, x, y: score_gradient(nn.Sequential(m, nn.Softmax(1)), x, y).abs().amax(1), "before the softmax"),
        ("another quantity", slope(lambda s, y: F.cross_entropy(s, y, reduction="sum"), lambda g: g.abs().amax(1)), "loss is differentiated"),
        ("argument ignored", lambda m, x, y: saliency(m, x, m(x).argmax(1)), "own prediction is used"),
        ("hard-coded constant", lambda m, x, y: saliency(m, x, torch.zeros_like(y)), "is off by up to"),
        ("attached", slope(own, lambda g: g.abs().amax(1), create_graph=True), "still carries the graph"),
        ("stale", map_of_an_earlier_call, "the same call gives another result later"),
        ("precision", lambda m, x, y: saliency(m, x, y).float(), "torch.float64 is expected"),
        ("in place", lambda m, x, y: saliency(m, x.mul_(1.01), y), "changed in place"),
        ("no result", lambda m, x, y: saliency(m, x, y).numpy(), "is ndarray"),
        ("raises", lambda m, x: saliency(m, x, m(x).argmax(1)), "must take the arguments (model, x, y)"),
    ),
    "occlusion_map": (
        ("wrong sign", lambda *a: -occlusion_map(*a), "the sign is wrong"),
        ("another quantity", lambda m, x, y, *a: m(x)[0, y].detach() - occlusion_map(m, x, y, *a), "subtract them"),
        ("wrong axis", lambda *a: occlusion_map(*a).T, "rows and columns are swapped"),
        ("wrong axis", lambda *a: occlusion_map(*a).flip(0), "is off by up to"),
        ("hard-coded constant", lambda m, x, y, w, s, fill: occlusion_map(m, x, y, w, s, 0.0), "the square is black"),
        ("hard-coded constant", lambda m, x, y, w, s, fill: occlusion_map(m, x, y, w, s, 0.5), "the square is always grey"),
        ("hard-coded constant", lambda m, x, y, w, s, fill: occlusion_map(m, x, y, w, 2, fill), "use the argument `stride`"),
        ("argument ignored", lambda m, x, y, *a: occlusion_map(m, x, int(m(x).argmax()), *a), "the class y is not used"),
        ("another quantity", lambda m, *a: occlusion_map(nn.Sequential(m, nn.Softmax(1)), *a), "drops of the probability"),
        ("no absolute value", lambda *a: occlusion_map(*a).abs(), "the sign is wrong"),
        ("no clip", lambda *a: occlusion_map(*a).clamp(min=0), "drops below 0 are lost"),
        ("off by one", last_place_left_out, "has shape"),
        ("off by one", flush_with_the_edge, "has shape"),
        ("off by one", rounded_up, "has shape"),
        ("off by one", lambda m, x, y, w, s, fill: occlusion_map(m, x, y, w, s, fill)[:, :-1], "has shape"),
        ("in place", lambda m, x, y, w, s, fill: occluded(m, x.fill_(fill), y, fill, range(3), range(2), w), "changed in place"),
        ("in place", square_on_x_itself, "changed in place"),
        ("stale", covered_for_good, "copied anew"),
        ("attached", with_the_graph, "still carries the graph"),
        ("precision", lambda *a: occlusion_map(*a).half(), "torch.float32 is expected"),
        ("wrong axis", one_colour_covered, "only the first colour is covered"),
        ("wrong shape", lambda *a: occlusion_map(*a)[None], "has shape"),
        ("no result", lambda *a: occlusion_map(*a).tolist(), "is list"),
        ("raises", lambda m, x, y, w, s, fill: m(x)[0, y, 0], "your code raised IndexError"),
    ),
    "path_points": (
        ("off by one", lambda x, n: torch.stack([k / n * x for k in range(n)]), "left ends"),
        ("off by one", lambda x, n: torch.stack([(k + 1) / n * x for k in range(n)]), "right ends"),
        ("off by one", lambda x, n: torch.linspace(0, 1, n)[:, None, None, None, None] * x, "goes from end to end"),
        ("off by one", lambda x, n: torch.linspace(0, 1, n + 1)[:, None, None, None, None] * x, "goes from end to end"),
        ("off by one", lambda x, n: path_points(x, n)[:-1], "has shape"),
        ("wrong sign", lambda x, n: path_points(x, n).flip(0), "goes from x to black"),
        ("another quantity", lambda x, n: 1 - path_points(1 - x, n).flip(0), "begins at white"),
        ("wrong axis", lambda x, n: path_points(x, n).transpose(0, 1), "axes are swapped"),
        ("wrong shape", lambda x, n: path_points(x, n).flatten(0, 1), "one long batch"),
        ("hard-coded constant", lambda x, n: path_points(x, 4), "use the argument `steps`"),
        ("batch of one only", lambda x, n: path_points(x[:1], n).expand(-1, len(x), -1, -1, -1), "is off by up to"),
        ("batch of one only", lambda x, n: path_points(x, n).squeeze(1), "for one picture alone"),
        ("precision", lambda x, n: path_points(x, n).float(), "torch.float64 is expected"),
        ("in place", lambda x, n: path_points(x.mul_(1), n) if n > 4 else path_points(x.clamp_(0.1, 0.9), n), "changed in place"),
        ("random", lambda x, n: ((torch.arange(n) + torch.rand(n)) / n)[:, None, None, None, None] * x, "nothing is random"),
        ("attached", lambda x, n: path_points(x, n).requires_grad_(), "still carries the graph"),
        ("no result", lambda x, n: [(k + 0.5) / n * x for k in range(n)], "is list"),
        ("raises", lambda x, n: torch.stack([(k + 0.5) / n for k in range(n)]) * x, "your code raised TypeError"),
    ),
    "integrated_gradients": (
        ("another quantity", lambda m, x, y, n: x * score_gradient(m, x, y), "gradient at the picture alone"),
        ("another quantity", lambda m, x, y, n: integrated_gradients(m, x, y, n) * n, "not divided by the number of steps"),
        ("another quantity", lambda m, x, y, n: sum(score_gradient(m, p, y) for p in path_points(x, n)) / n, "must still be multiplied"),
        ("another quantity", lambda m, x, y, n: 1 - integrated_gradients(m, x, y, n), "is off by up to"),
        ("another quantity", lambda m, x, y, n: integrated_gradients(nn.Sequential(m, nn.Softmax(1)), x, y, n), "probability is differentiated"),
        ("another quantity", lambda m, x, y, n: ((m(x) - m(0 * x)).gather(1, y[:, None])[:, 0] / x[0].numel())[:, None, None, None].detach() * torch.ones_like(x), "is off by up to"),
        ("no absolute value", lambda m, x, y, n: x * sum(score_gradient(m, p, y).abs() for p in path_points(x, n)) / n, "keep their signs"),
        ("off by one", lambda m, x, y, n: x * sum(score_gradient(m, k / n * x, y) for k in range(n)) / n, "not the middles"),
        ("off by one", lambda m, x, y, n: x * sum(score_gradient(m, (k + 1) / n * x, y) for k in range(n)) / n, "not the middles"),
        ("off by one", lambda m, x, y, n: x * sum(score_gradient(m, s * x, y) for s in torch.linspace(0, 1, n)) / n, "goes from end to end"),
        ("off by one", lambda m, x, y, n: x * (sum(score_gradient(m, k / n * x, y) for k in range(n + 1)) - score_gradient(m, 0 * x, y) / 2 - score_gradient(m, x, y) / 2) / n, "trapezoids"),
        ("wrong axis", lambda m, x, y, n: integrated_gradients(m, x, y, n).flip(3), "is off by up to"),
        ("wrong axis", lambda m, x, y, n: integrated_gradients(m, x, y, n).flip(0), "is off by up to"),
        ("wrong shape", lambda m, x, y, n: integrated_gradients(m, x, y, n).abs().amax(1), "the colours are gone"),
        ("wrong shape", lambda m, x, y, n: integrated_gradients(m, x, y, n).sum(1, keepdim=True), "has shape"),
        ("hard-coded constant", lambda m, x, y, n: integrated_gradients(m, x, y, 4), "use the argument `steps`"),
        ("argument ignored", lambda m, x, y, n: integrated_gradients(m, x, m(x).argmax(1), n), "labels y are not used"),
        ("attached", lambda m, x, y, n: integrated_gradients(m, x, y, n).requires_grad_(), "still carries the graph"),
        ("batch of one only", lambda m, x, y, n: integrated_gradients(m, x, y, n).squeeze(0), "for one picture alone"),
        ("in place", lambda m, x, y, n: x.mul_(integrated_gradients(m, x, y, n) / x.clamp_min(1e-6)), "changed in place"),
        ("model changed", lambda m, x, y, n: integrated_gradients(m.train(), x, y, n), "mode (train or eval)"),
        ("no result", lambda m, x, y, n: (integrated_gradients(m, x, y, n), n), "is tuple"),
        ("raises", lambda m, x, y, n: x * torch.autograd.grad(m(x).sum(), x)[0], "nothing asks for a gradient here"),
    ),
    "delete_top": (
        ("wrong sign", lambda x, h, s, c: delete_top(x, -h, s, c), "lowest heat go first"),
        ("no absolute value", lambda x, h, s, c: delete_top(x, h.abs(), s, c), "a map may be negative"),
        ("another quantity", lambda x, h, s, c: delete_top(x, h, 1 - s, c), "`share` is the part that goes"),
        ("hard-coded constant", lambda x, h, s, c: delete_top(x, h, s, 0.0), "deleted pixels turn black"),
        ("hard-coded constant", lambda x, h, s, c: delete_top(x, h, 0.25, c), "use the argument `share`"),
        ("hard-coded constant", lambda x, h, s, c: delete_top(x, h, s, 0.9), "use the argument `fill`"),
        ("argument ignored", lambda x, h, s, c: x.clone(), "nothing was replaced by `fill`"),
        ("argument ignored", lambda x, h, s, c: delete_top(x, torch.arange(h[0].numel()).expand(len(h), -1).view_as(h), s, c), "other pixels than the hottest"),
        ("off by one", counting(int), "8 of 35 pixels were deleted"),
        ("off by one", counting(math.ceil), "6 of 35 pixels were deleted"),
        ("off by one", by_threshold, "of equal ones delete only as many"),
        ("batch of one only", by_quantile_of_all, "rank each picture's pixels by themselves"),
        ("batch of one only", lambda x, h, s, c: delete_top(x, h[:1].expand_as(h), s, c), "other pixels than the hottest"),
        ("wrong axis", one_argsort, "other pixels than the hottest"),
        ("wrong axis", lambda x, h, s, c: delete_top(x, h.flip(2), s, c), "other pixels than the hottest"),
        ("wrong shape", lambda x, h, s, c: torch.cat([delete_top(x, h, s, c)[:, :1], x[:, 1:]], 1), "loses all its colours"),
        ("no clip", lambda x, h, s, c: delete_top(x, h, s, c).clamp(0.2, 1), "pixels that stay were changed"),
        ("in place", lambda x, h, s, c: x.copy_(delete_top(x, h, s, c)), "changed in place"),
        ("in place", lambda x, h, s, c: (delete_top(x, h, s, c), h.zero_())[0], "changed in place"),
        ("precision", lambda x, h, s, c: delete_top(x, h, s, c).float(), "torch.float64 is expected"),
        ("no result", lambda x, h, s, c: None, "returns nothing"),
    ),
    "outside_penalty": (
        ("wrong sign", penalty(mask=lambda i: i), "the gradient inside the object is punished"),
        ("argument ignored", penalty(mask=torch.ones_like), "the gradient is punished everywhere"),
        ("another quantity", penalty(total=lambda v: v.sum()), "added up over the pictures"),
        ("another quantity", penalty(total=torch.mean), "averaged over the pixels"),
        ("another quantity", penalty(total=lambda v: v.flatten(1).amax(1).mean()), "is off by up to"),
        ("another quantity", penalty(size=torch.abs), "square the gradient"),
        ("another quantity", penalty(value=lambda s: s.softmax(1)), "probabilities are differentiated"),
        ("another quantity", penalty(value=lambda s: s.softmax(1).log_softmax(1)), "softmax is applied before log_softmax"),
        ("another quantity", penalty(value=lambda s: s.log_softmax(1).mean(1)), "averaged over the classes"),
        ("another quantity", penalty(value=lambda s: s), "the scores are differentiated"),
        ("batch of one only", penalty(value=lambda s: s.log_softmax(1) / len(s)), "averaged over the batch"),
        ("batch of one only", penalty(total=lambda v: v[0].sum()), "is off by up to"),
        ("wrong shape", penalty(total=lambda v: v.flatten(1).sum(1)), "one number for the batch"),
        ("attached", penalty(create=False), "needs create_graph=True"),
        ("attached", lambda m, x, i: penalty()(m, x, i).detach(), "no gradient for the weights"),
        ("attached", lambda m, x, i: penalty()(m, x, i).item(), "one number for the batch"),
        ("precision", lambda m, x, i: penalty()(m, x, i).float(), "torch.float64 is expected"),
        ("in place", lambda m, x, i: penalty()(m, x, i.mul_(0)), "changed in place"),
        ("model changed", weights_frozen, "requires_grad changed"),
        ("no result", lambda m, x, i: None, "returns nothing"),
        ("raises", lambda m, x, i: torch.autograd.grad(m(x).log_softmax(1).sum(), x, create_graph=True)[0].sum(), "was not computed from"),
    ),
    "right_reasons": (
        ("wrong sign", lambda m, x, y, i, s: right_reasons(m, x, y, 1 - i, s), "the gradient inside the object is punished"),
        ("wrong sign", lambda m, x, y, i, s: right_reasons(m, x, y, i, -s), "the penalty is subtracted"),
        ("argument ignored", lambda m, x, y, i, s: F.cross_entropy(m(x), y), "the penalty is missing"),
        ("argument ignored", lambda m, x, y, i, s: F.cross_entropy(m(x), m(x).argmax(1)) + s * outside_penalty(m, x, i), "is off by up to"),
        ("argument ignored", lambda m, x, y, i, s: right_reasons(m, x, y, i, 1), "not multiplied by `strength`"),
        ("another quantity", lambda m, x, y, i, s: s * right_reasons(m, x, y, i, 1), "multiplies the whole loss"),
        ("hard-coded constant", lambda m, x, y, i, s: right_reasons(m, x, y, i, 0.1), "use the argument `strength`"),
        ("another quantity", lambda m, x, y, i, s: s * outside_penalty(m, x, i), "the cross-entropy is missing"),
        ("another quantity", loss_with(penalty(total=lambda v: v.sum())), "the penalty is added up"),
        ("another quantity", loss_with(outside_penalty, lambda s, y: F.cross_entropy(s, y, reduction="sum")), "the cross-entropy is added up"),
        ("another quantity", loss_with(outside_penalty, lambda s, y: F.cross_entropy(s.softmax(1), y)), "softmax is applied before"),
        ("batch of one only", loss_with(outside_penalty, lambda s, y: F.cross_entropy(s[:2], y[:2])), "is off by up to"),
        ("wrong shape", loss_with(outside_penalty, lambda s, y: F.cross_entropy(s, y, reduction="none")), "one number for the batch"),
        ("attached", loss_with(penalty(create=False)), "cut off from them"),
        ("attached", lambda *a: right_reasons(*a).detach(), "no gradient for the weights"),
        ("attached", lambda *a: right_reasons(*a).item(), "one number for the batch"),
        ("raises", freed, "it cannot train"),
        ("model changed", trained_already, "parameters' gradients changed"),
        ("precision", lambda *a: right_reasons(*a).float(), "torch.float64 is expected"),
        ("in place", lambda m, x, y, i, s: right_reasons(m, x, y, i.zero_(), s), "changed in place"),
        ("no result", lambda *a: None, "returns nothing"),
    ),
}  # fmt: skip

