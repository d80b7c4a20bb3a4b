"""The loss on a plane around a picture."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_utils.runtime import generator
from course_utils.visualize import loss_surface


def some() -> torch.Tensor:
    return torch.rand(2, 3, 2, 2, generator=generator(4))


def test_each_entry_is_the_loss_at_its_place() -> None:
    net, x, y = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), some(), torch.tensor([0, 2])
    across, up = torch.ones_like(x), torch.rand(x.shape, generator=generator(5))
    plane = loss_surface(net, x, y, across=across, up=up, reach=0.3, points=5)
    moved = x + 0.15 * across - 0.3 * up  # column 3, row 0
    assert plane.shape == (2, 5, 5) and not plane.requires_grad
    assert torch.allclose(plane[:, 0, 3], cross_entropy(net(moved), y, reduction="none").detach(), atol=1e-5)
    own = loss_surface(net, x, across=across, up=up, reach=0.3, points=3)[:, 1, 1]
    assert torch.allclose(own, -net(x).log_softmax(1).amax(1).detach(), atol=1e-5), "without y: the model's own prediction"


def test_what_is_refused() -> None:
    net, x = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), some()
    for words, options in (("across has shape", {"across": x[:1]}), ("reach is 0", {"reach": 0}), ("points is 1", {"points": 1})):
        with pytest.raises(ValueError, match=words):
            loss_surface(net, x, **({"across": x, "up": x, "reach": 0.3} | options))
