"""Real pictures: MNIST, GTSRB, CIFAR-10, SVHN, Imagenette, ImageNet photos, and any folder or zip of pictures.

A data set is looked for in each of `downloads.roots()`: first as torchvision lays it out, then as a
folder, then as a zip. What torchvision lays out is read by torchvision's own classes.
"""

from __future__ import annotations

import functools
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torchvision import datasets
from torchvision.transforms import functional as F

from ..runtime import generator, progress
from .downloads import FetchError, download, downloads, md5sum, roots, unpack

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
CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
DIGIT_NAMES = tuple("0123456789")
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
GTSRB_URL = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"


@functools.lru_cache
def imagenet_names() -> tuple[str, ...]:
    """The 1000 class names that torchvision's pretrained networks go with."""
    from torchvision.models import SqueezeNet1_0_Weights

    return tuple(SqueezeNet1_0_Weights.IMAGENET1K_V1.meta["categories"])


class Damaged(Exception):
    """A file that is there but cannot be read, or has the wrong checksum; the message names it."""


class Archive(NamedTuple):
    """A file to fetch: its mirrors, its place below a root, its checksum, and what it unpacks to (path -> checksum)."""

    urls: tuple[str, ...]
    path: str
    md5: str | None
    gives: dict[str, str | None] = {}


class Album(NamedTuple):
    """A data set before decoding: how to open picture i, its label, the class names, and what to call picture i."""

    open: Callable[[int], Image.Image]
    labels: Tensor
    names: tuple[str, ...]
    where: Callable[[int], str]
    array: Tensor | None = None  # all pictures, uint8 [N, C, H, W], where they are stored as one block


# ---------------------------------------------------------------- what there is to fetch


def _mnist_archives(split: str) -> list[Archive]:
    own = [(name, md5) for name, md5 in datasets.MNIST.resources if name.startswith("train") == (split == "train")]
    return [
        Archive(tuple(m + name for m in datasets.MNIST.mirrors), f"MNIST/raw/{name}", md5, {name[:-3]: MNIST_MD5[name[:-3]]})
        for name, md5 in own
    ]


def _gtsrb_archives(split: str) -> list[Archive]:
    files = {
        "train": [("GTSRB-Training_fixed.zip", "513f3c79a4c5141765e10e952eaa2478", "GTSRB/Training")],
        "test": [
            ("GTSRB_Final_Test_Images.zip", "c7e4e6327067d32654124b0fe9e82185", "GTSRB/Final_Test/Images"),
            ("GTSRB_Final_Test_GT.zip", "fe31e9c9270bbcd7b84b7f21a9d9d9e5", "GT-final_test.csv"),
        ],
    }
    return [Archive((GTSRB_URL + name,), f"gtsrb/{name}", md5, {gives: None}) for name, md5, gives in files[split]]


def _cifar10_archives(split: str) -> list[Archive]:
    c = datasets.CIFAR10
    parts = [*c.train_list, *c.test_list, (c.meta["filename"], c.meta["md5"])]
    return [Archive((c.url,), c.filename, c.tgz_md5, {f"{c.base_folder}/{name}": md5 for name, md5 in parts})]


def _svhn_archives(split: str) -> list[Archive]:
    url, name, md5 = datasets.SVHN.split_list[split]
    return [Archive((url,), name, md5)]


def _imagenette_archives(split: str) -> list[Archive]:
    url, md5 = datasets.Imagenette._ARCHIVES["320px"]
    return [Archive((url,), Path(url).name, md5, {Path(url).stem: None})]


# ---------------------------------------------------------------- how each is read


def _mnist(root: Path, split: str) -> Album:
    data = datasets.MNIST(root, train=split == "train")
    return _from_array(data.data[:, None], data.targets, DIGIT_NAMES, root / "MNIST")


