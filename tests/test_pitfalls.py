"""Mistakes of well-known attack libraries, one test each, in the order of `../shared/anchors/attacks.md`, section 5."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from course_utils import attacks, data, layers, models, runtime, transforms
from course_utils.runtime import generator
from tests.test_attacks import labels, small, some


def as_it_is(x: Tensor) -> Tensor:
    """A view that changes nothing."""
    return x


BUDGET = {
    "fgsm": attacks.fgsm,
    "fgv": attacks.fgv,
    "basic iterative": partial(attacks.basic_iterative, steps=4),
    "least likely": partial(attacks.least_likely, steps=4),
    "pgd": partial(attacks.pgd, steps=3, restarts=2),
    "pgd l2": lambda *given, eps: attacks.pgd(*given, steps=3, norm="l2", eps=10 * eps),
    "nes": partial(attacks.nes, step=0.04, steps=4, samples=100),
    "expectation": partial(attacks.transform_attack, transform=partial(transforms.contrast, factor=0.95), samples=2, steps=3),
    "feature matching": lambda net, x, y, eps: attacks.match_features(
        net, x, layers.representation(net, x.roll(1, 0), layers.names(net)[-1]), layer=layers.names(net)[-1], eps=eps, steps=4
    ),
}
FREE = {
    "deepfool": attacks.deepfool,
    "deepfool linf": partial(attacks.deepfool, norm="linf"),
    "lbfgs": partial(attacks.lbfgs, searches=4, steps=16),
    "hot/cold": attacks.hot_cold,
    "magnify": lambda net, x, y: attacks.magnify(net, x, y, layer=layers.names(net)[-1], reduce=True),
    "lots": lambda net, x, y: attacks.lots(net, x, layers.representation(net, x.roll(1, 0), layers.names(net)[-1]), layer=layers.names(net)[-1], y=y),
    "carlini-wagner": partial(attacks.carlini_wagner, c=1.0, search=2, steps=40, rate=0.1, edge=0.01),
    "carlini-wagner linf": partial(attacks.carlini_wagner, norm="linf", c=1.0, steps=20, rate=0.1, edge=0.01),
    "carlini-wagner l0": partial(attacks.carlini_wagner, norm="l0", c=1.0, steps=20, rate=0.1, edge=0.01),
}
PIXELS = {
    "one pixel": partial(attacks.one_pixel, pixels=4, population=40, generations=8),
    "random pixels": partial(attacks.random_pixels, pixels=4, population=40, generations=8),
}
BOXES = {
    "stickers": lambda *given: attacks.stickers(*given, population=20, generations=8, cover=0.3).images,
    "random stickers": lambda *given: attacks.random_stickers(*given, population=20, generations=8, cover=0.3).images,
}
MASKED = {
    "robust stickers": lambda net, x, y: attacks.robust_stickers(net, x, y, mask=torch.ones(x.shape[2:]), views=as_it_is, samples=1, steps=4, printability=0).images,
}
CAMERA = {"beyond pixels": partial(attacks.beyond_pixels, steps=2), "beyond pixels, tries alone": attacks.beyond_pixels}
EVERY = {**{name: partial(attack, eps=0.1) for name, attack in BUDGET.items()}, **FREE, **PIXELS, **BOXES, **MASKED, **CAMERA}
every_attack = pytest.mark.parametrize("attack", EVERY.values(), ids=EVERY)


def digits(count: int) -> tuple[nn.Module, Tensor, Tensor]:
    """LeNet and drawn digits that it has right, with more contrast, so that ink is exactly white."""
    net, (x, y, *_) = models.load("lenet-digits"), data.load("digits", "test", 2 * count, source="drawn")
    x = (1.4 * x - 0.2).clamp(0, 1)
    right = (runtime.predict(net, x) == y).nonzero().flatten()[:count]
    return net, x[right], y[right]


@pytest.mark.parametrize("attack", FREE.values(), ids=FREE)
def test_1_no_picture_stays_right_at_the_boundary(attack: Callable) -> None:
    """An overshoot in each step alone makes the steps shrink to nothing just before the boundary."""
    net, x, y = digits(24)
    found = attack(net, x, y)
    assert (runtime.predict(net, found) != y).all()
    alone = torch.cat([runtime.predict(net, picture[None]) for picture in found])
    assert (alone != y).all(), "rounded otherwise, they are fooled, too"


@every_attack
def test_2_black_and_white_pixels_can_move(attack: Callable) -> None:
    """Most pixels of a digit are exactly 0 or 1, where the inverse of tanh is infinite."""
    net, x, y = digits(6)
    found = attack(net, x, y)
    assert (found != x)[x == 0].any() and (found != x)[x == 1].any()


@pytest.mark.parametrize("batch", [1, 8])
def test_3_a_universal_perturbation_keeps_what_single_pictures_clip(batch: int) -> None:
    """v + r, never clip(x + v + r) - x: that erases v wherever the last picture is black and v negative, for all pictures."""
    net, x, _ = digits(8)
    black, v = (x == 0).all(0), attacks.universal_perturbation(net, x, xi=0.25, passes=1, batch=batch).perturbation
    assert black.sum() > 200 and (v[black] < 0).float().mean() > 0.1


@every_attack
def test_4_without_a_target_something_changes(attack: Callable) -> None:
    """A loss with the sign turned and a gradient without gives back the input."""
    net, x, y = digits(6)
    found = attack(net, x, y)
    loss = [nn.functional.cross_entropy(net(pictures).double(), y, reduction="none") for pictures in (x, found)]  # else a sure one's is 0
    assert (found != x).flatten(1).any(1).all() and (loss[1] > loss[0]).all()


def test_5_a_patch_can_be_built_where_numbers_are_numpys() -> None:
    """Clip values, shares and counts that come from an array are numbers, too."""
    net, x = small(), some(6)
    target = np.int64((runtime.predict(net, x)[0] + 1) % 4)
    patch = attacks.adversarial_patch(net, x, target, share=np.float32(0.2), rotation=np.float64(10), steps=np.int64(2), batch=np.int32(2))
    worn = attacks.pasted(x, patch, share=np.float32(0.1))
    assert worn.shape == x.shape and worn.min() >= 0 and worn.max() <= 1 and type(patch.target) is int


def test_5_a_patch_is_made_for_any_detector() -> None:
    """Also for one inside another module, in double precision, with a frozen and a training part, and with the seeds of others left alone."""
    net = nn.Sequential(models.Detector(3, width=4, head=8)).double().train().requires_grad_(False)
    x, boxes, states = torch.rand(2, 3, 32, 40, dtype=torch.float64), torch.tensor([[[4.0, 4, 20, 20]]]).repeat(2, 1, 1), torch.get_rng_state()
    with torch.no_grad():
        got = attacks.dpatch(net, x, boxes, torch.tensor([[0], [-1]]), steps=2, share=0.1)
    assert got.patch.dtype == torch.float64 and 0 <= got.patch.min() and got.patch.max() <= 1 and net.training and torch.equal(torch.get_rng_state(), states)


@every_attack
def test_6_modes_and_statistics_come_back(attack: Callable) -> None:
    """Also a batch norm that was frozen on purpose in a model that is in training."""
    model = small().train()
    frozen = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d)).eval()
    modes, state = [m.training for m in model.modules()], {key: value.clone() for key, value in model.state_dict().items()}
    attack(model, some(), labels())
    assert [m.training for m in model.modules()] == modes and not frozen.training
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


@every_attack
@pytest.mark.parametrize("change", [lambda x: 255 * x, lambda x: (x - 0.45) / 0.25], ids=["0 to 255", "normalised"])
def test_7_other_ranges_are_refused_in_words(attack: Callable, change: Callable) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        attack(small(), change(some()), labels())


@every_attack
def test_8_the_seeds_of_others_are_left_alone(attack: Callable) -> None:
    """Neither torch's, NumPy's or Python's own random numbers are used, nor seeded."""
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    attack(small(), some(), labels())
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[2]
    assert (np.random.get_state()[1] == before[1]).all()


