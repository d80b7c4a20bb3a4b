"""Exercises: every checker accepts right answers and names each committed mistake; and how check, hint and source work."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import runpy
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest
import torch

import course_utils
from course_utils import checks, tasks
from course_utils import exercises as ex
from course_utils.checking import Exercise, guard, objection
from course_utils.places import course_folder

ROOT = course_folder()
# Every exercise as (checks file, name). A test's name shows it as ch09_fgsm-fgsm.
ALL = [(file, name) for file, names in checks.CHAPTERS.items() for name in names]
FILES = {file: ROOT / "course_utils" / "checks" / f"{file}.py" for file in checks.CHAPTERS}
each = pytest.mark.parametrize("file, name", ALL)
each_chapter = pytest.mark.parametrize("file", FILES)
# In quotes or not, as check("fgsm", fgsm) or hint("09/fgsm").
USED = re.compile(r"\b(?:check|hint)\(\s*[\"']([\w/-]+)[\"']")
ATTEMPTED = re.compile(r"\battempt\(\s*[\"']([\w/-]+)[\"']")
CHECKED = re.compile(r"\bcheck\(\s*[\"']([\w/-]+)[\"']")


@functools.cache
def answers(kind: str, file: str) -> dict:
    """The committed answers of a chapter: WRONG (kind, answer, words of the message) or RIGHT, name -> answers."""
    return runpy.run_path(str(ROOT / "tests" / kind.lower() / f"{file}.py"))[kind]


def task(file: str, name: str) -> Exercise:
    return ex.chapter(file)[name]


def cells(file: str, kind: str = "code") -> list[str]:
    """The sources of a chapter's authored notebook."""
    path = ROOT / "notebooks" / "solutions" / f"{file.removeprefix('ch')}.ipynb"
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


# ---------------------------------------------------------------- every exercise


KINDS = runpy.run_path(str(ROOT / "tests" / "wrong" / "kinds.py"))["KINDS"]


