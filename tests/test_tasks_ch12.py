"""The open task of chapter 12: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F

from course_utils import attacks, models, runtime, scores
from course_utils.exercises import open_task
from course_utils.tasks import ch12_physical_world as task


def remembering(model, camera, x, y, eps, steps=task.GRADIENTS, memory=0.8):
    drawn, now, before = runtime.generator(0), x, 0
    for k in range(steps):
        z = now.detach().clone().requires_grad_()
        scores_seen = model(camera(z, generator=drawn))
        own, rival = scores_seen.gather(1, y[:, None])[:, 0], scores_seen.scatter(1, y[:, None], -torch.inf).amax(1)
        (slope,) = torch.autograd.grad((rival - own).clamp(max=2).sum(), z)
        before = memory * before + slope / slope.abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-12)
        now = (now + eps / 4 * (1 - k / steps) * before.sign()).clamp(x - eps, x + eps).clamp(0, 1)
    return now.detach()


def plain(model, camera, x, y, eps, samples=1):
    return attacks.transform_attack(model, x, y, transform=camera, samples=samples, eps=eps, steps=task.GRADIENTS // samples)


def another_network(model, camera, x, y, eps):
    return attacks.transform_attack(models.load("signnet-signs-twin"), x, y, transform=camera, samples=2, eps=eps, steps=30)


def own_pass(model, camera, x, y, eps):
    """More gradients than allowed, by hand."""
    z = x.clone().requires_grad_()
    for _ in range(task.GRADIENTS + 1):
        F.cross_entropy(model(camera(z)), y).backward(inputs=[z])
    return (x + eps * z.grad.sign()).clamp(0, 1)


REFUSED = (
    (lambda m, c, x, y, e: x.add_(e).clamp_(0, 1), "in place"),
    (lambda m, c, x, y, e: (x + task.EPS * torch.ones_like(x)).clamp(0, 1) - task.EPS * (x > 0.5), "nothing may move by more than eps"),
    (lambda m, c, x, y, e: x + e, "pixels leave [0, 1]"),
    (lambda m, c, x, y, e: plain(m, c, x, y, e, samples=1).sub(0).repeat(2, 1, 1, 1), "has shape"),
    (lambda m, c, x, y, e: attacks.transform_attack(m, x, y, transform=c, samples=5, eps=e, steps=5), "25 gradients were taken"),
    (another_network, "60 gradients were taken"),
    (own_pass, "17 gradients were taken"),
    (lambda m, c, x, y, e: None, "returns nothing"),
    (lambda m, c, x, y, e: x.clone().requires_grad_(), "carries the graph"),
    (lambda m, x, y: x, "must take the arguments (model, camera, x, y, eps)"),
)


def test_the_goal_is_above_one_camera_and_plain_averaging(said) -> None:
    goal = open_task("fool_the_drive").goal
    out = said(remembering)
    assert f"✓ goal reached (goal {goal:.1f} %, the course's pgd " in out and scores.best("12/fool_the_drive") > goal + 2, out
    front, averaged = float(re.search(r"pgd ([\d.]+) %", out)[1]), task.misread(plain)
    assert front + 5 < averaged < goal - 2, "one camera is far from it, other cameras in each step come nearer"


def test_a_stub_was_not_tried(said) -> None:
    def fool_the_drive(model, camera, x, y, eps):
        """Docstring."""
        raise NotImplementedError

    assert said(fool_the_drive).startswith("Open task fool_the_drive: not tried yet (goal 27.0 %, the course's pgd ")


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ fool_the_drive: ") and words in out, out
    assert scores.best("12/fool_the_drive") is None
