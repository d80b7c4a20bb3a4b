"""Progress, for those who wait."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator


class progress:
    """A plain progress bar: `for item in progress(items, "training")`. Silent unless a person is watching.

    It writes to a terminal or a notebook that asked for it (COURSE_PROGRESS=1), never into stored outputs,
    unless `shown` decides otherwise (downloads do: someone waits for them).
    """

    def __init__(
        self, items: Iterable, label: str = "", total: int | None = None, *, shown: bool | None = None
    ) -> None:
        self.items, self.label, self.shown = items, label, shown
        self.total = total if total is not None else (len(items) if hasattr(items, "__len__") else None)

    def __iter__(self) -> Iterator:
        watched = self.shown
        if watched is None:
            watched = os.environ.get("COURSE_PROGRESS", "1" if sys.stderr.isatty() else "0") == "1"
        for done, item in enumerate(self.items):
            if watched:
                share = f"{100 * done / self.total:3.0f} %" if self.total else f"{done}"
                print(f"\r{self.label} {share}", end="", file=sys.stderr, flush=True)
            yield item
        if watched:
            print(f"\r{self.label} done ", file=sys.stderr)
