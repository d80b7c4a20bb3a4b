"""`make prose`: which sentences it takes for statements about behaviour, and where it looks for what verifies them."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils import notebooks as nb
from course_utils.notebooks import prose

CLAIM = 'claim("noise does little: LeNet keeps more than half", kept > 0.5)'
ANSWER = 'answer("LeNet falls below one half at", eps, guess_eps)'


def chapter(*cells: str):
    """A chapter of one section; a cell that begins with > is code, with ! it is for the instructor."""
    made = [new_markdown_cell("# 09 T\n\nThe network falls at every step."), new_markdown_cell("## 1 One")]
    for text in cells:
        kind = "notes" if text.startswith("!") else "fragment"
        source = text.lstrip(">!")
        made.append(new_code_cell(source) if text.startswith(">") else new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}}))
    return new_notebook(cells=made)


def bare(*cells: str) -> list[str]:
    return [one.text for one in prose.sentences(chapter(*cells)) if not one.verified]


STATEMENTS = [
    "LeNet falls later than the linear model.",
    "Noise of the same size does almost nothing.",
    "The map of the network with random weights is another one.",
    "SmoothGrad gathers the dots near the object.",
    "The loss $J(x, y)$ is nearly straight, and the gradient is large.",
    "Depth is not the cause of it.",
    "Where the step crosses the margin is the answer.",
    "- The score does not fall: this part was not needed.",
    "At $\\epsilon = 0.25$ the network has 6.8 % right, e.g. one in fifteen.",
]
OTHERS = [
    "How far does the network fall?",
    "*Predict:* the network falls below one half.",
    "The **saliency map** is the size of the network's gradient at each pixel.",
    "Goodfellow measured 99.9 % error for a linear classifier.",
    "A captioning network called people at a desk men (Hendricks et al. 2018).",
    "The paper's networks fall at every step of it.",
    "Return the saliency map for the pictures of the network.",
    "We compare the order of the pixels before and after.",
    "How often noise of the same size fools it.",
    "The weather was fine on that day, all day long.",
    "The network falls.",  # too short to state anything
    "| the network | falls at every step |",
    "$$ the\\ network\\ falls\\ at\\ every\\ step $$",
    "```\nThe network falls at every step.\n```",
    "### The network falls at every step",
]


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_needs_a_claim_behind_it(text: str) -> None:
    assert len(bare(text)) == 1
    assert bare(text, f">{CLAIM}") == bare(text, f">{ANSWER}") == []
    assert len(bare(f">{CLAIM}", text)) == 1, "a claim before it verifies nothing"
    assert len(bare(text, "### Next", f">{CLAIM}")) == 1, "nor one under the next heading"
    assert len(bare(text, '>print("claim(this)")\nclaimed = claims(1)')) == 1, "nor what only looks like one"


@pytest.mark.parametrize("text", OTHERS)
def test_other_sentences_need_none(text: str) -> None:
    assert bare(text) == []


def test_sentences_are_told_apart() -> None:
    found = bare("LeNet falls (at 0.1) by e.g. one half. It falls, as A. Rozsa says, at\nevery step! The weather was fine, as it was before. It was.")
    assert found == ["LeNet falls (at 0.1) by e.g. one half.", "It falls, as A. Rozsa says, at every step!"]


STATEMENT = "LeNet falls later than the linear model."


@pytest.mark.parametrize(
    "text",
    [
        "LeNet falls later than the linear model (section 1).",
        "Chapter 13 shows how LeNet falls by another network's pictures.",
        f"{STATEMENT} <!-- claim: section 1 -->",
        f"{STATEMENT}<!-- claim: chapter 13 -->",
        f"{STATEMENT} <!-- claim: above -->",
        f"{STATEMENT}\n<!-- no claim: a definition -->",
        f"<!-- claim: above -->\n{STATEMENT} LeNet falls much later than noise does.",
    ],
)
def test_a_sentence_may_be_verified_elsewhere(text: str) -> None:
    assert bare(f">{CLAIM}", text) == []


@pytest.mark.parametrize(
    "text, fault",
    [
        ("LeNet falls later than the model (section 3).", "section 3 of this chapter has no claim"),
        (f"{STATEMENT} <!-- claim: section 3 -->", "section 3 of this chapter has no claim"),
        (f"{STATEMENT} <!-- claim: above -->", "no claim stands above it"),
        (f"{STATEMENT} <!-- claim: somewhere -->", "is no mark of this tool"),
        (f"{STATEMENT} <!-- no claim: -->", "is no mark of this tool"),
        ("The weather is fine. <!-- claims: above -->", "is no mark of this tool"),
    ],
)
def test_a_mark_must_hold(text: str, fault: str) -> None:
    (one,) = prose.sentences(chapter(text))
    assert not one.verified and fault in one.fault


def test_a_mark_speaks_for_the_sentence_before_it_only() -> None:
    assert bare(f">{CLAIM}", f"{STATEMENT} <!-- claim: above --> LeNet falls much later than noise does.") == ["LeNet falls much later than noise does."]


def test_tasks_notes_and_quiz_questions_are_left_out_and_answers_are_not() -> None:
    task = "### Exercise 1: FGSM  (★, 5 minutes)\n\nThe network falls at every step."
    assert bare(task) == [] and bare(f"!{STATEMENT}") == []
    assert bare(task, '>f = check("f", f)', STATEMENT) == [STATEMENT], "behind the stub it is the course's text again"
    quiz = f"## Recap\n\n1. {STATEMENT}\n\n<details><summary>The answers fall at every network</summary>\n\n1. Noise of that size does nothing.\n</details>"
    assert bare(quiz) == ["Noise of that size does nothing."]
    questions = f"## Questions from the lecture\n\n<details><summary>Is LeNet a network of many layers?</summary>\n\n{STATEMENT}\n</details>"
    assert bare(questions) == [STATEMENT]


def test_the_report_names_cell_and_claims(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "The filters are edges for the most part."
    path = tmp_path / "09_t.ipynb"
    nb.write(nb.normalise(chapter(STATEMENT, f">{CLAIM}", "### Sub", text, ">claim('noise does little', 1)", "### End", STATEMENT)), path)
    monkeypatch.setattr(prose, "authored", lambda names: [path])
    assert prose.main([]) == 0
    said = capsys.readouterr().out
    assert said.startswith("09_t: 3 sentences about behaviour; 1 not verified, 1 followed by claims of other words\n")
    assert "cell 9 (id " in said and "no word in common" in said and said.count(STATEMENT) == 1
    assert prose.main(["--all"]) == 0
    said = capsys.readouterr().out
    assert said.count(STATEMENT) == 2 and "✓ noise does little: LeNet keeps more than half" in said


def test_an_unknown_chapter_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert prose.main(["nine"]) == 1
    assert "nine" in capsys.readouterr().err
