"""The exercises of chapter 09: the linear step, FGSM, its targeted form, the noise beside it, an honest success rate."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import attacks
from ..checking import Exercise, call, call_attack, expect, expect_close, expect_inside, probe, returned, rule_out
from ..runtime import generator as seeded


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


def check_linear_step(f) -> None:
    w, x = torch.tensor([-1.0, 0.5, 2.0, 0.0, -3.0]), torch.tensor([1.0, -2.0, 0.5, 4.0, -1.0])
    eps, weighted = 0.25, w != 0  # a coordinate without a weight may go anywhere within eps
    moved = returned(call(f, x=x, w=w, eps=eps), x, "x'")
    change = moved - x
    expect(change.abs().max() <= eps + 1e-6, "a coordinate moved by more than eps; the sign of w has size 1, w has not.")
    expect(change @ w >= 0, "the score went down; step along the sign of w, not against it.")
    used = torch.allclose(change[weighted].abs(), torch.full((4,), eps))
    expect(used, "the budget is not used up: every coordinate with a weight may move by the whole eps.")
    best = linear_step(x, w, eps)
    expect_close(moved.where(weighted, best), best, "x' (each coordinate moves by eps times the sign of its weight)")


def check_fgsm(f) -> None:
    model, x, y = probe()
    eps = 0.1
    answer = call_attack(f, model, x, y, eps)
    rule_out(
        answer,
        (targeted_fgsm(model, x, y, eps), "the step goes down the loss; to fool, add the sign of the gradient."),
        (attacks.fgsm(model, x, eps=eps), "the labels y are not used: the loss must be that of the given classes."),
        (attacks.fgv(model, x, y, eps=eps), "the gradient's value is used; take its sign."),
    )
    full = ((answer - x).abs() > 0.99 * eps) | (answer == 0) | (answer == 1)
    short = "most pixels move by less than eps; the sign makes every pixel move by the whole eps."
    expect(full.float().mean() > 0.99, short)
    expect_close(answer, fgsm(model, x, y, eps), "the result (expected: x + eps * sign(dJ/dx), clipped to [0, 1])")


def check_targeted_fgsm(f) -> None:
    model, x, y = probe()
    target, eps = (y + 1) % 4, 0.1
    answer = call_attack(f, model, x, target, eps)
    rule_out(
        answer,
        (fgsm(model, x, target, eps), "the step leads away from the target: it raises the target's loss. Subtract."),
        (attacks.fgsm(model, x, eps=eps), "the step leads away from the model's own class; go towards the target instead."),
    )
    truth = targeted_fgsm(model, x, target, eps)
    expect_close(answer, truth, "the result (expected: x - eps * sign(dJ(x, target)/dx), clipped to [0, 1])")


def check_noise_of_size(f) -> None:
    x, eps = torch.full((64, 3, 8, 8), 0.5), 0.07

    def draw(x: Tensor, seed: int) -> Tensor:
        return returned(call(f, x=x, eps=eps, generator=seeded(seed)), x, "the batch of noisy pictures")

    answer = draw(x, seed=3)
    expect(torch.equal(answer, draw(x, seed=3)), "the same generator state gave two results: draw from `generator`.")
    size, up = (answer - x).abs(), (answer > x).float()
    expect(size.max() <= eps + 1e-6, "a pixel moved by more than eps.")
    small = "some pixels move by less than eps; FGSM moves every pixel by eps, so must its baseline."
    expect(size.min() >= 0.99 * eps, small)
    expect(0.45 < up.mean() < 0.55, "up and down are not equally likely.")
    expect(up.mean(0).std() < 0.2, "every picture gets the same noise; draw for each picture.")
    expect(not torch.equal(answer, draw(x, seed=4)), "another generator state gave the same result: draw from `generator`.")
    for axis, many in ((1, "colours of a pixel"), (2, "rows"), (3, "columns")):
        # shared coins have deviation 0.5, free ones 0.5 / sqrt(n)
        together = up.mean(axis).std() > 0.25 * (1 + up.shape[axis] ** -0.5)
        expect(not together, f"all {many} move together; toss a coin for each value: x.shape of them.")
    for edge in (torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)):
        expect_inside(draw(edge, seed=4))


def check_honest_success(f) -> None:
    y = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
    before = torch.tensor([0, 1, 2, 3, 0, 0, 0, 0])  # five of eight are right
    after = torch.tensor([1, 1, 2, 3, 1, 1, 1, 1])  # two of these five are now wrong; one wrong one became right
    value = call(f, before=before, after=after, y=y)
    expect(isinstance(value, float | int), f"one number is expected, not {type(value).__name__}; .item() gives it.")
    rule_out(
        value,
        (4 / 8, "you count pictures that the model had wrong before the attack; look at the others only."),
        (5 / 8, "you count changed predictions, also where the model was wrong before; "
         "look only at pictures that it had right."),
        (2 / 8, "you divide by all pictures; divide by those that the model had right before the attack."),
        (3 / 5, "you count the pictures that survive; count those that are now wrong."),
    )  # fmt: skip
    expect_close(value, 2 / 5, tol=1e-6, why=f"2 of the 5 pictures that were right are now wrong: 0.4 is expected, not {value:.3f}.")


EXERCISES = (
    Exercise("linear_step", linear_step, check_linear_step, difficulty=1, minutes=5, hints=(
        "Each coordinate adds w_i * x_i to the score, on its own. In which direction should x_i move if w_i is negative?",
        "The budget is the same for every coordinate: how large w_i is does not matter, only its sign.",
        "torch has `w.sign()`: -1, 0 or 1 in each coordinate.",
    )),
    Exercise("fgsm", fgsm, check_fgsm, difficulty=2, minutes=15, hints=(
        "The input is what changes, so the input needs the gradient: x = x.clone().requires_grad_().",
        "The loss is F.cross_entropy(model(x), y); torch.autograd.grad(loss, x) gives a tuple of one gradient.",
        "Add eps times the gradient's sign, clip to [0, 1], and detach the result.",
    )),
    Exercise("noise_of_size", noise_of_size, check_noise_of_size, difficulty=1, minutes=5, hints=(
        "FGSM moves every pixel by exactly eps. So must the noise, or the comparison is not fair.",
        "torch.randint(0, 2, x.shape, generator=generator) tosses a coin for each pixel; make it -1 or +1.",
    )),
    Exercise("honest_success", honest_success, check_honest_success, difficulty=1, minutes=5, hints=(
        "A picture that the model had wrong before cannot be a success of the attack.",
        "Make the mask right = before == y, and use it on after and on y.",
    )),
    Exercise("targeted_fgsm", targeted_fgsm, check_targeted_fgsm, difficulty=1, minutes=5, hints=(
        "Now the loss of the target class shall fall. Which sign does the step need?",
        "Two things change in your fgsm: the label in the loss, and plus becomes minus.",
    )),
)  # fmt: skip
