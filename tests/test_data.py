"""The worlds: what a caller gets, drawn; and what is said of a bad request."""

from __future__ import annotations

import pytest
import torch
from data_help import mnist, own_folder, server, write  # noqa: F401: fixtures

from course_utils import data, runtime
from course_utils.data import sets, worlds
from course_utils.models import checkpoints


# ---------------------------------------------------------------- drawn pictures


@pytest.fixture
def artist(monkeypatch):
    """A stand-in for a drawing module: pictures of noise, which use as much randomness as they are large."""

    def draw(y, size, generator):
        return worlds.Drawn(torch.rand(len(y), 1, size, size, generator=generator), y)

    monkeypatch.setitem(data.WORLDS, "digits", data.WORLDS["digits"]._replace(draw=draw))


def test_fewer_drawn_pictures_are_the_beginning_of_more(artist):
    few, more = data.load("digits", "train", 70, source="drawn"), data.load("digits", "train", 1200, source="drawn")
    assert len(few.x) == 70 and len(more.x) == 1200
    assert torch.equal(few.x, more.x[:70]) and torch.equal(few.y, more.y[:70])
    assert not torch.equal(more.x[:500], more.x[500:1000])  # and it does not repeat


def test_drawn_pictures_depend_on_split_and_seed_only(artist):
    first = data.load("digits", "train", 30, source="drawn")
    data._chunk.cache_clear()
    assert torch.equal(first.x, data.load("digits", "train", 30, source="drawn").x)
    for other in (data.load("digits", "test", 30, "drawn"), data.load("digits", "train", 30, "drawn", seed=1)):
        assert not torch.isclose(other.x.flatten(1)[:, None], first.x.flatten(1)[None]).all(-1).any()


def test_drawn_classes_come_equally_often_and_shuffled(artist):
    y = data.load("digits", "test", source="drawn").y
    assert y.bincount().tolist() == [200] * 10
    assert not torch.equal(y[:10], torch.arange(10))


def test_editing_what_load_gave_changes_nothing_else(artist):
    first = data.load("digits", "test", 20, source="drawn")
    kept = first.x.clone(), first.y.clone()
    first.x.zero_(), first.y.zero_()
    again = data.load("digits", "test", 20, source="drawn")
    assert torch.equal(again.x, kept[0]) and torch.equal(again.y, kept[1])


@pytest.mark.parametrize(
    "world, channels, size", [("digits", 1, 28), ("signs", 3, 48), ("objects", 3, 32), ("photos", 3, None), ("faces", 3, 64)]
)
def test_each_drawn_world(world, channels, size):
    pictures, size = data.load(world, "test", 12, source="drawn"), size or data.WORLDS[world].drawn_size
    assert pictures.source == "drawn" and pictures.x.shape == (12, channels, size, size) and pictures.y.shape == (12,)
    runtime.check_pictures(pictures.x)
    runtime.check_labels(pictures.y, 12, len(pictures.names))
    assert pictures.x.flatten(1).std(1).min() > 0.02  # nothing blank
    if world in ("digits", "faces"):
        assert pictures.masks is None and pictures.boxes is None
    else:
        assert pictures.masks.shape == (12, size, size) and pictures.masks.dtype == torch.bool
        assert pictures.masks.flatten(1).any(1).all()
    if world == "photos":
        x0, y0, x1, y1 = pictures.boxes[:, 0].unbind(1)
        assert pictures.boxes.shape[::2] == (12, 4) and (x1 > x0).all() and (y1 > y0).all()


