"""The defenses, and what tests them."""

from ..transforms import jpeg
from .confidence import calibrated_temperature, calibration_error, energy, unsure
from .consistency import consistency_score, covered_leads, covered_scores, smooth_patches
from .dimensionality import intrinsic_dimensionality, lid_detector, logistic_regression
from .distillation import Scaled, at_temperature, distill, learn_at, soft_labels, softened
from .expectation import expectation

__all__ = [
    "Scaled", "at_temperature", "calibrated_temperature", "calibration_error", "consistency_score", "covered_leads", "covered_scores", "distill",
    "energy", "expectation", "intrinsic_dimensionality", "jpeg", "learn_at", "lid_detector", "logistic_regression", "smooth_patches", "soft_labels",
    "softened", "unsure",
]  # fmt: skip
