"""What the tests of open tasks share: trying an answer as a chapter does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from course_utils import scores
from course_utils.exercises import attempt


@pytest.fixture
def said(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """What attempt prints of an answer to the task of the test's file, its `task`; scores are kept in a folder of this test."""
    monkeypatch.setattr(scores, "file", lambda: tmp_path / "work" / "scores.json")
    (task,) = request.module.task.TASKS

    def run(answer: object) -> str:
        attempt(task.name, answer)
        return capsys.readouterr().out

    return run
