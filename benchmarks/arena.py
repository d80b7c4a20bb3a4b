"""What it costs to keep a submission in a process of its own: attacks through the arena's proxy beside the same ones on the network here.

`python -m benchmarks.arena`. CPU seconds on one thread, of both processes together, bracketed by the attack on the network in this process.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import cpu_seconds, one_thread, report
from course_utils import attacks, data, models, runtime
from course_utils.arena import wire
from course_utils.arena.proxy import Proxy
from course_utils.arena.session import Session

TEXT = "import torch\ntorch.set_num_threads(1)\nfrom course_utils import models\ndef load():\n    return models.load('{}')\n"
BAR = 1.5


def worked(process: int) -> float:
    """The CPU seconds that a process has taken so far (Linux)."""
    times = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def both(session: Session, run: Callable[[], object]) -> float:
    """CPU seconds of a run, here and in the submission's process."""
    before = worked(session.process.pid)
    here = cpu_seconds(run)
    return here + worked(session.process.pid) - before


def compared(name: str, count: int, steps: int, repeats: int = 5) -> dict[str, float | str]:
    """PGD through the proxy, and here."""
    pictures, net = data.load("digits", "test", count, source="drawn"), models.load(name).cpu()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "submission.py"
        path.write_text(TEXT.format(name), encoding="utf-8")
        session = Session(path, Path(folder), deadline=time.monotonic() + 300, patience=60, megabytes=4096)
        session.expect(wire.READY, 60), session.expect(wire.LOADED, 60)
        runs = [lambda model=model: attacks.pgd(model, pictures.x, pictures.y, eps=0.3, steps=steps, generator=runtime.generator(0)) for model in (net, Proxy(session))]
        for run in runs * 2:
            run()
        bare, own = zip(*((cpu_seconds(runs[0]), both(session, runs[1])) for _ in range(repeats)))
        session.end()
    ratios = [a / b for a, b in zip(own, bare)]
    return {
        "what": f"PGD, {steps} steps, {count} digits, {name}", "seconds": statistics.median(own), "bare_seconds": statistics.median(bare),
        "ratio": statistics.median(ratios), "ratio_lowest": min(ratios), "ratio_highest": max(ratios), "bar": BAR,
    }  # fmt: skip


if __name__ == "__main__":
    one_thread()
    rows = [compared("lenet-digits", 100, 10), compared("madry-digits-pgd", 100, 10), compared("stridenet-digits", 25, 20)]
    sys.exit(0 if report("arena", rows) else 1)
