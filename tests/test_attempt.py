"""Open tasks: a score, a goal, the course's own score beside it, and the best one kept."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest
import torch

from course_utils import exercises as ex
from course_utils import scores, tasks
from course_utils.checking import Mistake, OpenTask, guard


def baseline(x: torch.Tensor) -> torch.Tensor:
    """Half."""
    return x / 2


def score(f) -> float:
    """How much of 100 is left, in percent; the rule: nothing below 0."""
    got = f(torch.tensor(100.0))
    if got < 0:
        raise Mistake("nothing may fall below 0.")
    return float(got)


TASK = OpenTask("keep_most", baseline, score, goal=80.0, hints=("Less.", "Not half."))


@pytest.fixture(autouse=True)
def task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OpenTask:
    """A chapter of one open task, and a folder of its own for scores."""
    module = types.ModuleType("course_utils.tasks.ch99_test")
    module.TASKS = (TASK, OpenTask("lose_most", baseline, score, goal=20.0, hints=("More.",), more_is_better=False))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(tasks.CHAPTERS, "ch99_test", ("keep_most", "lose_most"))
    monkeypatch.setattr(scores, "file", lambda: tmp_path / "work" / "scores.json")
    return TASK


def said(capsys, answer, name: str = "keep_most") -> str:
    ex.attempt(name, answer)
    return capsys.readouterr().out


def test_a_stub_says_the_goal(capsys) -> None:
    def stub(x):
        raise NotImplementedError  # your code here

    assert said(capsys, stub) == "Open task keep_most: not tried yet (goal 80.0 %, the course's baseline 50.0 %).\n"
    assert scores.best("99/keep_most") is None


def test_a_score_is_printed_and_the_best_one_kept(capsys) -> None:
    about = "(goal 80.0 %, the course's baseline 50.0 %"
    assert said(capsys, lambda x: 0.7 * x) == f"Open task keep_most: 70.0 %, not yet at the goal {about}).\n"
    assert said(capsys, lambda x: 0.6 * x) == f"Open task keep_most: 60.0 %, not yet at the goal {about}; your best so far 70.0 %).\n"
    assert said(capsys, lambda x: 0.9 * x) == f"Open task keep_most: 90.0 %, ✓ goal reached {about}).\n"
    assert said(capsys, lambda x: 0.9 * x) == f"Open task keep_most: 90.0 %, ✓ goal reached {about}).\n", "the second time says the same"
    assert scores.best("99/keep_most") == pytest.approx(90)
    assert json.loads(scores.file().read_text()) == {"99/keep_most": pytest.approx(90)}


def test_less_may_be_better(capsys) -> None:
    assert "10.0 %, ✓ goal reached" in said(capsys, lambda x: 0.1 * x, "lose_most")
    assert "30.0 %, not yet at the goal" in said(capsys, lambda x: 0.3 * x, "99/lose_most")
    assert scores.best("99/lose_most") == pytest.approx(10)


def test_rules_errors_and_time_are_named(capsys, monkeypatch) -> None:
    assert said(capsys, lambda x: x - 200).startswith("✗ keep_most: nothing may fall below 0. (goal")
    assert "your code raised AttributeError" in said(capsys, lambda x: x.no_such_thing)

    def switches(x):
        torch.set_grad_enabled(False)
        return x

    assert "gradients are switched off" in said(capsys, switches)
    assert torch.is_grad_enabled()
    monkeypatch.setattr("course_utils.checking.trial.TASK_SECONDS", 0.3)

    def endless(x):
        while True:
            x = x + 0

    assert "does a loop never end?" in said(capsys, endless)
    assert scores.best("99/keep_most") is None


def test_hints_of_a_task(capsys) -> None:
    ex.hint("keep_most", 2)
    ex.hint("99/keep_most", 1)
    assert capsys.readouterr().out.startswith("Hint 2 of 2: Not half.")
    with pytest.raises(ValueError, match="unknown open task 'keep'. Nearest: keep_most"):
        ex.attempt("keep", baseline)


def test_a_broken_file_of_scores_is_started_anew(capsys) -> None:
    scores.file().parent.mkdir()
    scores.file().write_text("no json")
    said(capsys, lambda x: x)
    assert scores.best("99/keep_most") == 100


def test_scores_that_cannot_be_kept_are_printed_all_the_same(capsys) -> None:
    scores.file().parent.write_text("a file where the folder should be")
    out = said(capsys, lambda x: x)
    assert "The score could not be kept in" in out and "100.0 %, ✓ goal reached" in out


def test_every_listed_task_is_there() -> None:
    for file, names in tasks.CHAPTERS.items():
        assert tuple(ex.open_tasks(file)) == names
    own = Path(tasks.__file__).parent.glob("ch*.py")
    assert {path.stem for path in own} == set(tasks.CHAPTERS) - {"ch99_test"}
