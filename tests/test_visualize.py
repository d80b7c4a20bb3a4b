"""Saliency, occlusion and the checks on maps, against independent computations."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from course_utils.layers import Local, names
from course_utils.models import AllConv, LeNet
from course_utils.runtime import generator
from course_utils.visualize import (
    deletion_curve,
    heat_map,
    integrated_gradients,
    occlusion,
    occlusion_logits,
    randomize_weights,
    saliency,
    smooth_grad,
    window_starts,
)


def small(inplace: bool = True) -> nn.Module:
    """A network with dropout and batch norm, so that a wrong mode would show."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(inplace), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3), nn.ReLU(inplace), nn.Dropout(0.5), nn.Flatten(), nn.Linear(8 * 8 * 6, 4),
    )  # fmt: skip
    model[1].running_mean.uniform_(-0.2, 0.2)
    return model.eval()


@pytest.fixture
def x() -> Tensor:
    return torch.rand(3, 3, 20, 16, generator=generator(1))


MAPS: dict[str, Callable[..., Tensor]] = {
    "saliency": saliency,
    "smooth_grad": lambda model, x, y=None: smooth_grad(model, x, y, samples=5, generator=generator(3), batch_size=4),
    "integrated_gradients": lambda model, x, y=None: integrated_gradients(model, x, y, steps=7, batch_size=4),
    "occlusion": lambda model, x, y=None: occlusion(model, x, y, window=5, stride=4),
    "deletion_curve": lambda model, x, y=None: deletion_curve(model, x, x.sum(1), y, steps=4),
}
every_map = pytest.mark.parametrize("name", list(MAPS))

# ---------------------------------------------------------------- what holds for every map


@every_map
def test_it_leaves_no_trace_and_train_mode_changes_nothing(name: str, x: Tensor) -> None:
    model = small()
    expected = MAPS[name](model, x)
    model.train()
    model[0].weight.requires_grad_(False)
    model[1].eval()
    before, given = copy.deepcopy(model.state_dict()), x.clone()
    found = MAPS[name](model, x)
    assert torch.equal(found, expected) and not found.requires_grad
    assert [m.training for m in model] == [True, False] + [True] * 7 and model.training
    assert [p.requires_grad for p in model.parameters()] == [False] + [True] * 7
    assert all(p.grad is None for p in model.parameters()) and x.grad is None and torch.equal(x, given)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert sum(len(m._forward_hooks) + len(m._backward_hooks) for m in model.modules()) == 0
    assert all(m.inplace for m in model if isinstance(m, nn.ReLU))


@every_map
def test_in_place_relus_change_nothing(name: str, x: Tensor) -> None:
    assert torch.equal(MAPS[name](small(True), x), MAPS[name](small(False), x))


@every_map
def test_a_first_step_in_place_leaves_the_pictures_alone(name: str, x: Tensor) -> None:
    class Centred(nn.Module):
        def __init__(self, inplace: bool) -> None:
            super().__init__()
            self.model, self.inplace = small(), inplace

        def forward(self, x: Tensor) -> Tensor:
            return self.model(x.sub_(0.5) if self.inplace else x - 0.5)

    before = x.clone()
    assert torch.allclose(MAPS[name](Centred(True), x), MAPS[name](Centred(False), x), atol=1e-6)
    assert torch.equal(x, before)


@every_map
def test_pictures_that_ask_for_gradients_give_a_map_without_a_graph(name: str, x: Tensor) -> None:
    asking = x.clone().requires_grad_()
    found = MAPS[name](small(), asking)
    assert not found.requires_grad and asking.grad is None
    assert torch.equal(found, MAPS[name](small(), x))


@every_map
def test_a_batch_gives_what_its_pictures_give_alone(name: str, x: Tensor) -> None:
    y = torch.tensor([2, 0, 1])
    alone = torch.cat([MAPS[name](small(), x[i : i + 1], y[i : i + 1]) for i in range(3)])
    assert torch.allclose(MAPS[name](small(), x, y), alone, atol=1e-6, rtol=1e-4)


@every_map
def test_without_labels_it_is_the_predicted_class(name: str, x: Tensor) -> None:
    model = small()
    y = model(x).argmax(1)
    assert torch.equal(MAPS[name](model, x), MAPS[name](model, x, y))
    assert not torch.allclose(MAPS[name](model, x), MAPS[name](model, x, (y + 1) % 4))


