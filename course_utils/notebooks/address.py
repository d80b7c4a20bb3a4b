"""The repository's address: in the set-up cell, in the links to Colab, in the README."""

from __future__ import annotations

import re
from pathlib import Path

from ..places import course_folder

SLUG = "OWNER/REPO"  # the repository on GitHub; `--slug` rewrites it everywhere

# The same letter for letter in every chapter (tests/test_notebooks.py). Colab opens a notebook alone, without
# the files beside it, so there the course is fetched first; nothing is installed: Colab has all it needs.
# `sys.exit` in a notebook shows its sentence without a traceback, and Run All stops there.
SETUP_CELL = f"""\
# Set-up: on your own machine this finds the course; in Colab it fetches it first.
import os, sys; fetch = "git clone -q --depth 1 https://github.com/{SLUG} /content/course"
if "google.colab" in sys.modules and not os.path.isdir("/content/course") and os.system(fetch):
    sys.exit("Fetching failed: check the network and the address above (a fork must be public), then run this cell again.")
sys.path[:0] = [os.path.abspath(d) for d in ("..", "../..", ".", "/content/course") if os.path.isdir(d + "/course_utils")]
from course_utils import answer, claim, setup; setup()"""

ADDRESSES = (
    r"(colab\.research\.google\.com/github/)[\w.-]+/[\w.-]+(/blob/)",
    r"(--depth 1 https://github\.com/)[\w.-]+/[\w.-]+( /content/course)",
    r'(SLUG = ")[\w.-]+/[\w.-]+(")',
    r"(git clone https://github\.com/)[\w.-]+/[\w.-]+(\n)",
)


def colab_link(name: str) -> str:
    """The link that opens the student's notebook in Colab. A text, not a badge: pictures from afar break offline."""
    return f"[Open in Colab](https://colab.research.google.com/github/{SLUG}/blob/main/notebooks/{name}.ipynb)"


def set_slug(slug: str, root: Path | None = None) -> list[Path]:
    """Rewrite the repository's address (`owner/name`) in README, links, set-up cells and this module; outputs stay."""
    root = root or course_folder()
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", slug):
        raise ValueError(f"{slug!r} is not a repository's address; OWNER/REPO is expected, as in github.com/OWNER/REPO.")
    changed = []
    module = root / "course_utils" / "notebooks" / "address.py"
    for path in (root / "README.md", module, *sorted((root / "notebooks").rglob("*.ipynb"))):
        if not path.exists() or ".ipynb_checkpoints" in path.parts:
            continue
        old = new = path.read_text(encoding="utf-8")
        for pattern in ADDRESSES:
            if path == module and "SLUG" not in pattern:
                continue  # the patterns above are in this very file
            new = re.sub(pattern, rf"\g<1>{slug}\g<2>", new)
        if new != old:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed
