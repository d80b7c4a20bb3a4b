"""A chapter by its headings: which section each cell, or each part of a Markdown cell, stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from nbformat import NotebookNode

HEADING = re.compile(r"(?P<level>#{1,6}) +(?P<title>.*?) *#* *$")
CLOSING = ("Questions from the lecture", "More questions", "Paper and here", "Recap", "Further reading")  # after the last of a chapter's own


class Piece(NamedTuple):
    """A code cell, or what a Markdown cell holds under one heading (its first line, where it begins with one)."""

    number: int  # of the cell, from 1
    cell: NotebookNode
    text: str

    @property
    def place(self) -> str:
        """How a message names the cell."""
        return f"cell {self.number} (id {self.cell.get('id')})"

    @property
    def is_code(self) -> bool:
        return self.cell.cell_type == "code"

    @property
    def is_note(self) -> bool:
        """Whether it is for the instructor only (or a folded solution)."""
        return self.cell.metadata.get("slideshow", {}).get("slide_type") == "notes"

    @property
    def heading(self) -> tuple[int, str]:
        """Level and title of the heading that it begins with; (0, "") where it begins with none."""
        found = None if self.is_code else HEADING.match(self.text.split("\n", 1)[0])
        return (len(found["level"]), found["title"]) if found else (0, "")


class Section(NamedTuple):
    """What stands under one `## ` heading. What comes before the first one is a section without a title."""

    title: str
    pieces: list[Piece]

    @property
    def code(self) -> list[Piece]:
        return [piece for piece in self.pieces if piece.is_code]

    @property
    def markdown(self) -> list[Piece]:
        return [piece for piece in self.pieces if not piece.is_code]

    @property
    def number(self) -> str:
        """The 4 of "4 A curve, and noise beside it"; "" where there is none."""
        found = re.match(r"\d+", self.title)
        return found[0] if found else ""

    @property
    def closes(self) -> bool:
        """Whether it is one of those that every chapter ends with."""
        return self.title in CLOSING


def pieces(book: NotebookNode) -> Iterator[Piece]:
    """The notebook cut at its cells and, within a Markdown cell, before each heading."""
    for number, cell in enumerate(book.cells, 1):
        if cell.cell_type == "code":
            yield Piece(number, cell, cell.source)
            continue
        part: list[str] = []
        fenced = False
        for line in cell.source.split("\n"):
            fenced ^= line.lstrip().startswith("```")
            if not fenced and HEADING.match(line) and "\n".join(part).strip():
                yield Piece(number, cell, "\n".join(part).strip())
                part = []
            part.append(line)
        yield Piece(number, cell, "\n".join(part).strip())


def sections(book: NotebookNode) -> list[Section]:
    """The sections of a chapter, in order."""
    found = [Section("", [])]
    for piece in pieces(book):
        level, title = piece.heading
        if level == 2:
            found.append(Section(title, []))
        found[-1].pieces.append(piece)
    return [section for section in found if section.pieces]
