"""The judge's hand on a submission: its process, what is asked and answered, within time, memory and words."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch
from torch import Tensor

from ..places import course_folder
from . import processes, wire

WORDS = 2**22  # bytes that a submission may print
PROCESSES = 64  # that it may have
FILES, ON_DISK = 1000, 2**26  # in its folder, and their bytes
THREADS = 4  # each reserves memory, of which there is a limit; digits need no more


class Failure(Exception):
    """The submission crashed, hung, took too much, or answered nonsense; says how, in a sentence."""


class Late(Failure):
    """It did not answer in time."""


class Session:
    """A submission in its own process. `deadline`: for everything; `patience`: seconds for one answer."""

    def __init__(self, path: Path, folder: Path, *, deadline: float, patience: float, megabytes: int, data: str = "drawn") -> None:
        self.deadline, self.patience, self.megabytes = deadline, patience, megabytes
        self.key = self.asked = 0
        self.why, self.tail, self.printed = "", b"", 0
        self.folder = folder
        self.line, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "course_utils.arena.child", str(theirs.fileno()), str(path), str(megabytes)],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
            start_new_session=True, env=surroundings(data) | {"TMPDIR": str(folder)},
        )  # fmt: skip
        theirs.close()
        for task in (self.drain, self.watch):
            threading.Thread(target=task, daemon=True).start()

    # ------------------------------------------------------------ asking

    def expect(self, what: int, seconds: float) -> None:
        """Wait for READY or LOADED."""
        self.reply(what, (0, 0), seconds, "loading (the file's import, or load(), which may take half of the seconds)" if what == wire.LOADED else "the start of Python and torch")

    def ask(self, x: Tensor, labels: Tensor, flags: int = 0) -> tuple[Tensor, int, int]:
        """Scores `[N, 10]` of pictures, the notes (see `wire`), and the key under which a gradient can be pulled. labels: decoys, never the truth."""
        self.key += 1
        self.asked += len(x)
        self.request(wire.ASK, flags, len(x), self.key, as_bytes(x) + labels.contiguous().numpy().tobytes())
        _, notes, scores = self.reply(wire.ANSWER, (len(x), wire.CLASSES), self.patience, "one call of the network")
        if not bool(scores.isfinite().all()):
            raise Failure("the network gives scores that are NaN or infinite; finite ones are expected.")
        return scores, notes, self.key

    def pull(self, weights: Tensor, key: int) -> tuple[Tensor, int] | None:
        """d sum(weights * scores) / d pictures, `[N, 1, 28, 28]`, for the answer `key`, and the notes; None when it is gone."""
        self.request(wire.PULL, 0, len(weights), key, as_bytes(weights))
        what, notes, found = self.reply(wire.ANSWER, (len(weights), wire.PIXELS), self.patience, "one backward pass")
        return None if what == wire.GONE else (found.view(-1, *wire.SHAPE).nan_to_num(0, 0, 0), notes)

    def request(self, what: int, flags: int, count: int, key: int, data: bytes) -> None:
        with self.telling("one call of the network", self.patience):
            wire.send(self.line, wire.REQUEST.pack(wire.MARK, what, flags, count, key) + data, self.until(self.patience))

    def reply(self, wanted: int, form: tuple[int, int], seconds: float, doing: str) -> tuple[int, int, Tensor]:
        """A checked reply: what it is, its notes and numbers."""
        until = self.until(seconds)
        with self.telling(doing, until - time.monotonic()):
            mark, what, notes, rows, columns = wire.REPLY.unpack(wire.receive(self.line, wire.REPLY.size, until))
            if mark == wire.MARK and what == wire.ERROR and rows <= wire.LETTERS and columns == 0:
                raise Failure(f"{doing} failed: {wire.receive(self.line, rows, until).decode(errors='replace')}")
            if mark != wire.MARK or (what, rows, columns) not in ((wanted, *form), (wire.GONE, 0, 0)):
                raise Failure("what came back is no answer: the submission disturbs its process.")
            data = wire.receive(self.line, rows * columns * 4, until)
        return what, notes, torch.frombuffer(data, dtype=torch.float32).view(rows, columns) if data else torch.empty(0)

    def until(self, seconds: float) -> float:
        return min(time.monotonic() + seconds, self.deadline)

    @contextlib.contextmanager
    def telling(self, doing: str, seconds: float):
        """What goes wrong in here is told as a Failure; the process is then ended."""
        try:
            yield
        except wire.TooLate:
            self.end(f"{doing} did not end in time ({seconds:.0f} s), and was stopped." if self.process.poll() is None else self.last_words(doing))
            raise Late(self.why) from None
        except wire.Gone:
            self.end(self.last_words(doing))
            raise Failure(self.why) from None
        except Failure as failure:
            self.end(str(failure))
            raise Failure(self.why) from None

    # ------------------------------------------------------------ watching

    def drain(self) -> None:
        """Read what the submission prints, keep the end of it, and stop it when that is too much."""
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self.process.stdout.fileno(), 2**16):
                self.tail, self.printed = (self.tail + data)[-2000:], self.printed + len(data)
                if self.printed > WORDS:
                    self.end(f"it printed more than {WORDS // 2**20} MB.")
                    return

    def watch(self) -> None:
        """Stop the submission when it and its children take too much memory, or are too many."""
        while self.process.poll() is None:
            everyone = processes.running()
            family = [p for p in everyone if p.number == self.process.pid] + processes.descendants(self.process.pid, everyone)
            if len(family) > PROCESSES:
                self.end(f"it started more than {PROCESSES} processes.")
            most = self.megabytes + 1000
            if sum(p.megabytes for p in family) > most and processes.held_together(family) > most:
                self.end(f"it took more than {self.megabytes} MB of memory.")
            if too_much(self.folder):
                self.end(f"it wrote more than {FILES:,} files, or {ON_DISK // 2**20} MB.")
            time.sleep(0.25)

    def last_words(self, doing: str) -> str:
        """How the process ended, in a sentence."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        code = self.process.returncode
        how = "closed its connection" if code is None else f"ended with code {code}" if code >= 0 else f"was ended by signal {-code}"
        words = self.tail.decode(errors="replace").strip().splitlines()
        return f"during {doing} its process {how}" + (f" ({words[-1][:200]})." if words else ".")

    def end(self, why: str = "") -> None:
        """End the process and all below it. The first reason is the one that counts."""
        self.why = self.why or why
        if os.name == "posix" and self.process.poll() is None:
            processes.end_all(self.process.pid, seconds=1.0)
        with contextlib.suppress(OSError):
            self.process.kill()


def too_much(folder: Path) -> bool:
    """Whether there are more files below a folder than a submission may write."""
    count = size = 0
    for here, folders, files in os.walk(folder):
        count += len(folders) + len(files)
        for name in files[:FILES]:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(here, name)).st_size
        if count > FILES or size > ON_DISK:
            return True
    return False


def as_bytes(values: Tensor) -> bytes:
    return values.detach().to("cpu", torch.float32).contiguous().numpy().tobytes()


def surroundings(data: str) -> dict[str, str]:
    """The variables that a submission's process sees: the course can be imported, with the judge's kind of digits, and nothing is written beside it."""
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH", ""))))
    threads = os.environ.get("OMP_NUM_THREADS") or str(min(THREADS, os.cpu_count() or 1))
    return os.environ | {
        "COURSE_DATA": data, "COURSE_ROOT": str(course_folder()), "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": threads, **processes.POLITE, "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": path, "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
