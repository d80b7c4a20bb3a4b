"""The exercises of chapter 09: the linear step, FGSM, its targeted form, the noise beside it, an honest success rate."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import attacks
from ..exercises import Exercise, Mistake, close, expect, probe, register, returned
from ..runtime import generator


# ---------------------------------------------------------------- the linear step


def linear_step(x: Tensor, w: Tensor, eps: float) -> Tensor:
    """The x' within eps of x in every coordinate that has the largest w . x'."""
    return x + eps * w.sign()


def check_linear_step(f) -> None:
    w = torch.tensor([-1.0, 0.5, 2.0, 0.0, -3.0])
    x = torch.tensor([1.0, -2.0, 0.5, 4.0, -1.0])
    before, eps, free = x.clone(), 0.25, w == 0  # a coordinate without a weight may go anywhere within eps
    moved = f(x, w, eps)
    expect(torch.equal(x, before), "your function changed its input x; build a new tensor instead of editing in place.")
    returned(moved, x, "x'")
    change = moved - x
    expect(float(change.abs().max()) <= eps + 1e-6, "a coordinate moved by more than eps; the sign of w has size 1, w has not.")
    expect(float(change @ w) >= 0, "the score went down; step along the sign of w, not against it.")
    expect(torch.allclose(change[~free].abs(), torch.full((4,), eps)),
           "the budget is not used up: every coordinate with a weight may move by the whole eps.")  # fmt: skip
    best = x + eps * w.sign()
    close(moved.where(~free, best), best, "x' (each coordinate moves by eps times the sign of its weight)")


register(Exercise(
    "linear_step", linear_step, check_linear_step,
    hints=(
        "Each coordinate adds w_i * x_i to the score, on its own. In which direction should x_i move if w_i is negative?",
        "The budget is the same for every coordinate: how large w_i is does not matter, only its sign.",
        "torch has `w.sign()`: -1, 0 or 1 in each coordinate.",
    ),
    wrong=(
        (lambda x, w, eps: x - eps * w.sign(), "went down"),
        (lambda x, w, eps: x + eps * w, "more than eps"),
        (lambda x, w, eps: x + eps * w / w.abs().max(), "not used up"),
        (lambda x, w, eps: x.add_(eps * w.sign()), "in place"),
        (lambda x, w, eps: x + eps * w / w.abs(), "holds NaN"),
        (lambda x, w, eps: x + eps * x.sign(), "times the sign of its weight"),
        (lambda x, w, eps: w @ (x + eps * w.sign()), "has shape []"),
        (lambda x, w, eps: print(x + eps * w.sign()), "returns nothing"),
    ),
    difficulty=1, minutes=5,
))  # fmt: skip


# ---------------------------------------------------------------- FGSM


def fgsm(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """x + eps * sign(dJ/dx), clipped to [0, 1]."""
    x = x.clone().requires_grad_()
    loss = F.cross_entropy(model(x), y)
    (gradient,) = torch.autograd.grad(loss, x)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


def run_twice(f, model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Call f, then again with other labels: nothing of the first call may be left in the second, in x or in the model."""
    before, others, again = x.clone(), y.flip(0), x.clone()
    modes = [module.training for module in model.modules()]
    first = f(model, x, y, eps)
    expect(torch.equal(x.detach(), before), "your function changed its input x; it must leave the clean pictures alone (no editing in place).")
    returned(first, before, "the batch of attacked pictures")
    expect(modes == [module.training for module in model.modules()], "your function left the model in another mode (train or eval).")
    expect(all(p.requires_grad for p in model.parameters()), "the model's parameters no longer ask for gradients; leave requires_grad as it was.")
    expect(torch.allclose(f(model, x, others, eps), f(model, again, others, eps)),
           "a second call with other labels is wrong: the old gradient in x.grad is added to the new one. "
           "Work on x.clone() and use torch.autograd.grad.")  # fmt: skip
    expect(all(p.grad is None for p in model.parameters()),
           "the model's parameters now hold gradients; torch.autograd.grad(loss, x) computes the input's gradient alone.")  # fmt: skip
    expect(not x.requires_grad, "your function left x asking for gradients; work on x.clone().")
    expect(not first.requires_grad, "the result still carries the graph; finish with .detach().")
    expect(0 <= float(first.min()) and float(first.max()) <= 1, "pixels leave [0, 1]; clip after the step: .clamp(0, 1).")
    expect(not torch.allclose(first, f(model, again, y, eps / 2)), "half the eps gives the same pictures; use the `eps` that is given.")
    return first


