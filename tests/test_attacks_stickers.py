"""Stickers on pictures: against the formula pixel by pixel, what always holds, the controls, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import data, measure, models, runtime
from course_utils.attacks import Stickers, random_stickers, scattered, stickers, stuck
from course_utils.attacks.one_pixel import trios
from course_utils.attacks.stickers import Sheet, crossed
from course_utils.runtime import generator
from tests.test_attacks import CLASSES, in_any_state, labels, small, some, trace
from tests.test_pitfalls import flat

stable = settings(deadline=None, max_examples=10, derandomize=True)
SEARCHES = {"evolution": stickers, "random": random_stickers}
every_search = pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
quick = {"population": 12, "generations": 2}


def areas(boxes: Tensor) -> Tensor:
    """How many pixels each sticker covers, `[..., s]`."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


# ---------------------------------------------------------------- the formula


def by_hand(x: Tensor, boxes: list, adds: list) -> Tensor:
    """N(I + sum of stickers) of one picture `[C, H, W]`, pixel by pixel."""
    result = x.clone()
    for row in range(x.shape[1]):
        for column in range(x.shape[2]):
            added = sum(a for (x0, y0, x1, y1), a in zip(boxes, adds) if x0 <= column < x1 and y0 <= row < y1)
            result[:, row, column] = (x[:, row, column] + added).clamp(0, 1)
    return result


def test_stickers_are_added_and_the_sum_is_clipped() -> None:
    """Where a dark one and a bright one meet, the picture is as it was; where two dark ones meet, it is black all the same."""
    x, adds = some(2, dtype=torch.float64), torch.tensor([-1.0, -0.25, 1.0])
    boxes = torch.tensor([[[0, 0, 3, 2], [1, 1, 5, 6], [2, 0, 10, 4]], [[4, 4, 10, 8], [0, 0, 10, 8], [9, 7, 10, 8]]])
    found = stuck(x, boxes, adds)
    for k in range(2):
        assert torch.allclose(found[k], by_hand(x[k], boxes[k].tolist(), adds.tolist()))
    assert torch.equal(found[0, :, 0, 2], x[0, :, 0, 2]), "-1 + 1"


def test_a_candidate_covers_what_it_may_and_reaches_every_corner() -> None:
    sheet = Sheet(torch.zeros(1, 3, 20, 30), 1, 2, 0.2, (3, 15), 1.0)
    drawn = torch.cat([sheet.drawn(3000, generator(0))[0], torch.zeros(1, 3, 4), torch.ones(1, 3, 4)])
    boxes = sheet.boxes(drawn)
    assert (boxes[..., :2] >= 0).all() and (boxes[..., 2] <= 30).all() and (boxes[..., 3] <= 20).all() and (areas(boxes) > 0).all()
    covered = areas(boxes).sum(1)
    assert covered.max() <= 120 and covered.double().quantile(0.9) > 100, "0.2 of 600"
    for place, most in ((0, 0), (1, 0), (2, 30), (3, 20)):
        assert (boxes[..., place] == most).any()
    assert boxes[-2].tolist() == [[0, 0, 3, 3]] * 3, "the shortest sides, in the first corner"


def test_a_child_is_its_parent_with_numbers_of_the_best() -> None:
    parents, trio, fitness = torch.rand(2, 5, 3, 4), trios(2, 5, generator(1)), torch.tensor([[0.0, 3, 1, 1, 2], [5, 3, 1, 1, 2]])
    swap = torch.rand(2, 5, 3, 4) < 0.5
    child = crossed(parents, trio, swap, fitness, 0.5)
    b, c = trio[1, 2, 1:].tolist()
    mixed = (parents[1, 0] + 0.5 * (parents[1, b] - parents[1, c])).clamp(0, 1)
    assert torch.allclose(child[1, 2], torch.where(swap[1, 2], mixed, parents[1, 2])) and child.shape == parents.shape


# ---------------------------------------------------------------- what always holds


@st.composite
def cases(draw: st.DrawFn) -> tuple[nn.Module, Tensor, Tensor | None, dict]:
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    count, seed = draw(st.integers(1, 5)), draw(st.integers(0, 10_000))
    y = labels(count, seed) if draw(st.booleans()) else None
    dark = draw(st.integers(0, 3))
    options = {"dark": dark, "bright": draw(st.integers(0 if dark else 1, 3)), "cover": draw(st.floats(0.1, 1)), "strength": draw(st.sampled_from([0.3, 1.0]))}
    return small(seed).to(dtype), some(count, seed, dtype), y, {**options, "targeted": y is not None and draw(st.booleans())}


