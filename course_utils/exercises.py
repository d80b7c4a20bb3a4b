"""Exercises: check an answer, give a hint, show the code that runs; and the generator of the student's notebooks.

In a chapter:

    fgsm = check("fgsm", fgsm)    # the student's own version when it is right, else the course's
    hint("fgsm")                  # the next hint
    source(fgsm)                  # the very code that runs

    python -m course_utils.exercises [--check] [09_fgsm ...]     generate the student's notebooks, or compare them

Each chapter has one file `course_utils/checks/chNN_name.py` that registers its exercises.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import linecache
import pkgutil
import sys
import textwrap
import traceback
from ast import parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .runtime import generator, pick


class Mistake(Exception):
    """Raised by a checker: its text tells the student what is wrong and where to look."""


@dataclass(frozen=True)
class Exercise:
    """One exercise. `wrong` holds answers that students give, each with words that its message must hold (tested)."""

    name: str
    reference: Callable
    checker: Callable[[Callable], None]
    hints: tuple[str, ...]
    wrong: tuple[tuple[Callable, str], ...]
    difficulty: int = 1  # 1 to 3
    minutes: int = 5


_exercises: dict[str, Exercise] = {}
_hints_given: dict[str, int] = {}


def register(exercise: Exercise) -> Exercise:
    """Make an exercise known; a chapter's checks file calls it once for each."""
    known = _exercises.get(exercise.name)
    if known is not None and known.checker.__module__ != exercise.checker.__module__:
        raise ValueError(f"two exercises are named {exercise.name!r}; give one of them another name.")
    _exercises[exercise.name] = exercise
    return exercise


def exercises() -> dict[str, Exercise]:
    """All exercises by name. The chapters' files are imported at the first call, not before."""
    from . import checks

    for module in pkgutil.iter_modules(checks.__path__, f"{checks.__name__}."):
        importlib.import_module(module.name)
    return _exercises


def exercise(name: str) -> Exercise:
    """One exercise; an unknown name gets an error that lists the nearest ones."""
    known = _exercises if name in _exercises else exercises()
    return known[pick("exercise", name, known)]


# ---------------------------------------------------------------- for the student


def check(name: str, answer: Callable) -> Callable:
    """Check `answer`; gives it back when it is right, else the course's own version. Always goes on, always says why."""
    task = exercise(name)
    message = mistake(task, answer)
    if message is None:
        print(f"✓ {name}: passed")
        return answer
    print(message)
    return task.reference


def mistake(task: Exercise, answer: Callable) -> str | None:
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
        return f"✗ {name}: {describe(error, answer, task)} {going_on}"
    return None


def describe(error: BaseException, answer: Callable, task: Exercise) -> str:
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


def hint(name: str, level: int | None = None) -> None:
    """Print the next hint of an exercise, or the one numbered `level` (from 1)."""
    rungs = exercise(name).hints
    if level is None:
        level = min(_hints_given.get(name, 0) + 1, len(rungs))
        _hints_given[name] = level
    if not 1 <= level <= len(rungs):
        raise ValueError(f"level is {level}; {name} has the hints 1 to {len(rungs)}.")
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


# ---------------------------------------------------------------- for checkers


def expect(condition: bool | Tensor, message: str) -> None:
    """Raise Mistake(message) unless the condition holds."""
    if not bool(condition):
        raise Mistake(message)


def returned(got: Any, like: Tensor, what: str, *, dtype: bool = True) -> None:
    """Require that the student's function returned a tensor of the shape (and precision) of `like`."""
    expect(got is not None, "your function returns nothing; end it with `return` and the result (print only shows it).")
    form = f"a torch tensor of shape {list(like.shape)}"
    expect(isinstance(got, Tensor), f"{what} is {type(got).__name__}; {form} is expected.")
    expect(got.shape == like.shape, f"{what} has shape {list(got.shape)}; {list(like.shape)} is expected.")
    expect(not dtype or got.dtype == like.dtype, f"{what} holds {got.dtype}; {like.dtype} is expected, as in the input.")
    expect(not got.isnan().any(), f"{what} holds NaN; do you divide by 0 somewhere?")