@every_map
def test_frozen_parameters_are_fine(name: str, x: Tensor) -> None:
    model = small().requires_grad_(False)
    assert torch.equal(MAPS[name](model, x), MAPS[name](small(), x))
    assert not any(p.requires_grad for p in model.parameters())


@every_map
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: (x + 1, None), r"pixels in \[0, 1\] are expected"),
        (lambda x: (x * float("nan"), None), "x holds NaN"),
        (lambda x: (x[0], None), "four are expected"),
        (lambda x: (x[:0], None), "empty batch"),
        (lambda x: (x, torch.tensor([0, 1, 4])), "labels from 0 to 4; the model has 4 classes"),
        (lambda x: (x, torch.tensor([0, 1, 2], dtype=torch.int32)), r"torch.int64 are expected: y.long\(\)"),
        (lambda x: (x, torch.tensor([0, 1])), r"one label a picture is expected: \[3\]"),
    ],
)
def test_bad_input_is_refused(name: str, change: Callable, message: str, x: Tensor) -> None:
    pictures, y = change(x)
    run = MAPS[name]
    if name == "deletion_curve":
        run = lambda model, x, y: deletion_curve(model, x, torch.rand(len(x), 20, 16), y)  # noqa: E731
    with pytest.raises(ValueError, match=message):
        run(small(), pictures, y)


# ---------------------------------------------------------------- saliency


def test_saliency_is_the_largest_slope_over_the_colours(x: Tensor) -> None:
    """Against central differences in double precision, of the score before the softmax."""
    model, x = small().double(), x[:1].double()
    found, step, y = saliency(model, x), 1e-6, int(model(x).argmax())
    for row, column in [(0, 0), (10, 7), (19, 15)]:
        slopes = []
        for channel in range(3):
            nudge = torch.zeros_like(x)
            nudge[0, channel, row, column] = step
            slopes.append(((model(x + nudge) - model(x - nudge))[0, y] / (2 * step)).abs())
        assert torch.allclose(found[0, row, column], max(slopes), rtol=1e-5)


def test_saliency_of_a_linear_model_is_its_weights() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 2))
    expected = model[1].weight.detach().view(2, 3, 4, 4).abs().amax(1)
    assert torch.allclose(saliency(model, torch.rand(2, 3, 4, 4), torch.tensor([0, 1])), expected)


def test_a_model_without_gradient_is_named() -> None:
    class Blind(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach().mean((2, 3))

    with pytest.raises(ValueError, match="no gradient for the pixels"):
        saliency(Blind(), torch.rand(1, 3, 4, 4))


def test_smooth_grad_without_noise_is_saliency(x: Tensor) -> None:
    assert torch.allclose(smooth_grad(small(), x, noise=0, samples=3), saliency(small(), x), rtol=1e-4, atol=1e-7)


def test_smooth_grad_averages_gradients_at_noisy_copies(x: Tensor) -> None:
    model, y = small(), torch.tensor([1, 2, 3])
    found = smooth_grad(model, x, y, samples=4, noise=0.2, generator=generator(5), batch_size=5)
    draws = torch.randn(4, 3, 20, 16, generator=generator(5))
    total = torch.zeros_like(x)
    for i in range(3):
        for draw in draws:
            noisy = (x[i] + 0.2 * (x[i].max() - x[i].min()) * draw)[None].requires_grad_()
            total[i] += torch.autograd.grad(model(noisy)[0, y[i]], noisy)[0][0] / 4
    assert torch.allclose(found, total.abs().amax(1), rtol=1e-4, atol=1e-7)
    other = smooth_grad(model, x, y, samples=4, noise=0.2, generator=generator(6))
    assert not torch.allclose(found, other)


@pytest.mark.parametrize("baseline", [None, 0.5, torch.tensor([0.4, 0.5, 0.6])[:, None, None]])
def test_integrated_gradients_sum_to_the_change_of_the_score(baseline: float | Tensor | None, x: Tensor) -> None:
    model, y = small().double(), torch.tensor([1, 2, 3])
    x = x.double()
    start = torch.zeros_like(x) + (0.0 if baseline is None else baseline)
    change = (model(x) - model(start)).gather(1, y[:, None])[:, 0].detach()
    coarse, fine = (integrated_gradients(model, x, y, baseline=baseline, steps=n).flatten(1) for n in (8, 400))
    gaps = [(found.sum(1) - change).abs().max() for found in (coarse, fine)]
    assert gaps[1] < 1e-3 * fine.abs().sum(1).min() and gaps[1] < 0.5 * gaps[0]


def test_integrated_gradients_of_a_linear_model_are_exact() -> None:
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), torch.rand(2, 3, 4, 4)
    weights = model[1].weight.detach().view(2, 3, 4, 4)
    found = integrated_gradients(model, x, torch.tensor([0, 1]), baseline=0.25, steps=1)
    assert torch.allclose(found, (x - 0.25) * weights, atol=1e-6)


