"""Looking inside: maps of what a network's decision depends on, and checks on such maps."""

from .occlusion import occlusion, occlusion_logits, spread, window_starts
from .saliency import integrated_gradients, saliency, score_gradient, smooth_grad
from .sanity import deletion_curve, randomize_weights

__all__ = [
    "deletion_curve", "integrated_gradients", "occlusion", "occlusion_logits", "randomize_weights", "saliency",
    "score_gradient", "smooth_grad", "spread", "window_starts",
]  # fmt: skip
