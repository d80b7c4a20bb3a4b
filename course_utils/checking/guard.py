"""A guarded state for running somebody's function: what it leaves changed in Python, NumPy or torch is put back and named.

    with guarded():      # raises a Mistake when the code inside left something changed
        f(x)

It also has a time limit, so that a loop without an end does not hang the notebook.
"""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NamedTuple

import numpy
import torch
import torch.nn.functional

from .exercise import Mistake

# For one call; an exercise's pictures are tiny, so that a right answer takes milliseconds. A busy machine may ask for more.
SECONDS = float(os.environ.get("COURSE_CALL_SECONDS", "10"))
SEED = 781_236_417  # no one's favourite: a seed that the guarded code sets is another one


class TimeUp(BaseException):
    """Raised inside a function that takes too long. No Exception, so that `except Exception` does not catch it."""


class Setting(NamedTuple):
    """Something global that a function may leave changed."""

    what: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]


def _attribute(holder: Any, name: str, what: str) -> Setting:
    return Setting(what, lambda: getattr(holder, name), lambda value: setattr(holder, name, value))


SETTINGS = (
    Setting("gradients are switched off (or on) for all code that follows; use `with torch.no_grad():` around a part",
            torch.is_grad_enabled, torch.set_grad_enabled),
    Setting("torch's default precision (set_default_dtype) is another one", torch.get_default_dtype, torch.set_default_dtype),
    Setting("torch's default device is another one", lambda: str(torch.get_default_device()),
            lambda name: torch.set_default_device(None if name == "cpu" else name)),
    Setting("torch's number of threads is another one", torch.get_num_threads, torch.set_num_threads),
    Setting("torch's deterministic mode is another one", torch.are_deterministic_algorithms_enabled,
            torch.use_deterministic_algorithms),
    Setting("autograd's anomaly detection is switched", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    Setting("the precision of matrix products is another one", torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision),
    _attribute(torch.backends.cudnn, "benchmark", "cudnn.benchmark is another one"),
    _attribute(torch.backends.cudnn, "deterministic", "cudnn.deterministic is another one"),
)  # fmt: skip
# Where a function may be replaced by another one, and what the place is called.
PLACES = {
    "torch": torch, "torch.nn.functional": torch.nn.functional, "torch.Tensor": torch.Tensor, "torch.autograd": torch.autograd,
    "torch.nn": torch.nn, "torch.nn.Module": torch.nn.Module, "numpy": numpy, "random": random,
}  # fmt: skip


@contextlib.contextmanager
def guarded(seconds: float | None = None, seed: int = SEED) -> Iterator[None]:
    """Run the code inside with random numbers of its own and a time limit; put back what it left changed, then name it."""
    settings = [setting.read() for setting in SETTINGS]
    names = {place: _public(holder) for place, holder in PLACES.items()}
    changed: list[str] = []
    with _own_random_numbers(seed, changed):
        try:
            with time_limit(SECONDS if seconds is None else seconds):
                yield
        finally:
            for setting, before in zip(SETTINGS, settings):
                if setting.read() != before:
                    setting.write(before)
                    changed.append(f"after your function {setting.what}; leave it as it was.")
            for place, before in names.items():
                for name in _put_back(PLACES[place], before):
                    changed.append(f"your function replaced {place}.{name} by something else; leave it as it was.")
    if changed:
        raise Mistake(changed[0])


def _public(holder: Any) -> dict[str, Any]:
    """The attributes that one may expect to stay the same; names with _ belong to torch's own machinery."""
    return {name: value for name, value in vars(holder).items() if not name.startswith("_")}


def _put_back(holder: Any, before: dict[str, Any]) -> list[str]:
    """Undo replaced and deleted attributes of a module or class; says which. New ones may be modules loaded only now."""
    now = vars(holder)
    wrong = [name for name, value in before.items() if now.get(name, holder) is not value and not _by_torch(now.get(name), value)]
    inherited = {name for base in getattr(holder, "__mro__", ())[1:] for name in vars(base)}
    covered = [name for name in _public(holder) if name in inherited and name not in before]  # a class's own, over its base's
    for name in wrong:
        setattr(holder, name, before[name])
    for name in covered:
        delattr(holder, name)
    return wrong + covered


def _by_torch(now: Any, before: Any) -> bool:
    """Whether torch itself wrapped a function of its own, as it does with `torch.manual_seed` when vmap is first used."""
    inside = os.path.dirname(torch.__file__)
    return inspect.isfunction(now) and inspect.unwrap(now) is before and now.__code__.co_filename.startswith(inside)


@contextlib.contextmanager
def _own_random_numbers(seed: int, changed: list[str]) -> Iterator[None]:
    """Random numbers that begin alike in every call. To draw from them is allowed, to seed them anew is noted in `changed`."""
    cpu, cuda = torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    python, array = random.getstate(), numpy.random.get_state()
    torch.default_generator.manual_seed(seed)
    # One number is drawn first: then some hundred draws only move on within the same table, and a new table means a new seed.
    random.seed(seed)
    random.random()
    numpy.random.seed(seed % 2**32)
    numpy.random.random()
    tables = _tables()
    try:
        yield
        if torch.initial_seed() != seed:
            changed.append("your function sets the seed of torch's random numbers, for everyone; leave it, and draw from the generator that is given.")
        for now, before, whose in zip(_tables(), tables, ("Python's", "NumPy's")):
            if now != before:
                changed.append(
                    f"your function sets the seed of {whose} random numbers, or draws hundreds of them; draw from the generator that is given."
                )
    finally:
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        random.setstate(python)
        numpy.random.set_state(array)


def _tables() -> tuple[tuple, bytes]:
    """The tables that Python's and NumPy's numbers are read from, without the place that was reached in them."""
    return random.getstate()[1][:-1], numpy.random.get_state()[1].tobytes()


# ---------------------------------------------------------------- the time limit


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeUp in the code inside when it takes longer; again and again, should it be caught there."""
    alarm = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    with (_by_alarm if alarm else _by_watcher)(seconds):
        yield


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is being loaded just now: one that is interrupted would stay half loaded. torch.func loads for seconds."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _by_alarm(seconds: float) -> Iterator[None]:
    """The operating system interrupts the main thread, also in the middle of a wait."""
    over = False

    def ring(_: int, frame: FrameType | None) -> None:
        if not over and not _importing(frame):
            raise TimeUp(seconds)

    handler, (left, again) = signal.signal(signal.SIGALRM, ring), signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, seconds, max(0.1, seconds / 10))
    try:
        yield
    finally:
        over = True
        signal.setitimer(signal.ITIMER_REAL, left, again)
        signal.signal(signal.SIGALRM, handler)


@contextlib.contextmanager
def _by_watcher(seconds: float) -> Iterator[None]:
    """Another thread raises TimeUp here, at the next step of Python: for systems without alarms, and for other threads."""
    thread, done, lock = ctypes.c_ulong(threading.get_ident()), threading.Event(), threading.Lock()

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            wait = max(0.1, seconds / 10)
            with lock:
                if not done.is_set() and not _importing(sys._current_frames().get(thread.value)):
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TimeUp))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        # One that was sent and has not arrived yet arrives here. It is not called back: sending nothing in its place leaves
        # the interpreter waiting for it, and a profiler or debugger then hangs for ever (Python 3.11).
        while not done.is_set():
            with contextlib.suppress(TimeUp), lock:
                done.set()
        with contextlib.suppress(TimeUp):
            for _ in range(100):
                pass
        watcher.join()
