"""Pictures by optimization and inversion: the loop, what it is made of, what it refuses, and that the model is left as it was."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import squeezenet1_0

from course_utils import data, models, runtime, visualize
from course_utils.layers import representation
from course_utils.runtime import generator
from course_utils.visualize import optimize
from course_utils.visualize.optimize import resized

GREY = torch.full((2, 3, 16, 16), 0.5)


class Sum(nn.Module):
    """Class 0 is the sum of red, class 1 of green."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :2].sum((2, 3))


def small(inplace: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 5, stride=2), nn.ReLU(inplace), nn.Conv2d(6, 8, 3), nn.ReLU(inplace), nn.Flatten(), nn.Linear(8 * 16, 5)
    ).train()


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules())


# ---------------------------------------------------------------- the loop


def test_a_step_moves_pixels_by_the_rate_and_stays_in_range() -> None:
    moved = visualize.maximize(Sum(), GREY, visualize.class_score(torch.tensor([0, 1])), steps=1, rate=0.02)
    assert torch.allclose(moved[0, 0], torch.full((16, 16), 0.56)) and torch.equal(moved[0, 1:], GREY[0, 1:]), "0.02 a pixel on average"
    far = visualize.maximize(Sum(), GREY, visualize.class_score(torch.tensor([0, 1])), steps=50, rate=0.1)
    assert far[0, 0].min() == 1 and far[1, 1].min() == 1 and far.max() == 1
    assert torch.equal(GREY, torch.full_like(GREY, 0.5)), "the start is left as it is"


def test_a_price_finds_the_best_picture() -> None:
    """max of sum(x) - 2 |x - 0.4|^2 lies at x = 0.4 + 1/4."""
    start = torch.rand(1, 3, 8, 8, generator=generator(0))
    found = visualize.maximize(
        Sum(), start, visualize.class_score(torch.tensor([0])), prior=visualize.l2(2.0, 0.4), steps=300, rate=0.02
    )
    assert (found[0, 0] - 0.65).abs().max() < 0.02 and (found[0, 1:] - 0.4).abs().max() < 0.02


@pytest.mark.parametrize("inplace", [False, True])
def test_the_score_rises_and_the_model_is_left_as_it_was(inplace: bool) -> None:
    model = small(inplace)
    model[2].weight.grad = torch.ones_like(model[2].weight)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    units = torch.tensor([3, 5])
    made = visualize.unit_image(model, "2", units, (3, 16, 16), steps=20, noise=0.1)
    score = visualize.unit_score(units)
    assert (score(representation(model, made, "2")) > score(representation(model, torch.full_like(made, 0.5), "2")) + 0.1).all()
    assert model.training and hooks(model) == 0 and all(p.requires_grad for p in model.parameters())
    assert torch.equal(model[2].weight.grad, torch.ones_like(model[2].weight)) and model[0].weight.grad is None
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items()) and not made.requires_grad


def test_in_place_relus_give_the_same_pictures() -> None:
    one, other = (visualize.unit_image(small(inplace), "2", [1, 2, 1], (3, 16, 16), steps=10) for inplace in (False, True))
    assert torch.equal(one, other) and not torch.equal(one[0], one[2]), "a unit named twice starts from two draws"


def test_nothing_behind_the_layer_is_run() -> None:
    model = small()
    model[5] = nn.Linear(1, 1)  # would fail
    made = visualize.unit_image(model, "2", [0], (3, 16, 16), steps=3)
    assert made.shape == (1, 3, 16, 16)


def test_a_batch_gives_what_its_pictures_give_one_at_a_time() -> None:
    model, start = small(), torch.rand(3, 3, 16, 16, generator=generator(1))
    rules = visualize.natural()

    def run(x: Tensor, classes: list[int]) -> Tensor:
        return visualize.maximize(model, x, visualize.class_score(torch.tensor(classes)), steps=8, jitter=2, regularizers=rules)

    together = run(start, [0, 1, 2])
    assert all(torch.allclose(together[i : i + 1], run(start[i : i + 1], [i]), atol=1e-5) for i in range(3))


