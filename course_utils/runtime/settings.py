"""What a chapter chooses for itself in its set-up cell: the data profile and the seed; and what begins anew there."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator

import numpy as np
import torch

from .checks import pick

_defaults: dict[str, str | int] = {"seed": 0}
hints_given: dict[tuple[str, str], int] = {}  # exercise -> how many hints it has given since the set-up cell ran


def data_profile() -> str:
    """"drawn" or "real": which pictures `data.load` gives when it is not told."""
    if _defaults.get("data"):
        return str(_defaults["data"])
    return pick("data profile in COURSE_DATA", os.environ.get("COURSE_DATA") or "drawn", ("drawn", "real"))


def choose_profile(data: str | None) -> str:
    """Use "drawn" or "real" pictures from now on; None: what the environment variable COURSE_DATA says. Gives the choice."""
    _defaults["data"] = "" if data is None else pick("data profile", data, ("drawn", "real"))
    return data_profile()


def seed_everything(seed: int = 0) -> None:
    """Seed Python, NumPy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    _defaults["seed"] = seed


def generator(seed: int | None = None) -> torch.Generator:
    """A CPU generator: draw on the CPU, then move, so that a seed means the same on every device."""
    return torch.Generator().manual_seed(int(_defaults["seed"]) if seed is None else seed)


@contextlib.contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Inside, new weights come from this seed, the same on every device; afterwards torch's random numbers go on as if nothing had been drawn.

    Only on the CPU: `torch.manual_seed` would also seed the GPUs' generators, for good.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
