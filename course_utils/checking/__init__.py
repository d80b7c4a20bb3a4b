"""The toolbox for checkers: what an exercise is, what a checker may expect of an answer, and how an answer is tried.

A checker is a function `check_name(f)`: it calls the student's function f and raises a `Mistake` whose text says what is
wrong and where to look. From the ground up: `exercise`, `expectations`, `calls`, `probes`, `trial`.
"""

from .calls import call, call_attack, call_loss, untouched
from .exercise import Exercise, Mistake
from .expectations import expect, expect_close, expect_inside, expect_trains, returned, rule_out
from .probes import probe
from .trial import objection

__all__ = [
    "Exercise", "Mistake", "call", "call_attack", "call_loss", "expect", "expect_close", "expect_inside", "expect_trains",
    "objection", "probe", "returned", "rule_out", "untouched",
]  # fmt: skip
