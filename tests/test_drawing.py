"""The drawn worlds: same seed same pictures, in range, masks and boxes that fit, kinds that differ."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils import runtime
from course_utils.data import digits, faces, load, plates, scenes, shapes, signs, strangers
from course_utils.data.scenes import street, weather


def _labels(count: int, classes: int) -> Tensor:
    return torch.arange(count) % classes


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _draw(world: str, seed: int, count: int = 24) -> Tensor:
    generator = runtime.generator(seed)
    if world == "digits":
        return digits.draw(_labels(count, 10), generator=generator)
    if world == "signs":
        return signs.draw(_labels(count, len(signs.NAMES)), generator=generator).x
    if world == "faces":
        return faces.draw(_labels(count, 40), generator=generator)
    return scenes.draw(count, generator=generator, size=64).x


def _class(name: str) -> int:
    return scenes.NAMES.index(name)


SHAPES = {"digits": (1, 28, 28), "signs": (3, 48, 48), "scenes": (3, 64, 64), "faces": (3, 64, 64)}


# ---------------------------------------------------------------- what holds for every world


@pytest.mark.parametrize("world", SHAPES)
def test_shape_dtype_and_range(world: str) -> None:
    x = _draw(world, 1)
    assert x.shape == (24, *SHAPES[world]) and x.dtype == torch.float32
    assert x.isfinite().all() and x.min() >= 0 and x.max() <= 1
    assert (x.flatten(1).std(1) > 0.02).all()  # no picture is empty


@pytest.mark.parametrize("world", SHAPES)
def test_same_seed_same_pictures(world: str) -> None:
    assert torch.equal(_draw(world, 3), _draw(world, 3))


@pytest.mark.parametrize("world", SHAPES)
def test_global_random_state_plays_no_part(world: str) -> None:
    torch.manual_seed(0)
    first = _draw(world, 3)
    before = torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(first, _draw(world, 3))
    torch.manual_seed(0)
    assert torch.equal(before, torch.get_rng_state())  # and drawing leaves it alone


@pytest.mark.parametrize("world", SHAPES)
def test_other_seed_other_pictures(world: str) -> None:
    change = (_draw(world, 3) - _draw(world, 4)).abs().flatten(1).mean(1)
    assert (change > 0.01).all()


@pytest.mark.parametrize("world", SHAPES)
def test_threads_change_nothing_but_rounding(world: str, one_thread: None) -> None:
    one = _draw(world, 5)
    torch.set_num_threads(2)
    assert torch.allclose(one, _draw(world, 5), atol=1e-3)


@pytest.mark.parametrize("world, floor", [("digits", 1000), ("signs", 150), ("scenes", 25), ("faces", 200)])
def test_fast_enough_to_train_from(world: str, floor: float, one_thread: None) -> None:
    """Pictures a second of process CPU time on one thread (a second thread that waits for a busy core counts as
    CPU time): half of what two cores must give, 2,000 digits, 300 signs and 400 faces a second; scenes of 64x64 at 25."""
    _draw(world, 0)  # the tables of strokes and kinds are made once
    count = {"digits": 600, "signs": 150, "scenes": 24, "faces": 160}[world]
    start = time.process_time()
    _draw(world, 1, count)
    assert count / (time.process_time() - start) > floor


# ---------------------------------------------------------------- digits


def _linear_probe(x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor, classes: int) -> float:
    """Accuracy on test pictures of ridge regression from pixels to one-hot labels."""
    train, test = (F.pad(part.flatten(1).double() - 0.5, (0, 1), value=1.0) for part in (x, x_test))
    gram = train @ train.T + 10.0 * torch.eye(len(train), dtype=torch.float64)
    weights = train.T @ torch.linalg.solve(gram, F.one_hot(y, classes).double())
    return ((test @ weights).argmax(1) == y_test).double().mean().item()


def test_a_linear_probe_reads_digits() -> None:
    y, y_test = _labels(1000, 10), _labels(300, 10)
    x, x_test = digits.draw(y, generator=runtime.generator(1)), digits.draw(y_test, generator=runtime.generator(2))
    accuracy = _linear_probe(x, y, x_test, y_test, 10)
    assert 0.6 < accuracy < 0.99  # far above 0.1, but handwriting is not one template a digit


def test_digits_follow_the_conventions_of_mnist() -> None:
    x = digits.draw(_labels(500, 10), generator=runtime.generator(7))[:, 0]
    border = torch.cat([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], 1)
    assert border.mean() < 0.01  # white ink on black, clear of the edge
    assert 0.08 < x.mean() < 0.18 and x.flatten(1).amax(1).min() > 0.5
    rows = (x.sum((0, 2)) * (torch.arange(28) + 0.5)).sum() / x.sum()
    assert abs(rows - 14) < 1


def test_writers_differ() -> None:
    x = digits.draw(torch.full((40,), 4), generator=runtime.generator(0)).flatten(1)
    assert (torch.pdist(x) > 1).all()


# ---------------------------------------------------------------- signs


def test_signs_a_driver_knows() -> None:
    limits = [f"Speed limit ({speed}km/h)" for speed in (30, 50, 80, 120)]
    for name in ("Stop", "Yield", "No entry", "Priority road", "Keep right", *limits):
        assert name in signs.NAMES
    assert len(signs.NAMES) == len(set(signs.NAMES)) >= 16


def test_clean_views_differ_and_survive_noise() -> None:
    """A nearest-centroid classifier on clean views with noise is perfect."""
    clean = torch.stack([signs.draw_clean(kind, 48) for kind in signs.NAMES])
    assert clean.shape == (len(signs.NAMES), 4, 48, 48) and clean.min() >= 0 and clean.max() <= 1
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=runtime.generator(0))
    nearest = torch.cdist(noisy.flatten(1), clean.flatten(1)).argmin(1)
    assert torch.equal(nearest, torch.arange(len(clean)))


def test_clean_view_by_number_is_the_same() -> None:
    assert torch.equal(signs.draw_clean(signs.NAMES.index("Stop"), 32), signs.draw_clean("Stop", 32))


@pytest.mark.parametrize("size", [32, 48, 96])
def test_sign_masks_are_where_the_sign_is(size: int) -> None:
    batch = signs.draw(_labels(24, 24), generator=runtime.generator(0), size=size)
    assert batch.x.shape == (24, 3, size, size) and batch.masks.shape == (24, size, size)
    assert batch.masks.dtype == torch.bool
    share = batch.masks.float().mean((1, 2))
    assert share.min() > 0.08 and share.max() < 0.85
    # Red plates: redder inside the mask than outside.
    stop = signs.draw(torch.full((32,), signs.NAMES.index("Stop")), generator=runtime.generator(1), size=size)
    redness = stop.x[:, 0] - stop.x[:, 1:].mean(1)
    assert redness[stop.masks].mean() > redness[~stop.masks].mean() + 0.1


def test_a_linear_probe_reads_signs() -> None:
    y, y_test = _labels(1000, 24), _labels(240, 24)
    x = signs.draw(y, generator=runtime.generator(1), size=32).x
    x_test = signs.draw(y_test, generator=runtime.generator(2), size=32).x
    assert _linear_probe(x, y, x_test, y_test, 24) > 0.3  # chance is 0.04


# ---------------------------------------------------------------- scenes


def test_scene_names_are_many_and_fit_under_a_picture() -> None:
    assert 80 <= len(scenes.NAMES) <= 150 and len(set(scenes.NAMES)) == len(scenes.NAMES)
    assert max(map(len, scenes.NAMES)) <= 24  # `show.short` leaves them whole
    assert len({name.split()[0] for name in scenes.NAMES[:24]}) >= 12  # any few in a row are of many families


def test_scene_kinds_are_near_but_not_the_same() -> None:
    """A nearest-centroid classifier on clean views with noise is perfect, and many kinds have near relatives."""
    clean = torch.stack([scenes.draw_clean(kind, 64) for kind in scenes.NAMES])
    noisy = clean + 0.05 * torch.randn(clean.shape, generator=runtime.generator(0))
    assert torch.equal(torch.cdist(noisy.flatten(1), clean.flatten(1)).argmin(1), torch.arange(len(clean)))
    apart = torch.cdist(clean.flatten(1), clean.flatten(1)).fill_diagonal_(torch.inf).amin(1) / 64
    assert (apart < 0.3).float().mean() > 0.5  # root mean square over the plate, of four channels from 0 to 1


@pytest.mark.parametrize("left, right", [("Curve to the left", "Curve to the right"), ("Left only", "Right only"),
                                         ("Narrows on the left", "Narrows on the right"), ("Keep left", "Keep right")])
def test_left_and_right_are_mirror_images(left: str, right: str) -> None:
    assert torch.allclose(scenes.draw_clean(left, 64), scenes.draw_clean(right, 64).flip(2), atol=0.02)


def test_scene_boxes_and_masks_fit() -> None:
    batch = scenes.draw(40, generator=runtime.generator(0), size=96, signs=(1, 3))
    assert batch.boxes.shape == (40, 3, 4) and batch.labels.shape == (40, 3) and batch.masks.shape == (40, 96, 96)
    assert torch.equal(batch.y, batch.labels[:, 0]) and batch.y.min() >= 0
    there = batch.labels >= 0
    assert (batch.boxes[~there] == -1).all() and (batch.boxes[there] >= 0).all() and (batch.boxes[there] <= 96).all()
    assert (batch.boxes[there][:, 2:] - batch.boxes[there][:, :2] >= 2).all()
    for mask, box in zip(batch.masks, batch.boxes[:, 0].int()):  # the box is tight around the mask
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        assert box.tolist() == [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    assert there.sum(1).unique().tolist() == [1, 2, 3]


def test_a_mask_is_the_whole_plate_also_where_leaves_hide_it() -> None:
    discs = torch.full((60,), _class("No vehicles"))
    batch = scenes.draw(60, generator=runtime.generator(3), size=128, y=discs)
    x0, y0, x1, y1 = batch.boxes[:, 0].unbind(1)
    filled = batch.masks.flatten(1).sum(1) / ((x1 - x0) * (y1 - y0))
    assert filled.min() > 0.7 and filled.max() < 0.85  # of a disc's box, pi / 4
    whole = (batch.x.amin(1) * batch.masks).flatten(1).sum(1) / batch.masks.flatten(1).sum(1)
    assert whole.std() > 0.05  # and what is seen of it differs: leaves, poles, stickers, night


def test_main_sign_is_the_largest_and_of_the_promised_size() -> None:
    batch = scenes.draw(60, generator=runtime.generator(1), size=96, signs=(2, 3))
    sides = (batch.boxes[..., 2:] - batch.boxes[..., :2]).amax(2)
    wide = torch.tensor([not scenes.NAMES[k].startswith("One way") for k in batch.y])
    assert (sides.argmax(1) == 0).float().mean() > 0.95  # a slim plate beside a full one may be smaller
    assert sides[wide, 0].min() >= 12 and sides[:, 0].max() < 0.36 * 96


def test_scene_classes_can_be_fixed() -> None:
    y = _labels(30, len(scenes.NAMES))
    batch = scenes.draw(30, generator=runtime.generator(0), size=64, y=y)
    assert torch.equal(batch.y, y)
    assert batch.boxes.shape == (30, 1, 4)


def test_scene_signs_show_their_colours() -> None:
    kinds = torch.tensor([_class("Stop"), _class("Ahead only")]).repeat(30)
    batch = scenes.draw(60, generator=runtime.generator(2), size=64, y=kinds)
    inside = batch.masks[:, None].float()
    red, _, blue = ((batch.x * inside).sum((2, 3)) / inside.sum((2, 3))).unbind(1)
    assert (red > blue)[::2].float().mean() > 0.85 and (blue > red)[1::2].float().mean() > 0.7  # an evening sun reddens blue


def test_weathers_and_hours_differ() -> None:
    middle, side, horizon = torch.full((400, 2), 0.5), torch.full((400,), 0.2), torch.full((400,), 0.5)
    seen = street.camera(middle, side, horizon, 32, runtime.generator(0))
    for share in (seen.night, seen.rain, seen.snow, seen.flakes):
        assert 0.05 < share.mean() < 0.4 and set(share.unique().tolist()) == {0.0, 1.0}
    assert seen.light[seen.night[:, 0, 0, 0] > 0].mean() < 0.5 * seen.light[seen.night[:, 0, 0, 0] == 0].mean()


def test_rain_and_snow_fall_only_where_they_should() -> None:
    middle, side, horizon = torch.full((60, 2), 0.5), torch.full((60,), 0.2), torch.full((60,), 0.5)
    seen = street.camera(middle, side, horizon, 48, runtime.generator(1))
    dark = torch.full((60, 3, 48, 48), 0.05)
    for falls, drawn in ((seen.rain, weather.rain(dark, seen, runtime.generator(0))),
                         (seen.flakes, weather.snowfall(dark, seen, runtime.generator(0)))):
        changed = (drawn - dark).abs().flatten(1).amax(1) > 0.02
        assert torch.equal(changed, falls[:, 0, 0, 0] > 0)


# ---------------------------------------------------------------- faces


def test_a_person_is_the_same_in_all_pictures_and_others_differ() -> None:
    """The mean picture of a person, made of twelve, is nearer to another such mean of theirs than to anybody else's."""
    y = _labels(40, 40).repeat_interleave(12)
    first, second = (faces.draw(y, generator=runtime.generator(seed), size=32).unflatten(0, (40, 12)).mean(1).flatten(1) for seed in (1, 2))
    assert (torch.cdist(first, second).argmin(1) == torch.arange(40)).float().mean() > 0.9
    one = faces.draw(torch.zeros(30, dtype=torch.long), generator=runtime.generator(3), size=32).flatten(1)
    assert torch.pdist(one).min() > 2, "no two pictures of a person are alike"