def test_double_precision_and_grey_pictures() -> None:
    made = visualize.maximize(Sum().double(), GREY.double(), visualize.class_score(torch.tensor([0, 1])), steps=2)
    assert made.dtype == torch.float64
    lenet = models.load("lenet-digits")
    assert visualize.unit_image(lenet, "2", [0, 1], (1, 28, 28), steps=2, centre=0.0).shape == (2, 1, 28, 28)


# ---------------------------------------------------------------- its parts


def test_priors_by_hand() -> None:
    x = torch.tensor([[[[0.5, 0.9], [0.1, 0.5]]]])
    assert visualize.l2(3.0)(x).item() == pytest.approx(3 * (0.16 + 0.16))
    assert visualize.alpha_norm(2.0, 6)(x).item() == pytest.approx(2 * 2 * 0.4**6)
    # down: -0.4, -0.4 in the first row; right: 0.4 in the first row, 0.4 in the second
    assert visualize.total_variation(1.0)(x).item() == pytest.approx(4 * 0.16)
    assert visualize.total_variation(1.0, beta=1)(x).item() == pytest.approx(0.4 * 2**0.5 + 0.4 + 0.4, abs=1e-3)


def test_regularizers_by_hand() -> None:
    x = torch.tensor([[[[0.5, 0.9], [0.1, 0.6]]]])
    slope = torch.tensor([[[[9.0, 1.0], [2.0, 5.0]]]])
    assert torch.allclose(visualize.decay(0.5)(x, slope, 0), torch.tensor([[[[0.5, 0.7], [0.3, 0.55]]]]))
    assert torch.allclose(visualize.drop_weak(0.5)(x, slope, 0), torch.tensor([[[[0.5, 0.9], [0.1, 0.5]]]]))
    # value times slope: 0, 0.4, 0.8, 0.5
    assert torch.allclose(visualize.drop_idle(0.5)(x, slope, 0), torch.tensor([[[[0.5, 0.5], [0.1, 0.6]]]]))


def test_the_natural_metric_by_hand() -> None:
    """Colours that go together are raised together, and a wave twice as fine comes out half as strong."""
    grey = torch.rand(4, 1, 8, 8, generator=generator(0)).expand(-1, 3, -1, -1)  # photos without colour: all three vary as one
    turn = visualize.natural_metric(grey)
    at = 2 * torch.pi * torch.arange(16) / 16
    slow, fine = at.cos().expand(1, 1, 16, 16), (2 * at).cos().expand(1, 1, 16, 16)
    red = torch.cat([slow + fine, torch.zeros(1, 2, 16, 16)], 1)
    expected = (16 * slow + 8 * fine).expand(-1, 3, -1, -1)  # 1 / f, f = 1/16 and 2/16; each colour is as red as red is
    assert torch.allclose(turn(red), expected, atol=1e-3)
    flat = visualize.natural_metric(grey, power=0.0)
    assert torch.allclose(flat(red), red[:, :1].expand(-1, 3, -1, -1), atol=1e-5)
    apart = torch.rand(64, 2, 8, 8, generator=generator(1))  # colours that have nothing to do with each other stay apart
    kept = visualize.natural_metric(apart, power=0.0)(torch.stack([slow[0, 0], 0 * slow[0, 0]])[None])
    assert kept[:, 1].abs().max() < 0.05 < kept[:, 0].abs().max()
    assert turn(red.double()).dtype == torch.float64


def test_a_metric_turns_the_step() -> None:
    """Only the direction: with red and green swapped, the ascent for red makes green."""
    swap = lambda slope: slope[:, [1, 0, 2]]  # noqa: E731
    moved = visualize.maximize(Sum(), GREY, visualize.class_score(torch.tensor([0, 0])), steps=1, rate=0.02, metric=swap)
    assert torch.allclose(moved[:, 1], torch.full((2, 16, 16), 0.56)) and torch.equal(moved[:, 0], GREY[:, 0])


