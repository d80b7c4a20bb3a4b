"""`python -m course_utils.arena.leaderboard FOLDER --out board.html`: the board as a page that opens without the network."""

from __future__ import annotations

import argparse
import html
from pathlib import Path

from .board import Entry, leaderboard
from .look import STYLE, bar
from .page import COLOURS, cells, percent

HEADS = ("place", "submission", "verdict", "left in the worst case", "95 % interval", "right on clean pictures", "pictures", "judged")


def board(entries: list[Entry], title: str = "The arena") -> str:
    """The whole page."""
    rows = [cells(list(HEADS), "th")]
    for e in entries:
        colour = COLOURS.get(e.verdict, "#555")
        low, high = e.interval or (None, None)
        rows.append(cells([
            f"<b>{e.place or '–'}</b>", f"<b>{html.escape(e.name)}</b>" + (f"<div class=note>{html.escape(e.why)}</div>" if e.why else ""),
            f"<span style='color:{colour};font-weight:600'>{html.escape(e.verdict)}</span>", f"{bar(e.worst)} {percent(e.worst)}" if e.worst is not None else "–",
            f"{percent(low)} to {percent(high)}" if e.interval else "–", percent(e.clean), str(e.pictures or "–"), html.escape(e.judged) or "–",
        ]))  # fmt: skip
    words = "Ordered by the accuracy left under the worst of all attacks within the budget, then by that on clean pictures. Where two intervals overlap, the order may be chance. Compare only what was judged for the same time."
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style><body><h1>{html.escape(title)}</h1>"
        f"<p class=note>{words}</p><table class=wide>{''.join(rows)}</table></body></html>\n"
    )  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m course_utils.arena.leaderboard", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder with reports below it, one folder a student: FOLDER/ada/report.json")
    parser.add_argument("--out", type=Path, default=Path("board.html"), help="the page to write (default: board.html)")
    parser.add_argument("--title", default="The arena")
    given = parser.parse_args(argv)
    if not given.folder.is_dir():
        parser.error(f"{given.folder} is no folder; one with reports below it is expected.")
    entries = leaderboard(given.folder)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(board(entries, given.title), encoding="utf-8")
    print(f"{len(entries)} reports, {sum(e.place is not None for e in entries)} with a place; the board is {given.out}")


if __name__ == "__main__":
    main()
