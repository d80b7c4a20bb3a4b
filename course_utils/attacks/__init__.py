"""The attacks. Each is a function: attack(model, x, y=None, *, eps=..., ...) -> x_adv."""

from .fgsm import fgsm, fgv
from .noise import random_sign

__all__ = ["fgsm", "fgv", "random_sign"]