def close(got: Any, want: Tensor | float, what: str = "the result", *, tol: float = 1e-5, why: str = "") -> None:
    """Require that `got` equals `want` within `tol` (relative and absolute): type, shape, no NaN, values.

    `why` is the sentence that names the likely mistake; without it the message says how far apart they are.
    """
    if not isinstance(got, (Tensor, int, float)):
        kind = "a tensor" if isinstance(want, Tensor) else "a number"
        raise Mistake(f"{what} is {type(got).__name__}; {kind} is expected. Does the function return it?")
    a, b = torch.as_tensor(got).detach().cpu(), torch.as_tensor(want).detach().cpu()
    expect(a.shape == b.shape, f"{what} has shape {list(a.shape)}; {list(b.shape)} is expected.")
    a, b = a.double(), b.double()
    expect(not a.isnan().any(), f"{what} holds NaN.")
    if not torch.allclose(a, b, rtol=tol, atol=tol):
        far = (a - b).abs()
        at = int(far.argmax())
        seen = f"{what} is off by up to {far.max():.3g}: {a.flatten()[at]:.4g} where {b.flatten()[at]:.4g} is expected."
        raise Mistake(why or seen)


@contextlib.contextmanager
def untouched(**things: Tensor | nn.Module) -> Iterator[None]:
    """Require that the code inside changes none of these: `with untouched(x=x, model=net): f(net, x)`."""

    def state(thing: Tensor | nn.Module) -> list:
        if isinstance(thing, Tensor):
            return [thing.detach().clone(), thing.requires_grad, None if thing.grad is None else thing.grad.clone()]
        flags = [(module.training, len(module._forward_hooks)) for module in thing.modules()]
        return [flags, *(part for tensor in (*thing.parameters(), *thing.buffers()) for part in state(tensor))]

    before = {name: state(thing) for name, thing in things.items()}
    yield
    for name, thing in things.items():
        now = state(thing)
        if isinstance(thing, Tensor):
            expect(torch.equal(before[name][0], now[0]), f"{name} was changed in place; work on a copy: {name}.detach().clone().")
            expect(all(map(same, before[name], now)), f"{name} now asks for gradients or holds one; work on {name}.detach().clone().")
        else:
            intact = len(before[name]) == len(now) and all(map(same, before[name], now))
            expect(intact, f"{name} is not as it was: {altered(before[name], now)}")


def same(a: Any, b: Any) -> bool:
    """Equal, where either may be a tensor."""
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else type(a) is type(b) and a == b


def altered(before: list, now: list) -> str:
    """Which part of a model's state differs; each tensor stands there as value, requires_grad, grad."""

    def differ(place: int) -> bool:
        return not all(map(same, before[1 + place :: 3], now[1 + place :: 3]))

    if before[0] != now[0]:
        return "its mode (train or eval) or its hooks changed; put them back."
    if differ(1):
        return "its parameters' requires_grad changed; torch.autograd.grad(value, x) needs no such change."
    if differ(2):
        return "its parameters now hold gradients; torch.autograd.grad(value, x) computes the input's gradient alone."
    return "its weights changed; a map or an attack only reads them."


class Probe(nn.Module):
    """A small smooth network with fixed weights, for checkers: square pictures of `side` pixels."""

    def __init__(self, channels: int, side: int, classes: int) -> None:
        super().__init__()
        chance = generator(7)
        self.first = nn.Conv2d(channels, 6, 3, padding=1)
        self.last = nn.Linear(6 * side * side, classes)
        for weights in self.parameters():
            weights.data = 0.5 * torch.randn(weights.shape, generator=chance)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x)).flatten(1))


def probe(channels: int = 1, side: int = 6, classes: int = 4, count: int = 8) -> tuple[nn.Module, Tensor, Tensor]:
    """A `Probe`, `count` pictures for it (some pixels at 0 or 1), and labels that are its own choice for some of them only."""
    model = Probe(channels, side, classes).eval()
    x = (1.4 * torch.rand(count, channels, side, side, generator=generator(1)) - 0.2).clamp(0, 1)
    with torch.no_grad():
        own = model(x).argmax(1)
    return model, x, (own + torch.arange(count)) % classes


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
