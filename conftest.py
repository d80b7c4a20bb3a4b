"""How nbval compares the notebooks here, and the bars that each notebook must stay under.

nbval compares stored and new outputs as text. Added here: decimals are compared with a tolerance, cells run as
they do for a person (`;` hides a value), stderr and SVG are not compared, exercises are run once more at the end, and
a notebook that takes too long or too much memory fails.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from nbval import kernel, plugin

if "PYTEST_XDIST_WORKER" in os.environ:  # one of several side by side; set before anything below brings torch, which reads it once
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads than cores only wait for each other
    os.environ.setdefault("COURSE_CALL_SECONDS", "60")  # right answers must pass on a machine that others keep busy, too

pytest_plugins = ["tests.mutation.collect", "tests.tries"]  # the mutants of right answers; `said` of the open tasks

TOLERANCE = 1e-2  # decimals may differ by this, relative or absolute; whole numbers may not
SECONDS = float(os.environ.get("COURSE_NOTEBOOK_SECONDS", "40"))  # of work, waiting not counted; a slow machine may ask for more
MEGABYTES = float(os.environ.get("COURSE_NOTEBOOK_MEGABYTES", "3072"))
EXERCISE = re.compile(r"^\w+ = check\(|^attempt\(", re.M)
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")

_used: dict[str, str] = {}  # notebook -> "12.3 s, 9.8 s of work, 800 MB", for the summary


# ---------------------------------------------------------------- comparing


def same_output(a: str, b: str, tolerance: float = TOLERANCE) -> bool:
    """Whether two outputs say the same: same text, same whole numbers, decimals within the tolerance; spaces aside.

    Code (a Markdown fence, from `source(f)`) must be the same exactly.
    """
    if a.startswith("```") or b.startswith("```"):
        return a == b
    if "".join(NUMBER.sub("#", a).split()) != "".join(NUMBER.sub("#", b).split()):
        return False
    return all(same_number(x, y, tolerance) for x, y in zip(NUMBER.findall(a), NUMBER.findall(b)))


def same_number(x: str, y: str, tolerance: float) -> bool:
    """Whether two numbers, as printed, are the same whole number or decimals within the tolerance."""
    if x == y:
        return True
    if all(number.lstrip("+-").isdigit() for number in (x, y)):
        return False
    edge = tolerance * (1 + 1e-6)  # 0.68 - 0.67 is a little more than 0.01 in the computer's numbers
    return math.isclose(float(x), float(y), rel_tol=edge, abs_tol=edge)


class Output(str):
    """An output's text, compared with `same_output`."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return same_output(str(self), str(other))

    def __ne__(self, other: object) -> bool:
        return not self == other


# ---------------------------------------------------------------- running, and the bars