@functools.cache
def messages(file: str, name: str) -> list[str | None]:
    """What check prints for each wrong answer of an exercise. A loop without an end need not run for ten seconds here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "SECONDS", 2.0)
        return [objection(task(file, name), answer) for _, answer, _ in answers("WRONG", file)[name]]


@each
def test_reference_is_accepted(file: str, name: str) -> None:
    assert objection(task(file, name), task(file, name).reference) is None


@each
def test_wrong_answers_are_named(file: str, name: str) -> None:
    wrong = answers("WRONG", file)[name]
    assert len(wrong) >= 8, "eight wrong answers at least"
    for (kind, answer, words), message in zip(wrong, messages(file, name)):
        assert message is not None, f"{kind} ({answer.__name__}) is accepted"
        assert words in message, f"{kind} ({answer.__name__}): {message}"
        assert "not written yet" not in message
    assert len(set(messages(file, name))) >= 8, f"too many wrong answers get the same message: {messages(file, name)}"


@each
def test_wrong_answers_are_of_many_kinds(file: str, name: str) -> None:
    kinds = [kind for kind, _, _ in answers("WRONG", file)[name]]
    assert set(kinds) <= set(KINDS), f"no kind of tests/wrong/kinds.py: {set(kinds) - set(KINDS)}"
    assert len(set(kinds)) >= 6, f"go down the list of kinds: {sorted(set(KINDS) - set(kinds))} have no wrong answer yet"


def test_there_are_many_wrong_and_right_answers() -> None:
    wrong, right = (sum(len(answers(kind, file)[name]) for file, name in ALL) for kind in ("WRONG", "RIGHT"))
    assert wrong >= max(150, 8 * len(ALL)) and right >= max(33, 3 * len(ALL)), (wrong, right)


@each
def test_right_answers_in_other_words_are_accepted(file: str, name: str) -> None:
    right = answers("RIGHT", file)[name]
    assert len(right) >= 3, "three right answers at least"
    for answer in right:
        assert objection(task(file, name), answer) is None, answer.__name__


@each
def test_every_number_takes_two_values(file: str, name: str) -> None:
    """Else an answer that always uses the usual value would pass."""
    cases = list(task(file, name).cases())
    for argument, value in cases[0].items():
        if isinstance(value, (int, float)):
            assert len({case[argument] for case in cases}) > 1, f"{argument} is always {value}"


@each
def test_reference_has_the_arguments_of_the_cases(file: str, name: str) -> None:
    one = task(file, name)
    arguments = list(inspect.signature(one.reference).parameters)
    for case in one.cases():
        assert list(case) == arguments[: len(case)], "the cases name the arguments in their order"


@each
def test_stub_gives_the_reference(file: str, name: str, capsys: pytest.CaptureFixture) -> None:
    def stub(*arguments, **options):
        raise NotImplementedError  # your code here

    assert ex.check(f"{file[2:4]}/{name}", stub) is task(file, name).reference
    assert capsys.readouterr().out == f"Exercise {name}: not written yet; going on with the course's own version.\n"


@each
def test_hints_form_a_ladder(file: str, name: str) -> None:
    one = task(file, name)
    assert len(one.hints) >= 3 and len(set(one.hints)) == len(one.hints)
    assert one.difficulty in (1, 2, 3) and 1 <= one.minutes <= 60


# ---------------------------------------------------------------- every chapter


def test_every_checks_file_is_listed() -> None:
    found = sorted(path.stem for path in (ROOT / "course_utils" / "checks").glob("*.py") if path.stem != "__init__")
    assert found == list(checks.CHAPTERS), "list each file in course_utils/checks/__init__.py, in order"
    chapters = [path.stem for path in (ROOT / "notebooks" / "solutions").glob("*.ipynb")]
    assert {file.removeprefix("ch") for file in found} <= set(chapters), "a checks file is named as its notebook"


@pytest.mark.parametrize("kind", ["wrong", "right"])
def test_every_chapter_has_its_file_of_answers(kind: str) -> None:
    assert sorted(path.stem for path in (ROOT / "tests" / kind).glob("ch*.py")) == list(checks.CHAPTERS)


@each_chapter
def test_listed_names_are_those_of_the_file(file: str) -> None:
    names = tuple(one.name for one in importlib.import_module(f"course_utils.checks.{file}").EXERCISES)
    assert names == checks.CHAPTERS[file], f"list these in course_utils/checks/__init__.py: {names}"
    assert len(set(names)) == len(names), "two exercises of one name"


@each_chapter
def test_wrong_and_right_answers_are_committed_for_each_exercise(file: str) -> None:
    assert set(answers("WRONG", file)) == set(answers("RIGHT", file)) == set(checks.CHAPTERS[file])


@each_chapter
def test_notebook_uses_exactly_its_own_exercises(file: str) -> None:
    code = "\n".join(cells(file))
    for name in set(USED.findall(code)) - set(tasks.CHAPTERS.get(file, ())):
        assert ex.find(name)[0] == file, f"{name!r} is an exercise of {ex.find(name)[0]}"
    checked = dict.fromkeys(ex.find(name)[1] for name in CHECKED.findall(code))
    assert tuple(checked) == checks.CHAPTERS[file], "the chapter checks these, in this order"


def test_notebooks_without_checks_check_nothing() -> None:
    for path in (ROOT / "notebooks" / "solutions").glob("*.ipynb"):
        if f"ch{path.stem}" not in checks.CHAPTERS:
            assert not USED.findall("\n".join(cells(f"ch{path.stem}"))), f"no course_utils/checks/ch{path.stem}.py"


@each_chapter
def test_hints_named_in_the_text_are_there(file: str) -> None:
    for name in set(USED.findall("\n".join(cells(file, "markdown")))) - set(tasks.CHAPTERS.get(file, ())):
        assert ex.find(name)[0] == file


@each_chapter
def test_chapter_attempts_exactly_its_open_tasks(file: str) -> None:
    assert tuple(dict.fromkeys(ATTEMPTED.findall("\n".join(cells(file))))) == tasks.CHAPTERS.get(file, ())


@each_chapter
def test_stars_and_minutes_are_those_of_the_heading(file: str) -> None:
    titles = re.findall(r"^### Exercise \d+.*\((★+), (\d+) minutes\)", "\n".join(cells(file, "markdown")), re.M)
    assert titles == [("★" * one.difficulty, str(one.minutes)) for one in ex.chapter(file).values()]


@each_chapter
def test_checks_file_is_short(file: str) -> None:
    lines = FILES[file].read_text().splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("def "))  # above: docstring and imports
    most = 30 * len(checks.CHAPTERS[file])
    written = sum(1 for line in lines[first:] if line.strip())
    assert written <= most, f"{written} lines for {len(checks.CHAPTERS[file])} exercises; at most 30 an exercise, {most}"
    assert len(lines) <= 250


# ---------------------------------------------------------------- one chapter does not need another


def test_check_imports_its_own_chapter_only() -> None:
    names = [f"{file[2:4]}/{names[0]}" for file, names in checks.CHAPTERS.items()]
    code = f"""
