"""Folders and zips of pictures of one's own: which files are pictures, which folder is a class, which a split."""

from __future__ import annotations

import hashlib
import io
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import torch
from PIL import Image
from torchvision import datasets

from .albums import Album, Damaged, balanced_order
from .unpacking import leads_outside

EXTENSIONS = datasets.folder.IMG_EXTENSIONS
HIDDEN = re.compile(r"\.|__MACOSX")  # how names begin that are passed over
SPLITS = {"train": ("train",), "test": ("test", "val")}  # folder names, the first that is there


# ---------------------------------------------------------------- which files are pictures


def is_picture(name: str) -> bool:
    """Whether a file's name, or its path, is that of a picture, and nothing in it is hidden."""
    return name.lower().endswith(EXTENSIONS) and not any(HIDDEN.match(part) for part in name.split("/"))


def pictures(path: Path) -> tuple[list[str], Callable[[str], bytes]]:
    """The pictures in a folder or zip: their names relative to it, with "/", sorted; and a function that reads one."""
    if path.is_dir():
        return sorted(_below(path)), lambda name: (path / name).read_bytes()
    archive = zipfile.ZipFile(path)
    if outside := next(filter(leads_outside, archive.namelist()), None):
        raise ValueError(f"{path} holds {outside!r}, which leads out of it; pack it again without such names.")
    return sorted({name for name in archive.namelist() if is_picture(name)}), archive.read


