"""The exercises of chapter 19: softmax at a temperature, the loss with soft labels, the two trainings, vanished gradients, the repair."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..attacks.common import input_gradient
from ..attacks.margins import lead
from ..checking import ATTACK, PICTURES, TENSORS, Exercise, expect_budget, expect_inside, slips
from ..checking.battery import ONE_PICTURE
from ..checking.teaching import at_rows, batches, lessons, margins, rows, sure_ones, taught, trains
from ..defenses import distillation
from ..runtime import frozen


def softened(scores: Tensor, temperature: float) -> Tensor:
    """softmax(z / T) of each row."""
    return distillation.softened(scores, temperature)


def soft_loss(scores: Tensor, soft: Tensor, temperature: float) -> Tensor:
    """The mean over the batch of -sum_k soft_k log softmax(z / T)_k."""
    return F.cross_entropy(scores / temperature, soft)


def distilled(train: Callable, x: Tensor, y: Tensor, temperature: float, new: Tensor) -> Tensor:
    """What the student, trained at T on the soft labels at T of a teacher that was trained at T, says of new pictures at T = 1."""
    with torch.no_grad():
        soft = softened(train(x, y, temperature)(x), temperature)
        return softened(train(x, soft, temperature)(new), 1.0)


def vanished(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """For each picture the share of its pixels for which the loss has a gradient of exactly 0: [N]."""
    with frozen(model):
        return (input_gradient(model, x, y) == 0).flatten(1).to(x.dtype).mean(1)


def margin_fgsm(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """x + eps * sign(d(max_{i != y} Z_i - Z_y)/dx), clipped to [0, 1]."""
    return stepped(lambda s, y: lead(s, y, False), model, x, y, eps)


log = partial(F.log_softmax, dim=1)


def zeros(rule: Callable[[Tensor, Tensor], Tensor], value: Callable = slips.total_loss) -> Callable:
    """A wrong count: `rule` of the gradient and of x."""
    return lambda model, x, y: rule(slips.gradient_of(value, model, x, y), x)


def share(mask: Tensor, x: Tensor) -> Tensor:
    return mask.flatten(1).to(x.dtype).mean(1)


def stepped(value: Callable, model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    with frozen(model):
        return (x.detach() + eps * slips.gradient_of(value, model, x, y).sign()).clamp(0, 1)


def step(value: Callable) -> Callable:
    return partial(stepped, value)


def best_other(scores: Tensor, y: Tensor) -> Tensor:
    return scores.scatter(1, y[:, None], -torch.inf).amax(1)


EXERCISES = (
    Exercise("softened", softened, rows, battery=(ONE_PICTURE, *TENSORS), difficulty=1, minutes=8, what="the probabilities", hints=(
        "exp(1000) is infinite, and infinity by infinity is no number. What may be taken off all logits of a row without a change of the result?",
        "Take off each row's largest logit before you divide: z - z.amax(1, keepdim=True). Then the largest exponent is 0, whatever T is.",
        "((scores - scores.amax(1, keepdim=True)) / temperature).softmax(1).",
    ), mistakes=(
        (lambda s, t: (s / t).softmax(1), "where T is tiny, z / T overflows. Take off each row's largest logit first: then the largest exponent is 0."),
        (lambda s, t: (s / t).exp() / (s / t).exp().sum(1, keepdim=True), "the exponentials overflow. Take off each row's largest logit first: then the largest exponent is 0."),
        (at_rows(lambda s, t: (s / max(t, 1e-12)).softmax(1)), "T is kept from becoming tiny; divide by the T that is given."),
        (at_rows(lambda s, t: (s * t).softmax(1)), "the logits are multiplied by T; divide by it."),
        (at_rows(lambda s, t: s.softmax(1)), "T is not used."),
        (at_rows(lambda s, t: s.softmax(1) / t), "the probabilities are divided by T and no longer add up to 1; divide the logits."),
        (at_rows(lambda s, t: (s / t).softmax(0)), "the softmax runs over the batch (axis 0); each row is one picture: axis 1."),
        (at_rows(lambda s, t: (s / t).log_softmax(1)), "these are the logarithms of the probabilities."),
        (at_rows(lambda s, t: (s / t).exp()), "the exponentials are not divided by their sum."),
        (at_rows(lambda s, t: F.one_hot(s.argmax(1), s.shape[1]).to(s)), "this is the limit for T to 0; T is given."),
        (at_rows(lambda s, t: (s / t**2).softmax(1)), "the logits are divided by T twice."),
        (at_rows(lambda s, t: (s / t).sigmoid()), "sigmoid treats each class alone; the probabilities of a row must add up to 1."),
        (lambda s, t: ((s - s.amax()) / t).softmax(1), "the largest logit of the whole batch is taken off; each row has its own."),
        (at_rows(lambda s, t: (s / t).softmax(1).softmax(1)), "the softmax is taken twice."),
    )),
    Exercise("soft_loss", soft_loss, batches, battery=TENSORS, difficulty=2, minutes=8, what="the loss", also=trains, hints=(
        "With a class, the cross-entropy is -log p of that class. With a probability for each class, it is the mean of -log p_k with these as weights.",
        "(scores / temperature).log_softmax(1) gives all the logarithms without an overflow. Weigh with soft, add up over the classes, average over the batch.",
        "-(soft * (scores / temperature).log_softmax(1)).sum(1).mean().",
    ), mistakes=(
        (lambda s, q, t: F.cross_entropy(s, q), "T is not used: the student must be trained at the temperature of its labels."),
        (lambda s, q, t: F.cross_entropy(s / t, q.argmax(1)), "hard labels: only the largest entry of soft is used."),
        (lambda s, q, t: F.cross_entropy(s / t, softened(q, t)), "soft holds probabilities already; they are not softened again."),
        (lambda s, q, t: F.cross_entropy(s / t, q, reduction="sum"), "the losses are added up; average over the batch."),
        (lambda s, q, t: -(q * log(s / t)).mean(), "the mean is taken over the classes, too; add up over the classes, and average over the batch."),
        (lambda s, q, t: -(q * log(s / t)).sum(1), "one loss for each picture; average over the batch."),
        (lambda s, q, t: (q * log(s / t)).sum(1).mean(), "the minus is missing."),
        (lambda s, q, t: F.kl_div(log(s / t), q, reduction="batchmean"), "this is the divergence, which is smaller by the labels' own entropy; take the cross-entropy."),
        (lambda s, q, t: t * F.cross_entropy(s / t, q), "the loss is multiplied by T."),
        (lambda s, q, t: t**2 * F.cross_entropy(s / t, q), "the loss is multiplied by T squared, as for distilling into small networks; here it is not."),
        (lambda s, q, t: F.cross_entropy(s, q) / t, "the loss is divided by T; divide the logits."),
        (lambda s, q, t: F.cross_entropy(s * t, q), "the logits are multiplied by T; divide by it."),
        (lambda s, q, t: (softened(s, t) - q).square().sum(1).mean(), "these are squared differences; take the cross-entropy."),
        (lambda s, q, t: -(softened(s, t) * q.clamp_min(1e-12).log()).sum(1).mean(), "the two change places: the logarithm is that of the student's probabilities, and soft are the weights."),
        (lambda s, q, t: -(q * softened(s, t)).sum(1).mean(), "the logarithm is missing."),
        (lambda s, q, t: F.cross_entropy(softened(s, t), q), "the softmax is taken twice: F.cross_entropy takes it itself; give it scores / temperature."),
        (lambda s, q, t: -(q * F.log_softmax(s / t, 0)).sum(1).mean(), "the softmax runs over the batch (axis 0); each row is one picture: axis 1."),
        (lambda s, q, t: -(q * softened(s, t).log()).sum(1).mean(), "the logarithm of a probability that has become 0 is minus infinity; use log_softmax."),
        (lambda s, q, t: -(q * (softened(s, t) + 1e-8).log()).sum(1).mean(), "a small number under the logarithm keeps it finite, but not right; use log_softmax."),
    )),
    Exercise("distilled", distilled, lessons, battery=TENSORS, difficulty=2, minutes=12, what="the student's probabilities", tol=1e-4, hints=(
        "Four lines, in the order of the four steps above. At which temperature is each?",
        "train(x, y, temperature) is the teacher; its soft labels are softened(teacher(x), temperature); train(x, soft, temperature) is the student.",
        "Under torch.no_grad(): soft = softened(train(x, y, temperature)(x), temperature); return softened(train(x, soft, temperature)(new), 1.0).",
    ), mistakes=(
        (taught(last=0), "the student is tested at T; testing is at temperature 1."),
        (taught(rule=lambda soft: soft.argmax(1)), "hard labels: the student must learn the teacher's probabilities, not its classes."),
        (taught(rule=lambda soft: F.one_hot(soft.argmax(1), 4).to(soft)), "hard labels: the student must learn the teacher's probabilities, not its classes."),
        (taught(first=1.0), "the teacher is trained at temperature 1, T is in one of the two trainings only; it belongs into both."),
        (taught(second=1.0), "the student is trained at temperature 1, T is in one of the two trainings only; it belongs into both."),
        (taught(labels=1.0), "the soft labels are those at temperature 1; take them at T."),
        (taught(first=1.0, labels=1.0), "T is in the student's training only; teacher and soft labels need it, too."),
        (taught(labels=1.0, second=1.0), "T is in the teacher's training only; soft labels and student need it, too."),
        (taught(first=1.0, labels=1.0, second=1.0), "T is not used."),
        (lambda f, x, y, t, new: softened(f(x, y, t)(new), 1.0).detach(), "this is the teacher; the student is the defended network."),
        (lambda f, x, y, t, new: softened(f(new, softened(f(x, y, t)(new), t).detach(), t)(new), 1.0).detach(), "the student learns from the new pictures; it learns from x."),
        (lambda f, x, y, t, new: f(x, softened(f(x, y, t)(x), t).detach(), t)(new).detach(), "these are the student's logits; give its probabilities at temperature 1."),
        (lambda f, x, y, t, new: softened(f(x, softened(f(x, y, t)(x), t).detach(), t)(x[: len(new)]), 1.0).detach(), "the answer is about x; the new pictures are asked about."),
        (lambda f, x, y, t, new: softened(f(x, f(x, y, t)(x).detach(), t)(new), 1.0).detach(), "the student is given logits for labels; soft labels are probabilities."),
        (lambda f, x, y, t, new: taught()(f, x, y, t, new).softmax(1), "the softmax is taken twice."),
    )),
    Exercise("vanished", vanished, sure_ones, battery=PICTURES, difficulty=2, minutes=10, what="the shares", hints=(
        "Which gradient? That of the loss for the pictures, as in FGSM. Then compare with 0, exactly, and average.",
        "F.cross_entropy(model(x), y, reduction='sum'), torch.autograd.grad, then (gradient == 0).flatten(1).",
        "(gradient == 0).flatten(1).to(x.dtype).mean(1): [N], the share of each picture.",
    ), mistakes=(
        (zeros(lambda g, x: share(g != 0, x)), "these are the gradients that are left; count those that are exactly 0."),
        (zeros(lambda g, x: share(g.abs() < 1e-8, x)), "tiny gradients are counted, too; a sign has even the tiniest one. Compare with 0 exactly."),
        (zeros(lambda g, x: share(g.abs() < 1e-30, x)), "tiny gradients are counted, too; a sign has even the tiniest one. Compare with 0 exactly."),
        (zeros(lambda g, x: (g == 0).flatten(1).sum(1).to(x.dtype)), "this is a number of pixels; give the share of each picture."),
        (zeros(lambda g, x: (g == 0).flatten(1).all(1).to(x.dtype)), "a picture counts only if all its pixels have none; give the share of its pixels."),
        (zeros(lambda g, x: (g == 0).to(x.dtype).mean().expand(len(x))), "one share for the whole batch; each picture has its own."),
        (zeros(lambda g, x: (g == 0).to(x.dtype).mean()), "one share for the whole batch; give one for each picture, [N]."),
        (zeros(lambda g, x: share(g <= 0, x)), "gradients below 0 are counted, too."),
        (zeros(lambda g, x: share(x == 0, x)), "black pixels are counted; the gradient is asked for."),
        (zeros(lambda g, x: share(g == 0, x), lambda s, y: -slips.own_score(s, y)), "this gradient does not vanish: it is that of a logit, or of divided logits; take that of the loss, of the network as it is."),
        (zeros(lambda g, x: share(g == 0, x), lambda s, y: slips.own_score(s.softmax(1), y)), "this is the gradient of the probability; take that of the loss, its negative logarithm."),
        (zeros(lambda g, x: share(g == 0, x), lambda s, y: slips.total_loss(s, s.argmax(1))), "the network's own answer is taken for y, or a softmax comes before F.cross_entropy."),
        (zeros(lambda g, x: share(g == 0, x), lambda s, y: slips.total_loss(s.softmax(1), y)), "the network's own answer is taken for y, or a softmax comes before F.cross_entropy."),
        (zeros(lambda g, x: share(g == 0, x), lambda s, y: -slips.own_score(s.softmax(1), y).log()), "the logarithm of a probability that has become 0 has no gradient (nan); use F.cross_entropy."),
        (zeros(lambda g, x: share(g == 0, x).amax().expand(len(x))), "one share for the whole batch; each picture has its own."),
    )),
    Exercise("margin_fgsm", margin_fgsm, margins, battery=ATTACK, difficulty=2, minutes=12, what="the batch of attacked pictures", rules=(expect_inside, expect_budget), hints=(
        "Which number grows when the network comes nearer to a mistake, and has a gradient however sure the network is? Chapter 11 built its f from it.",
        "The margin, max over i != y of Z_i, minus Z_y: scores.scatter(1, y[:, None], -torch.inf).amax(1) - scores.gather(1, y[:, None])[:, 0].",
        "Add the margins of the batch up, take the gradient for x, and step up: (x + eps * gradient.sign()).clamp(0, 1).detach().",
    ), mistakes=(
        (step(slips.total_loss), "this goes up the cross-entropy (or logsumexp), not the margin; take the largest other logit less that of y."),
        (step(lambda s, y: slips.total_loss(s / 100, y)), "the logits are divided, which is a good repair as well; here the margin is asked for."),
        (step(lambda s, y: slips.own_score(s, y)[:, 0] - best_other(s, y)), "the step goes the wrong way: it makes the network surer."),
        (step(lambda s, y: best_other(s, y) + slips.own_score(s, y)[:, 0]), "the two logits are added; take y's off the best other one's."),
        (step(lambda s, y: s.scatter(1, y[:, None], -1e3).amax(1) - slips.own_score(s, y)[:, 0]), "y's logit is replaced by a number that wins where all others are below it; use -torch.inf."),
        (step(lambda s, y: s.scatter(1, y[:, None], 0.0).amax(1) - slips.own_score(s, y)[:, 0]), "y's logit is replaced by 0, which wins where all others are below 0; use -torch.inf."),
        (step(lambda s, y: s.topk(2, 1).values[:, 1] - slips.own_score(s, y)[:, 0]), "the second largest logit is taken; y need not have the largest. Leave y out, then take the largest."),
        (step(lambda s, y: -slips.own_score(s, y)), "only y's logit is lowered; the margin has the best other class's logit, too."),
        (step(best_other), "only the best other logit is raised; the margin has y's logit, too."),
        (step(lambda s, y: s.amax(1) - slips.own_score(s, y)[:, 0]), "the margin is cut off at 0, where its gradient vanishes: leave y out of the maximum, and take no maximum with 0."),
        (step(lambda s, y: lead(s.softmax(1), y, False)), "these are probabilities, whose gradient vanishes, too; take the logits."),
        (step(lambda s, y: (s.sum(1) - slips.own_score(s, y)[:, 0]) / (s.shape[1] - 1) - slips.own_score(s, y)[:, 0]), "the mean of the others is taken; the largest of them counts."),
        (step(lambda s, y: lead(s, s.argmax(1), False)), "the network's own answer is taken for y; use the classes that are given."),
        (step(lambda s, y: lead(s[:1], y[:1], False)), "only the first picture's margin is used; add up all of them."),
        (lambda m, x, y, e: (x + e * slips.gradient_of(lambda s, y: lead(s, y, False), m, x, y)).clamp(0, 1), "the gradient's value is used; take its sign."),
        (lambda m, x, y, e: x + e * slips.gradient_of(lambda s, y: lead(s, y, False), m, x, y).sign(), "pixels leave [0, 1]; clip after the step: .clamp(0, 1)."),
        (lambda m, x, y, e: e * slips.gradient_of(lambda s, y: lead(s, y, False), m, x, y).sign(), "this is the change alone; add it to x."),
        (lambda m, x, y, e: x.clone(), "the pictures come back as they were; move them by eps times the sign of the gradient."),
    )),
)  # fmt: skip
