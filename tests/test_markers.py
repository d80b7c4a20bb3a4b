"""The marks around a solution: exact or refused, so that no solution ever reaches the student's copy."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from course_utils import notebooks as nb
from course_utils.notebooks import markers

BEGIN, END = "    ### BEGIN SOLUTION", "    ### END SOLUTION"
SECRET = "    return 2 * x"


def cell(*lines: str) -> str:
    return "\n".join(lines)


SOLVED = cell("def double(x):", BEGIN, SECRET, END, "", 'double = check("double", double)')


def copy(*sources: str):
    """The student's copy of a chapter with these code cells."""
    return nb.student(new_notebook(cells=[new_code_cell(source) for source in sources]), "01_x")


def code(book) -> str:
    return "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")


def test_a_solution_is_taken_out() -> None:
    assert markers.stub(SOLVED) == cell("def double(x):", "    " + markers.STUB, "", 'double = check("double", double)')
    assert markers.blocks(SOLVED) == [markers.Block(2, 4, "    ")]
    assert not markers.has_marks("x = 1") and markers.stub("x = 1  # two # marks") == "x = 1  # two # marks"


NEAR_BEGIN = [
    "    ###BEGIN SOLUTION", "    ### begin solution", "    ### Begin Solution", "    ## BEGIN SOLUTION", "    # BEGIN SOLUTION",
    "    #### BEGIN SOLUTION", "    ### BEGIN SOLUTION:", "    ### BEGIN SOLUTIONS", "    ### BEGINN SOLUTION", "    ### BEGIN  SOLUTION",
    "    ### BEGIN SOLUTION ", "    ### BEGIN SOLUTION\t", "    ###\tBEGIN SOLUTION", "\t### BEGIN SOLUTION", "    ### BEGIN SOLUTION of it",
    "    ### BEGIN-SOLUTION", "    ### BEGIN_SOLUTION", "    ### BEGINSOLUTION", "    ### BEGIN", "    ### SOLUTION", "    ### START SOLUTION",
    "    #BEGIN SOLUTION", "    # # # BEGIN SOLUTION", "    ### \u0412EGIN SOLUTION", "    \uff03\uff03\uff03 BEGIN SOLUTION", "    # begin solution:",
    "    # here BEGIN SOLUTION", "    ## BEGIN S#OLUTION", "    x = x  ### BEGIN SOLUTION", "    BEGIN SOLUTION", "    ### BEGIN SOLUTION\r", "    ### BEGIN\u00a0SOLUTION",
    '    "### BEGIN SOLUTION"', "    # solution", "    ## BEGIN", "    ### YOUR CODE",
]  # fmt: skip


@pytest.mark.parametrize("near", NEAR_BEGIN)
def test_what_looks_like_a_mark_is_refused(near: str) -> None:
    for source in (SOLVED.replace(BEGIN, near), SOLVED.replace(BEGIN, near).replace(END, near.replace("BEGIN", "END")), SOLVED + "\n" + near):
        with pytest.raises(ValueError, match=r"01_x, cell 1 \(id .+\): line \d"):
            copy(source)
    with pytest.raises(ValueError, match=r"01_x, cell 1 \(id .+\): line 4 .*(looks like|ends the solution)"):
        copy(SOLVED.replace(END, near.replace("BEGIN", "END")) if "BEGIN" in near else SOLVED.replace(END, near))


@pytest.mark.parametrize(
    "source, words",
    [
        (cell("def f(x):", BEGIN, SECRET), "line 2 begins a solution that has no ### END"),
        (cell("def f(x):", SECRET, END), "line 3 ends a solution that has no ### BEGIN"),
        (cell("def f(x):", END, SECRET, BEGIN), "line 2 ends a solution that has no ### BEGIN"),
        (cell("def f(x):", BEGIN, BEGIN, SECRET, END), "line 3 begins a solution inside the one of line 2"),
        (cell("def f(x):", BEGIN, SECRET, END, END), "line 5 ends a solution that has no ### BEGIN"),
        # A forgotten END swallows the next function when a later END follows.
        (cell("def f(x):", BEGIN, SECRET, "def g(x):", BEGIN, SECRET, END), "line 4 leaves the function in which line 2 begins"),
        (cell("def f(x):", BEGIN, SECRET, "", "def g(x):", SECRET, END), "line 5 leaves the function in which line 2 begins"),
        (cell("class A:", "    def f(x):", "    " + BEGIN, "    " + SECRET, "    def g(x):", "    " + SECRET, "    " + END), "line 5 leaves"),
        (cell("def f(x):", BEGIN, SECRET, "x = 1", END), "line 4 leaves"),
        (cell("def f(x):", BEGIN, SECRET, "    " + END), "line 4 ends the solution of line 2 with another indentation"),
        (cell("### BEGIN SOLUTION", "x = 1", "### END SOLUTION"), "line 1 begins a solution outside a function"),
        (cell("if True:", BEGIN, "    x = 1", END), "line 2 begins a solution outside a function"),
        (cell("class A:", BEGIN, "    x = 1", END), "line 2 begins a solution outside a function"),
        (cell("def f(x):", "    ## BEGIN S", "OLUTION", SECRET, "    ## END SO", "LUTION"), "the cell, without its solution, is no Python"),
        (cell("def f(x) -> int", BEGIN, SECRET, END), "the cell, without its solution, is no Python"),
    ],
)
def test_marks_out_of_place_are_refused(source: str, words: str) -> None:
    with pytest.raises(ValueError, match=rf"01_x, cell 2 \(id .+\): {words}"):
        copy("x = 1", source)


