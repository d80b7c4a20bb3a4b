"""The arena's command: verdicts, reports, and an end in time, whatever is submitted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course_utils.arena import fence, judged, processes, read_report, verdict
from course_utils.arena.page import page
from tests.arena_help import quick, written

FULL = os.environ.get("COURSE_TESTS") == "all"
LONG = pytest.mark.skipif(not FULL, reason="some minutes: make test-all")
NOISY = """
import torch
from course_utils import models
class Noisy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.load("stridenet-digits")
    def forward(self, x):
        return self.net((x + 0.2 * torch.randn_like(x)).clamp(0, 1))
load = Noisy
"""
ROUNDED = NOISY.replace("(x + 0.2 * torch.randn_like(x)).clamp(0, 1)", "(x * 3).round() / 3")
LIAR = NOISY.replace("class Noisy", "class Lie(torch.autograd.Function):\n    forward = staticmethod(lambda ctx, x: x.clone())\n    backward = staticmethod(lambda ctx, g: torch.randn_like(g))\nclass Noisy").replace("(x + 0.2 * torch.randn_like(x)).clamp(0, 1)", "Lie.apply(x)")
# Remembers every picture, and gives what is near one of them the old answer.
REMEMBERS = NOISY.replace("        self.net =", "        self.seen, self.said = [], []\n        self.net =").replace(
    "        return self.net((x + 0.2 * torch.randn_like(x)).clamp(0, 1))",
    "        scores = self.net(x)\n        rows = []\n        for one, own in zip(x, scores):\n            near = [k for k, old in enumerate(self.seen) if (old - one).abs().max() < 0.31]\n"
    "            rows.append(self.said[near[0]] if near else own)\n            if not near and len(self.seen) < 300:\n                self.seen.append(one.detach().clone())\n                self.said.append(own.detach())\n        return torch.stack(rows)",
)
LOOKS_UP = """
import torch
from course_utils import data, models
known = data.load("digits", "test", 500)
def load():
    def look_up(x):
        near = torch.cdist(x.flatten(1), known.x.flatten(1)).min(1)
        return torch.where((near.values < 1e-3)[:, None], torch.eye(10)[known.y[near.indices]], torch.zeros(10))
    return look_up
"""
LEAKS = """
import gc, inspect, torch
from course_utils import models
net = models.load("stridenet-digits")
def labels(count):
    frame = inspect.currentframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if isinstance(value, torch.Tensor) and value.dtype == torch.int64 and value.shape == (count,):
                return value
        frame = frame.f_back
    for value in gc.get_objects():
        if isinstance(value, torch.Tensor) and value.dtype == torch.int64 and value.shape == (count,):
            return value
def load():
    def cheat(x):
        y = labels(len(x))
        return net(x) if y is None else 100 * torch.eye(10)[y]
    return cheat
"""
SIGNALS = """
import os, signal
from course_utils import models
judge = os.getppid()
command = int(open(f"/proc/{judge}/stat").read().rpartition(")")[2].split()[1])
for process in (command, judge):
    for kind in (signal.SIGSTOP, signal.SIGKILL):
        try:
            os.kill(process, kind)
        except OSError:
            pass
def load():
    return models.load("stridenet-digits")
"""
MEDDLES = """
import json, os, shutil, sys, torch
from course_utils import attacks, models
out = "OUT"
shutil.rmtree(out, ignore_errors=True)
try:
    os.makedirs(out)
    open(out + "/report.json", "w").write(json.dumps({"verdict": "stands"}))
except OSError:
    pass
attacks.pgd = attacks.fgsm = lambda model, x, *args, **options: x
torch.Tensor.argmax = lambda self, *args: torch.zeros(len(self), dtype=torch.int64)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import time
        while True:
            time.sleep(0.2)
            try:
                os.makedirs(out, exist_ok=True)
                open(out + "/report.json", "w").close()
            except OSError:
                pass
    os._exit(0)
def load():
    return models.load("stridenet-digits")
