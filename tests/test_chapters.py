"""What every chapter keeps, read from its text alone, and that each of these rules finds what breaks it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chapter_rules import RULES, Rule, assigned, further_reading, names, tree
from lecture_questions import QUESTIONS
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from reading_list import READING_LIST, Entry

from course_utils import notebooks as nb
from course_utils.notebooks.sections import Piece, sections

CHAPTERS = nb.authored()
BY_NAME = {rule.__name__: rule for rule in RULES}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_chapter(rule: Rule, path: Path) -> None:
    faults = list(rule(nb.read(path), path.stem))
    if faults:
        pytest.fail("\n  - ".join([f"notebooks/solutions/{path.name}, {len(faults)} faults:", *faults]), pytrace=False)


def test_the_readmes_table_says_how_long_each_chapter_takes() -> None:
    """A row for each chapter, with the minutes that its own head names."""
    lines = (Path(nb.__file__).parents[2] / "README.md").read_text().splitlines()
    rows = {path.stem: [line.split("|")[3].strip() for line in lines if f"](notebooks/{path.name})" in line] for path in CHAPTERS}
    heads = {path.stem: re.findall(r"\*\*Time\*\* (\d+) minutes", nb.read(path).cells[0].source) for path in CHAPTERS}
    assert rows == heads and all(len(minutes) == 1 for minutes in rows.values())


@pytest.mark.parametrize("entry", READING_LIST, ids=lambda entry: entry.title[:40])
def test_further_reading_names_the_reading_list(entry: Entry) -> None:
    """Every entry of the first lecture's reading list stands in its chapter, and waits for it where that is still to come."""
    homes = [path for path in CHAPTERS if path.name.startswith(entry.chapter)]
    if not homes:
        pytest.skip(f"waits for chapter {entry.chapter}")
    if not names(further_reading(nb.read(homes[0])), entry):
        number = f", arXiv:{entry.arxiv}" if entry.arxiv else ""
        pytest.fail(f"notebooks/solutions/{homes[0].name}: its further reading lacks {entry.title!r}{number}", pytrace=False)


def test_tables_of_the_lectures_are_whole() -> None:
    assert len(READING_LIST) == 14 == len({entry.title for entry in READING_LIST})
    assert len({entry.arxiv for entry in READING_LIST} - {""}) == 12
    chapters = {f"{number:02d}" for number in range(24)}
    assert {entry.chapter for entry in READING_LIST} <= chapters == set(QUESTIONS)
    assert all(one.summary.endswith("?") and one.source.startswith(("D1:", "D2:", "D3:")) for row in QUESTIONS.values() for one in row)


# ---------------------------------------------------------------- made chapters


def words(text: str, kind: str = "fragment"):
    return new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})


def code(text: str, **metadata):
    return new_code_cell(text, metadata=metadata)


NOTE = words("**For the instructor, 5 minutes.** Ask first.", "notes")
TITLE = words("# 09 T\n\n**Time** 60 minutes.")
STUB = 'def fgsm(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION\n\nfgsm = check("fgsm", fgsm)'
GOOD = [
    TITLE,
    words("## 1 One\n\nThe network falls.\n\n*Predict:* how far?"),
    code("guess_fall = ...  # your guess: a number"),
    code('fall = 1\nclaim("it falls", fall)\nanswer("it falls by", fall, guess_fall)'),
    words("### Exercise 1: FGSM  (★★, 15 minutes)\n\nWrite it."),
    code(STUB),
    NOTE,
    words("## 2 Two\n\nThe network rises at every step (section 1).\n\n<!-- no claim: only a widget -->"),
    code("for k, (a, b) in []:\n    with open(a) as f: c = [fall for fall in b]"),
    NOTE,
    words("## Questions from the lecture\n\n<details><summary>Why are networks fooled so easily?</summary>\n\nSee section 1.\n</details>"),
    words("## Recap\n\n**Further reading.** *Explaining and\nharnessing adversarial examples*."),
]


def book(*cells):
    return new_notebook(cells=list(cells))


def swapped(old: str, new: str):
    """The good chapter with one thing changed."""
    cells = [cell.copy() for cell in GOOD]
    assert sum(old in cell.source for cell in cells) >= 1, old
    for cell in cells:
        cell.source = cell.source.replace(old, new)
    return book(*cells)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_chapter_keeps_the_rules(rule: Rule) -> None:
    assert list(rule(book(*GOOD), "09_t")) == []


