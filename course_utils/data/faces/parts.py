"""The parts of a drawn face, from the background to the glasses; each is painted over what is there already.

Lengths are halves of a head's height: the chin is at 1, the top of the skull at -1. Features in front of the head move farther than the
head when it turns, so each part stands in coordinates of its own: x moved by its depth times the turn.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .. import shapes
from ..shapes import column, coverage, normal, over, uniform
from .people import People

SHIRTS = torch.tensor([[0.80, 0.25, 0.22], [0.20, 0.35, 0.62], [0.22, 0.50, 0.36], [0.92, 0.90, 0.86], [0.18, 0.18, 0.22], [0.85, 0.66, 0.25],
                       [0.48, 0.30, 0.55], [0.55, 0.60, 0.66]])
WALLS = torch.tensor([[0.55, 0.70, 0.82], [0.80, 0.76, 0.66], [0.62, 0.74, 0.60], [0.86, 0.70, 0.62], [0.70, 0.66, 0.78], [0.45, 0.52, 0.58],
                      [0.90, 0.88, 0.84], [0.40, 0.55, 0.55]])


class View(NamedTuple):
    """How a picture is taken: coordinates `[N, 1, S, S]` around the head, the side of a pixel there, and what is new in each picture."""

    x: Tensor
    y: Tensor
    pixel: Tensor  # [N, 1, 1, 1], like all that follows
    turn: Tensor
    nod: Tensor
    smile: Tensor
    gape: Tensor  # how far the mouth is open
    lids: Tensor  # how far the eyes are
    raised: Tensor  # brows
    gaze: Tensor

    def at(self, depth: float) -> tuple[Tensor, Tensor]:
        """Coordinates for what lies `depth` in front of the head's axis."""
        return self.x - depth * self.turn, self.y - depth * self.nod

    def cover(self, distance: Tensor) -> Tensor:
        return coverage(distance, self.pixel)


def view(count: int, size: int, generator: torch.Generator) -> View:
    """A small turn, nod, roll, shift and scale, and an expression, for each of `count` pictures."""
    x, y = shapes.grid(size)
    scale = column(uniform((count,), 0.295, 0.35, generator))
    across, down = column(normal((count,), 0.02, generator)), column(normal((count,), 0.015, generator))
    roll = column(normal((count,), 0.06, generator).clamp(-0.15, 0.15))
    u, v = (x - 0.5 - across) / scale, (y - 0.51 - down) / scale
    turn, nod = (column(normal((count,), d, generator).clamp(-2 * d, 2 * d)) for d in (0.22, 0.10))
    return View(
        u * roll.cos() + v * roll.sin(), v * roll.cos() - u * roll.sin(), 1 / (scale * size), turn, nod,
        column(uniform((count,), -0.35, 1.0, generator)), column(uniform((count,), 0, 1, generator).pow(3) * 0.16),
        column(uniform((count,), 0.65, 1.0, generator)), column(normal((count,), 0.025, generator)), column(normal((count,), 0.03, generator)),
    )  # fmt: skip


