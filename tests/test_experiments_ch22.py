"""The tables of chapter 22 on a tiny scale: what they look at is what they say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils import data, measure, models, runtime
from course_utils.models import SmallAlexNet
from course_utils.runtime import generator
from experiments import activations_table as table
from experiments import bounded_rows


def test_an_activation_is_found_behind_each_normalization_whatever_it_is() -> None:
    for activation in table.ACTIVATIONS.values():
        net = SmallAlexNet(3, 4, activation)
        assert table.spots(net) == ["2", "6", "10", "13", "18"] and not isinstance(net[2], nn.BatchNorm2d)


def test_what_is_looked_at_are_the_values_that_are_not_0() -> None:
    net, x = SmallAlexNet(3, 4).eval(), torch.rand(4, 3, 32, 32, generator=generator(0))
    with torch.no_grad():
        values = nn.Sequential(*list(net)[:3])(x)
    seen = table.looked_at(net, x)
    assert seen["layer1_largest"] == pytest.approx(values.max().item()) and seen["layer1_tail"] == pytest.approx(measure.tail_ratio(values))
    assert seen["layer1_median"] < seen["layer1_high"] <= seen["layer1_largest"] and {key[:6] for key in seen} == {f"layer{k}" for k in range(1, 6)}


def test_every_activation_begins_from_the_same_weights() -> None:
    x, y = torch.rand(8, 3, 32, 32, generator=generator(0)), torch.arange(8) % 3
    nets = [table.trained(x, y, 3, {"epochs": 1, "width": 4}, table.ACTIVATIONS[name], 1, weight_decay=0.0) for name in ("relu", "relu", "tanh")]
    assert torch.equal(nets[0][0].weight, nets[1][0].weight) and not torch.equal(nets[0][0].weight, nets[2][0].weight)


def test_a_patch_is_one_square_and_the_best_of_several_starts_is_no_worse() -> None:
    net, (x, y, *_) = models.load("signnet-signs-relu"), data.load("signs", "test", 4, source="drawn")
    made = [bounded_rows.patched(net, x, y, steps=4, starts=starts) for starts in (1, 2)]
    for z in made:
        changed = (z != measure.quantize(x)).any(1)
        rows, columns = changed.any(2).sum(1), changed.any(1).sum(1)
        assert int(rows.max()) <= bounded_rows.SIDE and int(columns.max()) <= bounded_rows.SIDE and z.min() >= 0 and z.max() <= 1
    lead = [runtime.logits(net, z).log_softmax(1).gather(1, y[:, None]).mean() for z in made]
    assert lead[1] <= lead[0] + 0.5


def test_pictures_are_those_that_all_networks_have_right_of_the_classes_asked_about() -> None:
    whole = {name: models.load(file) for name, file in bounded_rows.NETS["signs"].items()}
    nets, x, y, right = bounded_rows.asked(whole, (8, 1), "drawn", 10)
    assert len(x) == 10 and set(y.tolist()) == {0, 1} and all(bool(measure.right(net, x, y).all()) for net in nets.values()) and min(right.values()) > 90
    joint = bounded_rows.Both(nets["original"], nets["bounded"])
    assert torch.allclose(joint(x), nets["original"](x).log_softmax(1) + nets["bounded"](x).log_softmax(1))


def test_every_part_has_its_networks() -> None:
    assert set(table.PARTS) >= {"compare_cifar10", "epochs_drawn", "decay_cifar10", "two_gtsrb", "forty_gtsrb", "two_signs", "all_signs", "strangers_gtsrb"}
    names = {file for nets in bounded_rows.NETS.values() for file in nets.values()}
    assert names <= set(models.available()) and len(bounded_rows.CLASSES["forty", "gtsrb"]) == 40
