"""The real data sets in one table: class names, what to fetch, and how torchvision reads them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torchvision import datasets
from torchvision.transforms import functional as F

from . import catalogue
from .albums import Album, Damaged, balanced_order
from .catalogue import Archive
from .downloads import md5sum


def _mnist(root: Path, split: str) -> Album:
    mnist = datasets.MNIST(root, train=split == "train")
    return Album(mnist, mnist.targets, catalogue.DIGIT_NAMES, lambda i: f"{root}/MNIST", mnist.data[:, None])


def _gtsrb(root: Path, split: str) -> Album:
    signs = datasets.GTSRB(root, split)
    labels = torch.tensor([label for _, label in signs._samples])  # torchvision shows no labels without decoding
    return Album(signs, labels, catalogue.GTSRB_NAMES, lambda i: signs._samples[i][0])


def _cifar10(root: Path, split: str) -> Album:
    cifar = datasets.CIFAR10(root, train=split == "train")
    array = torch.from_numpy(cifar.data).permute(0, 3, 1, 2)
    labels, where = torch.tensor(cifar.targets), f"{root}/{cifar.base_folder}"
    return Album(cifar, labels, catalogue.CIFAR10_NAMES, lambda i: where, array)


def _svhn(root: Path, split: str) -> Album:
    svhn = datasets.SVHN(root, split)
    array, labels = torch.from_numpy(svhn.data), torch.from_numpy(svhn.labels).long()
    return Album(svhn, labels, catalogue.DIGIT_NAMES, lambda i: f"{root}/{svhn.filename}", array)


def _imagenette(root: Path, split: str) -> Album:
    photos = datasets.Imagenette(root, "train" if split == "train" else "val", size="320px")
    labels = torch.tensor([catalogue.IMAGENETTE[photos.wnids[label]] for _, label in photos._samples])
    return Album(photos, labels, catalogue.imagenet_names(), lambda i: photos._samples[i][0])


class Often(datasets.ImageFolder):
    """LFW's people with at least 20 pictures (most have one), each cut to the middle, where the face is."""

    least, middle = 20, 150  # pictures, pixels

    def __init__(self, root: Path) -> None:
        super().__init__(str(root), loader=lambda path: F.center_crop(datasets.folder.default_loader(path), [self.middle, self.middle]))

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        names = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir() and len(os.listdir(entry)) >= self.least)
        return names, {name: i for i, name in enumerate(names)}


def _lfw(root: Path, split: str) -> Album:
    people = Often(root / "lfw" / "lfw_funneled")
    order = balanced_order(torch.tensor(people.targets)).tolist()  # a fifth is for testing, as of any folder
    kept = len(order) - len(order) // 5
    people.samples = [people.samples[i] for i in sorted(order[:kept] if split == "train" else order[kept:])]
    labels = torch.tensor([label for _, label in people.samples])
    return Album(people, labels, tuple(people.classes), lambda i: people.samples[i][0])


class DataSet(NamedTuple):
    """A data set: where it comes from, and where else it may be found."""

    names: Callable[[], tuple[str, ...]]  # of its classes
    archives: Callable[[str], list[Archive]] | None = None  # what to fetch for a split; None: it has no public address
    read: Callable[[Path, str], Album] | None = None  # a split of it, as torchvision lays it out below a folder
    folders: tuple[str, ...] = ()  # names under which it is found as a folder or a zip of pictures
    ids: Mapping[str, int] = {}  # other names of its class folders


SETS = {
    "mnist": DataSet(lambda: catalogue.DIGIT_NAMES, catalogue.mnist, _mnist),
    "gtsrb": DataSet(lambda: catalogue.GTSRB_NAMES, catalogue.gtsrb, _gtsrb, ("gtsrb48",)),
    "cifar10": DataSet(lambda: catalogue.CIFAR10_NAMES, catalogue.cifar10, _cifar10, ("cifar10-jpeg",)),
    "svhn": DataSet(lambda: catalogue.DIGIT_NAMES, catalogue.svhn, _svhn),
    "imagenet": DataSet(catalogue.imagenet_names, folders=("imagenet-photos",), ids=catalogue.IMAGENETTE),
    "orl": DataSet(lambda: catalogue.ORL_NAMES, folders=("orl-faces",)),
    "lfw": DataSet(tuple, catalogue.lfw, _lfw),
    "imagenette": DataSet(
        catalogue.imagenet_names, catalogue.imagenette, _imagenette, ("imagenette2", "imagenette2-160"), catalogue.IMAGENETTE
    ),
}  # fmt: skip


def archives(name: str, split: str) -> list[Archive]:
    """What to fetch for one split of a data set; nothing for one that cannot be fetched."""
    given = SETS[name].archives
    return given(split) if given else []


def open_dataset(name: str, root: Path, split: str) -> Album:
    """A data set as torchvision lays it out below `root`; Damaged if a checksum is wrong or torchvision cannot read it."""
    files = [file for archive in archives(name, split) for file in archive.results(root).items()]
    try:
        if wrong := next((path for path, md5 in files if md5 and md5sum(path) != md5), None):
            raise Damaged(f"{wrong} (wrong checksum)")
        return SETS[name].read(root, split)
    except (Damaged, ImportError, MemoryError):  # said already, or nothing is wrong with the files
        raise
    except Exception as error:  # torchvision's classes raise many kinds for a broken file
        raise Damaged(f"{name} in {root} ({type(error).__name__}: {error})") from error
