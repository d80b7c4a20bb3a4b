"""The defenses, and what tests them."""

from ..transforms import jpeg
from .expectation import expectation

__all__ = ["expectation", "jpeg"]
