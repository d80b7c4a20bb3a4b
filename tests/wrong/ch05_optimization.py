"""Wrong answers to the exercises of chapter 05: kind of mistake, answer, words that its message must hold."""

import torch
import torch.nn.functional as F

from course_utils.checks.ch05_optimization import climb, octave_sizes, price, soften
from course_utils.checking.slips import gradient_of, own_score

seen: dict = {}  # what a stale answer leaves over


def mean_size(g):
    return g.abs().mean((1, 2, 3), keepdim=True)


def step(value=own_score, sign=1, size=mean_size):
    """A step along the gradient of another value, over another size."""

    def answer(model, x, y, rate):
        g = gradient_of(value, model, x, y)
        return (x + sign * rate * g / size(g)).clamp(0, 1).detach()

    return answer


def free(model, x, y, rate):
    g = gradient_of(own_score, model, x, y)
    return x.detach() + rate * g / mean_size(g)


def in_place(model, x, y, rate):
    g = gradient_of(own_score, model, x, y)
    with torch.no_grad():
        return x.add_(rate * g / mean_size(g)).clamp_(0, 1)


def leaves_gradients(model, x, y, rate):
    z = x.detach().clone().requires_grad_()
    own_score(model(z), y).sum().backward()
    return (z + rate * z.grad / mean_size(z.grad)).clamp(0, 1).detach()


def attached(model, x, y, rate):
    return climb(model, x, y, rate) + 0 * x.detach().clone().requires_grad_()


def stale(model, x, y, rate):
    key = x.shape, x.dtype
    seen[key] = seen.get(key, 0) + gradient_of(own_score, model, x, y)
    return (x + rate * seen[key] / mean_size(seen[key])).clamp(0, 1).detach()


def without_copy(model, x, y, rate):
    (g,) = torch.autograd.grad(own_score(model(x), y).sum(), x)
    return (x + rate * g / mean_size(g)).clamp(0, 1).detach()


def trains(model, x, y, rate):
    model.train()
    return climb(model, x, y, rate)


def numb(model, x, y, rate):
    climb(model, x, y, rate)


def edits_price(x, centre, weight):
    return weight * x.sub_(centre).square().flatten(1).sum(1)


def edits_picture(x):
    return x.copy_(soften(x))


def padded(mode):
    """The blur with another border."""

    def answer(x):
        wide = F.pad(x, (1, 1, 1, 1), mode=mode)
        across = wide[..., :-2] / 4 + wide[..., 1:-1] / 2 + wide[..., 2:] / 4
        return across[:, :, :-2] / 4 + across[:, :, 1:-1] / 2 + across[:, :, 2:] / 4

    return answer


def rolled(x):
    for axis in (2, 3):
        x = x / 2 + x.roll(1, axis) / 4 + x.roll(-1, axis) / 4
    return x


def smaller(x):
    across = x[..., :-2] / 4 + x[..., 1:-1] / 2 + x[..., 2:] / 4
    return across[:, :, :-2] / 4 + across[:, :, 1:-1] / 2 + across[:, :, 2:] / 4


def one_way(x):
    wide = F.pad(x, (1, 1, 0, 0), mode="replicate")
    return wide[..., :-2] / 4 + wide[..., 1:-1] / 2 + wide[..., 2:] / 4


def average(x):
    return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)


def mixed(x):
    return soften(x).mean(1, keepdim=True).expand_as(x)


def at_once(share, x):
    wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return x / 2 + share * (wide[:, :, 1:-1, :-2] + wide[:, :, 1:-1, 2:] + wide[:, :, :-2, 1:-1] + wide[:, :, 2:, 1:-1])


def border_kept(x):
    for axis in (2, 3):
        inner = x.narrow(axis, 1, x.shape[axis] - 2)
        mixed = inner / 2 + x.narrow(axis, 0, x.shape[axis] - 2) / 4 + x.narrow(axis, 2, x.shape[axis] - 2) / 4
        x = torch.cat([x.narrow(axis, 0, 1), mixed, x.narrow(axis, x.shape[axis] - 1, 1)], axis)
    return x