"""


def judge(folder: Path, text: str, seconds: float, **options):
    began = time.monotonic()
    report = judged(written(folder, text), seconds=seconds, out=folder / "out", seed=7, **options)
    assert time.monotonic() - began < seconds + 60
    return report


def test_a_plain_network_is_broken_and_the_report_is_whole(tmp_path) -> None:
    found = judge(tmp_path, "from course_utils import models\ndef load():\n    return models.load('stridenet-digits')\n", 30, pictures=20, only=("noise", "fgsm", "pgd", "transfer", "square"))
    assert found.verdict == "broken" and found.report["worst_case"] < 0.2 and found.report["clean_accuracy"] > 0.9, found
    assert found.left["noise"] > 0.6 and found.left["pgd"] < 0.2
    report = read_report(tmp_path / "out" / "report.json")  # believable, too
    assert report["seed"] == 7 and {"torch", "python", "course"} <= report["versions"].keys() and report["device"]
    assert [row["name"] for row in report["attacks"]][:3] == ["noise", "fgsm", "pgd"] and len(report["attacks"]) == 18
    assert all(row["pictures"] or row["note"] for row in report["attacks"])
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in html and not re.search(r"(src|href)=['\"](?!data:)", html) and "<script" not in html
    assert "broken" in repr(found) and "<table" in found._repr_html_()


@pytest.mark.skipif(os.name == "nt", reason="forks")
def test_a_submission_that_meddles_changes_nothing(tmp_path) -> None:
    """It writes the report itself, deletes the folder, patches attacks and torch, and leaves a process behind."""
    found = judge(tmp_path, MEDDLES.replace("OUT", str(tmp_path / "out")), 20, pictures=20, only=("fgsm", "pgd", "transfer"))
    assert found.verdict == "broken", found
    time.sleep(1)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["verdict"] == "broken"


@pytest.mark.skipif(not FULL or not fence.version() >= 6, reason="needs Landlock's version 6, and some seconds: make test-all")
def test_a_submission_cannot_stop_those_who_watch(tmp_path) -> None:
    found = judge(tmp_path, SIGNALS, 20, pictures=20, only=("fgsm", "pgd", "transfer"))
    assert found.verdict == "broken", found


@pytest.mark.skipif(not FULL or not sys.platform.startswith("linux"), reason="needs /proc, and some seconds: make test-all")
def test_a_judge_that_is_ended_from_outside_is_told(tmp_path) -> None:
    """As where a system has nothing that keeps a submission from it."""
    path = written(tmp_path, "import time\ndef load():\n    time.sleep(100)\n")
    command = subprocess.Popen([sys.executable, "-m", "course_utils.arena", str(path), "--seconds", "60", "--out", str(tmp_path / "out")], stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 40
    while time.monotonic() < until and len(processes.descendants(command.pid)) < 2:  # the judge, and what it judges
        time.sleep(0.1)
    (judge_,) = (process for process in processes.running() if process.parent == command.pid)
    os.kill(judge_.number, signal.SIGKILL)
    said = command.communicate(timeout=30)[0]
    assert said.startswith("invalid:") and "ended from outside" in said and read_report(tmp_path / "out" / "report.json")["verdict"] == "invalid"


@pytest.mark.parametrize(("case", "text", "words"), [
    ("looks at labels", LEAKS, "looks at labels"),
    pytest.param("looks pictures up", LOOKS_UP, "of the clean pictures right", marks=LONG),
    pytest.param("remembers", REMEMBERS, "what it was shown before", marks=LONG),
    pytest.param("turns after 60 calls", NOISY.replace("        self.net =", "        self.calls = 0\n        self.net =").replace("        return self.net((x + 0.2 * torch.randn_like(x)).clamp(0, 1))", "        self.calls += 1\n        return self.net(x).roll(int(self.calls > 60), 1)"), "after the attacks it gives", marks=LONG),
    pytest.param("a constant", "import torch\ndef load():\n    return lambda x: torch.eye(10)[[3] * len(x)]\n", "says 3 to all", marks=LONG),
    pytest.param("slow", quick("time.sleep(0.2 * len(x))"), "too slow", marks=LONG),
    pytest.param("hangs in import", "import time\ntime.sleep(1000)\n", "did not end in time", marks=LONG),
    pytest.param("takes memory", "def load():\n    return [bytearray(2**28) for _ in range(60)]\n", "MemoryError", marks=LONG),
    pytest.param("crashes later", quick("if self.calls > 100: os._exit(3)").replace("x.flatten(1)[:, 300:310] * 1.0", "self.net(x)").replace("    calls = 0", "    from course_utils import models\n    net, calls = models.load('stridenet-digits'), 0"), "ended with code 3", marks=LONG),
    pytest.param("ends the judge", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\ndef load():\n    pass\n", "Operation not permitted" if fence.version() >= 6 else "was ended", marks=LONG),
])  # fmt: skip
def test_nonsense_is_invalid(case, text, words, tmp_path) -> None:
    found = judge(tmp_path, text, 16 if case == "remembers" or "turns" in case else 8, pictures=20, memory=1000)
    assert found.verdict == "invalid" and words in found.report["reasons"][0], found
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


RECIPE = """
from course_utils import data, models, training
def load():
    pictures = data.load("digits", "train", 500)
    net = models.load("stridenet-digits")
    training.train(net, pictures.x, pictures.y, epochs=1, lr=0.005)
    return net
"""


@LONG
@pytest.mark.parametrize(("case", "text", "wanted"), [("left to chance", NOISY, "broken"), ("rounded", ROUNDED, "broken"), ("false gradients", LIAR, "broken"), ("a recipe", RECIPE, "broken"),
    ("trained by PGD", "from course_utils import models\ndef load():\n    return models.load('madry-digits-pgd')\n", "stands")])  # fmt: skip
def test_verdicts(case, text, wanted, tmp_path) -> None:
    found = judge(tmp_path, text, 40 if wanted == "stands" else 20, pictures=20)
    assert found.verdict == wanted, found


def test_the_command_says_what_it_cannot_use(tmp_path) -> None:
    done = subprocess.run([sys.executable, "-m", "course_utils.arena", str(tmp_path / "none.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "is no file" in done.stderr


def test_the_process_that_watches_needs_no_torch() -> None:
    code = "import sys, course_utils.arena.__main__, course_utils.arena.leaderboard; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout == "False\n"


def test_a_page_shows_a_submission_s_words_as_words() -> None:
    report = verdict.blank({"name": "<script>alert(1)</script>", "seconds": 1.0, "seed": 0, "data": "drawn"})
    verdict.invalid(report, "<img src=x>")
    assert "<script>" not in page(report, []) and "<img" not in page(report, [])