import sys
loaded = lambda: [name.split(".")[-1] for name in sys.modules if name.startswith("course_utils.checks.")]
from course_utils.exercises import check, hint, source
print("at first", *loaded())
print("library", *(name for name in ("attacks", "training", "visualize") if f"course_utils.{{name}}" in sys.modules))
for name in {names}:
    check(name, None)
    print("then", *loaded())
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "library\n" in ran.stdout, "importing the exercises imports no more than they need"
    seen = [line.split() for line in ran.stdout.splitlines() if line.startswith(("at first", "then"))]
    files = list(checks.CHAPTERS)
    assert seen == [["at", "first"], *(["then", *files[: count + 1]] for count in range(len(files)))]


def test_no_module_of_the_exercises_imports_upward() -> None:
    for path in FILES.values():
        assert "checking" in from_where(path) and "exercises" not in from_where(path), path.name
    for path in (ROOT / "course_utils" / "checking").glob("*.py"):
        assert from_where(path) <= {"runtime", "measure", *(other.stem for other in path.parent.glob("*.py"))}, path.name


def from_where(path: Path) -> set[str]:
    """The modules of the course that a file imports from."""
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and node.level]
    return {part for node in imports for part in ([node.module.split(".")[0]] if node.module else [n.name for n in node.names])}


