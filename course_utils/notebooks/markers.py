"""The marks around a solution, and the stub that takes its place.

`### BEGIN SOLUTION` and `### END SOLUTION` stand alone on their lines, letter for letter, indented by spaces, in one
function. Whatever only looks like such a line is refused: taken for a comment it would carry the solution into the
student's copy.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager

STUB = "raise NotImplementedError  # your code here"
MARK = re.compile(r"(?P<indent> *)### (?P<kind>BEGIN|END) SOLUTION")
HEADS = ("BEGIN", "START", "END", "STOP")
TAIL = "SOLUTION"
RULE = "a mark is exactly `### BEGIN SOLUTION` or `### END SOLUTION`, alone on its line, indented by spaces"


class Block(NamedTuple):
    """A solution block: the numbers of its first and last line, which are its marks, and their indentation."""

    begin: int
    end: int
    indent: str


def has_marks(source: str) -> bool:
    """Whether a cell holds a mark, exactly written."""
    return any(MARK.fullmatch(line) for line in source.split("\n"))


def blocks(source: str) -> list[Block]:
    """The solution blocks of a code cell, in order. Lines count from 1; a mark out of place is a ValueError."""
    found: list[Block] = []
    opened: tuple[int, str] | None = None
    for number, line in enumerate(source.split("\n"), 1):
        mark = MARK.fullmatch(line)
        if mark is None:
            if resembles(line):
                raise ValueError(f"line {number} looks like the mark of a solution and is none: {line!r}; {RULE}.")
            if opened is not None and line.strip() and not line.startswith(opened[1]):
                raise ValueError(
                    f"line {number} leaves the function in which line {opened[0]} begins a solution: {line!r}; "
                    "a block ends, with ### END SOLUTION, in the function where it begins."
                )
        elif mark["kind"] == "BEGIN":
            if opened is not None:
                raise ValueError(f"line {number} begins a solution inside the one of line {opened[0]}, which has no ### END SOLUTION.")
            opened = number, mark["indent"]
        elif opened is None:
            raise ValueError(f"line {number} ends a solution that has no ### BEGIN SOLUTION.")
        elif mark["indent"] != opened[1]:
            raise ValueError(f"line {number} ends the solution of line {opened[0]} with another indentation; both marks stand alike.")
        else:
            found.append(Block(opened[0], number, opened[1]))
            opened = None
    if opened is not None:
        raise ValueError(f"line {opened[0]} begins a solution that has no ### END SOLUTION.")
    return found


@lru_cache(maxsize=1024)  # parsing a cell takes milliseconds, and every tool asks for the same cells again
def stub(source: str) -> str:
    """The student's version of a code cell: each solution block becomes one line that raises NotImplementedError."""
    lines: list[str | None] = [None, *source.split("\n")]
    raising = set()
    for block in blocks(source):
        lines[block.begin : block.end + 1] = [block.indent + STUB] + [None] * (block.end - block.begin)
        raising.add(block.begin)
    kept = [(number, line) for number, line in enumerate(lines) if line is not None]
    out = "\n".join(line for _, line in kept)
    inside = lines_in_functions(out)
    for place, (number, _) in enumerate(kept, 1):
        if number in raising and place not in inside:
            raise ValueError(
                f"line {number} begins a solution outside a function; its stub would stop Run All. Put it into a function."
            )
    return out


def lines_in_functions(source: str) -> set[int]:
    """The numbers of the lines that stand in the body of a function. What is no Python is refused: a mark may be broken in two."""
    blank = len(re.match(r"(?:[ \t]*\n)*", source)[0].split("\n")) - 1  # IPython takes them away
    try:
        tree = ast.parse("\n" * blank + TransformerManager().transform_cell(source))
    except SyntaxError as error:
        raise ValueError(f"the cell, without its solution, is no Python: {error.msg}: {(error.text or '').strip()!r}.") from None
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {line for node in functions for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1)}


def without_marks(source: str) -> str:
    """The cell as it is solved, its marks taken out."""
    return "\n".join(line for line in source.split("\n") if not MARK.fullmatch(line))


def check_words(source: str) -> None:
    """Require that a Markdown cell holds no mark: there it marks nothing."""
    for number, line in enumerate(source.split("\n"), 1):
        if re.search(r"\b(BEGIN|END) SOLUTION", line) or re.fullmatch(r"\W*(begin|end)\W*solutions?\W*", line, re.I):
            raise ValueError(f"line {number} is the mark of a solution in a Markdown cell: {line!r}; marks stand in code cells.")


# ---------------------------------------------------------------- what looks like a mark


def resembles(line: str) -> bool:
    """Whether a line of code that is no mark looks like one.

    Three # in a row are kept for marks. Else a line is taken for one when it, or a comment in it, begins with words like
    those of a mark or holds them almost unchanged further on, and when a comment is one such word.
    """
    text = unicodedata.normalize("NFKC", line)
    if "###" in text:
        return True
    comments = [words(part) for part in text.split("#")[1:]]
    comments.append(words(text.partition("#")[2].replace("#", "")))  # one that slipped into a word does not hide it
    if any("".join(part) in (*HEADS, TAIL, TAIL + "S") for part in comments):
        return True
    if any(announces(part[1:][start:], 0.75) for part in comments for start in range(len(part))):
        return True
    pairs = [words("".join(pair)) for pair in re.findall(r"(?<![^\W_])([^\W_]+[\s_-]+)(?=([^\W_]+))", text)]
    return any(announces(part, 0.6) for part in comments + pairs[:1]) or any(announces(pair, 0.75) for pair in pairs)


def words(text: str) -> list[str]:
    """The words of a text, in capitals."""
    return re.findall(r"[^\W\d_]+", text.upper())


def announces(parts: list[str], least: float) -> bool:
    """Whether these words begin nearly as a mark does; spaces do not count, the first of its two words is alike to `least`."""
    letters = "".join(parts)[: 2 * len(TAIL)]
    return any(
        alike(letters[:cut], head) >= least and alike(letters[cut : cut + length], TAIL) >= 0.75
        for head in HEADS
        for cut in range(len(head) - 1, len(head) + 2)
        for length in range(len(TAIL) - 2, len(TAIL) + 3)
    )


def alike(a: str, b: str) -> float:
    """How alike two words are, from 0 to 1."""
    return SequenceMatcher(None, a, b, autojunk=False).ratio()
