"""Layers: their names and activations, which part of the picture they see, and local recomputation."""

from .activations import Captured, capture, layer_name, names, resolve
from .crops import paste
from .fields import ReceptiveField, receptive_field
from .local import Local, local_forward

__all__ = [
    "Captured", "Local", "ReceptiveField", "capture", "layer_name", "local_forward", "names", "paste",
    "receptive_field", "resolve",
]  # fmt: skip