def ellipse(x: Tensor, y: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """Nearly the signed distance to an ellipse around 0 with the half axes a and b: exact on its edge, to first order beside it."""
    u, v = x / a, y / b
    far = torch.hypot(u, v)
    return far * (far - 1) / torch.hypot(u / a, v / b).clamp_min(1e-6)


def background(count: int, size: int, generator: torch.Generator) -> Tensor:
    """A wall out of focus `[N, 3, S, S]`: two colours that flow into each other."""
    first, second = (column(shapes.choose(WALLS, count, generator)) for _ in range(2))
    soft = torch.sigmoid(1.5 * shapes.noise(count, 1, size, (2, 4), (1.0, 0.5), generator))
    return torch.lerp(first, second, 0.6 * soft) * column(uniform((count,), 0.75, 1.1, generator))


def head(who: People, seen: View) -> Tensor:
    """Signed distance to the head: an ellipse, more or less square, narrower towards the chin."""
    width, n = column(who.width) * (1 - column(who.jaw) * seen.y.clamp(0, 1).square()), column(who.square)
    u, v = (seen.x / width).abs() + 1e-4, seen.y.abs() + 1e-4
    return (((u.log() * n).exp() + (v.log() * n).exp()).log().div(n).exp() - 1) * width


def strands(who: People, seen: View) -> Tensor:
    """The hair's colour `[N, 3, S, S]`: fine stripes, and a shine above."""
    stripes = torch.sin(26 * seen.x + 5 * (seen.y * 3 + column(who.side)).sin())
    shine = torch.exp(-((seen.y + 0.82 + 0.25 * seen.x.square()) / 0.16).square())
    return (column(who.hair) * (1 + 0.07 * stripes) + 0.13 * shine).clamp(0, 1)


def outline(who: People, seen: View, edge: Tensor) -> Tensor:
    """Signed distance to the whole of the hair on the head, before the face is cut out."""
    off, waves, often = (column(who.cut[:, k]) for k in (0, 4, 5))
    wavy = torch.sin(often * torch.atan2(seen.y, seen.x) + 3 * column(who.side))
    return edge - off - waves * wavy * torch.sigmoid(-12 * (seen.y + 0.25))


def behind(picture: Tensor, who: People, seen: View, colour: Tensor) -> Tensor:
    """Hair that hangs behind head and neck, and a knot on top."""
    low, broad, knot, waves = (column(who.cut[:, k]) for k in (6, 7, 8, 4))
    x, y = seen.at(-0.35)
    half = column(who.width) * broad + 0.06 + waves * torch.sin(9 * y)
    middle, high = (low - 0.55) / 2, (low + 0.55).clamp_min(0.02) / 2
    hanging = shapes.box(x, y, 0.0, middle, half, high, 0.25) + 9.0 * (low < 0)
    top = torch.hypot(x, y + 1.17) - 0.28 + 9.0 * (1 - knot).round()
    return over(picture, 0.82 * colour, seen.cover(torch.minimum(hanging, top)))


def body(picture: Tensor, who: People, seen: View, generator: torch.Generator) -> Tensor:
    """Neck and shoulders; the shirt is another one in every picture."""
    count, skin = len(who.skin), column(who.skin)
    shirt = column(shapes.choose(SHIRTS, count, generator)) * column(uniform((count,), 0.85, 1.1, generator))
    x, y = seen.at(-0.1)
    shoulders = ellipse(x, y - 2.15, 1.55, 0.85)
    opening = ellipse(x, y - 1.34, 0.42 * column(uniform((count,), 0.9, 1.3, generator)), 0.26)
    neck = shapes.box(x, y, 0.0, 1.0, 0.52 * column(who.width), 0.55, 0.1)
    shade = 0.78 + 0.15 * ((y - 1.0) / 0.4).clamp(0, 1)
    picture = over(picture, shirt * (0.92 + 0.08 * torch.cos(1.6 * x)), seen.cover(shoulders))
    return over(picture, skin * shade, seen.cover(torch.minimum(neck, torch.maximum(opening, shoulders))))


def face(picture: Tensor, who: People, seen: View, edge: Tensor) -> Tensor:
    """Ears, then the head with round cheeks and freckles."""
    skin, width = column(who.skin), column(who.width)
    ears = ellipse((seen.x + 0.12 * seen.turn).abs() - width * 0.98, seen.y - column(who.high) - 0.08, 0.6 * column(who.ears), column(who.ears))
    picture = over(picture, skin * 0.9, seen.cover(ears))
    x, y = seen.at(0.35)
    relief = 1.03 - 0.13 * torch.exp(edge / 0.16).clamp(max=1) - 0.07 * torch.exp(-((y + 0.02).square() / 0.02 + (x.abs() - column(who.apart)).square() / 0.05))
    cheeks = torch.exp(-((x.abs() - 0.42).square() + (y - 0.33).square()) / 0.03)
    blush = torch.tensor([0.05, -0.10, -0.07])[None, :, None, None]
    dots = (torch.sin(31 * x + 9 * (17 * y).sin()) * torch.sin(29 * y + 7 * (13 * x).sin()) > 0.55).float()
    spots = column(who.freckles) * dots * torch.exp(-(x.square() / 0.2 + (y - 0.25).square() / 0.025))
    return over(picture, skin * relief * (1 - 0.30 * spots) * (1 + blush * cheeks), seen.cover(edge))


def beard(picture: Tensor, who: People, seen: View, edge: Tensor, colour: Tensor) -> Tensor:
    """A full beard, one around the chin, a moustache, or none."""
    x, y = seen.at(0.35)
    low, edge = column(who.low), edge - 0.03
    along = (x / column(who.width)).square()
    cheeks = torch.maximum(edge, low - 0.02 - 0.75 * along.clamp(max=1.0) - y)
    chin = torch.maximum(edge, ellipse(x, y - low - 0.22, 0.34, 0.32))
    hairs = 0.88 + 0.06 * torch.sin(40 * x + 3 * (23 * y).sin())
    lip = ellipse(x, y - low + 0.11 - 0.25 * x.square(), column(who.mouth) * 1.05, 0.065)
    shape = torch.minimum(cheeks + 9 * (1 - column(who.beard)), chin + 9 * (1 - column(who.chin)))
    shape = torch.minimum(shape, lip + 9 * (1 - column(who.moustache)))
    return over(picture, 0.85 * colour * hairs, 0.94 * seen.cover(shape))


def mouth(picture: Tensor, who: People, seen: View) -> Tensor:
    """Lips that bend with the smile, and teeth where the mouth is open."""
    x, y = seen.at(0.42)
    half = column(who.mouth) * (1 + 0.15 * seen.smile)
    y = y - column(who.low) + 0.9 * seen.smile * (x.square() - 0.4 * half.square())
    lips, red = column(who.lips) + 0.5 * seen.gape, column(who.red)
    pale, full = column(who.skin) * torch.tensor([0.80, 0.58, 0.56])[None, :, None, None], torch.tensor([0.74, 0.22, 0.24])[None, :, None, None]
    colour = torch.lerp(pale, 0.35 * pale + 0.65 * full, 0.8 * red)
    picture = over(picture, colour, seen.cover(ellipse(x, y, half, lips)))
    inner = ellipse(x, y, 0.86 * half, (0.75 * seen.gape).clamp_min(0.012))
    white = torch.sigmoid((0.02 - y) * 80) * (seen.gape > 0.03)
    inside = torch.lerp(torch.tensor([0.30, 0.08, 0.08])[None, :, None, None], torch.tensor([0.96, 0.95, 0.92])[None, :, None, None], white)
    return over(picture, inside, 0.9 * seen.cover(inner))


def nose(picture: Tensor, who: People, seen: View) -> Tensor:
    """A shaded side, a light ridge and a shadow below."""
    x, y = seen.at(0.62)
    tip, wide = column(who.high) + 0.05 + column(who.nose), column(who.wide)
    skin = column(who.skin)
    ridge = torch.exp(-(x / (0.35 * wide)).square()) * torch.sigmoid((y - column(who.high)) * 14) * torch.sigmoid((tip - y) * 30)
    picture = picture + 0.05 * ridge
    ball = ellipse(x, y - tip, wide, 0.62 * wide)
    picture = over(picture, 0.93 * skin, 0.85 * seen.cover(ball))
    below = torch.maximum(ellipse(x, y - tip - 0.02, wide, 0.62 * wide), -ellipse(x, y - tip + 0.06, 1.1 * wide, 0.68 * wide))
    return over(picture, 0.62 * skin, 0.9 * seen.cover(below))


def eyes(picture: Tensor, who: People, seen: View) -> Tensor:
    """Both eyes at once, by mirror symmetry: white, iris, pupil, a glint, the lid; and the brows."""
    x, y = seen.at(0.45)
    side = x.sign()
    u = x.abs() - column(who.apart)
    v = y - column(who.high) - column(who.slant) * u
    wide = column(who.eye)
    shape = ellipse(u, v, wide, wide * column(who.open) * seen.lids * (1 - 0.15 * seen.smile.clamp_min(0)))
    white = seen.cover(shape)
    picture = over(picture, torch.full((1, 3, 1, 1), 0.96), white)
    ring = torch.hypot(u - side * seen.gaze, v)
    picture = over(picture, column(who.iris), white * seen.cover(ring - 0.56 * wide))
    picture = over(picture, torch.full((1, 3, 1, 1), 0.04), white * seen.cover(ring - 0.27 * wide))
    glint = torch.hypot(u - side * (seen.gaze - 0.05), v + 0.05) - 0.03
    picture = over(picture, torch.ones(1, 3, 1, 1), white * seen.cover(glint))
    lid = torch.maximum((shape - 0.012).abs() - 0.022, v)
    picture = over(picture, 0.28 * column(who.skin), 0.9 * seen.cover(lid))
    reach = wide * 1.35
    bend = v + column(who.lift) + column(who.arch) * u + seen.raised + 1.2 * u.square()
    brow = shapes.box(u, bend, 0.0, 0.0, reach, column(who.brow), 0.02)
    return over(picture, 0.6 * column(who.hair) + 0.08 * column(who.skin), 0.95 * seen.cover(brow))


def fringe(picture: Tensor, who: People, seen: View, edge: Tensor, colour: Tensor) -> Tensor:
    """The hair on top: what lies inside its outline and above the hairline."""
    line, tilt, fall = (column(who.cut[:, k]) for k in (1, 2, 3))
    x, y = seen.at(0.15)
    side = column(who.side)
    jagged = 0.5 * column(who.cut[:, 4]) * torch.sin(2.2 * column(who.cut[:, 5]) * x)
    hairline = line + tilt * side * x + fall * (x / column(who.width)).square() + jagged
    shape = torch.maximum(outline(who, seen, edge), y - hairline)
    shape = shape + 9.0 * (line < -1.2)
    shadow = torch.exp(-((y - hairline) / 0.10).clamp_min(0)) * (y > hairline) * (edge < 0) * (line > -1.2)
    return over(picture * (1 - 0.22 * shadow), colour, seen.cover(shape))


def glasses(picture: Tensor, who: People, seen: View) -> Tensor:
    """Frames before the eyes, round or square, and their bridge."""
    x, y = seen.at(0.55)
    u, v = x.abs() - column(who.apart), y - column(who.high)
    size = column(who.eye) + 0.12
    corner = torch.where(column(who.round) > 0, size * 0.95, 0.05 * torch.ones_like(size))
    lens = shapes.box(u, v, 0.0, 0.0, size, size * torch.where(column(who.round) > 0, 0.95, 0.72), torch.minimum(corner, size * 0.70))
    frame = lens.abs() - 0.032
    bridge = torch.maximum((v + 0.04 - 0.3 * x.square()).abs() - 0.028, x.abs() - (column(who.apart) - size))
    temple = torch.maximum((v + 0.03).abs() - 0.028, torch.maximum(-(u - size), x.abs() - column(who.width) * 1.0))
    picture = over(picture, torch.ones(1, 3, 1, 1), 0.13 * seen.cover(lens) * column(who.glasses))
    shape = torch.minimum(torch.minimum(frame, bridge), temple)
    return over(picture, column(who.frame), seen.cover(shape) * column(who.glasses))


def lit(picture: Tensor, seen: View, generator: torch.Generator) -> Tensor:
    """Light from one side, its strength and colour, the camera's blur and grain."""
    count = len(picture)
    size = picture.shape[-1]
    angle, strength = column(uniform((count,), 0, 6.3, generator)), column(uniform((count,), 0, 0.24, generator))
    slope = 1 + strength * torch.tanh(0.9 * (seen.x * angle.cos() + seen.y * angle.sin()))
    gain = column(0.95 * torch.exp(normal((count,), 0.09, generator))) * column(torch.exp(normal((count, 3), 0.03, generator)))
    picture = picture * slope * gain
    soft = uniform((count,), 0.2, 0.65, generator) * size / 64
    zero = torch.zeros(count)
    picture = shapes.blur(picture, shapes.blur_kernels(soft, zero, zero, max(1, round(2 * size / 64))))
    grain = torch.randn(picture.shape, generator=generator) * column(uniform((count,), 0.003, 0.018, generator))
    return (picture + grain).clamp(0, 1)