def _below(folder: Path, prefix: str = "", above: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names of the pictures below a folder. Links to folders are followed, but those that lead back up are not."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise ValueError(f"{folder} cannot be read ({error.strerror}); change its rights, or take it out.") from error
    for entry in entries:
        if os.path.isdir(entry) if entry.is_symlink() else entry.is_dir():
            if not HIDDEN.match(entry.name):
                yield from _below(Path(entry), f"{prefix}{entry.name}/", above | {real})
        elif is_picture(entry.name):
            yield prefix + entry.name


def stamp(path: Path) -> str:
    """A digest that changes when a picture is added, replaced or removed: of names, sizes and times of change."""
    digest = hashlib.sha256()
    for name in sorted(_below(path)) if path.is_dir() else [""]:
        try:
            about = os.stat(path / name)
        except OSError:  # a link that leads nowhere; reading it will say so
            state = None
        else:
            state = (about.st_size, about.st_mtime_ns, about.st_ctime_ns)  # a copy can keep the mtime, not the ctime
        digest.update(os.fsencode(name) + f"\0{state}\0".encode())
    return digest.hexdigest()


# ---------------------------------------------------------------- which folder is a class, which a split


class Arrangement(NamedTuple):
    """The pictures of one split, the class folder of each (None: in no folder), and the class folders of all splits."""

    names: list[str]
    classes: list[str | None]
    folders: list[str]
    divided: bool  # into splits, by folders
    loose: list[str]  # pictures beside the class folders or the splits; they are left out


def arrange(names: Sequence[str], split: str) -> Arrangement:
    """Sort the names of pictures ("cat/1.png", "train/cat/1.png", "1.png") into splits and classes."""
    above = {name: name.split("/")[:-1] for name in names}
    top = {name: parts[0].lower() if parts else "" for name, parts in above.items()}
    divided = _are_splits(set(top.values()) - {""}, deep=any(len(parts) > 1 for parts in above.values()))
    level = int(divided)  # of the class folders
    folder = {name: parts[level] if len(parts) > level else None for name, parts in above.items()}
    wanted = next((part for part in SPLITS[split] if part in top.values()), None)
    own = [name for name in names if not divided or top[name] == wanted]
    labelled = any(folder[name] for name in own)
    kept = [name for name in own if folder[name] or not labelled]
    loose = [name for name in names if divided and not above[name]]
    loose += [name for name in own if labelled and not folder[name]]
    return Arrangement(kept, [folder[name] for name in kept], sorted({*folder.values()} - {None}), divided, loose)


def _are_splits(tops: set[str], deep: bool) -> bool:
    """Whether folders are splits: all are called like splits, and they hold class folders or there are two of them.

    So `train` beside `bus` is a class, and so is `train` alone with nothing but pictures in it.
    """
    called_so = bool(tops) and tops <= {part for parts in SPLITS.values() for part in parts}
    return called_so and (deep or len(tops) > 1)


def numbers(folders: Sequence[str], names: Sequence[str], ids: Mapping[str, int]) -> tuple[list[str], dict[str, int]]:
    """Class names, and the label of each class folder: those of the known classes if all folders fit them."""
    known = {name: i for i, name in enumerate(names)} | dict(ids)
    if all(folder in known for folder in folders):
        return list(names), {folder: known[folder] for folder in folders}
    if all(folder.isdecimal() and int(folder) < len(names) for folder in folders):
        return list(names), {folder: int(folder) for folder in folders}
    return list(folders), {folder: i for i, folder in enumerate(folders)}


class PictureFolder(datasets.ImageFolder):
    """torchvision's ImageFolder, also for zips, for `train` and `test` or `val` above the classes, and without classes.

    Class folders named after, or numbered like, the known classes `names` (or by their `ids`: WordNet's, for
    ImageNet's) get those labels; other names are classes of their own, in alphabetical order over both splits.
    Class folders without `train` and `test` are split here: the last fifth of `balanced_order` is for testing.

    `train`, `test` and `val` are splits where the top level holds no other folders, and class folders below or two of
    them; else they are classes. A picture that lies beside class folders is left out, and a warning names it. Without
    any class folder all labels are -1, unknown, but `<index>_<WordNet id>_<name>.jpg` is of ImageNet class `index`;
    such a folder is not split.
    """

    def __init__(self, path: Path, split: str, names: Sequence[str], ids: Mapping[str, int]) -> None:
        found, read = pictures(path)
        outer = f"{path.stem}/"  # a zip may hold its folder, or only what is inside
        top = outer if path.is_file() and all(name.startswith(outer) for name in found) else ""
        self.found = arrange([name[len(top) :] for name in found], split)
        self.split, self.names, self.ids = split, tuple(names), ids
        if self.found.loose:
            some = ", ".join(self.found.loose[:5]) + (" ..." if len(self.found.loose) > 5 else "")
            warnings.warn(f"{path}: left out, because they lie beside class folders: {some}", stacklevel=2)
        super().__init__(str(path), loader=lambda name: Image.open(io.BytesIO(read(top + name))))

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        if not self.found.names:
            kinds = ", ".join(EXTENSIONS)
            raise ValueError(f"{directory} holds no pictures for {self.split!r}; files ending in {kinds} are expected.")
        return numbers(self.found.folders, self.names, self.ids)

    def make_dataset(self, directory: str, class_to_idx: dict[str, int], *_, **__) -> list[tuple[str, int]]:
        names, classes = self.found.names, self.found.classes
        if None in classes:  # then all are: no class folders
            indices = [re.match(r"0?(\d{1,3})_n\d{8}_", PurePosixPath(name).name) for name in names]
            return [(name, int(index[1]) if index and self.ids else -1) for name, index in zip(names, indices)]
        samples = [(name, class_to_idx[folder]) for name, folder in zip(names, classes)]
        if self.found.divided:
            return samples
        order = balanced_order(torch.tensor([label for _, label in samples])).tolist()
        testing = set(order[len(order) - len(order) // 5 :])
        return [sample for i, sample in enumerate(samples) if (i in testing) == (self.split == "test")]


def open_folder(path: Path, split: str, names: Sequence[str], ids: Mapping[str, int]) -> Album:
    """A folder or zip of pictures; Damaged if the zip is."""
    try:
        folder = PictureFolder(path, split, names, ids)
    except zipfile.BadZipFile as error:
        raise Damaged(f"{path} ({error})") from error
    if not folder.samples:
        raise ValueError(f"{path} holds too few pictures to set a fifth aside for {split!r}; at least 5 are expected.")
    return Album(folder, torch.tensor(folder.targets), tuple(folder.classes), lambda i: f"{path}/{folder.samples[i][0]}")
