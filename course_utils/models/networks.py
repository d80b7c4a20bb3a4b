"""The networks of the course. Each takes pixels in [0, 1] and gives logits (scores before the softmax)."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn


class Normalized(nn.Module):
    """A network with its normalizer inside, so that attacks and maps work on pixels in [0, 1]: f((x - mean) / std)."""

    def __init__(self, model: nn.Module, mean: float | tuple[float, ...], std: float | tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32).reshape(-1, 1, 1))
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.float32).reshape(-1, 1, 1))
        if not bool((self.std > 0).all()):
            raise ValueError(f"std is {std}; deviations above 0 are expected.")
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model((x - self.mean) / self.std)


class Chain(nn.Sequential):
    """A network that is one chain of layers and knows how many classes it tells apart."""

    classes: int


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """A convolution that keeps the size (divided by the stride), and its ReLU."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2), nn.ReLU()


class LeNet(Chain):
    """LeNet as in Caffe and in the LOTS paper, for 28x28 grey pictures. No ReLU follows the convolutions.

    Its weights lie in memory channels last: a CPU then needs a third less time, above all for the pooling.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__(
            nn.Conv2d(1, 20, 5), nn.MaxPool2d(2),
            nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(50 * 4 * 4, 500), nn.ReLU(), nn.Linear(500, classes),
        )  # fmt: skip
        self.to(memory_format=torch.channels_last)
        self.classes = classes


class StrideNet(Chain):
    """A small network for 28x28 grey pictures, whose first layer is of a chosen kernel and stride: 1, 2 or 4.

    Pooling brings the first layer's maps to 7x7 whatever the stride, so that all else is the same. Its weights lie in memory
    channels last, as LeNet's do: it trains a quarter faster.
    """

    def __init__(self, kernel: int, stride: int, classes: int = 10, width: int = 16) -> None:
        pooled = [nn.MaxPool2d(4 // stride)] if stride < 4 else []
        super().__init__(
            *conv(1, width, kernel, stride), *pooled, *conv(width, 32, 3), nn.Flatten(), nn.Linear(32 * 7 * 7, classes),
        )  # fmt: skip
        self.to(memory_format=torch.channels_last)
        self.classes = classes


class MadryNet(Chain):
    """The network of Madry 2017 for 28x28 grey pictures; `width=16` is the paper's, 1, 2, 4 and 8 those of its capacity experiment.

    Two 5x5 convolutions that keep the size, 2 * width and 4 * width filters, a pooling behind each, and a hidden layer of 64 * width units.
    """

    def __init__(self, classes: int = 10, width: int = 16) -> None:
        w = width
        super().__init__(
            *conv(1, 2 * w, 5), nn.MaxPool2d(2), *conv(2 * w, 4 * w, 5), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(4 * w * 49, 64 * w), nn.ReLU(), nn.Linear(64 * w, classes),
        )  # fmt: skip
        self.to(memory_format=torch.channels_last)
        self.classes = classes


class TwoPairs(Chain):
    """The network that Carlini and Wagner attack, from the paper on defensive distillation (Papernot 2016), for 28x28 grey pictures.

    Two pairs of 3x3 convolutions that keep no margin, a pooling behind each, and two fully connected layers.
    """

    def __init__(self, classes: int = 10, width: int = 32, hidden: int = 200) -> None:
        w = width
        super().__init__(
            nn.Conv2d(1, w, 3), nn.ReLU(), nn.Conv2d(w, w, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(w, 2 * w, 3), nn.ReLU(), nn.Conv2d(2 * w, 2 * w, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(2 * w * 16, hidden), nn.ReLU(), nn.Dropout(0.5), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, classes),
        )  # fmt: skip
        self.to(memory_format=torch.channels_last)
        self.classes = classes


class DenseNet10(Chain):
    """The fully connected nets of Szegedy 2013: sigmoid layers, then 10 classes. No hidden layer: a linear classifier.

    `DenseNet10()` is FC10, `DenseNet10((100, 100))` is FC100-100-10, and so on.
    """

    def __init__(self, hidden: tuple[int, ...] = (), classes: int = 10, pixels: int = 28 * 28) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        for width in hidden:
            layers += [nn.Linear(pixels, width), nn.Sigmoid()]
            pixels = width
        super().__init__(*layers, nn.Linear(pixels, classes))
        self.classes = classes


class Autoencoder(nn.Module):
    """The sigmoid autoencoder under Szegedy's AE400-10: `encoder` gives 400 units, `decoder` gives the picture back."""

    def __init__(self, units: int = 400, pixels: int = 28 * 28) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, units), nn.Sigmoid())
        self.decoder = nn.Sequential(nn.Linear(units, pixels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x)).reshape(x.shape)


class AENet10(nn.Module):
    """Szegedy's AE400-10: the encoder of a trained autoencoder, kept fixed, and a softmax layer on its units."""

    def __init__(self, units: int = 400, classes: int = 10) -> None:
        super().__init__()
        self.encoder = Autoencoder(units).encoder
        self.head = nn.Linear(units, classes)
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x))


