"""Who the people are: an identity is a vector of numbers, from the head's width to the colour of the eyes."""

from __future__ import annotations

import functools
import hashlib
from typing import NamedTuple

import torch
from torch import Tensor

from ... import runtime

COUNT = 40  # people in a group, as many as in the ORL faces
NAMES = (
    "Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Ida", "Jack", "Kira", "Leo", "Mia", "Nils", "Olga", "Paul",
    "Rosa", "Sam", "Tina", "Uwe", "Vera", "Will", "Xenia", "Yuri", "Zoe", "Amir", "Bea", "Carl", "Dora", "Emil", "Fay", "Gus",
    "Hana", "Ivan", "June", "Kofi", "Lena", "Max", "Nora", "Otto",
)  # fmt: skip

SKINS = torch.tensor([[0.98, 0.85, 0.76], [0.95, 0.78, 0.66], [0.90, 0.72, 0.56], [0.80, 0.60, 0.44], [0.66, 0.46, 0.32],
                      [0.50, 0.33, 0.23], [0.36, 0.24, 0.18]])
HAIRS = torch.tensor([[0.09, 0.08, 0.09], [0.25, 0.15, 0.09], [0.45, 0.27, 0.13], [0.62, 0.24, 0.10], [0.87, 0.69, 0.34],
                      [0.62, 0.62, 0.64], [0.93, 0.91, 0.87], [0.30, 0.10, 0.12]])
IRISES = torch.tensor([[0.25, 0.14, 0.07], [0.45, 0.28, 0.12], [0.22, 0.50, 0.75], [0.27, 0.52, 0.30], [0.42, 0.45, 0.48]])
FRAMES = torch.tensor([[0.08, 0.08, 0.10], [0.60, 0.10, 0.12], [0.12, 0.22, 0.50], [0.55, 0.38, 0.16]])
# A haircut: how far it stands off the head, the hairline's height in the middle, its tilt, its fall at the sides (negative: it rises),
# how wavy the outline is and how often, how far down and how wide it hangs behind, whether there is a knot on top.
CUTS = torch.tensor([
    [0.00, -1.60, 0.00, 0.00, 0.00, 5.0, -1.0, 0.60, 0.0],  # none
    [0.05, -0.62, 0.00, 0.20, 0.01, 9.0, -1.0, 0.60, 0.0],  # cropped
    [0.15, -0.60, 0.32, 0.20, 0.02, 7.0, -1.0, 0.60, 0.0],  # parted at the side
    [0.11, -0.36, 0.00, 0.02, 0.01, 9.0, 0.45, 1.02, 0.0],  # a bob with a fringe
    [0.12, -0.88, 0.00, 0.75, 0.01, 6.0, 1.50, 1.00, 0.0],  # long, parted in the middle
    [0.34, -0.55, 0.00, 0.15, 0.06, 11.0, 0.20, 1.12, 0.0],  # curls
    [0.07, -0.64, 0.00, 0.25, 0.00, 6.0, -1.0, 0.60, 1.0],  # a knot on top
    [0.18, -0.58, 0.10, 0.10, 0.10, 17.0, -1.0, 0.60, 0.0],  # spikes
    [0.04, -0.88, 0.00, -0.16, 0.00, 6.0, -1.0, 0.60, 0.0],  # receding
    [0.13, -0.52, -0.30, 0.30, 0.04, 8.0, 1.30, 1.08, 0.0],  # long and wavy
])  # fmt: skip


class People(NamedTuple):
    """What stays the same in all pictures of a person, each `[N]` or `[N, 3]`; lengths in halves of a head's height."""

    skin: Tensor
    hair: Tensor
    iris: Tensor
    frame: Tensor  # colour of the glasses
    width: Tensor  # half of the head's
    jaw: Tensor  # how much narrower the head is at the chin
    square: Tensor  # exponent of the head's outline, 2 is an ellipse
    ears: Tensor
    apart: Tensor  # from the nose to an eye
    high: Tensor  # of the eyes, down from the middle
    eye: Tensor  # half of an eye's width
    open: Tensor  # its height to its width
    slant: Tensor
    brow: Tensor  # thickness
    arch: Tensor  # tilt of the brows
    lift: Tensor  # from eye to brow
    nose: Tensor  # length
    wide: Tensor  # half of the nose's width
    mouth: Tensor  # half of its width
    lips: Tensor
    low: Tensor  # of the mouth, down from the middle
    red: Tensor  # of the lips
    beard: Tensor  # how much of it covers: cheeks, chin, lip
    chin: Tensor
    moustache: Tensor
    glasses: Tensor  # 0 or 1
    round: Tensor  # shape of the glasses
    freckles: Tensor
    cut: Tensor  # `[N, 9]`, a row of CUTS, a little changed
    side: Tensor  # 1 or -1: where the hair is parted

    def of(self, y: Tensor) -> People:
        """The people with the numbers `y`."""
        return People(*(part[y] for part in self))


@functools.lru_cache(maxsize=16)
def people(group: int) -> People:
    """The 40 people of a group. Group 0 are those of the world of faces; every other number gives 40 others.

    Every feature is spread evenly over a group, and independently of the others, so that no two people are near in all of them.
    """
    digest = hashlib.sha256(f"people {group}".encode()).digest()
    random = runtime.generator(int.from_bytes(digest[:7], "big"))

    def spread(low: float, high: float) -> Tensor:
        return low + (high - low) * (torch.randperm(COUNT, generator=random) + torch.rand(COUNT, generator=random)) / COUNT

    def some(share: float) -> Tensor:
        return (torch.randperm(COUNT, generator=random) < share * COUNT).float()

    def rows(table: Tensor, jitter: float) -> Tensor:
        chosen = table[torch.randperm(COUNT, generator=random) % len(table)]
        return chosen * (1 + jitter * torch.randn(COUNT, table.shape[1], generator=random))

    cut = rows(CUTS, 0.05)
    bearded = some(0.3) * (cut[:, 6] < 0)  # of those with short hair
    full, goatee = some(0.5), some(0.5)
    return People(
        skin=rows(SKINS, 0.02).clamp(0, 1), hair=rows(HAIRS, 0.03).clamp(0, 1), iris=rows(IRISES, 0.08).clamp(0, 1),
        frame=rows(FRAMES, 0.05).clamp(0, 1), width=spread(0.64, 0.88), jaw=spread(0.05, 0.42), square=spread(1.9, 2.9),
        ears=spread(0.12, 0.25), apart=spread(0.26, 0.40), high=spread(-0.16, 0.06), eye=spread(0.12, 0.20), open=spread(0.5, 1.0),
        slant=spread(-0.25, 0.25), brow=spread(0.025, 0.085), arch=spread(-0.22, 0.22), lift=spread(0.16, 0.28),
        nose=spread(0.20, 0.46), wide=spread(0.07, 0.20), mouth=spread(0.17, 0.36), lips=spread(0.03, 0.10), low=spread(0.50, 0.66),
        red=spread(0.0, 1.0), beard=bearded * full, chin=bearded * torch.maximum(full, goatee), moustache=bearded * some(0.6),
        glasses=some(0.3), round=some(0.5), freckles=some(0.2), cut=cut, side=2 * some(0.5) - 1,
    )  # fmt: skip
