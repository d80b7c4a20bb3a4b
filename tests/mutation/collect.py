"""The mutants of a chapter are a test file of their own, made of its right answers: `tests/right/chNN_name.py::fgsm`.

So a new chapter is tested without a line written for it, and several processes share the work chapter by chapter.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


class Mutants(pytest.File):
    """The right answers of one chapter; one item an exercise."""

    def collect(self) -> Iterator[pytest.Item]:
        from course_utils.checks import CHAPTERS  # here, not above: it brings torch, which must find its threads set

        for name in CHAPTERS[self.path.stem]:
            yield Exercise.from_parent(self, name=name)


class Exercise(pytest.Item):
    """Every mutant of one exercise's right answers is rejected, or explained in tests/equivalent."""

    def runtest(self) -> None:
        from tests.mutation.run import complaints, equivalent, survey

        whole = os.environ.get("COURSE_TESTS") == "all"  # as in `make test-all`: those of the answers in tests/right, too
        file = self.path.stem
        if found := complaints(survey(file, self.name, whole=whole), equivalent(file), whole=whole):
            advice = "Close the hole in the checker, or give the reason in tests/equivalent (python -m tests.mutation)."
            pytest.fail("\n".join([*found, advice]), pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"mutants of {self.name}"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the files in tests/right for what they are."""
    if file_path.parent.name == "right" and file_path.suffix == ".py":
        return Mutants.from_parent(parent, path=file_path)
    return None