@pytest.mark.parametrize(
    "text, words",
    [
        ("def check(:\n", "SyntaxError"),
        ("raise RuntimeError('no such thing')\n", "RuntimeError: no such thing"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("TASKS = ()\n", "has no attribute 'EXERCISES'"),
    ],
)
def test_broken_file_breaks_its_own_chapter_only(text: str, words: str, tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "ch98_broken.py").write_text(text)
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    monkeypatch.setitem(checks.CHAPTERS, "ch98_broken", ("broken",))
    monkeypatch.delitem(sys.modules, "course_utils.checks.ch98_broken", raising=False)
    with pytest.raises(ImportError, match=re.escape("course_utils/checks/ch98_broken.py fails")) as caught:
        ex.check("broken", torch.add)
    assert words in str(caught.value)
    sys.modules.pop("course_utils.checks.ch98_broken", None)
    for file, name in ALL:
        ex.hint(f"{file[2:4]}/{name}", 1)
    assert capsys.readouterr().out.count("Hint 1 of") == len(ALL)


def test_name_that_is_listed_but_not_there(double, monkeypatch) -> None:
    monkeypatch.setitem(checks.CHAPTERS, "ch99_test", ("double", "halve"))
    with pytest.raises(ValueError, match="unknown exercise of course_utils/checks/ch99_test.py 'halve'. Known: double"):
        ex.check("halve", torch.add)


# ---------------------------------------------------------------- how it works, on an exercise of our own


def twice(x: torch.Tensor) -> torch.Tensor:
    """Twice x."""
    return 2 * x


def numbers():
    yield {"x": torch.tensor([1.0, -2.0])}


def add_chapter(monkeypatch: pytest.MonkeyPatch, file: str, one: Exercise) -> None:
    """A chapter of one exercise, for this test."""
    module = types.ModuleType(f"course_utils.checks.{file}")
    module.EXERCISES = (one,)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(checks.CHAPTERS, file, (one.name,))
    ex.hints_given.clear()


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Exercise:
    own = Exercise("double", twice, numbers, hints=("Add.", "x + x"), what="the double")
    add_chapter(monkeypatch, "ch99_test", own)
    return own


def said(capsys: pytest.CaptureFixture, name: str, answer) -> str:
    """What check prints when it falls back on the reference."""
    assert ex.check(name, answer) is ex.exercise(name).reference
    return capsys.readouterr().out.strip()


def test_right_answer_is_given_back(double, capsys) -> None:
    mine = lambda x: x + x  # noqa: E731
    assert ex.check("double", mine) is mine
    assert capsys.readouterr().out == "✓ double: passed\n"


def test_wrong_value_is_named(double, capsys) -> None:
    out = said(capsys, "double", lambda x: 3 * x)
    assert out == "✗ double: the double is off by up to 2: -6 where -4 is expected. Going on with the course's own version."


def test_in_place_edit_is_named(double, capsys) -> None:
    assert "x was changed in place" in said(capsys, "double", lambda x: x.mul_(2))


def test_error_of_the_student_is_reported_with_its_line(double, capsys) -> None:
    def broken(x):
        return x.no_such_thing  # the line

    out = said(capsys, "double", broken)
    assert "AttributeError" in out and "no_such_thing" in out and "in the line: return x.no_such_thing  # the line" in out


def test_nothing_returned_is_reported(double, capsys) -> None:
    assert "your function returns nothing" in said(capsys, "double", lambda x: None)


def test_exit_in_an_answer_does_not_stop_the_notebook(double, capsys) -> None:
    def leaves(x):
        raise SystemExit(1)

    assert "your code raised SystemExit: 1, in the line: raise SystemExit(1)." in said(capsys, "double", leaves)


def test_wrong_arguments_are_named(double, capsys) -> None:
    assert "your function must take the arguments (x), in this order" in said(capsys, "double", lambda: 0)


def test_long_errors_keep_their_first_line(double, capsys) -> None:
    out = said(capsys, "double", lambda x: torch.randint(0, 2, x.shape, torch.Generator()))
    assert "\n" not in out and "randint() received an invalid combination" in out


def test_torch_not_implemented_is_no_stub(double, capsys) -> None:
    def unsupported(x):
        raise NotImplementedError("Could not run 'aten::double'")

    assert "not written yet" not in said(capsys, "double", unsupported)


def test_answer_that_is_no_function(double, capsys) -> None:
    assert "check is given Tensor; give it your function" in said(capsys, "double", torch.ones(1))


def test_class_as_answer_reports_its_line(double, capsys) -> None:
    class Broken:
        def __init__(self, x):
            raise KeyError("here")

    assert "KeyError: 'here', in the line: raise KeyError" in said(capsys, "double", Broken)


def test_check_leaves_the_random_numbers_alone(double) -> None:
    torch.manual_seed(1)
    want = torch.rand(1)
    torch.manual_seed(1)
    ex.check("double", lambda x: 2 * x + 0 * torch.rand(2))
    assert torch.rand(1) == want


def test_unknown_name_lists_the_nearest(double) -> None:
    with pytest.raises(ValueError, match=r"unknown exercise 'doubel'. Nearest: .*double"):
        ex.check("doubel", twice)


def test_full_name_always_works(double, capsys) -> None:
    assert ex.check("99/double", twice) is twice
    ex.hint("99/double")
    ex.hint("double")
    assert capsys.readouterr().out.startswith("✓ double: passed\nHint 1 of 2: Add.\nHint 2 of 2: x + x")


def test_unknown_full_name_lists_full_names(double) -> None:
    with pytest.raises(ValueError, match=r"unknown exercise '98/double'. Nearest: 99/double"):
        ex.hint("98/double")


def test_name_of_two_chapters_needs_the_full_name(double, monkeypatch, capsys) -> None:
    other = Exercise("double", lambda x: x + x, numbers, hints=("Other.", "x + x"))
    add_chapter(monkeypatch, "ch97_other", other)
    with pytest.raises(ValueError, match="2 chapters have an exercise 'double'; give its full name: 99/double or 97/double."):
        ex.check("double", twice)
    with pytest.raises(ValueError, match="give its full name"):
        ex.hint("double")
    assert ex.exercise("99/double") is double and ex.exercise("97/double") is other
    ex.hint("99/double")
    ex.hint("97/double")  # a ladder of its own
    assert capsys.readouterr().out == "Hint 1 of 2: Add.\nHint 1 of 2: Other.\n"
    assert ex.find("97/double") == ("ch97_other", "double")


def test_hints_climb(double, capsys) -> None:
    ex.hint("double")
    ex.hint("double")
    ex.hint("double")
    ex.hint("double", 1)
    last = "\nThis was the last hint; the folded solution is below the exercise."
    out = ["Hint 1 of 2: Add.", "Hint 2 of 2: x + x" + last, "Hint 2 of 2: x + x" + last, "Hint 1 of 2: Add.\n"]
    assert capsys.readouterr().out == "\n".join(out)


@pytest.mark.parametrize("level", [3, 0, "a", 1.5, True])
def test_hint_that_is_not_there(double, level) -> None:
    with pytest.raises(ValueError, match=rf"level is {level!r}; double has the hints 1 to 2: hint\('double'\), or hint\('double', 1\)."):
        ex.hint("double", level)


def test_check_without_a_function_says_what_it_expects(double, capsys) -> None:
    assert ex.check("double") is twice
    assert 'check needs two things, the name and your function: check("double", double).' in capsys.readouterr().out


def test_a_second_run_all_gives_the_same_hints(double, capsys) -> None:
    """The set-up cell is the first one: the ladder begins anew there, and what a chapter prints is the same again."""
    printed = []
    for _ in range(2):
        course_utils.setup()
        capsys.readouterr()
        ex.hint("double")
        ex.hint("double")
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] and printed[0].startswith("Hint 1 of 2: Add.\nHint 2 of 2: x + x")


@torch.no_grad()
def decorated(x):
    """Shown."""
    return x


def test_source_leaves_decorators_out() -> None:
    text = ex.source(decorated)
    assert text == 'def decorated(x):\n    """Shown."""\n    return x'
    assert repr(text) == str(text) and text._repr_markdown_() == f"```python\n{text}\n```"


def test_source_of_a_builtin() -> None:
    with pytest.raises(ValueError, match="no Python source to show"):
        ex.source(len)
