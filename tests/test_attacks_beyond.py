"""Attacks beyond single pixels: the camera against torchvision's, the scene against the drawing, and what holds for every picture."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from course_utils import data, models, runtime
from course_utils.attacks import Camera, beyond_pixels, change_needed, worst_change
from course_utils.data import digits, signs
from course_utils.runtime import generator
from tests.test_attacks import in_any_state, labels, needs_cuda, small, some

stable = settings(deadline=None, max_examples=10, derandomize=True)


def at(x: Tensor, camera: Camera, **values: float) -> Tensor:
    """Pictures as the camera sees them with some of its numbers; the others as they are."""
    p = camera.own
    for name, value in values.items():
        p[:, camera.names.index(name)] = value
    return camera.render(p)


# ---------------------------------------------------------------- the camera


def test_a_camera_that_does_nothing_gives_the_pictures() -> None:
    x = some()
    assert torch.allclose(Camera(x).render(Camera(x).own), x, atol=1e-6)


@pytest.mark.parametrize(("name", "shift"), [("right", (0, 2)), ("down", (2, 0))])
def test_it_moves_to_the_right_and_down(name: str, shift: tuple[int, int]) -> None:
    x = torch.zeros(1, 1, 20, 20)
    x[0, 0, 8:11, 6:9] = 1
    assert torch.allclose(at(x, Camera(x, shift=0.1), **{name: 1.0}), x.roll(shift, (2, 3)), atol=1e-5)


def test_it_turns_clockwise_also_where_pictures_are_not_square() -> None:
    x = torch.zeros(1, 1, 9, 15)
    x[0, 0, 4, 8:11] = 1  # to the right of the middle
    turned = at(x, Camera(x, turn=90.0), turn=1.0)
    assert torch.allclose(turned[0, 0, 5:8, 7], torch.ones(3), atol=1e-4) and turned.sum() < 3.01


def test_light_and_blur_are_those_of_transforms() -> None:
    x = 0.5 * some()
    assert torch.allclose(at(x, Camera(x, light=0.4), light=-1.0), 0.6 * x, atol=1e-6)
    blurred = at(x, Camera(x, blur=2.0), blur=0.0)
    assert blurred.var((2, 3)).mean() < 0.5 * x.var((2, 3)).mean()


def test_the_gradient_goes_through_every_number() -> None:
    x = some(2, dtype=torch.float64)
    p = torch.tensor([[0.3, -0.4, 0.2, 0.1, 0.0]] * 2, dtype=torch.float64)
    weights = torch.rand(x.shape, generator=generator(3), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda q: (Camera(0.6 * x).render(q) * weights).sum(), p.requires_grad_(), atol=1e-3)


# ---------------------------------------------------------------- the attack


@stable
@given(dtype=st.sampled_from([torch.float32, torch.float64, torch.float16]), count=st.integers(1, 4), seed=st.integers(0, 99), steps=st.integers(0, 2))
def test_the_result_is_in_the_range_and_like_the_input(dtype: torch.dtype, count: int, seed: int, steps: int) -> None:
    model, x = small(seed).to(dtype), some(count, seed, dtype)
    clean = x.clone()
    found = beyond_pixels(model, x, labels(count, seed) if seed % 2 else None, tries=2, steps=steps)
    assert found.shape == x.shape and found.dtype == dtype and torch.equal(x, clean)
    assert found.min() >= 0 and found.max() <= 1 and not found.requires_grad


@stable
@given(choice=st.data())
def test_the_model_comes_back_as_it_was(choice: st.DataObject) -> None:
    model = in_any_state(choice)
    before = [(m.training, *(p.requires_grad for p in m.parameters(recurse=False))) for m in model.modules()]
    grads = [p.grad for p in model.parameters()]
    beyond_pixels(model, some(), labels(), tries=2, steps=1)
    assert [(m.training, *(p.requires_grad for p in m.parameters(recurse=False))) for m in model.modules()] == before
    assert all(a is b for a, b in zip(grads, (p.grad for p in model.parameters())))


def test_more_tries_and_more_steps_never_do_less() -> None:
    model, x = small(1), some(12, 3)
    y = runtime.predict(model, x)
    loss = lambda z: F.cross_entropy(runtime.logits(model, z), y, reduction="none")  # noqa: E731
    found = [worst_change(model, Camera(x), y, tries=tries, steps=steps, generator=generator(5)) for tries, steps in ((1, 0), (8, 0), (8, 6))]
    for less, more in zip(found, found[1:]):
        held = ~less.fooled | more.fooled
        assert held.all() and (loss(more.images) >= loss(less.images) - 1e-5)[less.fooled == more.fooled].all()
    assert loss(found[2].images).mean() > loss(found[0].images).mean()


def test_the_parameters_make_the_pictures_and_stay_in_reach() -> None:
    model, x = small(1), some(6, 3)
    for reach in (None, 0.25):
        found = worst_change(model, Camera(x), tries=3, steps=2, reach=reach)
        assert torch.allclose(Camera(x).render(found.parameters), found.images, atol=1e-6) and found.parameters.abs().max() <= 1
        assert torch.equal(found.fooled, runtime.predict(model, found.images) != runtime.predict(model, x))
        assert reach is None or (found.parameters - Camera(x).own).abs().max() <= reach + 1e-6


def test_a_batch_is_as_one_at_a_time_where_nothing_is_left_to_chance() -> None:
    model, x, y = small(1), some(5, 3), labels(5)
    pinned = {"reach": 0.0, "tries": 1, "steps": 2}
    whole = worst_change(model, Camera(x), y, **pinned).images
    assert torch.allclose(torch.cat([worst_change(model, Camera(x[k : k + 1]), y[k : k + 1], **pinned).images for k in range(5)]), whole, atol=1e-5)


def test_one_seed_gives_one_result() -> None:
    runs = [beyond_pixels(small(), some(), labels(), generator=generator(seed)) for seed in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize(
    ("options", "words"),
    [({"tries": 0}, "tries"), ({"steps": -1}, "steps"), ({"turn": -3.0}, "turn"), ({"blur": float("nan")}, "blur"), ({"step": "far"}, "step")],
)
def test_bad_options_are_refused_in_words(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        beyond_pixels(small(), some(), labels(), **options)


def test_change_needed_counts_as_steps_needed_does() -> None:
    model, x = small(1), some(20, 4)
    own = runtime.predict(model, x)
    y = own.clone()
    y[0] = (y[0] + 1) % 4
    needed = change_needed(model, Camera(x, turn=90), y, tries=4, levels=5, generator=generator(0))
    assert needed[0] == 0 and (needed[1:] >= 1).all() and needed.max() <= 6
    chance = generator(0)
    goals = [-1 + 2 * torch.rand(20, 5, generator=chance) for _ in range(4)]
    camera = Camera(x, turn=90)
    for k in range(1, 20):  # by hand, one picture at a time
        first = 6
        for level in range(5, 0, -1):
            if any(runtime.predict(model, camera.render(camera.own + level / 5 * (goal - camera.own)))[k] != y[k] for goal in goals):
                first = level
        assert needed[k] == first


@needs_cuda
def test_the_same_on_a_gpu() -> None:
    model, x = small(1), some(6, 3)
    one, other = (worst_change(m, Camera(z), tries=3, generator=generator(0)).images.cpu() for m, z in ((model, x), (small(1).cuda(), x.cuda())))
    assert torch.allclose(one, other, atol=1e-4)


# ---------------------------------------------------------------- drawings


@pytest.mark.parametrize(("world", "module"), [("digits", digits), ("signs", signs)])
def test_a_drawing_can_be_drawn_again(world: str, module) -> None:
    scene = data.adjustable(world, 30, seed=4)
    x, usual = scene.render(scene.own).cpu(), module.draw(torch.arange(30) % len(module.NAMES), generator=generator(4))
    usual = usual if world == "digits" else usual.x
    inside = (scene.own.abs() < 1).all(1).cpu()
    assert inside.sum() >= 20 and torch.allclose(x[inside], usual[inside], atol=2e-3)
    assert scene.own.shape == (30, len(scene.names)) and x.min() >= 0 and x.max() <= 1
    other = scene.render(scene.own.roll(1, 0)).cpu()
    assert (other - x).abs().amax((1, 2, 3)).min() > 0.1
    with pytest.raises(ValueError, match=", ".join(scene.names[:2])):
        scene.render(scene.own[:, :3])


@pytest.mark.parametrize("name", digits.Hand._fields)
def test_the_slope_through_a_drawing_is_that_of_small_changes(name: str) -> None:
    scene = data.adjustable("digits", 12, seed=4)
    k, p = scene.names.index(name), (0.5 * scene.own).requires_grad_()
    place = torch.linspace(-1, 1, 28)
    weights = (place[:, None] * 0.7 + place * 1.3 + place[:, None] * place + place.square()).to(p)  # smooth: a drawing has edges enough
    value = lambda q: (scene.render(q) * weights).sum((1, 2, 3))  # noqa: E731
    slope = torch.autograd.grad(value(p).sum(), p)[0][:, k]
    aside = torch.zeros_like(p)
    aside[:, k] = 0.01
    by_hand = (value(p.detach() + aside) - value(p.detach() - aside)) / 0.02
    near = (slope - by_hand).abs() < 0.15 * by_hand.abs() + 0.05 * by_hand.norm()
    assert near.float().mean() > 0.8  # not all: where the digit's larger side changes, there is a kink


def test_scenes_fool_a_network_more_when_it_is_asked() -> None:
    net, scene = models.load("lenet-digits"), data.adjustable("digits", 40, seed=9)
    wrong = [worst_change(net, scene, scene.y, tries=tries, generator=generator(0)).fooled.float().mean() for tries in (1, 8)]
    assert wrong[1] > wrong[0] + 0.1
    assert not beyond_pixels(net, scene.render(scene.own), scene.y, turn=0, shift=0, light=0, blur=0, tries=1).isnan().any()