@pytest.mark.parametrize("encoding", ["direct", "cppn"])
def test_6_and_8_evolution_leaves_the_model_and_the_seeds_of_others_alone(encoding: str) -> None:
    model, states = small().train(), (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    modes, state = [m.training for m in model.modules()], {key: value.clone() for key, value in model.state_dict().items()}
    found = attacks.map_elites(model, (3, 8, 10), encoding=encoding, generations=2, children=5)
    assert not found.images.requires_grad and found.images.min() >= 0 and found.images.max() <= 1
    assert [m.training for m in model.modules()] == modes and all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[2] and (np.random.get_state()[1] == states[1]).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_8_one_seed_gives_one_result(norm: str) -> None:
    runs = [attacks.pgd(small(), some(), labels(), eps=0.1, steps=2, norm=norm, generator=generator(seed)) for seed in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


@every_attack
def test_9_what_comes_back_has_no_graph(attack: Callable) -> None:
    found = attack(small(), some().requires_grad_(), labels())
    assert not found.requires_grad and found.grad_fn is None


def flat() -> nn.Module:
    """It gives the same scores to every picture, though with a gradient: nothing fools it."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(240, 4))
    nn.init.zeros_(net[1].weight)
    net[1].bias.data = torch.tensor([3.0, 2, 1, 0])
    return net


@every_attack
def test_10_what_cannot_be_fooled_comes_back_valid(attack: Callable) -> None:
    """Inside [0, 1] and finite; without a budget as it came."""
    x = some()
    found = attack(flat(), x, torch.zeros(3, dtype=torch.long))
    assert found.isfinite().all() and found.min() >= 0 and found.max() <= 1
    if attack in (*FREE.values(), *PIXELS.values(), *BOXES.values()):
        assert torch.equal(found, x)


@every_attack
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_11_every_precision_also_without_gradients(attack: Callable, dtype: torch.dtype) -> None:
    with torch.no_grad():
        found = attack(small().to(dtype), some(dtype=dtype), labels())
    assert found.dtype == dtype and found.isfinite().all()


def test_12_no_package_is_held_at_an_old_version_and_the_import_is_light() -> None:
    wanted = (runtime.course_folder() / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+", line) for line in wanted)
    heavy = "'torchvision', 'scipy', 'skimage', 'matplotlib', 'ipywidgets'"
    code = f"import sys, course_utils.attacks; print([name for name in ({heavy}) if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
