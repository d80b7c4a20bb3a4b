"""The verdict, by hand."""

from __future__ import annotations

import pytest
import torch

from course_utils.arena import verdict
from course_utils.arena.programme import PROGRAMME

NAMES = {attack.name: attack for attack in PROGRAMME}


def decided(right: int, count: int = 40, tried: int = 40, note: str = "", touched: torch.Tensor | None = None, **more) -> dict:
    """A report of so many pictures, of which the first `right` are right in the worst case."""
    report = verdict.blank({"name": "x.py"}) | {"second_process": True} | more
    for name in verdict.NEEDED:
        line = verdict.row(NAMES[name], note)
        if tried:
            verdict.counted(line, torch.arange(tried) < right)
        report["attacks"].append(line)
    verdict.decide(report, torch.arange(count) < right, torch.zeros(count), touched)
    return report


@pytest.mark.parametrize(("right", "says"), [(0, "broken"), (19, "broken"), (20, "stands"), (40, "stands")])
def test_half_of_the_pictures_must_stay(right, says) -> None:
    report = decided(right)
    assert report["verdict"] == says and report["worst_case"] == right / 40 and report["worst_interval"] == verdict.wilson(right, 40)
    assert f"{right} of 40 pictures" in report["reasons"][0]


def test_only_pictures_that_all_needed_attacks_were_tried_on_count() -> None:
    """A slow network: the attacks came to the first 25 pictures, and fooled all of these but five."""
    report = verdict.blank({"name": "x.py"})
    right = torch.ones(100, dtype=torch.bool)
    right[5:25] = False
    for name in verdict.NEEDED:
        report["attacks"].append(line := verdict.row(NAMES[name], "cut"))
        verdict.counted(line, right[:25])
    verdict.decide(report, right, torch.zeros(100))
    assert report["verdict"] == "broken" and report["worst_case"] == 0.2 and report["pictures"] == 25


def test_what_was_hardly_attacked_does_not_stand_but_may_be_broken() -> None:
    assert decided(40, tried=5, note="cut")["verdict"] == "invalid" and decided(40, tried=0, note="cut")["verdict"] == "invalid"
    assert "no time" in decided(40, tried=0, note="cut")["reasons"][0]
    assert decided(3, tried=5, note="cut")["verdict"] == "broken"


def test_who_is_broken_early_is_told_on_how_many_pictures_that_rests() -> None:
    touched = torch.arange(20) >= 8
    words = " ".join(decided(8, 20, tried=5, note="cut", touched=touched)["reasons"])
    assert "8 of 20 pictures stay right" in words and "no time for all the attacks" in words and "8 of the 20 were not attacked at all" in words
    assert "not attacked at all" not in " ".join(decided(8, 20, tried=5, note="cut", touched=torch.ones(20, dtype=torch.bool))["reasons"])
    assert len(decided(8, 20, tried=20, touched=touched)["reasons"]) == 1  # all needed attacks came to all


def test_what_was_left_out_is_no_matter_of_time() -> None:
    told = decided(40, tried=0, note=verdict.LEFT_OUT)
    assert told["verdict"] == "invalid" and "without --only" in told["reasons"][0] and "no time" not in told["reasons"][0]
    told = decided(3, tried=0, note=verdict.LEFT_OUT)
    assert told["verdict"] == "broken" and "left out" in told["reasons"][1] and "no time" not in " ".join(told["reasons"])


def test_nothing_stands_without_a_second_process_that_says_the_same() -> None:
    told = decided(40, second_process=False)
    assert told["verdict"] == "invalid" and "a second process of it" in told["reasons"][0] and "more seconds" in told["reasons"][0]
    assert decided(3, second_process=False)["verdict"] == "broken"


def test_who_has_no_gradient_is_judged_by_the_others() -> None:
    report = verdict.blank({"name": "x.py"}) | {"second_process": True}
    for name in verdict.NEEDED:
        line = verdict.row(NAMES[name], verdict.NO_GRADIENT if name.startswith("pgd") else "")
        if not name.startswith("pgd"):
            verdict.counted(line, torch.ones(40, dtype=torch.bool))
        report["attacks"].append(line)
    verdict.decide(report, torch.ones(40, dtype=torch.bool), torch.zeros(40))
    assert report["verdict"] == "stands"


def test_signs_of_a_hidden_gradient_are_said() -> None:
    assert "hidden" in " ".join(decided(40, masking={"masked": True})["reasons"]) and len(decided(40, masking={"masked": False})["reasons"]) == 1


def test_who_keeps_state_is_invalid_whatever_is_left() -> None:
    report = verdict.blank({"name": "x.py"})
    verdict.compared(report, torch.zeros(50), torch.tensor([1.0] * 4 + [0.0] * 46), False, True)
    assert decided(40, state=report["state"])["verdict"] == "invalid" and "8 % of the found" in report["state"]


def test_who_answers_otherwise_after_the_attacks_keeps_state() -> None:
    report = verdict.blank({"name": "x.py"})
    verdict.drifted(report, 0.05)
    assert "state" not in report
    verdict.drifted(report, 0.06)
    verdict.compared(report, torch.zeros(50), torch.ones(50), False, False)  # and load() is not blamed for it
    assert "after the attacks it gives 6 % of the clean" in report["state"] and not report["notes"] and decided(0, state=report["state"])["verdict"] == "invalid"


@pytest.mark.parametrize(("random", "same"), [(True, True), (False, False)])
def test_chance_and_other_weights_are_no_state(random, same) -> None:
    report = verdict.blank({"name": "x.py"})
    verdict.compared(report, torch.zeros(50), torch.ones(50), random, same)
    assert "state" not in report and report["second_process_differs"] == 1 and bool(report["notes"]) == (not same)


def test_a_report_that_nobody_ends_is_invalid() -> None:
    assert verdict.blank({})["verdict"] == "invalid"