def one_kernel_for_all_colours(x):
    kernel = torch.tensor([[1, 2, 1], [2, 4, 2], [1, 2, 1]]).to(x) / 16
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernel.expand(x.shape[1], x.shape[1], 3, 3))


def three_colours_always(x):
    kernel = torch.tensor([[1, 2, 1], [2, 4, 2], [1, 2, 1]]).to(x) / 16
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernel.expand(3, 1, 3, 3), groups=3)


def from_the_last(side, n, r):
    sizes = [side]
    while len(sizes) < n:
        sizes.insert(0, round(sizes[0] / r))
    return tuple(sizes)


def octaves(side_of, count=range):
    return lambda side, n, r: tuple(side_of(side, r, k) for k in reversed(count(n)))


WRONG = {
    "climb": (
        ("wrong sign", step(sign=-1), "the step goes down the score"),
        ("another quantity", step(lambda s, y: F.cross_entropy(s, y, reduction="sum")), "the loss is differentiated"),
        ("another quantity", step(lambda s, y: own_score(s.softmax(1), y)), "the probability is differentiated"),
        ("argument ignored", step(lambda s, y: s.amax(1)), "the model's own prediction is used"),
        ("another quantity", step(size=lambda g: g.flatten(1).norm(dim=1)[:, None, None, None]), "divided by its length"),
        ("another quantity", step(size=lambda g: g.abs().amax((1, 2, 3), keepdim=True)), "divided by its largest size"),
        ("another quantity", step(size=lambda g: 1), "is not divided by its size"),
        ("no absolute value", step(size=lambda g: g.mean((1, 2, 3), keepdim=True)), "has signs that cancel"),
        ("batch of one only", step(size=lambda g: g.abs().mean()), "over the whole batch"),
        ("batch of one only", step(lambda s, y: own_score(s, y)[:1]), "first picture"),
        ("wrong axis", step(size=lambda g: g.abs().mean(1, keepdim=True)), "over the colours alone"),
        ("wrong axis", step(size=lambda g: g.abs().mean((2, 3), keepdim=True)), "each colour is divided by a mean of its own"),
        ("wrong axis", step(lambda s, y: s[:, y]), "takes the columns y of every row"),
        ("wrong axis", step(lambda s, y: s), "scores of all classes are added up"),
        ("hard-coded constant", lambda m, x, y, r: climb(m, x, y, 0.06), "0.06 whatever is asked for"),
        ("no clip", free, "clip after the step"),
        ("hard-coded constant", lambda m, x, y, r: climb(m, x, y, 0.0973), "use the argument `rate`"),
        ("in place", in_place, "x"),
        ("model changed", leaves_gradients, "grad"),
        ("model changed", trains, "mode"),
        ("attached", attached, "carries the graph"),
        ("stale", stale, "left over"),
        ("raises", without_copy, "grad"),
        ("no result", numb, "returns nothing"),
        ("precision", lambda m, x, y, r: climb(m, x, y, r).float(), "torch.float32"),
    ),
    "price": (
        ("argument ignored", lambda x, c, w: price(x, 0.0, w), "counted from black"),
        ("argument ignored", lambda x, c, w: price(x, c, 1.0), "weight is not used"),
        ("hard-coded constant", lambda x, c, w: price(x, 0.4, w), "use the argument `centre`"),
        ("hard-coded constant", lambda x, c, w: price(x, c, 0.3), "use the argument `weight`"),
        ("another quantity", lambda x, c, w: w * price(x, c, 1.0).sqrt(), "this is the norm"),
        ("another quantity", lambda x, c, w: w * (x - c).square().mean((1, 2, 3)), "mean of the squares"),
        ("another quantity", lambda x, c, w: w * (x - c).abs().sum((1, 2, 3)), "absolute values"),
        ("wrong shape", lambda x, c, w: price(x, c, w).sum(), "one price for the whole batch"),
        ("wrong axis", lambda x, c, w: w * (x - c).square().sum(1), "shape"),
        ("wrong sign", lambda x, c, w: -price(x, c, w), "the sign is wrong"),
        ("attached", lambda x, c, w: price(x.detach(), c, w), "no gradient passes from the price to x"),
        ("attached", lambda x, c, w: w * ((x.detach() - c) * (x - c)).sum((1, 2, 3)), "a part of the price is cut off"),
        ("hard-coded constant", lambda x, c, w: price(x, 0.5, w), "the centre is 0.5 whatever"),
        ("another quantity", lambda x, c, w: w * (x - c).sum((1, 2, 3)) ** 2, "the sum is squared"),
        ("in place", edits_price, "x"),
        ("no result", lambda x, c, w: price(x, c, w).tolist(), "list"),
        ("precision", lambda x, c, w: price(x.float(), c, w), "torch.float32"),
    ),
    "soften": (
        ("no clip", padded("constant"), "everything is black"),
        ("no clip", padded("reflect"), "mirrored"),
        ("no clip", rolled, "opposite border"),
        ("wrong axis", one_way, "above and below"),
        ("wrong axis", lambda x: one_way(x.transpose(2, 3)).transpose(2, 3), "left and right"),
        ("wrong axis", lambda x: soften(x).transpose(2, 3).contiguous().reshape(x.shape), "softened pictures"),
        ("another quantity", average, "weigh a third"),
        ("another quantity", mixed, "colours are mixed"),
        ("another quantity", lambda x: 4 * soften(x), "add up to 2"),
        ("another quantity", lambda x: 16 * soften(x), "add up to 4"),
        ("another quantity", lambda x: at_once(1 / 8, x), "the corners are left out"),
        ("another quantity", lambda x: at_once(1 / 4, x), "add up to 3/2"),
        ("another quantity", border_kept, "the outermost pixels stay as they were"),
        ("another quantity", one_kernel_for_all_colours, "colours are added up"),
        ("raises", three_colours_always, "a number of colours fixed"),
        ("off by one", lambda x: soften(soften(x)), "softened twice"),
        ("wrong shape", smaller, "shape"),
        ("in place", edits_picture, "x"),
        ("batch of one only", lambda x: soften(x[:1]).expand_as(x), "softened pictures"),
        ("no result", lambda x: None, "returns nothing"),
        ("precision", lambda x: soften(x.float()), "torch.float32"),
    ),
    "octave_sizes": (
        ("wrong axis", lambda *a: octave_sizes(*a)[::-1], "largest comes first"),
        ("off by one", octaves(lambda side, r, k: round(side / r ** (k + 1))), "last octave is too small"),
        ("wrong sign", octaves(lambda side, r, k: round(side * r**k)), "grow beyond the picture"),
        ("off by one", octaves(lambda side, r, k: int(side / r**k)), "cut off"),
        ("off by one", octaves(lambda side, r, k: -int(-side // r**k)), "rounded up"),
        ("off by one", octaves(lambda side, r, k: int(side / r**k + 0.5)), "the even neighbour"),
        ("off by one", from_the_last, "rounded already"),
        ("no result", lambda *a: list(octave_sizes(*a)), "tuple(...) makes a tuple of it"),
        ("precision", octaves(lambda side, r, k: side / r**k), "whole numbers"),
        ("hard-coded constant", octaves(lambda side, r, k: round(side / 1.4**k)), "use the argument `ratio`"),
        ("argument ignored", lambda side, n, r: octave_sizes(52, n, r), "use the argument `side`"),
        ("another quantity", octaves(lambda side, r, k: round(side / (1 + k * (r - 1)))), "it multiplies"),
        ("another quantity", octaves(lambda side, r, k: round(side / r)), "same size"),
        ("off by one", octaves(lambda side, r, k: round(side / r**k), lambda n: range(n + 1)), "things"),
        ("no result", lambda side, n, r: None, "returns nothing"),
        ("wrong shape", lambda *a: octave_sizes(*a)[-1], "things"),
        ("raises", lambda side, n, r: round(side / r**r), "things"),
    ),
}
