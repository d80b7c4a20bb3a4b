"""The one-pixel attack: against the paper's algorithm written down plainly, what always holds, and what is refused."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import data, layers, models, runtime
from course_utils.attacks import corners, every_pixel, one_pixel, random_pixels, working
from course_utils.attacks.one_pixel import LOOK, SURE, Wish, offspring, trios
from course_utils.attacks.painting import normal, painted, placed, uniform
from course_utils.runtime import generator
from tests.test_attacks import CLASSES, in_any_state, labels, needs_cuda, small, some, trace
from tests.test_pitfalls import flat

stable = settings(deadline=None, max_examples=10, derandomize=True)
quick = partial(one_pixel, population=12, generations=3)
SEARCHES = {"evolution": one_pixel, "random": random_pixels}
every_search = pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)


def chain(seed: int = 0) -> nn.Sequential:
    """Convolutions on 32x32, of which a single pixel reaches only a part."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, CLASSES),
        )  # fmt: skip
    return net.double().requires_grad_(False)


def changed(x: Tensor, found: Tensor) -> Tensor:
    """How many pixels are other ones, `[N]`."""
    return (found != x).any(1).flatten(1).sum(1)


# ---------------------------------------------------------------- against the paper's algorithm


def plainly(model: nn.Module, x: Tensor, y: Tensor, targeted: bool, pixels: int, population: int, generations: int) -> Tensor:
    """Differential evolution as the paper tells it, candidate by candidate; the numbers are drawn as the attack draws them."""
    chance, result = generator(7), x.clone()
    parents = normal(x, population, pixels, chance).tolist()

    def paint(i: int, candidate: list) -> Tensor:
        picture = x[i].clone()
        for row, column, *colour in candidate:
            row, column = min(max(round(row), 0), x.shape[2] - 1), min(max(round(column), 0), x.shape[3] - 1)
            for channel, grey in enumerate(colour):
                picture[channel, row, column] = min(max(round(grey), 0), 255) / 255
        return picture

    def fit(i: int, picture: Tensor) -> tuple[float, bool]:
        p = model(picture[None])[0].softmax(0)
        top = int(p.argmax())
        return (p[y[i]].item(), top == y[i]) if targeted else (1 - p[y[i]].item(), top != y[i])

    best = [fit(i, x[i]) for i in range(len(x))]
    order = lambda found: (found[1], found[0])  # noqa: E731
    over = lambda i: best[i][1] and best[i][0] > (0.9 if targeted else 0.95)  # noqa: E731
    height = [[-1.0] * population for _ in x]
    for g in range(generations + 1):
        numbers = trios(len(x), population, chance).tolist() if g and not all(map(over, range(len(x)))) else None
        for i in range(len(x)):
            if over(i):
                continue
            old, met = [list(map(list, candidate)) for candidate in parents[i]], []
            for j in range(population):
                child = old[j]
                if g:
                    a, b, c = (old[k] for k in numbers[i][j])
                    child = [[u + 0.5 * (v - w) for u, v, w in zip(*three)] for three in zip(a, b, c)]
                found = fit(i, paint(i, child))
                met.append((found, child))
                if found[0] > height[i][j]:
                    height[i][j], parents[i][j] = found[0], child
            found, child = max(met, key=lambda pair: order(pair[0]))
            if order(found) > order(best[i]):
                best[i], result[i] = found, paint(i, child)
    return result


@pytest.mark.parametrize(("seed", "pixels", "targeted"), [(0, 1, False), (1, 3, False), (2, 1, True), (3, 2, True)])
def test_it_is_the_papers_algorithm(seed: int, pixels: int, targeted: bool) -> None:
    model, x = small(seed).double().requires_grad_(False), some(5, seed, torch.float64)
    y = (model(x).argmax(1) + 1) % CLASSES if targeted else model(x).argmax(1)
    want = plainly(model, x, y, targeted, pixels, 10, 5)
    found = one_pixel(model, x, y, pixels=pixels, targeted=targeted, population=10, generations=5, generator=generator(7))
    assert torch.allclose(found, want, atol=1e-12) and (found != x).any()


