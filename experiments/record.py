"""Write a table's numbers with what is needed to trust them: source, count, device, seed, date, command, versions."""

from __future__ import annotations

import datetime
import json

import torch

from course_utils import runtime


def write(name: str, numbers: dict[str, float], *, source: str, count: int, seed: int, command: str) -> None:
    """`data/results/<name>.json`, read by `show.recorded` and `show.paper_and_here`."""
    about = {
        "source": source, "count": count, "seed": seed, "command": command, "date": str(datetime.date.today()),
        "device": runtime.describe_device(), "torch": torch.__version__,
    }  # fmt: skip
    path = runtime.course_folder() / "data" / "results" / f"{name}.json"
    rounded = {key: round(value, 4) for key, value in numbers.items()}
    path.write_text(json.dumps({"about": about, "numbers": rounded}, indent=2) + "\n")
    print(path.name, json.dumps(rounded, indent=2))