def check_fgsm(f) -> None:
    model, x, y = probe()
    eps = 0.1
    answer, truth = run_twice(f, model, x, y, eps), attacks.fgsm(model, x, y, eps=eps)
    change = (answer - x).abs().max()
    expect(float(change) <= eps + 1e-6, f"a pixel moved by {float(change):.3f} with eps {eps}; no pixel may move by more than eps.")
    down = attacks.fgsm(model, x, y, eps=eps, targeted=True)
    expect(not torch.allclose(answer, down), "the step goes down the loss; to fool, add the sign of the gradient.")
    own = attacks.fgsm(model, x, eps=eps)
    expect(not torch.allclose(answer, own), "the labels y are not used: the loss must be that of the given classes.")
    value = attacks.fgv(model, x, y, eps=eps)
    expect(not torch.allclose(answer, value), "the gradient's value is used; take its sign.")
    full = ((answer - x).abs() > 0.99 * eps) | (answer == 0) | (answer == 1)
    expect(bool(full.float().mean() > 0.99), "most pixels move by less than eps; the sign makes every pixel move by the whole eps.")
    close(answer, truth, "the result (expected: x + eps * sign(dJ/dx), clipped to [0, 1])")


def fgsm_edits_input(model, x, y, eps):
    x.requires_grad_(True)
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    x.requires_grad_(False)
    return x.add_(eps * gradient.sign()).clamp_(0, 1)


def fgsm_stale_gradient(model, x, y, eps):
    x.requires_grad_()  # the caller's own tensor: its .grad stays there and adds up
    F.cross_entropy(model(x), y).backward()
    model.zero_grad(set_to_none=True)
    return (x + eps * x.grad.sign()).clamp(0, 1).detach()


def fgsm_backward(model, x, y, eps):
    x = x.clone().requires_grad_()
    F.cross_entropy(model(x), y).backward()
    return (x + eps * x.grad.sign()).clamp(0, 1).detach()


def fgsm_normalized_units(model, x, y, eps):
    return (x + (fgsm(model, x, y, 1e-3) - x).sign() * eps / 0.3081).clamp(0, 1)  # eps divided by MNIST's deviation


register(Exercise(
    "fgsm", fgsm, check_fgsm,
    hints=(
        "The input is what changes, so the input needs the gradient: x = x.clone().requires_grad_().",
        "The loss is F.cross_entropy(model(x), y); torch.autograd.grad(loss, x) gives a tuple of one gradient.",
        "Add eps times the gradient's sign, clip to [0, 1], and detach the result.",
    ),
    wrong=(
        (lambda m, x, y, e: attacks.fgsm(m, x, y, eps=e, targeted=True), "down the loss"),
        (lambda m, x, y, e: x + e * torch.autograd.grad(F.cross_entropy(m(z := x.clone().requires_grad_()), y), z)[0].sign(), "clip"),
        (lambda m, x, y, e: attacks.fgv(m, x, y, eps=e), "sign"),
        (lambda m, x, y, e: attacks.fgsm(m, x, eps=e), "labels y"),
        (fgsm_edits_input, "editing in place"),
        (fgsm_stale_gradient, "old gradient"),
        (fgsm_backward, "parameters now hold"),
        (fgsm_normalized_units, "more than eps"),
        (lambda m, x, y, e: fgsm(m, x, y, 0.1), "half the eps"),
        (lambda m, x, y, e: fgsm(m.train(), x, y, e), "another mode"),
        (lambda m, x, y, e: fgsm(m.requires_grad_(False), x, y, e), "no longer ask"),
        (lambda m, x, y, e: print(fgsm(m, x, y, e)), "returns nothing"),
        (lambda m, x, y, e: fgsm(m, x, y, e).numpy(), "is ndarray"),
        (lambda m, x, y: x, "must take the arguments"),
    ),
    difficulty=2, minutes=15,
))  # fmt: skip


