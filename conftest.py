"""How nbval compares the notebooks here, and the bars that each notebook must stay under.

nbval compares stored and new outputs as text. Added here: decimals are compared with a tolerance, cells run as
they do for a person (`;` hides a value), stderr and SVG are not compared, and a notebook that takes too long or
too much memory fails.
"""

from __future__ import annotations

import math
import os
import re
import time

import pytest
from nbval import kernel, plugin

TOLERANCE = 1e-2  # decimals may differ by this, relative or absolute; whole numbers may not
SECONDS = float(os.environ.get("COURSE_NOTEBOOK_SECONDS", "60"))  # a slow machine may ask for more
MEGABYTES = float(os.environ.get("COURSE_NOTEBOOK_MEGABYTES", "3072"))
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")

_used: dict[str, str] = {}  # notebook -> "12.3 s, 800 MB", for the summary


def close(a: str, b: str, tolerance: float = TOLERANCE) -> bool:
    """Whether two outputs say the same: same text, same whole numbers, decimals within the tolerance; spaces aside.

    Code (a Markdown fence, from `source(f)`) must be the same exactly.
    """
    if a.startswith("```") or b.startswith("```"):
        return a == b
    if "".join(NUMBER.sub("#", a).split()) != "".join(NUMBER.sub("#", b).split()):
        return False
    return all(map(lambda x, y: close_number(x, y, tolerance), NUMBER.findall(a), NUMBER.findall(b)))


def close_number(x: str, y: str, tolerance: float) -> bool:
    """Whether two numbers, as printed, are the same whole number or decimals within the tolerance."""
    if x == y:
        return True
    if all(number.lstrip("+-").isdigit() for number in (x, y)):
        return False
    return math.isclose(float(x), float(y), rel_tol=tolerance, abs_tol=tolerance)


class Output(str):
    """An output's text, compared with `close`."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return close(str(self), str(other))

    def __ne__(self, other: object) -> bool:
        return not self == other


def peak_megabytes(process: int | None) -> float | None:
    """The most memory a process has held, or None where /proc does not tell."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
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
    sanitize, start, stop = cell.sanitize, file.setup, file.teardown

    def timed_setup(self: plugin.IPyNbFile) -> None:
        self.started = time.monotonic()
        start(self)

    def measured_teardown(self: plugin.IPyNbFile) -> None:
        running = self.kernel is not None and self.kernel.is_alive()
        memory = peak_megabytes(getattr(self.kernel.km.provisioner, "pid", None)) if running else None
        seconds = time.monotonic() - self.started
        stop(self)
        check_bars(self.nodeid, seconds, memory)

    cell.sanitize = lambda self, text: Output(sanitize(self, text)) if isinstance(text, str) else text
    file.setup, file.teardown = timed_setup, measured_teardown
    kernel.RunningKernel.execute_cell_input = execute


def check_bars(name: str, seconds: float, megabytes: float | None) -> None:
    """Note what a notebook took, and fail when it took too much."""
    _used[name] = f"{seconds:6.1f} s" + (f", {megabytes:5.0f} MB" if megabytes is not None else "")
    if seconds > SECONDS:
        pytest.fail(f"{name} took {seconds:.0f} s; at most {SECONDS:.0f} s are allowed (COURSE_NOTEBOOK_SECONDS).", pytrace=False)
    if megabytes is not None and megabytes > MEGABYTES:
        pytest.fail(f"{name} took {megabytes:.0f} MB; at most {MEGABYTES:.0f} MB are allowed.", pytrace=False)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Outputs that nbval does not compare, besides pictures: progress on stderr, and SVG, which holds dates."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr", "image/svg+xml")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what each notebook took."""
    if _used:
        terminalreporter.section("notebooks: time and peak memory")
        for name, used in _used.items():
            terminalreporter.write_line(f"{used}  {name}")
