"""Measuring in process CPU seconds on one thread, bracketed by the bare limit in the same process.

Wall time misleads on shared machines. So does one run: the limit is measured before and after each repetition, and the
ratio that counts is the median over the repetitions.
"""

from __future__ import annotations

import datetime
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

RESULTS = Path(__file__).resolve().parents[1] / "data" / "results"


def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def cpu_seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def bracketed(run: Callable[[], object], bare: Callable[[], object], repeats: int = 5) -> dict[str, float]:
    """Seconds of `run` and of the bare limit, and their ratio; the limit runs before and after each repetition."""
    run(), bare()  # warm caches and lazy initialisation
    before = cpu_seconds(bare)
    own, limits, ratios = [], [before], []
    for _ in range(repeats):
        own.append(cpu_seconds(run))
        limits.append(cpu_seconds(bare))
        ratios.append(own[-1] / (0.5 * (limits[-2] + limits[-1])))
    return {
        "seconds": statistics.median(own), "bare_seconds": statistics.median(limits),
        "ratio": statistics.median(ratios), "ratio_lowest": min(ratios), "ratio_highest": max(ratios),
    }  # fmt: skip


def report(name: str, rows: list[dict], **more: object) -> bool:
    """Print a table, write data/results/bench_<name>.json, and say whether every row meets its bar."""
    print(f"{name}: CPU seconds on one thread, torch {torch.__version__}")
    for row in rows:
        verdict = "ok" if row["ratio"] <= row["bar"] else "TOO SLOW"
        print(
            f"  {row['what']:<58} {row['seconds']:8.3f} s   bare {row['bare_seconds']:8.3f} s   "
            f"ratio {row['ratio']:.2f} ({row['ratio_lowest']:.2f} to {row['ratio_highest']:.2f})   "
            f"bar {row['bar']:.2f}   {verdict}"
        )
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {
        "date": datetime.date.today().isoformat(), "device": "cpu, one thread", "torch": torch.__version__,
        "measure": "process CPU seconds, bracketed by the bare limit in the same process, median", **more, "rows": rows,
    }  # fmt: skip
    (RESULTS / f"bench_{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    return all(row["ratio"] <= row["bar"] for row in rows)
