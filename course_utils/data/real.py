"""Real pictures: MNIST, GTSRB, CIFAR-10, SVHN, Imagenette, ImageNet photos, and any folder or zip of pictures.

A data set is looked for in each of `downloads.roots()`: first as torchvision lays it out, then as a
folder, then as a zip. All are read by torchvision's own dataset classes.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from PIL import Image
from torch import Tensor
from torchvision import datasets
from torchvision.transforms import functional as F

from ..runtime import generator, progress
from . import catalogue
from .catalogue import WORLD, archives
from .downloads import FetchError, download, downloads, md5sum, roots, unpack

Result = TypeVar("Result")


class Damaged(Exception):
    """A file that is there but cannot be read, or has the wrong checksum; the message names it."""


class Album(NamedTuple):
    """A data set before decoding: torchvision's object, labels, class names, where picture i lies."""

    data: datasets.VisionDataset
    labels: Tensor
    names: tuple[str, ...]
    where: Callable[[int], str]
    array: Tensor | None = None  # all pictures, uint8 [N, C, H, W], where the data set is stored as one block


# ---------------------------------------------------------------- torchvision's layouts


def open_dataset(name: str, root: Path, split: str) -> Album:
    """A data set as torchvision lays it out below `root`; Damaged if a checksum is wrong."""
    for archive in archives(name, split):
        for path, md5 in archive.results(root).items():
            if md5 and md5sum(path) != md5:
                raise Damaged(f"{path} (wrong checksum)")
    if name == "mnist":
        mnist = datasets.MNIST(root, train=split == "train")
        return Album(mnist, mnist.targets, catalogue.DIGIT_NAMES, lambda i: f"{root}/MNIST", mnist.data[:, None])
    if name == "cifar10":
        cifar = datasets.CIFAR10(root, train=split == "train")
        array = torch.from_numpy(cifar.data).permute(0, 3, 1, 2)
        labels, where = torch.tensor(cifar.targets), f"{root}/{cifar.base_folder}"
        return Album(cifar, labels, catalogue.CIFAR10_NAMES, lambda i: where, array)
    if name == "svhn":
        svhn = datasets.SVHN(root, split)
        array, labels = torch.from_numpy(svhn.data), torch.from_numpy(svhn.labels).long()
        return Album(svhn, labels, catalogue.DIGIT_NAMES, lambda i: f"{root}/{svhn.filename}", array)
    if name == "gtsrb":
        signs = datasets.GTSRB(root, split)
        labels = torch.tensor([label for _, label in signs._samples])  # torchvision shows no labels without decoding
        return Album(signs, labels, catalogue.GTSRB_NAMES, lambda i: signs._samples[i][0])
    photos = datasets.Imagenette(root, "train" if split == "train" else "val", size="320px")
    labels = torch.tensor([catalogue.IMAGENETTE[photos.wnids[label]] for _, label in photos._samples])
    return Album(photos, labels, catalogue.imagenet_names(), lambda i: photos._samples[i][0])


# ---------------------------------------------------------------- folders and zips


