"""What a submission's process may not do to the others, whoever runs it: signal them, read their memory, change files outside of its own folder.

Landlock (Linux 5.13; signals: 6.12) and the end of root's rights. Both hold for all that the process starts, and cannot be undone. Where a system
has neither, nothing happens here: the watching process then still ends everything in time, as long as nobody stops it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from pathlib import Path

NO_NEW_RIGHTS, DROP_RIGHT = 38, 24  # PR_SET_NO_NEW_PRIVS and PR_CAPBSET_DROP of <sys/prctl.h>
READ_ALL = 2  # CAP_DAC_READ_SEARCH, which root keeps: the course may lie in somebody else's folder
CREATE, ADD_RULE, RESTRICT, SET_RIGHTS = 444, 445, 446, {"x86_64": 126, "aarch64": 91}  # system calls of Landlock, and capset
VERSION, BENEATH = 1, 1  # flag and kind of rule, of <linux/landlock.h>
WRITE, REFER, TRUNCATE = 2, 2**13, 2**14  # rights of a file; the last two came with versions 2 and 3
CHANGES = WRITE | sum(2**bit for bit in range(4, 13))  # and of a folder: to remove and to make something in it
SIGNALS = 3  # scopes: abstract sockets and signals, of version 6
OPEN = ("/dev/null", "/dev/zero")


def fence(folder: Path) -> bool:
    """Hold this process and all that it starts. Gives whether files outside of `folder` are out of its reach."""
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError, AttributeError):
        system = ctypes.CDLL(None, use_errno=True)
        system.prctl(NO_NEW_RIGHTS, 1, 0, 0, 0)
        give_up_rights(system)
        return keep_in(system, folder)
    return False


def give_up_rights(system: ctypes.CDLL) -> None:
    """Root without its rights, all but reading: no larger limits, no mounting, no shutting down."""
    for right in range(64):
        if right != READ_ALL:
            system.prctl(DROP_RIGHT, right, 0, 0, 0)
    number = SET_RIGHTS.get(os.uname().machine)
    if os.geteuid() == 0 and number:
        system.syscall(number, struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", 1 << READ_ALL, 1 << READ_ALL, 0, 0, 0, 0))


def version() -> int:
    """Landlock's, or a number below 1 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return ctypes.CDLL(None, use_errno=True).syscall(CREATE, None, ctypes.c_size_t(0), VERSION)


def keep_in(system: ctypes.CDLL, folder: Path) -> bool:
    """Landlock: files can be changed in `folder` and in OPEN only, and signals reach nobody outside."""
    known = version()
    if known < 1:
        return False
    rights = CHANGES | REFER * (known >= 2) | TRUNCATE * (known >= 3)
    size = 24 if known >= 6 else 16 if known >= 4 else 8  # of the description that this version knows
    ruleset = system.syscall(CREATE, struct.pack("=QQQ", rights, 0, SIGNALS)[:size], ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    try:
        for path in (str(folder), *OPEN, *map(str, Path("/dev").glob("nvidia*"))):
            with contextlib.suppress(OSError):
                allow(system, ruleset, path, rights)
        return system.syscall(RESTRICT, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def allow(system: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    """Below that path everything may be changed."""
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        system.syscall(ADD_RULE, ruleset, BENEATH, struct.pack("=Qi", rights if os.path.isdir(path) else rights & (WRITE | TRUNCATE), place), 0)
    finally:
        os.close(place)
