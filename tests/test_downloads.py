"""Downloads and unpacking: whole or not at all, one at a time, and clear words when it does not work.

Downloads are tested against a small server on this machine; nothing here uses the network.
"""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from data_help import gtsrb, md5, own_folder, server, two_lines  # noqa: F401: fixtures

from course_utils import data
from course_utils.data import downloads, locks, real, unpacking

BODY = bytes(range(256)) * 4000  # about 1 MB


def test_download_is_whole_or_absent(server, tmp_path):
    server.files["a.bin"] = BODY
    path = downloads.download(server.address + "a.bin", tmp_path / "deep" / "a.bin", md5(BODY))
    assert path.read_bytes() == BODY and [p.name for p in path.parent.iterdir()] == ["a.bin"]
    downloads.download(server.address + "a.bin", path, md5(BODY))
    assert len(server.asked) == 1  # it is here: not asked for again


def test_broken_transfer_goes_on_where_it_ended(server, tmp_path):
    server.files["a.bin"], server.cut = BODY, 400_000
    path = downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY))
    assert path.read_bytes() == BODY
    assert [given for _, given in server.asked] == [None, "bytes=400000-", "bytes=800000-"]


def test_broken_transfer_leaves_only_a_part_and_a_later_call_resumes(server, tmp_path):
    server.files["a.bin"], server.cut, path = BODY, 100_000, tmp_path / "a.bin"
    with pytest.raises(ConnectionError, match="ended after 300,000 of 1,024,000 bytes"):
        downloads.download(server.address + "a.bin", path, md5(BODY))
    assert not path.exists() and (tmp_path / "a.bin.part").stat().st_size == 300_000
    server.cut = None
    assert downloads.download(server.address + "a.bin", path, md5(BODY)).read_bytes() == BODY
    assert server.asked[-1] == ("a.bin", "bytes=300000-")


def test_server_without_ranges_sends_all_again(server, tmp_path):
    server.files["a.bin"], server.ranges = BODY, False
    (tmp_path / "a.bin.part").write_bytes(BODY[:1000])
    assert downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY)).read_bytes() == BODY
    assert server.asked == [("a.bin", "bytes=1000-")]


def test_part_of_another_file_is_thrown_away(server, tmp_path):
    server.files["a.bin"] = BODY
    for wrong in (b"x" * 1000, b"x" * (len(BODY) + 5)):  # a wrong checksum in the end; longer than the file
        (tmp_path / "a.bin").unlink(missing_ok=True)
        (tmp_path / "a.bin.part").write_bytes(wrong)
        assert downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY)).read_bytes() == BODY


def test_wrong_checksum_is_never_accepted(server, tmp_path):
    server.files["a.bin"] = BODY[:-1] + b"?"
    with pytest.raises(ConnectionError, match="wrong checksum"):
        downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY))
    assert list(tmp_path.glob("a.bin*")) == [] and len(server.asked) == 3


def test_stopped_just_before_the_rename(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(BODY)
    assert downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY)).read_bytes() == BODY
    assert server.asked == []


def test_damaged_file_is_named_and_fetched_again(server, tmp_path):
    server.files["a.bin"] = BODY
    (tmp_path / "a.bin").write_bytes(BODY[:500])
    with pytest.warns(UserWarning, match=r"a\.bin is damaged"):
        downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY))
    assert (tmp_path / "a.bin").read_bytes() == BODY and server.asked == [("a.bin", "bytes=500-")]


def test_damaged_file_of_the_right_size_is_fetched_again(server, tmp_path):
    server.files["a.bin"] = BODY
    (tmp_path / "a.bin").write_bytes(BODY[:-1] + b"?")
    with pytest.warns(UserWarning, match=r"a\.bin is damaged"):
        downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY))
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_progress_of_a_download_is_shown(server, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_PROGRESS")
    server.files["a.bin"] = BODY
    downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY))
    assert "fetching a.bin  75 %" in capsys.readouterr().err


# ---------------------------------------------------------------- several processes at once


