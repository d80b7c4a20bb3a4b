"""The recorded verdicts of chapter 23: what is submitted, and what is written down."""

from __future__ import annotations

import json

import pytest

from course_utils import arena
from experiments import arena_table, record


@pytest.mark.parametrize("key", arena_table.NETWORKS)
@pytest.mark.parametrize("pictures", ["digits", "mnist"])
def test_every_submission_can_be_loaded(key, pictures) -> None:
    import torch

    text, name = arena_table.NETWORKS[key]
    space: dict = {"__name__": "submission"}
    exec(text.replace("{name}", name.format(pictures)), space)
    with torch.no_grad():
        assert space["load"]()(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_what_was_judged_is_written_down_in_percent(tmp_path, monkeypatch) -> None:
    def judged(path, **options):
        assert "lenet-mnist" in path.read_text() and options["data"] == "real" and options["seed"] == 0
        report = {"verdict": "broken", "took": 40.0, "pictures": 30, "clean_accuracy": 0.99, "worst_case": 0.1, "accuracy_left": {"pgd": 0.2, "pgd margin": 0.15, "eot": None}}
        return arena.Report("broken", report, tmp_path)

    monkeypatch.setattr(arena_table, "judged", judged)
    monkeypatch.setattr(record, "place", lambda name: tmp_path / f"{name}.json")
    monkeypatch.setattr("sys.argv", ["arena_table", "mnist", "plain", "--seconds", "30"])
    arena_table.main()
    numbers = json.loads((tmp_path / "arena.json").read_text())["numbers"]
    assert numbers == {
        "mnist_plain_stands": 0.0, "mnist_plain_seconds": 40.0, "mnist_plain_pictures": 30, "mnist_plain_clean": 99.0, "mnist_plain_worst": 10.0,
        "mnist_plain_pgd": 20.0, "mnist_plain_pgd_margin": 15.0,
    }  # fmt: skip


def test_an_invalid_judgement_is_not_written_down(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(arena_table, "judged", lambda *_, **__: arena.Report("invalid", {"verdict": "invalid", "reasons": ["so."]}, tmp_path))
    with pytest.raises(SystemExit, match="so."):
        arena_table.one("digits", "plain", 10, 20)
