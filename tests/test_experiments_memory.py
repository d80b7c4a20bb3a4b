"""The table of the associative memories on a tiny scale: the columns are what they say."""

from __future__ import annotations

import pytest
import torch

from course_utils import data, models
from course_utils.models import AssociativeMemory
from experiments import memory_table as table
from experiments import train_memory


def prototypes() -> AssociativeMemory:
    """Ten memories: a digit of each class, as it is."""
    pictures = data.load("digits", "train", 10, source="drawn")
    net = AssociativeMemory(30, 10, temperature=600.0).requires_grad_(False)
    net.pixels.copy_(2 * pictures.x.flatten(1) - 1)
    net.labels.fill_(-1.0)
    net.labels[range(10), pictures.y] = 1.0
    return net


def test_what_is_stored_is_counted() -> None:
    """Prototypes vote for one class each, are like themselves, and each is alone in speaking for itself."""
    net = prototypes()
    x = ((net.pixels + 1) / 2).view(-1, 1, 28, 28)
    assert table.stored(net, x) == pytest.approx({"one_vote": 100, "no_vote": 0, "single": 100, "like": 1}, abs=1e-4)
    net.labels[0] = -1.0
    assert table.stored(net, x)["no_vote"] == pytest.approx(10)


def test_a_change_is_tried_on_every_memory() -> None:
    first, pictures = prototypes(), data.load("digits", "train", 10, source="drawn")
    second = prototypes()
    second.n = 20
    numbers = table.crossed({20: second, 30: first}, pictures.x, pictures.y, models.load("lenet-digits"))
    assert min(numbers["made30_on30"], numbers["made20_on20"]) >= 80 and numbers["walked"] == 10
    assert 0 <= numbers["alike20_on30"] <= 100 and numbers["n30_l2"] > 0 and numbers["n30_lenet_sure"] <= 100


def test_a_memory_of_the_papers_size_is_found_where_it_was_left(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = AssociativeMemory(3, 15, temperature=7.0)
    monkeypatch.setattr(table, "full_file", lambda name: tmp_path / f"{name}.pt")
    torch.save({**net.state_dict(), "n": torch.tensor(3)}, tmp_path / "memory-mnist-n3.pt")
    found = table.memory(3, full=True)
    assert torch.equal(found.pixels, net.pixels) and found.n == 3 and found.temperature == 7


def test_a_run_trains_saves_and_writes_its_row(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a minute of the real thing: a few drawn digits, three epochs, and the row says what it was."""
    rows: list[tuple] = []
    few = {"train": data.load("digits", "train", 200, source="drawn"), "test": data.load("digits", "test", 100, source="drawn")}
    monkeypatch.setattr(models.checkpoints, "folder", lambda: tmp_path)
    monkeypatch.setattr(data.downloads, "home", lambda: tmp_path)
    monkeypatch.setattr(train_memory, "pictures", lambda source, split, n=None: few[split])
    monkeypatch.setitem(models.checkpoints.NETWORKS, "memory-digits-n3", lambda: AssociativeMemory(3, 30))
    train_memory.run("memory-digits-n3", lambda *row: rows.append(row), {"memories": 30, "epochs": 3, "cooling": 2, "batch": 20})
    (name, _, score, seed, note), *_ = rows
    assert name == "memory-digits-n3" and score.endswith("% of 100") and seed == 0 and "K = 30" in note
    assert models.load("memory-digits-n3").temperature == 20 and not list(tmp_path.glob("*.training"))
    train_memory.run("memory-digits-n3", lambda *row: rows.append(row), {"memories": 20, "epochs": 1, "batch": 20}, full=True)
    assert len(rows) == 1 and len(torch.load(tmp_path / "memory-digits-n3-full.pt")["pixels"]) == 20
