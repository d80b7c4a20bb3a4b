"""Wrong answers to the exercises of chapter 19: kind of mistake, answer, words that its message must hold."""

import torch
import torch.nn.functional as F

from course_utils.checks.ch19_distillation import best_other, distilled, margin_fgsm, soft_loss, softened, vanished
from course_utils.checking.slips import gradient_of, own_score, total_loss

seen: dict = {}  # what a stale answer leaves over


def own(s, y):
    return own_score(s, y)[:, 0]


def in_place(scores, temperature):
    scores /= temperature
    return scores.softmax(1)


def remembers(f):
    def stale(*a):
        first = next(v for v in a if isinstance(v, torch.Tensor) and v.is_floating_point())
        key = (f.__name__, first.shape, first.dtype)
        seen[key] = seen.get(key, 0) + f(*a)
        return seen[key]

    return stale


def switched_off(scores, soft, temperature):
    torch.set_grad_enabled(False)
    return soft_loss(scores, soft, temperature)


def never_ends(*_):
    while True:
        pass


def lesson(first=None, labels=None, second=None, last=1.0, rule=lambda soft: soft, pictures=None):
    """The defense with other temperatures (None: T), or with a rule for the soft labels."""

    def answer(train, x, y, temperature, new):
        with torch.no_grad():
            soft = rule(softened(train(x, y, first or temperature)(x), labels or temperature))
            return softened(train(x, soft, second or temperature)(new), last or temperature)

    return answer


def carries_the_graph(train, x, y, temperature, new):
    soft = softened(train(x, y, temperature)(x), temperature)
    return softened(train(x, soft, temperature)(new), 1.0)


def attached(train, x, y, temperature, new):
    soft = softened(train(x, y, temperature)(x), temperature).detach()
    return softened(train(x, soft, temperature)(new), 1.0)


def learns_twice(train, x, y, temperature, new):
    with torch.no_grad():
        soft = softened(train(x, y, temperature)(x), temperature)
        soft = softened(train(x, soft, temperature)(x), temperature)
        return softened(train(x, soft, temperature)(new), 1.0)


def zeros(rule, value=total_loss):
    return lambda model, x, y: rule(gradient_of(value, model, x, y), x)


def share(mask, x):
    return mask.flatten(1).to(x.dtype).mean(1)


def asks_x(model, x, y):
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(total_loss(model(x), y), x)
    return share(gradient == 0, x.detach())


def trains(model, x, y):
    model.train()
    return vanished(model, x, y)


def by_backward(model, x, y):
    x = x.detach().clone().requires_grad_()
    F.cross_entropy(model(x), y).backward()
    return share(x.grad == 0, x.detach())


def step(value):
    return lambda model, x, y, eps: (x.detach() + eps * gradient_of(value, model, x, y).sign()).clamp(0, 1)


def margin(s, y):
    return best_other(s, y) - own(s, y)


def moves_x(model, x, y, eps):
    x += eps * gradient_of(margin, model, x, y).sign()
    return x.clamp_(0, 1)


def with_graph(model, x, y, eps):
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(margin(model(x), y).sum(), x)
    return (x + eps * gradient.sign()).clamp(0, 1)