def test_parents_are_three_different_ones_and_all_are_as_likely() -> None:
    drawn = trios(3000, 5, generator(0)).flatten(0, 1)
    a, b, c = drawn.T
    assert ((a != b) & (b != c) & (a != c)).all() and drawn.min() == 0 and drawn.max() == 4
    counts = torch.bincount(a * 25 + b * 5 + c, minlength=125)
    assert (counts > 0).sum() == 60 and counts[counts > 0].min() > 190 and counts.max() < 310, "about 250 of each of 5 * 4 * 3"


def test_a_child_is_made_of_its_own_pictures_candidates() -> None:
    parents, trio = torch.rand(2, 4, 3, 5), trios(2, 4, generator(1))
    child = offspring(parents, trio, 0.25)
    a, b, c = trio[1, 2].tolist()
    assert torch.allclose(child[1, 2], parents[1, a] + 0.25 * (parents[1, b] - parents[1, c])) and child.shape == parents.shape


def test_the_first_candidates_are_the_papers() -> None:
    x = torch.zeros(2, 3, 32, 20)
    first = normal(x, 4000, 2, generator(0))
    assert first.shape == (2, 4000, 2, 5)
    rows, columns, colours = first[..., 0], first[..., 1], first[..., 2:]
    assert rows.min() >= 0 and rows.max() <= 31 and columns.max() <= 19 and columns.max() > 18.9
    assert abs(rows.mean() - 15.5) < 0.4 and abs(columns.mean() - 9.5) < 0.3 and abs(rows.std() - 31 / math.sqrt(12)) < 0.2
    assert abs(colours.mean() - 128) < 3 and abs(colours.std() - 127) < 3


def test_random_search_finds_all_pixels_and_colours_as_likely() -> None:
    places, colours = placed(uniform(torch.zeros(1, 1, 4, 3), 12_000, 1, generator(0))[0], torch.zeros(1, 1, 4, 3))
    counts = torch.bincount(places[:, 0, 0] * 3 + places[:, 0, 1], minlength=12)
    assert counts.min() > 850 and counts.max() < 1150
    assert len(colours.unique()) == 256 and abs(colours.mean() - 0.5) < 0.01


# ---------------------------------------------------------------- painting


def test_candidates_are_rounded_and_clipped_when_they_are_painted() -> None:
    x = torch.zeros(1, 3, 6, 8)
    places, colours = placed(torch.tensor([[[-3.2, 9.9, -40.0, 300, 127.6], [2.4, 2.6, 0, 1, 255]]]), x)
    assert places.tolist() == [[[0, 7], [2, 3]]]
    assert torch.allclose(colours * 255, torch.tensor([[[0.0, 255, 128], [0, 1, 255]]]))


def test_of_two_on_one_place_the_later_counts() -> None:
    places = torch.tensor([[[1, 2], [1, 2], [0, 0]]])
    found = painted(torch.zeros(1, 1, 3, 4), places, torch.tensor([[[0.1], [0.2], [0.3]]]))
    assert found[0, 0, 1, 2] == torch.tensor(0.2) and found[0, 0, 0, 0] == torch.tensor(0.3) and (found != 0).sum() == 2


