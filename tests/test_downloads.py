"""Downloads and unpacking: whole or not at all, one at a time, and clear words when it does not work.

Downloads are tested against a small server on this machine; nothing here uses the network.
"""

from __future__ import annotations

import zipfile

import pytest
from data_help import md5, own_folder, server, two_lines  # noqa: F401: fixtures

from course_utils.data import downloads, unpacking

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


def test_unpacking_that_fails_leaves_the_old_files(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "old").write_text("old")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("other/new", "new")
    with pytest.raises(downloads.FetchError, match="it does not hold pictures"):
        unpacking.unpack(tmp_path / "p.zip", ["other/new", "pictures"])
    assert (tmp_path / "pictures" / "old").exists() and not list(tmp_path.glob(".unpacking*"))


def test_read_only_folders_are_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    assert downloads.writable_root("x") == tmp_path / "data"
    (tmp_path / "data").chmod(0o555)
    assert downloads.writable_root("x") == tmp_path / "home"
