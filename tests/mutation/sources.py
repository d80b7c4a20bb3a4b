"""Where the right answers of an exercise stand: the solution in the notebook, tests/right, and the reference itself."""

from __future__ import annotations

import ast
import functools
import inspect
import runpy
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from course_utils.checking import Exercise, objection
from course_utils.places import course_folder
from tests.test_solutions import CHECKS, define, imports, solved_cells

from .tree import Context, Definition, bare

ROOT = course_folder()
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Answer:
    """A right answer that can be changed: the definitions it is made of, its own last, and the names they see."""

    origin: str  # "solution", "reference", or the function's name in tests/right
    parts: tuple[Definition, ...]
    space: dict[str, Any]

    def build(self, parts: tuple[Definition, ...] | None = None) -> Callable:
        """The function that these definitions make, in a copy of the answer's own names."""
        parts, space = parts or self.parts, dict(self.space)
        exec(compile(ast.fix_missing_locations(ast.Module(list(parts), [])), "<mutant>", "exec", dont_inherit=True), space)
        return space[parts[-1].name]


def answers(file: str, task: Exercise) -> list[Answer]:
    """All right answers of an exercise that are written out."""
    found = [*solutions(file, task.name), *written(file, task.name), *reference(task)]
    if not found:
        raise ValueError(f"{file}: no right answer of {task.name} is written out as a function or lambda.")
    return found


# ---------------------------------------------------------------- the three places


def solutions(file: str, name: str) -> Iterator[Answer]:
    """The solution in the authored notebook."""
    return (answer for asked, answer in solved(file) if asked == name)


@functools.cache
def solved(file: str) -> list[tuple[str, Answer]]:
    """All solutions of a chapter, each with the name of its exercise and the names that its cell sees."""
    path, found = ROOT / "notebooks" / "solutions" / f"{file.removeprefix('ch')}.ipynb", []
    space = imports(path)
    for source in solved_cells(path):
        define(source, FUNCTIONS, space, path.name)
        for asked, answer in CHECKS.findall(source):
            parts = related(ast.parse(strip(source)), answer, {answer})
            found.append((asked.split("/")[-1], Answer("solution", parts, dict(space))))
    return found


def written(file: str, name: str) -> Iterator[Answer]:
    """The right answers in tests/right."""
    path = ROOT / "tests" / "right" / f"{file}.py"
    space, tree = right(path)
    top = {one.__name__ for many in space["RIGHT"].values() for one in many if hasattr(one, "__name__")}
    for number, function in enumerate(space["RIGHT"].get(name, ())):
        if parts := located(function, tree, top):
            origin = parts[-1].name if parts[-1].name != "<lambda>" else f"lambda {number + 1}"
            yield Answer(origin, parts, space)


@functools.cache
def right(path: Path) -> tuple[dict, ast.Module]:
    return runpy.run_path(str(path)), ast.parse(path.read_text(encoding="utf-8"))


def reference(task: Exercise) -> Iterator[Answer]:
    """The reference, where it is written in the checks file; not where it only is a function of the library."""
    module = inspect.getmodule(task.reference)
    if module is None or not module.__name__.startswith("course_utils.checks."):
        return
    tree = ast.parse(inspect.getsource(module))
    top = {one.reference.__name__ for one in module.EXERCISES if hasattr(one.reference, "__name__")}
    if parts := located(task.reference, tree, top):
        yield Answer("reference", parts, dict(vars(module)))


# ---------------------------------------------------------------- finding definitions


def strip(source: str) -> str:
    """A cell without IPython's own commands."""
    return "\n".join("" if line.startswith(("%", "!")) else line for line in source.splitlines())


def located(function: Any, tree: ast.Module, answers: set[str]) -> tuple[Definition, ...]:
    """The definitions that a function (or a lambda) of a file is made of; none when it is not written there."""
    function = inspect.unwrap(function) if callable(function) else function
    name = getattr(function, "__name__", "")
    if name != "<lambda>":
        return related(tree, name, answers | {name})
    start = next(iter(function.__code__.co_positions()))[0] if sys.version_info >= (3, 11) else function.__code__.co_firstlineno
    start = start or function.__code__.co_firstlineno
    code = function.__code__.co_code
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and node.lineno == start and lambda_code(node) == code:
            made = ast.FunctionDef("answer", node.args, [ast.Return(node.body)], [])
            return (*helpers(tree, made, answers), bare(ast.fix_missing_locations(ast.copy_location(made, node))))
    return ()


def lambda_code(node: ast.Lambda) -> bytes:
    """The code of a lambda by itself, to tell two in one line apart."""
    code = compile(ast.Expression(node), "<lambda>", "eval")
    return next(one.co_code for one in code.co_consts if isinstance(one, types.CodeType))


def related(tree: ast.Module, name: str, answers: set[str]) -> tuple[Definition, ...]:
    """The definition of a name at the top of a file, after the helpers there that it uses and that are no answers themselves."""
    own = [node for node in tree.body if isinstance(node, FUNCTIONS) and node.name == name]
    return (*helpers(tree, own[-1], answers | {name}), bare(own[-1])) if own else ()


def helpers(tree: ast.Module, definition: Definition, answers: set[str]) -> tuple[Definition, ...]:
    """The functions and classes of a file that a definition uses, directly or not, in the file's order."""
    known = {node.name: node for node in tree.body if isinstance(node, FUNCTIONS) and node.name not in answers}
    used, todo = set(), [definition]
    while todo:
        names = {node.id for node in ast.walk(todo.pop()) if isinstance(node, ast.Name)}
        new = (names & known.keys()) - used
        used |= new
        todo += [known[one] for one in new]
    return tuple(bare(node) for name, node in known.items() if name in used)


# ---------------------------------------------------------------- what the checker gives


def context(task: Exercise, answer: Answer) -> Context:
    """What is known about an answer: its arguments are named in its own words, their values are the reference's."""
    values, result = recorded(task)
    own = answer.build()
    modules = frozenset(key for key, value in answer.space.items() if isinstance(value, types.ModuleType))
    names = list(inspect.signature(own).parameters) if isinstance(answer.parts[-1], ast.FunctionDef) else []
    stored = {node.id for node in ast.walk(answer.parts[-1]) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    text = "\n".join(map(ast.unparse, answer.parts))
    return Context(dict(zip(names, values)), result, modules, frozenset(stored), text)


def recorded(task: Exercise) -> tuple[list[Any], Any]:
    """The arguments and the result of the checker's first call of the reference; of tensors, the largest of all calls.

    A class is not recorded.
    """
    calls: list[tuple[list[Any], Any]] = []
    if inspect.isclass(task.reference):
        return [], None

    @functools.wraps(task.reference)
    def recording(*given: Any, **named: Any) -> Any:
        bound = inspect.signature(task.reference).bind(*given, **named)
        bound.apply_defaults()
        result = task.reference(*given, **named)
        calls.append((list(bound.arguments.values()), result))
        return result

    message = objection(task, recording)
    if message is not None or not calls:
        raise ValueError(f"{task.name}: the reference itself is not accepted: {message}")
    columns = zip(*([*values, result] for values, result in calls))
    *values, result = [max(column, key=numel) if isinstance(column[0], Tensor) else column[0] for column in columns]
    return values, result


def numel(value: Any) -> int:
    return value.numel() if isinstance(value, Tensor) else -1
