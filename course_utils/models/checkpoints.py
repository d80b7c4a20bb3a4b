"""Checkpoints: state dicts in half precision (some matrices in whole numbers) under `data/checkpoints`, and the network that goes with a world."""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import nn

from .. import runtime
from ..data import WORLDS, scenes
from ..data.downloads import FetchError
from .activations import with_bounds
from .associative import AssociativeMemory
from .decoders import Decoder
from .detector import Detector
from .encoded import Encoded, Thermometer
from .generator import Generator
from .networks import (
    AENet10, AllConv, DenseNet10, FaceNet, LeNet, MadryNet, NiN, Normalized, SceneNet, SignNet, SmallVGG, StrideNet, TwoPairs,
)  # fmt: skip
from .packing import not_finite, packed, unpacked
from .pixelcnn import PixelCNN
from .residual import ResNet
from .speech import SpeechNet


def _kinds(world: str) -> int:
    """How many classes a world's drawn pictures have."""
    return len(WORLDS[world].kinds)


SLIM = {"width": 8, "hidden": 36, "dropout": 0.2}  # of chapter 22's networks for drawn signs

# Every checkpoint that ships, and the network that it fits.
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "lenet-digits": LeNet,
    "lenet-mnist": LeNet,
    "lenet-digits-fgsm": LeNet,  # trained on FGSM pictures, eps 0.25
    "lenet-mnist-fgsm": LeNet,
    "lenet-digits-twin": LeNet,  # another start, other training pictures or another order: chapter 08's control
    "lenet-mnist-twin": LeNet,
    "stridenet-digits": lambda: StrideNet(5, 2),  # a third of LeNet's work: chapter 11 attacks it hundreds of times
    "stridenet-mnist": lambda: StrideNet(5, 2),
    "twopairs-digits": TwoPairs,  # as in the paper of Carlini and Wagner
    "twopairs-mnist": TwoPairs,
    "twopairs-digits-distilled": TwoPairs,  # chapter 19: defensive distillation at temperature 100
    "twopairs-mnist-distilled": TwoPairs,
    "stridenet-digits-distilled": lambda: StrideNet(5, 2),
    "stridenet-mnist-distilled": lambda: StrideNet(5, 2),
    # Chapter 18: Madry's network, trained by his method, by FGSM alone, and not against attacks; the twin is another start.
    "madry-digits": lambda: MadryNet(width=4),
    "madry-mnist": lambda: MadryNet(width=4),
    "madry-digits-fgsm": lambda: MadryNet(width=4),
    "madry-mnist-fgsm": lambda: MadryNet(width=4),
    "madry-digits-pgd": lambda: MadryNet(width=4),
    "madry-mnist-pgd": MadryNet,  # the paper's width
    "madry-digits-pgd-twin": lambda: MadryNet(width=4),
    "madry-mnist-pgd-twin": lambda: MadryNet(width=4),
    "signnet-signs-pgd": lambda: SignNet(_kinds("signs"), width=12),
    "signnet-gtsrb-pgd": lambda: SignNet(width=12),
    "fc10-digits": DenseNet10,
    "fc10-mnist": DenseNet10,
    "fc10-digits-decay0.01": DenseNet10,  # Szegedy's FC10(1e-2) and FC10(1); the plain name is FC10(1e-4)
    "fc10-mnist-decay0.01": DenseNet10,
    "fc10-digits-decay1": DenseNet10,
    "fc10-mnist-decay1": DenseNet10,
    "fc100-digits": lambda: DenseNet10((100, 100)),
    "fc100-mnist": lambda: DenseNet10((100, 100)),
    "fc200-digits": lambda: DenseNet10((200, 200)),
    "fc200-mnist": lambda: DenseNet10((200, 200)),
    "fc100-digits-p1": lambda: DenseNet10((100, 100)),  # chapter 13: trained on one half of the pictures, P1 or P2
    "fc100-mnist-p1": lambda: DenseNet10((100, 100)),
    "fc123-digits-p1": lambda: DenseNet10((123, 456)),
    "fc123-mnist-p1": lambda: DenseNet10((123, 456)),
    "fc100-digits-p2": lambda: DenseNet10((100, 100)),
    "fc100-mnist-p2": lambda: DenseNet10((100, 100)),
    "ae400-digits": AENet10,
    "ae400-mnist": AENet10,
    # Chapter 18: trained in the scenes that fool it most, in random ones, and under pixel noise.
    **{f"madry-digits-{kind}": lambda: MadryNet(width=2) for kind in ("scenes", "random", "pixels")},
    "signnet-signs": lambda: SignNet(_kinds("signs")),
    "signnet-gtsrb": SignNet,
    "signnet-signs-twin": lambda: SignNet(_kinds("signs"), width=12),  # trained on its own: a control for chapter 04's maps
    "signnet-gtsrb-twin": lambda: SignNet(width=12),
    "resnet-signs": lambda: ResNet(_kinds("signs")),
    "resnet-gtsrb": ResNet,
    "chain-signs": lambda: ResNet(_kinds("signs"), shortcuts=False),  # chapter 06's control: the same blocks, no shortcuts
    "chain-gtsrb": lambda: ResNet(shortcuts=False),
    "scenenet-scenes": lambda: SceneNet(_kinds("photos")),
    "detector-scenes": lambda: Detector(len(scenes.GROUPS)),  # chapter 16: finds the signs in street scenes
    "allconv-signs": lambda: AllConv(_kinds("objects"), width=32),
    "allconv-cifar10": lambda: AllConv(width=48),  # half the paper's width: what two cores train
    "speechnet-spoken": SpeechNet,
    "speechnet-spoken-twin": SpeechNet,  # other words, another start: chapter 13 tries sounds on it that were made for the first
    "resnet-cifar10": lambda: ResNet(10),  # chapter 14 tests on each what was made for the others
    "facenet-faces": FaceNet,  # chapter 17: an embedding, and a head that tells 40 people apart
    "facenet-orl": FaceNet,
    "smallvgg-cifar10": lambda: SmallVGG(width=16),
    "smallvgg-signs": lambda: SmallVGG(_kinds("objects"), width=16),
    "nin-signs": lambda: NiN(_kinds("objects"), width=32),
    "nin-cifar10": lambda: NiN(width=32, dropout=0.1),  # a narrow network has little to drop
    # Chapter 22: networks with trained bounds, and the one with ReLU that the first of them goes on from; the second one's is signnet-gtsrb-twin.
    "signnet-signs-relu": lambda: SignNet(_kinds("signs"), **SLIM),
    "signnet-signs-bounded": lambda: with_bounds(SignNet(_kinds("signs"), **SLIM)),
    "signnet-gtsrb-bounded": lambda: with_bounds(SignNet(width=12)),
    # Chapter 20: the same behind a thermometer code of 16 levels.
    "nin-signs-thermometer": lambda: Encoded(Thermometer(16), NiN(_kinds("objects"), width=32, channels=48)),
    "nin-cifar10-thermometer": lambda: Encoded(Thermometer(16), NiN(width=32, dropout=0.1, channels=48)),
    # Chapter 20: what PixelDefend and Defense-GAN take for the pictures there are.
    **{f"pixelcnn-{pictures}": PixelCNN for pictures in ("signs", "cifar10")},
    **{f"generator-{pictures}": Generator for pictures in ("digits", "mnist")},
    # Chapter 22: one for each power of the energy.
    **{f"memory-{pictures}-n{n}": functools.partial(AssociativeMemory, n, size) for pictures, size in (("digits", 250), ("mnist", 800)) for n in (2, 3, 20, 30)},
}
# Chapter 06's decoders: which layers of which networks they give pictures back from, and what these layers answer.
DECODED: dict[str, dict[str, tuple[int, ...]]] = {
    "lenet": {"1": (20, 12, 12), "3": (50, 4, 4), "6": (500,), "7": (10,)},
    "resnet": {"3": (16, 24, 24), "5": (32, 12, 12), "9": (64,)},
}
for network, data, shape in (
    ("lenet", "digits", (1, 28, 28)), ("lenet", "mnist", (1, 28, 28)), ("resnet", "signs", (3, 48, 48)), ("resnet", "gtsrb", (3, 48, 48)),
):  # fmt: skip
    for layer, features in DECODED[network].items():
        NETWORKS[f"{network}-{data}-decoder-{layer}"] = functools.partial(Decoder, features, shape)