def _cifar10(root: Path, split: str) -> Album:
    data = datasets.CIFAR10(root, train=split == "train")
    array = torch.from_numpy(data.data).permute(0, 3, 1, 2)
    return _from_array(array, torch.tensor(data.targets), CIFAR10_NAMES, root / data.base_folder)


def _svhn(root: Path, split: str) -> Album:
    data = datasets.SVHN(root, split=split)
    return _from_array(torch.from_numpy(data.data), torch.from_numpy(data.labels), DIGIT_NAMES, root)


def _gtsrb(root: Path, split: str) -> Album:
    data = datasets.GTSRB(root, split=split)
    labels = torch.tensor([label for _, label in data._samples])
    return Album(lambda i: data[i][0], labels, GTSRB_NAMES, lambda i: data._samples[i][0])


def _imagenette(root: Path, split: str) -> Album:
    data = datasets.Imagenette(root, split="train" if split == "train" else "val", size="320px")
    index = torch.tensor([IMAGENETTE[wnid] for wnid in data.wnids])
    labels = index[torch.tensor([label for _, label in data._samples])]
    return Album(lambda i: data[i][0], labels, imagenet_names(), lambda i: data._samples[i][0])


def _from_array(array: Tensor, labels: Tensor, names: tuple[str, ...], path: Path) -> Album:
    return Album(lambda i: F.to_pil_image(array[i]), labels.long(), names, lambda i: f"{path}, picture {i}", array)


class DataSet(NamedTuple):
    """One named data set: its world, its archives, its reader, its plain folder or zip, its class names."""

    world: str
    archives: Callable[[str], list[Archive]] | None
    read: Callable[[Path, str], Album] | None
    folder: str | None
    names: Callable[[], tuple[str, ...]]


DATASETS = {
    "mnist": DataSet("digits", _mnist_archives, _mnist, None, lambda: DIGIT_NAMES),
    "gtsrb": DataSet("signs", _gtsrb_archives, _gtsrb, "gtsrb48", lambda: GTSRB_NAMES),
    "cifar10": DataSet("objects", _cifar10_archives, _cifar10, "cifar10-jpeg", lambda: CIFAR10_NAMES),
    "svhn": DataSet("objects", _svhn_archives, _svhn, None, lambda: DIGIT_NAMES),
    "imagenet": DataSet("photos", None, None, "imagenet-photos", imagenet_names),
    "imagenette": DataSet("photos", _imagenette_archives, _imagenette, None, imagenet_names),
}


def default(world: str) -> str:
    """The data set that stands for a world: for photos the folder `imagenet-photos` if there is one, else Imagenette."""
    if world == "photos":
        return "imagenet" if any(True for _ in _plain("imagenet")) else "imagenette"
    return next(name for name, data in DATASETS.items() if data.world == world)


# ---------------------------------------------------------------- folders and zips


def open_folder(path: Path, split: str, known: Sequence[str]) -> Album:
    """A folder or zip of pictures, one sub-folder a class (below `train`, `test` or `val` if there are such), or flat.

    Class folders named after (or numbered like) the `known` classes get those labels; other names are
    classes of their own, in alphabetical order. In a flat folder, `<index>_<WordNet id>_<name>.jpg` is of
    ImageNet class `index`; other pictures have the label -1: unknown. Class folders without `train` and
    `test` are split here: every fifth picture of `spread` is for testing. A flat folder is the same for both.
    """
    if path.suffix == ".zip":
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise Damaged(f"{path} ({error})") from error
        files, read = archive.namelist(), archive.read
    else:
        files = [str(file.relative_to(path).as_posix()) for file in path.rglob("*")]
        read = lambda name: (path / name).read_bytes()  # noqa: E731
    files = sorted(name for name in files if name.lower().endswith(datasets.folder.IMG_EXTENSIONS))
    tops = {name.split("/")[0] for name in files}
    wanted = next((top for top in (("train",) if split == "train" else ("test", "val")) if top in tops), None)
    if wanted:
        files = [name for name in files if name.startswith(wanted + "/")]
    if not files:
        raise ValueError(f"{path} holds no pictures; files ending in {', '.join(datasets.folder.IMG_EXTENSIONS)} are expected.")
    depth = 1 if wanted else 0
    folders = [name.split("/")[depth] if name.count("/") > depth else None for name in files]
    if None in folders:
        matches = [re.match(r"0?(\d{1,3})_n\d{8}_", Path(name).name) for name in files]
        labels = torch.tensor([int(match[1]) if match else -1 for match in matches])
        names = tuple(known)
    else:
        numbers, names = _number_classes(sorted(set(folders)), known)
        labels = torch.tensor([numbers[folder] for folder in folders])
        if not wanted:
            order = spread(labels)
            chosen = order[torch.arange(len(order)) % 5 == 4] if split == "test" else order[torch.arange(len(order)) % 5 != 4]
            chosen = chosen.sort().values
            files, labels = [files[i] for i in chosen.tolist()], labels[chosen]
    return Album(lambda i: Image.open(io.BytesIO(read(files[i]))), labels, names, lambda i: f"{path}/{files[i]}")


