"""The kinds of signs that stand in the scenes: near relatives, which a network must look at closely to tell apart."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, zip_longest

import torch
from torch import Tensor

from ...runtime import pick
from ..shapes import box
from ..signs import kinds as known
from ..signs import plates
from ..signs import symbols as basic
from ..signs.plates import BLACK, GREY, RED, WHITE, Drawing, ordering, speed, warning_of
from . import families as make
from . import symbols as more
from .symbols import area, arrows, both, mirrored, placed, words

_LEFT = area((0.36, 0.66), (0.24, 0.6), (0.36, 0.54))  # small arrow heads of the stopping rules
_RIGHT = area((0.64, 0.66), (0.76, 0.6), (0.64, 0.54))
_LIMITS = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100, 110, 120, 130)


def _end_of_limit(value: int) -> Drawing:
    return make.painted(make.white_disc, (make.number(value), GREY), (make.stripes, BLACK))


FAMILIES: tuple[dict[str, Drawing], ...] = (
    {f"Speed limit {v}": speed(str(v)) for v in _LIMITS},
    {f"End of limit {v}": _end_of_limit(v) for v in (30, 40, 50, 60, 70, 80, 90, 100, 120)},
    {f"Minimum speed {v}": ordering(make.number(v)) for v in (30, 40, 50, 60, 70, 80)},
    {f"{'End of zone' if ends else 'Zone'} {v}": make.zone(v, ends) for v in (20, 30, 40) for ends in (False, True)},
    {
        **{f"Weight limit {v}t": make.weight(f"{v}t") for v in ("2.8", "3.5", "5.5", "7.5")},
        **{f"Height limit {v}m": make.height(f"{v}m") for v in ("2.8", "3.5", "3.8", "4.5")},
        **{f"Width limit {v}m": make.width(f"{v}m") for v in ("2.0", "2.3", "2.8")},
        **{f"Keep a distance of {v}m": make.distance(f"{v}m") for v in (50, 70)},
    },
    {
        "No passing": make.passing(RED, False, False),
        "No passing (lorries)": make.passing(RED, False, True),
        "End of no passing": make.passing(GREY, True, False),
        "End no passing (lorries)": make.passing(GREY, True, True),
        "No vehicles": plates.prohibition,
        "No lorries": make.no(more.lorry),
        "No cars": make.no(placed(more.one_car, 1.7, 0.5, 0.47)),
        "No buses": make.no(more.bus),
        "No motorcycles": make.no(placed(more.motorcycle, 0.95)),
        "No tractors": make.no(placed(more.tractor, 0.95, 0.5, 0.51)),
        "No bicycles": make.no(placed(basic.bicycle, 0.98, 0.5, 0.39)),
        "No pedestrians": make.no(placed(more.person, 1.1, 0.5, 0.42)),
        "No left turn": make.no_turn(mirrored(more.black_right)),
        "No right turn": make.no_turn(more.black_right),
        "No U-turn": make.no_turn(placed(more.turn_back, 0.8)),
        "No entry": plates.no_entry,
    },
    {
        "Stop": plates.stop,
        "Yield": known.KINDS["Yield"],
        "Priority road": plates.priority,
        "End of priority road": make.end_of_priority,
        "End of all limits": plates.end_of_limits,
        "Yield to oncoming": make.narrow_bridge(BLACK, RED, plates.prohibition),
        "Priority over oncoming": make.narrow_bridge(WHITE, RED, make.square(plates.BLUE)),
        "Bus stop": make.stop_here,
    },
    {
        "No stopping": make.stopping(make.cross),
        "No stopping (left)": make.stopping(make.cross, _LEFT),
        "No stopping (right)": make.stopping(make.cross, _RIGHT),
        "No parking": make.stopping(make.slash),
        "No parking (left)": make.stopping(make.slash, _LEFT),
        "No parking (right)": make.stopping(make.slash, placed(_RIGHT, 1, 0.5, 0.3)),
    },
    {
        "Ahead only": ordering(arrows(0.135, 0.2, more.UP)),
        "Turn right ahead": ordering(more.turn_right),
        "Turn left ahead": ordering(mirrored(more.turn_right)),
        "Right only": ordering(more.right_here),
        "Left only": ordering(mirrored(more.right_here)),
        "Ahead or right": ordering(more.ahead_or_right),
        "Ahead or left": ordering(mirrored(more.ahead_or_right)),
        "Left or right": ordering(more.left_or_right),
        "Pass on either side": ordering(more.either_side),
        "Keep right": known.KINDS["Keep right"],
        "Keep left": known.KINDS["Keep left"],
        "Roundabout": known.KINDS["Roundabout mandatory"],
        "Bicycle path": ordering(placed(basic.bicycle, 1.15, 0.5, 0.37)),
        "Footpath": ordering(placed(more.person, 1.3, 0.5, 0.39)),
        "Shared path": ordering(both(placed(more.person, 0.85, 0.5, 0.25), placed(basic.bicycle, 0.85, 0.5, 0.57),
                                     lambda x, y: box(x, y, 0.5, 0.5, 0.38, 0.012))),
        "Split path": ordering(both(placed(more.person, 0.95, 0.32, 0.44), placed(basic.bicycle, 0.72, 0.71, 0.42),
                                    lambda x, y: box(x, y, 0.5, 0.5, 0.012, 0.38))),
        "Bus lane": ordering(placed(more.bus, 1.25, 0.5, 0.48)),
    },
    {
        "Caution": known.KINDS["General caution"],
        "Curve to the right": warning_of(basic.bend),
        "Curve to the left": warning_of(mirrored(basic.bend)),
        "Curves, right first": warning_of(more.double_bend),
        "Curves, left first": warning_of(mirrored(more.double_bend)),
        "Bumpy road": known.KINDS["Bumpy road"],
        "Bump": warning_of(more.hump),
        "Dip": warning_of(more.dip),
        "Slippery road": warning_of(more.slide),
        "Narrow road": warning_of(more.narrows),
        "Narrows on the right": warning_of(more.narrows_right),
        "Narrows on the left": warning_of(mirrored(more.narrows_right)),
        "Road work": warning_of(more.digger),
        "Traffic signals": known.KINDS["Traffic signals"],
        "Pedestrians": known.KINDS["Pedestrians"],
        "Children": warning_of(more.children),
        "Bicycles": known.KINDS["Bicycles crossing"],
        "Ice or snow": known.KINDS["Beware of ice/snow"],
        "Crossroads": warning_of(more.crossroads),
        "Right of way ahead": warning_of(basic.crossing_arrow),
        "Side road right": warning_of(more.side_road),
        "Side road left": warning_of(mirrored(more.side_road)),
        "T-junction": warning_of(more.t_junction),
        "Merging from the right": warning_of(more.merge),
        "Merging from the left": warning_of(mirrored(more.merge)),
        "Two-way traffic": warning_of(more.up_and_down),
        **{f"Descent {v}%": make.descent(f"{v}%") for v in (8, 12)},
        **{f"Ascent {v}%": make.ascent(f"{v}%") for v in (8, 12)},
        "Rocks from the left": warning_of(more.rocks),
        "Rocks from the right": warning_of(mirrored(more.rocks)),
        "Tunnel": warning_of(more.tunnel),
        "Side wind": warning_of(more.wind),
        "Level crossing": warning_of(more.gate),
        "Tram": warning_of(more.tram),
        "Roundabout ahead": warning_of(placed(basic.roundabout, 0.62, 0.5, 0.62)),
    },
    {
        "Parking": make.blue_square(words("P", 0.58, 0.12)),
        "Hospital": make.blue_square(words("H", 0.58, 0.12)),
        "Parking (left)": make.parking(arrows(0.05, 0.1, [(0.72, 0.83), (0.26, 0.83)])),
        "Parking (right)": make.parking(arrows(0.05, 0.1, [(0.28, 0.83), (0.74, 0.83)])),
        "One way (left)": make.one_way(arrows(0.1, 0.16, [(0.86, 0.5), (0.14, 0.5)])),
        "One way (right)": make.one_way(arrows(0.1, 0.16, [(0.14, 0.5), (0.86, 0.5)])),
        "Dead end": make.dead_end,
        "Pedestrian crossing": make.pedestrian_crossing,
    },
)
# The families take turns, so that any few names in a row are of many kinds.
_TURNS = chain.from_iterable(zip_longest(*(family.items() for family in FAMILIES)))
KINDS: dict[str, Drawing] = dict(kind for kind in _TURNS if kind is not None)
NAMES = tuple(KINDS)


@lru_cache(maxsize=1024)
def _plate(name: str, side: int) -> Tensor:
    """A kind seen from the front `[4, side, side]`, colours multiplied by alpha so that they can be averaged."""
    drawn = known.front(KINDS[name], side)
    return torch.cat([drawn[:3] * drawn[3:], drawn[3:]])


def textures(kinds: Tensor, side: float) -> Tensor:
    """The plates of the class numbers `kinds` `[N]`, at least as sharp as `side` pixels: `[N, 4, R, R]`, R up to 256."""
    level = next((level for level in (32, 64, 128) if level >= side), 256)
    return torch.stack([_plate(NAMES[kind], level) for kind in kinds.tolist()])


def draw_clean(kind: str, size: int = 256) -> Tensor:
    """The front view of a kind, RGBA `[4, size, size]` in [0, 1]; alpha is 0 outside the sign."""
    return known.front(KINDS[pick("sign kind", kind, NAMES)], size)
