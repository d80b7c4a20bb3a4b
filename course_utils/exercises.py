"""Exercises: check an answer, give a hint, show the code that runs; and the generator of the student's notebooks.

In a chapter:

    fgsm = check("fgsm", fgsm)          # the student's own version when it is right, else the course's
    attempt("beat_fgsm", beat_fgsm)     # an open task: the score, the goal, the best so far
    hint("fgsm")                        # the next hint
    source(fgsm)                        # the very code that runs

    python -m course_utils.exercises [--check] [09_fgsm ...]     generate the student's notebooks, or compare them

An exercise's full name is "09/fgsm"; the plain name does where only one chapter has it. Each chapter has one file
`course_utils/checks/chNN_name.py`, imported when one of its exercises is first asked for.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
import textwrap
from ast import parse
from collections.abc import Callable
from types import ModuleType

from . import checks, scores, tasks
from .checking import GOING_ON, Exercise, OpenTask, objection, verdict
from .runtime import hints_given, pick


# ---------------------------------------------------------------- finding an exercise


def find(name: str, table: dict[str, tuple[str, ...]] | None = None, kind: str = "exercise") -> tuple[str, str]:
    """The checks file and the exercise (or open task) that a name means: "09/fgsm", or "fgsm" where only one chapter has it."""
    given = checks.CHAPTERS if table is None else table
    places = {f"{file[2:4]}/{plain}": (file, plain) for file, names in given.items() for plain in names}
    if name in places:
        return places[name]
    plain = pick(kind, name, places if "/" in str(name) else dict.fromkeys(plain for _, plain in places.values()))
    full = [one for one, place in places.items() if place[1] == plain]
    if len(full) > 1:
        raise ValueError(f"{len(full)} chapters have an {kind} {name!r}; give its full name: {' or '.join(full)}.")
    return places[full[0]]


def chapter(file: str) -> dict[str, Exercise]:
    """The exercises of one chapter by name. Its checks file is imported now, and no other."""
    return _table(checks, file, "EXERCISES")


def open_tasks(file: str) -> dict[str, OpenTask]:
    """The open tasks of one chapter by name."""
    return _table(tasks, file, "TASKS")


def _table(package: ModuleType, file: str, table: str) -> dict:
    """What a chapter's file in `checks` or `tasks` declares, by name."""
    try:
        module = importlib.import_module(f"{package.__name__}.{file}")
        return {task.name: task for task in getattr(module, table)}
    except Exception as error:  # whatever is wrong with the file
        what, where = f"{type(error).__name__}: {error}", f"{package.__name__.replace('.', '/')}/{file}.py"
        raise ImportError(f"{where} fails, so this chapter has no {table.lower()} ({what}).") from error


def exercise(name: str) -> Exercise:
    """One exercise by its plain or full name; an unknown name gets an error that lists the nearest ones."""
    file, plain = find(name)
    known = chapter(file)
    return known[pick(f"exercise of course_utils/checks/{file}.py", plain, known)]


def open_task(name: str) -> OpenTask:
    """One open task by its plain or full name."""
    file, plain = find(name, tasks.CHAPTERS, "open task")
    known = open_tasks(file)
    return known[pick(f"open task of course_utils/tasks/{file}.py", plain, known)]


# ---------------------------------------------------------------- for the student


def check(name: str, answer: Callable | None = None) -> Callable:
    """Check `answer`; gives it back when it is right, else the course's own version. Always goes on, always says why."""
    task = exercise(name)
    if answer is None:
        print(f'✗ {task.name}: check needs two things, the name and your function: check("{task.name}", {task.name}). {GOING_ON}')
        return task.reference
    message = objection(task, answer)
    if message is None:
        print(f"✓ {task.name}: passed")
        return answer
    print(message)
    return task.reference


def attempt(name: str, answer: Callable) -> None:
    """Score `answer` at an open task: prints the score, the goal and the course's own score, and keeps the best one."""
    task = open_task(name)
    file, plain = find(name, tasks.CHAPTERS, "open task")
    full = f"{file[2:4]}/{plain}"
    print(verdict(task, answer, scores.best(full), lambda score: scores.keep(full, score)))


def hint(name: str, level: int | None = None) -> None:
    """Print the next hint of an exercise or open task, or the one numbered `level` (from 1)."""
    key, rungs = _ladder(name)
    if level is None:
        level = min(hints_given.get(key, 0) + 1, len(rungs))
        hints_given[key] = level
    if not isinstance(level, int) or isinstance(level, bool) or not 1 <= level <= len(rungs):
        raise ValueError(f"level is {level!r}; {key[1]} has the hints 1 to {len(rungs)}: hint({name!r}), or hint({name!r}, 1).")
    last = "" if level < len(rungs) else LAST
    print(f"Hint {level} of {len(rungs)}: {rungs[level - 1]}{last}")


LAST = "\nThis was the last hint; the folded solution is below the exercise."


def _ladder(name: str) -> tuple[tuple[str, str], tuple[str, ...]]:
    """The key of an exercise's or open task's hints, and the hints."""
    of_tasks = {plain for file, names in tasks.CHAPTERS.items() for plain in (*names, *(f"{file[2:4]}/{n}" for n in names))}
    if name in of_tasks:
        return find(name, tasks.CHAPTERS, "open task"), open_task(name).hints
    return find(name), exercise(name).hints


class Source(str):
    """Code that a notebook shows highlighted; as text it is the code itself."""

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"

    def __repr__(self) -> str:
        return str(self)


def source(thing: Callable) -> Source:
    """The very code of a function or class, without its decorators."""
    thing = inspect.unwrap(thing)
    try:
        text = textwrap.dedent(inspect.getsource(thing))
    except (TypeError, OSError) as error:
        raise ValueError(f"{thing!r} has no Python source to show; give a function or class of the course.") from error
    try:
        first = parse(text).body[0].lineno
    except SyntaxError:  # a lambda in the middle of an expression
        first = 1
    return Source("\n".join(text.splitlines()[first - 1 :]).rstrip())


# ---------------------------------------------------------------- the generator's command line


def main(arguments: list[str] | None = None) -> int:
    """Generate the student's notebooks, or with --check compare them with the committed ones."""
    from . import notebooks

    parser = argparse.ArgumentParser(description="Generate the student's notebooks from the authors'.")
    parser.add_argument("names", nargs="*", help="chapters, as 09_fgsm; all when none is given")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a committed notebook differs")
    options = parser.parse_args(arguments)
    paths = notebooks.authored(options.names)
    if not options.check:
        for path in paths:
            notebooks.generate(path)
        return 0
    faults = [fault for path in paths if (fault := notebooks.drift(path))]
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print("Run: make execute", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
