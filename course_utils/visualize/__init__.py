"""Looking inside: maps of what a network's decision depends on, checks on such maps, and weights as pictures."""

from .backward import RULES, activation, neuron, project_back, relu_rule, strongest
from .images import class_image, class_score, deep_dream, energy, natural, unit_image, unit_score
from .inversion import decoder, distance, invert, train_decoder
from .occlusion import heat_map, occlusion, occlusion_logits, window_starts
from .optimize import alpha_norm, blur, decay, drop_idle, drop_weak, l2, maximize, total_variation
from .patches import TopPatches, only_boxes, top_patches
from .saliency import integrated_gradients, saliency, score_gradient, smooth_grad
from .sanity import deletion_curve, randomize_weights
from .weights import (

__all__ = [
    "RULES", "TopPatches", "(", "activation", "alpha_norm", "blur", "class_image", "class_score", "decay", "decoder",
    "deep_dream", "deletion_curve", "distance", "drop_idle", "drop_weak", "energy", "heat_map", "integrated_gradients",
    "invert", "l2", "maximize", "natural", "neuron", "occlusion", "occlusion_logits", "only_boxes", "project_back",
    "randomize_weights", "relu_rule", "saliency", "score_gradient", "smooth_grad", "strongest", "top_patches",
    "total_variation", "train_decoder", "unit_image", "unit_score", "window_starts",
]  # fmt: skip
