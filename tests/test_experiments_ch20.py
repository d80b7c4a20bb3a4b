"""The table of chapter 20 on a tiny scale: the columns are what they say, and each row can be built."""

from __future__ import annotations

import torch

from course_utils import data, defenses, models
from experiments import obfuscated_table as table


def test_a_row_has_its_columns_and_the_right_attack_finds_what_the_others_do_not() -> None:
    plain = models.load("nin-signs")
    fight = table.behind(plain, defenses.bit_depth, (24,), steps=5)
    numbers, count = table.fought("bits", fight, data.load("objects", "test", 10, source="drawn"), 6)
    assert count == 6 and set(numbers) == {"bits_clean", *(f"bits_24_{who}" for who in ("undefended", "stands", "grey", "noise", "adaptive"))}
    assert numbers["bits_24_stands"] > 80 and numbers["bits_24_adaptive"] < 50 and numbers["bits_24_noise"] > 80


def test_a_row_without_any_gradient_is_not_attacked_as_it_stands() -> None:
    net = models.load("nin-signs")
    fight = table.behind(net, lambda x: defenses.tv_minimize(x, steps=3), (8,), steps=2, blind=True)
    numbers, _ = table.fought("tv", fight, data.load("objects", "test", 6, source="drawn"), 3)
    assert "tv_8_stands" not in numbers and "tv_8_grey" in numbers


def test_the_networks_of_cifar10_are_built_and_the_defended_ones_answer() -> None:
    x = torch.rand(2, 3, 32, 32)
    for row, build in table.OBJECTS.items():
        fight = build()
        assert fight.defended(x).shape == (2, 10), row
        assert fight.opened(x.clone().requires_grad_()).requires_grad, row
    assert set(table.OBJECTS) | set(table.PHOTOS) < set(table.ROWS) and len(table.ROWS) == 11
