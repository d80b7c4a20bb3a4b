"""The student's copies in `work/`: refreshed at each `make lab`, and never a word of a student's lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import handout, lab
from course_utils.handout import RECORD, UNREADABLE, beside, fingerprint, hand_out, place
from course_utils.places import course_folder

ROOT = course_folder()
NAME = "09_x.ipynb"
NEW, NEW2 = "09_x.new.ipynb", "09_x.new2.ipynb"


def text(*sources: str, **more) -> str:
    """A notebook's text: a heading and code cells with these sources."""
    code = [{"cell_type": "code", "source": source, "outputs": [], "metadata": {}, **more} for source in sources]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "# T"}, *code], "metadata": {}, "nbformat": 4})


OLD, COURSE, NEWEST, MINE = text("1"), text("2"), text("3"), text("1", "# my answer")


class Course:
    """A small course: what it hands out, and the student's folder."""

    def __init__(self, folder: Path) -> None:
        self.chapters, self.work = folder / "notebooks", folder / "work"
        self.chapters.mkdir()

    def publish(self, version: str, name: str = NAME) -> list[str]:
        """The course has this version now, and `make lab` is called; gives what is said."""
        (self.chapters / name).write_text(version)
        return hand_out(self.chapters, self.work)

    def save(self, content: str, name: str = NAME) -> None:
        (self.work / name).write_text(content)

    def files(self) -> dict[str, str]:
        """What the student sees: no hidden files."""
        return {path.name: path.read_text() for path in self.work.iterdir() if not path.name.startswith(".")}


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


# ---------------------------------------------------------------- what counts as a student's work


def test_what_jupyterlab_writes_by_itself_is_no_work() -> None:
    handed = json.loads(text("a = 1\nb = 2", "c"))
    saved = json.loads(text("a = 1\nb = 2", "c", outputs=[{"output_type": "stream", "text": "1"}], execution_count=7, id="x"))
    saved["metadata"] = {"language_info": {"codemirror_mode": {"name": "ipython"}, "version": "3.11.7"}}
    saved["cells"][1]["source"] = ["a = 1\n", "b = 2"]  # one text or its lines
    saved["cells"].append({"cell_type": "code", "source": [], "outputs": []})  # running the last cell adds an empty one
    assert fingerprint(json.dumps(saved, indent=1)) == fingerprint(json.dumps(handed)) != UNREADABLE


@pytest.mark.parametrize("other", [text("1 "), text("1", "2"), text(), text("1").replace("# T", "# U"), text("1").replace('"code"', '"raw"')])
def test_every_change_of_a_cell_is_work(other: str) -> None:
    assert fingerprint(other) != fingerprint(text("1"))


@pytest.mark.parametrize(
    "spoilt", ["", "{", "[]", "7", "null", '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}', OLD[:40], '{"cells": [{"source": "1"}]}']
)
def test_what_is_no_notebook_is_told_from_one(spoilt: str) -> None:
    assert fingerprint(spoilt) == UNREADABLE and fingerprint(b"\xff\xfe") == UNREADABLE


# ---------------------------------------------------------------- which file gets the version


