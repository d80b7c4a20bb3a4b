"""Real pictures: a named data set is found, or fetched, and read; so is any folder or zip of pictures.

A data set is looked for in each of `downloads.roots()`: first as torchvision lays it out, then as a
folder, then as a zip. All are read by torchvision's own dataset classes.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from .albums import Album, Damaged, Decoded, decode
from .catalogue import Archive
from .downloads import FetchError, download, md5sum, on_disk, roots, writable_root
from .folders import open_folder, stamp
from .locks import alone
from .sets import SETS, archives, open_dataset
from .unpacking import unpack

Result = TypeVar("Result")


def load(name: str, split: str, *how) -> Decoded:
    """`decode(album, *how)` of a named data set, which is fetched if it is not here."""
    return with_whole_copy(name, split, lambda album: decode(album, *how))


def load_folder(path: Path, known: str | None, split: str, *how) -> Decoded:
    """The same for a folder or zip of pictures of the user's own; `known` is the data set whose class names it may use."""
    try:
        return decode(_open_folder(path, known, split), *how)
    except Damaged as error:
        raise FetchError("damaged", error, "replace it, or take it out") from error


def default(names: Sequence[str]) -> str:
    """Of several data sets, the first that is here as a folder or can be fetched, else the last."""
    return next((name for name in names if SETS[name].archives or any(_folders(name))), names[-1])


def fetch(name: str) -> None:
    """Make sure that a named data set is on this machine, both splits, whole as far as checksums can tell."""
    for split in ("train", "test"):
        with_whole_copy(name, split, lambda album: None)


def state(where: str | Path, split: str) -> tuple:
    """Something that is another when the files of a data set, or of a folder or zip of pictures, are others."""
    if isinstance(where, Path):
        return (stamp(where),)
    files = [_changed(path) for root in roots() for archive in archives(where, split) for path in archive.results(root)]
    return (*roots(), *files, *map(stamp, _folders(where)))


# ---------------------------------------------------------------- finding


def with_whole_copy(name: str, split: str, work: Callable[[Album], Result]) -> Result:
    """`work(album)` with the first copy of a data set that is whole; a damaged one is named in a warning.

    When there is none, the data set is fetched.
    """
    trouble, before = None, state(name, split)
    for opened in copies_here(name, split):
        try:
            return work(opened())
        except Damaged as error:
            trouble = error
            warnings.warn(f"Damaged: {error}. Another copy is looked for, or fetched.", stacklevel=2)
    what = f"damaged: {trouble}; {name} could not be fetched" if trouble else f"{name} could not be fetched"
    root = writable_root(what)
    if not archives(name, split):
        folder = SETS[name].folders[0]
        raise FetchError(what, "it has no public address", f"put {folder}.zip or the folder {folder} into {root}")
    for archive in archives(name, split):
        _fetch(archive, root, what, before if trouble else ())
    try:
        return work(open_dataset(name, root, split))
    except Damaged as error:
        raise FetchError("damaged, although just fetched", error) from error


def copies_here(name: str, split: str) -> Iterator[Callable[[], Album]]:
    """For each copy of a data set on this machine, a function that opens it."""
    wanted = archives(name, split)
    for root in roots():
        if wanted and all(os.path.exists(path) for archive in wanted for path in archive.results(root)):
            yield partial(open_dataset, name, root, split)
    for path in _folders(name):
        yield partial(_open_folder, path, name, split)


def _open_folder(path: Path, known: str | None, split: str) -> Album:
    names, ids = (SETS[known].names(), SETS[known].ids) if known else ((), {})
    return open_folder(path, split, names, ids)


def _folders(name: str) -> Iterator[Path]:
    for root in roots():
        for folder in SETS[name].folders:
            yield from (path for path in (root / folder, root / f"{folder}.zip") if os.path.exists(path))


def _changed(path: Path) -> tuple[Path, int, int] | None:
    """Which file is there, and when it changed."""
    about = os.stat(path) if os.path.exists(path) else None
    return about and (path, about.st_ino, about.st_mtime_ns)


# ---------------------------------------------------------------- fetching


def _fetch(archive: Archive, root: Path, what: str, damaged: tuple) -> None:
    """Fetch and unpack an archive, unless its files are here and whole. `damaged`: the `state` that was found damaged.

    One process at a time; another one that waited finds the files here.
    """
    path = root / archive.path
    with on_disk(what, path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path):
            if all(_is_whole(file, md5, damaged) for file, md5 in archive.results(root).items()):
                return
            _from_mirrors(archive, path, what)
            if archive.gives:
                unpack(path, archive.gives)


def _is_whole(path: Path, md5: str | None, damaged: tuple) -> bool:
    """Whether a file has its checksum; one without, or a folder, is not whole as long as it is one of the `damaged`."""
    if not os.path.exists(path):
        return False
    return md5sum(path) == md5 if md5 else _changed(path) not in damaged


def _from_mirrors(archive: Archive, path: Path, what: str) -> None:
    """Download an archive from the first of its mirrors that answers."""
    problem = None
    for url in archive.urls:
        try:
            download(url, path, archive.md5)
            return
        except ConnectionError as error:
            problem = error
    raise FetchError(what, problem, f"put {path.name} into {path.parent}") from problem