def peak_megabytes(process: int | None) -> float | None:
    """The most memory a process has held, or None where /proc does not tell."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None


def worked_seconds(process: int | None) -> float | None:
    """How long a process and all its threads have worked: on a busy machine it waits, which is not its fault. None without /proc."""
    try:
        times = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


def execute(self: kernel.RunningKernel, code: str, allow_stdin: bool | None = None) -> str:
    """Run a cell as a person does. nbval runs it without history, and then a `;` at its end does nothing (nbval #194)."""
    return self.kc.execute(code, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


def pytest_configure(config: pytest.Config) -> None:
    """Put the comparison and the bars into nbval, once."""
    file, cell = plugin.IPyNbFile, plugin.IPyNbCell
    cfg = config.option.nbval_sanitize_with
    if cfg and not os.path.exists(cfg):  # pytest may be called from any folder
        config.option.nbval_sanitize_with = str(config.rootpath / cfg)
    if not config.option.nbval_lax:
        os.environ.setdefault("COURSE_DEVICE", "cpu")  # stored outputs were computed there,
        os.environ["COURSE_DATA"] = "drawn"  # on drawn pictures; --nbval-lax runs the notebooks on real ones
    if getattr(cell, "course", False):
        return
    cell.course = True
    sanitize, start, stop, collect = cell.sanitize, file.setup, file.teardown, file.collect

    def readable_collect(self: plugin.IPyNbFile) -> list[plugin.IPyNbCell]:
        from course_utils.notebooks import read  # here, not above: it brings torch, which must find its threads set

        try:
            read(Path(self.path))
        except ValueError as error:
            raise self.CollectError(str(error)) from None
        cells = list(collect(self))
        return [*cells, *redone(cells)]

    def timed_setup(self: plugin.IPyNbFile) -> None:
        self.started = time.monotonic()
        try:
            start(self)
        except RuntimeError:  # side by side two kernels may be given the same port, and one dies: once more
            start(self)

    def measured_teardown(self: plugin.IPyNbFile) -> None:
        running = self.kernel is not None and self.kernel.is_alive()
        process = getattr(self.kernel.km.provisioner, "pid", None) if running else None
        memory, worked, seconds = peak_megabytes(process), worked_seconds(process), time.monotonic() - self.started
        stop(self)
        check_bars(self.nodeid, seconds, memory, worked)

    cell.sanitize = lambda self, text: Output(sanitize(self, text)) if isinstance(text, str) else text
    file.setup, file.teardown, file.collect = timed_setup, measured_teardown, readable_collect
    kernel.RunningKernel.execute_cell_input = execute


def redone(cells: list[plugin.IPyNbCell]) -> list[plugin.IPyNbCell]:
    """Every cell with an exercise once more, after the whole notebook has run: a student who comes back to it sees the same."""
    again = [cell for cell in cells if EXERCISE.search(cell.cell.source)]
    return [
        plugin.IPyNbCell.from_parent(
            cell.parent, name=f"{cell.name} again", cell_num=cell.cell_num, cell=deepcopy(cell.cell), options=cell.options
        )
        for cell in again
    ]


def check_bars(name: str, seconds: float, megabytes: float | None, worked: float | None = None) -> None:
    """Note what a notebook took, and fail when it took too much: of work, or of all its time where that is not known."""
    parts = [f"{seconds:6.1f} s"]
    parts += [f"{worked:5.1f} s of work"] if worked is not None else []
    parts += [f"{megabytes:5.0f} MB"] if megabytes is not None else []
    _used[name] = ", ".join(parts)
    took = seconds if worked is None else worked
    if took > SECONDS:
        pytest.fail(f"{name} took {took:.0f} s; at most {SECONDS:.0f} s are allowed (COURSE_NOTEBOOK_SECONDS).", pytrace=False)
    if megabytes is not None and megabytes > MEGABYTES:
        pytest.fail(f"{name} took {megabytes:.0f} MB; at most {MEGABYTES:.0f} MB are allowed.", pytrace=False)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Outputs that nbval does not compare, besides pictures: progress on stderr, and SVG, which holds dates."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr", "image/svg+xml")


# ---------------------------------------------------------------- side by side


@pytest.fixture(autouse=True, scope="module")
def own_look() -> Iterator[None]:
    """Each file's tests begin with matplotlib's own settings: which file ran before is up to chance."""
    matplotlib = sys.modules.get("matplotlib")
    with matplotlib.rc_context() if matplotlib else contextlib.nullcontext():
        if matplotlib:
            matplotlib.rcdefaults()
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto`: one process a core, but no more than four, for each chapter may hold some gigabytes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 4)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, long files first: the browser, then the notebooks; short ones fill the gaps at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (item.path.name != "test_browser.py", item.path.suffix != ".ipynb"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands what its notebooks took to the process that reports."""
    if hasattr(session.config, "workerinput"):
        session.config.workeroutput["notebooks"] = _used


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Collect what a worker's notebooks took; one that died hands over nothing."""
    _used.update(getattr(node, "workeroutput", {}).get("notebooks", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what each notebook took."""
    if _used:
        terminalreporter.section("notebooks: time and peak memory")
        for name, used in sorted(_used.items()):
            terminalreporter.write_line(f"{used}  {name}")
