"""The defenses, and what tests them."""

from ..transforms import jpeg
from .distillation import Scaled, at_temperature, distill, soft_labels, softened
from .expectation import expectation

__all__ = ["Scaled", "at_temperature", "distill", "expectation", "jpeg", "soft_labels", "softened"]