def at_once(work: Callable[[], object], count: int = 2) -> list[int | None]:
    """Exit codes of processes that all do `work` at the same time; 0: it went well. They see what the test has changed."""
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(count)

    def run() -> None:
        start.wait(30)
        work()

    processes = [fork.Process(target=run) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


@pytest.fixture(params=["flock", "file"])
def locking(request, monkeypatch):
    """With the system's locks, and as on a system without any."""
    if request.param == "file":
        monkeypatch.setattr(locks, "fcntl", None)
    return request.param


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_two_processes_download_one_file(server, tmp_path, locking):
    server.files["a.bin"], server.pause = BODY, 0.3
    path = tmp_path / "new" / "a.bin"
    assert at_once(lambda: downloads.download(server.address + "a.bin", path, md5(BODY))) == [0, 0]
    assert path.read_bytes() == BODY and files_below(path.parent) == {"a.bin"}
    assert server.asked == [("a.bin", None)]  # once


def test_three_processes_fetch_and_read_one_data_set(gtsrb, tmp_path, locking):
    gtsrb.pause = 0.2

    def work() -> None:
        assert real.load("gtsrb", "test", None, 3, 48, 48)[1].tolist() == [0, 10, 20, 30]

    assert at_once(work, 3) == [0, 0, 0]
    assert len(gtsrb.asked) == 2 and not [name for name in files_below(tmp_path / "data") if "lock" in name or "part" in name]


def test_two_processes_find_the_same_damage_and_mend_it_once(gtsrb, tmp_path, monkeypatch, locking):
    real.load("gtsrb", "test", None, 3, 48, 48)
    broken = tmp_path / "data" / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / "00002.ppm"
    broken.write_bytes(broken.read_bytes()[:40])
    found, fetch, extract = multiprocessing.get_context("fork").Barrier(2), real._fetch, unpacking.extract_archive

    def fetch_together(archive, *others):
        if archive.path.endswith("images.zip"):
            found.wait(30)
        fetch(archive, *others)

    def extract_and_note(archive, folder):
        extract(archive, folder)
        with open(tmp_path / "log", "a") as log:
            log.write(f"{Path(archive).name}\n")

    monkeypatch.setattr(real, "_fetch", fetch_together)
    monkeypatch.setattr(unpacking, "extract_archive", extract_and_note)

    def work() -> None:
        with pytest.warns(UserWarning, match="Damaged"):
            assert real.load("gtsrb", "test", None, 3, 48, 48)[0][2, 0].max() == 100

    assert at_once(work) == [0, 0] and (tmp_path / "log").read_text().split().count("images.zip") == 1


def test_a_lock_ends_with_its_process(tmp_path):
    fork = multiprocessing.get_context("fork")
    inside = fork.Event()

    def hold() -> None:
        with locks.alone(tmp_path / "a"):
            inside.set()
            time.sleep(60)

    holder = fork.Process(target=hold)
    holder.start()
    assert inside.wait(30)
    threading.Timer(0.3, holder.kill).start()
    with locks.alone(tmp_path / "a"):
        assert not holder.is_alive() or holder.join(5) is None
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_nobody_touches_is_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(locks, "STALE", 0.4)
    (tmp_path / "a.lock").touch()
    started = time.monotonic()
    with locks.alone(tmp_path / "a"):
        assert time.monotonic() - started > 0.4
        time.sleep(0.6)  # its own is touched meanwhile
        assert locks.LockFile(tmp_path / "a.lock").take() is False
        assert time.time() - (tmp_path / "a.lock").stat().st_mtime < 0.3
    assert list(tmp_path.iterdir()) == []


def test_threads_take_turns(tmp_path, locking):
    inside, most = [], []

    def work() -> None:
        for _ in range(5):
            with locks.alone(tmp_path / "a"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.002)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 20 and max(most) == 1


def test_who_waits_is_told_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROGRESS", "1")
    held = locks.SystemLock(tmp_path / "a.zip.lock")
    assert held.take()
    threading.Timer(0.3, held.release).start()
    with locks.alone(tmp_path / "a.zip"):
        pass
    assert capsys.readouterr().err == "another process works on a.zip; waiting for it\n"


# ---------------------------------------------------------------- trouble with the disk


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_disk_that_is_full_while_downloading(gtsrb, tmp_path):
    gtsrb.cut = None
    folder = tmp_path / "data" / "gtsrb"
    folder.mkdir(parents=True)
    (folder / "images.zip.part").symlink_to("/dev/full")  # opens, and has no room
    with pytest.raises(downloads.FetchError) as error:
        real.load("gtsrb", "test", None, 3, 48, 48)
    first, second = two_lines(error)
    assert first == f"images.zip could not be saved: No space left on device ({folder})"
    assert f"make room in {folder}" in second and "set COURSE_DATA_DIR to another folder" in second
    assert len(gtsrb.asked) == 1 and files_below(folder) == set()


def test_a_disk_that_is_full_while_unpacking(gtsrb, tmp_path, monkeypatch):
    def half(archive: str, folder: str) -> None:
        Path(folder, "GTSRB", "Final_Test", "Images").mkdir(parents=True)
        Path(folder, "GTSRB", "Final_Test", "Images", "00000.ppm").write_bytes(b"half")
        no_room()

    folder = tmp_path / "data" / "gtsrb"
    with monkeypatch.context() as patch, pytest.raises(downloads.FetchError) as error:
        patch.setattr(unpacking, "extract_archive", half)
        real.load("gtsrb", "test", None, 3, 48, 48)
    first, second = two_lines(error)
    assert first == f"{folder}/images.zip could not be unpacked: No space left on device ({folder})"
    assert f"make room in {folder}" in second and files_below(folder) == {"images.zip"}
    assert real.load("gtsrb", "test", None, 3, 48, 48)[1].tolist() == [0, 10, 20, 30]  # with room again


def test_a_data_folder_that_is_a_file(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    for given in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("COURSE_DATA_DIR", str(given))
        for call in (lambda: real.fetch("mnist"), lambda: data.load("digits", "test", source="real")):
            with pytest.raises(ValueError, match=f"COURSE_DATA_DIR is '{given}', but {tmp_path}/file is a file; the path of a folder"):
                call()
    assert data.load("digits", "test", 3, source="drawn").x.shape == (3, 1, 28, 28)


def test_read_only_folders_are_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    assert downloads.writable_root("x") == tmp_path / "data"
    (tmp_path / "data").chmod(0o555)
    assert downloads.writable_root("x") == tmp_path / "home"


def test_no_folder_that_may_be_written(tmp_path):
    for name in ("data", "home"):
        (tmp_path / name).mkdir(mode=0o555)
    with pytest.raises(downloads.FetchError) as error:
        real.fetch("mnist")
    first, second = two_lines(error)
    assert first == f"mnist could not be fetched: {tmp_path}/data and {tmp_path}/home may not be written"
    assert "by hand: set COURSE_DATA_DIR to a folder that you may write" in second
    assert files_below(tmp_path) == set()


def test_a_folder_that_one_may_not_look_into(tmp_path):
    for name in ("data", "home"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0)

    def work() -> None:
        if os.getuid() == 0:  # a superuser may look everywhere
            os.setuid(65534)
        with pytest.raises(downloads.FetchError, match="mnist could not be fetched: .* may not be written"):
            real.fetch("mnist")
        with pytest.raises(ValueError, match="does not exist; the path of a folder"):
            data.load("signs", "test", source=tmp_path / "data" / "mine")

    try:
        assert at_once(work, 1) == [0]
    finally:
        for name in ("data", "home"):
            (tmp_path / name).chmod(0o755)


def test_a_folder_below_that_may_not_be_written(server, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "MNIST").write_text("a file where a folder belongs")
    with pytest.raises(downloads.FetchError) as error:
        real.fetch("mnist")
    assert "mnist could not be fetched: File exists" in two_lines(error)[0] or "Not a directory" in two_lines(error)[0]
    assert server.asked == []


# ---------------------------------------------------------------- where the files are


def test_downloads_lie_in_the_courses_folder(monkeypatch, tmp_path):
    monkeypatch.undo()
    (tmp_path / "course" / "data" / "checkpoints").mkdir(parents=True)
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path / "course"))
    assert downloads.home() == tmp_path / "course" / "data" / "downloads"
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="set COURSE_ROOT to your clone"):
        downloads.home()