def test_groups_of_people_are_others_and_stay_the_same() -> None:
    here, again, others = faces.people(0), faces.people.__wrapped__(0), faces.people(7)
    assert all(torch.equal(one, two) for one, two in zip(here, again)) and not torch.equal(here.skin, others.skin)
    assert all(len(part) == faces.COUNT == len(set(faces.NAMES)) for part in here)
    plain = torch.stack([part.flatten() for part in here if part.dim() == 1])
    spread = (plain - plain.mean(1, keepdim=True)) / plain.std(1, keepdim=True).clamp_min(1e-6)
    assert torch.pdist(spread.T).min() > 2, "no two people are near in all features"


def test_strangers_begin_with_one_picture_of_everyone() -> None:
    found = strangers(90)
    assert found.x.shape == (90, 3, 64, 64) and found.y.tolist() == [*range(40), *range(40), *range(10)] and len(found.names) == 40
    assert torch.equal(found.x, (found.x * 255).round() / 255) and torch.equal(found.x[:50], strangers(50).x)
    assert not torch.allclose(found.x[:40], strangers(40, group=2).x, atol=0.1)
    with pytest.raises(ValueError, match="group is 0; a whole number of at least 1"):
        strangers(5, group=0)


# ---------------------------------------------------------------- the ground: distances and warps


