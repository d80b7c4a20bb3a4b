"""Folders and zips of pictures of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from data_help import cut_short, own_folder, picture, two_lines, write, zipped  # noqa: F401: fixtures
from PIL import Image

from course_utils import data
from course_utils.data import albums, catalogue, downloads


def as_it_is(folder: Path) -> Path:
    return folder


def zipped_with_its_folder(folder: Path) -> Path:
    write(folder / "__MACOSX" / "train", {"._0.png": (0, 0, 0)})
    return zipped(folder, folder.parent)


@pytest.mark.parametrize("pack", [as_it_is, zipped, zipped_with_its_folder])
def test_class_folders_with_train_and_test(tmp_path, pack):
    parts = [f"{split}/{name}" for split in ("train", "test") for name in ("truck", "bird")]
    files = {f"{part}/{i}.png": (i, 90, 0) for part in parts for i in range(3)}
    path = pack(write(tmp_path / "mine", files))
    pictures = data.load("objects", "train", source=path)
    assert pictures.names == catalogue.CIFAR10_NAMES and pictures.y.tolist() == [2, 2, 2, 9, 9, 9]
    assert pictures.x.shape == (6, 3, 32, 32) and pictures.source == "mine"
    assert (pictures.x[:, 0].amax((1, 2)) * 255).round().tolist() == [0, 1, 2, 0, 1, 2]


def test_other_class_names_are_classes_of_their_own_and_are_split(tmp_path):
    colours = {f"{name}/{i}.png": (i, k, 0) for k, name in enumerate(("rex", "bello")) for i in range(10)}
    path = write(tmp_path / "pets", colours)
    train, test = (data.load("photos", split, source=str(path), size=16) for split in ("train", "test"))
    assert train.names == ("bello", "rex") and len(train.x) == 16 and test.y.bincount().tolist() == [2, 2]
    seen = {tuple(p) for p in train.x[:, :, 0, 0].tolist()}
    assert len(seen) == 16 and not seen & {tuple(p) for p in test.x[:, :, 0, 0].tolist()}


def test_flat_folder_of_photos(tmp_path):
    path = write(tmp_path / "flat", {"0207_n02099601_golden_retriever.png": (9, 0, 0), "holiday.png": (8, 0, 0)}, (300, 400))
    photos = data.load("photos", "test", source=path)
    assert photos.x.shape == (2, 3, 224, 224) and photos.y.tolist() == [207, -1] and photos.names[207] == "golden retriever"


def test_digits_from_a_colour_folder_are_grey(tmp_path):
    path = write(tmp_path / "scans", {"7/a.png": (255, 0, 0), "0/b.png": (0, 0, 255)})
    digits = data.load("digits", "train", source=path)
    assert digits.x.shape[1:] == (1, 28, 28) and set(digits.y.tolist()) <= {0, 7} and digits.names == tuple("0123456789")


def test_pictures_keep_their_proportions(tmp_path):
    (tmp_path / "one").mkdir()
    wide = Image.new("RGB", (90, 30))
    wide.paste((255, 255, 255), (30, 0, 60, 30))
    wide.save(tmp_path / "one" / "wide.png")
    assert data.load("signs", "test", source=tmp_path / "one", size=30).x.min() == 1  # the white middle third


def test_folder_without_pictures(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no pictures for 'test'"):
        data.load("signs", "test", source=tmp_path / "empty")


def test_class_folders_too_small_to_split(tmp_path):
    path = write(tmp_path / "few", {"rex/1.png": (1, 1, 1), "bello/1.png": (2, 2, 2)})
    with pytest.raises(ValueError, match="too few pictures to set a fifth aside for 'test'"):
        data.load("photos", "test", source=path)


def test_unreadable_picture_in_a_folder_of_ones_own(tmp_path):
    path = write(tmp_path / "mine", {"a.png": (1, 2, 3)})
    (path / "b.png").write_bytes(picture((1, 2, 3), kind="PNG")[:50])
    with pytest.raises(downloads.FetchError) as error:
        data.load("photos", "test", source=path)
    assert "mine/b.png" in two_lines(error)[0]


@pytest.mark.parametrize("damage", [cut_short, lambda content: content.replace(b"IDAT", b"XXXX")])
def test_damaged_zip_is_named_and_the_folder_beside_is_taken(tmp_path, damage):
    archive = zipped(write(tmp_path / "data" / "imagenet-photos", {"0001_n01443537_goldfish.png": (5, 5, 5)}))
    archive.write_bytes(damage(archive.read_bytes()))
    (tmp_path / "home").mkdir()
    (tmp_path / "data" / "imagenet-photos").rename(tmp_path / "home" / "imagenet-photos")
    with pytest.warns(UserWarning, match=r"Damaged: .*imagenet-photos\.zip"):
        photos = data.load("photos", "test", source="real")
    assert photos.source == "imagenet" and photos.y.tolist() == [1]


def test_every_beginning_of_the_balanced_order_has_the_shares_of_the_classes():
    labels = torch.tensor([0] * 600 + [1] * 300 + [2] * 100)
    order = albums.balanced_order(labels)
    assert order.sort().values.equal(torch.arange(1000)) and order.equal(albums.balanced_order(labels))
    for n in (10, 50, 500):
        assert (labels[order[:n]].bincount(minlength=3) / n - torch.tensor([0.6, 0.3, 0.1])).abs().max() <= 1 / n + 0.02
