"""The walk to the decision boundary: by hand on linear networks, equal steps, where it stops, tiny gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from course_utils import attacks, models, runtime
from course_utils.attacks.walking import unit


class Linear(nn.Module):
    """Two classes: the scores are (0, size * (w . x - bias))."""

    def __init__(self, w: list[float], bias: float, size: float = 1.0) -> None:
        super().__init__()
        self.w, self.bias, self.size = nn.Parameter(torch.tensor(w)), bias, size

    def forward(self, x: Tensor) -> Tensor:
        second = self.size * (x.flatten(1) @ self.w.to(x) - self.bias)
        return torch.stack([torch.zeros_like(second), second], 1)


def picture(*values: float) -> Tensor:
    return torch.tensor(values).view(1, 1, 1, len(values))


def test_it_goes_the_shortest_way_in_a_linear_network_and_stops_behind_the_boundary() -> None:
    """From (0.2, 0.2) along (0.6, 0.8) to 0.6 a + 0.8 b = 0.7: 0.42 away, which five steps of 0.1 pass."""
    x = picture(0.2, 0.2)
    end = attacks.walk_to_boundary(Linear([0.6, 0.8], 0.7), x, torch.tensor([0]), step=0.1)
    assert torch.allclose(end, picture(0.2 + 5 * 0.06, 0.2 + 5 * 0.08), atol=1e-6)
    assert torch.equal(end, attacks.walk_to_boundary(Linear([0.6, 0.8], 0.7), x, step=0.1)), "its own answer is class 0"


def test_what_is_wrong_already_stays() -> None:
    x = torch.cat([picture(0.2, 0.2), picture(0.9, 0.9)])
    end = attacks.walk_to_boundary(Linear([0.6, 0.8], 0.7), x, torch.tensor([0, 0]))
    assert torch.equal(end[1], x[1]) and not torch.equal(end[0], x[0])


def test_pixels_stay_inside_and_the_walk_ends() -> None:
    end = attacks.walk_to_boundary(Linear([1.0, 0.0], 2.0), picture(0.5, 0.5), torch.tensor([0]), steps=30)
    assert torch.equal(end, picture(1.0, 0.5))


@pytest.mark.parametrize("size", [1e-25, 1e-10, 1e20])
def test_tiny_and_huge_gradients_give_the_same_steps(size: float) -> None:
    net, x = Linear([0.6, 0.8], 0.7), picture(0.2, 0.2)
    far = attacks.walk_to_boundary(Linear([0.6, 0.8], 0.7, size), x, torch.tensor([0]))
    assert torch.allclose(far, attacks.walk_to_boundary(net, x, torch.tensor([0])), atol=1e-5)
    assert unit(size * torch.tensor([[[[3.0, 4.0]]]])).flatten().tolist() == pytest.approx([0.6, 0.8])
    assert not unit(torch.zeros(1, 1, 2, 2)).any()


def test_a_memory_is_fooled_and_comes_back_as_it_was() -> None:
    with runtime.seeded_weights(0):
        net = models.AssociativeMemory(30, 20, temperature=100.0)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    x = torch.rand(4, 1, 28, 28, generator=runtime.generator(0)).double()
    y = runtime.predict(net.double(), x)
    end = attacks.walk_to_boundary(net, x, step=0.2)
    assert end.dtype == torch.float64 and (runtime.predict(net, end) != y).all()
    assert all(torch.equal(value, before[key].double()) for key, value in net.state_dict().items())
    assert all(p.requires_grad for p in net.parameters()) and not end.requires_grad


@pytest.mark.parametrize(
    ("options", "words"), [({"step": 0.0}, "step is 0"), ({"steps": 0}, "steps is 0"), ({"y": torch.tensor([7])}, "7")]
)
def test_bad_input_is_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        attacks.walk_to_boundary(Linear([1.0, 0.0], 2.0), picture(0.5, 0.5), **options)