def test_polygon_distance_agrees_with_the_box() -> None:
    x, y = shapes.grid(64)
    square = shapes.polygon(x, y, [(0.2, 0.3), (0.8, 0.3), (0.8, 0.7), (0.2, 0.7)])
    assert torch.allclose(square, shapes.box(x, y, 0.5, 0.5, 0.3, 0.2), atol=1e-5)


def test_coverage_measures_area() -> None:
    x, y = shapes.grid(200)
    area = shapes.coverage(shapes.circle(x, y, 0.5, 0.5, 0.4), 1 / 200).mean()
    assert abs(area - torch.pi * 0.16) < 1e-3


def test_warp_to_the_own_corners_is_the_identity() -> None:
    texture = torch.rand(1, 3, 32, 32, generator=runtime.generator(0))
    corners = torch.tensor([[[0.0, 0.0], [32.0, 0.0], [32.0, 32.0], [0.0, 32.0]]])
    assert torch.allclose(shapes.warp(texture, corners, 32, supersample=1), texture, atol=1e-4)


def test_homographies_take_corners_to_the_unit_square() -> None:
    corners = torch.tensor([[[3.0, 4.0], [20.0, 7.0], [25.0, 30.0], [1.0, 22.0]]])
    points = torch.cat([corners, torch.ones(1, 4, 1)], 2) @ shapes.homographies(corners).transpose(1, 2)
    unit = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]])
    assert torch.allclose(points[..., :2] / points[..., 2:], unit, atol=1e-4)


