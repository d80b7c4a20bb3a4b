"""The defenses, and what tests them."""

from ..models.encoded import thermometer, thermometer_ramp
from ..transforms import jpeg
from .bpda import bpda
from .defense_gan import Projection, defense_gan, project
from .distillation import Scaled, at_temperature, distill, learn_at, soft_labels, softened
from .expectation import expectation
from .pixel_defend import pixel_defend
from .pruning import activation_pruning
from .quilting import clean_patches, quilt, soft_quilt
from .resizing import random_resize_pad
from .squeezing import bit_depth
from .total_variation import tv_minimize

__all__ = [
    "Projection",
    "Scaled",
    "activation_pruning",
    "at_temperature",
    "bit_depth",
    "bpda",
    "clean_patches",
    "defense_gan",
    "distill",
    "expectation",
    "jpeg",
    "learn_at",
    "pixel_defend",
    "project",
    "quilt",
    "random_resize_pad",
    "soft_labels",
    "soft_quilt",
    "softened",
    "thermometer",
    "thermometer_ramp",
    "tv_minimize",
]
