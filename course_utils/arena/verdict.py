"""The report as it grows, and the verdict: what is broken, what stands, what is invalid. No torch at import: the command uses it, too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from .entrance import Entered
    from .programme import Attack

VERSION = 1
LEAST = 0.5  # of the pictures that must stay right under the worst of all attacks in the budget
NEEDED = ("pgd", "transfer", "pgd margin", "square", "bpda borrowed")  # attacks that must have been tried on at least FEWEST pictures before anything stands
FEWEST = 20
STATE = 0.05  # of the pictures whose class may depend on earlier calls
NO_GRADIENT = "not run: it gives no gradient"
EXCUSED = (NO_GRADIENT,)
LEFT_OUT = "not run: left out by --only"


def blank(settings: dict[str, Any]) -> dict[str, Any]:
    """A report before anything is known; as it is, it says that the arena did not come to an end."""
    return {
        "arena": VERSION, "submission": settings.get("name", ""), "verdict": "invalid", "reasons": ["The arena did not come to its end."], "data": settings.get("data"),
        "seed": settings.get("seed"), "seconds": settings.get("seconds"), "took": None, "load_seconds": None, "threat": "max-norm 0.3", "least": LEAST,
        "clean_accuracy": None, "clean_interval": None, "clean_pictures": 0, "pictures": 0, "random": None, "worst_case": None, "worst_interval": None, "accuracy_left": {}, "attacks": [],
        "curve": [], "masking": None, "second_process": False, "notes": [],
    }  # fmt: skip


def wilson(right: int, count: int, z: float = 1.96) -> list[float]:
    """Wilson's 95 % interval for `right` of `count`, rounded outwards by no more than a ten-thousandth."""
    share, spread = right / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return [round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)]


def entered(report: dict[str, Any], found: Entered, first: int, count: int) -> None:
    """Note what clean pictures showed."""
    report |= {
        "clean_accuracy": round(found.accuracy, 4), "clean_interval": wilson(round(found.accuracy * first), first), "clean_pictures": first, "pictures": count,
        "random": found.random,
    }  # fmt: skip
    report["accuracy_left"]["clean"] = round(found.accuracy, 4)
    if found.random:
        report["notes"].append(f"It is left to chance: two calls gave {100 * found.wavers:.0f} % of the clean pictures another class. A picture counts as most of five calls say.")


def row(attack: Attack, note: str) -> dict[str, Any]:
    """A line of the table before it is counted."""
    return {
        "name": attack.name, "does": attack.does, "threat": attack.threat, "counts": attack.counts, "of": "those left" if attack.left else "all", "pictures": 0,
        "right": None, "accuracy": None, "interval": None, "note": note,
    }  # fmt: skip


def counted(line: dict[str, Any], right: Tensor) -> None:
    """Count what is left."""
    some, count = int(right.sum()), len(right)
    line |= {"pictures": count, "right": some, "accuracy": round(some / count, 4), "interval": wilson(some, count)}


def compared(report: dict[str, Any], mine: Tensor, theirs: Tensor, random: bool, same: bool) -> None:
    """A second process, which has seen nothing before, must say what the first says; chance aside, and where load() gives the same network again."""
    share = (mine != theirs).double().mean().item()
    report["second_process_differs"] = round(share, 4)
    if report.get("state"):
        return
    if not same and not random:
        report["notes"].append("load() gives another network each time: found pictures were tried on two of them, and count where either is fooled.")
    elif share > STATE and not random:
        report["state"] = f"its answers depend on what it was shown before: a second process of it gives {100 * share:.0f} % of the found pictures another class."


def drifted(report: dict[str, Any], share: float) -> None:
    """The share of the clean pictures that are of another class after the attacks than before, where nothing is left to chance."""
    if share > STATE:
        report["state"] = f"its answers depend on what it was shown before: after the attacks it gives {100 * share:.0f} % of the clean pictures another class."


def invalid(report: dict[str, Any], reason: str) -> None:
    report |= {"verdict": "invalid", "reasons": [reason[:1].upper() + reason[1:]]}


def decide(report: dict[str, Any], right: Tensor, y: Tensor, tried: Tensor | None = None) -> None:
    """broken: less than half of the pictures stay right under the worst of all attacks in the budget. stands: half or more, all needed attacks tried.

    invalid: no sound answers, or, without being broken, too slow for the needed attacks. Counted are the pictures that all needed attacks were
    tried on: the first ones. What was only attacked by a part of them would look better the slower a network is. tried: the pictures that any
    attack in the budget was tried on (None: all).
    """
    needed = [line["pictures"] for line in report["attacks"] if line["name"] in NEEDED and line["note"] not in EXCUSED]
    enough = min(needed, default=0) >= min(FEWEST, len(y))
    right = right[: min(needed)] if enough else right
    left_out = any(line["note"] == LEFT_OUT for line in report["attacks"] if line["name"] in NEEDED)
    cut = "some of the attacks that are needed were left out" if left_out else "there was no time for all the attacks that are needed"
    some, count = int(right.sum()), len(right)
    worst = some / count
    report |= {"worst_case": round(worst, 4), "worst_interval": wilson(some, count), "pictures": count}
    report["accuracy_left"] |= {line["name"]: line["accuracy"] for line in report["attacks"] if line["of"] == "all"}
    report["accuracy_left"]["worst case"] = report["worst_case"]
    words = f"{some} of {count} pictures stay right under the worst of all attacks within {report['threat']}"
    if report.get("state"):
        invalid(report, report["state"])
    elif worst < LEAST:
        report |= {"verdict": "broken", "reasons": [f"{words}; at least {100 * LEAST:.0f} % are needed.", *([] if enough else [untried(tried, count, cut)])]}
    elif not enough:
        more = "run it without --only" if left_out else "give the arena more seconds, or make the network faster"
        invalid(report, f"it was not broken, but {cut}: {more}.")
    elif not report["second_process"]:
        invalid(report, "it was not broken, but a second process of it, which has been shown nothing before, did not load and answer in time: give the arena more seconds.")
    else:
        report |= {"verdict": "stands", "reasons": [f"{words}."]}
        if (report["masking"] or {}).get("masked"):
            report["reasons"].append("But its gradient shows signs of being hidden (see the checklist): somebody may break it yet.")


def untried(tried: Tensor | None, count: int, cut: str) -> str:
    """What a number of right pictures is worth where attacks were cut."""
    missing = 0 if tried is None else count - int(tried[:count].sum())
    return f"{cut[:1].upper() + cut[1:]}{f'; {missing} of the {count} were not attacked at all and are counted as they are unchanged' if missing else ''}. More attacks can only lower this number."