# ---------------------------------------------------------------- targeted


def targeted_fgsm(model: nn.Module, x: Tensor, target: Tensor, eps: float) -> Tensor:
    """x - eps * sign(dJ(x, target)/dx), clipped to [0, 1]."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), target), x)
    return (x - eps * gradient.sign()).clamp(0, 1).detach()


def check_targeted(f) -> None:
    model, x, y = probe()
    target, eps = (y + 1) % 4, 0.1
    answer = run_twice(f, model, x, target, eps)
    away = attacks.fgsm(model, x, target, eps=eps)
    expect(not torch.allclose(answer, away), "the step leads away from the target: it raises the target's loss. Subtract.")
    own = attacks.fgsm(model, x, eps=eps)
    expect(not torch.allclose(answer, own), "the step leads away from the model's own class; go towards the target instead.")
    truth = attacks.fgsm(model, x, target, eps=eps, targeted=True)
    close(answer, truth, "the result (expected: x - eps * sign(dJ(x, target)/dx), clipped to [0, 1])")


register(Exercise(
    "targeted_fgsm", targeted_fgsm, check_targeted,
    hints=(
        "Now the loss of the target class shall fall. Which sign does the step need?",
        "Two things change in your fgsm: the label in the loss, and plus becomes minus.",
    ),
    wrong=(
        (fgsm, "Subtract"),
        (lambda m, x, t, e: attacks.fgsm(m, x, eps=e), "own class"),
        (lambda m, x, t, e: x - e * torch.autograd.grad(F.cross_entropy(m(z := x.clone().requires_grad_()), t), z)[0].sign(), "clip"),
        (lambda m, x, t, e: attacks.fgv(m, x, t, eps=e, targeted=True), "is off by"),
    ),
    difficulty=1, minutes=5,
))  # fmt: skip


# ---------------------------------------------------------------- noise of the same size


def noise_of_size(x: Tensor, eps: float, generator: torch.Generator) -> Tensor:
    """Every pixel up or down by eps, by the toss of a coin, clipped to [0, 1]."""
    coins = torch.randint(0, 2, x.shape, generator=generator)
    return (x + eps * (2 * coins - 1)).clamp(0, 1)


def check_noise(f) -> None:
    x, eps = torch.full((64, 3, 8, 8), 0.5), 0.07
    before = x.clone()
    answer = f(x, eps, generator(3))
    expect(torch.equal(x, before), "your function changed its input x (editing in place).")
    returned(answer, x, "the batch of noisy pictures")
    expect(torch.equal(answer, f(x, eps, generator(3))), "the same generator state gave two results: draw from `generator`.")
    size = (answer - x).abs()
    expect(float(size.max()) <= eps + 1e-6, "a pixel moved by more than eps.")
    expect(float(size.min()) >= 0.99 * eps, "some pixels move by less than eps; FGSM moves every pixel by eps, so must its baseline.")
    up = (answer > x).float()
    expect(0.45 < float(up.mean()) < 0.55, "up and down are not equally likely.")
    expect(float(up.mean(0).std()) < 0.2, "every picture gets the same noise; draw for each picture.")
    expect(not torch.equal(answer, f(x, eps, generator(4))), "another generator state gave the same result: draw from `generator`.")
    for axis, many in ((1, "colours of a pixel"), (2, "rows"), (3, "columns")):  # shared coins have deviation 0.5, free ones 0.5 / sqrt(n)
        together = float(up.mean(axis).std()) > 0.25 * (1 + up.shape[axis] ** -0.5)
        expect(not together, f"all {many} move together; toss a coin for each value: x.shape of them.")
    for edge in (torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)):
        clipped = f(edge, eps, generator(4))
        low, high = (float(value) for value in clipped.aminmax())
        expect(0 <= low and high <= 1, f"pixels leave [0, 1], from {low:.2f} up to {high:.2f}; clip after the step: .clamp(0, 1).")


register(Exercise(
    "noise_of_size", noise_of_size, check_noise,
    hints=(
        "FGSM moves every pixel by exactly eps. So must the noise, or the comparison is not fair.",
        "torch.randint(0, 2, x.shape, generator=generator) tosses a coin for each pixel; make it -1 or +1.",
    ),
    wrong=(
        (lambda x, e, g: (x + e * (2 * torch.rand(x.shape, generator=g) - 1)).clamp(0, 1), "less than eps"),
        (lambda x, e, g: (x + e * torch.randn(x.shape, generator=g)).clamp(0, 1), "more than eps"),
        (lambda x, e, g: x + e * (2 * torch.randint(0, 2, x.shape, generator=g) - 1), "leave [0, 1]"),
        (lambda x, e, g: (x + e * (2 * torch.randint(0, 2, x.shape) - 1)).clamp(0, 1), "draw from `generator`"),
        (lambda x, e, g: (x + e * (2 * torch.randint(0, 2, x[:1].shape, generator=g) - 1)).clamp(0, 1), "same noise"),
        (lambda x, e, g: (x + e * (2 * torch.randint(0, 2, (len(x), 1, 1, 1), generator=g) - 1)).clamp(0, 1), "move together"),
        (lambda x, e, g: (x + e * (2 * torch.randint(0, 2, x[:, :, :1].shape, generator=g) - 1)).clamp(0, 1), "all rows"),
        (lambda x, e, g: noise_of_size(x, e, generator(0)), "another generator"),
        (lambda x, e, g: (x + e * (2 * torch.randint(0, 2, x.shape, generator=g) - 1)).clamp(min=0), "up to 1.07"),
        (lambda x, e, g: (x + e * torch.randint(0, 2, x.shape, generator=g).clamp(1)).clamp(0, 1), "equally likely"),
    ),
    difficulty=1, minutes=5,
))  # fmt: skip


# ---------------------------------------------------------------- an honest success rate


def honest_success(before: Tensor, after: Tensor, y: Tensor) -> float:
    """Share of the pictures that were right before the attack which are wrong after it."""
    right = before == y
    return (after[right] != y[right]).float().mean().item()


def check_honest(f) -> None:
    y = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
    before = torch.tensor([0, 1, 2, 3, 0, 0, 0, 0])  # five of eight are right
    after = torch.tensor([1, 1, 2, 3, 1, 1, 1, 1])  # two of these five are now wrong; one wrong one became right
    value = f(before, after, y)
    expect(value is not None, "your function returns nothing; end it with `return` and the share.")
    expect(isinstance(value, float | int), f"one number is expected, not {type(value).__name__}; .item() gives it.")
    named = {
        4 / 8: "you count pictures that the model had wrong before the attack; look at the others only.",
        5 / 8: "you count changed predictions, also where the model was wrong before; look only at pictures that it had right.",
        2 / 8: "you divide by all pictures; divide by those that the model had right before the attack.",
        3 / 5: "you count the pictures that survive; count those that are now wrong.",
    }
    for wrong, message in named.items():
        if abs(value - wrong) < 1e-6:
            raise Mistake(message)
    expect(abs(value - 2 / 5) < 1e-6, f"2 of the 5 pictures that were right are now wrong: 0.4 is expected, not {value:.3f}.")


register(Exercise(
    "honest_success", honest_success, check_honest,
    hints=(
        "A picture that the model had wrong before cannot be a success of the attack.",
        "Make the mask right = before == y, and use it on after and on y.",
    ),
    wrong=(
        (lambda b, a, y: (a != y).float().mean().item(), "had wrong before"),
        (lambda b, a, y: (a != b).float().mean().item(), "changed predictions"),
        (lambda b, a, y: ((b == y) & (a != y)).float().mean().item(), "divide by all"),
        (lambda b, a, y: (a[b == y] == y[b == y]).float().mean().item(), "survive"),
        (lambda b, a, y: honest_success(b, a, y) * 100, "0.4 is expected"),
    ),
    difficulty=1, minutes=5,
))  # fmt: skip
