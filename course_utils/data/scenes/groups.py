"""The signs of the scenes in eleven groups, by what their plates look like: what a detector can tell apart from afar.

Of the 144 kinds many differ in a digit or in the head of an arrow, on plates that are 13 to 53 pixels wide: a small detector
could only guess. The groups are told apart by shape and colour.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ... import runtime
from .kinds import FAMILIES, NAMES

GROUPS = (
    "Prohibition", "End of limit", "Order", "Zone", "No stopping", "Warning", "Information", "Stop", "Yield", "Priority", "Bus stop",
)  # fmt: skip
# One for each of the families, in their order; None: its signs are of many shapes.
_FAMILY = ("Prohibition", "End of limit", "Order", "Zone", "Prohibition", "Prohibition", None, "No stopping", "Order", "Warning", "Information")
_OWN = {
    "End of no passing": "End of limit", "End no passing (lorries)": "End of limit", "End of all limits": "End of limit",
    "Stop": "Stop", "Yield": "Yield", "Priority road": "Priority", "End of priority road": "Priority",
    "Yield to oncoming": "Prohibition", "Priority over oncoming": "Information", "Bus stop": "Bus stop",
}  # fmt: skip
_GROUP_OF = {name: _OWN.get(name, group) for family, group in zip(FAMILIES, _FAMILY, strict=True) for name in family}
_NUMBERS = torch.tensor([GROUPS.index(_GROUP_OF[name]) for name in NAMES])


def groups(labels: Tensor) -> Tensor:
    """The groups of kinds of signs, any shape; -1 where there is no sign."""
    return torch.where(labels >= 0, _NUMBERS.to(labels.device)[labels.clamp_min(0)], -1)


def even_kinds(n: int, generator: torch.Generator | None = None) -> Tensor:
    """`n` kinds of signs `[n]`: each group as often as any other, within it each kind."""
    often = 1 / torch.bincount(_NUMBERS).float()[_NUMBERS]
    return torch.multinomial(often, n, replacement=True, generator=generator or runtime.generator())
