"""The open task of chapter 18: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from course_utils import models, runtime, scores
from course_utils.exercises import open_task
from course_utils.tasks import ch18_adversarial_training as task


def freely(model, x, y, rounds=10, batch=15):
    """One backward pass for the weights and for the next change of the digits."""
    change, step = torch.zeros_like(x), torch.optim.SGD(model.parameters(), 0.02, momentum=0.9)
    parts = [part for k in range(rounds) for part in torch.randperm(len(x), generator=runtime.generator(k)).split(batch)]
    for t, part in enumerate(parts):
        z = (x[part] + change[part]).clamp(0, 1).requires_grad_()
        step.zero_grad()
        F.cross_entropy(model(z), y[part]).backward()
        change[part] = (change[part] + 0.1 * z.grad.sign()).clamp(-0.2, 0.2)
        step.param_groups[0]["lr"] = 0.02 * (1 - t / len(parts))
        step.step()
    return model


def on_clean_digits(model, x, y):
    step = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    for k in range(10):
        for part in torch.randperm(len(x), generator=runtime.generator(k)).split(50):
            step.zero_grad()
            F.cross_entropy(model(x[part]), y[part]).backward()
            step.step()
    return model


def louder(model, x, y):
    """Scores so large that the cross-entropy has no gradient left in single precision: the margin's is still there."""
    with torch.no_grad():
        for weights in model[-1].parameters():
            weights.mul_(1e4)
    return model


def of_a_trained_one(model, x, y):
    model.load_state_dict(models.load("madry-digits-pgd").state_dict())
    return model


def hidden(model, x, y):
    """A steep step before the network, on which the gradient vanishes; nothing is trained."""
    model.register_forward_pre_hook(lambda _, given: ((50 * (given[0] - 0.5)).sigmoid(),))
    return model


def of_another_form(model, x, y):
    model.register_buffer("threshold", torch.tensor(0.5))
    return model


def in_place(model, x, y):
    x.mul_(0.5)
    return model


def broken(model, x, y):
    with torch.no_grad():
        model[0].weight.fill_(torch.nan)
    return model


REFUSED = (
    (lambda model, x, y: freely(model, x, y, rounds=11), "11 gradients were taken"),
    (lambda model, x, y: freely(copy.deepcopy(model), x, y, rounds=12), "12 gradients were taken"),
    (of_a_trained_one, "these weights are madry-digits-pgd's"),
    (lambda model, x, y: models.load("madry-digits-pgd"), "these weights are madry-digits-pgd's"),
    (lambda model, x, y: models.load("lenet-digits-fgsm"), "return the model, a MadryNet"),
    (lambda model, x, y: models.MadryNet(width=8), "weights; the one that was given has"),
    (of_another_form, "change its weights alone"),
    (in_place, "in place"),
    (broken, "NaN or infinity"),
    (lambda model, x, y: None, "returns nothing"),
    (lambda model, x: model, "must take the arguments (model, x, y)"),
)


def test_the_goal_is_above_fgsm_and_clean_digits_and_below_the_free_way(said) -> None:
    goal = open_task("harden").goal
    out = said(freely)
    assert "✓ goal reached (goal 30.0 %" in out and scores.best("18/harden") > goal + 5, out
    assert "not yet at the goal" in said(task.by_fgsm)
    assert task.hardened(on_clean_digits) < 10 and task.hardened(louder) < 10
    assert task.hardened(hidden) < 10  # only the weights are taken


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ harden: ") and words in out, out
    assert scores.best("18/harden") is None
