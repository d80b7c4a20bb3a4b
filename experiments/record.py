"""Write a table's numbers with what is needed to trust them: source, count, device, seed, date, command, versions."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import torch

from course_utils import runtime


def write(name: str, numbers: dict[str, float], *, source: str, count: int, seed: int, command: str) -> None:
    """`data/results/<name>.json`, read by `show.recorded` and `show.paper_and_here`."""
    save(name, {"source": source, "seed": seed, **made(count, command)}, numbers)
    print(place(name).name, json.dumps(rounded(numbers), indent=2))


def add(name: str, part: str, numbers: dict[str, float], *, source: str, count: int, seed: int, command: str, of: str = "pictures") -> None:
    """Put the numbers of one part into the table, which may hold parts of other runs: `about.parts` says how each was made, and `count` of what."""
    old = json.loads(place(name).read_text()) if place(name).exists() else {"about": {}, "numbers": {}}
    parts = {**old["about"].get("parts", {}), part: {**made(count, command), **({} if of == "pictures" else {"of": of})}}
    devices = " and ".join(sorted({run["device"] for run in parts.values()}, reverse=True))
    every = {**made(sum(run["count"] for run in parts.values()), command), "device": devices}
    if len({run.get("of") for run in parts.values()}) > 1:
        del every["count"]  # seeds and rounds have no sum
    save(name, {"source": source, "seed": seed, **every, "parts": parts}, {**old["numbers"], **numbers})


def made(count: int, command: str) -> dict:
    """How a run was made: on how many pictures, where, when and with what."""
    date = str(datetime.date.today())
    return {"count": count, "device": runtime.describe_device(), "date": date, "torch": torch.__version__, "command": command}


def save(name: str, about: dict, numbers: dict[str, float]) -> None:
    place(name).write_text(json.dumps({"about": about, "numbers": rounded(numbers)}, indent=2) + "\n")


def rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in numbers.items()}


def place(name: str) -> Path:
    return runtime.course_folder() / "data" / "results" / f"{name}.json"
