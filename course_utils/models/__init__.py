"""The networks and their shipped checkpoints: `load("lenet-digits")`."""

from .checkpoints import available, classifier, decoder, load, save
from .decoders import Decoder
from .nearest import Nearest
from .networks import AENet10, AllConv, Autoencoder, Chain, DenseNet10, FaceNet, LeNet, NiN, Normalized, SceneNet, SignNet, SmallVGG, StrideNet, TwoPairs
from .residual import Residual, ResNet
from .restricted import Restricted
from .speech import LogMel, SpeechNet

__all__ = [
    "AENet10", "AllConv", "Autoencoder", "Chain", "Decoder", "DenseNet10", "FaceNet", "LeNet", "LogMel", "Nearest", "NiN", "Normalized", "ResNet", "Residual", "Restricted",
    "SceneNet", "SignNet", "SmallVGG", "SpeechNet", "StrideNet", "TwoPairs", "available", "classifier", "decoder", "load", "save",
]  # fmt: skip