def test_zoom_shows_each_step_another_size() -> None:
    """The network sees sizes up to a quarter away, none twice as a rule; the picture keeps its own, and an in-place first layer harms nothing."""
    sizes = []

    class Watching(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            sizes.append(tuple(x.shape[2:]))
            return x.mul_(1.0).mean((2, 3))

    start = torch.full((2, 3, 16, 24), 0.5)
    score = visualize.class_score(torch.tensor([0, 1]))
    made = visualize.maximize(Watching(), start, score, steps=30, zoom=0.25)
    assert made.shape == start.shape and made[0, 0].min() > 0.6 and made[1, 1].min() > 0.6
    sides = {rows for rows, _ in sizes}
    assert len(sides) > 5 and 12 <= min(sides) < 14 and 18 < max(sides) <= 20
    assert all(abs(columns - 1.5 * rows) <= 1.5 for rows, columns in sizes)
    with pytest.raises(ValueError, match="zoom is -1"):
        visualize.maximize(Watching(), start, score, zoom=-1)


def test_a_blur_keeps_what_is_flat_and_spreads_what_is_not() -> None:
    rule = visualize.blur(1.0, every=2)
    dot = torch.zeros(1, 2, 9, 9)
    dot[0, 0, 4, 4] = 1
    assert torch.equal(rule(dot, dot, 0), dot), "every second step"
    spread = rule(dot, dot, 1)
    bell = torch.exp(-0.5 * torch.arange(-3, 4.0) ** 2)
    bell = bell / bell.sum()
    assert torch.allclose(spread[0, 0, 1:8, 1:8], bell[:, None] * bell, atol=1e-6) and spread[0, 1].abs().max() == 0
    assert torch.allclose(rule(GREY, GREY, 1), GREY, atol=1e-6), "also at the edge"


# ---------------------------------------------------------------- dreams


def test_a_dream_raises_the_layers_energy_at_the_pictures_own_size() -> None:
    net, x = models.load("signnet-signs"), data.load("signs", "test", n=2, source="drawn").x
    dreamt = visualize.deep_dream(net, x, "6", steps=4)
    before, after = (visualize.energy(representation(net, p, "6")) for p in (x, dreamt))
    noise = visualize.energy(representation(net, (x + 0.1 * torch.randn(x.shape, generator=generator(0))).clamp(0, 1), "6"))
    assert dreamt.shape == x.shape and (after > 2 * before).all() and (after > 2 * noise).all()
    assert torch.equal(visualize.deep_dream(net, x, "6", steps=2), visualize.deep_dream(net, x, "6", steps=2))


def test_octaves_are_so_many_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    from course_utils.visualize import images

    monkeypatch.setattr(images, "maximize", lambda model, start, *a, **k: seen.append((tuple(start.shape[2:]), k["jitter"])) or start)
    x = torch.rand(1, 3, 40, 60, generator=generator(0))
    assert torch.allclose(visualize.deep_dream(small(), x, "0", octaves=3, ratio=2.0), x), "no dream, no change"
    assert seen == [((10, 15), 1), ((20, 30), 2), ((40, 60), 5)]


def test_an_octave_below_the_networks_smallest_picture_is_named() -> None:
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=r"the smallest octave is 4 x 4 pixels.*fewer octaves"):
        visualize.deep_dream(squeezenet1_0(), torch.rand(1, 3, 32, 32), "features.5", octaves=4, ratio=2.0)


# ---------------------------------------------------------------- there and back


def test_an_early_layer_is_inverted_to_the_picture() -> None:
    net, x = models.load("lenet-digits"), data.load("digits", "test", n=3, source="drawn").x
    answer = representation(net, x, "1")
    back = visualize.invert(net, answer, "1", (1, 28, 28), steps=100, rate=0.03)
    assert (back - x).square().mean().sqrt() < 0.06 and (visualize.distance(representation(net, back, "1"), answer) < 0.01).all()
    untrained = visualize.randomize_weights(net, generator(0))
    assert (visualize.distance(representation(untrained, back, "1"), representation(untrained, 1 - x, "1")) > 0.1).all(), "a control"


