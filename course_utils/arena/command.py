"""The process that watches: it starts the judge, keeps what the judge has told, ends everything in time, and alone writes the report.

It holds no network and asks nothing, so nothing that a submission does can keep it busy. The first thing that it writes is a report that says
"invalid"; only a judge that comes to its end puts another one in its place.
"""

from __future__ import annotations

import contextlib
import html
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import processes, verdict
from .page import page, table

GRACE = 50.0  # seconds that the judge has beyond those it was given: the start of Python and torch, and the last answers


class Report(NamedTuple):
    """What a judgement found. verdict: "broken", "stands" or "invalid". report: all of it, as in report.json. page: the path of report.html."""

    verdict: str
    report: dict[str, Any]
    page: Path

    @property
    def left(self) -> dict[str, float | None]:
        """The accuracy left by each attack."""
        return self.report["accuracy_left"]

    def __repr__(self) -> str:
        return f"{self.verdict}: {' '.join(self.report['reasons'])}"

    def _repr_html_(self) -> str:
        return f"<p><b>{html.escape(self.verdict)}</b>. {html.escape(' '.join(self.report['reasons']))}</p>{table(self.report)}"


def judged(
    submission: str | Path, *, seconds: float = 120, out: str | Path | None = None, pictures: int = 100, seed: int | None = None, data: str | None = None,
    memory: int = 4096, only: Sequence[str] = (),
) -> Report:  # fmt: skip
    """Judge a submission in processes of their own, as the command does, and give the report.

    out: where report.json and report.html go (None: a new folder). data: "drawn" or "real" digits (None: those of the course's profile).
    only: run only these attacks, for a quick look.
    """
    from ..runtime import data_profile  # here, not above: the command does without torch

    folder = Path(tempfile.mkdtemp(prefix="arena-") if out is None else out)
    options = ["--seconds", str(seconds), "--out", str(folder.resolve()), "--pictures", str(pictures), "--memory", str(memory)]
    options += [] if seed is None else ["--seed", str(seed)]
    options += ["--data", data or data_profile(), "--only", ",".join(only)]
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH", ""))))
    done = subprocess.run(
        [sys.executable, "-m", "course_utils.arena", str(Path(submission).resolve()), *options], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path},
        timeout=seconds + 120, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ValueError((done.stderr or done.stdout).strip().splitlines()[-1])
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return Report(report["verdict"], report, folder / "report.html")


def run(settings: dict[str, Any], out: Path) -> dict[str, Any]:
    """Judge, whatever the submission does, and write the report; gives it."""
    began = time.monotonic()
    processes.adopt_orphans()
    processes.close_memory()
    settings = settings | {"token": secrets.token_hex(16), "name": Path(settings["path"]).name}
    if settings["seed"] is None:
        settings["seed"] = secrets.randbits(40)
    write(out, verdict.blank(settings | {"seed": None}), [])  # the seed is a secret while it matters
    with tempfile.TemporaryDirectory(prefix="arena-", ignore_cleanup_errors=True) as desk:
        try:
            heard = listen(settings | {"desk": desk}, began + settings["seconds"] + GRACE)
        finally:
            processes.end_all()
    report, shown = heard or (verdict.blank(settings), [])
    if heard is None:
        verdict.invalid(report, "the judge's process was ended from outside, before it had found anything.")
    report["took"] = round(time.monotonic() - began, 1)
    write(out, report, shown)
    return report


def listen(settings: dict[str, Any], until: float) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """Start the judge and keep the last that it told, until it ends or the time is up."""
    judge = subprocess.Popen(
        [sys.executable, "-m", "course_utils.arena.judge"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env=os.environ | processes.POLITE | {"PYTHONPATH": os.pathsep.join(filter(None, (str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", ""))))},
    )  # fmt: skip
    told: list[bytes] = []
    errors: list[bytes] = []

    def hear() -> None:
        mark = settings["token"].encode() + b" "
        for line in judge.stdout:
            if line.startswith(mark) and line.endswith(b"\n"):
                told[:] = [line[len(mark) :]]

    def complain() -> None:
        for line in judge.stderr:
            errors[:] = [*errors[-20:], line]

    listeners = [threading.Thread(target=task, daemon=True) for task in (hear, complain)]
    for listener in listeners:
        listener.start()
    with contextlib.suppress(OSError):
        judge.stdin.write(json.dumps(settings).encode() + b"\n")
        judge.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        judge.wait(timeout=max(0.0, until - time.monotonic()))
    ended = judge.poll()
    processes.end_all()
    listeners[0].join(timeout=5)
    if not told:
        if errors:
            print(b"".join(errors).decode(errors="replace"), file=sys.stderr)
        return None
    heard = json.loads(told[0])
    report, shown = heard["report"], heard["examples"]
    if ended is None and report["verdict"] == "broken":
        report["notes"].append("The judgement was stopped before its end: its time was up. What had been found until then suffices.")
    elif ended is None:
        verdict.invalid(report, "the judgement did not come to its end in time, and was stopped.")
    elif ended != 0:
        verdict.invalid(report, "the judge's process was ended before it came to its end." if ended < 0 else f"the judge failed: {b''.join(errors[-1:]).decode(errors='replace').strip()}")
    return report, shown


def write(out: Path, report: dict[str, Any], shown: list[dict[str, Any]]) -> None:
    """report.json and report.html, whole or not at all, whatever stands in their place."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        out.unlink()
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("report.json", json.dumps(report, indent=1, allow_nan=False) + "\n"), ("report.html", page(report, shown))):
        place, beside = out / name, out / f".{name}.{os.getpid()}"
        beside.write_text(text, encoding="utf-8")
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        os.replace(beside, place)
