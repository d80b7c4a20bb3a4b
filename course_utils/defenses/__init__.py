"""The defenses, and what tests them."""

from ..transforms import jpeg
from .distillation import Scaled, at_temperature, distill, learn_at, soft_labels, softened
from .expectation import expectation

__all__ = ["Scaled", "at_temperature", "distill", "expectation", "jpeg", "learn_at", "soft_labels", "softened"]
