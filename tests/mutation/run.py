"""Every mutant of an exercise through its checker, and the survivors beside those that are explained."""

from __future__ import annotations

import collections
import contextlib
import io
import re
import runpy
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

from course_utils import exercises
from course_utils.checking import Exercise, objection

from .mutants import Mutant, mutants
from .sources import ROOT, Answer, answers, context

SECONDS = 5.0  # of work for one mutant, waiting not counted, so that a busy machine changes nothing
ANY = "…"  # in a key of EQUIVALENT: any text


class TooLong(BaseException):
    """A mutant that does not end in time. Not an Exception: no checker shall take it for one of the answer's own."""


@dataclass
class Report:
    """What became of an exercise's mutants. Keys are "fgsm/solution: kind: line -> line"."""

    name: str
    rejected: dict[str, str] = field(default_factory=dict)  # key -> what the checker said
    survivors: dict[str, Mutant] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)  # right answers that are rejected

    @property
    def kinds(self) -> dict[str, tuple[int, int]]:
        """Kind -> mutants, survivors."""
        every = collections.Counter(key.split(": ")[1] for key in self.seconds)
        left = collections.Counter(mutant.kind for mutant in self.survivors.values())
        return {kind: (count, left[kind]) for kind, count in sorted(every.items())}


OWN = ("solution", "reference")  # what each exercise has by itself, beside the right answers in tests/right


def survey(file: str, name: str, *, whole: bool = True) -> Report:
    """The mutants of one exercise, tried: of all its right answers, or not `whole`, of the solution and the reference."""
    task = exercises.chapter(file)[name]
    return report(task, [answer for answer in answers(file, task) if whole or answer.origin in OWN])


def alone(place: tuple[str, str]) -> Report:
    """`survey` in a process of its own, one thread each."""
    torch.set_num_threads(1)
    return survey(*place)


def report(task: Exercise, right: list[Answer]) -> Report:
    """All mutants of these right answers, tried. The same change of two answers is tried once."""
    made, seen = Report(task.name), set()
    with quiet():
        for answer in right:
            if (message := judged(task, answer.build)) is not None:
                made.faults.append(f"{task.name}/{answer.origin} is right, but is rejected: {message}")
                continue
            for mutant in mutants(answer.parts, context(task, answer), seen):
                key = f"{task.name}/{answer.origin}: {mutant.text}"
                start = time.process_time()
                message = judged(task, lambda: answer.build(mutant.parts))
                made.seconds[key] = time.process_time() - start
                if message is None:
                    made.survivors[key] = mutant
                else:
                    made.rejected[key] = message
    return made


def judged(task: Exercise, build: Callable[[], Callable]) -> str | None:
    """What the checker says of an answer, None when it is accepted; one that does not end or cannot be defined is rejected."""
    try:
        with limit(SECONDS), restored():
            return objection(task, build())
    except TooLong:
        return f"not done after {SECONDS:.0f} s"
    except Exception as error:  # a decorator or a default that no longer works
        return f"{type(error).__name__}: {error}"


# ---------------------------------------------------------------- guards


@contextlib.contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise TooLong in the code inside when it works longer. Only in the main thread, and not on Windows."""

    def ring(*_: object) -> None:
        raise TooLong

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """What a mutant may switch in torch is as before afterwards."""
    gradients, kind = torch.is_grad_enabled(), torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_grad_enabled(gradients)
        torch.set_default_dtype(kind)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings, no output."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


# ---------------------------------------------------------------- the explained ones


def equivalent(file: str) -> dict[str, str]:
    """The explained survivors of a chapter: key -> reason. A chapter without any needs no file."""
    path = ROOT / "tests" / "equivalent" / f"{file}.py"
    return runpy.run_path(str(path))["EQUIVALENT"] if path.exists() else {}


def matches(pattern: str, key: str) -> bool:
    """Whether a key of EQUIVALENT means this mutant; `…` in it stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split(ANY))), key, re.S) is not None


def complaints(made: Report, explained: dict[str, str], *, whole: bool = True) -> list[str]:
    """What is wrong: right answers rejected, survivors without a reason, and entries that say too much.

    An entry must mean survivors only: one that means a rejected mutant, or, of a `whole` survey, none at all is out of date.
    """
    mine = {pattern: reason for pattern, reason in explained.items() if pattern.startswith(f"{made.name}/")}
    found = list(made.faults)
    found += [f"accepted: {key}" for key in made.survivors if not any(matches(pattern, key) for pattern in mine)]
    for pattern, reason in mine.items():
        if not reason.strip():
            found.append(f"no reason is given: {pattern}")
        if wrongly := [key for key in made.rejected if matches(pattern, key)]:
            found.append(f"listed as equivalent, but rejected now: {wrongly[0]}")
        elif whole and not any(matches(pattern, key) for key in made.survivors):
            found.append(f"listed as equivalent, but there is no such mutant: {pattern}")
    return found
