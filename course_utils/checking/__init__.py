"""The toolbox for checkers: what an exercise is, what may be expected of an answer, and how an answer is tried.

From the ground up: `exercise`, `expectations`, `guard`, `calls`, `counting`, `probes`, `slips`, `noise`, `deletion`, `sleepers`,
`blurring`, `knobs`, `rounding`, `searching`, `sticking`, `teaching`, `views`, `hooking`, `judging`, `work`, `battery`, `examine`, `words`, `trial`.
"""

from . import blurring, deletion, knobs, noise, rounding, searching, sleepers, slips, sticking, views
from .battery import ASKING, ATTACK, PICTURES, TENSORS
from .calls import call, untouched
from .counting import counted, counting, expect_gradients, limited
from .exercise import Case, Exercise, Item, Mistake, OpenTask
from .expectations import expect, expect_budget, expect_close, expect_inside, expect_trains, returned
from .guard import TimeUp, guarded
from .probes import attack_cases, probe
from .trial import GOING_ON, objection, verdict

__all__ = [
    "ASKING", "ATTACK", "Case", "Exercise", "GOING_ON", "Item", "Mistake", "OpenTask", "PICTURES", "TENSORS", "TimeUp", "attack_cases", "blurring",
    "call", "counting", "deletion", "expect", "expect_budget", "expect_close", "expect_inside", "expect_trains", "guarded", "knobs", "limited", "noise",
    "objection", "probe", "returned", "rounding", "searching", "sleepers", "slips", "sticking", "untouched", "verdict", "views",
]  # fmt: skip
