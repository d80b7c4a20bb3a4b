"""Tables, and the one that ends a chapter: the paper's number, the recorded one, the live one."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence

from .. import runtime


class Table:
    """A small table: HTML in a notebook, plain text elsewhere."""

    def __init__(self, header: Sequence[str], body: Sequence[Sequence[object]], note: str = "") -> None:
        self.header, self.note = [str(h) for h in header], note
        self.body = [[str(cell) for cell in row] for row in body]
        if any(len(row) != len(self.header) for row in self.body):
            raise ValueError(f"every row of the table needs {len(self.header)} cells, one for each of {self.header}.")

    def _repr_html_(self) -> str:
        def line(cells: list[str], tag: str) -> str:
            return "<tr>" + "".join(f'<{tag} style="text-align:left">{html.escape(c)}</{tag}>' for c in cells) + "</tr>"

        words = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.note))
        note = f'<p style="font-size:85%;color:#606f7b">{words}</p>' if words else ""
        return "<table>" + line(self.header, "th") + "".join(line(row, "td") for row in self.body) + "</table>" + note

    def __repr__(self) -> str:
        widths = [max(len(row[i]) for row in [self.header, *self.body]) for i in range(len(self.header))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in [self.header, *self.body]]
        return "\n".join(lines + ([self.note] if self.note else []))


def recorded(name: str) -> dict:
    """The full-scale result `data/results/<name>.json`: its numbers, and where and how they were measured."""
    place = runtime.course_folder() / "data" / "results"
    runtime.pick("result", name, sorted(p.stem for p in place.glob("*.json")))
    return json.loads((place / f"{name}.json").read_text())


def made(about: Mapping) -> str:
    """How many pictures (or seeds, rounds ...), and on which machine; part by part, where several runs made the parts of a table."""
    runs: dict[tuple[str, str], list[str]] = {}
    for part, how in about.get("parts", {"": about}).items():
        runs.setdefault((f"{how['count']} {how.get('of', 'pictures')}", how["device"]), []).append(part)
    return "; ".join((f"{', '.join(parts)}: " if any(parts) else "") + f"{count}, {device}" for (count, device), parts in runs.items())


def paper_and_here(
    result: str, rows: Mapping[str, tuple[str, str, float | None]], *, form: str = "{:.1f} %"
) -> Table:
    """The table that ends a chapter: each row `key: (what was measured, the paper's number, the live number)`.

    The recorded column is read from `data/results/<result>.json` under the row's key, never typed. A paper's number
    that is not known is "", a live number that was not measured None.
    """
    record = recorded(result)
    about, numbers = record["about"], record["numbers"]
    body = [
        [what, paper or "–", form.format(numbers[runtime.pick("recorded number", key, numbers)]), "–" if here is None else form.format(here)]
        for key, (what, paper, here) in rows.items()
    ]
    note = f"Recorded: {about['source']}, {made(about)}, seed {about['seed']}, {about['date']}; `{about['command']}`. Here: the run on this page."
    return Table(["what", "paper", "recorded at full scale", "here"], body, note)
