"""The leaderboard: what is believed, who stands where, and what is written on it."""

from __future__ import annotations

import copy
import json

import pytest

from course_utils.arena import leaderboard, ranked, read_report, verdict
from course_utils.arena.leaderboard import board, main
from course_utils.measure import interval


def report(worst: int = 60, clean: int = 190, says: str | None = None) -> dict:
    """A report of 100 pictures that can be believed."""
    made = verdict.blank({"name": "x.py", "seconds": 60, "seed": 1, "data": "drawn"})
    made |= {
        "verdict": says or ("stands" if worst >= 50 else "broken"), "reasons": ["so."], "clean_accuracy": clean / 200, "clean_interval": verdict.wilson(clean, 200),
        "clean_pictures": 200, "pictures": 100, "worst_case": worst / 100, "worst_interval": verdict.wilson(worst, 100),
    }  # fmt: skip
    for name in verdict.NEEDED:
        made["attacks"].append({"name": name, "counts": True, "of": "all", "pictures": 100, "accuracy": worst / 100, "interval": verdict.wilson(worst, 100), "note": ""})
    return made


@pytest.mark.parametrize(("right", "count"), [(0, 20), (20, 20), (60, 100), (99, 200)])
def test_the_interval_is_wilsons(right, count) -> None:
    assert verdict.wilson(right, count) == pytest.approx(interval(right / count, count), abs=1e-4)


def written(tmp_path, name: str, content) -> None:
    path = tmp_path / name / "report.json"
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def change(**parts) -> dict:
    return report() | parts


def other_attack(**parts) -> dict:
    made = copy.deepcopy(report())
    made["attacks"][0] |= parts
    return made


def without(name: str) -> dict:
    return change(attacks=[row for row in report()["attacks"] if row["name"] != name])


FORGED = {
    "no JSON": ("{", "no JSON"), "a list": ([1], "no report"), "another program's": ({"verdict": "stands"}, "no report"), "NaN": ('{"arena": 1, "worst_case": NaN}', "NaN"),
    "deep": ("[" * 100_000, "no JSON"), "another verdict": (change(verdict="won"), "verdict"), "too good": (change(worst_case=1.2), "worst_case"),
    "a word for a number": (change(worst_case="1"), "worst_case"), "true for a number": (change(clean_accuracy=True), "clean_accuracy"),
    "stands with little": (change(worst_case=0.1, worst_interval=verdict.wilson(10, 100)), "with 10 % left"),
    "broken with much": (change(verdict="broken"), "with 60 % left"), "no share of 100": (change(worst_case=0.605), "no share"),
    "another interval": (change(worst_interval=[0.59, 0.61]), "does not belong"), "no interval": (change(worst_interval=None), "does not belong"),
    "better than an attack": (other_attack(accuracy=0.2, interval=verdict.wilson(20, 100)), "better than what 'pgd' left"),
    "no attacks": (change(attacks=[]), "was not tried"), "the attack that broke it taken out": (without("square"), "square was not tried"),
    "an attack on a few pictures": (other_attack(pictures=10, accuracy=0.6, interval=verdict.wilson(6, 10)), "pgd was not tried"), "attacks are a word": (change(attacks="all"), "lists no attacks"), "more pictures than there are": (other_attack(pictures=5000), "pictures"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_report_is_not_believed(case, tmp_path) -> None:
    content, words = FORGED[case]
    written(tmp_path, "eve", content)
    with pytest.raises(ValueError, match=words):
        read_report(tmp_path / "eve" / "report.json")
    (entry,) = leaderboard(tmp_path)
    assert entry.place is None and entry.verdict == "not believed" and entry.name == "eve"


def test_a_huge_file_is_not_read(tmp_path) -> None:
    written(tmp_path, "eve", "[" + "1," * 2_000_000 + "1]")
    with pytest.raises(ValueError, match="more than 2 MB"):
        read_report(tmp_path / "eve" / "report.json")


def test_the_best_comes_first_and_equals_share_a_place(tmp_path) -> None:
    for name, made in {"d": report(60), "a": report(70), "c": report(60), "b": report(60, 195), "e": report(10), "f": report(says="invalid")}.items():
        written(tmp_path, name, made)
    entries = leaderboard(tmp_path)
    assert [(e.place, e.name) for e in entries] == [(1, "a"), (2, "b"), (3, "c"), (3, "d"), (5, "e"), (None, "f")]
    assert [e.verdict for e in entries] == ["stands"] * 4 + ["broken", "invalid"]


def test_nothing_on_the_board_is_markup_but_the_board_s(tmp_path) -> None:
    written(tmp_path, "<b>eve", change(verdict="invalid", reasons=["<script>x</script>"]))
    page = board(leaderboard(tmp_path), "a & b")
    assert "<script" not in page and "<b>eve" not in page.replace("<b>&lt;b&gt;eve", "") and "&lt;b&gt;eve" in page and "a &amp; b" in page


def test_the_command_writes_a_page(tmp_path, capsys) -> None:
    written(tmp_path / "class", "ada", report())
    main([str(tmp_path / "class"), "--out", str(tmp_path / "page" / "board.html")])
    page = (tmp_path / "page" / "board.html").read_text(encoding="utf-8")
    assert "ada" in page and "http" not in page and "1 reports, 1 with a place" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([str(tmp_path / "nowhere")])


def test_an_empty_folder_gives_an_empty_board(tmp_path) -> None:
    assert leaderboard(tmp_path) == [] and ranked([]) == []
    with pytest.raises(ValueError, match="is no folder"):
        leaderboard(tmp_path / "nowhere")


@pytest.mark.parametrize(("seconds", "data", "shown"), [(60, "drawn", "60 s, drawn"), (1.5, "real", "1.5 s, real"), ("<b>", "drawn", ""), (True, "drawn", ""), (60, "<b>", ""), (60, ["real"], "")])
def test_the_board_says_for_how_long_each_was_judged(seconds, data, shown) -> None:
    (entry,) = ranked([("ada", change(seconds=seconds, data=data))])
    assert entry.judged == shown and (shown or "<td>–</td>") in board([entry])