@pytest.mark.parametrize(
    "there, given, target",
    [
        ({}, {}, NAME),  # the first time
        ({}, {NAME: "a"}, NAME),  # deleted by the student
        ({}, {NAME: "c"}, NAME),  # deleted, and nothing newer
        ({NAME: "a"}, {NAME: "a"}, NAME),  # untouched, and the course went on
        ({NAME: "c"}, {NAME: "c"}, None),  # untouched, and nothing newer
        ({NAME: "c"}, {NAME: "a"}, None),  # the student has it already
        ({NAME: "c"}, {}, None),
        ({NAME: "mine"}, {NAME: "c"}, None),  # changed, and nothing newer
        ({NAME: "mine"}, {NAME: "a"}, NEW),  # changed, and the course went on
        ({NAME: "mine"}, {}, NEW),  # a file of the student's own, or the record is lost
        ({NAME: UNREADABLE}, {NAME: "a"}, NEW),
        ({NAME: UNREADABLE}, {NAME: UNREADABLE}, NEW),
        ({NAME: "mine", NEW: "c"}, {NAME: "a", NEW: "c"}, None),  # offered already
        ({NAME: "mine"}, {NAME: "a", NEW: "c"}, None),  # offered, and the student threw it away
        ({NAME: "mine", NEW: "c"}, {NAME: "a"}, None),  # offered, but the record was not written
        ({NAME: "mine", NEW: "b"}, {NAME: "a", NEW: "b"}, NEW),  # an offer that nobody touched becomes the newest
        ({NAME: "mine", NEW: "mine"}, {NAME: "a", NEW: "b"}, NEW2),  # the student works on in the offer
        ({NAME: "mine", NEW: "mine", NEW2: "mine"}, {NAME: "a", NEW: "b"}, "09_x.new3.ipynb"),
        ({NAME: "mine", NEW: "mine"}, {NAME: "a", NEW: "c"}, None),
        ({NAME: "a", NEW: "mine"}, {NAME: "a", NEW: "b"}, NAME),
    ],
)
def test_the_file_for_the_newest_version(there: dict, given: dict, target: str | None) -> None:
    assert place(NAME, "c", there, given) == target


def test_names_beside() -> None:
    assert [beside(NAME, number) for number in (1, 2)] == [NEW, NEW2]


# ---------------------------------------------------------------- a student's weeks


def test_a_student_gets_copies_and_then_the_newer_ones(course: Course) -> None:
    assert course.publish(OLD) == [] and course.publish(text("zero"), "00_y.ipynb") == []
    assert course.files() == {NAME: OLD, "00_y.ipynb": text("zero")}
    course.save(text("1", outputs=[{"output_type": "stream", "text": "seen"}]))  # ran it, changed nothing
    assert course.publish(COURSE) == [] and course.files()[NAME] == COURSE
    (course.work / NAME).unlink()
    assert course.publish(COURSE) == [] and course.files()[NAME] == COURSE


def test_a_changed_copy_stays_and_the_newer_version_is_put_beside_it_once(course: Course) -> None:
    course.publish(OLD)
    course.save(MINE)
    assert course.publish(OLD) == [] and course.files() == {NAME: MINE}
    said = course.publish(COURSE)
    assert said == [f"work/{NAME} has your changes and stays; the newer version is work/{NEW}."]
    assert course.files() == {NAME: MINE, NEW: COURSE}
    assert course.publish(COURSE) == [], "said once"
    (course.work / NEW).unlink()
    assert course.publish(COURSE) == [] and course.files() == {NAME: MINE}, "looked at and thrown away"
    assert len(course.publish(NEWEST)) == 1 and course.files() == {NAME: MINE, NEW: NEWEST}
    course.save(MINE, NEW)  # the student works on in the newer version
    assert NEW2 in course.publish(text("4"))[0] and course.files() == {NAME: MINE, NEW: MINE, NEW2: text("4")}


def test_work_that_was_taken_back_is_refreshed_again(course: Course) -> None:
    course.publish(OLD)
    course.save(MINE)
    course.publish(COURSE)
    course.save(OLD)
    course.publish(COURSE)
    assert course.files() == {NAME: COURSE, NEW: COURSE}


@pytest.mark.parametrize("spoilt", ["", "{half", "<<<<<<< HEAD\n"])
def test_a_copy_that_is_no_notebook_counts_as_work(course: Course, spoilt: str) -> None:
    course.publish(OLD)
    course.save(spoilt)
    assert NEW in course.publish(COURSE)[0] and course.files() == {NAME: spoilt, NEW: COURSE}


def test_a_folder_of_the_students_in_the_way_stays(course: Course) -> None:
    (course.work / NAME).mkdir(parents=True)
    (course.work / NAME / "mine.txt").write_text("mine")
    assert NEW in course.publish(OLD)[0]
    assert (course.work / NAME / "mine.txt").read_text() == "mine" and (course.work / NEW).read_text() == OLD


