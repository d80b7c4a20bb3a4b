"""The command line: `python -m course_utils.notebooks`."""

from __future__ import annotations

import argparse
import sys

from . import authored, refresh, set_slug
from .files import shown


def main(arguments: list[str] | None = None) -> int:
    """Bring chapters up to date, or rewrite the repository's address."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.notebooks", description="Execute and normalise the chapters, and generate the student's copies."
    )
    parser.add_argument("names", nargs="*", help="chapters, as 09_fgsm; all when none is given")
    parser.add_argument("--slug", metavar="OWNER/REPO", help="rewrite the repository's address everywhere and stop")
    options = parser.parse_args(arguments)
    try:
        if options.slug:
            for path in set_slug(options.slug):
                print(f"{shown(path)}: now {options.slug}")
            return 0
        for path in authored(options.names):
            refresh(path)
    except ValueError as error:  # a fault of a chapter or of the command, told without a traceback
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