# ---------------------------------------------------------------- bad input


def test_label_out_of_range() -> None:
    with pytest.raises(ValueError, match="labels from 10 to 10; the model has 10 classes"):
        digits.draw(torch.tensor([10]))


def test_label_of_the_wrong_type() -> None:
    with pytest.raises(ValueError, match="torch.int64"):
        signs.draw(torch.tensor([1.0]))


def test_no_labels() -> None:
    with pytest.raises(ValueError, match="at least one"):
        digits.draw(torch.empty(0, dtype=torch.int64))


def test_unknown_kind_lists_the_nearest() -> None:
    with pytest.raises(ValueError, match="No entry"):
        signs.draw_clean("No entrance")


def test_kind_number_out_of_range() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        signs.draw_clean(99)


def test_signs_too_small() -> None:
    with pytest.raises(ValueError, match="from 16 pixels up"):
        signs.draw(torch.tensor([0]), size=4)


def test_faces_too_small() -> None:
    with pytest.raises(ValueError, match="size is 16, group 0; faces are drawn from 24 pixels up"):
        faces.draw(torch.tensor([0]), size=16)


def test_scene_arguments() -> None:
    with pytest.raises(ValueError, match="n is 0"):
        scenes.draw(0)


def test_scene_labels_must_match_n() -> None:
    with pytest.raises(ValueError, match="2 labels for 3 scenes"):
        scenes.draw(3, y=torch.tensor([0, 1]))


