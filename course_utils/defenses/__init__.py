"""The defenses, and what tests them."""

from ..models.encoded import thermometer, thermometer_ramp
from ..transforms import jpeg
from .activations import BoundedLeakyReLU, Exposed, RectifiedPolynomial, bounded, exposed, highest, over_excited
from .bpda import bpda
from .confidence import calibrated_temperature, calibration_error, energy, unsure
from .consistency import consistency_score, covered_leads, covered_scores, smooth_patches
from .defense_gan import Projection, defense_gan, project
from .dimensionality import intrinsic_dimensionality, lid_detector, logistic_regression
from .distillation import Scaled, at_temperature, distill, learn_at, soft_labels, softened
from .expectation import expectation
from .guarded import Guarded
from .masking import MaskingReport, gradient_masking_report
from .pixel_defend import pixel_defend
from .pruning import activation_pruning
from .quilting import clean_patches, quilt, soft_quilt
from .resizing import random_resize_pad
from .squeezing import bit_depth
from .total_variation import tv_minimize

__all__ = [
    "BoundedLeakyReLU", "Exposed", "Guarded", "MaskingReport", "Projection", "RectifiedPolynomial", "Scaled", "activation_pruning",
    "at_temperature", "bit_depth", "bounded", "bpda", "calibrated_temperature", "calibration_error", "clean_patches",
    "consistency_score", "covered_leads", "covered_scores", "defense_gan", "distill", "energy", "expectation", "exposed",
    "gradient_masking_report", "highest", "intrinsic_dimensionality", "jpeg", "learn_at", "lid_detector", "logistic_regression",
    "over_excited", "pixel_defend", "project", "quilt", "random_resize_pad", "smooth_patches", "soft_labels", "soft_quilt",
    "softened", "thermometer", "thermometer_ramp", "tv_minimize", "unsure",
]  # fmt: skip
