"""Named data sets: found, fetched, read, and never taken for whole when they are damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from data_help import (  # noqa: F401: fixtures
    changed, cifar10, cut_short, gtsrb, idx, md5, mnist, own_folder, picture, server, tar_gz, two_lines,
)  # fmt: skip
from torchvision import datasets

from course_utils import data, runtime
from course_utils.data import catalogue, downloads, real, unpacking

SHARED = Path(__file__).resolve().parents[2] / "shared" / "datasets"
REAL = Path(os.environ.get("COURSE_DATA_DIR", SHARED))
needs_real = pytest.mark.skipif(
    not (REAL / "gtsrb48.zip").exists(),
    reason="the real data sets are not on this machine (COURSE_DATA_DIR or ../shared/datasets)",
)


# ---------------------------------------------------------------- fetching data sets


def test_mnist_is_fetched_from_the_second_mirror_once(mnist, tmp_path):
    data.fetch("digits")
    asked = len(mnist.asked)
    test = data.load("digits", "test", source="real")
    assert test.source == "mnist" and test.x.shape == (20, 1, 28, 28) and test.names == tuple("0123456789")
    assert torch.equal(test.y, torch.arange(20) % 10)  # its own order
    assert test.x.dtype == torch.float32 and test.x.max() == 1
    data.fetch("mnist")
    assert len(mnist.asked) == asked == 8
    assert len(list((tmp_path / "data" / "MNIST" / "raw").iterdir())) == 8  # archives and files; no parts, no leftovers


def test_loading_fetches_only_when_real_pictures_are_asked_for(mnist):
    data.load("digits", "test", 5)
    assert mnist.asked == []
    data.load("digits", "test", 5, source="mnist")
    assert {name for name, _ in mnist.asked if "gone" not in name} == set(mnist.files)


def test_n_real_pictures_are_the_beginning_of_more(mnist):
    few, more = (data.load("digits", "train", n, source="real") for n in (10, 25))
    assert torch.equal(few.x, more.x[:10]) and torch.equal(few.y, more.y[:10])
    assert len(data.load("digits", "train", 1000, source="real").x) == 40  # all there are


def test_editing_real_pictures_changes_nothing_else(mnist):
    first = data.load("digits", "test", source="real")
    kept = first.x.clone(), first.y.clone()
    first.x.zero_(), first.y.zero_()
    again = data.load("digits", "test", source="real")
    assert torch.equal(again.x, kept[0]) and torch.equal(again.y, kept[1])


def test_another_data_folder_is_looked_into_at_once(mnist, tmp_path, monkeypatch):
    data.load("digits", "test", source="real")
    mnist.files.clear()
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "other"))
    with pytest.raises(downloads.FetchError):
        data.load("digits", "test", source="real")


def test_stopped_while_unpacking(mnist, tmp_path, monkeypatch):
    def stopped(archive, folder):
        Path(folder, Path(archive).stem).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(unpacking, "extract_archive", stopped)
        data.fetch("mnist")
    assert [p.name for p in (tmp_path / "data" / "MNIST" / "raw").iterdir()] == ["train-images-idx3-ubyte.gz"]
    data.fetch("mnist")
    assert len(data.load("digits", "test", source="mnist").x) == 20


@pytest.mark.filterwarnings("ignore:.*ubyte.gz is damaged")  # tested above
@pytest.mark.parametrize("damage", [cut_short, changed])
def test_damaged_mnist_file_is_named_and_fetched_again(mnist, tmp_path, damage):
    data.fetch("mnist")
    for file in ("t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"):
        path = tmp_path / "data" / "MNIST" / "raw" / file
        path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="Damaged: .*t10k-images-idx3-ubyte"):
        pictures = data.load("digits", "test", source="real")
    assert md5(idx((pictures.x[:, 0] * 255).round().byte())) == catalogue.MNIST_MD5["t10k-images-idx3-ubyte"]


@pytest.mark.parametrize(
    "name, file",
    [
        ("digits", "train-images-idx3-ubyte.gz"),
        ("signs", "GTSRB-Training_fixed.zip"),
        ("objects", "cifar-10-python.tar.gz"),
        ("svhn", "train_32x32.mat"),
        ("photos", "imagenette2-320.tgz"),
        ("imagenet", "imagenet-photos.zip"),
        ("faces", "lfw-funneled.tgz"),
        ("orl", "orl-faces.zip"),
    ],
)
def test_no_network_two_lines_say_how_to_go_on(name, file):
    with pytest.raises(downloads.FetchError) as error:
        data.fetch(name)
    first, second = two_lines(error)
    assert "could not be fetched" in first and f"put {file}" in second


def test_damaged_and_no_network_names_the_file(mnist, tmp_path, monkeypatch):
    data.fetch("mnist")
    for path in (tmp_path / "data" / "MNIST" / "raw").glob("train-labels*"):
        path.write_bytes(path.read_bytes()[:-3])
    mnist.files.clear()
    with pytest.raises(downloads.FetchError) as error, pytest.warns(UserWarning, match="train-labels-idx1-ubyte"):
        data.load("digits", "train", source="real")
    assert "train-labels-idx1-ubyte (wrong checksum)" in two_lines(error)[0]


def test_archive_put_there_by_hand_is_enough(mnist, tmp_path, monkeypatch):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in mnist.files.items():
        (raw / name).write_bytes(content)
    mnist.files.clear()
    assert len(data.load("digits", "test", source="real").x) == 20 and mnist.asked == []


def test_gtsrb_through_torchvision(gtsrb):
    signs = data.load("signs", "test", source="real")
    assert signs.x.shape == (4, 3, 48, 48) and signs.y.tolist() == [0, 10, 20, 30] and len(set(signs.names)) == 43
    assert torch.allclose(signs.x[:, 0].amax((1, 2)), torch.tensor([0, 50, 100, 150]) / 255)


def test_svhn_stands_beside_the_objects(tmp_path, monkeypatch):
    scipy_io = pytest.importorskip("scipy.io")
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "test_32x32.mat"
    pixels = torch.arange(3, dtype=torch.uint8).expand(32, 32, 3, 3).numpy()
    scipy_io.savemat(path, {"X": pixels, "y": torch.tensor([[10], [1], [9]], dtype=torch.uint8).numpy()})
    monkeypatch.setitem(datasets.SVHN.split_list, "test", ["http://nowhere/", path.name, downloads.md5sum(path)])
    houses = data.load("objects", "test", source="svhn")
    assert houses.x.shape == (3, 3, 32, 32) and houses.y.tolist() == [0, 1, 9] and houses.source == "svhn"
    assert (houses.x[:, 0, 0, 0] * 255).round().tolist() == [0, 1, 2]
    assert data.load("digits", "test", source="svhn").x.shape == (3, 1, 28, 28)


def test_cifar10_through_torchvision(cifar10, tmp_path):
    train, test = (data.load("objects", split, source="real") for split in ("train", "test"))
    assert train.x.shape == (5, 3, 32, 32) and train.y.tolist() == [0, 1, 2, 3, 4] and test.y.tolist() == [5, 5]
    assert (train.x[:, 1, 3, 4] * 255).round().tolist() == [0, 1, 2, 3, 4] and len(cifar10.asked) == 1
    batch = tmp_path / "data" / "cifar-10-batches-py" / "data_batch_2"
    batch.write_bytes(b"")
    with pytest.warns(UserWarning, match="Damaged: .*data_batch_2"):
        real.load("cifar10", "train", None, 3, 32, 32)
    assert batch.stat().st_size > 0 and len(cifar10.asked) == 1  # from the archive


def test_imagenette_is_labelled_for_imagenet_networks(server, monkeypatch, tmp_path):
    wnids, content = list(catalogue.IMAGENETTE), picture((7, 7, 7), (320, 400), "JPEG")
    packed = tar_gz({f"imagenette2-320/val/{wnid}/a.JPEG": content for wnid in wnids})
    server.files["i.tgz"] = packed
    monkeypatch.setattr(catalogue, "IMAGENETTE_URL", server.address + "i.tgz")
    monkeypatch.setattr(catalogue, "IMAGENETTE_MD5", md5(packed))
    photos = data.load("photos", "test", source="real")
    assert photos.source == "imagenette" and photos.x.shape == (10, 3, 224, 224)
    assert [photos.names[i] for i in photos.y.tolist()][:3] == ["tench", "English springer", "cassette player"]
    (tmp_path / "data" / "imagenette2-320").rename(tmp_path / "elsewhere")
    assert torch.equal(data.load("photos", "test", source=tmp_path / "elsewhere").y, photos.y)  # WordNet ids are known


def test_lfw_keeps_people_with_many_pictures_cut_to_the_face(server, monkeypatch):
    files = {f"lfw_funneled/Eve/Eve_{i:04}.jpg": picture((200, 9, 9), (250, 250), "JPEG") for i in range(25)}
    files |= {f"lfw_funneled/Ann/Ann_{i:04}.jpg": picture((9, 9, 200), (250, 250), "JPEG") for i in range(20)}
    files |= {f"lfw_funneled/Bob/Bob_{i:04}.jpg": picture((9, 9, 9), (250, 250), "JPEG") for i in range(3)}
    server.files["f.tgz"] = packed = tar_gz(files)
    monkeypatch.setattr(catalogue, "LFW_URLS", (server.address + "f.tgz",))
    monkeypatch.setattr(catalogue, "LFW_MD5", md5(packed))
    train, test = (data.load("faces", split, source="real") for split in ("train", "test"))
    assert train.source == "lfw" and train.names == ("Ann", "Eve") and train.x.shape == (36, 3, 64, 64)
    assert train.y.bincount().tolist() == [16, 20] and test.y.bincount().tolist() == [4, 5]
    assert (train.x[:, 0].mean((1, 2)) > 0.5).tolist() == (train.y == 1).tolist()


def test_unreadable_picture_is_named_and_unpacked_again(gtsrb, tmp_path):
    real.load("gtsrb", "test", None, 3, 48, 48)
    broken = tmp_path / "data" / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / "00002.ppm"
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.warns(UserWarning, match=r"Damaged: .*00002\.ppm"):
        x, _, _ = real.load("gtsrb", "test", None, 3, 48, 48)
    assert x[2, 0].max() == 100 and len(gtsrb.asked) == 2  # from the archive, which was whole


def test_a_folder_where_a_file_belongs_is_named(mnist, tmp_path):
    data.fetch("mnist")
    labels = tmp_path / "data" / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    labels.unlink()
    labels.mkdir()
    with pytest.raises(downloads.FetchError) as error, pytest.warns(UserWarning, match="Damaged: mnist in .*IsADirectoryError"):
        data.load("digits", "test", source="real")
    assert f"mnist could not be fetched: Is a directory ({labels})" in two_lines(error)[0]


@pytest.mark.parametrize("content", ["Filename;Width;ClassId\n00000.ppm;20\n", "Filename;Width;ClassId\nx.ppm;20;red\n"])
def test_a_table_that_torchvision_cannot_read_is_unpacked_again(gtsrb, tmp_path, content):
    real.load("gtsrb", "test", None, 3, 48, 48)
    table = tmp_path / "data" / "gtsrb" / "GT-final_test.csv"
    table.write_text(content)
    with pytest.warns(UserWarning, match="Damaged: gtsrb in .*data .*Error"):
        assert real.load("gtsrb", "test", None, 3, 48, 48)[1].tolist() == [0, 10, 20, 30]
    assert len(gtsrb.asked) == 2


# ---------------------------------------------------------------- the real data sets, where they are


@needs_real
@pytest.mark.parametrize(
    "world, source, classes, size, known",
    [
        ("digits", "mnist", 10, 28, 10),
        ("signs", "gtsrb", 43, 48, 43),
        ("objects", "cifar10", 10, 32, 10),
        ("photos", "imagenet", 1000, 224, 200),
        ("faces", "orl", 40, 64, 40),
    ],
)
def test_real_worlds(monkeypatch, world, source, classes, size, known):
    monkeypatch.setenv("COURSE_DATA_DIR", str(REAL))
    before = sorted(REAL.rglob("*"))
    pictures = data.load(world, "test", 200, source="real")
    count = {"orl": 80}.get(source, 200)
    assert pictures.source == source and len(pictures.names) == classes and pictures.x.shape[2:] == (size, size)
    runtime.check_pictures(pictures.x)
    runtime.check_labels(pictures.y, count, classes)
    assert pictures.y.unique().numel() == known
    assert sorted(REAL.rglob("*")) == before
    data.fetch(world)  # nothing to do: there is no network here


@needs_real
def test_mnist_in_its_own_order(monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(REAL))
    test = data.load("digits", "test", source="real")
    assert test.x.shape == (10_000, 1, 28, 28) and test.y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
