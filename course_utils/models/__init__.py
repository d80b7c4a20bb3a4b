"""The networks and their shipped checkpoints: `load("lenet-digits")`."""

from .checkpoints import available, classifier, decoder, load, save
from .decoders import Decoder
from .detector import Answer, Detections, Detector, best, class_losses, detect, detection_loss
from .generator import Generator
from .nearest import Nearest
from .networks import (
    AENet10, AllConv, Autoencoder, Chain, DenseNet10, FaceNet, LeNet, MadryNet, NiN, Normalized, SceneNet, SignNet, SmallVGG, StrideNet, TwoPairs,
)  # fmt: skip
from .pixelcnn import MaskedConv, PixelCNN, bits
from .residual import ResNet, Residual
from .restricted import Restricted
from .speech import LogMel, SpeechNet

__all__ = [
    "AENet10", "AllConv", "Answer", "Autoencoder", "Chain", "Decoder", "DenseNet10", "Detections", "Detector", "FaceNet", "Generator", "LeNet", "LogMel", "MadryNet", "MaskedConv",
    "Nearest", "NiN", "Normalized", "ResNet", "PixelCNN", "Residual", "Restricted", "SceneNet", "SignNet", "SmallVGG", "SpeechNet", "StrideNet",
    "TwoPairs", "available", "best", "bits", "class_losses", "classifier", "decoder", "detect", "detection_loss", "load", "save",
]  # fmt: skip
