"""For authors: the mutants of the chapters' right answers, by kind, with the survivors and the time."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import multiprocessing
import os
import sys
import time

from course_utils import checks

from .run import Report, alone, complaints, equivalent


def main(arguments: list[str] | None = None) -> int:
    """Print what became of the mutants; 1 when something is to be done."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutation testing of the checkers.")
    parser.add_argument("names", nargs="*", help="chapters, as 09_fgsm; all when none is given")
    parser.add_argument("--exercise", help="only this exercise")
    parser.add_argument("--all", action="store_true", help="print each rejected mutant with what the checker says, too")
    options = parser.parse_args(arguments)
    files = [f"ch{name.removeprefix('ch')}" for name in options.names] or list(checks.CHAPTERS)
    if unknown := set(files) - set(checks.CHAPTERS):
        parser.error(f"no such chapter: {', '.join(sorted(unknown))}; there are {', '.join(checks.CHAPTERS)}")
    places = [(file, name) for file in files for name in checks.CHAPTERS[file] if options.exercise in (None, name)]
    start = time.perf_counter()
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        reports = list(zip([file for file, _ in places], pool.map(alone, places)))
    if options.all:
        for _, made in reports:
            print(*(f"{key}\n    {message}" for key, message in made.rejected.items()), sep="\n")
    return show(reports, time.perf_counter() - start)


def show(reports: list[tuple[str, Report]], seconds: float) -> int:
    """Print the counts by kind and by exercise, the slowest mutant, and what is to be done."""
    kinds: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for _, made in reports:
        for kind, counts in made.kinds.items():
            kinds[kind] = [a + b for a, b in zip(kinds[kind], counts)]
    print(f"{'mutants':>8} {'accepted':>9}  kind")
    for kind, (count, left) in sorted(kinds.items()):
        print(f"{count:8d} {left:9d}  {kind}")
    print(f"\n{'mutants':>8} {'accepted':>9} {'seconds':>8}  exercise")
    for file, made in reports:
        print(f"{len(made.seconds):8d} {len(made.survivors):9d} {sum(made.seconds.values()):8.1f}  {file[2:4]}/{made.name}")
    total = sum(len(made.seconds) for _, made in reports)
    slow, key = max((time, key) for _, made in reports for key, time in made.seconds.items())
    print(f"\n{total} mutants in {seconds:.0f} s; the slowest took {slow:.2f} s: {key}")
    found = [(file, text) for file, made in reports for text in complaints(made, equivalent(file))]
    for file, text in found:
        print(f"{file}: {text}")
    print(f"{len(found)} to be closed in a checker, or explained in tests/equivalent/." if found else "All survivors are explained.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