# ---------------------------------------------------------------- bad requests


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("digit", "test"), "unknown world 'digit'. Nearest: digits"),
        (("digits", "tests"), "unknown split 'tests'. Nearest: test"),
        (("digits", "test", 5, "mnits"), "unknown source 'mnits'. Nearest: mnist"),
        (("digits", "test", 5, "/no/such/folder"), "does not exist; the path of a folder or zip"),
        (("digits", "test", 0), "n is 0; a whole number of at least 1"),
        (("digits", "test", 2.5), "n is 2.5; a whole number"),
        (("digits", "test", True), "n is True; a whole number"),
        (("digits", "test", 5, None, 0, -1), "size is -1; a whole number"),
        (("digits", "test", 5, 7), "source is 7; \"drawn\", \"real\", a data set's name or a path is expected"),
    ],
)
def test_bad_requests(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load(*arguments)


def test_unknown_name_to_fetch():
    with pytest.raises(ValueError, match="unknown world or data set 'cifar'. Nearest: cifar10"):
        data.fetch("cifar")


# ---------------------------------------------------------------- the table of worlds


def test_every_row_is_whole():
    for name, row in data.WORLDS.items():
        assert name == row.name and len(set(row.kinds)) == len(row.kinds) > 1
        assert row.train >= row.test >= row.chunk
        assert all(used in sets.SETS for used in row.sets)
        assert (row.real_suffix is None) == (row.pretrained is not None)


@pytest.fixture
def spots(monkeypatch):
    """A fifth world, added by one row and what draws it: a bright spot on the left or on the right."""

    def draw(y, size, generator):
        x = torch.rand(len(y), 1, size, size, generator=generator) / 4
        x[y == 0, :, :, : size // 2] += 0.5
        x[y == 1, :, :, size // 2 :] += 0.5
        return worlds.Drawn(x, y)

    row = worlds.World(
        "spots", channels=1, drawn_size=12, real_size=10, train=40, test=20, chunk=10, kinds=("left", "right"),
        draw=draw, sets=("mnist",), network="spotnet", drawn_suffix="spots", real_suffix="mnist", margin=1.2,
    )  # fmt: skip
    monkeypatch.setitem(data.WORLDS, "spots", row)
    return row


def test_a_world_of_one_row_is_drawn(spots):
    test, few = data.load("spots", "test", source="drawn"), data.load("spots", "train", 7, source="drawn", size=16)
    assert test.x.shape == (20, 1, 12, 12) and test.y.bincount().tolist() == [10, 10] and test.names == ("left", "right")
    assert few.x.shape == (7, 1, 16, 16) and test.masks is None and test.boxes is None and test.source == "drawn"
    side = test.x.unflatten(3, (2, 6)).mean((1, 2, 4)).argmax(1)
    assert torch.equal(side, test.y)


def test_a_world_of_one_row_is_loaded_from_a_folder(spots, tmp_path):
    path = write(tmp_path / "photos", {"3/a.png": (9, 9, 9), "8/b.png": (9, 9, 9)}, (30, 20))
    pictures = data.load("spots", "train", source=path)
    assert pictures.x.shape == (2, 1, 10, 10) and pictures.y.tolist() == [3, 8]  # its data set's classes are digits


def test_a_world_of_one_row_is_fetched_by_its_name(spots, mnist):
    data.fetch("spots")
    test = data.load("spots", "test", source="real")
    assert test.source == "mnist" and test.x.shape == (20, 1, 10, 10)
    with pytest.raises(ValueError, match="unknown world 'spot'. Nearest: spots"):
        data.load("spot", "test")


def test_a_world_of_one_row_names_its_network(spots, monkeypatch):
    monkeypatch.setattr(checkpoints, "load", lambda name: name)
    assert checkpoints.classifier("spots", source="drawn") == "spotnet-spots"
    assert checkpoints.classifier("spots", "wide", source="real", training="pgd") == "wide-mnist-pgd"


def test_a_world_without_a_data_set_takes_folders(spots, monkeypatch, tmp_path):
    monkeypatch.setitem(data.WORLDS, "spots", spots._replace(sets=()))
    for call in (lambda: data.fetch("spots"), lambda: data.load("spots", "test", source="real")):
        with pytest.raises(ValueError, match="'spots' has no data set of its own; give the path of a folder or zip"):
            call()
    path = write(tmp_path / "people", {f"{name}/{i}.png": (i, 9, 9) for name in ("eve", "ada") for i in range(5)})
    assert data.load("spots", "train", source=path).names == ("ada", "eve")
