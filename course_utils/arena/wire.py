"""What judge and submission say to each other: a head of fixed form, then plain numbers. Nothing that comes from a submission is ever unpickled.

The judge asks: ASK with pictures, for scores; PULL with a weight for each score of an earlier answer, for the gradient of their weighted sum
with respect to that answer's pictures (a vector-Jacobian product). More is not needed for any attack, and no label is sent.
"""

from __future__ import annotations

import socket
import struct
import time

SHAPE = (1, 28, 28)  # of a picture
PIXELS, CLASSES = 784, 10
ASK, PULL = 1, 2
WANT, STRAIGHT = 1, 2  # flags of ASK: a gradient will be wanted; whatever has no gradient is passed straight through
READY, LOADED, ANSWER, GONE, ERROR = 10, 11, 12, 13, 14
HAS, CHANGED, CROSSED, TROUBLE = 1, 2, 4, 8  # notes of an answer: it has a gradient; the pictures were changed; something was crossed; see `straight`
REQUEST = struct.Struct("<4sBBIQ")  # mark, what, flags, pictures, key
REPLY = struct.Struct("<4sBBII")  # mark, what, notes, rows, columns (of an ERROR: letters, 0)
MARK = b"CNNa"
LETTERS = 4000


class Gone(Exception):
    """The other side has ended, or says what is not understood."""


class TooLate(Exception):
    """The other side did not answer in time."""


def receive(wire: socket.socket, size: int, until: float | None = None) -> bytearray:
    """Exactly `size` bytes, before the time `until` (of time.monotonic)."""
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        wait(wire, until)
        try:
            more = wire.recv_into(view[got:])
        except TimeoutError:
            raise TooLate from None
        except OSError as error:
            raise Gone(str(error)) from None
        if more == 0:
            raise Gone("the connection was closed")
        got += more
    return data


def send(wire: socket.socket, data: bytes, until: float | None = None) -> None:
    """Send all of it, before the time `until`."""
    view = memoryview(data)
    while len(view):
        wait(wire, until)
        try:
            view = view[wire.send(view) :]
        except TimeoutError:
            raise TooLate from None
        except OSError as error:
            raise Gone(str(error)) from None


def wait(wire: socket.socket, until: float | None) -> None:
    """How long the next read or write may take."""
    if until is None:
        wire.settimeout(None)
        return
    left = until - time.monotonic()
    if left <= 0:
        raise TooLate
    wire.settimeout(left)