WRONG = {
    "softened": (
        ("another quantity", lambda s, t: torch.softmax(s / t, 1), "overflows"),
        ("another quantity", lambda s, t: (s / t).exp() / (s / t).exp().sum(1, keepdim=True), "overflow"),
        ("wrong sign", lambda s, t: ((s.amin(1, keepdim=True) - s) / t).softmax(1), "is expected"),
        ("another quantity", lambda s, t: ((s - s.amax(1, keepdim=True)) * t).softmax(1), "multiplied"),
        ("argument ignored", lambda s, t: s.softmax(1), "T is not used"),
        ("hard-coded constant", lambda s, t: softened(s, 2.5), "use the argument"),
        ("wrong axis", lambda s, t: ((s - s.amax(1, keepdim=True)) / t).softmax(0), "axis 0"),
        ("wrong axis", lambda s, t: ((s - s.amax()) / t).softmax(1), "each row has its own"),
        ("another quantity", lambda s, t: softened(s, t).log(), "logarithms"),
        ("another quantity", lambda s, t: ((s - s.amax(1, keepdim=True)) / t).exp(), "divided by their sum"),
        ("another quantity", lambda s, t: F.one_hot(s.argmax(1), s.shape[1]).to(s), "limit for T to 0"),
        ("another quantity", lambda s, t: softened(s, t).softmax(1), "taken twice"),
        ("hard-coded constant", lambda s, t: softened(s, max(t, 1e-6)), "tiny"),
        ("wrong shape", lambda s, t: softened(s, t).amax(1), "shape"),
        ("in place", in_place, "place"),
        ("precision", lambda s, t: softened(s, t).float(), "torch.float"),
        ("stale", remembers(softened), "earlier call"),
        ("no result", lambda s, t: None, "returns nothing"),
        ("no result", lambda s, t: softened(s, t).tolist(), "list"),
        ("raises", lambda s, t: s.softmax(7), "Dimension"),
        ("endless", never_ends, "seconds"),
    ),
    "soft_loss": (
        ("argument ignored", lambda s, q, t: F.cross_entropy(s, q), "T is not used"),
        ("another quantity", lambda s, q, t: F.cross_entropy(s / t, q.argmax(1)), "hard labels"),
        ("another quantity", lambda s, q, t: F.cross_entropy(s / t, softened(q, t)), "not softened again"),
        ("wrong shape", lambda s, q, t: -(q * (s / t).log_softmax(1)).sum(1), "one loss for each picture"),
        ("another quantity", lambda s, q, t: F.cross_entropy(s / t, q, reduction="sum"), "average over the batch"),
        ("another quantity", lambda s, q, t: -(q * (s / t).log_softmax(1)).mean(), "over the classes, too"),
        ("wrong sign", lambda s, q, t: -soft_loss(s, q, t), "minus"),
        ("wrong axis", lambda s, q, t: -(q * (s / t).log_softmax(0)).sum(1).mean(), "axis 0"),
        ("another quantity", lambda s, q, t: F.cross_entropy((s / t).softmax(1), q), "taken twice"),
        ("another quantity", lambda s, q, t: F.kl_div((s / t).log_softmax(1), q, reduction="batchmean"), "divergence"),
        ("another quantity", lambda s, q, t: t**2 * F.cross_entropy(s / t, q), "T squared"),
        ("another quantity", lambda s, q, t: t * F.cross_entropy(s / t, q), "multiplied by T"),
        ("another quantity", lambda s, q, t: (softened(s, t) - q).square().sum(1).mean(), "squared differences"),
        ("another quantity", lambda s, q, t: -(q * softened(s, t)).sum(1).mean(), "logarithm is missing"),
        ("another quantity", lambda s, q, t: -(q * softened(s, t).log()).sum(1).mean(), "log_softmax"),
        ("hard-coded constant", lambda s, q, t: F.cross_entropy(s / 3, q), "use the argument"),
        ("attached", lambda s, q, t: soft_loss(s, q, t).detach(), "no gradient"),
        ("attached", lambda s, q, t: soft_loss(s.detach(), q, t), "no gradient"),
        ("state changed", switched_off, "gradients"),
        ("batch of one only", lambda s, q, t: F.cross_entropy(s[:1] / t, q[:1]), "is expected"),
        ("in place", lambda s, q, t: F.cross_entropy(s.div_(t), q), "place"),
        ("precision", lambda s, q, t: soft_loss(s.float(), q.float(), t), "torch.float"),
        ("no result", lambda s, q, t: print(end=""), "returns nothing"),
    ),
    "distilled": (
        ("another quantity", lesson(last=None), "testing is at temperature 1"),
        ("another quantity", lesson(rule=lambda soft: soft.argmax(1)), "hard labels"),
        ("another quantity", lesson(rule=lambda soft: F.one_hot(soft.argmax(1), 4).to(soft)), "hard labels"),
        ("another quantity", lesson(first=1.0), "one of the two trainings only"),
        ("another quantity", lesson(second=1.0), "one of the two trainings only"),
        ("another quantity", lesson(labels=1.0), "take them at T"),
        ("argument ignored", lesson(first=1.0, labels=1.0, second=1.0), "T is not used"),
        ("another quantity", lesson(first=1.0, labels=1.0), "student's training only"),
        ("another quantity", lesson(labels=1.0, second=1.0), "teacher's training only"),
        ("another quantity", lambda f, x, y, t, n: softened(f(x, y, t)(n), 1.0).detach(), "this is the teacher"),
        ("hard-coded constant", lambda f, x, y, t, n: distilled(f, x, y, 3.0, n), "use the argument"),
        ("argument ignored", lambda f, x, y, t, n: distilled(f, x, y, t, x[: len(n)]), "new pictures"),
        ("another quantity", lambda *a: distilled(*a).softmax(1), "taken twice"),
        ("wrong shape", lambda f, x, y, t, n: distilled(f, x, y, t, n).argmax(1), "shape"),
        ("off by one", learns_twice, "is expected"),
        ("attached", carries_the_graph, "teacher's graph"),
        ("attached", attached, "graph"),
        ("stale", remembers(distilled), "earlier call"),
        ("precision", lambda f, x, y, t, n: distilled(f, x, y, t, n).float(), "torch.float"),
        ("no result", lambda *a: None, "returns nothing"),
        ("raises", lambda f, x, y, t, n: f(x, y), "argument"),
    ),
    "vanished": (
        ("wrong sign", zeros(lambda g, x: share(g != 0, x)), "that are left"),
        ("another quantity", zeros(lambda g, x: share(g.abs() < 1e-6, x)), "tiny gradients"),
        ("another quantity", zeros(lambda g, x: share(g.abs() < 1e-30, x)), "tiny gradients"),
        ("another quantity", zeros(lambda g, x: (g == 0).flatten(1).sum(1).to(x.dtype)), "number of pixels"),
        ("another quantity", zeros(lambda g, x: (g == 0).flatten(1).all(1).to(x.dtype)), "share of its pixels"),
        ("wrong shape", zeros(lambda g, x: (g == 0).to(x.dtype).mean()), "one for each picture"),
        ("batch of one only", zeros(lambda g, x: (g == 0).to(x.dtype).mean().expand(len(x))), "each picture has its own"),
        ("no absolute value", zeros(lambda g, x: share(g <= 0, x)), "below 0"),
        ("another quantity", zeros(lambda g, x: share(x == 0, x)), "black pixels"),
        ("another quantity", zeros(lambda g, x: share(g == 0, x), lambda s, y: own(s, y)), "does not vanish"),
        ("another quantity", zeros(lambda g, x: share(g == 0, x), lambda s, y: -own(s.softmax(1), y).log().sum()), "nan"),
        ("argument ignored", lambda m, x, y: vanished(m, x, m(x).argmax(1)), "own answer"),
        ("wrong shape", zeros(lambda g, x: (g == 0).to(x.dtype).mean(1)), "shape"),
        ("in place", asks_x, "gradient"),
        ("model changed", trains, "mode"),
        ("stale", remembers(vanished), "earlier call"),
        ("precision", lambda m, x, y: vanished(m, x, y).double(), "torch.float"),
        ("no result", lambda m, x, y: vanished(m, x, y).numpy(), "numpy"),
        ("model changed", by_backward, "gradient"),
        ("raises", lambda m, x, y: m(x, y), "argument"),
    ),
    "margin_fgsm": (
        ("another quantity", step(total_loss), "cross-entropy"),
        ("wrong sign", step(lambda s, y: own(s, y) - best_other(s, y)), "wrong way"),
        ("wrong sign", step(lambda s, y: best_other(s, y) + own(s, y)), "added"),
        ("another quantity", step(lambda s, y: -own(s, y)), "only y's logit"),
        ("another quantity", step(best_other), "only the best other"),
        ("another quantity", step(lambda s, y: s.amax(1) - own(s, y)), "leave y out"),
        ("no absolute value", step(lambda s, y: margin(s, y).relu()), "cut off at 0"),
        ("another quantity", step(lambda s, y: margin(s.softmax(1), y)), "probabilities"),
        ("another quantity", step(lambda s, y: s.scatter(1, y[:, None], 0.0).amax(1) - own(s, y)), "use -torch.inf"),
        ("hard-coded constant", step(lambda s, y: s.scatter(1, y[:, None], -1e3).amax(1) - own(s, y)), "a number that wins"),
        ("another quantity", step(lambda s, y: s.topk(2, 1).values[:, 1] - own(s, y)), "second largest"),
        ("argument ignored", step(lambda s, y: margin(s, s.argmax(1))), "own answer"),
        ("hard-coded constant", lambda m, x, y, e: margin_fgsm(m, x, y, 0.0973), "use the argument"),
        ("no clip", lambda m, x, y, e: x + e * gradient_of(margin, m, x, y).sign(), "[0, 1]"),
        ("batch of one only", step(lambda s, y: margin(s[:1], y[:1])), "only the first"),
        ("another quantity", lambda m, x, y, e: (x + e * gradient_of(margin, m, x, y)).clamp(0, 1), "take its sign"),
        ("attached", with_graph, "graph"),
        ("in place", moves_x, "place"),
        ("wrong shape", lambda m, x, y, e: margin_fgsm(m, x, y, e)[:1], "shape"),
        ("precision", lambda m, x, y, e: margin_fgsm(m, x, y, e).float(), "torch.float"),
        ("no result", lambda m, x, y, e: None, "returns nothing"),
    ),
}
