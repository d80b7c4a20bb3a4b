"""What an exercise consists of: the course's own version, arguments to try an answer on, and the mistakes known by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

Case = dict[str, Any]  # the arguments of one call, by name, in the order in which the function takes them


class Mistake(Exception):
    """Raised by a checker: its text tells the student what is wrong and where to look."""


class Item(NamedTuple):
    """One item of the standard battery: how a case is varied, in which situation the answer then is, what a fault may come from."""

    vary: Callable[[Case], Iterable[Case]]
    when: str  # "for one picture alone"
    why: str  # follows when the values are wrong in this situation only


@dataclass(frozen=True)
class Exercise:
    """One exercise. An answer is right when it gives what the reference gives: for every case, and in every situation of the battery.

    cases: makes the arguments to try; the first ones are the usual values, and each number takes another value later.
    mistakes: wrong functions, each with the sentence that is said when an answer gives the same as it.
    rules: what every result must keep (pixels in [0, 1], ...); each says in its own words what is broken.
    agree: raises a Mistake unless got is as good as want; by default they must be equal within `tol`.
    also: what comparing with the reference cannot show, such as the statistics of random numbers.
    """

    name: str
    reference: Callable
    cases: Callable[[], Iterable[Case]]
    hints: tuple[str, ...]
    what: str = "the result"
    mistakes: tuple[tuple[Callable, str], ...] = ()
    rules: tuple[Callable[[Any, Case], None], ...] = ()
    battery: tuple[Item, ...] = ()
    agree: Callable[[Any, Any, Case], None] | None = None
    also: Callable[[Callable], None] | None = None
    tol: float = 1e-5
    difficulty: int = 1  # 1 to 3
    minutes: int = 5


@dataclass(frozen=True)
class OpenTask:
    """A task with a measurable goal and no single answer: `score(f)` says how far f gets, `goal` what is to be reached.

    baseline: the course's own function, whose score stands beside the student's. form: how a score is written.
    """

    name: str
    baseline: Callable
    score: Callable[[Callable], float]
    goal: float
    hints: tuple[str, ...]
    form: str = "{:.1f} %"
    more_is_better: bool = True
    minutes: int = 15
