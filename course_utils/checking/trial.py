"""Trying an answer: run its checker, and put into words what went wrong."""

from __future__ import annotations

import inspect
import linecache
import traceback
from collections.abc import Callable

import torch

from .exercise import Exercise, Mistake


def objection(task: Exercise, answer: Callable) -> str | None:
    """What `check` prints about an answer that is not accepted, or None. The notebook's random numbers stay as they were."""
    name, going_on = task.name, "Going on with the course's own version."
    if not callable(answer):
        return f'✗ {name}: check is given {type(answer).__name__}; give it your function: check("{name}", {name}). {going_on}'
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(0)
            task.checker(answer)
    except Mistake as error:
        return f"✗ {name}: {error} {going_on}"
    except (Exception, SystemExit) as error:  # whatever a student's code raises is reported; Run All goes on
        if isinstance(error, NotImplementedError) and not error.args:  # the stub; torch's own errors carry a text
            return f"Exercise {name}: not written yet; going on with the course's own version."
        return f"✗ {name}: {in_words(error, answer, task)} {going_on}"
    return None


def in_words(error: BaseException, answer: Callable, task: Exercise) -> str:
    """An exception in words: type, first line of its text, and the line of the student's code where it arose."""
    text = f"{type(error).__name__}: {error}".strip().split("\n")[0].rstrip(":")
    functions = [answer, *vars(answer).values()] if inspect.isclass(answer) else [answer]
    codes = [getattr(inspect.unwrap(function), "__code__", None) for function in functions if callable(function)]
    frames = list(traceback.walk_tb(error.__traceback__))
    entered = next((i for i, (frame, _) in enumerate(frames) if frame.f_code in codes), None)
    if entered is None and isinstance(error, TypeError) and "argument" in str(error):
        wanted = ", ".join(inspect.signature(task.reference).parameters)
        return f"your function must take the arguments ({wanted}), in this order ({text})."
    if entered is None:
        return f"the check could not use what your function returns ({text})."
    home = frames[entered][0].f_code.co_filename
    own = [(frame.f_code.co_filename, line) for frame, line in frames[entered:]]
    file, line = [place for place in own if place[0] == home or "ipykernel_" in place[0]][-1]
    return f"your code raised {text}, in the line: {linecache.getline(file, line).strip()}."
