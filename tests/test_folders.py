"""Folders and zips of pictures of one's own."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
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


# ---------------------------------------------------------------- a change in a folder is noticed


def levels(pictures: data.Pictures) -> list[int]:
    """The brightest red of each picture, 0 to 255."""
    return (pictures.x[:, 0].amax((1, 2)) * 255).round().int().tolist()


def test_a_picture_added_replaced_or_removed_is_noticed(tmp_path):
    path = write(tmp_path / "mine", {"a.png": (1, 0, 0), "b.png": (2, 0, 0)})
    assert levels(data.load("signs", "test", source=path)) == [1, 2]
    write(path, {"deep/er/c.png": (3, 0, 0)})
    (path / "deep" / "er" / "c.png").rename(path / "c.png")
    assert levels(data.load("signs", "test", source=path)) == [1, 2, 3]
    write(path, {"a.png": (9, 0, 0)})
    assert levels(data.load("signs", "test", source=path)) == [9, 2, 3]
    (path / "b.png").unlink()
    assert levels(data.load("signs", "test", source=path)) == [9, 3]


def test_a_picture_replaced_by_one_of_the_same_size_and_time_is_noticed(tmp_path):
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / "a.ppm"
    file.write_bytes(picture((1, 0, 0)))
    before = file.stat()
    assert levels(data.load("signs", "test", source=file.parent)) == [1]
    file.write_bytes(picture((9, 0, 0)))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert levels(data.load("signs", "test", source=file.parent)) == [9]


def test_another_zip_under_the_same_name_is_noticed(tmp_path):
    folder = write(tmp_path / "mine", {"a.png": (1, 0, 0)})
    archive = zipped(folder)
    assert levels(data.load("signs", "test", source=archive)) == [1]
    write(folder, {"a.png": (7, 0, 0)})
    zipped(folder)
    assert levels(data.load("signs", "test", source=archive)) == [7]


def test_a_folder_under_a_data_sets_name_is_looked_at_again(tmp_path):
    path = write(tmp_path / "data" / "imagenet-photos", {"0001_n01443537_goldfish.png": (5, 5, 5)})
    assert data.load("photos", "test", source="real", size=32).y.tolist() == [1]
    write(path, {"0002_n01484850_great_white_shark.png": (6, 6, 6)})
    assert data.load("photos", "test", source="real", size=32).y.tolist() == [1, 2]


def test_an_unchanged_folder_is_read_once(tmp_path, monkeypatch):
    path = write(tmp_path / "mine", {"a.png": (1, 0, 0)})
    data.load("signs", "test", source=path)
    monkeypatch.setattr(Image, "open", None)  # whoever reads fails
    assert levels(data.load("signs", "test", source=path)) == [1]


# ---------------------------------------------------------------- pictures as a person sees them


def load_one(path: Path, world: str = "signs", size: int = 30) -> torch.Tensor:
    """The only picture of a folder, in 0 to 255."""
    return (data.load(world, "test", source=path.parent, size=size).x[0] * 255).round().int()


@pytest.fixture
def one(tmp_path) -> Path:
    (tmp_path / "one").mkdir()
    return tmp_path / "one" / "picture.png"


@pytest.mark.parametrize("world, channels", [("signs", 3), ("digits", 1)])
@pytest.mark.parametrize("kind", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_and_not_clipped(one, world, channels, kind):
    grey = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    if kind == "pgm":
        one.with_suffix(".pgm").write_bytes(b"P5 16 16 65535\n" + grey.astype(">u2").tobytes())
    else:
        Image.fromarray(grey).save(one.with_suffix(f".{kind}"))
    x = load_one(one, world, 16)
    assert torch.equal(x, torch.arange(256, dtype=torch.int32).view(1, 16, 16).expand(channels, 16, 16))


def test_a_transparent_grey_of_sixteen_bits_is_white(one):
    Image.fromarray(np.full((30, 30), 5000, np.uint16)).save(one, transparency=5000)
    assert load_one(one).unique().tolist() == [255]


def test_floating_point_pixels_are_refused_by_name(one):
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(one.with_suffix(".tif"))
    with pytest.raises(downloads.FetchError, match=r"picture\.tif \(its pixels are floating point numbers; 8 or 16 bits"):
        load_one(one)


def test_a_turned_photo_is_shown_upright(one):
    stored = Image.new("RGB", (40, 40))
    stored.paste((255, 255, 255), (0, 0, 20, 40))  # light on the left as stored,
    turned = Image.Exif()
    turned[0x0112] = 6  # on top once turned by a quarter clockwise
    stored.save(one.with_suffix(".jpg"), exif=turned)
    x = load_one(one, size=40)
    assert x[:, :16].min() > 240 and x[:, 24:].max() < 15


def hidden_red(mode: str) -> Image.Image:
    """All transparent, with red behind it; only the middle shows, black."""
    picture = Image.new("RGBA", (30, 30), (255, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (10, 10, 20, 20))
    return picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("world", ["signs", "digits"])
def test_transparent_pixels_are_white(one, mode, world):
    hidden_red(mode).save(one)
    x = load_one(one, world)
    assert x[:, 10:20, 10:20].max() == 0
    x[:, 10:20, 10:20] = 255
    assert x.min() == 255


def test_a_transparent_colour_of_a_palette_is_white(one):
    picture = Image.new("P", (30, 30), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.paste(2, (10, 10, 20, 20))
    picture.save(one, transparency=1)
    x = load_one(one)
    assert x[:, 12, 12].tolist() == [0, 255, 0] and x[:, 0, 0].tolist() == [255, 255, 255]


def test_half_transparent_is_half_white(one):
    Image.new("RGBA", (30, 30), (0, 0, 0, 128)).save(one)
    assert load_one(one).unique().tolist() == [127]


def test_print_colours_are_converted(one):
    Image.new("CMYK", (30, 30), (0, 255, 255, 0)).save(one.with_suffix(".jpg"), quality=95)
    red, green, blue = load_one(one)[:, 15, 15].tolist()
    assert red > 200 and max(green, blue) < 60


# ---------------------------------------------------------------- classes, splits, and what lies beside them


CATS_AND_DOGS = {f"{name}/{i}.png": (i, k, 0) for k, name in enumerate(("cat", "dog")) for i in range(5)}


@pytest.mark.parametrize("pack", [as_it_is, zipped, zipped_with_its_folder])
def test_a_loose_picture_beside_class_folders_is_left_out_and_named(tmp_path, pack):
    path = pack(write(tmp_path / "pets", {**CATS_AND_DOGS, "cover.png": (99, 0, 0)}))
    with pytest.warns(UserWarning, match=r"pets.*: left out, because they lie beside class folders: cover\.png"):
        train = data.load("photos", "train", source=path, size=16)
    assert train.names == ("cat", "dog") and train.y.bincount().tolist() == [4, 4] and max(levels(train)) < 99


def test_loose_pictures_beside_and_in_splits_are_left_out(tmp_path):
    files = {f"{split}/{name}": colour for split in ("train", "test") for name, colour in CATS_AND_DOGS.items()}
    path = write(tmp_path / "pets", {**files, "readme.png": (98, 0, 0), "train/extra.png": (99, 0, 0)})
    with pytest.warns(UserWarning, match=r"beside class folders: readme\.png, train/extra\.png"):
        train = data.load("photos", "train", source=path, size=16)
    assert train.y.bincount().tolist() == [5, 5] and max(levels(train)) < 98


@pytest.mark.parametrize("name", ["train", "test", "val"])
def test_a_class_may_be_called_like_a_split(tmp_path, name):
    files = {f"{kind}/{i}.png": (i, k, 0) for k, kind in enumerate(("bus", name)) for i in range(5)}
    train = data.load("photos", "train", source=write(tmp_path / "traffic", files), size=16)
    assert train.names == tuple(sorted(("bus", name))) and train.y.bincount().tolist() == [4, 4]


def test_a_class_called_train_may_hold_folders(tmp_path):
    files = {f"{kind}/a/{i}.png": (i, k, 0) for k, kind in enumerate(("bus", "train")) for i in range(5)}
    assert data.load("photos", "test", source=write(tmp_path / "t", files), size=16).names == ("bus", "train")


def test_pictures_of_trains_only_are_one_class(tmp_path):
    path = write(tmp_path / "t", {f"train/{i}.png": (i, 0, 0) for i in range(5)})
    train, test = (data.load("photos", split, source=path, size=16) for split in ("train", "test"))
    assert train.names == ("train",) and (len(train.x), len(test.x)) == (4, 1)


@pytest.mark.parametrize("names", [("train", "test"), ("Train", "Val")])
def test_splits_without_classes_are_splits(tmp_path, names):
    path = write(tmp_path / "t", {f"{split}/{i}.png": (10 * k + i, 0, 0) for k, split in enumerate(names) for i in range(3)})
    test = data.load("photos", "test", source=path, size=16)
    assert levels(test) == [10, 11, 12] and test.y.tolist() == [-1] * 3 and len(test.names) == 1000


def test_both_splits_number_the_classes_alike(tmp_path):
    path = write(tmp_path / "t", {"train/ada/1.png": (1, 0, 0), "train/bob/1.png": (2, 0, 0), "test/bob/1.png": (3, 0, 0)})
    (path / "test" / "eve").mkdir()  # an empty folder is no class
    train, test = (data.load("photos", split, source=path, size=16) for split in ("train", "test"))
    assert train.names == test.names == ("ada", "bob") and train.y.tolist() == [0, 1] and test.y.tolist() == [1]


def test_upper_case_nested_and_unicode_names(tmp_path):
    colours = {"Äpfel/A.PNG": (1, 0, 0), "Äpfel/tief/er/b.Jpeg": (2, 0, 0), "梨/日本.png": (3, 0, 0)}
    path = write(tmp_path / "obst é", {f"{part}/{name}": c for part in ("train", "test") for name, c in colours.items()})
    for place in (path, zipped(path)):
        test = data.load("photos", "test", source=place, size=16)
        assert test.names == ("Äpfel", "梨") and test.y.tolist() == [0, 0, 1] and levels(test) == [1, 2, 3]


def test_a_file_name_that_is_no_text(tmp_path):
    (tmp_path / "t").mkdir()
    with open(os.fsencode(tmp_path / "t") + b"/\xff.png", "wb") as file:
        file.write(picture((8, 0, 0), kind="PNG"))
    assert levels(data.load("signs", "test", source=tmp_path / "t")) == [8]


def test_links_are_followed_but_not_in_a_circle(tmp_path):
    elsewhere = write(tmp_path / "elsewhere", {f"{i}.png": (i, 0, 0) for i in range(5)})
    path = write(tmp_path / "t", {f"cat/{i}.png": (10 + i, 0, 0) for i in range(4)})
    (path / "dog").symlink_to(elsewhere)
    (path / "cat" / "more.png").symlink_to(elsewhere / "1.png")
    (path / "cat" / "round").symlink_to(path)
    (elsewhere / "back").symlink_to(path / "cat")  # cat/round is cut off, and so is dog/back/round
    train, test = (data.load("photos", split, source=path, size=16) for split in ("train", "test"))
    assert train.names == ("cat", "dog")
    assert sorted(levels(train) + levels(test)) == [0, 1, 1, 1, 2, 3, 4, *[10 + i for i in (0, 0, 1, 1, 2, 2, 3, 3)]]


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    path = write(tmp_path / "t", {"a.png": (1, 0, 0)})
    (path / "b.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(downloads.FetchError, match=r"t/b\.png") as error:
        data.load("signs", "test", source=path)
    two_lines(error)


def test_a_zip_with_names_that_lead_outside_is_refused(tmp_path):
    for name in ("../evil.png", "/evil.png", "a/../../evil.png", "C:\\evil.png"):
        with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
            archive.writestr("cat/1.png", picture((1, 0, 0), kind="PNG"))
            archive.writestr(name, picture((1, 0, 0), kind="PNG"))
        with pytest.raises(ValueError, match=r"z\.zip holds '.*evil\.png', which leads out of it; pack it again"):
            data.load("signs", "test", source=tmp_path / "z.zip")


def test_a_zip_with_a_password_is_named(tmp_path):
    archive = zipped(write(tmp_path / "t", {"a.png": (1, 0, 0)}))
    content = bytearray(archive.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag "encrypted", in both headers
        content[content.index(mark) + place] |= 1
    archive.write_bytes(content)
    with pytest.raises(downloads.FetchError, match=r"t\.zip/a\.png \(.*password") as error:
        data.load("signs", "test", source=archive)
    two_lines(error)


def test_a_folder_with_a_dot_in_its_name_keeps_it(tmp_path):
    assert data.load("signs", "test", source=write(tmp_path / "v1.2", {"a.png": (1, 0, 0)})).source == "v1.2"
