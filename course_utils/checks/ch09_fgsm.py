"""The exercises of chapter 09: the linear step, FGSM and its targeted form, an honest success rate, the noise beside it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .. import attacks
from ..checking import ATTACK, PICTURES, TENSORS, Case, Exercise, attack_cases, expect_budget, expect_close, expect_inside
from ..checking import noise, returned, slips


def linear_step(x: Tensor, w: Tensor, eps: float) -> Tensor:
    """The x' within eps of x in every coordinate that has the largest w . x'."""
    return x + eps * w.sign()


def fgsm(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """x + eps * sign(dJ/dx), clipped to [0, 1]."""
    return attacks.fgsm(model, x, y, eps=eps)


def targeted_fgsm(model: nn.Module, x: Tensor, target: Tensor, eps: float) -> Tensor:
    """x - eps * sign(dJ(x, target)/dx), clipped to [0, 1]."""
    return attacks.fgsm(model, x, target, eps=eps, targeted=True)


def noise_of_size(x: Tensor, eps: float, generator: torch.Generator) -> Tensor:
    """Every pixel up or down by eps, by the toss of a coin, clipped to [0, 1]."""
    return attacks.random_sign(x, eps=eps, generator=generator)


def honest_success(before: Tensor, after: Tensor, y: Tensor) -> float:
    """Share of the pictures that were right before the attack which are wrong after it."""
    right = before == y
    return (after[right] != y[right]).float().mean().item()


# ---------------------------------------------------------------- the linear step


def vectors() -> Iterator[Case]:
    yield {"x": torch.tensor([1.0, -2.0, 0.5, 4.0, -1.0]), "w": torch.tensor([-0.7, 0.5, 2.0, 0.3, -3.0]), "eps": 0.2519}
    yield {"x": torch.tensor([0.5, 3.0, 1.5]), "w": torch.tensor([2.0, 0.0, -0.5]), "eps": 0.5}
    yield {"x": torch.tensor([0.25]), "w": torch.tensor([-0.3]), "eps": 0.125}


def agree_where_it_matters(got: Tensor, want: Tensor, case: Case) -> None:
    """A coordinate without a weight may go anywhere within eps."""
    returned(got, want, "x'")
    expect_budget(got, case)
    expect_close(got.where(case["w"] != 0, want), want, "x' (each coordinate moves by eps times the sign of its weight)")


# ---------------------------------------------------------------- counting


def predictions() -> Iterator[Case]:
    y = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3, 3, 2, 1])
    before = torch.tensor([0, 1, 2, 3, 0, 0, 0, 0, 3, 2, 0])  # seven of eleven are right
    after = torch.tensor([1, 1, 2, 3, 1, 1, 2, 1, 3, 0, 0])  # three of these seven are now wrong; two wrong ones became right
    yield {"before": before, "after": after, "y": y}
    yield {"before": after, "after": before, "y": y}
    yield {"before": y, "after": y.flip(0), "y": y}


def share(mask: Tensor) -> float:
    return mask.float().mean().item()


EXERCISES = (
    Exercise("linear_step", linear_step, vectors, difficulty=1, minutes=5, battery=TENSORS, agree=agree_where_it_matters, hints=(
        "Each coordinate adds w_i * x_i to the score, on its own. In which direction should x_i move if w_i is negative?",
        "The budget is the same for every coordinate: how large w_i is does not matter, only its sign.",
        "torch has `w.sign()`: -1, 0 or 1 in each coordinate.",
    ), mistakes=(
        (lambda x, w, eps: x - eps * w.sign(), "the score went down; step along the sign of w, not against it."),
        (lambda x, w, eps: x + eps * w, "a coordinate moved by more than eps; the sign of w has size 1, w has not."),
        (lambda x, w, eps: x + eps * w / w.abs().max(), "the budget is not used up: every coordinate with a weight may move by the whole eps."),
        (lambda x, w, eps: x + eps * w / w.norm(), "the budget is not used up: every coordinate with a weight may move by the whole eps."),
        (lambda x, w, eps: eps * w.sign(), "this is the change alone; add it to x."),
        (lambda x, w, eps: x + eps * (w > 0), "coordinates with a negative weight stay; they must go down by eps."),
        (lambda x, w, eps: x + eps * x.sign(), "the sign of x is used; each coordinate follows the sign of its weight."),
        (lambda x, w, eps: x + eps * (w * x).sign(), "the sign of the product w * x is used; each coordinate follows the sign of its weight."),
        (lambda x, w, eps: x + eps, "every coordinate goes up; those with a negative weight must go down."),
        (lambda x, w, eps: w + eps * x.sign(), "w is moved; the arguments come in the order x, w, eps, and x is what moves."),
        (lambda x, w, eps: x.clone(), "x comes back as it was; move each coordinate by eps."),
        (lambda x, w, eps: (x + eps * w.sign()).clamp(0, 1), "nothing has to be clipped here: x are numbers, not pixels."),
    )),
    Exercise("fgsm", fgsm, attack_cases("y"), difficulty=2, minutes=15, battery=ATTACK, what="the batch of attacked pictures",
             rules=(expect_inside, expect_budget), hints=(
        "The gradient of the loss plays the part of w. It must be the gradient for the picture, not for the weights.",
        "Ask a copy of x for gradients, x = x.clone().requires_grad_(), compute F.cross_entropy(model(x), y), and give both to "
        "torch.autograd.grad(loss, x), which gives a tuple of one gradient.",
        "Then linear_step, with (gradient,) in the place of w: (x + eps * gradient.sign()), .clamp(0, 1), .detach().",
    ), mistakes=(
        (targeted_fgsm, "the step goes down the loss; to fool, add the sign of the gradient."),
        *slips.of_a_step(1),
    )),
    Exercise("honest_success", honest_success, predictions, difficulty=1, minutes=5, hints=(
        "Which pictures can the attack take credit for at all? Leave the others out, above and below the fraction line.",
        "A comparison gives a mask, right = before == y; a mask picks entries: after[right], y[right].",
        "The mean of a mask of floats is the share of True: (a != b).float().mean().item().",
    ), what="the success rate", mistakes=(
        (lambda b, a, y: share(a != y), "you count pictures that the model had wrong before the attack; look at the others only."),
        (lambda b, a, y: share(a != b), "you count changed predictions, also where the model was wrong before; look only at pictures that it had right."),
        (lambda b, a, y: share((b == y) & (a != y)), "you divide by all pictures; divide by those that the model had right before the attack."),
        (lambda b, a, y: share(a[b == y] == y[b == y]), "you count the pictures that survive; count those that are now wrong."),
        (lambda b, a, y: 100 * honest_success(b, a, y), "these are percent; a share from 0 to 1 is expected."),
        (lambda b, a, y: float(((b == y) & (a != y)).sum()), "this is a number of pictures; divide by how many were right before."),
        (lambda b, a, y: share(a[b != y] != y[b != y]), "you look at the pictures that were wrong before; look at those that were right."),
        (lambda b, a, y: share(b == y) - share(a == y),
         "this is the loss of accuracy; pictures that became right by chance are counted against the attack. Look at those that were right before."),
        (lambda b, a, y: 1 - share(a == y) / share(b == y),
         "two accuracies are compared; pictures that became right by chance are counted against the attack. Look at those that were right before."),
        (lambda b, a, y: honest_success(a, b, y), "before and after are swapped."),
    )),
    Exercise("noise_of_size", noise_of_size, noise.cases, difficulty=1, minutes=5, battery=PICTURES, agree=noise.agree,
             also=noise.fair, hints=(
        "FGSM moves every pixel by exactly eps. So must the noise, or the comparison is not fair.",
        "torch.randint(0, 2, x.shape, generator=generator) tosses a coin, 0 or 1, for each value.",
        "2 * coins - 1 is -1 or 1. Add eps times that, then clip to [0, 1].",
    )),
    Exercise("targeted_fgsm", targeted_fgsm, attack_cases("target"), difficulty=1, minutes=5, battery=ATTACK,
             what="the batch of attacked pictures", rules=(expect_inside, expect_budget), hints=(
        "A class is answered when its loss is small. Do you go up or down the loss, and of which class?",
        "Your fgsm does it with the target as the label in the loss and a minus before the step.",
        "x - eps * gradient.sign(), where the gradient is that of F.cross_entropy(model(x), target); clip and detach as before.",
    ), mistakes=(
        (fgsm, "the step leads away from the target: it raises the target's loss. Subtract."),
        (lambda m, x, t, eps: attacks.fgsm(m, x, eps=eps), "the step leads away from the model's own class; go towards the target instead."),
        *slips.of_a_step(-1),
    )),
)  # fmt: skip
