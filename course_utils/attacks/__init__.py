"""The attacks. Each is a function: attack(model, x, y=None, *, eps=..., ...) -> x_adv."""

from .adversarial_patch import Patch, adversarial_patch, pasted
from .balls import L2Ball, MaxBall
from .beyond import Camera, Changed, beyond_pixels, change_needed, worst_change
from .black_box import Oracle, Refused, Substitute, augmented, train_substitute
from .carlini_wagner import carlini_wagner
from .cppn import Patterns
from .deepfool import deepfool
from .dpatch import DPatch, dpatch, paste
from .every_pixel import corners, every_pixel, working
from .evolved import Elites, map_elites
from .features import match_features
from .fgsm import fgsm, fgv
from .hidden import LADDER, Coarse, Hidden, hidden_command, mangle
from .iterative import basic_iterative, kurakin_steps, least_likely, pgd, steps_needed
from .jsma import jsma
from .lbfgs import lbfgs
from .lots import Scaled, gradient_direction, hot_cold, hot_cold_direction, lots, lots_direction, magnify, magnify_direction, smallest_scale
from .mutation import Pixels
from .nes import nes
from .noise import random_sign
from .one_pixel import Generation, one_pixel, random_pixels
from .past_detector import past_detector
from .printing import nonprintability, printable, printed, unprintable
from .reparameterised import reparameterised
from .robust_stickers import RobustStickers, robust_stickers, strongest
from .rubbish import Rubbish, gradient_rubbish
from .stickers import Stickers, random_stickers, scattered, stickers, stuck
from .transform import transform_attack
from .universal import Universal, universal_perturbation
from .walking import walk_to_boundary

bim = basic_iterative

__all__ = [
    "Camera", "Changed", "Coarse", "DPatch", "Elites", "Generation", "Hidden", "L2Ball", "LADDER", "MaxBall", "Oracle", "Patch",
    "Patterns", "Pixels", "Refused", "RobustStickers", "Rubbish", "Scaled", "Stickers", "Substitute", "Universal",
    "adversarial_patch", "augmented", "basic_iterative", "beyond_pixels", "bim", "carlini_wagner", "change_needed", "corners",
    "deepfool", "dpatch", "every_pixel", "fgsm", "fgv", "gradient_direction", "gradient_rubbish", "hidden_command", "hot_cold",
    "hot_cold_direction", "jsma", "kurakin_steps", "lbfgs", "least_likely", "lots", "lots_direction", "magnify",
    "magnify_direction", "mangle", "map_elites", "match_features", "nes", "nonprintability", "one_pixel", "past_detector", "paste",
    "pasted", "pgd", "printable", "printed", "random_pixels", "random_sign", "random_stickers", "reparameterised",
    "robust_stickers", "scattered", "smallest_scale", "steps_needed", "stickers", "strongest", "stuck", "train_substitute",
    "transform_attack", "universal_perturbation", "unprintable", "walk_to_boundary", "working", "worst_change",
]  # fmt: skip
