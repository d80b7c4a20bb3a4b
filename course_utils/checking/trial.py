"""Trying an answer: run its examination, and put into words what went wrong."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import sys
from collections.abc import Callable
from typing import Any

from .examine import examine
from .exercise import Exercise, Mistake, OpenTask
from .guard import guarded
from .words import in_words, is_untouched_stub

GOING_ON = "Going on with the course's own version."
TASK_SECONDS = 120.0  # an open task may work on many pictures


def objection(task: Exercise, answer: Callable) -> str | None:
    """What `check` prints about an answer that is not accepted, or None. Everything global stays as it was."""
    if not callable(answer):
        return f'✗ {task.name}: check is given {type(answer).__name__}; give it your function: check("{task.name}", {task.name}). {GOING_ON}'
    try:
        examine(task, printing_once(answer))
    except Mistake as error:
        return f"✗ {task.name}: {error} {GOING_ON}"
    except BaseException as error:  # whatever a student's code raises, also exit() and interrupts, is reported; Run All goes on
        if not_written(error) and is_untouched_stub(answer):
            return f"Exercise {task.name}: not written yet; going on with the course's own version."
        return f"✗ {task.name}: {explained(error, answer, task.reference)} {GOING_ON}"
    return None


@functools.lru_cache
def baseline_score(task: OpenTask) -> float:
    """The score of the course's own function; it is the same every time."""
    return task.score(task.baseline)


def verdict(task: OpenTask, answer: Callable, best: float | None, keep: Callable[[float], None]) -> str:
    """What `attempt` prints about an open task; a score better than `best` is given to `keep`."""
    goal, own = task.form.format(task.goal), task.form.format(baseline_score(task))
    about = f"goal {goal}, the course's {task.baseline.__name__} {own}"
    try:
        with guarded(TASK_SECONDS):
            score = float(task.score(answer))
    except Mistake as error:
        return f"✗ {task.name}: {error} ({about})"
    except BaseException as error:  # as in `objection`
        if not_written(error) and is_untouched_stub(answer):
            return f"Open task {task.name}: not tried yet ({about})."
        return f"✗ {task.name}: {explained(error, answer, task.baseline)} ({about})"

    def beats(other: float) -> bool:
        return score > other if task.more_is_better else score < other

    if best is None or beats(best):
        keep(score)
    reached = "✓ goal reached" if beats(task.goal) or score == task.goal else "not yet at the goal"
    before = "" if best is None or beats(best) or score == best else f"; your best so far {task.form.format(best)}"
    return f"Open task {task.name}: {task.form.format(score)}, {reached} ({about}{before})."


def not_written(error: BaseException) -> bool:
    """Whether this comes from a stub; torch's own NotImplementedErrors carry a text."""
    return isinstance(error, NotImplementedError) and not error.args


def explained(error: BaseException, answer: Callable, like: Callable) -> str:
    """The sentence for an exception that came out of an answer which must take the arguments of `like`."""
    if not_written(error):
        return "the line `raise NotImplementedError` is still in your function; take it out."
    return in_words(error, answer, list(inspect.signature(like).parameters))


def printing_once(answer: Callable) -> Callable:
    """The function, whose prints are shown the first time and left out later: a check calls it many times."""
    calls = 0

    @functools.wraps(answer, updated=())
    def quiet(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        with contextlib.redirect_stdout(sys.stdout if calls == 1 else io.StringIO()):
            return answer(*arguments, **options)

    return quiet
