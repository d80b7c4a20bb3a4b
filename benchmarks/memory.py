"""The peak memory of a piece of work, above what the process held before (Linux; None elsewhere)."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _megabytes(field: str) -> float:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def peak_megabytes(run: Callable[[], object]) -> float | None:
    """How many megabytes more than before the process holds at most while `run` runs."""
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # give back what the allocator keeps, or the run would reuse it unseen
        _CLEAR.write_text("5")  # the peak begins anew
        before = _megabytes("VmRSS")
    except (OSError, AttributeError):
        return None
    run()
    return _megabytes("VmHWM") - before