@pytest.mark.parametrize("cache", ["cache", ""])
def test_without_a_checkout_downloads_lie_in_a_cache(monkeypatch, tmp_path, cache):
    def nowhere() -> Path:
        raise FileNotFoundError

    monkeypatch.undo()
    monkeypatch.delenv("COURSE_ROOT", raising=False)
    monkeypatch.setattr(downloads, "course_folder", nowhere)
    monkeypatch.setenv("XDG_CACHE_HOME", cache and str(tmp_path / cache))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert downloads.home() == tmp_path / (cache or ".cache") / "course_utils"


# ---------------------------------------------------------------- unpacking


def test_unpacking_that_fails_leaves_the_old_files(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "old").write_text("old")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("other/new", "new")
    with pytest.raises(downloads.FetchError, match="it does not hold pictures"):
        unpacking.unpack(tmp_path / "p.zip", ["other/new", "pictures"])
    assert (tmp_path / "pictures" / "old").exists() and not list(tmp_path.glob(".unpacking*"))


def tar_with(*members: tuple[str, str, str]) -> bytes:
    """A tar of (name, kind, target): a file, a link to a target, a hard link, or a device."""
    kinds = {"file": tarfile.REGTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "device": tarfile.CHRTYPE}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, kind, target in (("good", "file", ""), *members):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kinds[kind], target
            archive.addfile(info, io.BytesIO())
    return buffer.getvalue()


