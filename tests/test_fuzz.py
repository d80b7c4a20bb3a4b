"""The fuzz of `benchmarks/fuzz.py` in small: a few networks on small pictures, without clocks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks import fuzz
from benchmarks.networks import scale_weights, torchvision_network
from course_utils.layers import positions
from course_utils.runtime import generator


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_0", "shufflenet_v2_x1_0"])
def test_torchvision_networks_agree_with_brute_force(name: str) -> None:
    x = torch.rand(1, 3, 72, 65, generator=generator(0), dtype=torch.float64)
    model = scale_weights(torchvision_network(name).double(), x)
    exact, change, why_not = fuzz.difference(model, x, seed=0, count=4)
    assert change > 1e-3, "signals survive to the scores"
    assert exact <= fuzz.EXACT * change and why_not is None
    units, tight, faults = fuzz.fields_checked(model, x, seed=0, layers=2)
    assert faults == [] and units == 2 and tight >= 1


def test_random_networks_agree_with_brute_force() -> None:
    row = fuzz.random_rows(20, seed=5000)
    assert row.broken == []
    assert "of 20 local" in row.words and int(row.words.split()[-4]) >= 14, "most of them take the local way"


def test_a_broken_bar_makes_it_fail(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(fuzz, "one_thread", lambda: None)
    row = fuzz.Row("alexnet", "off by 1e-03", ["1e-03 in single precision"])
    monkeypatch.setattr(fuzz, "torchvision_row", lambda name, seed: row)
    assert fuzz.main(["alexnet", "--random", "1"]) == 1
    assert "BROKEN: 1e-03 in single precision" in capsys.readouterr().out
    monkeypatch.setattr(fuzz, "torchvision_row", lambda name, seed: row._replace(broken=[]))
    assert fuzz.main(["alexnet", "--random", "1"]) == 0


def test_it_finds_a_field_that_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that looks at its neighbours, entered in the table of those that do not."""
    monkeypatch.setattr(positions, "FUNCTIONS", positions.FUNCTIONS | {torch.roll})

    class Rolling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Conv2d(3, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(torch.roll(x, 3, 2)).mean((2, 3))

    faults = fuzz.fields_checked(Rolling(), torch.rand(1, 3, 20, 20, generator=generator(0)), seed=0)[2]
    assert faults and "sees more than" in faults[0]
