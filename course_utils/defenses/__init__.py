"""The defenses, and what tests them."""

from ..transforms import jpeg
from .dimensionality import intrinsic_dimensionality, lid_detector, logistic_regression
from .distillation import Scaled, at_temperature, distill, learn_at, soft_labels, softened
from .expectation import expectation

__all__ = [
    "Scaled", "at_temperature", "distill", "expectation", "intrinsic_dimensionality", "jpeg", "learn_at", "lid_detector", "logistic_regression",
    "soft_labels", "softened",
]  # fmt: skip