@every_search
@stable
@given(case=cases())
def test_no_more_is_covered_than_allowed_and_the_wanted_answer_becomes_likelier(search: Callable, case: tuple) -> None:
    model, x, y, options = case
    clean = x.clone()
    found = search(model, x, y, **quick, **options)
    z, count = found.images, options["dark"] + options["bright"]
    assert (z.shape, z.dtype) == (x.shape, x.dtype) and torch.equal(x, clean) and z.min() >= 0 and z.max() <= 1 and not z.requires_grad
    assert found.boxes.shape == (len(x), count, 4) and found.adds.tolist() == pytest.approx([-options["strength"]] * options["dark"] + [options["strength"]] * options["bright"])
    worn = found.boxes[:, 0, 0] >= 0
    assert (areas(found.boxes)[worn].sum(1) <= options["cover"] * 80).all() and torch.equal(z[~worn], x[~worn]) and (found.boxes[~worn] == -1).all()
    assert torch.equal(z[worn], stuck(x[worn], found.boxes[worn], found.adds)), "the boxes say where they are"
    y = runtime.predict(model, x) if y is None else y
    before, after = (runtime.logits(model, p).double().softmax(1).gather(1, y[:, None])[:, 0] for p in (x, z))
    better = after > before if options["targeted"] else after < before
    fools = (runtime.predict(model, z) == y) == options["targeted"]
    assert (better | fools | ~worn).all()


@every_search
def test_a_batch_does_not_depend_on_how_it_is_split_and_one_seed_gives_one_result(search: Callable) -> None:
    model, x = small().double(), some(4, dtype=torch.float64)
    run = partial(search, model, x, **quick, until="sure")
    found = [run(batch_size=size, generator=generator(seed)) for size, seed in ((None, 1), (5, 1), (None, 2))]
    assert torch.equal(found[0].boxes, found[1].boxes) and not torch.equal(found[0].boxes, found[2].boxes)


@every_search
def test_finished_pictures_are_dropped_and_the_model_comes_back(search: Callable) -> None:
    model, x = small().train(), some(3)
    seen: list[int] = []
    hook = model.register_forward_pre_hook(lambda m, given: seen.append(len(given[0])))
    y = (runtime.predict(model, x) + 1) % CLASSES
    seen.clear()
    modes = [m.training for m in model.modules()]
    found = search(model, x, y, **quick)
    hook.remove()
    assert seen == [3] and torch.equal(found.images, x), "fooled already: one look, no search"
    assert [m.training for m in model.modules()] == modes


@every_search
@stable
@given(choice=st.data())
def test_the_model_comes_back_as_it_was(search: Callable, choice: st.DataObject) -> None:
    model, x = in_any_state(choice), some()
    before = trace(model)
    found = search(model, x.requires_grad_(), labels(), **quick)
    assert trace(model) == before and not found.images.requires_grad


def test_watch_sees_every_generation() -> None:
    seen = []
    stickers(flat(), some(), **quick, watch=lambda g: seen.append((g.number, len(g.pictures), g.candidates.shape, g.fitness.shape)))
    assert seen == [(k, 3, (3, 12, 4, 4), (3, 12)) for k in range(3)]


# ---------------------------------------------------------------- on the sign network


def test_signs_fall_to_stickers_and_not_to_stickers_anywhere() -> None:
    net, (x, y, *_) = models.load("signnet-signs"), data.load("signs", "test", n=12, source="drawn")
    found = stickers(net, x, y, cover=0.03, population=20, generations=6, generator=generator(0))
    drawn = random_stickers(net, x, y, cover=0.03, population=20, generations=6, generator=generator(0))
    once = measure.success_rate(net, scattered(x, cover=0.03).images, y)
    assert measure.success_rate(net, found.images, y) >= max(0.5, measure.success_rate(net, drawn.images, y) - 0.1) and once < 0.3
    assert areas(found.boxes).sum(1).max() <= 0.03 * 48 * 48


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dark": 0, "bright": 0}, "at least one sticker"), ({"dark": -1}, "dark is -1"), ({"bright": 1.5}, "bright is 1.5"),
        ({"sides": (2, 9)}, "no room for a sticker larger than 8"), ({"sides": (0, 3)}, "shortest side"), ({"sides": (5, 3)}, "longest side"),
        ({"cover": 0.0}, "cover is 0.0"), ({"cover": 1.2}, "cover is 1.2"), ({"cover": 0.02}, "a pixel for each"), ({"cover": -0.1}, "cover is -0.1"),
        ({"strength": 0}, "strength is 0"), ({"strength": 1.5}, "strength is 1.5"), ({"population": 2}, "population"), ({"generations": -1}, "generations"),
        ({"crossover": 0}, "crossover"), ({"crossover": 1.5}, "crossover is 1.5"), ({"scale": -1}, "scale"), ({"until": "never"}, "rule to stop"),
        ({"targeted": True}, "needs y"), ({"batch_size": 0}, "batch_size"),
    ],
)  # fmt: skip
def test_bad_options_are_refused_in_words(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        stickers(small(), some(), **options)


def test_bad_pictures_are_refused_in_words() -> None:
    for search in (stickers, random_stickers):
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            search(small(), 255 * some())
    with pytest.raises(ValueError, match="four are expected"):
        scattered(some()[0])
    with pytest.raises(ValueError, match="one label a picture"):
        stickers(small(), some(), labels(2))


def test_numbers_may_be_numpys() -> None:
    found = stickers(small(), some(), cover=np.float32(0.2), dark=np.int64(1), scale=np.float64(0.5), **quick)
    assert isinstance(found, Stickers) and found.boxes.shape[1] == 3
