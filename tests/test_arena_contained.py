"""The arena holds whatever a submission does: each of these lives in a process of its own, and is ended with a sentence that says why."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
import torch

from course_utils.arena import child, processes, wire
from course_utils.arena.session import Failure
from tests.arena_help import pictures, quick, session, written

LABELS = torch.zeros(4, dtype=torch.int64)

FULL = os.environ.get("COURSE_TESTS") == "all"
IN_LOAD = {  # told by the child itself, which goes on
    "no such file inside": ("import nothing_of_that_name", "ModuleNotFoundError"), "syntax": ("def load(:\n", "SyntaxError"),
    "no load": ("x = 1\n", "defines no function load"), "load gives a number": ("def load():\n    return 3\n", "gives a int"),
    "sys.exit": ("import sys\ndef load():\n    sys.exit('bye')\n", "SystemExit: bye"),
    "keyboard interrupt": ("def load():\n    raise KeyboardInterrupt\n", "KeyboardInterrupt"),
}  # fmt: skip
NONSENSE = {
    "numpy": (lambda x: x.flatten(1)[:, :10].numpy(), "numpy.ndarray"), "nine classes": (lambda x: x.flatten(1)[:, :9], r"\[4, 9\] for 4 pictures"),
    "one picture only": (lambda x: x.flatten(1)[:1, :10], r"\[1, 10\] for 4"), "whole numbers": (lambda x: (x.flatten(1)[:, :10] * 9).long(), "int64"),
    "NaN": (lambda x: x.flatten(1)[:, :10] / 0 * 0, "NaN or infinite"), "infinite": (lambda x: x.flatten(1)[:, :10] + torch.inf, "NaN or infinite"),
    "nowhere": (lambda x: x.flatten(1)[:, :10].to("meta"), "meta"), "half overflows": (lambda x: (x.flatten(1)[:, :10] + 1).half() * 60000, "NaN or infinite"),
    "a list": (lambda x: [0.0] * 10, "builtins.list"), "one row": (lambda x: x.flatten(1)[0, :10], r"\[10\] for 4"),
}  # fmt: skip
ENDS_AT_LOAD = {
    "exit": ("import os\nos._exit(0)\n", "ended with code 0"), "segfault": ("import ctypes\nctypes.string_at(0)\n", "signal 11"),
    "memory": ("def load():\n    return [bytearray(2**28) for _ in range(40)]\n", "MemoryError"),
    "writes a large file": ("def load():\n    with open('left-behind', 'w') as file:\n        file.write('x' * 2**21)\n", "OSError"),
    "writes many files": ("import time\ndef load():\n    for k in range(1100): open(f'{k}', 'w').close()\n    time.sleep(10)\n", "more than 1,000 files"),
    "a flood of words": ("def load():\n    while True: print('x' * 1000)\n", "printed more than 4 MB"),
    "last words": ("import os\nprint('my last words', flush=True)\nos._exit(7)\n", "my last words"),
}  # fmt: skip
ENDS_AT_CALL = {
    "crash": ("raise BaseException('ouch')", "BaseException: ouch"), "exit": ("os._exit(0)", "ended with code 0"),
    "memory": ("self.kept = [torch.ones(2**26) for _ in range(40)]", "memory"),
    "answers in the child's place": ("import socket\nsocket.socket(fileno=int(sys.argv[1])).send(b'x' * 5000)\nos._exit(1)", "is no answer"),
}  # fmt: skip
HANGS = {
    "holds the lock in C": "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
    "sleeps": "time.sleep(600)", "ignores the signal": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass",
    "after some calls": "if self.calls > 2: time.sleep(600)",
}  # fmt: skip
QUICKLY = {"exit", "memory", "a flood of words", "holds the lock in C"}  # the others start a Python each: COURSE_TESTS=all


def some(cases: dict) -> list:
    """Those that are tried always, and the others where all tests are wanted."""
    return [pytest.param(case, marks=[] if FULL or case in QUICKLY else pytest.mark.skip(reason="starts Python once more: make test-all")) for case in cases]


@pytest.mark.parametrize("case", IN_LOAD)
def test_a_load_that_fails_is_told(case, tmp_path) -> None:
    text, words = IN_LOAD[case]
    with pytest.raises(BaseException) as told:  # the child tells of all of them
        child.loaded(written(tmp_path, text))
    assert words in child.said(told.value)


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_is_told(case) -> None:
    network, words = NONSENSE[case]
    for flags in (0, wire.WANT, wire.WANT | wire.STRAIGHT):
        with pytest.raises(child.Nonsense, match=words):
            child.Answers(network).ask(pictures(4), LABELS, flags, 1)


@pytest.mark.parametrize("case", some(ENDS_AT_LOAD))
def test_a_process_that_ends_while_it_loads_is_told(case, tmp_path) -> None:
    text, words = ENDS_AT_LOAD[case]
    with pytest.raises(Failure) as told:
        session(tmp_path, text)
    assert words in str(told.value), told.value


@pytest.mark.parametrize("case", some(ENDS_AT_CALL))
def test_a_process_that_ends_when_it_is_asked_is_told(case, tmp_path) -> None:
    body, words = ENDS_AT_CALL[case]
    with pytest.raises(Failure, match=words):
        session(tmp_path, quick(body)).ask(pictures(4), LABELS)


@pytest.mark.parametrize("case", some(HANGS))
def test_a_call_that_does_not_end_is_ended(case, tmp_path) -> None:
    held = session(tmp_path, quick(HANGS[case]), patience=1.0)
    began = time.monotonic()
    with pytest.raises(Failure, match="did not end in time"):
        for _ in range(3):
            held.ask(pictures(4), LABELS)
    assert time.monotonic() - began < 10
    held.process.wait(timeout=5)


@pytest.mark.skipif(not FULL, reason="starts Python once more: make test-all")
def test_a_load_that_does_not_end_is_ended(tmp_path) -> None:
    with pytest.raises(Failure, match=r"loading .*half of the seconds.* did not end in time \(\d+ s\)"):
        session(tmp_path, "import time\ntime.sleep(600)\n", load=1.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_children_that_detach_are_found_and_ended(tmp_path) -> None:
    """A submission forks, its child leaves the session and forks again: the process that watches adopts and ends them all."""
    code = (
        "import os, subprocess, sys, time\nfrom course_utils.arena import processes\nprocesses.adopt_orphans()\n"
        "child = '''import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        open(\"escaped\", \"w\").write(str(os.getpid()))\n        time.sleep(600)\n    os._exit(0)\n'''\n"
        "subprocess.run([sys.executable, '-c', child], cwd=sys.argv[1])\n"
        "while not os.path.exists(sys.argv[1] + '/escaped') or not open(sys.argv[1] + '/escaped').read(): time.sleep(0.05)\n"
        "print(len(processes.descendants(os.getpid())), processes.end_all(), len(processes.descendants(os.getpid())))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["1", "True", "0"], done.stdout + done.stderr
    escaped = int((tmp_path / "escaped").read_text())
    assert not os.path.exists(f"/proc/{escaped}") or processes.from_proc(str(escaped)) is None


@pytest.mark.skipif(not FULL or not sys.platform.startswith("linux"), reason="needs /proc, and starts Python once more: make test-all")
def test_memory_of_children_counts(tmp_path) -> None:
    body = "if os.fork() == 0:\n    pid = [os.fork(), os.fork()]\n    kept = bytearray(b'x') * (700 * 2**20)\n    time.sleep(600)\ntime.sleep(30)"
    with pytest.raises(Failure, match="more than 1000 MB of memory"):
        session(tmp_path, quick(body), patience=20.0).ask(pictures(4), LABELS)


@pytest.mark.skipif(not FULL or not sys.platform.startswith("linux"), reason="needs /proc, and starts Python once more: make test-all")
def test_memory_that_forks_share_counts_once(tmp_path) -> None:
    body = "kept = bytearray(b'x') * (300 * 2**20)\nfor _ in range(8):\n    if os.fork() == 0:\n        time.sleep(600)\ntime.sleep(1.5)"
    held = session(tmp_path, quick(body), patience=20.0)
    assert len(held.ask(pictures(4), LABELS)[0]) == 4
    held.end()  # its forks, too


@pytest.mark.skipif(not FULL or not sys.platform.startswith("linux"), reason="needs /proc, and starts Python once more: make test-all")
def test_too_many_processes_are_ended(tmp_path) -> None:
    with pytest.raises(Failure, match="more than 64 processes"):
        session(tmp_path, quick("for _ in range(7):\n    os.fork()\ntime.sleep(600)"), patience=20.0).ask(pictures(4), LABELS)


def test_only_a_submission_is_told_what_it_must_know(tmp_path) -> None:
    """No seed, no label, no token among its arguments and variables."""
    held = session(tmp_path, quick("self.seen = 1"))
    told = open(f"/proc/{held.process.pid}/cmdline").read() if sys.platform.startswith("linux") else ""
    assert "seed" not in told and "token" not in told
    held.end()
