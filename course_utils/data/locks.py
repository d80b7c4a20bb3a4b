"""One at a time: a lock file, so that two processes that fetch the same file do not write over each other."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PAUSE = 0.1  # seconds between two looks at a lock
STALE = 60.0  # seconds after which a lock file that nobody refreshes is taken over, where the system has no locks


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process or thread at a time is inside for a `path`; the others wait. Meanwhile `<path>.lock` lies beside it."""
    lock = path.with_name(path.name + ".lock")
    held: SystemLock | LockFile = SystemLock(lock) if fcntl and _has_locks(path.parent) else LockFile(lock)
    waiting = False
    while not held.take():
        if not waiting and os.environ.get("COURSE_PROGRESS", "1") == "1":
            print(f"another process works on {path.name}; waiting for it", file=sys.stderr, flush=True)
        waiting = True
        time.sleep(PAUSE)
    try:
        yield
    finally:
        held.release()


def _has_locks(folder: Path) -> bool:
    """Whether the file system knows flock; some network ones do not."""
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(place)
    return True


class SystemLock:
    """The system's lock on a file (flock). It ends with the process that holds it, however that ends."""

    def __init__(self, lock: Path) -> None:
        self.lock, self.file = lock, -1

    def take(self) -> bool:
        file = os.open(self.lock, os.O_RDONLY | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), os.stat(self.lock)):
                self.file = file
                return True
        except (BlockingIOError, FileNotFoundError):  # held, or released and removed since it was opened
            pass
        finally:
            if self.file != file:
                os.close(file)
        return False

    def release(self) -> None:
        with contextlib.suppress(PermissionError):  # another user's file in a shared folder may stay: it locks nothing
            self.lock.unlink(missing_ok=True)
        os.close(self.file)


class LockFile:
    """A lock that is held as long as its file is there and is touched now and then."""

    def __init__(self, lock: Path) -> None:
        self.lock, self.done = lock, threading.Event()
        self.touched, self.since = 0, 0.0  # when the other touched its file, by its clock; since when, by ours

    def take(self) -> bool:
        try:
            os.close(os.open(self.lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            self._look()
            return False
        threading.Thread(target=self._keep, daemon=True).start()
        return True

    def _look(self) -> None:
        """Remove the other's file when nobody has touched it for long: its process is gone."""
        with contextlib.suppress(FileNotFoundError):  # released just now
            touched = self.lock.stat().st_mtime_ns
            if touched != self.touched:
                self.touched, self.since = touched, time.monotonic()
            elif time.monotonic() - self.since > STALE:
                self.lock.unlink()

    def _keep(self) -> None:
        while not self.done.wait(STALE / 4):
            with contextlib.suppress(FileNotFoundError):
                os.utime(self.lock)

    def release(self) -> None:
        self.done.set()
        self.lock.unlink(missing_ok=True)
