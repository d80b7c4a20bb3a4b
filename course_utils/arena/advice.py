"""What fooled a submission, in words, and what to try next: read from the report's table. Needs nothing but Python."""

from __future__ import annotations

from typing import Any

from .verdict import LEAST

OWN = ("fgsm", "pgd", "pgd margin", "pgd calmed")  # steps along the submission's own gradient, as it comes
OTHERS = ("transfer", "square", "bpda straight", "bpda borrowed", "stand-in", "nes")  # and those that do not trust it
CLEARLY = 0.15  # a difference that one remarks on


def advice(report: dict[str, Any]) -> list[str]:
    """Sentences for the page; none for what is invalid, or was not attacked."""
    rows = [row for row in report["attacks"] if row["pictures"] and row["counts"] and row["of"] == "all"]
    if report["verdict"] == "invalid" or not rows:
        return []
    words = [strongest(rows, report["clean_accuracy"]), gradient(rows), noise(rows, report["clean_accuracy"]), *limits(report)]
    return [word for word in words if word]


def strongest(rows: list[dict[str, Any]], clean: float) -> str:
    row = min(rows, key=lambda row: row["accuracy"])
    if row["accuracy"] > clean - CLEARLY:
        return ""
    return f"The strongest single attack was {named(row)}: it leaves {percent(row)} of {row['pictures']} pictures."


def gradient(rows: list[dict[str, Any]]) -> str:
    """Does the submission's own gradient lead to what fools it?"""
    own, other = (min((row for row in rows if row["name"] in names), key=lambda row: row["accuracy"], default=None) for names in (OWN, OTHERS))
    if own is not None and own["accuracy"] < LEAST:
        return f"Steps along its own gradient suffice ({own['name']} leaves {percent(own)}): no search was needed. To try: train it on such pictures (chapter 18)."
    if own is not None and other is not None and other["accuracy"] < own["accuracy"] - CLEARLY:
        return (
            f"Its own gradient leads astray: the best steps along it leave {percent(own)}, and {named(other)}, {percent(other)}. What FGSM and PGD leave says nothing here "
            f"(chapter 20). To try: look at the pictures that {other['name']} found; what of the change is still there when they reach the network?"
        )  # fmt: skip
    return ""


def noise(rows: list[dict[str, Any]], clean: float) -> str:
    row = next((row for row in rows if row["name"] == "noise"), None)
    return f"Noise of the same size leaves {percent(row)}, without any search: begin there." if row and row["accuracy"] < clean - CLEARLY else ""


def limits(report: dict[str, Any]) -> list[str]:
    """What could still change the verdict."""
    low, high = report["worst_interval"]
    words = []
    if low < LEAST < high:
        words.append(f"The interval of the worst case, {100 * low:.0f} to {100 * high:.0f} %, holds {100 * LEAST:.0f} %: other pictures may give another verdict.")
    most = max(row["pictures"] for row in report["attacks"])
    if report["pictures"] < most:
        words.append(
            f"The worst case is that of the first {report['pictures']} pictures, those that all needed attacks came to. A row on {most} pictures may leave less; "
            "with more seconds all are counted."
        )  # fmt: skip
    cut = [row["name"] for row in report["attacks"] if row["note"].startswith(("cut", "not counted", "not run: no time"))]
    if report["verdict"] == "stands" and cut:
        words.append(f"Time was up for {', '.join(cut)}: with more seconds it may fall yet.")
    return words


def named(row: dict[str, Any]) -> str:
    return f"{row['name']} ({row['does']})"


def percent(row: dict[str, Any]) -> str:
    return f"{100 * row['accuracy']:.0f} %"
