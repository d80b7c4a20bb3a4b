"""Looking inside: maps of what a network's decision depends on, checks on such maps, and weights as pictures."""

from .occlusion import heat_map, occlusion, occlusion_logits, window_starts
from .saliency import integrated_gradients, saliency, score_gradient, smooth_grad
from .sanity import deletion_curve, randomize_weights
from .weights import (
    above_nyquist, dead_filters, filter_pictures, first_layer, first_layer_weights, mosaic, roughness, shift_wobble,
    weight_tiles, without_filters,
)  # fmt: skip

__all__ = [
    "above_nyquist", "dead_filters", "deletion_curve", "filter_pictures", "first_layer", "first_layer_weights", "heat_map",
    "integrated_gradients", "mosaic", "occlusion", "occlusion_logits", "randomize_weights", "roughness", "saliency",
    "score_gradient", "shift_wobble", "smooth_grad", "weight_tiles", "window_starts", "without_filters",
]  # fmt: skip
