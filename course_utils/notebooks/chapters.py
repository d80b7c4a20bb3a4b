"""Bringing a chapter up to date: executed, reduced, stored, as its authors edit it and as the student gets it."""

from __future__ import annotations

import time
from pathlib import Path

from .address import SETUP_CELL
from .files import read, shown, student_path, write
from .pictures import with_compact_pictures, without_pictures
from .run import execute
from .student import student


def refresh(path: Path) -> None:
    """Execute and normalise the authored notebook, then the student's made from it. Faults in the text are found first."""
    book = read(path)
    for cell in book.cells:  # a set-up cell that was edited by hand goes back to the common one
        if "setup" in cell.metadata.get("tags", []):
            cell.source = SETUP_CELL
    copy = student(book, path.stem)
    store(book, path, without_pictures)
    store(copy, student_path(path), with_compact_pictures)


def store(book, path: Path, reduce) -> None:
    """Execute a notebook, reduce its pictures, and write it."""
    start = time.perf_counter()
    write(reduce(execute(book, path.parent)), path)
    print(f"{shown(path)}: executed in {time.perf_counter() - start:.0f} s, {path.stat().st_size / 1e6:.2f} MB", flush=True)
