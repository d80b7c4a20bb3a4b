"""The rules that a chapter keeps, each a function of the authored notebook that lists what breaks it: cell, fault, what to do."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator

from IPython.core.inputtransformer2 import TransformerManager
from lecture_questions import QUESTIONS
from nbformat import NotebookNode
from reading_list import Entry

from course_utils.exercises import exercise
from course_utils.notebooks import markers, prose
from course_utils.notebooks.sections import Piece, Section, sections

Rule = Callable[[NotebookNode, str], Iterator[str]]

PREDICT = re.compile(r"\*+Predict\b[^*\n]{0,3}\*+")
NOTES = re.compile(r"\*\*For the instructor, \d+ minutes?\.\*\*")
TASK = re.compile(r"Exercise (?P<number>\d+): .+?  \((?P<stars>★+), (?P<minutes>\d+) minutes\)|Open task: .+?  \((?P<open>\d+) minutes\)")
LONGEST, MEDIAN = 12, 10  # visible lines of code


def tree(piece: Piece) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell(piece.text))


# ---------------------------------------------------------------- names


def assigned(node: ast.AST) -> Iterator[str]:
    """The names that running a cell assigns at its top level: not inside functions, classes and comprehensions, nor by imports."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        yield from (inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr) and not isinstance(node, ast.Lambda))
        return
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    for inner in ast.iter_child_nodes(node):
        yield from assigned(inner)


def names_of_a_section_stay(book: NotebookNode, chapter: str) -> Iterator[str]:
    """A name belongs to the section that assigns it first, so that an earlier exercise can be done again at any time."""
    owner: dict[str, Section] = {}
    for section in sections(book):
        for piece in section.code:
            for name in dict.fromkeys(assigned(tree(piece))):
                if name != "_" and owner.setdefault(name, section) is not section:
                    first = owner[name].title or "the beginning"
                    yield f"{piece.place} in {section.title!r} assigns {name!r} again, which is a name of {first!r}; give it another name."


# ---------------------------------------------------------------- predict, answer, claim


def guesses(piece: Piece) -> list[str]:
    """The places for a guess in a code cell: `guess_NAME = ...`."""
    found = [node for node in tree(piece).body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is ...]
    return [target.id for node in found for target in node.targets if isinstance(target, ast.Name) and target.id.startswith("guess_")]


def answered(piece: Piece) -> list[str]:
    """The guesses that the answers of a code cell are shown beside."""
    inside = [(*call.args, *(word.value for word in call.keywords)) for call in prose.calls(piece.text, ("answer",))]
    return [value.id for values in inside for value in values if isinstance(value, ast.Name) and value.id.startswith("guess_")]


def every_predict_has_a_place_for_the_guess(book: NotebookNode, chapter: str) -> Iterator[str]:
    for section in sections(book):
        waiting: list[Piece] = []
        for piece in section.pieces:
            if not piece.is_code:
                for found in PREDICT.finditer("" if piece.is_note else piece.text):
                    waiting.append(piece)
                    if found[0] != "*Predict:*":
                        yield f"{piece.place}: write *Predict:* with the colon inside, not {found[0]}"
                continue
            if len(guesses(piece)) < len(waiting):
                yield f"{waiting[0].place} asks to predict; begin the next code cell, {piece.place}, with `guess_NAME = ...  # your guess: ...`"
            if guesses(piece) and not waiting:
                yield f"{piece.place} has a place for a guess, but no *Predict:* stands right above it."
            waiting = []
        for piece in waiting:
            yield f"{piece.place} asks to predict, and no code follows in the section."


def every_guess_is_answered_once(book: NotebookNode, chapter: str) -> Iterator[str]:
    seen: set[str] = set()
    for section in sections(book):
        for index, piece in enumerate(section.code):
            for name in guesses(piece):
                if name in seen:
                    yield f"{piece.place}: {name} is a guess of an earlier cell; give this one another name."
                seen.add(name)
                count = sum(answered(later).count(name) for later in section.code[index:])
                if count != 1:
                    yield f"{piece.place}: {count} answers use {name} in its section; one `answer(..., value, {name})` must."
            for name in set(answered(piece)) - seen:
                yield f"{piece.place} answers {name}, which no cell before it asks for with `{name} = ...`"


