"""The training script's near views, and the tables' attack in small steps."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils import attacks, models, runtime
from course_utils.data import scenes
from experiments import common, szegedy_table, train
from experiments.replayed import Replayed
from tests.test_attacks import needs_cuda


def test_near_views_hold_the_whole_sign() -> None:
    """The pixels of the sign's box are marked in a fourth channel; none is lost in the windows."""
    batch = scenes.draw(30, generator=runtime.generator(0), size=192)
    marked = torch.zeros(30, 1, 192, 192, dtype=torch.uint8)
    for mark, (x0, y0, x1, y1) in zip(marked, batch.boxes[:, 0].int().tolist()):
        mark[:, y0:y1, x0:x1] = 1
    views = train.near_views(marked, batch.boxes[:, 0], train.NEAR, runtime.generator(1))
    assert views.shape == (30, 1, train.NEAR, train.NEAR) and views.dtype == torch.uint8
    assert torch.equal(views.flatten(1).sum(1), marked.flatten(1).sum(1))


def test_near_views_are_at_other_places_each_time() -> None:
    x, boxes = torch.rand(8, 3, 192, 192), torch.tensor([[90.0, 90.0, 120.0, 120.0]]).repeat(8, 1)
    first, second = (train.near_views(x, boxes, train.NEAR, runtime.generator(seed)) for seed in (0, 1))
    assert ((first - second).abs().flatten(1).amax(1) > 0).all()


def test_half_the_budget_is_half_the_budget() -> None:
    half = train.halved(train.PGD)
    assert half.func is attacks.pgd and half.keywords == {"eps": 0.15, "step": 0.005, "steps": 40}


def test_only_projected_gradient_descent_on_a_gpu_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    net = models.MadryNet(width=1)
    assert train.quick(train.PGD, net) is train.PGD
    monkeypatch.setattr(train.runtime, "device", lambda: torch.device("cuda"))
    fast = partial(attacks.fgsm, eps=0.3)
    assert train.quick(fast, net) is fast and isinstance(train.quick(train.PGD, net), Replayed)


def test_a_recorded_attack_leaves_other_devices_to_the_usual_one() -> None:
    net, x, y = models.MadryNet(width=1).train(), torch.rand(4, 1, 28, 28), torch.arange(4)
    attack = Replayed(net, eps=0.3, step=0.1, steps=3)
    found = attack(net, x, y, generator=runtime.generator(5))
    assert torch.equal(found, attacks.pgd(net, x, y, eps=0.3, step=0.1, steps=3, generator=runtime.generator(5))) and attack.graph is None


@needs_cuda
def test_what_is_replayed_on_a_gpu_is_pgd_also_after_the_weights_have_moved() -> None:
    net, y = models.MadryNet(width=2).cuda().train(), torch.arange(8).cuda()
    attack = Replayed(net, eps=0.3, step=0.1, steps=3)
    for seed in range(3):
        x = torch.rand(8, 1, 28, 28, generator=runtime.generator(seed)).cuda()
        found = attack(net, x, y, generator=runtime.generator(seed))
        assert torch.allclose(found, attacks.pgd(net, x, y, eps=0.3, step=0.1, steps=3, generator=runtime.generator(seed)), atol=1e-6)
        with torch.no_grad():
            for weights in net.parameters():
                weights.mul_(1.2)
    assert net.training and all(weights.requires_grad for weights in net.parameters())


def test_a_killed_training_of_a_checkpoint_goes_on_and_half_the_budget_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script's own call: two stages, a state for each, both gone when the checkpoint is there."""
    plan = train.PLANS["madry-digits-pgd"]._replace(pictures=60, epochs=2, warm=1, tests=20, attack=partial(attacks.pgd, eps=0.3, step=0.1, steps=2))
    monkeypatch.setitem(train.PLANS, "madry-digits-pgd", plan)
    monkeypatch.setattr(train.data.downloads, "home", lambda: tmp_path / "downloads")
    monkeypatch.setattr(train.models.checkpoints, "folder", lambda: tmp_path)
    budgets, usual = [], train.training.adversarial
    monkeypatch.setattr(train.training, "adversarial", lambda attack, **more: budgets.append(attack.keywords["eps"]) or usual(attack, **more))
    whole = train.training.train

    def killed(*given, **how):
        how["evaluate"] = lambda net, watch=how["evaluate"]: watch(net) if len(list((tmp_path / "downloads").iterdir())) < 2 else sys.exit("killed")
        return whole(*given, **how)

    monkeypatch.setattr(train.training, "train", killed)
    with pytest.raises(SystemExit):
        train.run("madry-digits-pgd")
    assert sorted(path.name for path in (tmp_path / "downloads").iterdir()) == ["madry-digits-pgd.training", "madry-digits-pgd.warm"]
    epochs = []
    monkeypatch.setattr(train.training, "train", lambda *given, **how: epochs.append(how["epochs"]) or whole(*given, **how))
    train.run("madry-digits-pgd")
    assert budgets == [0.3, 0.15, 0.3, 0.15] and epochs == [1, 2]
    assert not list((tmp_path / "downloads").iterdir()) and (tmp_path / "madry-digits-pgd.pt").exists()


