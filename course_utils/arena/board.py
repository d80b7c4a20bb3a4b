"""The leaderboard of a class, from a folder of reports: `python -m course_utils.arena.leaderboard FOLDER --out board.html`.

A report comes from a student and may be anything. It is read with a limit, checked against itself (counts, shares and intervals belong
together, and the worst case is no better than any attack), and shown as text. Somebody who computes all these numbers anew can still make one
up: where it matters, the instructor runs the arena.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from . import verdict

LARGEST = 2**21  # bytes of a report
VERDICTS = ("stands", "broken", "invalid")


class Entry(NamedTuple):
    """A line of the board. place: 1 for the best, the same for equals; None where a report is invalid or cannot be believed. why: for these."""

    place: int | None
    name: str
    verdict: str
    worst: float | None
    clean: float | None
    interval: tuple[float, float] | None
    pictures: int
    why: str = ""
    judged: str = ""  # for how long, and on what: who is judged for less time is attacked less


class Unbelievable(ValueError):
    """A report that is none, or contradicts itself."""


def read_report(path: str | Path) -> dict[str, Any]:
    """A report that can be believed; ValueError says why it cannot."""
    path = Path(path)
    if path.stat().st_size > LARGEST:
        raise Unbelievable(f"the file has more than {LARGEST // 2**20} MB")
    try:
        report = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise Unbelievable("it is no JSON" if not isinstance(error, Unbelievable) else str(error)) from None
    if not isinstance(report, dict) or report.get("arena") != verdict.VERSION:
        raise Unbelievable("it is no report of this arena")
    if report.get("verdict") not in VERDICTS:
        raise Unbelievable(f"its verdict is none of {', '.join(VERDICTS)}")
    if report["verdict"] != "invalid":
        believed(report)
    return report


def refuse(name: str) -> float:
    raise Unbelievable(f"it holds {name}")


def number(report: dict[str, Any], name: str, low: float = 0.0, high: float = 1.0) -> float:
    """A number of the report, which must be one."""
    value = report.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or not low <= value <= high:
        raise Unbelievable(f"its {name} is {str(value)[:40]!r}")
    return value


def believed(report: dict[str, Any]) -> None:
    """Require that the numbers belong together."""
    count, worst = int(number(report, "pictures", 1, 1000)), number(report, "worst_case")
    number(report, "clean_accuracy"), number(report, "clean_pictures", 1, 10_000)
    belongs(report, "worst_case", "worst_interval", count)
    belongs(report, "clean_accuracy", "clean_interval", int(report["clean_pictures"]))
    if (report["verdict"] == "stands") != (worst >= verdict.LEAST):
        raise Unbelievable(f"it says {report['verdict']!r} with {100 * worst:.0f} % left in the worst case")
    rows = report.get("attacks")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unbelievable("it lists no attacks")
    settled = {str(row.get("name")) for row in rows if row.get("note") in verdict.EXCUSED}
    for row in rows:
        if row.get("pictures"):
            belongs(row, "accuracy", "interval", int(number(row, "pictures", 1, 1000)))
            if row["pictures"] >= min(count, verdict.FEWEST):
                settled.add(str(row.get("name")))
            if row.get("counts") and row.get("of") == "all" and row["pictures"] == count and row["accuracy"] < worst - 1e-6:
                raise Unbelievable(f"its worst case is better than what {str(row.get('name'))[:20]!r} left")
    if report["verdict"] == "stands" and (missing := [name for name in verdict.NEEDED if name not in settled]):
        raise Unbelievable(f"it stands, and {', '.join(missing)} was not tried")


def belongs(row: dict[str, Any], share: str, interval: str, count: int) -> None:
    """Require that a share is one of so many pictures, and that the interval is Wilson's."""
    right = number(row, share) * count
    if abs(right - round(right)) > 1e-4 * count + 1e-9:
        raise Unbelievable(f"its {share} is no share of {count} pictures")
    given = row.get(interval)
    if not isinstance(given, list) or len(given) != 2 or any(isinstance(v, bool) or not isinstance(v, (int, float)) or abs(v - w) > 2e-4 for v, w in zip(given, verdict.wilson(round(right), count))):
        raise Unbelievable(f"its {interval} does not belong to its {share}")


def ranked(reports: Iterable[tuple[str, dict[str, Any] | str]]) -> list[Entry]:
    """The board's lines: by the accuracy left in the worst case, then by that on clean pictures; equals share a place, and the next is as many later.

    reports: (name, report), or (name, why it cannot be believed). Those stand last, in the order of their names, without a place.
    """
    entries, without = [], []
    for name, report in reports:
        if isinstance(report, str) or report["verdict"] == "invalid":
            why = report if isinstance(report, str) else " ".join(map(str, report.get("reasons") or []))[:300]
            without.append(Entry(None, name, "not believed" if isinstance(report, str) else "invalid", None, None, None, 0, why))
        else:
            entries.append(Entry(0, name, report["verdict"], report["worst_case"], report["clean_accuracy"], tuple(report["worst_interval"]), report["pictures"], judged=terms(report)))
    keys = sorted(((e.worst, e.clean) for e in entries), reverse=True)
    placed = [e._replace(place=1 + keys.index((e.worst, e.clean))) for e in entries]
    return sorted(placed, key=lambda e: (e.place, e.name)) + sorted(without, key=lambda e: e.name)


def terms(report: dict[str, Any]) -> str:
    """For how long a report says that the arena had, and on which digits; nothing where it says nothing sound."""
    seconds, data = report.get("seconds"), report.get("data")
    sound = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 < seconds <= 86400 and data in ("drawn", "real")
    return f"{seconds:g} s, {data}" if sound else ""


def leaderboard(folder: str | Path) -> list[Entry]:
    """The lines for all reports below a folder: every *.json, named by its own folder, or by the file where several lie together."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; one with reports below it is expected.")
    reports = []
    for path in sorted(folder.rglob("*.json")):
        inside = path.relative_to(folder)
        name = str(inside.parent if path.name == "report.json" and inside.parent.parts else inside.with_suffix(""))
        try:
            reports.append((name, read_report(path)))
        except (Unbelievable, OSError) as error:
            reports.append((name, str(error)))
    return ranked(reports)
