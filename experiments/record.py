"""Write a table's numbers with what is needed to trust them: source, count, device, seed, date, command, versions."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import torch

from course_utils import runtime


def write(name: str, numbers: dict[str, float], *, source: str, count: int, seed: int, command: str) -> None:
    """`data/results/<name>.json`, read by `show.recorded` and `show.paper_and_here`."""
    about = {
        "source": source, "count": count, "seed": seed, "command": command, "date": str(datetime.date.today()),
        "device": runtime.describe_device(), "torch": torch.__version__,
    }  # fmt: skip
    rounded = {key: round(value, 4) for key, value in numbers.items()}
    place(name).write_text(json.dumps({"about": about, "numbers": rounded}, indent=2) + "\n")
    print(place(name).name, json.dumps(rounded, indent=2))


def place(name: str) -> Path:
    return runtime.course_folder() / "data" / "results" / f"{name}.json"


def add(name: str, part: str, numbers: dict[str, float], *, source: str, count: int, seed: int, command: str) -> None:
    """Put the numbers of one part into the table, which may hold parts of other runs: `about.parts` says how each was made."""
    old = json.loads(place(name).read_text()) if place(name).exists() else {"about": {}, "numbers": {}}
    device, date = runtime.describe_device(), str(datetime.date.today())
    parts = {**old["about"].get("parts", {}), part: {"count": count, "device": device, "date": date, "torch": torch.__version__, "command": command}}
    about = {
        "source": source, "count": sum(made["count"] for made in parts.values()), "seed": seed, "command": command, "date": date,
        "device": " and ".join(sorted({made["device"] for made in parts.values()}, reverse=True)), "torch": torch.__version__, "parts": parts,
    }  # fmt: skip
    every = {**old["numbers"], **{key: round(value, 4) for key, value in numbers.items()}}
    place(name).write_text(json.dumps({"about": about, "numbers": every}, indent=2) + "\n")
