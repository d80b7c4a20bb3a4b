"""Looking inside: maps of what a network's decision depends on, and checks on such maps."""

from .directions import random_directions, responses
from .occlusion import heat_map, occlusion, occlusion_logits, window_starts
from .patches import TopPatches, only_boxes, top_patches
from .saliency import integrated_gradients, saliency, score_gradient, smooth_grad
from .sanity import deletion_curve, randomize_weights

__all__ = [
    "TopPatches", "deletion_curve", "heat_map", "integrated_gradients", "occlusion", "occlusion_logits", "only_boxes",
    "random_directions", "randomize_weights", "responses", "saliency", "score_gradient", "smooth_grad", "top_patches",
    "window_starts",
]  # fmt: skip
