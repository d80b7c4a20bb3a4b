"""The attack that chooses the generator's code: drawn pictures only, the nearest that fools, refusals."""

from __future__ import annotations

import copy

import pytest
import torch

from course_utils import attacks, runtime
from course_utils.attacks.adam import Adam
from course_utils.runtime import generator
from tests.test_generative import artist, reader


def drawn(n: int = 6, seed: int = 5) -> torch.Tensor:
    net = artist()
    return net(net.draw(n, generator=generator(seed))).detach()


def test_it_fools_with_pictures_that_the_generator_draws() -> None:
    net, model, x = artist(), reader(), drawn()
    y = runtime.predict(model, x)
    start = net.draw(6, generator=generator(5))
    found = attacks.reparameterised(model, net, x, y, start=start, c=3.0, steps=150)
    assert (runtime.predict(model, found) != y).float().mean() > 0.6
    assert torch.equal(found, attacks.reparameterised(model, net, x, start=start, c=3.0, steps=150)), "y None is the model's own answer"
    code = start.clone().requires_grad_()
    walk = torch.optim.Adam([code], 0.05)
    for _ in range(400):
        walk.zero_grad(), (net(code) - found).square().mean((1, 2, 3)).sum().backward(), walk.step()
    assert (net(code) - found).square().mean() < 0.1 * (x - found).square().mean(), "the generator draws it"


def test_of_all_steps_the_nearest_that_fools_is_kept() -> None:
    net, model, x = artist(), reader(), drawn()
    y, start = runtime.predict(model, x), net.draw(6, generator=generator(8))
    apart = lambda steps: (attacks.reparameterised(model, net, x, y, start=start, c=3.0, steps=steps) - x).square().mean((1, 2, 3))  # noqa: E731
    fooled = lambda steps: runtime.predict(model, attacks.reparameterised(model, net, x, y, start=start, c=3.0, steps=steps)) != y  # noqa: E731
    early, late = fooled(60), fooled(150)
    assert late[early].all() and (apart(150)[early] <= apart(60)[early] + 1e-7).all() and early.any()


def test_nothing_is_left_behind() -> None:
    net, model, x = artist().train(), reader().train(), drawn()
    state, chance = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    found = [attacks.reparameterised(model, net, x, steps=3, generator=generator(seed)) for seed in (1, 1, 2)]
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2]) and not found[0].requires_grad
    assert model.training and net.training and all(p.grad is None and p.requires_grad for p in [*net.parameters(), *model.parameters()])
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items()) and torch.equal(chance, torch.get_rng_state())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": reader()}, "a models.Generator is expected"),
        ({"start": torch.zeros(6, 5)}, "a code for each picture"),
        ({"x": torch.rand(6, 1, 20, 20)}, "draws"),
        ({"y": torch.full((6,), 10)}, "10 classes"),
        ({"steps": 0}, "steps is 0"),
        ({"c": -1.0}, "c is -1"),
        ({"rate": 0.0}, "rate is 0"),
    ],
)
def test_what_it_refuses(change: dict, words: str) -> None:
    given = {"model": reader(), "network": artist(), "x": drawn(), "steps": 2} | change
    with pytest.raises(ValueError, match=words):
        attacks.reparameterised(**given)


def test_adam_steps_as_torchs_own_does() -> None:
    place = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    theirs, ours, adam = place.clone().requires_grad_(), place.clone(), Adam(place)
    walk = torch.optim.Adam([theirs], 0.1, maximize=True)
    for k in range(5):
        slope = torch.sin(3 * ours + k)
        theirs.grad = torch.sin(3 * theirs.detach() + k)
        walk.step()
        ours = ours + 0.1 * adam.step(slope)
    torch.testing.assert_close(ours, theirs.detach())