class AllConv(Chain):
    """The all-convolutional network as printed in the one-pixel paper, for 32x32.

    The printed strides leave a 4x4 map, which the printed 6x6 average pooling does not fit:
    the last layer here averages over the whole map. `width=96` is the paper's.
    """

    def __init__(self, classes: int = 10, width: int = 96) -> None:
        w = width
        super().__init__(
            *conv(3, w, 3), *conv(w, w, 3), *conv(w, w, 3, stride=2),
            *conv(w, 2 * w, 3), *conv(2 * w, 2 * w, 3), nn.Dropout(0.3),
            *conv(2 * w, 2 * w, 3, stride=2), *conv(2 * w, 2 * w, 3, stride=2),
            *conv(2 * w, 2 * w, 1), nn.Conv2d(2 * w, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.classes = classes


class NiN(Chain):
    """Network in network as in the one-pixel paper, for 32x32. `width=192` and `dropout=0.5` are the paper's."""

    def __init__(self, classes: int = 10, width: int = 192, dropout: float = 0.5, channels: int = 3) -> None:
        w, first, second = width, width * 5 // 6, width // 2
        super().__init__(
            *conv(channels, w, 5), *conv(w, first, 1), *conv(first, second, 1),
            nn.MaxPool2d(3, 2, padding=1), nn.Dropout(dropout),
            *conv(second, w, 5), *conv(w, w, 1), *conv(w, w, 1),
            nn.AvgPool2d(3, 2, padding=1), nn.Dropout(dropout),
            *conv(w, w, 3), *conv(w, w, 1), nn.Conv2d(w, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.classes = classes


class SmallVGG(Chain):
    """A small VGG for 32x32: pairs of 3x3 convolutions between poolings, then two fully connected layers."""

    def __init__(self, classes: int = 10, width: int = 32) -> None:
        w = width
        super().__init__(
            *conv(3, w, 3), *conv(w, w, 3), nn.MaxPool2d(2),
            *conv(w, 2 * w, 3), *conv(2 * w, 2 * w, 3), nn.MaxPool2d(2),
            *conv(2 * w, 4 * w, 3), *conv(4 * w, 4 * w, 3), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * w * 16, 8 * w), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(8 * w, classes),
        )  # fmt: skip
        self.classes = classes


class SignNet(Chain):
    """A network for 48x48 road signs. Its first layer has filters of 7x7 at full resolution: they can be looked at."""

    def __init__(self, classes: int = 43, width: int = 24, hidden: int = 256, dropout: float = 0.5) -> None:
        w = width
        super().__init__(
            *conv(3, w, 7), nn.MaxPool2d(2),
            *conv(w, 2 * w, 5), nn.MaxPool2d(2),
            *conv(2 * w, 4 * w, 3), *conv(4 * w, 4 * w, 3), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * w * 36, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes),
        )  # fmt: skip
        self.classes = classes


class FaceNet(Chain):
    """A network for 64x64 faces, whose layers have names: conv1 to conv5, fc6, then `embedding`, a face as 64 numbers, and `head`.

    The embedding is what a face recogniser stores and compares (`layers.representation(net, x, "embedding")`); the head on it tells the people apart
    whom the network was trained on.
    """

    def __init__(self, classes: int = 40, width: int = 16, embedding: int = 64) -> None:
        w = width
        super().__init__(OrderedDict(
            conv1=nn.Conv2d(3, w, 5, padding=2), relu1=nn.ReLU(), pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(w, 2 * w, 3, padding=1), relu2=nn.ReLU(), pool2=nn.MaxPool2d(2),
            conv3=nn.Conv2d(2 * w, 3 * w, 3, padding=1), relu3=nn.ReLU(),
            conv4=nn.Conv2d(3 * w, 3 * w, 3, padding=1), relu4=nn.ReLU(), pool4=nn.MaxPool2d(2),
            conv5=nn.Conv2d(3 * w, 4 * w, 3, padding=1), relu5=nn.ReLU(), pool5=nn.MaxPool2d(2),
            flatten=nn.Flatten(), drop=nn.Dropout(0.3), fc6=nn.Linear(4 * w * 16, 256), relu6=nn.ReLU(),
            embedding=nn.Linear(256, embedding), head=nn.Linear(embedding, classes),
        ))  # fmt: skip
        self.classes = classes

    def extractor(self) -> nn.Sequential:
        """The network without its head, on the same weights: faces to embeddings `[N, 64]`."""
        return nn.Sequential(OrderedDict([*self.named_children()][:-1]))


class SceneNet(Chain):
    """A network for pictures of 96x96 and more: it averages over the last map, so that any such size fits."""

    def __init__(self, classes: int = 16, width: int = 24) -> None:
        w = width
        super().__init__(
            *conv(3, w, 7, stride=2), *conv(w, w, 3), nn.MaxPool2d(2),
            *conv(w, 2 * w, 3), *conv(2 * w, 2 * w, 3), nn.MaxPool2d(2),
            *conv(2 * w, 4 * w, 3), *conv(4 * w, 4 * w, 3), nn.MaxPool2d(2),
            *conv(4 * w, 8 * w, 3), nn.Dropout(0.2), nn.Conv2d(8 * w, classes, 1),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.classes = classes
