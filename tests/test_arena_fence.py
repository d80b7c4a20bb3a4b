"""The fence around a submission's process, tried in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from course_utils.arena import fence, processes

TRIES = """
import json, os, subprocess, sys
from pathlib import Path
from course_utils.arena.fence import fence
own, other, process = sys.argv[1:]
held = fence(Path(own))
def works(what):
    try:
        what()
    except OSError:
        return False
    return True
def child_is_ended():
    one = subprocess.Popen(["sleep", "60"])
    one.kill()
    one.wait()
print(json.dumps({
    "held": held, "signal": works(lambda: os.kill(int(process), 18)), "memory": works(lambda: open(f"/proc/{process}/mem", "rb")),
    "make": works(lambda: os.mkdir(other + "/new")), "write": works(lambda: open(other + "/file", "w")), "append": works(lambda: open(other + "/file", "a")),
    "truncate": works(lambda: os.truncate(other + "/file", 0)), "remove": works(lambda: os.remove(other + "/file")), "rename": works(lambda: os.rename(other, other + "2")),
    "carry out": works(lambda: (open(own + "/a", "w").close(), os.rename(own + "/a", other + "/a"))), "read": works(lambda: open(other + "/file").read()),
    "own": works(lambda: (open(own + "/b", "w").write("x"), os.mkdir(own + "/c"), os.remove(own + "/b"))), "null": works(lambda: open("/dev/null", "w").write("x")),
    "child": works(child_is_ended),
}))
"""


@pytest.mark.skipif(fence.version() < 3, reason="needs Landlock")
def test_only_its_own_folder_is_open(tmp_path) -> None:
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "file").write_text("kept")
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        done = subprocess.run([sys.executable, "-c", TRIES, str(tmp_path / "own"), str(tmp_path / "other"), str(bystander.pid)], capture_output=True, text=True, check=False)
    finally:
        bystander.kill()
        bystander.wait()
    found = json.loads(done.stdout)
    works = {name for name, good in found.items() if good}
    assert works - ({"signal"} if fence.version() < 6 else set()) == {"held", "read", "own", "null", "child"}, (found, done.stderr)
    assert (tmp_path / "other" / "file").read_text() == "kept"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0 or not sys.platform.startswith("linux"), reason="root's rights")
def test_root_gives_its_rights_up(tmp_path) -> None:
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom course_utils.arena.fence import fence\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))\nfence(Path(sys.argv[1]))\n"
        "try:\n    resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))\n    print('raised')\nexcept (ValueError, OSError):\n    print('kept')\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('CapEff')))\n"
    )
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    assert said == ["kept", "0000000000000004"], said


def test_elsewhere_nothing_happens(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert fence.fence(tmp_path) is False and fence.version() == 0


@pytest.mark.skipif(not processes.LINUX, reason="needs /proc")
def test_who_was_started_ends_with_who_started_it(tmp_path) -> None:
    """The judge is not left alone when the command is killed."""
    inner = "import time\nfrom course_utils.arena import processes\nprocesses.end_with_parent()\nprint('ready', flush=True)\ntime.sleep(60)"
    outer = f"import subprocess, sys, time\none = subprocess.Popen([sys.executable, '-c', {inner!r}], stdout=subprocess.PIPE)\none.stdout.readline()\nprint(one.pid, flush=True)\ntime.sleep(60)"
    first = subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE, text=True)
    second = first.stdout.readline().strip()
    assert processes.from_proc(second) is not None
    first.send_signal(signal.SIGKILL)
    first.communicate()
    until = time.monotonic() + 5
    while processes.from_proc(second) is not None and time.monotonic() < until:
        time.sleep(0.02)
    assert processes.from_proc(second) is None
