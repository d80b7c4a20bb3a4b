"""The process in which a submission lives: it loads the file, then answers what the judge asks, until it is ended.

    python -m course_utils.arena.child WIRE SUBMISSION MEGABYTES

It knows pictures, never labels. Whatever the submission does here, it does to this process alone (see `fence`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import processes, wire
from .fence import fence
from .straight import straight_through

KEPT = 1024  # pictures whose gradient can still be asked for
FILE = 2**20  # bytes of a file; torch's optimizers want to write some bytes into the folder for temporary files


def limit(megabytes: int) -> None:
    """No more memory than that on top of what Python and torch have taken, no large file, no core dump. Linux and macOS."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE, FILE))
        if sys.platform.startswith("linux") and not torch.cuda.is_available():  # a GPU's driver reserves far more than it uses
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            most = pages * os.sysconf("SC_PAGE_SIZE") + megabytes * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (most, most))


def loaded(path: Path) -> Callable[[Tensor], Tensor]:
    """What the file's `load()` gives: a network, or a function of pictures."""
    spec = importlib.util.spec_from_file_location("submission", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path.name} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["submission"] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    if not callable(getattr(module, "load", None)):
        raise ValueError("the file defines no function load().")
    network = module.load()
    if not callable(network):
        raise ValueError(f"load() gives a {type(network).__name__}; a network, or a function of pictures, is expected.")
    if isinstance(network, nn.Module):
        network.eval()
    return network


class Answers:
    """A network, and its last answers with their graphs, from which gradients can be pulled."""

    def __init__(self, network: Callable[[Tensor], Tensor]) -> None:
        self.network, self.kept = network, OrderedDict()
        weight = next(network.parameters(), None) if isinstance(network, nn.Module) else None
        self.home = torch.device("cpu") if weight is None else weight.device

    def ask(self, x: Tensor, labels: Tensor, flags: int, key: int) -> tuple[int, Tensor]:
        """Notes, and scores `[N, 10]`. labels: drawn by chance, whatever the pictures show; nobody needs them, and nobody should look."""
        x = x.to(self.home)
        given = x.clone()
        if not flags & wire.WANT:
            with torch.no_grad():
                scores = checked(self.network(given), len(x))
            return wire.CHANGED * (not torch.equal(given, x)), scores
        notes, leaf, scores = self.differentiable(x, flags)
        if notes & wire.HAS:
            self.kept[key] = leaf, scores
            while len(self.kept) > 1 and sum(len(leaf) for leaf, _ in self.kept.values()) > KEPT:
                self.kept.popitem(last=False)
        return notes, scores.detach()

    def differentiable(self, x: Tensor, flags: int) -> tuple[int, Tensor, Tensor]:
        """Notes, the pictures, and their scores, from which a gradient leads back if the network has one."""
        leaf = x.clone().requires_grad_()
        try:
            if flags & wire.STRAIGHT:
                with straight_through() as mode:
                    scores = checked(self.network(leaf * 1), len(x))
                crossed = mode.crossed > 0
            else:
                with torch.enable_grad():
                    scores, crossed = checked(self.network(leaf * 1), len(x)), False
            notes = wire.HAS * scores.requires_grad + wire.CROSSED * crossed
            return notes, leaf, scores
        except Exception:  # such as numpy() of a tensor that a gradient is wanted for: then as it is meant to be used
            with torch.no_grad():
                return wire.TROUBLE, leaf, checked(self.network(x.clone()), len(x))

    def pull(self, weights: Tensor, key: int) -> tuple[int, Tensor] | None:
        """Notes, and d sum(weights * scores) / d pictures `[N, 784]`; None when that answer is no longer kept."""
        if key not in self.kept:
            return None
        leaf, scores = self.kept[key]
        try:
            found = torch.autograd.grad(scores, leaf, weights.to(scores), retain_graph=True, allow_unused=True)[0]
        except Exception:
            found = None
        good = found is not None and bool(found.isfinite().all())
        if found is None or found.shape != leaf.shape:
            found = torch.zeros_like(leaf)
        return (wire.HAS if good else wire.TROUBLE), found.detach().nan_to_num(0, 0, 0).flatten(1)


def checked(scores: Any, count: int) -> Tensor:
    """Require scores `[count, 10]`, floating point and finite."""
    if not isinstance(scores, Tensor):
        raise Nonsense(f"the network gives a {type(scores).__module__}.{type(scores).__name__}; a torch tensor of scores [N, 10] is expected.")
    if scores.is_sparse or not scores.is_floating_point() or scores.device.type == "meta":
        raise Nonsense(f"the network gives {scores.dtype} on {scores.device}; floating point scores are expected.")
    if scores.shape != (count, wire.CLASSES):
        raise Nonsense(f"the network gives scores {list(scores.shape)} for {count} pictures; [{count}, {wire.CLASSES}] are expected.")
    if not bool(scores.isfinite().all()):
        raise Nonsense("the network gives scores that are NaN or infinite; finite ones are expected.")
    return scores


class Nonsense(BaseException):
    """An answer that is none. No Exception, so that it is told and not tried again."""


def said(error: BaseException) -> str:
    """One line that names the error."""
    text = " ".join(str(error).split())
    return text if isinstance(error, Nonsense) else f"{type(error).__name__}: {text}"[:600]


def tell(line: socket.socket, what: int, notes: int = 0, values: Tensor | None = None, text: str = "") -> None:
    """Send a head, and numbers or words behind it."""
    data = text.encode(errors="replace")[: wire.LETTERS] if values is None else values.detach().float().cpu().contiguous().numpy().tobytes()
    rows, columns = (len(data), 0) if values is None else values.shape
    wire.send(line, wire.REPLY.pack(wire.MARK, what, notes, rows, columns) + data)


def serve(line: socket.socket, answers: Answers) -> None:
    """Answer until the judge hangs up."""
    while True:
        _, what, flags, count, key = wire.REQUEST.unpack(wire.receive(line, wire.REQUEST.size))
        width = wire.PIXELS if what == wire.ASK else wire.CLASSES
        numbers = torch.frombuffer(wire.receive(line, count * width * 4), dtype=torch.float32)
        try:
            if what == wire.ASK:
                y = torch.frombuffer(wire.receive(line, count * 8), dtype=torch.int64)
                tell(line, wire.ANSWER, *answers.ask(numbers.view(count, *wire.SHAPE), y, flags, key))
            else:
                found = answers.pull(numbers.view(count, width), key)
                tell(line, wire.GONE) if found is None else tell(line, wire.ANSWER, *found)
        except (wire.Gone, wire.TooLate):
            raise
        except BaseException as error:  # SystemExit and its kind, too
            tell(line, wire.ERROR, text=said(error))


def main(number: str, path: str, megabytes: str) -> None:
    """Load, say so, and serve."""
    with socket.socket(fileno=int(number)) as line:
        processes.end_with_parent()
        limit(int(megabytes))
        fence(Path.cwd())
        tell(line, wire.READY)
        try:
            answers = Answers(loaded(Path(path)))
        except BaseException as error:
            tell(line, wire.ERROR, text=said(error))
            return
        tell(line, wire.LOADED)
        with contextlib.suppress(wire.Gone):
            serve(line, answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
