"""The ground everything stands on: device, seeds, input checks, and running a model without leaving a trace."""

from ..places import course_folder
from .checks import (
    Labels, check_batch, check_colour, check_count, check_labels, check_model, check_pictures, check_positive,
    check_scores, detached, labels_or_prediction, pick,
)  # fmt: skip
from .devices import describe_device, device, model_device, model_tensor
from .progress_bar import progress
from .running import frozen, gradient, logits, predict, watched
from .settings import choose_profile, data_profile, generator, hints_given, seed_everything, seeded_weights
from .states import save_whole

__all__ = [
    "Labels", "check_batch", "check_colour", "check_count", "check_labels", "check_model", "check_pictures",
    "check_positive", "check_scores", "choose_profile", "course_folder", "data_profile", "describe_device",
    "detached", "device", "frozen", "generator",
    "gradient", "hints_given", "labels_or_prediction", "logits", "model_device", "model_tensor", "pick", "predict", "progress",
    "save_whole", "seed_everything", "seeded_weights", "watched",
]  # fmt: skip