def folder() -> Path:
    """Where the checkpoints are: `data/checkpoints` in the course's folder."""
    return runtime.course_folder() / "data" / "checkpoints"


def available() -> list[str]:
    """The names that `load` takes."""
    return sorted(NETWORKS)


def save(model: nn.Module, name: str) -> Path:
    """Write the model's weights as `data/checkpoints/<name>.pt`: in half precision, large matrices as whole numbers from -127 to 127 times a step a row,
    and what the model calls `coarse`, weights in [-1, 1], in four bits each."""
    runtime.pick("checkpoint", name, available())
    whole = {key: value.cpu().contiguous() for key, value in model.state_dict().items()}
    state = {key: value.half() if value.is_floating_point() else value for key, value in whole.items()}
    if lost := not_finite(state):
        beyond = "NaN, or numbers beyond half precision (65504)"
        raise ValueError(f"{lost} of the model for {name!r} holds {beyond}; train it again.")
    state |= packed(whole, getattr(model, "coarse", ()))
    for key in getattr(model, "coarse", ()):
        del state[key]  # what stands for it has another name
    path = folder() / f"{name}.pt"
    runtime.save_whole(state, path)
    return path


def load(name: str) -> nn.Module:
    """The network `name` (see `available()`) with its shipped weights, in eval mode, on the course's device."""
    build = NETWORKS[runtime.pick("checkpoint", name, available())]
    path = folder() / f"{name}.pt"
    remedy = f"Get it back with `git checkout -- data/checkpoints/{name}.pt`, or train it again: `make train NAME={name}`."
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing. {remedy}")
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load would not notice a changed byte
            if (part := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"wrong checksum of {part}")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a different class for every way in which a file can be broken
        raise ValueError(f"{path} is damaged and cannot be read ({type(error).__name__}). {remedy}") from error
    model = build()
    try:
        model.load_state_dict(unpacked(state))
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not fit the network {type(model).__name__}. {remedy}") from error
    if lost := not_finite(model.state_dict()):
        raise ValueError(f"{path} holds NaN or infinite weights, in {lost}. {remedy}")
    return model.to(runtime.device()).eval()


