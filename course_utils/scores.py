"""The student's best scores at the open tasks, kept in the git-ignored folder `work/` of the course."""

from __future__ import annotations

import json
from pathlib import Path

from .places import course_folder


def file() -> Path:
    """Where the scores are kept."""
    return course_folder() / "work" / "scores.json"


def best(task: str) -> float | None:
    """The best score kept for a task ("09/beat_fgsm"), or None. A file that cannot be read holds no scores."""
    try:
        return float(json.loads(file().read_text(encoding="utf-8"))[task])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(task: str, score: float) -> None:
    """Keep a task's score in place of an earlier one. Where the folder cannot be written, say so and go on."""
    try:
        kept = json.loads(file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    try:
        file().parent.mkdir(exist_ok=True)
        beside = file().with_suffix(".part")
        beside.write_text(json.dumps({**kept, task: score}, indent=2) + "\n", encoding="utf-8")
        beside.replace(file())
    except OSError as error:
        print(f"The score could not be kept in {file()} ({error.strerror}).")