class PictureFolder(datasets.ImageFolder):
    """torchvision's ImageFolder, also for zips, for `train` and `test` or `val` above the classes, and without classes.

    Class folders named after, or numbered like, the `known` classes (or after WordNet ids, for ImageNet's) get
    those labels; other names are classes of their own, in alphabetical order. Pictures outside class folders have
    the label -1, unknown, but `<index>_<WordNet id>_<name>.jpg` is of ImageNet class `index`. Class folders without
    `train` and `test` are split here: the last fifth of `spread` is for testing. A flat folder is not split.
    """

    def __init__(self, path: Path, split: str, known: Sequence[str]) -> None:
        if path.is_dir():
            files = [file.relative_to(path).as_posix() for file in path.rglob("*")]
            read = lambda name: (path / name).read_bytes()  # noqa: E731
        else:
            archive = zipfile.ZipFile(path)
            files, read = archive.namelist(), archive.read
        hidden = re.compile(r"(^|/)(\.|__MACOSX)")
        files = [f for f in files if f.lower().endswith(datasets.folder.IMG_EXTENSIONS) and not hidden.search(f)]
        outer = f"{path.stem}/"  # a zip may hold its folder, or only what is inside
        top = len(outer) if path.is_file() and all(name.startswith(outer) for name in files) else 0
        parts = [part for part in ("train", "test", "val") if any(name.startswith(f"{part}/", top) for name in files)]
        own = [part for part in parts if (part == "train") == (split == "train")][:1]
        self.files = sorted(name for name in files if not parts or name[top:].split("/")[0] in own)
        self.skip = bool(top) + bool(parts)  # levels above the class folders
        self.divide, self.split, self.known, self.imagenet = not parts, split, tuple(known), len(known) == 1000
        super().__init__(str(path), loader=lambda name: Image.open(io.BytesIO(read(name))))

    def _folder(self, name: str) -> str | None:
        levels = name.split("/")[self.skip : -1]
        return levels[0] if levels else None

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        if not self.files:
            kinds = ", ".join(datasets.folder.IMG_EXTENSIONS)
            raise ValueError(f"{directory} holds no pictures for {self.split!r}; files ending in {kinds} are expected.")
        folders = sorted({self._folder(name) or "" for name in self.files})
        known = {name: i for i, name in enumerate(self.known)}
        if self.imagenet:
            known.update(catalogue.IMAGENETTE)
        if all(name in known for name in folders):
            return list(self.known), {name: known[name] for name in folders}
        if all(name.isdecimal() and int(name) < len(self.known) for name in folders) or "" in folders:
            return list(self.known), {name: int(name) for name in folders if name.isdecimal()}
        return folders, {name: i for i, name in enumerate(folders)}

    def make_dataset(self, directory: str, class_to_idx: dict[str, int], *_, **__) -> list[tuple[str, int]]:
        if None not in map(self._folder, self.files):
            samples = [(name, class_to_idx[self._folder(name)]) for name in self.files]
            order = spread(torch.tensor([label for _, label in samples])).tolist() if self.divide else []
            testing = set(order[len(order) - len(order) // 5 :])
            return [s for i, s in enumerate(samples) if not self.divide or (i in testing) == (self.split == "test")]
        indices = [re.match(r"0?(\d{1,3})_n\d{8}_", Path(name).name) for name in self.files]
        return [(name, int(index[1]) if index and self.imagenet else -1) for name, index in zip(self.files, indices)]


def open_folder(path: Path, split: str, known: Sequence[str]) -> Album:
    """A folder or zip of pictures; Damaged if the zip is."""
    try:
        folder = PictureFolder(path, split, known)
    except zipfile.BadZipFile as error:
        raise Damaged(f"{path} ({error})") from error
    if not folder.samples:
        raise ValueError(f"{path} holds too few pictures to set a fifth aside for {split!r}; at least 5 are expected.")
    return Album(folder, torch.tensor(folder.targets), tuple(folder.classes), lambda i: f"{path}/{folder.samples[i][0]}")


# ---------------------------------------------------------------- pictures


def spread(labels: Tensor) -> Tensor:
    """A fixed random order `[N]` in which every beginning has nearly the shares of the classes that the whole has.

    Within each class the pictures are shuffled; number r of a class with m pictures then comes at about (r + u) / m.
    """
    shuffled = torch.randperm(len(labels), generator=generator(0))
    jitter = torch.rand(len(labels), generator=generator(1), dtype=torch.float64)
    place = torch.empty_like(jitter)
    for label in labels.unique().tolist():
        own = shuffled[labels[shuffled] == label]
        place[own] = (torch.arange(len(own)) + jitter[own]) / len(own)
    return place.argsort()


def decode(album: Album, n: int | None, channels: int, size: int, short: int) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """uint8 pictures `[n, channels, size, size]`, labels, names: all in the data set's order, or the first n of `spread`.

    Each picture is scaled so that its short side is `short`, then cut to its centre.
    """
    chosen = torch.arange(len(album.labels)) if n is None else spread(album.labels)[:n]
    if album.array is not None and album.array.shape[1:] == (channels, size, size):
        return album.array[chosen].contiguous(), album.labels[chosen], album.names
    x = torch.empty(len(chosen), channels, size, size, dtype=torch.uint8)
    for row, i in enumerate(progress(chosen.tolist(), "reading pictures")):
        try:
            picture = album.data[i][0].convert("L" if channels == 1 else "RGB")
        except Exception as error:  # PIL and zipfile raise many kinds for a broken picture; all are passed on
            raise Damaged(f"{album.where(i)} ({error})") from error
        if picture.size != (size, size) or short != size:
            picture = F.center_crop(F.resize(picture, short), [size, size])
        x[row] = F.pil_to_tensor(picture)
    return x, album.labels[chosen], album.names


def load(name: str, split: str, *how) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """`decode(album, *how)` of a named data set, which is fetched if it is not here."""
    return use(name, split, lambda album: decode(album, *how))


def load_folder(path: Path, world: str, split: str, *how) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """The same for a folder or zip of pictures of the user's own."""
    try:
        return decode(open_folder(path, split, catalogue.names(world)), *how)
    except Damaged as error:
        raise FetchError("damaged", error, "replace it, or take it out") from error


# ---------------------------------------------------------------- finding and fetching


def default(world: str) -> str:
    """The data set that stands for a world: for photos the folder `imagenet-photos` if there is one, else Imagenette."""
    name = next(name for name in WORLD if WORLD[name] == world)
    return name if name != "imagenet" or any(_folders(name)) else "imagenette"


def fetch(name: str) -> None:
    """Make sure that a named data set is on this machine, both splits, whole as far as checksums can tell."""
    for split in ("train", "test"):
        use(name, split, lambda album: None)


def use(name: str, split: str, work: Callable[[Album], Result]) -> Result:
    """`work(album)` with the first copy of a data set that is whole; a damaged one is named in a warning.

    When there is none, the data set is fetched.
    """
    trouble = None
    for opened in copies(name, split):
        try:
            return work(opened())
        except Damaged as error:
            trouble = error
            warnings.warn(f"Damaged: {error}. Another copy is looked for, or fetched.", stacklevel=2)
    what = f"damaged: {trouble}; {name} could not be fetched" if trouble else f"{name} could not be fetched"
    root = downloads()
    if not archives(name, split):
        folder = catalogue.FOLDERS[name][0]
        raise FetchError(what, "it has no public address", f"put {folder}.zip or the folder {folder} into {root}")
    for archive in archives(name, split):
        results = archive.results(root).items()
        if any(not path.exists() or (md5sum(path) != md5 if md5 else trouble) for path, md5 in results):
            _fetch(archive, root, what)
    try:
        return work(open_dataset(name, root, split))
    except Damaged as error:
        raise FetchError("damaged, although just fetched", error) from error


def copies(name: str, split: str) -> Iterator[Callable[[], Album]]:
    """For each copy of a data set on this machine, a function that opens it."""
    wanted = archives(name, split)
    for root in roots():
        if wanted and all(path.exists() for archive in wanted for path in archive.results(root)):
            yield partial(open_dataset, name, root, split)
    for path in _folders(name):
        yield partial(open_folder, path, split, catalogue.names(WORLD[name]))


def _folders(name: str) -> Iterator[Path]:
    for root in roots():
        for folder in catalogue.FOLDERS.get(name, ()):
            yield from (path for path in (root / folder, root / f"{folder}.zip") if path.exists())


def _fetch(archive: catalogue.Archive, root: Path, what: str) -> None:
    """Fetch an archive from the first of its mirrors that answers, and unpack it."""
    path, problem = root / archive.path, None
    for url in archive.urls:
        try:
            download(url, path, archive.md5)
            break
        except ConnectionError as error:
            problem = error
    else:
        raise FetchError(what, problem, f"put {path.name} into {path.parent}") from problem
    if archive.gives:
        unpack(path, archive.gives)
