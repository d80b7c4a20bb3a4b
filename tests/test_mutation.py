"""Mutation testing itself: right answers are found, holes of a toy checker are seen, explanations are kept honest.

The operators have tests/test_mutation_operators.py; the mutants of the chapters are tested in tests/right (tests/mutation/collect.py).
"""

from __future__ import annotations

import ast
import math
import types

import pytest
import torch

from course_utils import checks, exercises
from tests.mutation import run, sources
from tests.mutation.mutants import mutants
from tests.mutation.tree import Context, bare, line

# ---------------------------------------------------------------- finding right answers


FILE = """
import math

def helper(x):
    return x + 1

def first(x):
    return helper(x) * 2

def second(x):
    return first(x)

PAIR = (lambda x: x + 2, lambda x: x * 3)
"""


def loaded() -> tuple[dict, ast.Module]:
    space: dict = {}
    exec(compile(FILE, "toy", "exec"), space)
    return space, ast.parse(FILE)


def test_answer_comes_with_its_helpers() -> None:
    space, tree = loaded()
    assert [part.name for part in sources.located(space["first"], tree, {"second"})] == ["helper", "first"]
    assert [part.name for part in sources.located(space["second"], tree, {"first"})] == ["second"], "another answer is no helper"
    made = [mutant.before for mutant in mutants(sources.located(space["first"], tree, set()), Context())]
    assert {"return helper(x) * 2", "return x + 1"} <= set(made)


def test_lambdas_of_one_line_are_told_apart() -> None:
    space, tree = loaded()
    parts = [sources.located(one, tree, set()) for one in space["PAIR"]]
    assert [line(one[-1].body[0]) for one in parts] == ["return x + 2", "return x * 3"]
    assert [sources.Answer("it", one, space).build()(5) for one in parts] == [7, 15]


def test_function_from_elsewhere_is_left_out() -> None:
    assert sources.located(math.sqrt, loaded()[1], set()) == ()


def test_every_exercise_has_its_solution_changed() -> None:
    for file, names in checks.CHAPTERS.items():
        for name in names:
            found = {answer.origin for answer in sources.answers(file, exercises.chapter(file)[name])}
            assert "solution" in found, f"{file}: no solution of {name} in the notebook"


def test_explanations_belong_to_an_exercise() -> None:
    files = {path.stem for path in (sources.ROOT / "tests" / "equivalent").glob("*.py")}
    assert files <= set(checks.CHAPTERS), "named as the checks file"
    for file in files:
        unknown = [key for key in run.equivalent(file) if key.split("/")[0] not in checks.CHAPTERS[file]]
        assert not unknown, f"{file} has no such exercise: {unknown}"


# ---------------------------------------------------------------- trying the mutants of a toy


def toy(numbers: list[float], reference=lambda x, times: (times * x).clamp(0, 4)):
    """A task whose checker tries these numbers only; more numbers, fewer holes."""

    def check(f) -> str | None:
        for times in numbers:
            x = torch.tensor([-1.0, 1.0, 9.0])
            if not torch.equal(f(x, times), (times * x).clamp(0, 4)):
                return "✗ double: not the double."
        return None

    return types.SimpleNamespace(name="double", reference=reference, check=check)


@pytest.fixture(autouse=True)
def toys_check_themselves(monkeypatch) -> None:
    def objection(task, answer) -> str | None:
        try:
            return task.check(answer)
        except Exception as error:
            return str(error)

    for module in (run, sources):
        monkeypatch.setattr(module, "objection", objection)


def report(task, source: str) -> run.Report:
    space = {"torch": torch, "__name__": "toy"}
    return run.report(task, [sources.Answer("solution", (bare(ast.parse(source).body[0]),), space)])


SOLUTION = "def double(x, times):\n    return (times * x).clamp(0, 4)"


def test_hole_in_a_checker_is_found() -> None:
    left = report(toy([2.0]), SOLUTION).survivors
    assert "double/solution: argument fixed: def double -> times = 2.0" in left
    assert not [key for key in left if "clip dropped" in key]
    left = report(toy([2.0, 3.0]), SOLUTION).survivors
    assert not [key for key in left if "argument fixed" in key]


def test_equivalent_one_needs_its_reason() -> None:
    made = report(toy([2.0, 3.0]), SOLUTION)
    key = "double/solution: clip elsewhere: return (times * x).clamp(0, 4) -> return (times * x).clamp(-1, 1)"
    assert key in made.rejected
    (one, *_) = made.survivors
    open_ones = run.complaints(made, {})
    assert len(open_ones) == len(made.survivors) and f"accepted: {one}" in open_ones
    assert f"accepted: {one}" not in run.complaints(made, {one: "it is the same"})
    assert f"no reason is given: {one}" in run.complaints(made, {one: " "})
    assert not run.complaints(made, dict.fromkeys(made.survivors, "the same"))


def test_list_of_equivalent_ones_stays_honest() -> None:
    made = report(toy([2.0, 3.0]), SOLUTION)
    known = dict.fromkeys(made.survivors, "the same")
    gone, shut = "double/solution: sign flipped: no such line -> …", next(iter(made.rejected))
    assert run.complaints(made, known | {gone: "why"}) == [f"listed as equivalent, but there is no such mutant: {gone}"]
    assert run.complaints(made, known | {shut: "why"}) == [f"listed as equivalent, but rejected now: {shut}"]
    wide = run.complaints(made, known | {"double/…": "all of them"})
    assert len(wide) == 1 and wide[0].startswith("listed as equivalent, but rejected now: ")
    assert not run.complaints(made, known | {"halve/solution: …": "another exercise's"})
    assert not run.complaints(made, known | {gone: "why"}, whole=False), "a part of the mutants does not show that one is gone"


def test_right_answer_that_is_rejected_is_a_fault() -> None:
    made = report(toy([2.0]), "def double(x, times):\n    return x")
    assert len(made.faults) == 1 and not made.seconds
    assert "double/solution is right, but is rejected: ✗ double: not the double." in run.complaints(made, {})[0]


def test_dots_stand_for_any_text_and_nothing_else_does() -> None:
    assert run.matches("f/…: a * (b) -> …", "f/solution: a * (b) -> c[0]")
    assert not run.matches("f/…: a * (b) -> c", "f/solution: a * (b) -> c[0]") and not run.matches("f/.*", "f/solution")


def test_mutant_that_does_not_end_is_rejected(monkeypatch) -> None:
    monkeypatch.setattr(run, "SECONDS", 0.05)
    made = report(toy([2.0]), "def double(x, times):\n    k = 0\n    while k < 1:\n        k += 1\n    return (times * x).clamp(0, 4)")
    assert [key for key in made.rejected if "statement deleted: k += 1" in key]


def test_torch_is_as_before_afterwards() -> None:
    def switching(x, times):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        return times * x

    run.judged(toy([2.0]), lambda: switching)
    assert torch.is_grad_enabled() and torch.get_default_dtype() == torch.float32


def test_recorded_call_names_the_arguments() -> None:
    values, result = sources.recorded(toy([2.0, 3.0]))
    assert torch.equal(values[0], torch.tensor([-1.0, 1.0, 9.0])) and values[1] == 2.0 and len(result) == 3
    with pytest.raises(ValueError, match="double: the reference itself is not accepted"):
        sources.recorded(toy([2.0], reference=lambda x, times: x))
