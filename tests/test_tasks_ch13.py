"""The open task of chapter 13: what reaches the goal, what does not, and which cheats are refused."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from course_utils import attacks, models, scores, training
from course_utils.exercises import open_task
from course_utils.tasks import ch13_transfer_black_box as task


@pytest.fixture(autouse=True, scope="module")
def optimizers_are_loaded() -> None:
    """The first optimizer loads torch's compiler, which takes seconds; in the chapter an earlier section has done it."""
    training.train(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.rand(4, 1, 2, 2), torch.tensor([0, 1, 0, 1]), epochs=1, optimizer="adam")


SHIPPED = models.load("lenet-digits")  # a network that is there before


def own(oracle, seeds, x, y, eps, epochs=40):
    net = nn.Sequential(nn.Conv2d(1, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(800, 10))
    moved = training.shift_and_flip(2, flip=False)
    training.train(net, seeds, oracle(seeds), epochs=epochs, batch_size=50, lr=4e-3, weight_decay=0.0, optimizer="adam", augment=moved)
    return attacks.basic_iterative(net, x, y, eps=eps, step=eps / 4, steps=10)


def asks_too_much(oracle, seeds, x, y, eps):
    for _ in range(6):
        oracle(seeds)
    return x


def hides_it(oracle, seeds, x, y, eps):
    oracle(x), oracle(x), oracle(x), oracle(x)
    return x


REFUSED = (
    (asks_too_much, "0 of its 500 answers are left. 500 answers are allowed"),
    (hides_it, "500 answers are allowed"),
    (lambda o, s, x, y, e: attacks.fgsm(SHIPPED, x, y, eps=e), "there before"),
    (lambda o, s, x, y, e: attacks.fgsm(copy.deepcopy(SHIPPED), x, y, eps=e), "a copy of one"),
    (lambda o, s, x, y, e: attacks.fgsm(models.load("lenet-digits"), x, y, eps=e), "read from a file"),
    (lambda o, s, x, y, e: attacks.fgsm(models.load("twopairs-digits"), x, y, eps=e), "read from a file"),
    (lambda o, s, x, y, e: x + e, "pixels leave [0, 1]"),
    (lambda o, s, x, y, e: (x + 2 * e).clamp(0, 1), "with eps 0.25"),
    (lambda o, s, x, y, e: x.add_(e).clamp_(0, 1), "in place"),
    (lambda o, s, x, y, e: x[:1], "has shape [1, 1, 28, 28]"),
    (lambda o, s, x, y, e: x.clone().requires_grad_(), "carries the graph"),
    (lambda o, s, x, y, e: None, "returns nothing"),
    (lambda o, s, x: x, "must take the arguments (oracle, seeds, x, y, eps)"),
)


def test_the_goal_is_above_papernot_and_below_a_convolutional_substitute(said) -> None:
    goal = open_task("fool_the_oracle").goal
    out = said(own)
    assert "✓ goal reached (goal 55.0 %, the course's papernot" in out and scores.best("13/fool_the_oracle") > goal + 3, out
    assert task.fooled(task.papernot) < goal - 8 and torch.load.__module__ == "torch.serialization"
    assert task.fooled(lambda o, s, x, y, e: attacks.random_sign(x, eps=e)) < 10


@pytest.mark.parametrize("cheat, words", REFUSED, ids=range(len(REFUSED)))
def test_cheats_are_refused(cheat, words: str, said) -> None:
    out = said(cheat)
    said_so = out.partition(", in the line")[0]  # the line of the answer is quoted, and holds the words of this table
    assert out.startswith("✗ fool_the_oracle: ") and words in said_so, out
    assert scores.best("13/fool_the_oracle") is None and torch.load.__module__ == "torch.serialization"


def test_lazy_layers_are_no_trouble() -> None:
    """Those that were there before have no weights to compare yet, those of the answer have none before their first pictures."""
    before = nn.LazyLinear(10)

    def answer(oracle, seeds, x, y, eps):
        nn.Sequential(nn.Flatten(), nn.LazyLinear(10))(x)
        return x.clone()

    assert task.fooled(answer) == 0 and before.has_uninitialized_params()


def test_the_oracle_may_be_asked_as_often_as_is_allowed() -> None:
    def all_of_it(oracle, seeds, x, y, eps):
        for _ in range(5):
            assert not oracle(seeds).is_floating_point()
        return x.clone()

    assert task.fooled(all_of_it) == 0
