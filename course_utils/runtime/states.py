"""Writing what must be whole when it is read."""

from __future__ import annotations

import os
from pathlib import Path

import torch


def save_whole(state: dict, path: Path) -> None:
    """`torch.save`, into a file beside that then takes the place: a half-written file never looks complete, and the old one stays until the new one is."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    torch.save(state, beside)
    beside.replace(path)
