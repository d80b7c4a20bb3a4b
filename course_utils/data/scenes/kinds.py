"""The kinds of signs that stand in the scenes: families of near relatives, which a network must look at closely to tell apart.

Each family is drawn by one small function that varies a number, a symbol, its side or an arrow.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, zip_longest

import torch
from torch import Tensor

from ...runtime import pick
from ..shapes import box, circle, polygon, polyline, union
from ..signs import kinds as known
from ..signs import plates
from ..signs import symbols as basic
from ..signs.plates import BLACK, BLUE, GREEN, GREY, RED, WHITE, YELLOW, Colour, Drawing, Layer, Shape, discs, ordering, speed, warning_of
from . import symbols as more
from .symbols import arrows, both, mirrored, placed, words

# ---------------------------------------------------------------- families


def painted(plate: Drawing, *symbols: tuple[Shape, Colour]) -> Drawing:
    """A plate with symbols, each in its colour."""
    return lambda x, y: [*plate(x, y), *((shape(x, y), colour) for shape, colour in symbols)]


def white_disc(x: Tensor, y: Tensor) -> list[Layer]:
    return discs(x, y, (0.47, BLACK), (0.45, WHITE))


def blue_ring(x: Tensor, y: Tensor) -> list[Layer]:
    """The red ring on blue of the stopping rules."""
    return discs(x, y, (0.47, WHITE), (0.455, RED), (0.37, BLUE))


def square(colour: Colour, edge: Colour = WHITE, half_width: float = 0.44, half_height: float = 0.44) -> Drawing:
    """A plate with rounded corners and a thin edge."""
    def layers(x: Tensor, y: Tensor) -> list[Layer]:
        plate = box(x, y, 0.5, 0.5, half_width, half_height, 0.06)
        return [(plate, edge), (plate + 0.02, colour)]

    return layers


def stripes(x: Tensor, y: Tensor) -> Tensor:
    """The five thin lines that end a rule, on a disc."""
    return plates.end_of_limits(x, y)[-1][0]


def slash(x: Tensor, y: Tensor) -> Tensor:
    """One bar from the upper left to the lower right, on a disc."""
    return torch.maximum(polyline(x, y, [(0.2, 0.2), (0.8, 0.8)], 0.075), circle(x, y, 0.5, 0.5, 0.41))


def back_slash(x: Tensor, y: Tensor) -> Tensor:
    return slash(1 - x, y)


def cross(x: Tensor, y: Tensor) -> Tensor:
    return union(slash(x, y), slash(1 - x, y))


def number(value: int | str) -> Shape:
    """A number as it stands on a round plate."""
    height, thickness, stretch = (0.36, 0.074, 0.98) if len(str(value)) < 3 else (0.3, 0.062, 0.78)
    return words(str(value), height, thickness, 0.5, stretch, 0.32)


def zone(value: int, ends: bool) -> Drawing:
    """A zone's square: the speed limit's ring, and ZONE below it."""
    ring, paper = (GREY, WHITE) if ends else (RED, WHITE)
    disc = lambda radius: lambda x, y: circle(x, y, 0.5, 0.38, radius)  # noqa: E731
    digits = placed(number(value), 0.72, 0.5, 0.38)
    sign = painted(square(WHITE, BLACK), (disc(0.285), ring), (disc(0.22), paper), (digits, GREY if ends else BLACK),
                   (words("ZONE", 0.14, 0.036, 0.81, 1.0), GREY if ends else BLACK))
    return painted(sign, (lambda x, y: torch.maximum(stripes(x, y), circle(x, y, 0.5, 0.5, 0.4)), BLACK)) if ends else sign


def measured(letters: str, *marks: Shape) -> Drawing:
    """A limit with its unit in the red ring, between two black marks or none."""
    height = 0.2 if marks or len(letters) > 3 else 0.25
    return painted(plates.prohibition, (words(letters, height, 0.05, 0.5, 0.86, 0.34), BLACK), *((mark, BLACK) for mark in marks))


OVER_AND_UNDER = more.area((0.42, 0.19), (0.58, 0.19), (0.5, 0.32)), more.area((0.42, 0.81), (0.58, 0.81), (0.5, 0.68))
BESIDE = tuple(mirrored(placed(more.area((0.15, 0.42), (0.15, 0.58), (0.24, 0.5)), 1)) if right else
               more.area((0.15, 0.42), (0.15, 0.58), (0.24, 0.5)) for right in (False, True))


def no(shape: Shape) -> Drawing:
    """What may not pass: a black symbol in the red ring."""
    return painted(plates.prohibition, (shape, BLACK))


def no_turn(shape: Shape) -> Drawing:
    return painted(no(shape), (back_slash, RED))


def passing(left: Colour, ends: bool, lorries: bool) -> Drawing:
    """Who may not pass whom."""
    beside = placed(more.lorry, 0.62, 0.34, 0.5) if lorries else lambda x, y: basic.car(x, y, 0.345)
    pair = (beside, left), (lambda x, y: basic.car(x, y, 0.655), GREY if ends else BLACK)
    return painted(painted(white_disc, *pair), (stripes, BLACK)) if ends else painted(plates.prohibition, *pair)


def stopping(bars: Shape, *marks: Shape) -> Drawing:
    """No stopping or no parking, with white arrows for where it begins or ends."""
    return painted(blue_ring, (bars, RED), *((mark, WHITE) for mark in marks))


def blue_square(shape: Shape) -> Drawing:
    return painted(square(BLUE), (shape, WHITE))


def distance(letters: str) -> Drawing:
    """The least distance between two cars."""
    cars = both(placed(more.one_car, 0.68, 0.33, 0.5), placed(more.one_car, 0.68, 0.67, 0.5))
    return painted(plates.prohibition, (placed(cars, 0.95, 0.5, 0.56), BLACK), (words(letters, 0.15, 0.036, 0.35), BLACK))


def end_of_priority(x: Tensor, y: Tensor) -> list[Layer]:
    diamond = polygon(x, y, [(0.955, 0.5), (0.5, 0.955), (0.045, 0.5), (0.5, 0.045)])
    lines = union(*(polyline(x, y, [(0.8 + s, 0.2 + s), (0.2 + s, 0.8 + s)], 0.017) for s in (-0.045, -0.015, 0.015, 0.045)))
    return [*plates.priority(x, y), (torch.maximum(lines, diamond + 0.02), BLACK)]


def stop_here(x: Tensor, y: Tensor) -> list[Layer]:
    """A green H on a yellow disc: a bus stops here."""
    return [*discs(x, y, (0.47, GREEN), (0.42, YELLOW), (0.345, GREEN), (0.32, YELLOW)), (words("H", 0.34, 0.075)(x, y), GREEN)]


def narrow_bridge(ours: Colour, theirs: Colour, plate: Drawing) -> Drawing:
    """Two arrows that meet: which side goes first."""
    up, down = arrows(0.09, 0.15, [(0.62, 0.78), (0.62, 0.22)]), arrows(0.07, 0.12, [(0.37, 0.24), (0.37, 0.76)])
    return painted(plate, (up, ours), (down, theirs))


# ---------------------------------------------------------------- the table

_LEFT_MARK, _RIGHT_MARK = more.area((0.36, 0.66), (0.24, 0.6), (0.36, 0.54)), more.area((0.64, 0.66), (0.76, 0.6), (0.64, 0.54))
_UP = ordering(arrows(0.135, 0.2, more.UP))

FAMILIES: tuple[dict[str, Drawing], ...] = (
    {f"Speed limit {v}": speed(str(v)) for v in (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100, 110, 120, 130)},
    {f"End of limit {v}": painted(white_disc, (number(v), GREY), (stripes, BLACK)) for v in (30, 40, 50, 60, 70, 80, 90, 100, 120)},
    {f"Minimum speed {v}": ordering(number(v)) for v in (30, 40, 50, 60, 70, 80)},
    {f"{'End of zone' if ends else 'Zone'} {v}": zone(v, ends) for v in (20, 30, 40) for ends in (False, True)},
    {
        **{f"Weight limit {v}t": measured(f"{v}t") for v in ("2.8", "3.5", "5.5", "7.5")},
        **{f"Height limit {v}m": measured(f"{v}m", *OVER_AND_UNDER) for v in ("2.8", "3.5", "3.8", "4.5")},
        **{f"Width limit {v}m": painted(plates.prohibition, (placed(words(f"{v}m", 0.2, 0.05, 0.5, 0.86, 0.34), 0.84), BLACK),
                                        *((mark, BLACK) for mark in BESIDE)) for v in ("2.0", "2.3", "2.8")},
        **{f"Keep a distance of {v}m": distance(f"{v}m") for v in (50, 70)},
    },
    {
        "No passing": passing(RED, False, False), "No passing (lorries)": passing(RED, False, True),
        "End of no passing": passing(GREY, True, False), "End no passing (lorries)": passing(GREY, True, True),
        "No vehicles": plates.prohibition, "No lorries": no(more.lorry), "No cars": no(placed(more.one_car, 1.7, 0.5, 0.47)),
        "No buses": no(more.bus), "No motorcycles": no(placed(more.motorcycle, 0.95)), "No tractors": no(placed(more.tractor, 0.95, 0.5, 0.51)),
        "No bicycles": no(placed(basic.bicycle, 0.98, 0.5, 0.39)), "No pedestrians": no(placed(more.person, 1.1, 0.5, 0.42)),
        "No left turn": no_turn(mirrored(more.black_right)), "No right turn": no_turn(more.black_right),
        "No U-turn": no_turn(placed(more.turn_back, 0.8)), "No entry": plates.no_entry,
    },
    {
        "Stop": plates.stop, "Yield": lambda x, y: plates.triangle(x, y, upright=False), "Priority road": plates.priority,
        "End of priority road": end_of_priority, "End of all limits": plates.end_of_limits,
        "Yield to oncoming": narrow_bridge(BLACK, RED, plates.prohibition),
        "Priority over oncoming": narrow_bridge(WHITE, RED, square(BLUE)), "Bus stop": stop_here,
    },
    {
        "No stopping": stopping(cross), "No stopping (left)": stopping(cross, _LEFT_MARK), "No stopping (right)": stopping(cross, _RIGHT_MARK),
        "No parking": stopping(slash), "No parking (left)": stopping(slash, _LEFT_MARK), "No parking (right)": stopping(slash, placed(_RIGHT_MARK, 1, 0.5, 0.3)),
    },
    {
        "Ahead only": _UP, "Turn right ahead": ordering(more.turn_right), "Turn left ahead": ordering(mirrored(more.turn_right)),
        "Right only": ordering(more.right_here), "Left only": ordering(mirrored(more.right_here)),
        "Ahead or right": ordering(more.ahead_or_right), "Ahead or left": ordering(mirrored(more.ahead_or_right)),
        "Left or right": ordering(more.left_or_right), "Pass on either side": ordering(more.either_side),
        "Keep right": known.KINDS["Keep right"], "Keep left": known.KINDS["Keep left"], "Roundabout": known.KINDS["Roundabout mandatory"],
        "Bicycle path": ordering(placed(basic.bicycle, 1.15, 0.5, 0.37)), "Footpath": ordering(placed(more.person, 1.3, 0.5, 0.39)),
        "Shared path": ordering(both(placed(more.person, 0.85, 0.5, 0.25), placed(basic.bicycle, 0.85, 0.5, 0.57),
                                     lambda x, y: box(x, y, 0.5, 0.5, 0.38, 0.012))),
        "Split path": ordering(both(placed(more.person, 0.95, 0.32, 0.44), placed(basic.bicycle, 0.72, 0.71, 0.42),
                                    lambda x, y: box(x, y, 0.5, 0.5, 0.012, 0.38))),
        "Bus lane": ordering(placed(more.bus, 1.25, 0.5, 0.48)),
    },
    {
        "Caution": warning_of(basic.exclamation), "Curve to the right": warning_of(basic.bend), "Curve to the left": warning_of(mirrored(basic.bend)),
        "Curves, right first": warning_of(more.double_bend), "Curves, left first": warning_of(mirrored(more.double_bend)),
        "Bumpy road": warning_of(basic.bumps), "Bump": warning_of(more.hump), "Dip": warning_of(more.dip), "Slippery road": warning_of(more.slide),
        "Narrow road": warning_of(more.narrows), "Narrows on the right": warning_of(more.narrows_right),
        "Narrows on the left": warning_of(mirrored(more.narrows_right)), "Road work": warning_of(more.digger),
        "Traffic signals": plates.warning(plates.lamps), "Pedestrians": warning_of(basic.walker), "Children": warning_of(more.children),
        "Bicycles": warning_of(basic.bicycle), "Ice or snow": warning_of(basic.snow), "Crossroads": warning_of(more.crossroads),
        "Right of way ahead": warning_of(basic.crossing_arrow), "Side road right": warning_of(more.side_road),
        "Side road left": warning_of(mirrored(more.side_road)), "T-junction": warning_of(more.t_junction),
        "Merging from the right": warning_of(more.merge), "Merging from the left": warning_of(mirrored(more.merge)),
        "Two-way traffic": warning_of(more.up_and_down),
        **{f"Descent {v}%": warning_of(more.hill(f"{v}%")) for v in (8, 12)},
        **{f"Ascent {v}%": warning_of(both(mirrored(more.area((0.27, 0.6), (0.27, 0.81), (0.68, 0.81))),
                                           placed(words(f"{v}%", 0.145, 0.034, 0.5, 0.85), 1, 0.44, 0.52))) for v in (8, 12)},
        "Rocks from the left": warning_of(more.rocks), "Rocks from the right": warning_of(mirrored(more.rocks)),
        "Tunnel": warning_of(more.tunnel), "Side wind": warning_of(more.wind), "Level crossing": warning_of(more.gate), "Tram": warning_of(more.tram),
        "Roundabout ahead": warning_of(placed(basic.roundabout, 0.62, 0.5, 0.62)),
    },
    {
        "Parking": blue_square(words("P", 0.58, 0.12)), "Hospital": blue_square(words("H", 0.58, 0.12)),
        "Parking (left)": blue_square(both(placed(words("P", 0.5, 0.1), 1, 0.5, 0.42), arrows(0.05, 0.1, [(0.72, 0.83), (0.26, 0.83)]))),
        "Parking (right)": blue_square(both(placed(words("P", 0.5, 0.1), 1, 0.5, 0.42), arrows(0.05, 0.1, [(0.28, 0.83), (0.74, 0.83)]))),
        "One way (left)": painted(square(BLUE, half_height=0.19, half_width=0.47), (arrows(0.1, 0.16, [(0.86, 0.5), (0.14, 0.5)]), WHITE)),
        "One way (right)": painted(square(BLUE, half_height=0.19, half_width=0.47), (arrows(0.1, 0.16, [(0.14, 0.5), (0.86, 0.5)]), WHITE)),
        "Dead end": painted(square(BLUE), (lambda x, y: box(x, y, 0.5, 0.6, 0.075, 0.24), WHITE), (lambda x, y: box(x, y, 0.5, 0.28, 0.24, 0.085), RED)),
        "Pedestrian crossing": painted(square(BLUE), (more.area((0.5, 0.12), (0.88, 0.84), (0.12, 0.84)), WHITE), (placed(basic.walker, 0.86, 0.5, 0.5), BLACK)),
    },
)  # fmt: skip
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