def every_section_has_a_claim(book: NotebookNode, chapter: str) -> Iterator[str]:
    """Between the title and the closing sections; where there is nothing to claim, `<!-- no claim: why -->` says so in a line of its own."""
    for section in sections(book):
        if section.title and section.code and not section.closes:
            excused = any(re.search(r"^<!-- no claim: \S.* -->$", piece.text, re.M) for piece in section.markdown)
            if not excused and not any(prose.calls(piece.text, ("claim",)) for piece in section.code):
                yield f"section {section.title!r} has code and no claim; verify what it shows, or say `<!-- no claim: why -->` in a line of its own."


def every_sentence_about_behaviour_is_verified(book: NotebookNode, chapter: str) -> Iterator[str]:
    for one in prose.sentences(book):
        if not one.verified:
            yield f"{one.place}: {one.fault or 'no claim follows'}: {one.text} (make prose)"


# ---------------------------------------------------------------- the instructor, the screen


def every_section_has_notes(book: NotebookNode, chapter: str) -> Iterator[str]:
    for section in sections(book):
        notes = [piece for piece in section.markdown if piece.is_note]
        for piece in notes:
            if not NOTES.match(piece.text):
                yield f"{piece.place}: notes begin with **For the instructor, N minutes.**"
        if section.code and section.title and not notes:
            yield f"section {section.title!r} has no notes; end it with a cell of slide type notes: **For the instructor, N minutes.** ..."
        if len(notes) > 1 or (notes and section.pieces[-1] is not notes[0]):
            yield f"{notes[0].place}: a section has one cell of notes, at its end."


def shown_lines(piece: Piece) -> int:
    """How many lines of a code cell the student gets, blank ones aside."""
    return sum(bool(line.strip()) for line in markers.stub(piece.text).split("\n"))


def is_hidden(piece: Piece) -> bool:
    return bool(piece.cell.metadata.get("jupyter", {}).get("source_hidden"))


def written_code(book: NotebookNode) -> list[Piece]:
    """A chapter's code cells but the set-up."""
    return [piece for section in sections(book) for piece in section.code if "setup" not in piece.cell.metadata.get("tags", [])]


def long_code_is_collapsed(book: NotebookNode, chapter: str) -> Iterator[str]:
    for piece in written_code(book):
        stub = markers.has_marks(piece.text)
        if shown_lines(piece) > LONGEST and not stub and not is_hidden(piece):
            yield (
                f"{piece.place} shows {shown_lines(piece)} lines; split it, move it to the package, or collapse it: "
                '"jupyter": {"source_hidden": true} in its metadata.'
            )
        if stub and is_hidden(piece):
            yield f"{piece.place} is an exercise and collapsed; the student must see it."


def visible_code_is_short(book: NotebookNode, chapter: str) -> Iterator[str]:
    lines = [shown_lines(piece) for piece in written_code(book) if not is_hidden(piece)]
    if lines and statistics.median(lines) > MEDIAN:
        yield f"half of the visible code cells are longer than {statistics.median(lines):g} lines; {MEDIAN} is the most."


# ---------------------------------------------------------------- exercises and minutes


def tasks(book: NotebookNode) -> Iterator[tuple[Piece, list[str], list[str]]]:
    """Each exercise's or open task's heading, and the names that are checked and tried before the next heading."""
    for section in sections(book):
        for index, piece in enumerate(section.pieces):
            if piece.heading[0] and re.match(r"Exercise|Open task", piece.heading[1]):
                inside = []
                for later in section.pieces[index + 1 :]:
                    if later.heading[0]:
                        break
                    inside += [later] if later.is_code else []
                named = lambda function: [  # noqa: E731
                    call.args[0].value for cell in inside for call in prose.calls(cell.text, (function,)) if isinstance(call.args[0], ast.Constant)
                ]
                yield piece, named("check"), named("attempt")


