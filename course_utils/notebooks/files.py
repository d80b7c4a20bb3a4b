"""Where the chapters lie, and how they are read and written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import nbformat

from ..places import course_folder

CONFLICT = re.compile(r"^(<{7}|\|{7}|={7}|>{7})( .*)?$")  # git's marks around what two people changed


def authored(names: Iterable[str] = ()) -> list[Path]:
    """The authors' notebooks, all or those named ("09_fgsm"), in order."""
    from ..runtime import pick  # here, not above: it brings torch, and tests that only look for chapters start without it

    found = {path.stem: path for path in sorted((course_folder() / "notebooks" / "solutions").glob("*.ipynb"))}
    return [found[pick("chapter", Path(name).stem, found)] for name in names] or list(found.values())


def student_path(path: Path) -> Path:
    """Where the student's copy of an authored notebook lies."""
    return path.parent.parent / path.name


def shown(path: Path) -> str:
    """A path as people write it: from the course's folder on."""
    return str(path.relative_to(course_folder())) if path.is_relative_to(course_folder()) else str(path)


def read(path: Path):
    """The notebook in a file. What is no notebook, or has marks of a merge conflict, gets an error that says what to do."""
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.split("\n"), 1):
        if CONFLICT.match(line):
            raise ValueError(conflict(path, f"line {number} of the file", line))
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"{shown(path)} is no notebook ({error}). Take back the last version that was one: git checkout -- {shown(path)}"
        ) from None
    book = nbformat.reads(text, as_version=4)
    for place, cell in enumerate(book.cells, 1):
        lines = cell.source.split("\n")
        # Seven = under a line are a heading in Markdown, so there they count only beside the other marks.
        plain = cell.cell_type == "code" or any(line.startswith(("<" * 7, ">" * 7)) for line in lines)
        for number, line in enumerate(lines, 1):
            if plain and CONFLICT.match(line):
                raise ValueError(conflict(path, f"cell {place} (id {cell.get('id')}), line {number}", line))
    return book


def conflict(path: Path, place: str, line: str) -> str:
    """What to do about a merge conflict."""
    return (
        f"{shown(path)} has the marks of a merge conflict: {place} is {line!r}. Take either side "
        f"(git checkout --ours or --theirs -- {shown(path)}), edit the cells that should differ, then: make execute NAME={path.stem}"
    )


def write(book, path: Path) -> None:
    """Write a notebook beside its place, then move it there, so that no half-written file is ever seen."""
    nbformat.validate(book)
    beside = path.with_suffix(".part")
    nbformat.write(book, beside)
    beside.replace(path)
