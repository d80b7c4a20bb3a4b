"""The look of the arena's pages: one style sheet, bars and curves as SVG."""

from __future__ import annotations

from typing import Any

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1d1d1f;max-width:1180px;margin:24px auto;padding:0 20px;background:#fff}
header{border-left:8px solid;padding:2px 18px;margin-bottom:20px}h1{font-size:28px;margin:0 0 6px;overflow-wrap:anywhere}h2{font-size:21px;margin:34px 0 10px}
.verdict{display:inline-block;color:#fff;font-size:22px;font-weight:600;padding:2px 16px;border-radius:6px;margin:4px 0}
.cards{display:flex;gap:16px;flex-wrap:wrap}.card{background:#f4f5f7;border-radius:8px;padding:12px 20px;min-width:220px}.big{font-size:34px;font-weight:600}
table{border-collapse:collapse;font-size:15px}.wide{width:100%}th{text-align:left;border-bottom:2px solid #888;padding:4px 10px 4px 0;white-space:nowrap}
td{border-bottom:1px solid #ddd;padding:5px 10px 5px 0;vertical-align:top}.note,footer{color:#555;font-size:14px}footer{margin:30px 0;border-top:1px solid #ddd;padding-top:8px}
td:nth-child(n+5),td:first-child{white-space:nowrap}.tag{background:#eceef1;border-radius:4px;padding:0 6px;font-size:13px;white-space:nowrap}.hides{color:#b3261e}
.gallery{display:flex;flex-wrap:wrap;gap:14px}figure{margin:0;font-size:14px;line-height:1.35}figure img{width:84px;height:84px;image-rendering:pixelated;margin-right:4px}
.bar{display:inline-block;width:90px;height:11px;background:#f0d9d6;border-radius:3px;overflow:hidden}.bar i{display:block;height:100%;background:#1a7f4b}
svg text{font:15px system-ui,sans-serif;fill:#1d1d1f}
"""
WIDTH, HEIGHT, LEFT, TOP, BELOW = 760, 340, 64, 16, 56


def bar(share: float) -> str:
    """A share as a bar."""
    return f"<span class=bar><i style='width:{100 * share:.0f}%'></i></span>"


def curve(points: list[dict[str, Any]]) -> str:
    """Accuracy against the budget, for the attacks and for noise of the same size, as an SVG."""
    top = max(point["eps"] for point in points)

    def place(eps: float, share: float) -> str:
        return f"{LEFT + (WIDTH - LEFT - 150) * eps / top:.1f},{TOP + (HEIGHT - TOP - BELOW) * (1 - share):.1f}"

    def line(key: str, colour: str, dash: str, name: str) -> str:
        known = [(p["eps"], p[key]) for p in points if p[key] is not None]
        if key == "noise":
            known = [(0.0, points[0]["accuracy"]), *known]
        dots = "".join(f"<circle cx='{at.split(',')[0]}' cy='{at.split(',')[1]}' r='4' fill='{colour}'/>" for at in (place(*one) for one in known))
        x, y = place(*known[-1]).split(",")
        return f"<polyline points='{' '.join(place(*one) for one in known)}' fill='none' stroke='{colour}' stroke-width='2.5' stroke-dasharray='{dash}'/>{dots}<text x='{float(x) + 10}' y='{float(y) + 5}'>{name}</text>"

    grid = "".join(
        f"<line x1='{place(0, s).split(',')[0]}' y1='{place(0, s).split(',')[1]}' x2='{place(top, s).split(',')[0]}' y2='{place(top, s).split(',')[1]}' stroke='#ddd'/>"
        f"<text x='{LEFT - 8}' y='{float(place(0, s).split(',')[1]) + 5}' text-anchor='end'>{100 * s:.0f} %</text>" for s in (0, 0.25, 0.5, 0.75, 1)
    )  # fmt: skip
    ticks = "".join(f"<text x='{place(p['eps'], 0).split(',')[0]}' y='{HEIGHT - BELOW + 22}' text-anchor='middle'>{p['eps']:g}</text>" for p in points)
    title = f"<text x='{LEFT + (WIDTH - LEFT - 150) / 2}' y='{HEIGHT - 8}' text-anchor='middle'>budget: largest change of a pixel</text>"
    return f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' role='img' aria-label='accuracy against the budget'>{grid}{ticks}{title}{line('noise', '#777', '6 5', 'noise')}{line('accuracy', '#b3261e', '', 'attacked')}</svg>"
