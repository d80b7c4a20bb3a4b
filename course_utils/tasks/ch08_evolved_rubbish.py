"""The open task of chapter 08: noise that a network takes for ten given classes, by asking it few questions and no gradient."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from .. import models, runtime
from ..checking import OpenTask, counted, expect, expect_budget
from ..runtime import generator

ASKED, JUDGE, CLASSES = "lenet-digits", "lenet-digits-twin", 10
EPS, QUESTIONS, SEED = 0.25, 300, 11  # how far a pixel may go, and how many pictures the network may be shown for each one


def by_pixels(model: nn.Module, x: Tensor, y: Tensor, eps: float, questions: int) -> Tensor:
    """The baseline, a hill climber for each picture: one pixel in ten goes to x + eps or x - eps; kept where log p of the class rises."""
    chance, best, height = generator(0), x, None
    for _ in range(questions):
        mutates, up = (torch.rand(x.shape, generator=chance).to(x) < share for share in (0.1, 0.5))
        child = best if height is None else torch.where(mutates, x + eps * (2 * up.to(x) - 1), best).clamp(0, 1)
        log_p = runtime.logits(model, child).log_softmax(1).gather(1, y[:, None])[:, 0]
        better = torch.ones_like(y, dtype=torch.bool) if height is None else log_p > height
        best = torch.where(better[:, None, None, None], child, best)
        height = log_p if height is None else torch.where(better, log_p, height)
    return best


@contextlib.contextmanager
def asking() -> Iterator[list[int]]:
    """How many pictures are shown inside to networks with ten classes, whichever they are: behind every linear layer with so many outputs."""
    shown = [0]

    def count(layer: nn.Module, _: object, scores: Tensor) -> None:
        if isinstance(layer, nn.Linear) and layer.out_features == CLASSES:
            shown[0] += len(scores)

    handle = register_module_forward_hook(count)
    try:
        yield shown
    finally:
        handle.remove()


def judged(few_questions: Callable) -> float:
    """How sure a network that was not asked is of the ten classes, mean, in percent. Drawn digits' networks, whatever data the chapter runs on."""
    net, judge = models.load(ASKED), models.load(JUDGE)
    y = torch.arange(CLASSES, device=runtime.device())
    x = torch.rand(CLASSES, 1, 28, 28, generator=generator(SEED)).to(y.device)
    answer(few_questions, net, x[:4], y[:4], EPS / 2, QUESTIONS // 10)  # whoever has numbers in mind goes over these
    got = answer(few_questions, net, x, y, EPS, QUESTIONS)
    return 100 * runtime.logits(judge, got).softmax(1).gather(1, y[:, None]).mean().item()


def answer(few_questions: Callable, net: nn.Module, x: Tensor, y: Tensor, eps: float, questions: int) -> Tensor:
    """What an answer makes of the noise, when it keeps the rules."""
    with asking() as shown:
        got, gradients = counted(few_questions, x, "the batch of pictures", model=net, x=x, y=y, eps=eps, questions=questions)
    expect_budget(got, {"x": x, "eps": eps})
    expect(gradients == 0, "gradients were taken; this task has none, only the network's scores.")
    expect(shown[0] <= questions * len(x), f"{shown[0]} pictures were shown to networks; {questions} for each of the {len(x)} are allowed.")
    return got


TASKS = (
    OpenTask("few_questions", by_pixels, judged, goal=75.0, minutes=20, hints=(
        "One pixel in ten, each on its own: that is the direct encoding. Most of such a change averages out in the network's filters. Which changes do not?",
        "Change whole squares: x + eps or x - eps in a square of a few pixels, at a random place, and keep it where log p of the class rises.",
        "Squares of five by five pixels get far beyond the goal. All pictures can be asked about at once: model(children) is one question for each.",
    )),
)  # fmt: skip
