"""Exercises: check an answer, give a hint, show the code that runs; and the generator of the student's notebooks.

In a chapter:

    fgsm = check("fgsm", fgsm)    # the student's own version when it is right, else the course's
    hint("fgsm")                  # the next hint
    source(fgsm)                  # the very code that runs

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

from . import checks
from .checking import Exercise, objection
from .runtime import hints_given, pick


# ---------------------------------------------------------------- finding an exercise


def find(name: str) -> tuple[str, str]:
    """The checks file and the exercise that a name means: "09/fgsm", or "fgsm" where only one chapter has it."""
    places = {f"{file[2:4]}/{plain}": (file, plain) for file, names in checks.CHAPTERS.items() for plain in names}
    if name in places:
        return places[name]
    plain = pick("exercise", name, places if "/" in str(name) else dict.fromkeys(plain for _, plain in places.values()))
    full = [one for one, place in places.items() if place[1] == plain]
    if len(full) > 1:
        raise ValueError(f"{len(full)} chapters have an exercise {name!r}; give its full name: {' or '.join(full)}.")
    return places[full[0]]


def chapter(file: str) -> dict[str, Exercise]:
    """The exercises of one chapter by name. Its checks file is imported now, and no other."""
    try:
        module = importlib.import_module(f"{checks.__name__}.{file}")
        return {task.name: task for task in module.EXERCISES}
    except Exception as error:  # whatever is wrong with the file
        what = f"{type(error).__name__}: {error}"
        raise ImportError(f"course_utils/checks/{file}.py fails, so this chapter has no exercises ({what}).") from error


def exercise(name: str) -> Exercise:
    """One exercise by its plain or full name; an unknown name gets an error that lists the nearest ones."""
    file, plain = find(name)
    known = chapter(file)
    return known[pick(f"exercise of course_utils/checks/{file}.py", plain, known)]


# ---------------------------------------------------------------- for the student


def check(name: str, answer: Callable) -> Callable:
    """Check `answer`; gives it back when it is right, else the course's own version. Always goes on, always says why."""
    task = exercise(name)
    message = objection(task, answer)
    if message is None:
        print(f"✓ {task.name}: passed")
        return answer
    print(message)
    return task.reference


def hint(name: str, level: int | None = None) -> None:
    """Print the next hint of an exercise, or the one numbered `level` (from 1)."""
    key, task = find(name), exercise(name)
    rungs = task.hints
    if level is None:
        level = min(hints_given.get(key, 0) + 1, len(rungs))
        hints_given[key] = level
    if not 1 <= level <= len(rungs):
        raise ValueError(f"level is {level}; {task.name} has the hints 1 to {len(rungs)}.")
    last = "" if level < len(rungs) else "\nThis was the last hint; the folded solution is below the exercise."
    print(f"Hint {level} of {len(rungs)}: {rungs[level - 1]}{last}")


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
