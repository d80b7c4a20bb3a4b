"""The real data sets: their class names, and what to fetch from where. Tables only; `sets` reads, `downloads` fetches."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

from torchvision import datasets
from torchvision.models import SqueezeNet1_0_Weights

DIGIT_NAMES = tuple("0123456789")
CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
GTSRB_NAMES = (
    *(f"Speed limit ({v}km/h)" for v in (20, 30, 50, 60, 70, 80)), "End of speed limit (80km/h)",
    "Speed limit (100km/h)", "Speed limit (120km/h)", "No passing", "No passing for vehicles over 3.5 tons",
    "Right-of-way at the next intersection", "Priority road", "Yield", "Stop", "No vehicles",
    "Vehicles over 3.5 tons prohibited", "No entry", "General caution", "Dangerous curve to the left",
    "Dangerous curve to the right", "Double curve", "Bumpy road", "Slippery road", "Road narrows on the right",
    "Road work", "Traffic signals", "Pedestrians", "Children crossing", "Bicycles crossing", "Beware of ice/snow",
    "Wild animals crossing", "End of all speed and passing limits", "Turn right ahead", "Turn left ahead",
    "Ahead only", "Go straight or right", "Go straight or left", "Keep right", "Keep left", "Roundabout mandatory",
    "End of no passing", "End of no passing for vehicles over 3.5 tons",
)  # fmt: skip
ORL_NAMES = tuple(f"s{k:02}" for k in range(1, 41))
IMAGENETTE = {  # WordNet id -> ImageNet class
    "n01440764": 0, "n02102040": 217, "n02979186": 482, "n03000684": 491, "n03028079": 497,
    "n03394916": 566, "n03417042": 569, "n03425413": 571, "n03445777": 574, "n03888257": 701,
}  # fmt: skip
MNIST_MD5 = {  # of the unpacked files; torchvision knows those of the archives
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
# What torchvision's classes know but do not show:
GTSRB_URL = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
GTSRB_FILES = {  # archive, checksum, what it unpacks to
    "train": (("GTSRB-Training_fixed.zip", "513f3c79a4c5141765e10e952eaa2478", "GTSRB/Training"),),
    "test": (
        ("GTSRB_Final_Test_Images.zip", "c7e4e6327067d32654124b0fe9e82185", "GTSRB/Final_Test/Images"),
        ("GTSRB_Final_Test_GT.zip", "fe31e9c9270bbcd7b84b7f21a9d9d9e5", "GT-final_test.csv"),
    ),
}
IMAGENETTE_URL = "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz"
IMAGENETTE_MD5 = "3df6f0d01a2c9592104656642f5e78a3"
# torchvision knows LFW's checksum, but no address any more: this one is scikit-learn's.
LFW_URLS = ("https://ndownloader.figshare.com/files/5976015",)
LFW_MD5 = datasets.LFWPeople.file_dict["funneled"][2]


class Archive(NamedTuple):
    """A file to fetch: its mirrors, its place below a root, its checksum, and what it unpacks to (name -> checksum)."""

    urls: tuple[str, ...]
    path: str
    md5: str
    gives: dict[str, str | None]

    def results(self, root: Path) -> dict[Path, str | None]:
        """The files and folders that must be there in the end, with their checksums where there are any."""
        path = root / self.path
        return {path.parent / name: md5 for name, md5 in self.gives.items()} or {path: self.md5}


# ---------------------------------------------------------------- what to fetch for one split


def mnist(split: str) -> list[Archive]:
    """All four files for either split: torchvision wants them there."""
    mirrors = datasets.MNIST.mirrors
    return [
        Archive(tuple(m + file for m in mirrors), f"MNIST/raw/{file}", md5, {file[:-3]: MNIST_MD5[file[:-3]]})
        for file, md5 in datasets.MNIST.resources
    ]


def gtsrb(split: str) -> list[Archive]:
    return [Archive((GTSRB_URL + file,), f"gtsrb/{file}", md5, {to: None}) for file, md5, to in GTSRB_FILES[split]]


def cifar10(split: str) -> list[Archive]:
    """One archive for both splits."""
    cifar = datasets.CIFAR10
    files = (*cifar.train_list, *cifar.test_list, (cifar.meta["filename"], cifar.meta["md5"]))
    return [Archive((cifar.url,), cifar.filename, cifar.tgz_md5, {f"{cifar.base_folder}/{f}": md5 for f, md5 in files})]


def svhn(split: str) -> list[Archive]:
    url, file, md5 = datasets.SVHN.split_list[split]
    return [Archive((url,), file, md5, {})]


def imagenette(split: str) -> list[Archive]:
    """One archive for both splits."""
    return [Archive((IMAGENETTE_URL,), "imagenette2-320.tgz", IMAGENETTE_MD5, {"imagenette2-320": None})]


def lfw(split: str) -> list[Archive]:
    """One archive for both splits."""
    return [Archive(LFW_URLS, "lfw/lfw-funneled.tgz", LFW_MD5, {"lfw_funneled": None})]


@functools.lru_cache
def imagenet_names() -> tuple[str, ...]:
    """The 1000 class names that torchvision's pretrained networks go with."""
    return tuple(SqueezeNet1_0_Weights.IMAGENET1K_V1.meta["categories"])