def test_a_face_network_learns_more_people_and_forgets_them() -> None:
    """The copy has a wider head; what is kept of it are the first rows, which stand for the people of the world of faces."""
    net = models.FaceNet(width=4)
    more = train.with_others(net, 2)
    assert more.head.out_features == 120 and net.head.out_features == 40 and train.with_others(net, 0) is net
    assert more.conv1.weight.data_ptr() != net.conv1.weight.data_ptr(), "a copy"
    plan = train.PLANS["facenet-faces"]._replace(pictures=200, others=2)
    pictures = train.training_set(plan)
    assert pictures.x.shape == (600, 3, 64, 64) and pictures.y.bincount().tolist() == [5] * 120


def test_training_pictures_come_a_thousand_at_a_time(monkeypatch) -> None:
    """Each part has a seed of its own, and the parts together are as many as the plan says."""
    asked = []

    def load(world, split, n, source, seed):
        asked.append((n, seed))
        return train.data.Pictures(torch.full((n, 3, 2, 2), seed / 255), torch.full((n,), seed), (), "drawn", torch.zeros(n, 1, 4))

    monkeypatch.setattr(train.data, "load", load)
    pictures = train.training_set(train.PLANS["scenenet-scenes"]._replace(pictures=2500))
    assert asked == [(1000, 0), (1000, 1), (500, 2)]
    assert pictures.x.dtype == torch.uint8 and pictures.x.shape == (2500, 3, 2, 2) and pictures.boxes.shape == (2500, 1, 4)
    assert torch.equal(pictures.x[:, 0, 0, 0].long(), pictures.y)


def test_an_attack_in_parts_is_the_attack() -> None:
    x, y = torch.rand(7, 1, 2, 2), torch.arange(7)
    assert torch.equal(common.in_parts(lambda a, b: a + b[:, None, None, None], x, y, size=3), x + y[:, None, None, None])


def test_ten_steps_stay_in_the_budget_and_beat_one() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 36, 4)).eval()
    x, y = torch.rand(40, 3, 8, 8), torch.arange(40) % 4
    one, ten = attacks.fgsm(net, x, y, eps=0.05), common.small_steps(net, x, y, 0.05, steps=10)
    assert (ten - x).abs().max() <= 0.05 + 1e-6 and ten.min() >= 0 and ten.max() <= 1
    loss = [nn.functional.cross_entropy(net(picture), y).item() for picture in (x, one, ten)]
    assert loss[0] < loss[1] <= loss[2]


def test_noise_of_a_length_has_it_after_clipping() -> None:
    x = (1.4 * torch.rand(5, 1, 6, 6, generator=runtime.generator(0)) - 0.2).clamp(0, 1)
    length = torch.tensor([0.0, 0.1, 0.5, 1.0, 2.0])
    moved = szegedy_table.of_length(torch.randn(x.shape, generator=runtime.generator(1)), x, length)
    assert moved.min() >= 0 and moved.max() <= 1
    assert torch.allclose((moved - x).flatten(1).norm(dim=1), length, atol=1e-4)


def test_targets_are_other_classes_and_all_alike() -> None:
    y = torch.arange(9000) % 10
    step = (szegedy_table.other_class(y) - y) % 10
    assert set(step.tolist()) == set(range(1, 10)) and step.bincount().amax() < 1150


def test_the_nearest_of_many() -> None:
    a, b = torch.rand(300, 4, generator=runtime.generator(0)), torch.rand(40, 4, generator=runtime.generator(1))
    assert torch.allclose(szegedy_table.nearest(a, b), torch.stack([(b - row).norm(dim=1).min() for row in a]), atol=1e-5)
