"""The student's copy of a chapter: made from the authors', and compared with it."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path

from . import markers
from .files import read, shown, student_path, write
from .run import normalise

CHECKED = re.compile(r"^(?:(?:\w+ = )?check|attempt)\(.*\)\n?", re.M)


def student(book, chapter: str = "this notebook"):
    """The student's notebook, not executed: stubs for solutions, each followed by its folded solution."""
    check_marks(book, chapter)
    out = deepcopy(book)
    out.cells = []
    for cell in deepcopy(book.cells):
        solved = cell.source if cell.cell_type == "code" and markers.has_marks(cell.source) else None
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if solved:
            cell.source = markers.stub(solved)
        out.cells.append(cell)
        if solved:
            metadata = {"slideshow": {"slide_type": "notes"}, "tags": ["solution"]}
            out.cells.append(
                type(cell)(cell_type="markdown", id=f"{cell.id}-solution", metadata=type(cell)(metadata), source=folded(solved))
            )
    return normalise(out)


def check_marks(book, chapter: str) -> None:
    """Require that every solution mark is in its place; the error names chapter, cell and line."""
    for number, cell in enumerate(book.cells, 1):
        try:
            if cell.cell_type == "code":
                markers.stub(cell.source)
            else:
                markers.check_words(cell.source)
        except ValueError as error:
            raise ValueError(f"{chapter}, cell {number} (id {cell.get('id')}): {error}") from None


def folded(source: str) -> str:
    """The solution as Markdown that opens at a click. Colab needs the blank line after </summary>."""
    code = CHECKED.sub("", markers.without_marks(source)).strip("\n")
    return f"<details><summary>Solution</summary>\n\n```python\n{code}\n```\n\n</details>"


def carry_outputs(new, old) -> bool:
    """Move what was computed from `old` to `new` when all their code is the same; says whether it is."""
    fresh, stored = ([cell for cell in book.cells if cell.cell_type == "code"] for book in (new, old))
    if [cell.source for cell in fresh] != [cell.source for cell in stored]:
        return False
    for cell, was in zip(fresh, stored):
        cell.outputs, cell.execution_count = was.outputs, was.execution_count
    return True


def drift(path: Path) -> str | None:
    """What differs between the committed student's notebook and the one generated from `path` (outputs aside)."""
    committed = student_path(path)
    if not committed.exists():
        return f"{shown(committed)} is missing"
    try:
        want = student(read(path), path.stem).cells
        have = read(committed).cells
    except ValueError as error:
        return str(error)
    for number, (a, b) in enumerate(zip(want, have), 1):
        for key in ("cell_type", "source", "id", "metadata"):
            if a.get(key) != b.get(key):
                return (
                    f"{committed.name}: cell {number} ({b.id}) differs in its {key}:\n"
                    f"  generated {a.get(key)!r:.300}\n  committed {b.get(key)!r:.300}"
                )
    if len(want) != len(have):
        return f"{committed.name}: {len(want)} cells are generated, {len(have)} committed"
    return None


def generate(path: Path) -> Path:
    """Write the student's copy of an authored notebook; what was computed stays when its code is the same."""
    target = student_path(path)
    book = student(read(path), path.stem)
    try:
        kept = target.exists() and carry_outputs(book, read(target))
    except ValueError:  # the copy that lies there, perhaps in the middle of a merge, is replaced in any case
        kept = False
    write(book, target)
    print(f"{target.name}: generated{'' if kept else ', not executed yet'}")
    return target
