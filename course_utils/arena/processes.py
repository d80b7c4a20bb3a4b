"""Processes that are not trusted: who descends from whom, how much memory they hold, and how to end them all. Nothing but Python's own library.

Linux tells everything in /proc, and lets a process adopt the orphans below it, so that nobody escapes by detaching. Elsewhere `ps` tells,
and what has detached is found as long as it was seen before. On Windows only the process itself is ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ADOPT_ORPHANS, DUMPABLE, PARENT_ENDS = 36, 4, 1  # PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE and PR_SET_PDEATHSIG of <sys/prctl.h>
POLITE = {"OMP_WAIT_POLICY": "PASSIVE"}  # threads that wait do sleep: judge and submission take turns, and spinning made each ten times slower
LINUX = sys.platform.startswith("linux")


class Process(NamedTuple):
    """A process, its parent, and the memory that it holds, in megabytes."""

    number: int
    parent: int
    megabytes: float


def adopt_orphans() -> None:
    """From now on a process below this one whose parent ends becomes this one's child, so that it can be found (Linux)."""
    if LINUX:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)


def end_with_parent() -> None:
    """When the process that started this one ends, this one is ended, too (Linux)."""
    if LINUX:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PARENT_ENDS, signal.SIGKILL, 0, 0, 0)


def close_memory() -> None:
    """No other process of this user may read this one's memory or its open files (Linux; root may)."""
    if LINUX:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(DUMPABLE, 0, 0, 0, 0)


def running() -> list[Process]:
    """All processes that can be seen."""
    if LINUX:
        return list(filter(None, map(from_proc, filter(str.isdigit, os.listdir("/proc")))))
    if os.name == "nt":
        return []
    said = subprocess.run(["ps", "-axo", "pid=,ppid=,rss="], capture_output=True, text=True, check=False).stdout
    return [Process(int(a), int(b), int(c) / 1024) for a, b, c in (line.split() for line in said.splitlines() if len(line.split()) == 3)]


def from_proc(number: str) -> Process | None:
    """What /proc says of a process; None if it has ended (a zombie has, too)."""
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            state, parent, *rest = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else Process(int(number), int(parent), int(rest[19]) * os.sysconf("SC_PAGE_SIZE") / 2**20)


def held_together(family: list[Process]) -> float:
    """The megabytes that processes hold, at most. What forks share is counted once where the system tells (Linux), and that is only asked where it matters."""
    return sum(map(own_share, family))


def own_share(process: Process) -> float:
    """A process's memory, of what it shares with others its part."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process.number}/smaps_rollup").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return process.megabytes


def descendants(root: int, everyone: list[Process] | None = None) -> list[Process]:
    """All processes below `root`, without itself."""
    children: dict[int, list[Process]] = {}
    for process in running() if everyone is None else everyone:
        children.setdefault(process.parent, []).append(process)
    found, waiting = [], [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += [process.number for process in below]
    return found


def end_all(root: int | None = None, seconds: float = 5.0) -> bool:
    """End every process below this one; with a `root`, that process and those below it. Gives whether none is left.

    First all are stopped, so that none can have another child while the others are ended. Killing cannot be refused.
    """
    until, kinds = time.monotonic() + seconds, [getattr(signal, name, signal.SIGTERM) for name in ("SIGSTOP", "SIGKILL")]
    while True:
        everyone = running()
        left = {p.number for p in descendants(os.getpid() if root is None else root, everyone)} - {os.getpid()}
        left |= {p.number for p in everyone if p.number == root}
        for kind in kinds:
            for number in left:
                with contextlib.suppress(OSError):
                    os.kill(number, kind)
        collect()
        if not left or time.monotonic() > until:
            return not left
        time.sleep(0.02)


def collect() -> None:
    """Take leave of adopted children that have ended, so that no zombies stay."""
    if not LINUX:
        return
    with contextlib.suppress(OSError):
        for process in os.listdir("/proc"):
            if process.isdigit() and is_zombie_of_mine(process):
                with contextlib.suppress(OSError):
                    os.waitpid(int(process), os.WNOHANG)


def is_zombie_of_mine(number: str) -> bool:
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            state, parent = file.read().rpartition(")")[2].split()[:2]
    except OSError:
        return False
    return state == "Z" and int(parent) == os.getpid()