def classifier(
    world: str, network: str | None = None, *, source: str | None = None, training: str | None = None
) -> nn.Module:
    """The network that goes with the pictures of `data.load(world, ...)`: `classifier("digits", "fc10")`.

    `network` None is the one that the world's chapters use; `source` is "drawn", "real" or None (the profile);
    `training` names another than the usual training: classifier("digits", training="fgsm").
    """
    row = WORLDS[runtime.pick("world", world, WORLDS)]
    profile = runtime.pick("source", source or runtime.data_profile(), ("drawn", "real"))
    suffix = row.drawn_suffix if profile == "drawn" else row.real_suffix
    if suffix is None:
        if training:
            raise ValueError(f"training is {training!r}; ImageNet weights of that training do not exist. Use drawn pictures.")
        return imagenet_network(network or row.pretrained)
    return load("-".join(filter(None, (network or row.network, suffix, training))))


def decoder(world: str, layer: str, network: str | None = None, *, source: str | None = None) -> nn.Module:
    """The decoder that goes with a layer of `classifier(world, network)`: what the layer answers in, pictures out."""
    known = DECODED.get(network or WORLDS[runtime.pick("world", world, WORLDS)].network, {})
    return classifier(world, network, source=source, training=f"decoder-{runtime.pick('layer with a decoder', layer, known)}")


def imagenet_network(name: str = "squeezenet1_0") -> nn.Module:
    """A torchvision network with its ImageNet weights and its normalizer inside. The weights are fetched on first use."""
    from torchvision import models as vision  # here, not above: torchvision takes seconds to load

    runtime.pick("network of torchvision", name, vision.list_models(module=vision))
    try:
        network = vision.get_model(name, weights="IMAGENET1K_V1")
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:  # no network; a wrong checksum; a damaged file
        what = f"the ImageNet weights of {name} could not be fetched or read"
        raise FetchError(what, error, "put the file into $TORCH_HOME/hub/checkpoints") from error
    wrapped = Normalized(network, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return wrapped.to(runtime.device()).eval()
