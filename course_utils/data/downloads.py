"""Downloads that are checked and resumable, and never leave a half-written file under a complete name."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import os
import stat
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..runtime import course_folder, progress
from .locks import alone

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


@contextlib.contextmanager
def on_disk(what: str, folder: Path) -> Iterator[None]:
    """Trouble with files, such as a full disk, becomes a FetchError that names the folder; the network's does not."""
    try:
        yield
    except ConnectionError:
        raise
    except OSError as error:
        remedy = f"make room in {folder} or let it be written, or set COURSE_DATA_DIR to another folder"
        raise FetchError(what, f"{error.strerror or error} ({error.filename or folder})", remedy) from error


# ---------------------------------------------------------------- where the files are


def home() -> Path:
    """`data/downloads` in the course's folder, or a cache folder of the user where only the package is installed."""
    try:
        return course_folder() / "data" / "downloads"
    except FileNotFoundError:
        if os.environ.get("COURSE_ROOT"):  # named, but not there: said, not passed over
            raise
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "course_utils"


def roots() -> list[Path]:
    """The folders in which data sets are looked for: COURSE_DATA_DIR if it is set, then `home()`."""
    given = os.environ.get("COURSE_DATA_DIR")
    if not given:
        return [home()]
    folder = Path(given).expanduser()
    if not (there := _nearest(folder)).is_dir():
        raise ValueError(f"COURSE_DATA_DIR is {given!r}, but {there} is a file; the path of a folder is expected.")
    return [folder, home()]


def writable_root(what: str) -> Path:
    """The folder that downloads go into: the first of `roots()` that may be written. `what` is said if none may."""
    for root in roots():
        if _writable(root):
            return root
    places = " and ".join(map(str, roots()))
    raise FetchError(what, f"{places} may not be written", "set COURSE_DATA_DIR to a folder that you may write")


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first one above it that is there."""
    while not os.path.exists(folder) and folder != folder.parent:  # False also where one may not look
        folder = folder.parent
    return folder


def _writable(folder: Path) -> bool:
    """Also a superuser, who may write everywhere, leaves folders alone that are marked read-only."""
    folder = _nearest(folder)
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and bool(folder.stat().st_mode & stat.S_IWUSR)


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
    broken transfer is resumed and a wrong checksum starts over, `tries` times in all. Of several
    processes that ask for the same path one fetches it, and the others wait.
    """
    part = path.with_name(path.name + ".part")
    with on_disk(f"{path.name} could not be saved", path.parent):
        if _whole(path, md5):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(part):
            if _whole(path, md5):  # fetched by another process meanwhile
                return path
            if path.is_file():
                warnings.warn(f"{path} is damaged (wrong checksum); it is fetched again.", stacklevel=2)
                os.replace(path, part)  # it may be a good beginning; if not, the checksum will tell again
            _complete(part, url, md5, urlopen or urllib.request.urlopen, tries)
            os.replace(part, path)
    return path


def _whole(path: Path, md5: str | None) -> bool:
    return path.is_file() and (md5 is None or md5sum(path) == md5)


def _complete(part: Path, url: str, md5: str | None, urlopen: Callable, tries: int) -> None:
    """Fetch what is missing of `part` until its checksum is right; ConnectionError if it never is."""
    problem: object = ""
    for _ in range(tries):
        before = _size(part)
        if not (before and md5 and md5sum(part) == md5):  # a part can be whole: stopped just before the rename
            try:
                _transfer(url, part, urlopen)
            except (OSError, http.client.HTTPException) as error:
                problem = error
                if getattr(error, "code", None) == 416:  # the part is longer than the file: not a part of it
                    part.unlink()
                elif _size(part) <= before:  # nothing came: trying again at once would not help
                    break
                continue
        if md5 is None or md5sum(part) == md5:
            return
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
        disk = f"{part.stem} could not be saved"
        with on_disk(disk, part.parent):
            file = open(part, "ab" if have else "wb", buffering=0)  # unbuffered: a full disk shows at the write
        with file:
            steps = (total - have + CHUNK - 1) // CHUNK if total else None
            for chunk in progress(chunks, f"fetching {part.stem}", steps, shown=shown):
                with on_disk(disk, part.parent):
                    _write(file, chunk)
    if total is not None and _size(part) != total:
        raise ConnectionError(f"the transfer ended after {_size(part):,} of {total:,} bytes")


def _write(file: io.RawIOBase, chunk: bytes) -> None:
    """Write all of a chunk: a file without buffer may take a part only."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]