def test_a_baseline_that_does_not_fit_is_refused(x: Tensor) -> None:
    with pytest.raises(ValueError, match=r"baseline has shape \[5\]; a number or a tensor that fits \[3, 3, 20, 16\]"):
        integrated_gradients(small(), x, baseline=torch.zeros(5))


# ---------------------------------------------------------------- occlusion


def cover(x: Tensor, row: int, column: int, window: tuple[int, int], fill: float | Tensor) -> Tensor:
    x = x.clone()
    x[:, :, row : row + window[0], column : column + window[1]] = torch.as_tensor(fill).reshape(-1, 1, 1)
    return x


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("fill", [0.5, torch.tensor([0.1, 0.5, 0.9])])
def test_occlusion_is_the_drop_when_a_window_covers_the_picture(local: bool, fill: float | Tensor, x: Tensor) -> None:
    model, y = small(), torch.tensor([1, 2, 3])
    found = occlusion(model, x, y, window=(5, 4), stride=(4, 3), fill=fill, local=local)
    assert found.shape == (3, 5, 5)  # the last rows begin at 16 and hang over the edge at 20
    for r in range(5):
        for c in range(5):
            change = model(x) - model(cover(x, 4 * r, 3 * c, (5, 4), fill))
            assert torch.allclose(found[:, r, c], change.gather(1, y[:, None])[:, 0], atol=1e-5)


def test_occlusion_of_probabilities(x: Tensor) -> None:
    model, y = small(), torch.tensor([1, 2, 3])
    found = occlusion(model, x, y, window=6, stride=5, score="probability")
    change = model(x).softmax(1) - model(cover(x, 5, 10, (6, 6), 0.5)).softmax(1)
    assert torch.allclose(found[:, 1, 2], change.gather(1, y[:, None])[:, 0], atol=1e-5)


def test_occlusion_logits_are_the_same_for_every_batch_size(x: Tensor) -> None:
    one = occlusion_logits(small(), x, window=5, stride=4, batch_size=1)
    assert one.shape == (3, 5, 4, 4)
    assert torch.allclose(one, occlusion_logits(small(), x, window=5, stride=4, batch_size=1000), atol=1e-5)


def test_occlusion_of_larger_pictures_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Noted(Local):
        def __init__(self, *args, **options) -> None:
            super().__init__(*args, **options)
            made.append(self.why_not)

    monkeypatch.setattr(importlib.import_module("course_utils.visualize.occlusion"), "Local", Noted)
    model = AllConv(width=6).eval()
    x = torch.rand(1, 3, 96, 80, generator=generator(1))
    found = occlusion_logits(model, x, window=7, stride=5)
    plain = occlusion_logits(model, x, window=7, stride=5, local=False)
    assert made == [None, "switched off"] and torch.allclose(found, plain, atol=1e-5)


def test_window_starts_cover_the_picture() -> None:
    assert len(window_starts(224, 15, 8)) == 28
    assert window_starts(224, 15, 8)[-1] == 216  # covers 216 ... 223, and hangs over by 7
    assert window_starts(10, 5, 5).tolist() == [0, 5]
    assert window_starts(11, 5, 5).tolist() == [0, 5, 10]
    assert window_starts(8, 8, 3).tolist() == [0]


