"""Every solution of an authored chapter passes its own check, without the chapter being run.

The functions of a cell with a solution are defined among the chapter's imports and the functions solved before it, and
given to `check` as the cell does.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from course_utils import notebooks as nb
from course_utils import scores
from course_utils.exercises import attempt, check
from course_utils.notebooks import markers

ATTEMPTS = re.compile(r"\battempt\(\s*[\"']([\w/-]+)[\"'],\s*(\w+)\s*,?\s*\)")
CHECKS = re.compile(r"\bcheck\(\s*[\"']([\w/-]+)[\"'],\s*(\w+)\s*,?\s*\)")


def solved_cells(path: Path) -> list[str]:
    """The code of the cells that hold a solution."""
    return [cell.source for cell in nb.read(path).cells if cell.cell_type == "code" and markers.has_marks(cell.source)]


def define(source: str, kinds: tuple[type, ...], space: dict, name: str) -> None:
    """Run those statements of a cell that are of these kinds; IPython's own commands are left out."""
    tree = ast.parse(re.sub(r"(?m)^[%!].*$", "", source))
    body = [node for node in tree.body if isinstance(node, kinds)]
    exec(compile(ast.Module(body, []), name, "exec"), space)


def imports(path: Path) -> dict:
    """What the chapter imports, outside its set-up cell."""
    space: dict = {"__name__": path.stem}
    for cell in nb.read(path).cells:
        if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", []):
            define(cell.source, (ast.Import, ast.ImportFrom), space, path.name)
    return space


@pytest.mark.parametrize("path", nb.authored(), ids=lambda path: path.stem)
def test_solutions_pass_their_own_checks(path: Path, capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(scores, "file", lambda: tmp_path / "scores.json")
    space = imports(path)
    cells = solved_cells(path)
    for number, source in enumerate(cells):
        define(source, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), space, f"{path.name}, solution {number + 1}")
        asked, tried = CHECKS.findall(source), ATTEMPTS.findall(source)
        assert asked or tried, f"a solution that is never checked:\n{source}"
        for task, answer in tried:
            attempt(task, space[answer])
            assert "✓ goal reached" in (said := capsys.readouterr().out), said
        for exercise, answer in asked:
            assert check(exercise, space[answer]) is space[answer], capsys.readouterr().out
            assert capsys.readouterr().out == f"✓ {exercise.split('/')[-1]}: passed\n"


@pytest.mark.parametrize("path", nb.authored(), ids=lambda path: path.stem)
def test_a_stub_is_told_from_a_solution(path: Path, capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch) -> None:
    """The same way, the student's stubs do not pass: what is tested above are the solutions."""
    monkeypatch.setattr(scores, "file", lambda: tmp_path / "scores.json")
    space = imports(path)
    for source in map(markers.stub, solved_cells(path)):
        define(source, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), space, path.name)
        for exercise, answer in CHECKS.findall(source):
            assert check(exercise, space[answer]) is not space[answer]
            assert "not written yet" in capsys.readouterr().out
        for task, answer in ATTEMPTS.findall(source):
            attempt(task, space[answer])
            assert "not tried yet" in capsys.readouterr().out
