"""The attacks. Each is a function: attack(model, x, y=None, *, eps=..., ...) -> x_adv."""

from .balls import L2Ball, MaxBall
from .deepfool import deepfool
from .fgsm import fgsm, fgv
from .iterative import basic_iterative, kurakin_steps, least_likely, pgd, steps_needed
from .noise import random_sign
from .transform import transform_attack

bim = basic_iterative

__all__ = [
    "L2Ball", "MaxBall", "basic_iterative", "bim", "deepfool", "fgsm", "fgv", "kurakin_steps", "least_likely", "pgd", "random_sign",
    "steps_needed", "transform_attack",
]  # fmt: skip
