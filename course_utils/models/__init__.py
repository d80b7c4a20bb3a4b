"""The networks and their shipped checkpoints: `load("lenet-digits")`."""

from .checkpoints import available, classifier, load, save
from .networks import AENet10, AllConv, Autoencoder, Chain, DenseNet10, LeNet, NiN, Normalized, SceneNet, SignNet, SmallVGG

__all__ = [
    "AENet10", "AllConv", "Autoencoder", "Chain", "DenseNet10", "LeNet", "NiN", "Normalized", "SceneNet", "SignNet",
    "SmallVGG", "available", "classifier", "load", "save",
]  # fmt: skip
