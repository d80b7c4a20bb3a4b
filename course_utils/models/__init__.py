"""The networks and their shipped checkpoints: `load("lenet-digits")`."""

from .checkpoints import available, classifier, load, save
from .networks import AENet10, AllConv, Autoencoder, Chain, DenseNet10, LeNet, NiN, Normalized, SceneNet, SignNet, SmallVGG, StrideNet

__all__ = [
    "AENet10", "AllConv", "Autoencoder", "Chain", "DenseNet10", "LeNet", "NiN", "Normalized", "SceneNet", "SignNet",
    "SmallVGG", "StrideNet", "available", "classifier", "load", "save",
]  # fmt: skip
