"""What the tests of the arena share: submissions as text, a session without a process, and one with."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from course_utils.arena import wire
from course_utils.arena.child import Answers
from course_utils.arena.session import Session

PLAIN = "from course_utils import models\ndef load():\n    return models.load('stridenet-digits')\n"
# A network that is made in no time, for what goes wrong before anybody looks at its accuracy.
QUICK = "import os, sys, time, torch\nclass Net(torch.nn.Module):\n    calls = 0\n    def forward(self, x):\n        self.calls += 1\n{body}\n        return x.flatten(1)[:, 300:310] * 1.0\ndef load():\n    return Net()\n"


def quick(body: str) -> str:
    """A submission that does something in each call."""
    return QUICK.format(body="\n".join(f"        {line}" for line in body.splitlines()))


def written(folder: Path, text: str) -> Path:
    path = folder / "submission.py"
    path.write_text(text, encoding="utf-8")
    return path


def session(folder: Path, text: str, *, patience: float = 3.0, megabytes: int = 1000, load: float = 20.0) -> Session:
    """A submission in its process, loaded."""
    made = Session(written(folder, text), folder, deadline=time.monotonic() + 60, patience=patience, megabytes=megabytes)
    made.expect(wire.READY, 40)
    made.expect(wire.LOADED, load)
    return made


class Here:
    """A session without a process: what the child would answer, at once."""

    def __init__(self, network: Callable[[Tensor], Tensor]) -> None:
        self.answers, self.key, self.asked = Answers(network), 0, 0

    def ask(self, x: Tensor, labels: Tensor, flags: int = 0) -> tuple[Tensor, int, int]:
        self.key += 1
        self.asked += len(x)
        notes, scores = self.answers.ask(x.detach(), labels, flags, self.key)
        return scores.detach().float(), notes, self.key

    def pull(self, weights: Tensor, key: int) -> tuple[Tensor, int] | None:
        found = self.answers.pull(weights.detach(), key)
        return None if found is None else (found[1].view(-1, *wire.SHAPE), found[0])


def pictures(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, *wire.SHAPE, generator=torch.Generator().manual_seed(seed))
