"""The defenses, and what tests them."""

from ..transforms import jpeg
from .defense_gan import Projection, defense_gan, project
from .distillation import Scaled, at_temperature, distill, learn_at, soft_labels, softened
from .expectation import expectation
from .pixel_defend import pixel_defend

__all__ = ["Projection", "Scaled", "at_temperature", "defense_gan", "distill", "expectation", "jpeg", "learn_at", "pixel_defend", "project", "soft_labels", "softened"]