BROKEN = [
    ("names_of_a_section_stay", "for k,", "for fall,", "cell 9 .* assigns 'fall' again, .* of '1 One'"),
    ("names_of_a_section_stay", "(a, b)", "(a, fgsm)", "assigns 'fgsm' again"),
    ("names_of_a_section_stay", "as f:", "as fall:", "assigns 'fall' again"),
    ("names_of_a_section_stay", "c = [", "fall += [", "assigns 'fall' again"),
    ("every_predict_has_a_place_for_the_guess", "guess_fall = ...", "x = 1", "cell 2 .* asks to predict; begin the next code cell, cell 3"),
    ("every_predict_has_a_place_for_the_guess", "guess_fall = ...", "guess_fall = 3", "cell 2 .* asks to predict"),
    ("every_predict_has_a_place_for_the_guess", "*Predict:* how", "*Predict* how", "with the colon inside"),
    ("every_predict_has_a_place_for_the_guess", "*Predict:* how far?", "", "no \\*Predict:\\* stands right above"),
    ("every_predict_has_a_place_for_the_guess", "how far?", "how far? *Predict:* and when?", "asks to predict"),
    ("every_predict_has_a_place_for_the_guess", "See section 1.", "*Predict:* what?", "no code follows"),
    ("every_guess_is_answered_once", ", guess_fall)", ")", "0 answers use guess_fall"),
    ("every_guess_is_answered_once", "for k,", 'answer("so", 1, guess_fall)\nanswer("so", 1, guess_none)\nfor k,', "answers guess_none, which no cell"),
    ("every_guess_is_answered_once", "fall = 1", "fall = 1\nanswer('first', 0, guess_fall)", "2 answers use guess_fall"),
    ("every_guess_is_answered_once", "for k,", "guess_fall = ...\nfor k,", "is a guess of an earlier cell"),
    ("every_section_has_a_claim", 'claim("it falls", fall)', "", "section '1 One' has code and no claim"),
    ("every_section_has_a_claim", "<!-- no claim: only a widget -->", "<!-- no claim: -->", "section '2 Two' has code and no claim"),
    ("every_sentence_about_behaviour_is_verified", " (section 1)", "", "cell 8 .* no claim follows: The network rises at every step"),
    ("every_sentence_about_behaviour_is_verified", "(section 1)", "(section 7)", "section 7 of this chapter has no claim"),
    ("every_section_has_notes", "**For the instructor, 5 minutes.**", "**Notes.**", "cell 7 .* begin with"),
    ("long_code_is_collapsed", "fall = 1", "fall = 1\n" * 13, "cell 4 .* shows 15 lines"),
    ("exercise_headings_say_what_is_declared", "★★, 15", "★, 15", r"\(★, 15 minutes\); its checks declare \(★★, 15 minutes\)"),
    ("exercise_headings_say_what_is_declared", "★★, 15", "★★, 10", "its checks declare"),
    ("exercise_headings_say_what_is_declared", "  (★★", " (★★", "a heading is"),
    ("exercise_headings_say_what_is_declared", "Exercise 1", "Exercise 2", "exercise 1 of the chapter, not 2"),
    ("exercise_headings_say_what_is_declared", 'check("fgsm", fgsm)', "fgsm", "its stub must follow"),
    ("exercise_headings_say_what_is_declared", "Exercise 1: FGSM  (★★, 15", "Open task: FGSM  (15", "must end in attempt"),
    ("there_is_time_for_the_exercises", "**Time** 60", "**Time** 14", "14 minutes, but the exercises alone take 15"),
    ("there_is_time_for_the_exercises", "**Time**", "Time", "says no time"),
    ("formulas_have_single_backslashes", "Write it.", r"Write $x + \\epsilon$.", r"epsilon.* one backslash makes it a symbol"),
    ("formulas_have_single_backslashes", "Write it.", "Write $a$:\n\n$$x \\\\rho\n$$", "rho in"),
    ("questions_are_those_of_the_lectures", "so easily?", "so often?", "do not ask 'Why are networks fooled so often\\?'"),
    ("questions_are_those_of_the_lectures", "<summary>Why are networks fooled so easily?</summary>", "", "has no <details>"),
]  # fmt: skip


