"""The open task of chapter 08: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import copy

import pytest
import torch

from course_utils import attacks, data, models, runtime, scores
from course_utils.checking import guard
from course_utils.exercises import open_task
from course_utils.runtime import generator
from course_utils.tasks import ch08_evolved_rubbish as task


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer's 600 questions take a second of a quiet core; beside other work they may take longer than a student's call may. None of these loops for ever."""
    monkeypatch.setattr(guard, "SECONDS", 120.0)


def squares(model, x, y, eps, questions, size=7, seed=1):
    """Square after square, at random places, kept where log p of the class rises."""
    chance, place = generator(seed), torch.arange(28, device=x.device)
    own = lambda pictures: runtime.logits(model, pictures).log_softmax(1).gather(1, y[:, None])[:, 0]  # noqa: E731
    best, height = x, own(x)
    for _ in range(questions - 1):
        corner = torch.randint(0, 29 - size, (2, len(x), 1), generator=chance).to(x.device)
        down, across = (place >= corner) & (place < corner + size)
        sign = (2 * torch.randint(0, 2, (len(x), 1, 1, 1), generator=chance) - 1).to(x)
        child = torch.where((down[:, :, None] & across[:, None])[:, None], x + eps * sign, best).clamp(0, 1)
        now = own(child)
        best, height = torch.where((now > height)[:, None, None, None], child, best), torch.maximum(now, height)
    return best


def digits(m, x, y, eps, questions):
    pictures = data.load("digits", "test", 200, source="drawn")
    return torch.stack([pictures.x[pictures.y == k][0] for k in y])


REFUSED = (
    (lambda m, x, y, eps, questions: x.mul_(0.9), "in place"),
    (lambda m, x, y, eps, questions: x + eps, "pixels leave [0, 1]"),
    (lambda m, x, y, eps, questions: (x + 0.25).clamp(max=1), "eps"),
    (digits, "eps"),
    (lambda m, x, y, eps, questions: squares(m, x, y, eps, questions + 1), "pictures were shown to networks"),
    (lambda m, x, y, eps, questions: squares(m, x, y, eps, 300), "pictures were shown to networks"),
    (lambda m, x, y, eps, questions: squares(copy.deepcopy(m), x, y, eps, questions + 1), "pictures were shown to networks"),
    (lambda m, x, y, eps, questions: squares(models.load("lenet-digits-twin"), x, y, eps, 301), "pictures were shown to networks"),
    (lambda m, x, y, eps, questions: attacks.pgd(m, x, y, eps=eps, steps=5, targeted=True), "gradients were taken"),
    (lambda m, x, y, eps, questions: x[:1], "has shape [1, 1, 28, 28]"),
    (lambda m, x, y, eps, questions: None, "returns nothing"),
    (lambda m, x, y, eps, questions: x.clone().requires_grad_(), "carries the graph"),
    (lambda m, x, y: x, "must take the arguments (model, x, y, eps, questions)"),
)


def test_the_goal_is_beyond_single_pixels_and_within_reach(said) -> None:
    goal = open_task("few_questions").goal
    out = said(squares)
    assert "✓ goal reached (goal 75.0 %, the course's by_pixels" in out and scores.best("08/few_questions") > goal + 3, out
    assert "not yet at the goal" in said(task.by_pixels)
    assert task.judged(lambda model, x, y, eps, questions: x.clone()) < 30, "noise as it is"


def test_a_stub_was_not_tried(said) -> None:
    def few_questions(model, x, y, eps, questions):
        """Docstring."""
        raise NotImplementedError

    assert said(few_questions).startswith("Open task few_questions: not tried yet (goal 75.0 %, the course's by_pixels")


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    assert out.startswith("✗ few_questions: ") and words in out, out
    assert scores.best("08/few_questions") is None