def test_the_natural_metric_brings_a_scene_back_sooner() -> None:
    """In thirty steps from the second convolution it is nearer to the scene, in pixels and in features, than without it."""
    scenes, net = data.load("photos", "test", n=4, source="drawn"), models.classifier("photos", source="drawn")
    x = resized(scenes.x[:2], (64, 64))
    target = representation(net, x, "3")
    plain, turned = (
        visualize.invert(net, target, "3", (3, 64, 64), steps=30, metric=metric) for metric in (None, visualize.natural_metric(scenes.x))
    )
    off = [(made - x).square().mean() for made in (plain, turned)]
    missed = [visualize.distance(representation(net, made, "3"), target).mean() for made in (plain, turned)]
    assert off[1] < 0.7 * off[0] and missed[1] < 0.7 * missed[0]


def test_distance_by_hand() -> None:
    target = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    assert visualize.distance(torch.zeros(2, 2), target).tolist() == [1, 1]
    assert visualize.distance(torch.tensor([[3.0, 3.0], [0.0, 2.0]]), target).tolist() == pytest.approx([1 / 25, 0])


@pytest.mark.parametrize("features, shape", [((20, 12, 12), (1, 28, 28)), ((10,), (1, 28, 28)), ((5, 7, 3), (3, 50, 31)), ((8, 28, 28), (1, 28, 28))])
def test_a_decoder_gives_pictures_of_the_size(features: tuple, shape: tuple) -> None:
    assert models.Decoder(features, shape, 8)(torch.rand(2, *features)).shape == (2, *shape)


def test_a_trained_decoder_beats_the_mean_picture() -> None:
    net, x = models.load("lenet-digits"), data.load("digits", "train", n=400, source="drawn").x
    held = data.load("digits", "test", n=100, source="drawn").x
    made = visualize.train_decoder(net, "6", x, epochs=8, width=8)
    back = made(representation(net, held, "6"))
    mean = (held - x.mean(0)).square().mean()
    assert not made.training and back.min() >= 0 and back.max() <= 1 and (back - held).square().mean() < 0.8 * mean
    again = visualize.train_decoder(net, "6", x, epochs=8, width=8)
    assert torch.equal(again(representation(net, held, "6")), back), "the same seed, the same decoder"


# ---------------------------------------------------------------- refused in words


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda m: visualize.unit_image(m, "7", [0], (3, 16, 16)), "unknown layer '7'"),
        (lambda m: visualize.unit_image(m, "2", [8], (3, 16, 16)), "a unit is not among 0 to 7"),
        (lambda m: visualize.class_image(m, [5], (3, 16, 16)), "a class is not among 0 to 4"),
        (lambda m: visualize.class_image(m[:4], [0], (3, 16, 16)), r"class scores \[N, K\] are expected"),
        (lambda m: visualize.maximize(m, GREY + 1, visualize.energy), "start"),
        (lambda m: visualize.maximize(m, GREY, visualize.energy, steps=0), "steps"),
        (lambda m: visualize.maximize(m, GREY, lambda a: 0 * a.flatten(1).sum(1)), r"no slope at the start of pictures \[0, 1\]"),
        (lambda m: visualize.deep_dream(m, GREY, "0", ratio=1.0), "ratio is 1.0"),
        (lambda m: visualize.deep_dream(m, GREY, "0", octaves=0), "octaves"),
        (lambda m: visualize.blur(0.0), "sigma"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_words(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(small())


def test_resized_is_the_picture_itself_at_its_own_size() -> None:
    assert resized(GREY, (16, 16)) is GREY and resized(GREY, (5, 7)).shape == (2, 3, 5, 7)
    assert optimize.lowest(torch.arange(4.0).reshape(1, 1, 2, 2), 0.5).flatten().tolist() == [True, True, False, False]


def test_pictures_of_one_network_are_judged_by_another() -> None:
    """The promise behind class images: a network that had no part in them sees the class, in more than seven of ten."""
    net, judge = models.load("signnet-signs"), models.load("signnet-signs-twin")
    made = visualize.class_image(net, range(24), (3, 48, 48), steps=20, rate=0.06)
    assert (runtime.predict(judge, made) == torch.arange(24)).float().mean() >= 0.7
    untrained = visualize.randomize_weights(net, generator(0))
    blind = visualize.class_image(untrained, range(24), (3, 48, 48), steps=5, rate=0.06)
    assert (runtime.predict(judge, blind) == torch.arange(24)).float().mean() < 0.2