@pytest.mark.parametrize(("window", "stride"), [((5, 4), (4, 3)), ((3, 3), (1, 1)), ((2, 2), (3, 3)), ((4, 4), (4, 4))])
def test_the_heat_map_is_the_mean_over_the_windows_of_a_pixel(window: tuple[int, int], stride: tuple[int, int]) -> None:
    size = (20, 16)
    starts = [window_starts(*axis).tolist() for axis in zip(size, window, stride)]
    drops = torch.rand(2, len(starts[0]), len(starts[1]))
    total, count = torch.zeros(2, *size), torch.zeros(size)
    for r, row in enumerate(starts[0]):
        for c, column in enumerate(starts[1]):
            total[:, row : row + window[0], column : column + window[1]] += drops[:, r, c, None, None]
            count[row : row + window[0], column : column + window[1]] += 1
    assert torch.allclose(heat_map(drops, size, window, stride), total / count.clamp(min=1), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, r"window is 0; whole numbers from 1 to the picture's size"),
        ({"window": 17}, "window is 17"),
        ({"window": 5.0}, r"window is 5.0; whole numbers from 1 to the picture's size \(20, 16\) are expected"),
        ({"window": (4, 2.5)}, r"window is \(4, 2.5\); whole numbers"),
        ({"window": True}, "window is True; whole numbers"),
        ({"window": "5"}, "window is 5; whole numbers"),
        ({"stride": 1.5}, "stride is 1.5; whole numbers"),
        ({"stride": (2, 2, 2)}, "stride is"),
        ({"batch_size": 0}, "batch_size is 0; a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"stride": 0}, "stride is 0"),
        ({"score": "logits"}, "unknown score 'logits'. Nearest: logit"),
        ({"fill": 128}, r"fill is 128; a number in \[0, 1\]"),
        ({"fill": (0.5, 0.5)}, "one for each of the 3 channels"),
    ],
)
def test_occlusion_refuses_bad_options(options: dict, message: str, x: Tensor) -> None:
    with pytest.raises(ValueError, match=message):
        occlusion(small(), x, **({"window": 5, "stride": 4} | options))


@pytest.mark.parametrize("local", [True, False])
def test_occlusion_inside_inference_mode(local: bool, x: Tensor) -> None:
    model, expected = small(), occlusion(small(), x, window=5, stride=4)
    with torch.inference_mode():
        found = occlusion(model, x, window=5, stride=4, local=local)
        born_inside = occlusion(model, x * 1, torch.tensor([1, 2, 3]), window=5, stride=4, fill=x[0, :, 0, 0], local=local)
    assert torch.allclose(found, expected, atol=1e-6) and born_inside.isfinite().all()


def test_a_model_with_an_option_left_out_is_occluded(x: Tensor) -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = small()

        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            return self.model(x * mask if mask is not None else x)

    assert torch.allclose(occlusion(Masked(), x, window=5, stride=4), occlusion(small(), x, window=5, stride=4), atol=1e-6)


