"""The attacks. Each is a function: attack(model, x, y=None, *, eps=..., ...) -> x_adv."""

from .balls import L2Ball, MaxBall
from .carlini_wagner import carlini_wagner
from .deepfool import deepfool
from .fgsm import fgsm, fgv
from .iterative import basic_iterative, kurakin_steps, least_likely, pgd, steps_needed
from .noise import random_sign

bim = basic_iterative

__all__ = [
    "L2Ball", "MaxBall", "basic_iterative", "bim", "carlini_wagner", "deepfool", "fgsm", "fgv", "kurakin_steps", "least_likely", "pgd", "random_sign",
    "steps_needed",
]  # fmt: skip
