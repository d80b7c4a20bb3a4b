"""Wrong answers to the exercises of chapter 20: kind of mistake, answer, words that its message must hold."""

import torch
import torch.nn.functional as F

from course_utils.checking.obfuscating import through
from course_utils.checking.slips import gradient_of, own_score, total_loss
from course_utils.checks.ch20_obfuscated_gradients import bpda_gradient, draws_gradient, likeliest, of_mean_scores, to_thermometer
from tests.wrong.found_by_chance import FOUND

seen: dict = {}  # what a stale answer leaves over


def remembers(f):
    def stale(*a):
        first = next(v for v in a if isinstance(v, torch.Tensor) and v.is_floating_point())
        key = (f.__name__, first.shape, first.dtype)
        seen[key] = seen.get(key, 0) + f(*a)
        return seen[key]

    return stale


def code(rule):
    return lambda x, levels: torch.stack([rule(x, k / levels) for k in range(1, levels + 1)], 2).to(x.dtype).flatten(1, 2)


def in_place(x, levels):
    x *= levels
    return torch.stack([x > k for k in range(1, levels + 1)], 2).float().flatten(1, 2)


def never_ends(*_):
    while True:
        pass


def same(z):
    return z


def bpda(loss=total_loss, value=lambda ahead, back, x: ahead(x), back=None):
    return lambda n, ahead, b, x, y: through(n, value(ahead, b, x.detach()), back or b, x, y, loss)


def with_graph(network, ahead, back, x, y):
    z = x.detach().clone().requires_grad_()
    s = back(z)
    return torch.autograd.grad(total_loss(network(s + (ahead(z) - s).detach()), y), z, create_graph=True)[0]


def by_backward(network, ahead, back, x, y):
    z = x.detach().clone().requires_grad_()
    s = back(z)
    F.cross_entropy(network(s + (ahead(z) - s).detach()), y, reduction="sum").backward()
    return z.grad


def straight(network, ahead, back, x, y):
    return gradient_of(total_loss, lambda z: network(ahead(z)), x, y)


def shifts_x(network, ahead, back, x, y):
    x += 0.001
    return bpda_gradient(network, ahead, back, x, y)


def training(network, ahead, back, x, y):
    network.train()
    return bpda_gradient(network, ahead, back, x, y)


def draws(loss=total_loss, some=slice(None), combine=lambda g: sum(g) / len(g)):
    return lambda n, d, x, y: combine([through(n, draw(x.detach()), same, x, y, loss) for draw in d[some]])


def shifts_x_too(network, draws, x, y):
    x += 0.001
    return draws_gradient(network, draws, x, y)


def of_mean_picture(network, draws, x, y):
    return through(network, sum(d(x.detach()) for d in draws) / len(draws), same, x, y, total_loss)


def chained(network, draws, x, y):
    now = x.detach()
    for draw in draws:
        now = draw(now)
    return through(network, now, same, x, y, total_loss)


def empties(network, draws, x, y):
    count, total = len(draws), 0
    while draws:
        total = total + through(network, draws.pop()(x.detach()), same, x, y, total_loss)
    return total / count


def switched_off(*a):
    torch.set_grad_enabled(False)
    return draws_gradient(*a)


def reach(scores, x, levels, eps):
    return (levels - x[..., None]).abs() <= eps


def choose(rule):
    """A wrong choice: rule(scores, near, levels)."""
    return lambda scores, x, levels, eps: rule(scores, reach(scores, x, levels, eps), levels)


def masked(scores, near, out=-torch.inf):
    return torch.where(near, scores, torch.full_like(scores, out))


def spoils_scores(scores, x, levels, eps):
    scores[~reach(scores, x, levels, eps)] = -torch.inf
    return levels[scores.argmax(-1)]


def one_for_all(scores, x, levels, eps):
    near = (levels - x.flatten()[0]).abs() <= eps
    return levels[scores.masked_fill(~near, -torch.inf).argmax(-1)]