@pytest.mark.parametrize(
    "member",
    [
        ("../evil", "file", ""), ("a/../../evil", "file", ""), ("/tmp/course-evil", "file", ""),
        ("evil", "link", "/etc"), ("evil", "link", "../.."), ("evil", "hard", "../outside"), ("evil", "device", ""),
    ],
)  # fmt: skip
def test_a_tar_that_leads_outside_is_not_unpacked(tmp_path, member):
    (tmp_path / "outside").write_text("mine")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar.gz").write_bytes(tar_with(member))
    with pytest.raises(downloads.FetchError) as error:
        unpacking.unpack(tmp_path / "in" / "a.tar.gz", ["good"])
    first, second = two_lines(error)
    assert f"a.tar.gz could not be unpacked: it holds {member[0]!r}, which leads outside; nothing was unpacked" in first
    assert "delete a.tar.gz, so that it is fetched again" in second
    assert files_below(tmp_path) == {"outside", "in/a.tar.gz"} and not Path("/tmp/course-evil").exists()


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "..\\evil", "C:\\evil"])
def test_a_zip_that_leads_outside_is_not_unpacked(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good", "")
        archive.writestr(name, "")
    with pytest.raises(downloads.FetchError, match="which leads outside; nothing was unpacked"):
        unpacking.unpack(tmp_path / "a.zip", ["good"])
    assert files_below(tmp_path) == {"a.zip"}


@pytest.mark.parametrize(
    "name, content", [("a.zip", b"PK no zip"), ("a.tar.gz", tar_with()[:-30]), ("a.gz", b"no gzip")], ids=["zip", "tar", "gz"]
)
def test_an_archive_that_is_damaged(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(downloads.FetchError) as error:
        unpacking.unpack(tmp_path / name, ["good"])
    assert f"{name} could not be unpacked: it is damaged" in two_lines(error)[0] and files_below(tmp_path) == {name}


def test_links_inside_a_tar_are_kept(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(tar_with(("folder/link", "link", "there")))
    unpacking.unpack(tmp_path / "a.tar.gz", ["good", "folder"])
    assert os.readlink(tmp_path / "folder" / "link") == "there"
