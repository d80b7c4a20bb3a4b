"""Unpacking archives: whole or not at all, and nothing outside the folder."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from torchvision.datasets.utils import extract_archive

from .downloads import FetchError, on_disk


def leads_outside(name: str) -> bool:
    """Whether a name in an archive is absolute or climbs with `..`."""
    return re.search(r"^([A-Za-z]:)?[/\\]|(^|[/\\])\.\.([/\\]|$)", name) is not None


def unpack(archive: Path, gives: Collection[str]) -> None:
    """Unpack beside the archive: first into a hidden folder, then each of the paths `gives` is renamed into place."""
    aside = archive.parent / f".unpacking-{archive.name}"
    what, remedy = f"{archive} could not be unpacked", f"delete {archive.name}, so that it is fetched again"
    with on_disk(what, archive.parent):
        shutil.rmtree(aside, ignore_errors=True)
        try:
            if outside := next(_outside(archive), None):
                raise FetchError(what, f"it holds {outside!r}, which leads outside; nothing was unpacked", remedy)
            (aside / "new").mkdir(parents=True)
            extract_archive(str(archive), str(aside / "new"))
            if missing := [name for name in gives if not (aside / "new" / name).exists()]:
                raise FetchError(what, f"it does not hold {', '.join(missing)}", remedy)
            for name in gives:
                _replace(aside / "new" / name, archive.parent / name, aside / "old")
        except (EOFError, gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
            raise FetchError(what, f"it is damaged ({error})", remedy) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _replace(new: Path, target: Path, old: Path) -> None:
    """Rename `new` to `target`. A folder that is there is renamed to `old`, so that it is never there in part."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(old, ignore_errors=True)
        os.replace(target, old)
    os.replace(new, target)


def _outside(archive: Path) -> Iterator[str]:
    """What in a zip or tar could be written outside the folder that it is unpacked into, or is no file, folder or link."""
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as packed:
            yield from filter(leads_outside, packed.namelist())
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as packed:
            for member in packed:
                link = member.issym() or member.islnk()
                if leads_outside(member.name) or (link and leads_outside(member.linkname)) or member.isdev():
                    yield member.name
