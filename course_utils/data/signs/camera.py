"""From a plate to a photographed plate: turned in space, worn, in light and shadow, exposed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .. import shapes
from ..shapes import chance, column, normal, uniform


class View(NamedTuple):
    """How a sign is met, one number a picture `[N]`: the numbers that `signs.seen` tells and takes.

    turn, tip, roll: radians. side: of the sign's square, in sides of the picture. right, down: off the middle, -1 and 1 where there is no more
    room. light: what falls on the scene, 1 being usual. defocus: deviation in pixels of a picture of 48.
    """

    turn: Tensor
    tip: Tensor
    roll: Tensor
    side: Tensor
    right: Tensor
    down: Tensor
    light: Tensor
    defocus: Tensor


# Wider than what is drawn by itself, but a person still knows the sign.
RANGES = View((-0.9, 0.9), (-0.35, 0.35), (-0.25, 0.25), (0.55, 0.95), (-1.0, 1.0), (-1.0, 1.0), (0.35, 1.9), (0.25, 1.3))


def turned(count: int, generator: torch.Generator, view: View | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Corners `[N, 4, 2]` of squares of side 1 around (0, 0), turned in space and seen from near; and turn, tip and roll as they were drawn.

    A view that is given takes the place of the drawn one, which is drawn all the same: all else stays as it was.
    """
    turn, tip, roll = own = tuple(normal((count, 1), d, generator).clamp(-2.2 * d, 2.2 * d) for d in (0.33, 0.12, 0.06))
    if view is not None:
        turn, tip, roll = view.turn[:, None], view.tip[:, None], view.roll[:, None]
    u, v = torch.tensor([[-0.5, 0.5, 0.5, -0.5]]), torch.tensor([[-0.5, -0.5, 0.5, 0.5]])
    x, y = u * roll.cos() - v * roll.sin(), u * roll.sin() + v * roll.cos()
    y, z = y * tip.cos(), y * tip.sin()
    x, z = x * turn.cos() + z * turn.sin(), z * turn.cos() - x * turn.sin()
    distance = uniform((count, 1), 1.8, 6.0, generator)
    return torch.stack([x, y], 2) / (1 + z / distance)[..., None], own


def plane_corners(count: int, size: int, generator: torch.Generator, view: View | None = None) -> tuple[Tensor, Tensor, View]:
    """Where the corners of each sign's square fall `[N, 4, 2]` and its side `[N]`, in pixels; and the view (light and defocus: none yet)."""
    seen, angles = turned(count, generator, view)
    share = uniform((count, 1, 1), 0.64, 0.95, generator)
    off = (torch.rand(count, 1, 2, generator=generator) - 0.5) * 2
    own = View(*(part[:, 0] for part in angles), share[:, 0, 0], off[:, 0, 0], off[:, 0, 1], share[:, 0, 0], share[:, 0, 0])
    if view is not None:
        share, off = view.side[:, None, None], torch.stack([view.right, view.down], 1)[:, None]
    side = size * share
    return seen * side + size / 2 + off * ((size - side).clamp_min(0) * 0.4), side[:, 0, 0], own


def worn(colour: Tensor, cover: Tensor, generator: torch.Generator) -> Tensor:
    """Faded, dirty and dented paint; `colour` is multiplied by `cover` and stays so."""
    count, _, size, _ = colour.shape
    grey = colour.mean(1, keepdim=True)
    fade = column(uniform((count,), 0, 1, generator).square() * 0.45)
    colour = torch.lerp(colour, 0.55 * grey + 0.32 * cover, fade.expand_as(colour))
    stains = shapes.noise(count, 1, size, (3, 8, 18, min(36, size)), (0.8, 1.0, 0.8, 0.6), generator)
    dirt = column(uniform((count,), 0, 1, generator).square() * 0.3)
    colour = colour * (1 - dirt * torch.sigmoid(2.5 * stains - 0.5))
    gloss = 1 + column(normal((count,), 0.12, generator)) * (shapes.grid(size)[0] - 0.5)
    return colour * gloss


def shadows(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Light that falls on a sign `[N, 1, S, S]`: even, cut by the edge of a shadow, or dappled by leaves."""
    x, y = shapes.grid(size)
    angle, offset = column(uniform((count,), 0, 6.3, generator)), column(normal((count,), 0.2, generator))
    soft = column(uniform((count,), 0.03, 0.15, generator))
    ripple = shapes.noise(count, 1, size, (3, 6, 12), (0.6, 1.0, 0.8), generator)
    leafy = column(chance((count,), 0.45, generator))
    distance = (x - 0.5) * angle.cos() + (y - 0.5) * angle.sin() - offset
    shade = torch.sigmoid((distance + (0.03 + 0.17 * leafy) * ripple) / soft)
    depth = column(uniform((count,), 0.25, 0.6, generator) * chance((count,), 0.35, generator))
    return 1 - depth * shade


def exposed(picture: Tensor, generator: torch.Generator, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Brightness, contrast and colour of the light and of the camera; and the light `[N]` as it was drawn, in whose place may stand a given one."""
    count = len(picture)
    gain = torch.exp(normal((count,), 0.3, generator) )
    dark = chance((count,), 0.1, generator) * uniform((count,), 0.35, 0.7, generator)
    own = gain * (1 - dark)
    light = own if given is None else given
    cast = torch.exp(normal((count, 3), 0.035, generator))
    lit = picture * column(light) * column(cast)
    haze = column(uniform((count,), 0, 1, generator).pow(3) * 0.3)
    lit = torch.lerp(lit, torch.full_like(lit, 0.75) * column(light), haze.expand_as(lit))
    # A film-like curve: straight below, bending softly into white.
    return torch.where(lit < 0.7, lit, 1 - 0.3 * torch.exp(-(lit - 0.7) / 0.3)), own