def test_files_of_the_students_own_are_not_touched(course: Course) -> None:
    course.work.mkdir()
    own = {NAME: MINE, NEW: MINE, "notes.txt": "mine", "my own.ipynb": MINE, "half.ipynb": "{"}
    for name, content in own.items():
        course.save(content, name)
    (course.work / ".scores.json").write_text("{}")  # the course keeps other records there
    course.publish(OLD)
    assert course.files() == {**own, NEW2: OLD} and (course.work / ".scores.json").read_text() == "{}"


@pytest.mark.parametrize("spoilt", [None, "", "[1]", "{half", "7"])
def test_without_its_record_nothing_is_overwritten(course: Course, spoilt: str | None) -> None:
    course.publish(OLD)
    (course.work / RECORD).unlink() if spoilt is None else (course.work / RECORD).write_text(spoilt)
    course.publish(COURSE)
    assert course.files() == {NAME: OLD, NEW: COURSE}
    course.publish(COURSE)
    assert course.files() == {NAME: OLD, NEW: COURSE}


def test_a_chapter_in_a_merge_is_left_out_in_words(course: Course) -> None:
    course.publish(OLD)
    assert course.publish("<<<<<<< HEAD\n") == [f"notebooks/{NAME} is no notebook, so it is not handed out."]
    assert course.files() == {NAME: OLD}
    course.publish(COURSE)
    assert course.files() == {NAME: COURSE}, "handed out when it is a notebook again"


def test_a_disk_that_fills_up_leaves_the_old_copy(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    course.publish(OLD)

    def full(self: Path, content: bytes) -> int:
        with open(self, "wb") as file:
            file.write(content[:5])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        course.publish(COURSE)
    assert course.files() == {NAME: OLD}
    assert sorted(os.listdir(course.work)) == sorted([RECORD, NAME]), "and nothing half-written"


# ---------------------------------------------------------------- make lab


def test_the_first_page_is_a_copy_and_the_set_up_finds_the_course_from_there(tmp_path: Path) -> None:
    from course_utils.notebooks import SETUP_CELL

    hand_out(ROOT / "notebooks", tmp_path / "work")
    assert lab.FIRST == "work/00_start_here.ipynb" and (tmp_path / lab.FIRST).exists()
    assert f"--LabApp.default_url=/lab/tree/{lab.FIRST}" in lab.command(tmp_path, 1, "t")
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "course_utils" / "__init__.py").write_text("answer = claim = print\ndef setup(): print('Ready')\n")
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    ran = subprocess.run([sys.executable, "-"], input=SETUP_CELL, cwd=tmp_path / "work", text=True, capture_output=True, env=alone)
    assert ran.stdout == "Ready\n", ran.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_links_lead_to_the_same_place_from_a_copy(path: Path) -> None:
    """A copy lies as deep as the chapter, beside copies of all the others; other links must lead out of its folder."""
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "markdown"]
    for target in re.findall(r"\]\((?!https?:|#|attachment:|mailto:)([^)#\s]+)", "\n".join("".join(cell["source"]) for cell in cells)):
        assert target.startswith("../") or (target.endswith(".ipynb") and "/" not in target), target


def test_make_lab_says_where_the_copies_are(course: Course, capsys: pytest.CaptureFixture) -> None:
    course.publish(OLD)
    course.save(MINE)
    (course.chapters / NAME).write_text(COURSE)
    lab.copies(course.chapters.parent)
    first, second = capsys.readouterr().out.splitlines()
    assert "copies of the chapters are in work/" in first and f"the newer version is work/{NEW}" in second


def test_a_folder_that_cannot_be_written_is_named(course: Course) -> None:
    course.work.write_text("a file in the way")
    with pytest.raises(SystemExit, match="could not be written to .*work: .*exists"):
        lab.copies(course.chapters.parent)


def test_git_ignores_the_folder() -> None:
    assert f"/{handout.WORK}/" in (ROOT / ".gitignore").read_text().splitlines()
