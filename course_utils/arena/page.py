"""The report as one page that opens without the network: tables, curves drawn as SVG, pictures inside. Needs nothing but Python."""

from __future__ import annotations

import html
from typing import Any

from .advice import advice
from .look import STYLE, bar, curve

COLOURS = {"stands": "#1a7f4b", "broken": "#b3261e", "invalid": "#6b5f00"}
HEADS = ("attack", "what it does", "may change", "pictures", "accuracy left", "95 % interval", "seconds", "asked")


def percent(share: float | None) -> str:
    if share is None:
        return "–"
    return f"{100 * share:.1f} %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def cells(values: list[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{value}</{tag}>" for value in values) + "</tr>"


def table(report: dict[str, Any]) -> str:
    """Every attack, what it left, and what it cost; what was not run is said."""
    rows = [cells([html.escape(head) for head in HEADS], "th")]
    for line in report["attacks"]:
        left = f"{bar(line['accuracy'])} {percent(line['accuracy'])}" if line["accuracy"] is not None else "–"
        note = f"<div class=note>{html.escape(line['note'])}</div>" if line["note"] else ""
        low, high = line["interval"] or (None, None)
        many = f"{line['pictures']} {'left' if line['of'] != 'all' else ''}"
        within = "" if line["counts"] else " <span class=tag>does not count</span>"
        rows.append(cells([
            f"<b>{html.escape(line['name'])}</b>", html.escape(line["does"]) + note, html.escape(line["threat"]) + within, many, left,
            f"{percent(low)} to {percent(high)}" if line["interval"] else "–", f"{line.get('seconds', 0):.1f}", f"{line.get('queries', 0):,}",
        ]))  # fmt: skip
    return f"<table class=wide>{''.join(rows)}</table>"


def page(report: dict[str, Any], shown: list[dict[str, Any]]) -> str:
    """The whole page."""
    name, verdict = html.escape(report["submission"]), report["verdict"]
    parts = [
        f"<header style='border-color:{COLOURS[verdict]}'><h1>{name}</h1><p class=verdict style='background:{COLOURS[verdict]}'>{verdict}</p>",
        "".join(f"<p>{html.escape(reason)}</p>" for reason in report["reasons"]) + "</header>", numbers(report),
    ]  # fmt: skip
    if found := advice(report):
        parts += ["<h2>What fooled it, and what to try</h2><ul>", "".join(f"<li>{html.escape(words)}</li>" for words in found), "</ul>"]
    if report["attacks"]:
        parts += [
            "<h2>What each attack left</h2>", table(report),
            "<p class=note>The verdict counts the attacks that keep every pixel within the budget. A picture is right in the worst case when it is right under all of them, "
            "unchanged, too, and also for a second process of the submission that was shown nothing before.</p>",
        ]  # fmt: skip
    if len(report["curve"]) > 1:
        parts += ["<h2>Accuracy against the budget</h2>", curve(report["curve"])]
    if shown:
        parts += ["<h2>Found pictures</h2>", gallery(shown)]
    if report["masking"]:
        parts += ["<h2>Does it hide its gradient?</h2>", checklist(report["masking"])]
    parts += ["".join(f"<p class=note>{html.escape(note)}</p>" for note in report["notes"]), foot(report)]
    return f"<!doctype html><html lang=en><meta charset=utf-8><title>{name}: {verdict}</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"


def numbers(report: dict[str, Any]) -> str:
    """The three numbers that matter, large."""
    def card(title: str, share: float | None, interval: list[float] | None, count: int) -> str:
        more = f"{percent(interval[0])} to {percent(interval[1])}, {count} pictures" if interval else "not measured"
        return f"<div class=card><div class=big>{percent(share)}</div><div>{title}</div><div class=note>{more}</div></div>"

    return (
        "<div class=cards>" + card("right on clean pictures", report["clean_accuracy"], report["clean_interval"], report["clean_pictures"])
        + card(f"right in the worst case, {html.escape(str(report['threat']))}", report["worst_case"], report["worst_interval"], report["pictures"])
        + f"<div class=card><div class=big>{percent(report['least'])}</div><div>needed in the worst case</div><div class=note>to stand</div></div></div>"
    )  # fmt: skip


def gallery(shown: list[dict[str, Any]]) -> str:
    """Found pictures: as they were, and as they fooled it."""
    def figure(one: dict[str, Any]) -> str:
        images = "".join(f"<img alt='{kind}' src='data:image/png;base64,{one[kind]}'>" for kind in ("clean", "found"))
        return f"<figure>{images}<figcaption><b>{html.escape(one['attack'])}</b><br>{one['label']} taken for {one['said']}</figcaption></figure>"

    return f"<div class=gallery>{''.join(map(figure, shown[:45]))}</div>"


def checklist(masking: dict[str, Any]) -> str:
    """The lines of the masking report, and its findings in words."""
    rows = "".join(cells([html.escape(question), html.escape(measured), "<b class=hides>hides</b>" if sign == "hides" else "–"]) for question, measured, sign in masking["checks"])
    found = "".join(f"<li>{html.escape(finding)}</li>" for finding in masking["findings"])
    head = cells(["question", "measured", "sign"], "th")
    return (f"<table>{head}{rows}</table>" if rows else "") + f"<ul>{found}</ul>"


def foot(report: dict[str, Any]) -> str:
    made = [f"{report['data']} digits", f"seed {report['seed']}", f"{report['seconds']:g} s asked, {report['took']} s taken" if report["took"] else ""]
    made += [str(report.get("device", "")), *(f"{k} {v}" for k, v in report.get("versions", {}).items())]
    return f"<footer>{html.escape(' · '.join(filter(None, made)))}</footer>"
