"""What the report says in words: what fooled a submission, and what to try."""

from __future__ import annotations

import pytest

from course_utils.arena import verdict
from course_utils.arena.advice import advice
from course_utils.arena.page import page
from course_utils.arena.programme import PROGRAMME


def report(left: dict[str, int], worst: int, says: str = "broken", note: str = "") -> dict:
    """A report of 100 pictures, of which each attack leaves so many."""
    made = verdict.blank({"name": "x.py", "seconds": 60.0, "data": "drawn"}) | {"verdict": says, "reasons": ["So."], "clean_accuracy": 0.97, "clean_interval": [0.9, 1.0], "worst_case": worst / 100, "pictures": 100}
    made["worst_interval"] = verdict.wilson(worst, 100)
    for attack in PROGRAMME:
        line = verdict.row(attack, note if attack.left else "")
        if attack.name in left:
            line |= {"pictures": 100, "accuracy": left[attack.name] / 100, "interval": verdict.wilson(left[attack.name], 100)}
        made["attacks"].append(line)
    return made


def said(*given, **options) -> str:
    return " ".join(advice(report(*given, **options)))


def test_the_strongest_attack_in_the_budget_is_named() -> None:
    words = said({"noise": 95, "pgd": 60, "square": 30, "stickers": 0}, 30)
    assert "strongest single attack was square (random search with scores alone): it leaves 30 % of 100" in words and "stickers" not in words


def test_a_gradient_that_suffices_and_one_that_leads_astray() -> None:
    assert "pgd leaves 0 %" in said({"pgd": 0, "transfer": 10}, 0) and "chapter 18" in said({"pgd": 0, "transfer": 10}, 0)
    words = said({"pgd": 98, "transfer": 0}, 0)
    assert "leads astray" in words and "leave 98 %, and transfer (made for other networks of the course), 0 %" in words and "chapter 18" not in words
    assert "astray" not in said({"pgd": 72, "square": 70}, 70, says="stands")


def test_who_has_no_gradient_is_not_told_of_it() -> None:
    assert "gradient" not in said({"square": 0}, 0)


def test_noise_is_named_only_where_it_fools() -> None:
    assert "Noise of the same size leaves 60 %" in said({"noise": 60, "pgd": 0}, 0) and "Noise" not in said({"noise": 95, "pgd": 0}, 0)


@pytest.mark.parametrize(("worst", "close"), [(55, True), (45, True), (70, False), (20, False)])
def test_a_verdict_that_hangs_on_chance_is_said(worst, close) -> None:
    assert ("other pictures may give another verdict" in said({"pgd": worst}, worst, says="stands" if worst >= 50 else "broken")) == close


def test_what_was_cut_is_said_of_what_stands() -> None:
    note = "cut after 0 of 35 pictures: its time was up"
    assert "Time was up for last stand" in said({"pgd": 80}, 80, says="stands", note=note) and "Time was up" not in said({"pgd": 0}, 0, note=note)


def test_a_worst_case_of_fewer_pictures_is_said() -> None:
    few = report({"pgd": 85, "square": 88}, 88, says="stands") | {"pictures": 25}
    assert "the first 25 pictures" in " ".join(advice(few)) and "the first" not in said({"pgd": 85}, 85, says="stands")


def test_nothing_is_said_of_what_is_invalid_or_was_not_attacked() -> None:
    assert not advice(report({"pgd": 0}, 0, says="invalid")) and not advice(report({}, 0)) and "what to try" not in page(report({}, 0), [])
    assert "what to try" in page(report({"pgd": 0}, 0), [])
