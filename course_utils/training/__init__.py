"""Training: one loop, the losses and the augmentations that it takes, and what is written into a trained network."""

from .augmenting import Augment, jitter, shift_and_flip
from .folding import fold_batch_norm, leaves, scale_scores, score_weights, temperature, with_batch_norm
from .loop import History, layout_of, train
from .losses import Loss, adversarial, cross_entropy, right_reasons

__all__ = [
    "Augment", "History", "Loss", "adversarial", "cross_entropy", "fold_batch_norm", "jitter", "layout_of", "leaves", "right_reasons",
    "scale_scores", "score_weights", "shift_and_flip", "temperature", "train", "with_batch_norm",
]  # fmt: skip
