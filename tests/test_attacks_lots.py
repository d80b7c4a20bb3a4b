"""LOTS: its directions against slopes taken plainly, the smallest scale against a walk in small steps, what always holds, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import attacks, data, layers, measure, models, runtime
from course_utils.attacks import hot_cold, hot_cold_direction, lots, lots_direction, magnify, magnify_direction, smallest_scale
from tests.test_attacks import in_any_state, labels, needs_cuda, small, some, trace
from tests.test_pitfalls import flat

stable = settings(deadline=None, max_examples=5, derandomize=True)
LAYERS = ("model.0", "model.1", "model.3", "model.7")
every_layer = pytest.mark.parametrize("layer", LAYERS)


def plain(layer: str, net: nn.Module, x: Tensor) -> Tensor:
    """What a layer of `small()` answers, by running the parts up to it."""
    return net.model[: int(layer[-1]) + 1]((x - net.mean) / net.std)


def others(net: nn.Module, x: Tensor, seed: int = 8) -> Tensor:
    """For each picture one of another predicted class."""
    pool = some(60, seed, x.dtype)
    own, theirs = runtime.predict(net, x), runtime.predict(net, pool)
    return torch.stack([pool[int((theirs != k).nonzero()[i % 5])] for i, k in enumerate(own)])


# ---------------------------------------------------------------- directions


@every_layer
def test_the_direction_is_the_slope_of_half_the_squared_distance(layer: str) -> None:
    net = small(inplace=False).double()
    x, target = some(dtype=torch.float64), some(3, 5, torch.float64)
    z = x.clone().requires_grad_()
    gap = (plain(layer, net, target).detach() - plain(layer, net, z)).square().sum() / 2
    want = -torch.autograd.grad(gap, z)[0]
    assert torch.allclose(lots_direction(net, x, target, layer=layer), want, atol=1e-10)
    stored = layers.representation(net, target, layer)
    assert torch.allclose(lots_direction(net, x, stored, layer=layer), want, atol=1e-10), "whoever stole the answers needs no picture"
    one = lots_direction(net, x, stored[1:2], layer=layer)
    assert torch.allclose(one[1], want[1], atol=1e-10) and torch.equal(one, lots_direction(net, x, target[1:2], layer=layer))


@every_layer
def test_magnified_is_the_slope_of_half_the_squared_answer(layer: str) -> None:
    net, x = small(inplace=False).double(), some(dtype=torch.float64)
    z = x.clone().requires_grad_()
    want = torch.autograd.grad(plain(layer, net, z).square().sum() / 2, z)[0]
    assert torch.allclose(magnify_direction(net, x, layer=layer), want, atol=1e-10)
    assert torch.allclose(magnify_direction(net, x, layer=layer, reduce=True), -want, atol=1e-10)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_hot_and_cold_weigh_two_scores(rank: int) -> None:
    net, x = small().double(), some(4, dtype=torch.float64)
    slopes = torch.autograd.functional.jacobian(lambda z: net(z).sum(0), x).transpose(0, 1)  # [N, classes, C, H, W]
    scores = net(x).detach()
    order = scores.argsort(1, descending=True)
    found = hot_cold_direction(net, x, rank=rank)
    for i in range(4):
        cold, hot = order[i, 0], order[i, rank]
        want = scores[i, hot].abs() * slopes[i, hot] - scores[i, cold].abs() * slopes[i, cold]
        assert torch.allclose(found[i], want, atol=1e-10)
    assert torch.allclose(hot_cold_direction(net, x, order[:, rank], targeted=True), found, atol=1e-12)
    assert torch.equal(hot_cold_direction(net, x, order[:, 0], rank=rank), found)


def test_gradient_directions_are_those_of_fgsm_and_fgv() -> None:
    net, x, y = small().double(), some(dtype=torch.float64), labels()
    for attack, sign in ((attacks.fgsm, True), (attacks.fgv, False)):
        d = attacks.gradient_direction(net, x, y, sign=sign)
        moved = (x + 0.01 * d / d.abs().amax((1, 2, 3), keepdim=True)).clamp(0, 1)
        assert torch.allclose(moved, attack(net, x, y, eps=0.01), atol=1e-12)


# ---------------------------------------------------------------- the smallest scale


def by_small_steps(net: nn.Module, x: Tensor, d: Tensor, wrong: Callable[[int], bool], last: float = 2.0) -> float:
    """The first scale, in steps of a tenth of a grey level, at which one picture [C, H, W] is of a wanted class."""
    for s in torch.arange(1, int(2550 * last)) / 2550:
        moved = ((x + s * d / d.abs().max()).clamp(0, 1) * 255).round() / 255
        if wrong(int(net(moved[None]).argmax())):
            return float(s)
    return float("inf")


@pytest.mark.parametrize("targeted", [False, True])
def test_it_is_the_first_change_along_a_straight_way(targeted: bool) -> None:
    net, x = small(3).double(), measure.quantize(some(6, 4, torch.float64))
    d = hot_cold_direction(net, x)
    own, goal = runtime.predict(net, x), hot(net, x)
    found = smallest_scale(net, x, d, goal if targeted else None, targeted=targeted, halvings=14)
    for i in range(6):
        want = by_small_steps(net, x[i], d[i], lambda k, i=i: k == goal[i] if targeted else k != own[i])
        if found.found[i]:
            assert abs(found.scale[i] - want) < 2e-3, "or it comes back to its class on the way"
    assert found.found.sum() >= 4


def hot(net: nn.Module, x: Tensor) -> Tensor:
    return runtime.logits(net, x).argsort(1, descending=True)[:, 1]


def test_what_comes_back_is_whole_grey_levels_of_another_class_or_untouched() -> None:
    net, x = small(), some(8)
    own = runtime.predict(net, x)
    found = smallest_scale(net, x, lots_direction(net, x, others(net, x), layer="model.3"), largest=0.3)
    assert found.found.any() and not found.found.all()
    assert torch.equal(runtime.predict(net, found.images) != own, found.found) and torch.equal(found.images[~found.found], x[~found.found])
    moved = found.images[found.found]
    assert torch.equal(moved, measure.quantize(moved)) and (found.scale[~found.found] == 0).all() and (found.scale[found.found] > 0).all()
    assert ((moved - x[found.found]).abs().amax((1, 2, 3)) <= found.scale[found.found] + 0.6 / 255).all()


def test_pictures_that_are_wrong_already_stay() -> None:
    net, x = small(), some(5)
    y = (runtime.predict(net, x) + 1) % 4
    found = smallest_scale(net, x, torch.ones_like(x), y)
    assert torch.equal(found.images, x) and found.found.all() and not found.scale.any()


def test_without_a_direction_nothing_moves() -> None:
    net, x = small(), some(3)
    found = smallest_scale(net, x, torch.zeros_like(x))
    assert torch.equal(found.images, x) and not found.found.any() and torch.equal(hot_cold(flat(), x), x)


# ---------------------------------------------------------------- the attacks


@every_layer
@pytest.mark.parametrize("adjust", [False, True])
def test_with_a_target_the_class_is_the_targets(layer: str, adjust: bool) -> None:
    net, x = small(2), some(6)
    target = others(net, x)
    goal = runtime.predict(net, target)
    found = lots(net, x, target, layer=layer, targeted=True, adjust=adjust, steps=60)
    reached = runtime.predict(net, found) == goal
    assert torch.equal(reached, (found != x).flatten(1).any(1)) and reached.any()
    stored = layers.representation(net, target, layer)
    assert torch.equal(lots(net, x, stored, layer=layer, y=goal, targeted=True, adjust=adjust, steps=60), found)
    assert torch.equal(lots(net, x, target, layer=net.model[int(layer[-1])], targeted=True, adjust=adjust, steps=60), found), "a module is a layer, too"


def test_adjusted_it_reaches_the_target_more_often() -> None:
    net, x = models.load("lenet-digits"), data.load("digits", "test", 12, source="drawn").x
    target = x.roll(1, 0)
    differ = runtime.predict(net, x) != runtime.predict(net, target)
    x, target = x[differ], target[differ]
    straight, adjusted = (lots(net, x, target, layer="7", targeted=True, adjust=adjust, step=4 / 255) for adjust in (False, True))
    share = lambda found: (runtime.predict(net, found) == runtime.predict(net, target)).float().mean()  # noqa: E731
    assert share(adjusted) == 1 and share(straight) <= 0.95
    assert measure.norms(x, adjusted).l2.mean() < measure.norms(x, lots(net, x, target, layer="7")).l2.mean() * 1.3


def test_magnified_up_to_a_largest_pixel_or_reduced_until_the_class_changes() -> None:
    net, x = small(), some(6)
    strong = magnify(net, x, layer="model.3", linf=0.2)
    change = (strong - x).abs().amax((1, 2, 3))
    assert (change <= 0.2 + 0.6 / 255).all() and (change > 0.1).any()
    assert layers.representation(net, strong, "model.3").norm() > layers.representation(net, x, "model.3").norm()
    weak = magnify(net, x, layer="model.7", reduce=True)
    moved = (weak != x).flatten(1).any(1)
    assert moved.any() and torch.equal(runtime.predict(net, weak) != runtime.predict(net, x), moved)


def test_a_face_is_recognised_as_another_person_by_nearest_neighbour() -> None:
    """The network only gives features; whom it is attacked for is known by a stored embedding alone."""
    net, people = models.load("facenet-faces"), data.strangers(50)
    features = net.extractor()
    stored = layers.representation(net, people.x[:40], "embedding")
    known = models.Nearest(features, stored, people.y[:40])
    x, y, goal = people.x[40:46], people.y[40:46], torch.tensor([7, 11, 19, 23, 30, 33])
    right = runtime.predict(known, x) == y
    found = lots(known, x, stored[goal], layer="features.embedding", y=goal, targeted=True, adjust=True)
    assert right.float().mean() >= 0.5 and (runtime.predict(known, found) == goal).float().mean() >= 0.8
    assert measure.pass_score(x, found).mean() > 0.8


def test_features_are_matched_within_a_budget_far_better_than_along_one_direction() -> None:
    net, x = models.load("lenet-digits"), data.load("digits", "test", 6, source="drawn").x
    target, eps = x.roll(1, 0), 0.2
    apart = lambda z, layer: (layers.representation(net, z, layer) - layers.representation(net, target, layer)).flatten(1).norm(dim=1)  # noqa: E731
    for layer in ("2", "5"):
        found = attacks.match_features(net, x, target, layer=layer, eps=eps, steps=40)
        assert (found - x).abs().max() <= eps + 1e-6 and found.min() >= 0 and found.max() <= 1 and not found.requires_grad
        d = lots_direction(net, x, target, layer=layer)
        straight = torch.stack([(x + s * eps * d / d.abs().amax((1, 2, 3), keepdim=True)).clamp(0, 1) for s in (0.25, 0.5, 1.0)])
        nearest = torch.stack([apart(z, layer) for z in straight]).amin(0)
        assert (apart(found, layer) < nearest).all() and (apart(found, layer) < 0.9 * apart(x, layer)).all()
        assert torch.equal(attacks.match_features(net, x, layers.representation(net, target, layer), layer=layer, eps=eps, steps=40), found)
    with pytest.raises(ValueError, match="eps is 0; a finite number above 0"):
        attacks.match_features(net, x, target, layer="2", eps=0)


# ---------------------------------------------------------------- what always holds

ATTACKS = {
    "lots": lambda net, x: lots(net, x, layers.representation(net, some(1, 9, x.dtype).to(x), "model.3"), layer="model.3"),
    "adjusted": lambda net, x: lots(net, x, layers.representation(net, some(1, 9, x.dtype).to(x), "model.7"), layer="model.7", adjust=True, steps=8),
    "magnify": partial(magnify, layer="model.3", reduce=True),
    "magnify so far": partial(magnify, layer="model.1", linf=0.1),
    "hot/cold": hot_cold,
    "features": lambda net, x: attacks.match_features(net, x, layers.representation(net, some(1, 9, x.dtype).to(x), "model.3"), layer="model.3", steps=6),
}
every_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)


@every_attack
@stable
@given(choice=st.data())
def test_the_model_comes_back_as_it_was(attack: Callable, choice: st.DataObject) -> None:
    model, x = in_any_state(choice), some()
    before, pictures = trace(model), x.clone().requires_grad_()
    found = attack(model, pictures)
    assert trace(model) == before and pictures.grad is None and pictures.requires_grad and torch.equal(pictures.detach(), x)
    assert torch.equal(found, attack(small(), x)), "modes and frozen parameters change nothing"
    assert (found.shape, found.dtype) == (x.shape, x.dtype) and found.min() >= 0 and found.max() <= 1 and not found.requires_grad


@every_attack
@pytest.mark.parametrize("seed", [0, 4])
def test_a_batch_gives_what_its_pictures_give_alone(attack: Callable, seed: int) -> None:
    model, x = small(seed).double(), some(5, seed, torch.float64)
    alone = torch.cat([attack(model, x[i : i + 1]) for i in range(5)])
    assert (attack(model, x) - alone).abs().max() < 1.5 / 255 + 1e-9, "to within one grey level"


@every_attack
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_every_precision_and_gradients_switched_off(attack: Callable, dtype: torch.dtype) -> None:
    with torch.no_grad():
        found = attack(small().to(dtype), some(dtype=dtype))
        assert not torch.is_grad_enabled()
    assert found.dtype == dtype and found.isfinite().all() and not found.requires_grad


@needs_cuda
@every_attack
def test_on_a_gpu_the_result_is_the_same(attack: Callable) -> None:
    model, x = small().double(), some(5, dtype=torch.float64)
    want = attack(model, x)
    found = attack(model.cuda(), x.cuda())
    assert found.device.type == "cuda" and (found.cpu() - want).abs().max() < 1.5 / 255


# ---------------------------------------------------------------- bad input


@every_attack
@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda x: 255 * x, r"pixels in \[0, 1\] are expected", id="bytes as floats"),
        pytest.param(lambda x: x.where(x < x.max(), torch.nan), "x holds NaN", id="NaN"),
        pytest.param(lambda x: x[:0], "x is an empty batch", id="empty batch"),
    ],
)
def test_bad_pictures_are_refused(attack: Callable, change: Callable, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        attack(small(), change(some()))


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        (torch.rand(3, 3, 8, 11), {}, r"target is shape \[3, 3, 8, 11\]; expected: pictures \[3, 3, 8, 10\] like x, or answers of the layer \[3, 6, 3, 4\]"),
        (torch.rand(2, 3, 8, 10), {}, r"target is shape \[2, 3, 8, 10\]"),
        (torch.rand(3, 5), {}, r"target is shape \[3, 5\]"),
        ([1, 2], {}, "target is a list"),
        (torch.rand(3, 3, 8, 10) * 2, {}, r"target holds pixels.*\[0, 1\]"),
        (torch.full((3, 6, 3, 4), torch.nan), {}, "target holds NaN"),
        (torch.rand(3, 6, 3, 4), {"targeted": True}, "targeted=True with stored answers as target needs y"),
        (torch.rand(3, 6, 3, 4), {"y": torch.tensor([0, 1, 4])}, "4 classes"),
        (torch.rand(3, 6, 3, 4), {"y": torch.tensor([0, 1])}, "y has shape"),
        (torch.rand(3, 6, 3, 4), {"step": 0}, "step is 0"),
        (torch.rand(3, 6, 3, 4), {"steps": 0}, "steps is 0"),
        (torch.rand(3, 6, 3, 4), {"layer": "model.33"}, "unknown layer 'model.33'. Nearest: model.3"),
    ],
)
def test_bad_targets_and_options_are_refused(target: object, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        lots(small(), some(), target, **{"layer": "model.3", **options})


def test_a_target_of_the_origins_own_class_is_refused() -> None:
    net, x = small(), some()
    own = runtime.predict(net, x)
    for options in ({}, {"targeted": True}):
        with pytest.raises(ValueError, match="a picture and its target are of the same class"):
            lots(net, x, x, layer="model.3", **options)
    with pytest.raises(ValueError, match="of the same class"):
        lots(net, x, torch.rand(3, 6, 3, 4), layer="model.3", y=own, targeted=True)
    with pytest.raises(ValueError, match="of the same class"):
        hot_cold(net, x, own, targeted=True)


def test_a_layer_without_a_gradient_is_named() -> None:
    class Steps(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x > 0.5).float()

    net = nn.Sequential(Steps(), nn.Flatten(), nn.Linear(240, 4))
    for call in (lambda: magnify(net, some(), layer="0"), lambda: lots(net, some(), torch.rand(3, 240), layer="1")):
        with pytest.raises(ValueError, match="the layer '[01]' has no gradient for the pixels"):
            call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda net, x: smallest_scale(net, x, x[:, :1]), "direction has shape"),
        (lambda net, x: smallest_scale(net, x, x, growth=1.0), "growth - 1 is 0.0"),
        (lambda net, x: smallest_scale(net, x, x, largest=0), "largest is 0"),
        (lambda net, x: smallest_scale(net, x, x, targeted=True), "targeted=True needs y"),
        (lambda net, x: hot_cold(net, x, rank=4), "rank is 4, but the model has 4 classes"),
        (lambda net, x: hot_cold(net, x, rank=0), "rank is 0"),
        (lambda net, x: magnify(net, x, layer="model.3", linf=-1), "linf is -1"),
        (lambda net, x: attacks.gradient_direction(net, x, torch.tensor([9, 0, 0])), "4 classes"),
    ],
)
def test_other_bad_options_are_refused(call: Callable, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(small(), some())


def test_the_random_numbers_of_others_are_left_alone() -> None:
    before = torch.get_rng_state()
    for attack in ATTACKS.values():
        attack(small(), some())
    assert torch.equal(before, torch.get_rng_state())
