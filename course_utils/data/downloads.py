"""Downloads that are checked and resumable, and never leave a half-written file under a complete name."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import stat
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from torchvision.datasets.utils import extract_archive

from ..runtime import progress

CHUNK = 1 << 18  # bytes read at a time


class FetchError(RuntimeError):
    """Data that is not here and could not be fetched. Always two lines: what happened, and how to go on."""

    def __init__(self, what: str, reason: object, by_hand: str = "") -> None:
        self.what, self.reason, self.by_hand = what, reason, by_hand
        hand = f"; or by hand: {by_hand}" if by_hand else ""
        super().__init__(
            f"{what}: {' '.join(str(reason).split())}\n"
            f'To go on with drawn pictures: setup(data="drawn"), with COURSE_DATA unset{hand}.'
        )


# ---------------------------------------------------------------- where the files are


def home() -> Path:
    """`data/downloads` of the checkout that this package lies in, or a cache folder of the user for an installed one."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").exists() or (checkout / ".git").exists():
        return checkout / "data" / "downloads"
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "course_utils"


def roots() -> list[Path]:
    """The folders in which data sets are looked for: COURSE_DATA_DIR if it is set, then `home()`."""
    given = os.environ.get("COURSE_DATA_DIR")
    return [Path(given).expanduser(), home()] if given else [home()]


def downloads() -> Path:
    """The folder that downloads go into: the first of `roots()` that may be written."""
    return next((root for root in roots()[:-1] if _writable(root)), roots()[-1])


def _writable(folder: Path) -> bool:
    """Also a superuser, who may write everywhere, leaves folders alone that are marked read-only."""
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK) and bool(folder.stat().st_mode & stat.S_IWUSR)


# ---------------------------------------------------------------- one file


def md5sum(path: Path) -> str:
    """The MD5 checksum, which is what torchvision's data sets publish."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def download(url: str, path: Path, md5: str | None = None, urlopen: Callable | None = None, tries: int = 3) -> Path:
    """Fetch `url` to `path`, which appears only once it is complete and its checksum is right.

    Until then the bytes lie in `<path>.part`; a later call goes on where that ends (HTTP Range). A
    broken transfer is resumed and a wrong checksum starts over, `tries` times in all.
    """
    part = path.with_name(path.name + ".part")
    if path.is_file():
        if md5 is None or md5sum(path) == md5:
            return path
        warnings.warn(f"{path} is damaged (wrong checksum); it is fetched again.", stacklevel=2)
        os.replace(path, part)  # it may be a good beginning; if not, the checksum will tell again
    path.parent.mkdir(parents=True, exist_ok=True)
    problem: object = ""
    for _ in range(tries):
        before = _size(part)
        if not (before and md5 and md5sum(part) == md5):  # a part can be whole: stopped just before the rename
            try:
                _transfer(url, part, urlopen or urllib.request.urlopen)
            except (OSError, http.client.HTTPException) as error:
                problem = error
                if getattr(error, "code", None) == 416:  # the part is longer than the file: not a part of it
                    part.unlink()
                elif _size(part) <= before:  # nothing came: trying again at once would not help
                    break
                continue
        if md5 is None or md5sum(part) == md5:
            os.replace(part, path)
            return path
        problem = "wrong checksum"
        part.unlink()
    raise ConnectionError(f"{url}: {problem}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _transfer(url: str, part: Path, urlopen: Callable) -> None:
    """Append to `part` what is missing of `url`; ConnectionError when the transfer ends too early."""
    have = _size(part)
    headers = {"User-Agent": "course_utils", **({"Range": f"bytes={have}-"} if have else {})}
    with urlopen(urllib.request.Request(url, headers=headers), timeout=30) as response:
        if response.status != 206:  # the server sends the whole file
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        chunks: Iterable[bytes] = iter(lambda: response.read(CHUNK), b"")
        shown = os.environ.get("COURSE_PROGRESS", "1") == "1"  # someone waits for it, also in a notebook
        with open(part, "ab" if have else "wb") as file:
            steps = (total - have + CHUNK - 1) // CHUNK if total else None
            for chunk in progress(chunks, f"fetching {part.stem}", steps, shown=shown):
                file.write(chunk)
    if total is not None and _size(part) != total:
        raise ConnectionError(f"the transfer ended after {_size(part):,} of {total:,} bytes")


def unpack(archive: Path, gives: Collection[str]) -> None:
    """Unpack beside the archive: first into a hidden folder, then each of the paths `gives` is renamed into place."""
    aside = archive.parent / f".unpacking-{archive.name}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        extract_archive(str(archive), str(aside))
        if missing := [name for name in gives if not (aside / name).exists()]:
            raise FileNotFoundError(f"{archive} does not hold {', '.join(missing)}")
        for name in gives:
            target = archive.parent / name
            if target.is_dir():
                shutil.rmtree(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(aside / name, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
