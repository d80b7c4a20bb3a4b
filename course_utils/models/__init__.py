"""The networks and their shipped checkpoints: `load("lenet-digits")`."""

from .activations import BoundedLeakyReLU, RectifiedPolynomial, with_activations, with_bounds
from .alexnet import SmallAlexNet
from .associative import AssociativeMemory, rectified_power
from .checkpoints import available, classifier, decoder, load, save
from .decoders import Decoder
from .detector import Answer, Detections, Detector, best, class_losses, detect, detection_loss
from .encoded import Encoded, Thermometer, ThermometerRamp, thermometer, thermometer_ramp
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
    "AENet10", "AllConv", "Answer", "AssociativeMemory", "Autoencoder", "BoundedLeakyReLU", "Chain", "Decoder", "DenseNet10", "Detections", "Detector", "Encoded",
    "FaceNet", "Generator", "LeNet", "LogMel", "MadryNet", "MaskedConv", "Nearest", "NiN", "Normalized", "PixelCNN", "RectifiedPolynomial",
    "ResNet", "Residual", "Restricted", "SceneNet", "SignNet", "SmallAlexNet", "SmallVGG", "SpeechNet", "StrideNet", "Thermometer",
    "ThermometerRamp", "TwoPairs", "available", "best", "bits", "class_losses", "classifier", "decoder", "detect", "detection_loss", "load",
    "rectified_power", "save", "thermometer", "thermometer_ramp", "with_activations", "with_bounds",
]  # fmt: skip