# The mean of the first 50 test pictures, of the first and of the last of them. Measured alike with torch 2.6 and 2.15, with
# AVX-512 and with AVX2: stored outputs of the notebooks stand on these pictures.
MEANS = {
    "digits": (0.13893, 0.1409, 0.08053),
    "signs": (0.50457, 0.56649, 0.54256),
    "objects": (0.48379, 0.5302, 0.58118),
    "photos": (0.42012, 0.51437, 0.49397),
    "faces": (0.52796, 0.55615, 0.57590),
}


@pytest.mark.parametrize("world", MEANS)
def test_a_world_is_the_same_on_every_machine(world: str) -> None:
    x = load(world, "test", 50, source="drawn").x
    assert (x.mean().item(), x[0].mean().item(), x[-1].mean().item()) == pytest.approx(MEANS[world], abs=2e-4)


def test_empty_streets_are_streets_of_their_own_and_repeatable() -> None:
    first, again, other = (scenes.empty(2, generator=runtime.generator(seed), size=64) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other) and not torch.equal(first[0], first[1])
    assert first.shape == (2, 3, 64, 64) and first.min() >= 0 and first.max() <= 1 and first.std() > 0.05
    with pytest.raises(ValueError, match="size 16"):
        scenes.empty(1, size=16)


def test_plates_are_the_signs_from_the_front_with_their_outlines() -> None:
    found = plates(26, source="drawn", size=32)
    assert found.x.shape == (26, 3, 32, 32) and found.y.tolist() == [*range(24), 0, 1] and found.masks.dtype == torch.bool
    outside = found.x.permute(0, 2, 3, 1)[~F.max_pool2d(found.masks[:, None].float(), 3, 1, 1)[:, 0].bool()]
    assert (outside == 1).all() and 0.3 < found.masks.float().mean() < 0.8
    assert torch.equal(found.x, plates(30, source="drawn", size=32).x[:26]) and len(plates(source="drawn").x) == 24
    with pytest.raises(ValueError, match="n is 0"):
        plates(0, source="drawn")


@pytest.mark.parametrize(("world", "mean", "spread"), [("digits", 0.136344, 0.300165), ("signs", 0.434357, 0.264910)])
def test_what_a_seed_draws_stays(world: str, mean: float, spread: float) -> None:
    """Checkpoints and recorded tables rest on these pictures: whoever changes what a seed draws must train and measure anew."""
    x = _draw(world, 5, 48)
    assert x.mean().item() == pytest.approx(mean, abs=2e-5) and x.std().item() == pytest.approx(spread, abs=2e-5)


def test_a_hand_and_a_view_can_be_told_and_given_back() -> None:
    y = _labels(12, 10)
    x, hand = digits.written(y, generator=runtime.generator(5))
    assert torch.equal(x, digits.draw(y, generator=runtime.generator(5)))
    assert torch.equal(digits.written(y, generator=runtime.generator(5), hand=hand)[0], x)
    batch, view = signs.seen(y, generator=runtime.generator(5))
    again = signs.seen(y, generator=runtime.generator(5), view=view)[0]
    assert torch.equal(again.x, batch.x) and torch.equal(again.masks, batch.masks)
    thick = digits.written(y, generator=runtime.generator(5), hand=hand._replace(pen=hand.pen + 0.5))[0]
    dark = signs.seen(y, generator=runtime.generator(5), view=view._replace(light=view.light / 2))[0]
    assert (thick.sum((1, 2, 3)) > 1.15 * x.sum((1, 2, 3))).all() and (dark.x.mean((1, 2, 3)) < batch.x.mean((1, 2, 3))).all()
