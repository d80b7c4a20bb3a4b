"""The attacks. Each is a function: attack(model, x, y=None, *, eps=..., ...) -> x_adv."""

from .balls import L2Ball, MaxBall
from .carlini_wagner import carlini_wagner
from .deepfool import deepfool
from .fgsm import fgsm, fgv
from .iterative import basic_iterative, kurakin_steps, least_likely, pgd, steps_needed
from .lbfgs import lbfgs
from .noise import random_sign
from .rubbish import Rubbish, gradient_rubbish
from .transform import transform_attack
from .universal import Universal, universal_perturbation

bim = basic_iterative

__all__ = [
    "L2Ball", "MaxBall", "Rubbish", "Universal", "basic_iterative", "bim", "carlini_wagner", "deepfool", "fgsm", "fgv",
    "gradient_rubbish", "kurakin_steps", "lbfgs", "least_likely", "pgd", "random_sign", "steps_needed",
    "transform_attack", "universal_perturbation",
]  # fmt: skip