class Corner(nn.Module):
    """Class 1 if the pixel at one place is bright, else class 0, and surer the nearer a bright pixel lies to that place."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__()
        rows, columns = torch.meshgrid(torch.arange(8), torch.arange(10), indexing="ij")
        far = (rows - row).abs() + (columns - column).abs()
        self.register_buffer("pull", torch.where(far == 0, 8.0, 1.0 / (1 + far)))

    def forward(self, x: Tensor) -> Tensor:
        bright = (x.mean(1) * self.pull).flatten(1).sum(1)
        return torch.stack([torch.full_like(bright, 4.0), bright], 1)


@pytest.mark.parametrize("spot", [(0, 0), (0, 9), (7, 0), (7, 9), (3, 9)], ids=str)
def test_the_first_and_last_rows_and_columns_are_reached(spot: tuple[int, int]) -> None:
    model, x = Corner(*spot), torch.zeros(2, 3, 8, 10)
    for search in SEARCHES.values():
        found = search(model, x, population=60, generations=30)
        assert (model(found).argmax(1) == 1).all() and (found[:, :, spot[0], spot[1]].mean(1) > 0.4).all()
    works = working(every_pixel(model, x), torch.zeros(2, dtype=torch.long)).any(1)
    assert works.sum() == 2 and works[:, spot[0], spot[1]].all()


# ---------------------------------------------------------------- local recomputation


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_pixel_computed_locally_gives_the_networks_own_scores(dtype: torch.dtype) -> None:
    x = torch.rand(3, 3, 32, 32, generator=generator(0), dtype=torch.float64).to(dtype)
    model, index = chain().to(dtype), torch.randint(3, (200,), generator=generator(1))
    places = torch.randint(32, (200, 2), generator=generator(2))
    places[:4] = torch.tensor([[0, 0], [0, 31], [31, 0], [31, 31]])
    colours, local = torch.rand(200, 3, generator=generator(3)).to(dtype), layers.Local(model, x)
    want = model(layers.paste(x, places, colours[:, :, None, None], index=index))
    assert local.why_not is None and (local.pixels(places, colours, index, batch_size=64) - want).abs().max() < 1e-6
    whole = layers.Local(model, x, local=False)
    assert torch.equal(whole.pixels(places, colours, index, batch_size=200), want)


def test_a_single_pixel_is_computed_locally_and_the_attack_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    model, x = chain(2), torch.rand(2, 3, 32, 32, generator=generator(3), dtype=torch.float64)
    own = layers.Local.pixels
    monkeypatch.setattr(layers.Local, "pixels", lambda self, *given, **named: (rows.append(len(given[2])), own(self, *given, **named))[1])
    assert torch.equal(quick(model, x), quick(model, x)) and not rows, "so few queries go the plain way"
    monkeypatch.setattr("course_utils.layers.local.FEW", 0)
    run = partial(one_pixel, model, x, population=150, generations=2)
    found = run()
    assert rows == [300, 300, 300] and (changed(x, found) == 1).all()
    assert torch.equal(found, run(local=False))
    scores = [every_pixel(model, x[:1], [[0.0, 0.5, 1.0]], local=local) for local in (True, False)]
    assert torch.allclose(*scores, atol=1e-9) and len(rows) == 4
    quick(model, x, pixels=2)
    assert len(rows) == 4, "several pixels go the plain way"


# ---------------------------------------------------------------- what always holds


@st.composite
def cases(draw: st.DrawFn) -> tuple[nn.Module, Tensor, Tensor | None, dict]:
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    count, seed = draw(st.integers(1, 5)), draw(st.integers(0, 10_000))
    y = labels(count, seed) if draw(st.booleans()) else None
    options = {"pixels": draw(st.sampled_from([1, 2, 5])), "targeted": y is not None and draw(st.booleans())}
    return small(seed).to(dtype), some(count, seed, dtype), y, {**options, "until": draw(st.sampled_from(["sure", "fooled"]))}


@every_search
@stable
@given(case=cases())
def test_so_many_pixels_change_and_the_wanted_answer_becomes_likelier(search: Callable, case: tuple) -> None:
    model, x, y, options = case
    clean = x.clone()
    found = search(model, x, y, population=12, generations=2, **options)
    assert (found.shape, found.dtype, found.device) == (x.shape, x.dtype, x.device) and torch.equal(x, clean)
    assert found.min() >= 0 and found.max() <= 1 and not found.requires_grad and found.grad_fn is None and found.data_ptr() != x.data_ptr()
    moved = changed(x, found)
    assert (moved <= options["pixels"]).all()
    new = (found != x).any(1, keepdim=True).expand_as(x)
    assert (found[new].double() * 255 - (found[new].double() * 255).round()).abs().max() < 1e-4 if new.any() else True
    y = runtime.predict(model, x) if y is None else y
    before, after = (runtime.logits(model, z).double().softmax(1).gather(1, y[:, None])[:, 0] for z in (x, found))
    better = after > before if options["targeted"] else after < before
    fools = (runtime.predict(model, found) == y) == options["targeted"]
    assert (better | fools | (moved == 0)).all()


@stable
@given(choice=st.data())
def test_the_model_comes_back_as_it_was(choice: st.DataObject) -> None:
    model, x = in_any_state(choice), some()
    before, pictures = trace(model), x.clone().requires_grad_()
    found = quick(model, pictures)
    assert trace(model) == before and pictures.grad is None and pictures.requires_grad
    assert torch.equal(found, quick(small(), x)), "modes and frozen parameters change nothing"


def test_gradients_switched_off_by_the_caller_and_steps_in_place() -> None:
    x, want = some(), quick(small(), some())
    with torch.no_grad():
        assert torch.equal(quick(small(), x), want) and not torch.is_grad_enabled()
    net = small()
    with torch.inference_mode():
        assert torch.equal(quick(net, x), want)
    first, same = (nn.Sequential(nn.Hardtanh(0.2, 0.8, inplace=flag), small()) for flag in (True, False))
    assert torch.equal(quick(first, x), quick(same, x)) and torch.equal(x, some())
    last = x.to(memory_format=torch.channels_last)
    assert torch.equal(quick(small(), last), want)


@needs_cuda
def test_on_a_gpu_the_result_is_the_same() -> None:
    model, x = small().double(), some(5, dtype=torch.float64)
    want, found = quick(model, x, pixels=3), quick(model.cuda(), x.cuda(), pixels=3)
    assert found.device.type == "cuda" and (found.cpu() - want).abs().max() < 1e-6


@every_search
def test_the_draws_are_the_generators_and_nobody_elses(search: Callable) -> None:
    model, x = small(), some(6)
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    run = lambda seed: search(model, x, population=12, generations=2, generator=generator(seed))  # noqa: E731
    first = run(3)
    assert torch.equal(states[0], torch.get_rng_state()) and states[1:] == (np.random.get_state()[1].tolist(), random.getstate())
    assert torch.equal(first, run(3)) and not torch.equal(first, run(4))
    assert torch.equal(search(model, x, population=12, generations=2), run(0)), "without one it is the course's seed"


@every_search
def test_each_picture_of_a_batch_has_draws_of_its_own(search: Callable) -> None:
    found = search(small(), some(1).expand(8, -1, -1, -1), population=12, generations=2)
    assert len({picture.numpy().tobytes() for picture in found}) > 4


@pytest.mark.parametrize("until", ["sure", "fooled"])
def test_finished_pictures_are_dropped_and_it_does_not_matter_when(until: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, seen = small(2).double(), some(12, dtype=torch.float64), []
    y = model(x).argmax(1)
    run = partial(one_pixel, model, x, y, population=20, generations=6, until=until)
    believed = lambda pictures: model(pictures).softmax(1).gather(1, y[:, None])[:, 0]  # noqa: E731
    if until == "sure":  # half of them can be made so sure
        monkeypatch.setitem(SURE, False, torch.logit(1 - believed(run()).median()).item() - 1e-6)
    found = run(watch=seen.append)
    done = model(found).argmax(1) != y
    done &= (until == "fooled") | (torch.logit(1 - believed(found)) > SURE[False])
    assert done.any() and not done.all()
    assert len(seen[0].pictures) > len(seen[-1].pictures) and set(seen[-1].pictures.tolist()) >= set((~done).nonzero().flatten().tolist())
    assert seen[-1].number == 6 and seen[-1].candidates.shape == (len(seen[-1].pictures), 20, 1, 5)
    monkeypatch.setitem(LOOK, "cpu", 4)
    assert torch.equal(run(), found)


@pytest.mark.parametrize(("targeted", "p"), [(True, 0.9), (False, 0.95)])
def test_it_goes_on_until_the_network_is_as_sure_as_in_the_paper(targeted: bool, p: float) -> None:
    wish = Wish(torch.tensor([1]), targeted, "sure")
    for chance, met in ((p - 0.001, False), (p + 0.001, True)):
        wanted, rest = math.log(chance), math.log(1 - chance)
        scores = torch.tensor([[rest, wanted] if targeted else [wanted, rest]])
        assert wish.met(*wish(scores[:, None], torch.tensor([0]))).item() is met


def test_fitness_never_falls_and_its_best_is_what_comes_back() -> None:
    model, x, seen = small(4).double(), some(3, dtype=torch.float64), []
    y = (model(x).argmax(1) + 2) % CLASSES
    found = one_pixel(model, x, y, targeted=True, population=30, generations=6, watch=seen.append)
    for before, after in zip(seen, seen[1:]):
        kept = torch.isin(before.pictures, after.pictures)
        assert (after.fitness >= before.fitness[kept]).all()
    last = seen[-1]
    p, fools = model(found).softmax(1).gather(1, y[:, None])[:, 0][last.pictures], (model(found).argmax(1) == y)[last.pictures]
    best = last.fitness.amax(1).sigmoid()
    assert torch.where(fools, p <= best + 1e-9, (p - best).abs() < 1e-9).all() and not fools.all()


def test_many_pictures_are_attacked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, seen = small(), some(5), []
    monkeypatch.setattr(sys.modules[one_pixel.__module__], "PART", 160)  # two pictures of 8x10
    found = quick(model, x, watch=lambda g: seen.append((g.number, g.pictures.tolist())))
    assert [pictures for number, pictures in seen if number == 0] == [[0, 1], [2, 3], [4]]
    assert torch.equal(found[:2], quick(model, x[:2], generator=generator(0)))


def test_what_is_so_already_comes_back_untouched() -> None:
    model, x = small(), some()
    y = runtime.predict(model, x)
    assert torch.equal(one_pixel(model, x, y, targeted=True, until="fooled"), x)
    assert torch.equal(one_pixel(model, x, (y + 1) % CLASSES, until="fooled"), x)


def test_where_nothing_helps_the_picture_comes_back_as_it_was() -> None:
    assert torch.equal(quick(flat(), some()), some()) and torch.equal(random_pixels(flat(), some(), population=5, generations=2), some())


def test_a_very_sure_network_is_climbed_all_the_same() -> None:
    """p(true) rounds to 1 in single precision: an attack on p itself would see nothing but equal candidates."""
    class Sure(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            bright = 50 - 20 * x.mean(1).flatten(1).amax(1)
            return torch.stack([bright, torch.zeros_like(bright)], 1)

    found = one_pixel(Sure(), torch.zeros(1, 3, 8, 10), population=20, generations=30)
    assert found.mean(1).max() > 0.97


# ---------------------------------------------------------------- every pixel


def test_every_pixel_gives_the_scores_of_each_painted_picture() -> None:
    model, x = small(), some(2)
    scores = every_pixel(model, x, [[0.2, 0.4, 0.6], [1, 0, 0]])
    assert scores.shape == (2, 2, 8, 10, CLASSES)
    picture = x[1].clone()
    picture[:, 7, 2] = torch.tensor([1.0, 0, 0])
    assert torch.allclose(scores[1, 1, 7, 2], runtime.logits(model, picture[None])[0], atol=1e-5)
    assert every_pixel(model, x).shape[1] == 8 and corners(1).tolist() == [[0], [1]]
    y = runtime.predict(model, x)
    assert torch.equal(working(scores, y), scores.argmax(-1) != y[:, None, None, None])
    assert torch.equal(working(scores, y, targeted=True), scores.argmax(-1) == y[:, None, None, None])


# ---------------------------------------------------------------- bad input


@every_search
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pixels": 0}, "pixels is 0; a whole number of at least 1"),
        ({"pixels": -1}, "pixels is -1"),
        ({"pixels": 1.0}, "pixels is 1.0; a whole number"),
        ({"pixels": 81}, "pixels is 81; at most the 80 pixels of a picture"),
        ({"population": 0}, "population is 0; a whole number"),
        ({"generations": -1}, "generations is -1; a whole number of at least 0"),
        ({"until": "sur"}, "unknown rule to stop 'sur'. Nearest: sure"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"targeted": True}, "targeted=True needs y"),
    ],
)
def test_bad_options_are_refused(search: Callable, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        search(small(), some(), **options)


@pytest.mark.parametrize(("options", "words"), [({"population": 2}, "at least 3"), ({"scale": -0.5}, "scale is -0.5"), ({"scale": math.nan}, "scale is nan")])
def test_evolution_needs_three_parents_and_a_scale(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        one_pixel(small(), some(), **options)


@pytest.mark.parametrize("search", [quick, random_pixels, every_pixel], ids=["evolution", "random", "every pixel"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda x: 255 * x, r"x holds pixels from 0 to 255; pixels in \[0, 1\] are expected", id="bytes as floats"),
        pytest.param(lambda x: x.where(x < x.max(), torch.nan), "x holds NaN", id="NaN"),
        pytest.param(lambda x: x[0], r"x has 3 dimensions.*use x\[None\]", id="one picture"),
        pytest.param(lambda x: x[:0], "x is an empty batch", id="empty batch"),
        pytest.param(lambda x: x.double(), "x holds torch.float64 but the model computes in torch.float32", id="precision"),
    ],
)
def test_bad_pictures_are_refused(search: Callable, change: Callable, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        search(small(), change(some()))


@pytest.mark.parametrize("colours", [[[0.0, 1.0]], [0.5], torch.zeros(0, 3), [[0.0, 0.0, 1.5]]], ids=["two channels", "no list", "none", "too bright"])
def test_bad_colours_are_refused(colours: object) -> None:
    with pytest.raises(ValueError, match=r"colours \[K, 3\] in \[0, 1\] are expected"):
        every_pixel(small(), some(), colours)


def test_bad_labels_and_models_are_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(240, 1))
    with pytest.raises(ValueError, match="the model gives scores for 1 class; at least two are expected"):
        quick(model, some())
    with pytest.raises(ValueError, match="y holds labels from 0 to 9; the model has 4 classes"):
        quick(small(), some(), torch.tensor([0, 1, 9]))
    with pytest.raises(ValueError, match="the model gives shape"):
        quick(nn.Conv2d(3, 4, 3), some())


# ---------------------------------------------------------------- a trained network


def test_evolution_lowers_what_a_linear_network_believes_more_than_chance_does() -> None:
    net, (x, y, *_) = models.load("fc10-digits"), data.load("digits", "test", 60, source="drawn")
    right = (runtime.predict(net, x) == y).nonzero().flatten()[:30]
    x, y = x[right], y[right]
    run = lambda search: search(net, x, y, pixels=5, population=40, generations=100)  # noqa: E731
    believed = {search: runtime.logits(net, run(search)).softmax(1).gather(1, y[:, None]).mean() for search in (one_pixel, random_pixels)}
    assert believed[one_pixel] < believed[random_pixels] - 0.05 < runtime.logits(net, x).softmax(1).gather(1, y[:, None]).mean() - 0.1
