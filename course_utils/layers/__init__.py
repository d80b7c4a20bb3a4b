"""Layers: their names and activations, which part of the picture they see, and local recomputation."""

from .activations import Captured, capture, layer_name, names, resolve
from .crops import paste
from .fields import NoField, ReceptiveField, receptive_field
from .local import Local, local_forward
from .spectral import Bound, conv_norm, spectral_bounds
from .stopping import representation, stopped_at

__all__ = [
    "Bound", "Captured", "Local", "NoField", "ReceptiveField", "capture", "conv_norm", "layer_name", "local_forward", "names", "paste",
    "receptive_field", "representation", "resolve", "spectral_bounds", "stopped_at",
]  # fmt: skip
