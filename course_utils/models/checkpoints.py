"""Checkpoints: plain state dicts in half precision under `data/checkpoints`, and which network belongs to which world."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from .. import runtime
from .networks import AENet10, AllConv, DenseNet10, LeNet, Normalized, SceneNet, SignNet


def _sign_kinds() -> int:
    from ..data.signs import NAMES

    return len(NAMES)


def _scene_kinds() -> int:
    from ..data.scenes import NAMES

    return len(NAMES)


# Every checkpoint that ships, and the network that it fits.
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "lenet-digits": LeNet,
    "lenet-mnist": LeNet,
    "lenet-digits-fgsm": LeNet,  # trained on FGSM pictures, eps 0.25
    "lenet-mnist-fgsm": LeNet,
    "fc10-digits": DenseNet10,
    "fc10-mnist": DenseNet10,
    "fc100-digits": lambda: DenseNet10((100, 100)),
    "fc100-mnist": lambda: DenseNet10((100, 100)),
    "fc200-digits": lambda: DenseNet10((200, 200)),
    "fc200-mnist": lambda: DenseNet10((200, 200)),
    "ae400-digits": AENet10,
    "ae400-mnist": AENet10,
    "signnet-signs": lambda: SignNet(_sign_kinds()),
    "signnet-gtsrb": SignNet,
    "scenenet-scenes": lambda: SceneNet(_scene_kinds()),
    "allconv-signs": lambda: AllConv(_sign_kinds(), width=32),
    "allconv-cifar10": lambda: AllConv(width=48),  # half the paper's width: what two cores train
}

# A world's pictures by profile, as they stand in a checkpoint's name, and the network that its chapters use.
PICTURES = {
    "digits": {"drawn": "digits", "real": "mnist"},
    "signs": {"drawn": "signs", "real": "gtsrb"},
    "objects": {"drawn": "signs", "real": "cifar10"},
    "photos": {"drawn": "scenes", "real": "imagenet"},
}
USUAL = {"digits": "lenet", "signs": "signnet", "objects": "allconv", "photos": "scenenet"}


def folder() -> Path:
    """Where the checkpoints are: `data/checkpoints` in the course's folder."""
    return runtime.course_folder() / "data" / "checkpoints"


def available() -> list[str]:
    """The names that `load` takes."""
    return sorted(NETWORKS)


def save(model: nn.Module, name: str) -> Path:
    """Write the model's weights as `data/checkpoints/<name>.pt`, in half precision."""
    runtime.pick("checkpoint", name, available())
    state = {key: (v.half() if v.is_floating_point() else v).cpu().contiguous() for key, v in model.state_dict().items()}
    path, beside = folder() / f"{name}.pt", folder() / f".{name}.{os.getpid()}"
    torch.save(state, beside)
    beside.replace(path)  # a half-written file never looks complete
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
        model.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not fit the network {type(model).__name__}. {remedy}") from error
    return model.to(runtime.device()).eval()


def classifier(
    world: str, network: str | None = None, *, source: str | None = None, training: str | None = None
) -> nn.Module:
    """The network that goes with the pictures of `data.load(world, ...)`: `classifier("digits", "fc10")`.

    `network` None is the one that the world's chapters use; `source` is "drawn", "real" or None (the profile);
    `training` names another than the usual training: classifier("digits", training="fgsm").
    """
    kinds = PICTURES[runtime.pick("world", world, PICTURES)]
    pictures = kinds[runtime.pick("source", source or runtime.data_profile(), kinds)]
    if pictures == "imagenet":
        if training:
            raise ValueError(f"training is {training!r}; there are no ImageNet weights of that training. Use drawn pictures.")
        return imagenet_network(network or "squeezenet1_0")
    return load("-".join(filter(None, (network or USUAL[world], pictures, training))))


def imagenet_network(name: str = "squeezenet1_0") -> nn.Module:
    """A torchvision network with its ImageNet weights and its normalizer inside. The weights are fetched on first use."""
    from torchvision import models

    try:
        network = models.get_model(name, weights="IMAGENET1K_V1")
    except OSError as error:
        raise ConnectionError(
            f"The ImageNet weights of {name} could not be fetched ({error}).\n"
            'Go on with drawn pictures: setup(data="drawn"), or put the file into $TORCH_HOME/hub/checkpoints.'
        ) from error
    wrapped = Normalized(network, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return wrapped.to(runtime.device()).eval()
