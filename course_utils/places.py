"""Where the course lies on this machine. Needs nothing but Python, so that small tools start at once."""

from __future__ import annotations

import os
from pathlib import Path


def course_folder() -> Path:
    """The folder of the course, where `data/` lies: above this package, or COURSE_ROOT for a package installed elsewhere."""
    named = os.environ.get("COURSE_ROOT")
    beside = Path(__file__).resolve().parents[1]
    for place in [Path(named)] if named else [beside, Path.cwd(), *Path.cwd().parents]:
        if (place / "data" / "checkpoints").is_dir():
            return place
    raise FileNotFoundError(
        f"the course's data folder was not found from {named or beside}; "
        "set COURSE_ROOT to your clone of the course, or start Python inside it."
    )
