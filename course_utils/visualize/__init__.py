"""Looking inside: maps of what a network's decision depends on, and checks on such maps."""

from .backward import RULES, activation, neuron, project_back, relu_rule, strongest
from .occlusion import heat_map, occlusion, occlusion_logits, window_starts
from .saliency import integrated_gradients, saliency, score_gradient, smooth_grad
from .sanity import deletion_curve, randomize_weights

__all__ = [
    "RULES", "activation", "deletion_curve", "heat_map", "integrated_gradients", "neuron", "occlusion", "occlusion_logits",
    "project_back", "randomize_weights", "relu_rule", "saliency", "score_gradient", "smooth_grad", "strongest", "window_starts",
]  # fmt: skip