@pytest.mark.parametrize("wrong", [lambda scores: {"scores": scores}, lambda scores: (scores, scores), lambda scores: scores[:, None]])
def test_occlusion_of_a_model_that_gives_no_scores_is_refused(wrong: Callable, x: Tensor) -> None:
    class Wrong(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = small()

        def forward(self, x: Tensor) -> object:
            return wrong(self.model(x))

    for run in (occlusion, occlusion_logits):
        with pytest.raises(ValueError, match=r"the model gives .*; class scores \[N, classes\] are expected"):
            run(Wrong(), x, window=5, stride=4)


def test_the_heat_map_refuses_a_map_of_another_size() -> None:
    with pytest.raises(ValueError, match="size is 20.5; whole numbers from 1 are expected"):
        heat_map(torch.rand(1, 5, 5), 20.5, 4, 4)
    with pytest.raises(ValueError, match=r"the map has shape \[1, 3, 3\]; \[N, 5, 5\] is expected"):
        heat_map(torch.rand(1, 3, 3), 20, 4, 4)


# ---------------------------------------------------------------- checks on maps


def test_deletion_goes_from_the_picture_to_the_fill_by_rank(x: Tensor) -> None:
    model, y = small(), torch.tensor([1, 2, 3])
    order = torch.rand(3, 20, 16, generator=generator(2))
    curve = deletion_curve(model, x, order, y, steps=4, fill=0.3)
    assert curve.shape == (3, 5)
    for step in range(5):
        gone = order >= order.flatten(1).sort(1, descending=True).values[:, max(80 * step - 1, 0), None, None]
        masked = x.where(~gone[:, None], torch.tensor(0.3)) if step else x
        expected = model(masked).softmax(1).gather(1, y[:, None])[:, 0]
        assert torch.allclose(curve[:, step], expected, atol=1e-5)


def test_deleting_what_a_model_uses_hurts_more_than_deleting_the_rest() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    nn.init.zeros_(model[1].weight)
    model[1].weight.data[1, :8] = 1.0  # only the first row of an 8x8 picture counts
    x, used = torch.ones(1, 1, 8, 8), torch.zeros(1, 8, 8)
    used[:, 0] = 1
    first, last = (deletion_curve(model, x, order, steps=8, fill=0.0)[0] for order in (used, -used))
    assert first[1] < first[0] and torch.allclose(last[:8], last[0].expand(8)) and first.mean() < last.mean()


def test_deletion_refuses_a_map_with_nan(x: Tensor) -> None:
    order = x.sum(1)
    order[1, 2, 3] = torch.nan
    with pytest.raises(ValueError, match="order_map holds NaN; without a number a pixel has no place in the order"):
        deletion_curve(small(), x, order)


@pytest.mark.parametrize("method, option", [(smooth_grad, "samples"), (integrated_gradients, "steps"), (deletion_curve, "steps")])
@pytest.mark.parametrize("value", [2.5, 3.0, 0, "3"])
def test_fractional_counts_are_refused(method: Callable, option: str, value: object, x: Tensor) -> None:
    given = (x, x.sum(1)) if method is deletion_curve else (x,)
    with pytest.raises(ValueError, match=f"{option} is {value!r}; a whole number of at least 1 is expected"):
        method(small(), *given, **{option: value})


@pytest.mark.parametrize("name", ["saliency", "smooth_grad", "integrated_gradients", "deletion_curve"])
def test_inside_inference_mode_maps_are_the_same(name: str, x: Tensor) -> None:
    model = small()
    expected = MAPS[name](model, x)
    with torch.inference_mode():
        assert torch.equal(MAPS[name](model, x), expected)
        assert torch.equal(MAPS[name](model, x.clone()), expected), "also pictures that were made inside"


def test_gradient_maps_read_from_the_device_once(x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked at the border; the batches of noisy copies are not checked again."""
    model, y, reads = small(), torch.tensor([0, 1, 2]), []
    for way in ("item", "tolist", "__bool__", "__int__", "__float__", "__index__"):
        real = getattr(Tensor, way)
        monkeypatch.setattr(Tensor, way, lambda tensor, *a, way=way, real=real: reads.append(way) or real(tensor, *a))
    for name in ("saliency", "smooth_grad", "integrated_gradients"):
        reads.clear()
        MAPS[name](model, x, y)
        assert reads == ["tolist"], name


def test_deletion_refuses_a_map_that_does_not_fit(x: Tensor) -> None:
    with pytest.raises(ValueError, match=r"order_map has shape \[3, 5, 4\]; one value a pixel is expected: \[3, 20, 16\]"):
        deletion_curve(small(), x, torch.rand(3, 5, 4))


def test_randomized_weights_are_a_fresh_copy_decided_by_the_generator() -> None:
    model = small()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    one, again, other = (randomize_weights(model, generator(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state), "the global random numbers are untouched"
    for key, value in one.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
    for layer in (0, 4, 8):
        assert not torch.equal(one[layer].weight, model[layer].weight)
        assert not torch.equal(one[layer].weight, other[layer].weight)
        assert 0.5 < one[layer].weight.std() / model[layer].weight.std() < 2, "drawn as before training"


def test_randomizing_from_the_top_leaves_the_layers_below() -> None:
    model = AllConv(width=6)
    fresh = randomize_weights(model, generator(0), layers=names(model)[-5:])
    changed = [n for n, p in model.named_parameters() if not torch.equal(p, fresh.get_parameter(n))]
    assert changed == [n for n, _ in model.named_parameters()][-4:]


def test_saliency_depends_on_the_weights() -> None:
    """The sanity check itself: after randomization the map is another one."""
    torch.manual_seed(0)
    model, x = LeNet(), torch.rand(2, 1, 28, 28)
    y = torch.tensor([3, 4])
    one, other = saliency(model, x, y), saliency(randomize_weights(model, generator(0)), x, y)
    assert torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] < 0.5


def test_randomize_refuses_what_it_cannot_draw() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale

    model = nn.Sequential(nn.Conv2d(1, 1, 1), Scale())
    with pytest.raises(ValueError, match=r"layer '1' \(Scale\) has weights but no reset_parameters"):
        randomize_weights(model, generator(0))
    with pytest.raises(ValueError, match="layers is empty"):
        randomize_weights(model, generator(0), layers=[])
    with pytest.raises(ValueError, match="unknown layer"):
        randomize_weights(model, generator(0), layers=["conv"])
