"""A panel in a real kernel: moves that come from a browser are drawn once for many, the last one always."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest
from jupyter_client.manager import KernelManager

from course_utils.places import course_folder

PANEL = """
import time
from matplotlib.figure import Figure
from course_utils.explore import Panel, slider

drawn = []

def draw(eps):
    drawn.append(eps)
    if eps == 0.77:
        raise ValueError("not this one")
    time.sleep(0.1)  # as long as a slow drawing
    return Figure(figsize=(1, 1))

panel = Panel(draw, {"eps": slider("eps", 0, 1, 0.01, 0.5)})
print(panel.controls["eps"].comm.comm_id)
"""


class Kernel:
    """A kernel of this environment, and what a browser says to it."""

    def __init__(self) -> None:
        self.manager = KernelManager()
        self.manager.kernel_spec.argv[0] = sys.executable
        self.manager.start_kernel(cwd=str(course_folder()), env={**os.environ, "PYTHONPATH": str(course_folder()), "OMP_NUM_THREADS": "1"})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def run(self, code: str) -> str:
        """What a cell prints."""
        printed: list[str] = []

        def hear(message: dict) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])
            assert message["msg_type"] != "error", message["content"]

        self.client.execute_interactive(code, timeout=120, output_hook=hear)
        return "".join(printed).strip()

    def move(self, comm: str, value: float) -> None:
        """What a browser sends when a slider moves."""
        content = {"comm_id": comm, "data": {"method": "update", "state": {"value": value}, "buffer_paths": []}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def settled(self, value: float, seconds: float = 30) -> list[float]:
        """What was drawn by the time that `value` was drawn and nothing waits."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.1)
            last, waits, drawn = eval(self.run("print((drawn[-1], panel._asked is not None, drawn))"))
            if last == value and not waits:
                return drawn
        pytest.fail(f"{value} was never drawn: {drawn}")


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    made = Kernel()
    yield made
    made.client.stop_channels()
    made.manager.shutdown_kernel(now=True)


@pytest.fixture
def comm(kernel: Kernel) -> str:
    return kernel.run(PANEL)


def test_twenty_moves_at_once_are_drawn_few_times_and_the_last_one_always(kernel: Kernel, comm: str) -> None:
    for k in range(20):
        kernel.move(comm, 0.01 * k)
    drawn = kernel.settled(0.19)
    assert len(drawn) - 1 <= 6, f"of 20 moves {len(drawn) - 1} were drawn: {drawn}"


def test_moves_during_a_drawing_are_drawn_once(kernel: Kernel, comm: str) -> None:
    kernel.run("real, draw_seconds = draw, 0.8\ndef slow(eps):\n    time.sleep(draw_seconds)\n    return real(eps)\npanel.draw = slow")
    kernel.move(comm, 0.6)
    time.sleep(0.4)  # the drawing of 0.6 runs now
    for k in range(20):
        kernel.move(comm, 0.2 + 0.01 * k)
    drawn = kernel.settled(0.39)
    assert drawn[1] == 0.6 and len(drawn) <= 6, drawn


def test_moves_that_never_pause_are_drawn_all_the_same(kernel: Kernel, comm: str) -> None:
    end, k = time.monotonic() + 1.5, 0
    while time.monotonic() < end:
        kernel.move(comm, round(0.01 * (k := (k + 1) % 70), 2))
        time.sleep(0.005)
    kernel.move(comm, 0.95)
    assert 4 <= len(kernel.settled(0.95)), "a slider in motion shows its way"


def test_a_move_from_a_cell_is_drawn_before_the_next_line(kernel: Kernel, comm: str) -> None:
    assert kernel.run("panel.controls['eps'].value = 0.25; print(drawn[-1], len(drawn))") == "0.25 2"


def test_an_error_after_a_move_in_the_browser_is_shown(kernel: Kernel, comm: str) -> None:
    kernel.move(comm, 0.77)
    kernel.settled(0.77)
    assert "ValueError: not this one" in kernel.run("print(panel.message.value)")
    kernel.move(comm, 0.3)
    kernel.settled(0.3)
    assert kernel.run("print(panel.message.value)") == ""


def test_a_drawing_can_be_interrupted_and_the_kernel_lives(kernel: Kernel, comm: str) -> None:
    kernel.run("def endless(eps):\n    time.sleep(600)\npanel.draw = endless")
    kernel.move(comm, 0.4)
    time.sleep(0.5)
    kernel.manager.interrupt_kernel()
    assert "interrupted" in kernel.run("print(panel.message.value)")


def test_a_cell_shows_the_picture_of_the_moment(kernel: Kernel, comm: str) -> None:
    """The cell runs before the drawing that waits."""
    kernel.run("import course_utils.explore as e; e.QUIET = 5.0; e.PATIENCE = 5.0")
    kernel.move(comm, 0.45)
    assert kernel.run("panel._repr_mimebundle_(); print(drawn[-1], panel._asked)") == "0.45 None"
    kernel.run("e.QUIET, e.PATIENCE = 0.015, 0.15")