@pytest.mark.parametrize("rule, old, new, message", BROKEN, ids=[f"{row[0]}-{number}" for number, row in enumerate(BROKEN)])
def test_a_broken_chapter_is_found(rule: str, old: str, new: str, message: str) -> None:
    faults = list(BY_NAME[rule](swapped(old, new), "09_t"))
    with pytest.raises(AssertionError, match=message):
        raise AssertionError("\n".join(faults))


def test_every_rule_is_seen_to_fail() -> None:
    assert {row[0] for row in BROKEN} | {"visible_code_is_short"} == set(BY_NAME)


def test_half_of_the_visible_code_is_short() -> None:
    rule, long, hidden = BY_NAME["visible_code_is_short"], "x = 1\n" * 11, {"source_hidden": True}
    assert "longer than 11 lines" in next(rule(book(code(long), code(long), code("1")), "09_t"))
    assert list(rule(book(code(long), code(long, jupyter=hidden), code("1\n\n" * 9), code("setup()", tags=["setup"])), "09_t")) == []


def test_further_reading_is_read_across_lines_and_after_its_heading_only() -> None:
    here = next(entry for entry in READING_LIST if entry.chapter == "09")
    assert names(further_reading(book(*GOOD)), here)
    assert not names(further_reading(swapped("harnessing adv", "harnessing some adv")), here)
    assert names(further_reading(book(words("Further reading. arXiv:1412.6572."))), here)
    assert not names(further_reading(book(words("arXiv:1412.6572"))), here)


def test_notes_are_missed_and_stand_at_the_end() -> None:
    rule = BY_NAME["every_section_has_notes"]
    assert [fault[:20] for fault in rule(book(*(cell for cell in GOOD if cell is not NOTE)), "09_t")] == ["section '1 One' has ", "section '2 Two' has "]
    assert "at its end" in next(rule(book(*GOOD[:3], NOTE, *GOOD[3:6]), "09_t"))


def test_collapsed_cells_and_stubs_may_be_long_but_a_stub_is_seen() -> None:
    rule, long = BY_NAME["long_code_is_collapsed"], "x = 1\n" * 20
    assert list(rule(book(code(long, jupyter={"source_hidden": True}), code(STUB.replace("return x\n", "x = 1\n    " * 20 + "return x\n"))), "09_t")) == []
    assert "must see it" in next(rule(book(code(STUB, jupyter={"source_hidden": True})), "09_t"))


def test_an_exercise_in_steps_takes_as_long_as_its_steps() -> None:
    rule = BY_NAME["exercise_headings_say_what_is_declared"]
    steps = code('noise_of_size = check("noise_of_size", noise_of_size)')
    cells = [words("## 1 One\n\n### Exercise 1: two steps  (★★, 20 minutes)"), code(STUB), words("Now the noise."), steps]
    assert list(rule(book(*cells), "09_t")) == []
    assert "declare (★★, 15 minutes)" in next(rule(book(*cells[:2]), "09_t"))


def test_names_that_a_cell_assigns() -> None:
    source = (
        "%matplotlib inline\nimport os as system\nfrom os import path\na = b, *c = 1\nd: int = 2\ne: int\nclass F:\n    g = 1\n"
        "def h():\n    i = 1\n[j for j in (k := 1,)]\nl.m = n[0] = 1\ntry:\n    o = 1\nexcept Exception as p:\n    pass\n(q := 1)\n_ = 1\n"
    )
    piece = Piece(1, code(source), source)
    assert sorted(assigned(tree(piece))) == sorted(["a", "b", "c", "d", "F", "h", "k", "o", "q", "_"])


def test_sections_are_cut_inside_cells_and_not_inside_code() -> None:
    cells = [words("# T\n\n## 1 One\n\ntext\n\n```\n## no heading\n```"), code("## 3 a comment"), words("more\n\n## 2 Two\n\n### Sub\n\nend")]
    found = sections(book(*cells))
    assert [section.title for section in found] == ["", "1 One", "2 Two"]
    assert [len(section.pieces) for section in found] == [1, 3, 2] and found[2].number == "2"
    assert [piece.number for piece in found[2].pieces] == [3, 3] and found[2].pieces[1].heading == (3, "Sub")