def _number_classes(folders: list[str], known: Sequence[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    if set(folders) <= set(known):
        return {name: known.index(name) for name in folders}, tuple(known)
    if all(name.isdigit() and int(name) < len(known) for name in folders):
        return {name: int(name) for name in folders}, tuple(known)
    return {name: i for i, name in enumerate(folders)}, tuple(folders)


def _plain(name: str) -> Iterator[Path]:
    """The folders and zips that hold a named data set."""
    folder = DATASETS[name].folder
    for root in roots() if folder else ():
        if (root / folder).is_dir():
            yield root / folder
        if (root / f"{folder}.zip").is_file():
            yield root / f"{folder}.zip"


# ---------------------------------------------------------------- loading


def spread(labels: Tensor) -> Tensor:
    """A fixed random order `[N]` in which every beginning has nearly the shares of the classes that the whole has.

    Within each class the pictures are shuffled; number r of a class with m pictures then comes at about (r + u) / m.
    """
    shuffled = torch.randperm(len(labels), generator=generator(0))
    place = torch.empty(len(labels), dtype=torch.float64)
    jitter = torch.rand(len(labels), generator=generator(1), dtype=torch.float64)
    for label in labels.unique().tolist():
        own = shuffled[labels[shuffled] == label]
        place[own] = (torch.arange(len(own)) + jitter[own]) / len(own)
    return place.argsort()


def decode(album: Album, n: int | None, channels: int, size: int, short: int) -> tuple[Tensor, Tensor]:
    """uint8 pictures `[n, channels, size, size]` and labels: all in the album's order, or the first n of `spread`.

    Each is scaled so that its short side is `short`, then cut to its centre.
    """
    chosen = torch.arange(len(album.labels)) if n is None else spread(album.labels)[:n]
    if album.array is not None and album.array.shape[1:] == (channels, size, size):
        return album.array[chosen].contiguous(), album.labels[chosen]
    x = torch.empty(len(chosen), channels, size, size, dtype=torch.uint8)
    for row, i in enumerate(progress(chosen.tolist(), "reading pictures")):
        try:
            picture = album.open(i).convert("L" if channels == 1 else "RGB")
        except Exception as error:  # PIL and zipfile raise many kinds for a broken picture; none is swallowed
            raise Damaged(f"{album.where(i)} ({error})") from error
        if picture.size != (size, size) or short != size:
            picture = F.center_crop(F.resize(picture, short), [size, size])
        x[row] = F.pil_to_tensor(picture)
    return x, album.labels[chosen]


def load(name: str, split: str, n: int | None, channels: int, size: int, short: int) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Pictures uint8 `[n, channels, size, size]`, labels and class names of a named data set, fetched if it is not here.

    A damaged copy is named in a warning, and the next copy is taken, in the end a fresh one.
    """
    data, trouble = DATASETS[name], None
    for reader in _copies(name, split):
        try:
            album = reader()
            return *decode(album, n, channels, size, short), album.names
        except Damaged as error:
            trouble = error
            warnings.warn(f"{error} is damaged; another copy is looked for or fetched.", stacklevel=3)
    if data.archives is None:
        raise _missing(name, trouble)
    root = _fetch(name, split, trouble)
    album = data.read(root, split)
    return *decode(album, n, channels, size, short), album.names


def load_folder(path: Path, world: str, split: str, n: int | None, channels: int, size: int, short: int):
    """The same for a folder or zip of pictures of the user's own."""
    known = next(data.names for data in DATASETS.values() if data.world == world)()
    try:
        album = open_folder(path, split, known)
        return *decode(album, n, channels, size, short), album.names
    except Damaged as error:
        raise FetchError(f"{error} is damaged", "a fresh copy is needed, or the same folder without it") from error


def _copies(name: str, split: str) -> Iterator[Callable[[], Album]]:
    """One reader for each copy of a data set on this machine; a reader raises Damaged."""
    data = DATASETS[name]
    for root in roots():
        if data.archives and all(_there(root, archive) for archive in data.archives(split)):
            yield functools.partial(_checked, data, root, split)
    for path in _plain(name):
        yield functools.partial(open_folder, path, split, data.names())


def _unpacked(root: Path, archive: Archive) -> dict[Path, str | None]:
    """The files that must be there once an archive is fetched and unpacked, with their checksums."""
    path = root / archive.path
    return {path.parent / name: md5 for name, md5 in archive.gives.items()} or {path: archive.md5}


def _there(root: Path, archive: Archive) -> bool:
    return all(path.exists() for path in _unpacked(root, archive))


def _checked(data: DataSet, root: Path, split: str) -> Album:
    for archive in data.archives(split):
        for path, md5 in _unpacked(root, archive).items():
            if md5 and md5sum(path) != md5:
                raise Damaged(f"{path} (wrong checksum)")
    return data.read(root, split)


# ---------------------------------------------------------------- fetching


def fetch(name: str) -> None:
    """Make sure that a named data set is on this machine, both splits, whole as far as checksums can tell."""
    for split in ("train", "test"):
        trouble = None
        for reader in _copies(name, split):
            try:
                reader()
                break
            except Damaged as error:
                trouble = error
                warnings.warn(f"{error} is damaged; another copy is looked for or fetched.", stacklevel=3)
        else:
            if DATASETS[name].archives is None:
                raise _missing(name, trouble)
            _fetch(name, split, trouble)


def _missing(name: str, trouble: Damaged | None) -> FetchError:
    folder = DATASETS[name].folder
    what = f"{trouble} is damaged" if trouble else f"{name} is not on this machine"
    return FetchError(what, "it cannot be fetched", f"put {folder}.zip or the folder {folder} into {downloads()}")


def _fetch(name: str, split: str, trouble: Damaged | None) -> Path:
    """Fetch and unpack what is missing or damaged of a data set into `downloads()`, which is returned."""
    root = downloads()
    for archive in DATASETS[name].archives(split):
        whole = all(path.exists() and md5 and md5sum(path) == md5 for path, md5 in _unpacked(root, archive).items())
        if whole or (not trouble and _there(root, archive) and None in archive.gives.values()):
            continue
        for left, url in reversed(list(enumerate(reversed(archive.urls)))):
            try:
                download(url, root / archive.path, archive.md5)
                break
            except ConnectionError as error:
                if not left:  # no mirror is left
                    what = f"{trouble} is damaged and {name} could not be fetched" if trouble else f"{name} could not be fetched"
                    by_hand = f"put {Path(archive.path).name} into {(root / archive.path).parent}"
                    raise FetchError(what, error, by_hand) from error
        if archive.gives:
            unpack(root / archive.path, archive.gives)
    return root
