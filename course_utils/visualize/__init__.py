"""Looking inside: maps of what a network's decision depends on, checks on such maps, pictures of weights, patches, and made pictures."""

from .backward import RULES, activation, neuron, project_back, relu_rule, strongest
from .directions import random_directions, responses
from .images import class_image, class_score, deep_dream, energy, natural, unit_image, unit_score
from .inversion import decode, distance, invert, train_decoder
from .occlusion import heat_map, occlusion, occlusion_logits, window_starts
from .optimize import alpha_norm, blur, decay, drop_idle, drop_weak, l2, maximize, natural_metric, total_variation
from .patches import TopPatches, only_boxes, top_patches
from .residual import shortcut_share, without_block
from .saliency import integrated_gradients, saliency, score_gradient, smooth_grad
from .sanity import deletion_curve, randomize_weights
from .surface import loss_surface
from .weights import (
    above_nyquist, dead_filters, filter_pictures, first_layer, first_layer_weights, mosaic, roughness, shift_wobble,
    weight_tiles, without_filters,
)  # fmt: skip

__all__ = [
    "RULES", "TopPatches", "above_nyquist", "activation", "alpha_norm", "blur", "class_image", "class_score",
    "dead_filters", "decay", "decode", "deep_dream", "deletion_curve", "distance", "drop_idle", "drop_weak", "energy",
    "filter_pictures", "first_layer", "first_layer_weights", "heat_map", "integrated_gradients", "invert", "l2", "loss_surface",
    "maximize", "mosaic", "natural", "natural_metric", "neuron", "occlusion", "occlusion_logits", "only_boxes", "project_back",
    "random_directions", "randomize_weights", "relu_rule", "responses", "roughness", "saliency", "score_gradient",
    "shift_wobble", "shortcut_share", "smooth_grad", "strongest", "top_patches", "total_variation", "train_decoder", "unit_image",
    "unit_score", "weight_tiles", "window_starts", "without_block", "without_filters",
]  # fmt: skip
