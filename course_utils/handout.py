"""Hands the chapters out: copies in `work/`, which git ignores, so that opening and saving a chapter dirties nothing.

A copy whose code and words are still those that were handed out is replaced when the course has a newer version. A copy
that its student changed stays as it is, and the newer version is put beside it. Needs nothing but Python, so that
`make lab` starts at once.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

WORK = "work"
RECORD = ".handed_out.json"  # name of a file in work/ -> fingerprint of what was handed out under that name
UNREADABLE = "unreadable"  # the fingerprint of what is there and is no notebook


def fingerprint(text: str | bytes) -> str:
    """What a person wrote into a notebook, as a digest: the kinds and sources of its cells.

    JupyterLab changes outputs, metadata and versions by itself, and adds an empty cell when the last one is run: these
    are no one's work. What is no notebook is UNREADABLE.
    """
    try:
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]
    except (ValueError, TypeError, KeyError):
        return UNREADABLE
    written = json.dumps([cell for cell in cells if cell[1].strip()])
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def beside(name: str, number: int) -> str:
    """The name of the file that a newer version gets beside a changed copy: `09.new.ipynb`, then `09.new2.ipynb` ..."""
    return f"{name.removesuffix('.ipynb')}.new{number if number > 1 else ''}.ipynb"


def place(name: str, newest: str, there: Mapping[str, str], given: Mapping[str, str]) -> str | None:
    """The name under which to hand out the version `newest` of a chapter, or None when there is nothing to do.

    name: of the chapter's file; newest: the fingerprint of its version in the course; there: file name -> fingerprint of
    each file in `work/`; given: the same for what was handed out.
    """

    def free(one: str) -> bool:
        return one not in there or (there[one] != UNREADABLE and there[one] == given.get(one))

    if there.get(name) == newest:
        return None
    if free(name):
        return name
    others = [beside(name, number) for number in range(1, len(there) + 2)]  # so many that one is free
    if newest in [given.get(one) for one in (name, *others)] or newest in [there.get(one) for one in others]:
        return None  # the student has been offered this version, whatever became of it
    return next(filter(free, others))


def hand_out(chapters: Path, work: Path) -> list[str]:
    """Bring the copies in `work` up to date with the notebooks in `chapters`; gives the sentences to be printed."""
    work.mkdir(exist_ok=True)
    there = {path.name: fingerprint(contents(path)) for path in work.glob("*.ipynb")}
    given, said = record(work), []
    for chapter in sorted(chapters.glob("*.ipynb")):
        text = chapter.read_bytes()
        newest = fingerprint(text)
        if newest == UNREADABLE:
            said.append(f"{chapter.parent.name}/{chapter.name} is no notebook, so it is not handed out.")
            continue
        target = place(chapter.name, newest, there, given)
        if target is not None:
            write(work / target, text)
            given[target] = newest
        elif there.get(chapter.name) == newest:
            given[chapter.name] = newest
        if target not in (None, chapter.name):
            said.append(f"{work.name}/{chapter.name} has your changes and stays; the newer version is {work.name}/{target}.")
    write(work / RECORD, (json.dumps(given, indent=1, sort_keys=True) + "\n").encode())
    return said


def record(work: Path) -> dict[str, str]:
    """What was handed out. Where the record is lost or spoilt it is empty, and all that is there counts as the student's."""
    try:
        return {str(name): str(mark) for name, mark in json.loads(contents(work / RECORD)).items()}
    except (ValueError, AttributeError):
        return {}


def contents(path: Path) -> bytes:
    """A file's bytes; none where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:  # a folder, a broken link, a file of someone else's: no notebook that was handed out
        return b""


def write(path: Path, text: bytes) -> None:
    """Write beside the place, then move there, so that no half-written file is ever seen."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
