"""What an exercise consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class Mistake(Exception):
    """Raised by a checker: its text tells the student what is wrong and where to look."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: the course's own version, its checker, and the ladder of hints."""

    name: str
    reference: Callable
    checker: Callable[[Callable], None]
    hints: tuple[str, ...]
    difficulty: int = 1  # 1 to 3
    minutes: int = 5
