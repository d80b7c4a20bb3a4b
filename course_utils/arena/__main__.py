"""`python -m course_utils.arena SUBMISSION.py --seconds S --out FOLDER`: judge a defense. Ends within S seconds plus one minute."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from .command import run


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m course_utils.arena", description=__doc__)
    parser.add_argument("submission", type=Path, help="a Python file with a function load() that gives a network for the digits: pixels in [0, 1], [N, 1, 28, 28], to scores [N, 10]")
    parser.add_argument("--seconds", type=float, default=120, help="the time for loading, attacks and all (default: 120)")
    parser.add_argument("--out", type=Path, default=Path("arena-report"), help="the folder for report.json and report.html")
    parser.add_argument("--pictures", type=int, default=100, help="how many pictures are attacked, 20 to 200 (default: 100; a slow network gets fewer)")
    parser.add_argument("--data", choices=("drawn", "real"), default=None, help="drawn digits or MNIST (default: COURSE_DATA, else drawn)")
    parser.add_argument("--seed", type=int, default=None, help="which pictures are drawn (default: a secret number; the report names it)")
    parser.add_argument("--memory", type=int, default=4096, help="megabytes that the submission may take (default: 4096)")
    parser.add_argument("--only", default="", help="run only these attacks, by name, with commas between: a quick look, after which nothing stands (default: all)")
    given = parser.parse_args(argv)
    if os.name != "posix":
        parser.error("the arena holds submissions with what Linux and macOS have; on Windows run it in WSL.")
    if not given.submission.is_file():
        parser.error(f"{given.submission} is no file; a Python file that defines load() is expected.")
    if not 1 <= given.seconds <= 86400 or not 20 <= given.pictures <= 200 or given.memory < 256:
        parser.error("at least 1 second, 20 to 200 pictures and at least 256 MB are expected.")
    return given


def main(argv: list[str] | None = None) -> None:
    given = arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception, so that what was started is ended, too
    settings = {
        "path": str(given.submission.resolve()), "seconds": given.seconds, "pictures": given.pictures, "seed": given.seed, "memory": given.memory,
        "only": [name.strip() for name in given.only.split(",") if name.strip()], "data": given.data or os.environ.get("COURSE_DATA") or "drawn",
    }  # fmt: skip
    report = run(settings, given.out)
    print(f"{report['verdict']}: {' '.join(report['reasons'])}")
    print(f"{report['took']:.0f} s; the report is {given.out / 'report.html'}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