def exercise_headings_say_what_is_declared(book: NotebookNode, chapter: str) -> Iterator[str]:
    number = 0
    for piece, checked, tried in tasks(book):
        found = TASK.fullmatch(piece.heading[1])
        if not found:
            yield f"{piece.place}: a heading is `### Exercise K: title  (★★, N minutes)` or `### Open task: title  (N minutes)`, not {piece.text.splitlines()[0]!r}"
        elif found["open"]:
            if not tried:
                yield f'{piece.place} is an open task; its cell must end in attempt("name", name).'
        elif not checked:
            yield f'{piece.place}: its stub must follow and end in name = check("name", name).'
        else:
            number += 1
            steps = [exercise(name) for name in dict.fromkeys(checked)]
            stars, minutes = "★" * max(step.difficulty for step in steps), sum(step.minutes for step in steps)
            if (found["stars"], int(found["minutes"])) != (stars, minutes):
                yield f"{piece.place}: ({found['stars']}, {found['minutes']} minutes); its checks declare ({stars}, {minutes} minutes)."
            if int(found["number"]) != number:
                yield f"{piece.place}: this is exercise {number} of the chapter, not {found['number']}."


def there_is_time_for_the_exercises(book: NotebookNode, chapter: str) -> Iterator[str]:
    said = re.search(r"\*\*Time\*\* (\d+)", "\n".join(piece.text for piece in sections(book)[0].markdown))
    found = [TASK.fullmatch(piece.heading[1]) for piece, _, _ in tasks(book)]
    needed = sum(int(one["minutes"] or one["open"]) for one in found if one)
    if not said:
        yield "the first cell says no time; write **Time** N minutes ..."
    elif int(said[1]) < needed:
        yield f"**Time** is {said[1]} minutes, but the exercises alone take {needed}."


# ---------------------------------------------------------------- formulas


def formulas_have_single_backslashes(book: NotebookNode, chapter: str) -> Iterator[str]:
    """A doubled one before a name, as in a string that was escaped twice, is a new line and then the bare name: "rho"."""
    for section in sections(book):
        for piece in section.markdown:
            for formula in re.findall(r"\$\$.+?\$\$|\$[^$\n]+\$", piece.text, re.S):
                if doubled := re.search(r"(?<!\\)\\\\[A-Za-z]+", formula):
                    yield f"{piece.place}: {doubled[0]} in {formula}; one backslash makes it a symbol (for a new line put a space behind two)."


# ---------------------------------------------------------------- the lectures


def questions_are_those_of_the_lectures(book: NotebookNode, chapter: str) -> Iterator[str]:
    known = QUESTIONS.get(chapter[:2], ())
    for section in sections(book):
        if section.title == "Questions from the lecture":
            asked = [(piece, found) for piece in section.markdown for found in re.findall(r"<summary>(.*?)</summary>", piece.text, re.S)]
            for piece, question in asked:
                if " ".join(question.split()) not in {one.summary for one in known}:
                    here = "; ".join(one.summary for one in known) or "none"
                    yield f"{piece.place}: the lectures do not ask {question!r}; put it under `## More questions`. Asked for this chapter: {here}"
            if not asked:
                yield f"section {section.title!r} has no <details><summary>question</summary>."


def further_reading(book: NotebookNode) -> str:
    """The text behind "Further reading", in one line and small letters."""
    text = "\n".join(piece.text for section in sections(book) for piece in section.markdown)
    return " ".join(re.split(r"Further reading", text)[-1].split()).lower() if "Further reading" in text else ""


def names(text: str, entry: Entry) -> bool:
    """Whether a further reading has an entry, by its title or its number on arXiv."""
    return entry.title.lower() in text or bool(entry.arxiv and entry.arxiv in text)


RULES: tuple[Rule, ...] = (
    names_of_a_section_stay,
    every_predict_has_a_place_for_the_guess,
    every_guess_is_answered_once,
    every_section_has_a_claim,
    every_sentence_about_behaviour_is_verified,
    every_section_has_notes,
    long_code_is_collapsed,
    visible_code_is_short,
    exercise_headings_say_what_is_declared,
    there_is_time_for_the_exercises,
    formulas_have_single_backslashes,
    questions_are_those_of_the_lectures,
)