@pytest.mark.parametrize("make", [new_markdown_cell, new_raw_cell])
@pytest.mark.parametrize("line", ["### BEGIN SOLUTION", "### END SOLUTION", "### begin solution", "BEGIN SOLUTION", "so: `### END SOLUTION`"])
def test_a_mark_outside_code_is_refused(make, line: str) -> None:
    with pytest.raises(ValueError, match=r"01_x, cell 1 \(id .+\): line 2 is the mark of a solution in a Markdown cell"):
        nb.student(new_notebook(cells=[make("words\n" + line)]), "01_x")


@pytest.mark.parametrize(
    "source",
    [
        "x = 1  # the solution of the equation", "# Ensure that this is one solution of many", "end = solution = 3", "begin, solution = f()",
        '"""In the end the solution is unique."""', "# end of the loop", "# begin with the solid line", "%matplotlib inline", "x = '# 1 ## 2'",
        "", "\n\n!ls\nfiles = !ls\ntorch?", "%%time\nx = 1", "await f()",
    ],
)  # fmt: skip
def test_ordinary_lines_pass(source: str) -> None:
    assert code(copy(source)) == source


def test_ordinary_words_pass() -> None:
    words = "### Solution\nIn the end, solution by solution, we begin. Solutions are folded.\n### The end"
    assert nb.student(new_notebook(cells=[new_markdown_cell(words)])).cells[0].source == words


def test_functions_of_many_shapes() -> None:
    source = cell(
        "", "%timeit pass", "class Net:", "    async def f(", "        self,", "    ) -> int:", "        '''What it does.'''", "    " + BEGIN,
        "        def inner():", "            return 1", "", "        return inner()", "    " + END, "    def g(self):", "        if self:",
        "        " + BEGIN, "            return 1", "        " + END, "        return 2",
    )  # fmt: skip
    out = markers.stub(source)
    assert out.count(markers.STUB) == 2 and "inner" not in out and out.endswith("        return 2")
    compile(out.replace("%timeit pass", ""), "cell", "exec")


EDITS = st.tuples(
    st.sampled_from(["delete", "insert", "replace", "swap", "lower", "title", "append", "thin"]),
    st.integers(0, 40), st.sampled_from("abcBEGINSOLUTIONend#:_- \t\n.0\u00a0"),
)  # fmt: skip


def edited(line: str, edits: list[tuple[str, int, str]]) -> str:
    """A line after some slips of the keyboard."""
    for kind, place, letter in edits:
        place %= max(len(line), 1)
        line = {
            "delete": line[:place] + line[place + 1 :],
            "insert": line[:place] + letter + line[place:],
            "replace": line[:place] + letter + line[place + 1 :],
            "swap": line[:place] + line[place + 1 : place + 2] + line[place : place + 1] + line[place + 2 :],
            "lower": line.lower(),
            "title": line.title(),
            "append": line + letter,
            "thin": line.replace("#", "", 1 + place % 2),
        }[kind]
    return line


@settings(max_examples=1000, deadline=None, derandomize=True)  # the same slips every time: CI fails for a change only
@given(st.lists(EDITS, max_size=2), st.lists(EDITS, max_size=2))
def test_slips_in_the_marks_never_let_the_solution_through(first: list, second: list) -> None:
    source = SOLVED.replace(BEGIN, edited(BEGIN, first)).replace(END, edited(END, second))
    try:
        book = copy(source)
    except ValueError as error:
        assert str(error).startswith("01_x, cell 1 (id ") and source != SOLVED
        return
    assert "2 * x" not in code(book) and markers.STUB in code(book)
