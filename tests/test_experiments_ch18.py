"""Chapter 18's tables: what they count, on small networks."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from course_utils import attacks, data, models, runtime
from experiments import adversarial_capacity as capacity
from experiments import adversarial_table as table


def tiny() -> tuple[models.MadryNet, torch.Tensor, torch.Tensor]:
    with runtime.seeded_weights(0):
        net = models.MadryNet(width=1).eval()
    pictures = data.load("digits", "test", n=6, source="drawn")
    return net, pictures.x, pictures.y


def test_targets_are_other_classes() -> None:
    y = torch.arange(10).repeat(30)
    aimed = capacity.others(y)
    assert (aimed != y).all() and aimed.min() == 0 and aimed.max() == 9 and len(set(aimed[:10].tolist())) > 3
    assert torch.equal(aimed, capacity.others(y)), "always the same ones"


def test_the_rows_attack_within_the_budget_with_the_papers_step_and_loss() -> None:
    net, x, y = tiny()
    for name, attack in {**capacity.ROWS, **table.AGAIN}.items():
        options = attack.keywords
        assert options["eps"] == 0.3 and options.get("step", 0.01) == 0.01
        assert options.get("steps", 1) == {"fgsm": 1, "pgd100": 100, "pgd100x20": 100}.get(name, 40)
        assert options.get("restarts", 1) == (20 if "x20" in name else 1)
        assert (options.get("loss"), options.get("kappa")) == {"cw": ("margin", None), "cwplus": ("margin", 50)}.get(name, (None, None))
        if "x20" not in name and options.get("steps", 1) <= 40:
            assert (attack(net, x, y) - x).abs().max() <= 0.3 + 1e-6


def test_what_is_left_is_counted_on_the_network_that_is_defended() -> None:
    net, x, y = tiny()
    y = runtime.predict(net, x)
    blank = lambda source, a, b: torch.zeros_like(a)  # noqa: E731
    assert capacity.left(net, net, lambda source, a, b: a, x, y) == 100
    assert capacity.left(net, net, blank, x, y) == 100 * (runtime.predict(net, torch.zeros_like(x)) == y).float().mean().item()


def test_many_starts_of_one_picture_end_where_pgd_ends() -> None:
    """From the starts of the same generator; the curve begins at the starts' mean loss and ends at the ends'."""
    net, x, y = tiny()
    with runtime.frozen(net):
        ends, losses, curve = table.climbed(net, x[0], y[0], 7, 5)
    many, its = x[:1].expand(7, -1, -1, -1), y[:1].expand(7)
    found = attacks.pgd(net, many, its, eps=0.3, step=0.01, steps=5, generator=runtime.generator(0))
    assert torch.allclose(ends, found, atol=1e-5) and len(curve) == 6
    wanted = F.cross_entropy(runtime.logits(net, found), its, reduction="none")
    assert torch.allclose(losses, wanted, atol=1e-4) and math.isclose(curve[-1].item(), wanted.mean().item(), rel_tol=1e-4)
    start = attacks.MaxBall(many, 0.3).random(runtime.generator(0))
    assert math.isclose(curve[0].item(), F.cross_entropy(runtime.logits(net, start), its).item(), rel_tol=1e-4)


def test_angles_and_distances_of_known_places() -> None:
    centre = torch.full((1, 2, 2), 0.5)
    turns = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [-1, 0, 0, 0], [0, -1, 0, 0]]).view(4, 1, 2, 2)
    angle, far = table.apart(centre + 0.3 * turns, centre)
    assert angle == pytest.approx(90) and far == pytest.approx(0.3 * 2**0.5, rel=1e-5)


@pytest.mark.parametrize("kind", ["natural", "fgsm", "fgsm-predicted", "fgsm-random", "pgd", "pgd-cold"])
def test_a_network_of_each_kind_is_trained_and_the_same_seed_gives_the_same_one(kind: str) -> None:
    pictures = data.load("digits", "train", n=40, source="drawn")
    train = partial(capacity.train_capacity, 1, kind, pictures.x, pictures.y, epochs=3, steps=2, batch_size=20)
    (first, loss), (second, again), (other, _) = train(), train(), train(seed=1)
    weights = [torch.cat([w.flatten() for w in net.parameters()]) for net in (first, second, other)]
    assert torch.equal(weights[0], weights[1]) and loss == again and 0 < loss < 5
    assert not torch.equal(weights[0], weights[2]) and not first.training
    assert sum(w.numel() for w in first.parameters()) < 14_000