WRONG = {
    "to_thermometer": (
        ("another quantity", code(lambda x, t: (x - t).clamp(0, 1).floor()), "all zeros"),
        ("off by one", lambda x, levels: torch.stack([x > k / levels for k in range(levels)], 2).to(x.dtype).flatten(1, 2), "begin at 0"),
        ("off by one", code(lambda x, t: x >= t), "> and not >="),
        ("off by one", lambda x, levels: torch.stack([x > k / (levels + 1) for k in range(1, levels + 1)], 2).to(x.dtype).flatten(1, 2), "k / (l + 1)"),
        ("wrong sign", code(lambda x, t: x < t), "changed places"),
        ("wrong axis", lambda x, levels: torch.stack([x > k / levels for k in range(1, levels + 1)], 1).to(x.dtype).flatten(1, 2), "stand together"),
        ("wrong axis", lambda x, levels: torch.stack([x > k / levels for k in range(levels, 0, -1)], 2).to(x.dtype).flatten(1, 2), "from the end"),
        ("another quantity", lambda x, levels: to_thermometer(x, levels) - F.pad(to_thermometer(x, levels).unflatten(1, (-1, levels))[:, :, 1:], (0, 0, 0, 0, 0, 1)).flatten(1, 2), "one-hot"),
        ("wrong axis", lambda x, levels: torch.stack([x > k / levels for k in range(1, levels + 1)], -1).to(x.dtype).reshape(len(x), -1, *x.shape[2:]), "last axis"),
        ("off by one", lambda x, levels: torch.stack([x > (k - 0.5) / levels for k in range(1, levels + 1)], 2).to(x.dtype).flatten(1, 2), "half a level"),
        ("hard-coded constant", lambda x, levels: torch.cat([to_thermometer(x[:, c : c + 1], levels) for c in range(3)], 1), "shape"),
        ("another quantity", code(lambda x, t: (x - t).clamp(0, 1)), "ramps"),
        ("wrong shape", lambda x, levels: torch.stack([x > k / levels for k in range(1, levels + 1)], 2).to(x.dtype), "shape"),
        ("hard-coded constant", lambda x, levels: to_thermometer(x, 7), "use the argument"),
        ("precision", lambda x, levels: to_thermometer(x, levels).bool(), "torch.bool"),
        ("precision", lambda x, levels: to_thermometer(x, levels).float(), "torch.float32"),
        ("batch of one only", lambda x, levels: to_thermometer(x[:1], levels).expand(len(x), -1, -1, -1), "is expected"),
        ("in place", in_place, "place"),
        ("stale", remembers(to_thermometer), "do not fit together"),
        ("no result", lambda x, levels: None, "returns nothing"),
        ("no result", lambda x, levels: to_thermometer(x, levels).numpy(), "numpy"),
        ("raises", lambda x, levels: x > torch.arange(levels), "size"),
        ("endless", never_ends, "seconds"),
    ),
    "bpda_gradient": (
        ("another quantity", bpda(value=lambda ahead, back, x: back(x)), "in the forward pass, too"),
        ("argument ignored", lambda n, ahead, back, x, y: gradient_of(total_loss, n, x, y), "without the defense"),
        ("argument ignored", bpda(back=lambda z: z), "through the identity"),
        ("another quantity", lambda n, ahead, back, x, y: gradient_of(total_loss, n, ahead(x.detach()), y), "must go through `back`"),
        ("raises", straight, "grad"),
        ("another quantity", bpda(value=lambda ahead, back, x: ahead(x) + back(x)), "added"),
        ("another quantity", bpda(value=lambda ahead, back, x: ahead(back(x))), "must see ahead(x)"),
        ("wrong sign", bpda(loss=lambda s, y: -total_loss(s, y)), "down the loss"),
        ("another quantity", bpda(loss=F.cross_entropy), "averaged over the batch"),
        ("another quantity", bpda(loss=lambda s, y: -own_score(s, y)), "differentiated instead"),
        ("another quantity", bpda(loss=lambda s, y: total_loss(s.softmax(1), y)), "softmax"),
        ("argument ignored", bpda(loss=lambda s, y: total_loss(s, s.argmax(1))), "prediction"),
        ("batch of one only", bpda(loss=lambda s, y: total_loss(s[:1], y[:1])), "first picture"),
        ("no absolute value", lambda *a: bpda_gradient(*a).sign(), "sign of the gradient"),
        ("attached", with_graph, "graph"),
        ("model changed", by_backward, "gradient"),
        ("model changed", training, "mode"),
        ("in place", shifts_x, "place"),
        ("stale", remembers(bpda_gradient), "could not use"),
        ("precision", lambda *a: bpda_gradient(*a).float(), "torch.float"),
        ("wrong shape", lambda *a: bpda_gradient(*a).sum(1), "shape"),
        ("no result", lambda *a: None, "returns nothing"),
    ),
    "draws_gradient": (
        ("off by one", draws(some=slice(1)), "first draw"),
        ("stale", draws(some=slice(-1, None)), "last draw"),
        ("another quantity", draws(combine=sum), "average them"),
        ("another quantity", of_mean_picture, "pictures are averaged"),
        ("another quantity", of_mean_scores, "scores are averaged"),
        ("another quantity", lambda *a: of_mean_scores(*a, soft=True), "probabilities are averaged"),
        ("argument ignored", lambda n, d, x, y: gradient_of(total_loss, n, x, y), "without the defense"),
        ("another quantity", chained, "is expected"),
        ("no absolute value", draws(combine=lambda g: sum(v.sign() for v in g) / len(g)), "signs are averaged"),
        ("no absolute value", lambda *a: draws_gradient(*a).sign(), "sign of the gradient"),
        ("wrong sign", draws(loss=lambda s, y: -total_loss(s, y)), "down the loss"),
        ("another quantity", draws(loss=F.cross_entropy), "averaged over the batch"),
        ("another quantity", draws(loss=lambda s, y: -own_score(s, y)), "differentiated instead"),
        ("argument ignored", draws(loss=lambda s, y: total_loss(s, s.argmax(1))), "prediction"),
        ("raises", lambda n, d, x, y: gradient_of(total_loss, lambda z: n(d[0](z)), x, y), "grad"),
        ("hard-coded constant", draws(combine=lambda g: sum(g) / 4), "is expected"),
        ("in place", shifts_x_too, "place"),
        ("in place", empties, "the list draws was changed"),
        ("argument ignored", lambda n, d, x, y: draws_gradient(n, d, x, n(x).argmax(1)), "own answers"),
        ("state changed", switched_off, "grad"),
        ("stale", remembers(draws_gradient), "earlier call"),
        ("precision", lambda *a: draws_gradient(*a).float(), "torch.float"),
        ("wrong shape", lambda *a: draws_gradient(*a)[0], "shape"),
        ("no result", lambda *a: None, "returns nothing"),
    ),
    "likeliest": (
        ("argument ignored", lambda s, x, v, e: v[s.argmax(-1)], "eps is not used"),
        ("no clip", lambda s, x, v, e: torch.minimum(torch.maximum(v[s.argmax(-1)], x - e), x + e), "pulled back"),
        ("another quantity", lambda s, x, v, e: v[(v - x[..., None]).abs().argmin(-1)], "nearest level"),
        ("another quantity", choose(lambda s, n, v: masked(s, n).argmax(-1)), "numbers of the levels"),
        ("wrong sign", choose(lambda s, n, v: v[masked(s, n, torch.inf).argmin(-1)]), "least likely"),
        ("wrong sign", choose(lambda s, n, v: v[masked(s, ~n).argmax(-1)]), "left out"),
        ("another quantity", choose(lambda s, n, v: v[(s * n).argmax(-1)]), "become 0"),
        ("hard-coded constant", choose(lambda s, n, v: v[masked(s, n, -1000.0).argmax(-1)]), "can still win"),
        ("hard-coded constant", choose(lambda s, n, v: v[masked(s, n, -1e9).argmax(-1)]), "can still win"),
        ("another quantity", choose(lambda s, n, v: v[masked(s, n, s.min().item()).argmax(-1)]), "draws level"),
        ("another quantity", lambda s, x, v, e: masked(s, reach(s, x, v, e)).argmax(-1).to(s.dtype) / (len(v) - 1), "`levels` is not used"),
        ("argument ignored", lambda s, x, v, e: likeliest(s, x, torch.linspace(0, 1, len(v)).to(v), e), "`levels` is not used"),
        ("off by one", lambda s, x, v, e: likeliest(s, x, v, 2 * e), "twice"),
        ("precision", choose(lambda s, n, v: v[(s.exp() * n).argmax(-1)]), "exp"),
        ("precision", choose(lambda s, n, v: v[(s.softmax(-1) * n).argmax(-1)]), "before any softmax"),
        ("off by one", lambda s, x, v, e: v[masked(s, (v - x[..., None]).abs() < e).argmax(-1)], "<= and not <"),
        ("no absolute value", lambda s, x, v, e: v[masked(s, v - x[..., None] <= e).argmax(-1)], "absolute value"),
        ("no absolute value", lambda s, x, v, e: v[masked(s, x[..., None] - v <= e).argmax(-1)], "absolute value"),
        ("another quantity", choose(lambda s, n, v: (masked(s, n).softmax(-1) * v).sum(-1)), "the mean"),
        ("hard-coded constant", lambda s, x, v, e: likeliest(s, x, v, 0.3), "eps"),
        ("batch of one only", one_for_all, "is expected"),
        ("wrong shape", lambda s, x, v, e: likeliest(s, x, v, e)[..., None], "shape"),
        ("wrong axis", lambda s, x, v, e: v[masked(s, reach(s, x, v, e)).argmax(0).clamp(max=len(v) - 1)], "shape"),
        ("in place", spoils_scores, "place"),
        ("precision", lambda s, x, v, e: likeliest(s, x, v, e).double(), "torch.float64"),
        ("stale", remembers(likeliest), "earlier call"),
        ("no result", lambda s, x, v, e: None, "returns nothing"),
        ("raises", lambda s, x, v, e: v[(v - x).abs() <= e], "size"),
        ("endless", never_ends, "seconds"),
    ),
    "found_by_chance": FOUND,
}
