"""Robust stickers, the universal patch, and what can be printed: by hand, what always holds, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course_utils import data, models, runtime, transforms
from course_utils.attacks import (
    adversarial_patch, nonprintability, pasted, printable, printed, robust_stickers, strongest, unprintable,
)  # fmt: skip
from course_utils.attacks.adversarial_patch import Patch, Spots, outline, paste, spots
from course_utils.data import faces
from course_utils.models import Restricted
from course_utils.runtime import generator
from tests.test_attacks import in_any_state, labels, small, some, trace

stable = settings(deadline=None, max_examples=10, derandomize=True)


def plain(x: Tensor, *, generator: torch.Generator) -> Tensor:
    """The only view: as it is."""
    return x


def bar() -> Tensor:
    mask = torch.zeros(8, 10)
    mask[2:5, 3:9] = 1
    return mask


quick = {"views": plain, "samples": 2, "steps": 3}

# ---------------------------------------------------------------- printing


def test_thirty_colours_that_differ_and_a_printer_has() -> None:
    colours = printable()
    assert colours.shape == (30, 3) and len(colours.unique(dim=0)) == 30 and colours.min() > 0.1 and colours.max() < 0.95
    grey = printable(1)
    assert grey.shape == (30, 1) and torch.allclose(grey[:, 0], colours.mean(1))


def test_the_score_is_the_product_of_distances_and_0_only_for_printable_colours() -> None:
    x, palette = torch.rand(2, 3, 4, 5, generator=generator(0), dtype=torch.float64), printable().double()
    by_hand = 1.0
    for colour in palette:
        by_hand = by_hand * (x[1, :, 2, 3] - colour).norm()
    assert torch.isclose(nonprintability(x, palette)[1, 2, 3], by_hand, rtol=1e-6)
    assert torch.isclose(unprintable(x, palette)[1, 2, 3], min((x[1, :, 2, 3] - colour).norm() for colour in palette), rtol=1e-6)
    out = printed(x, palette)
    assert unprintable(out, palette).max() < 1e-5 and (nonprintability(out, palette) < 1e-3 * nonprintability(x, palette)).all()
    assert torch.allclose((out - x).square().sum(1).sqrt(), unprintable(x, palette), atol=1e-5)


def test_a_palette_of_other_channels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"colours \[K, 3\]"):
        printed(some(), printable(1))


# ---------------------------------------------------------------- robust stickers


@stable
@given(dtype=st.sampled_from([torch.float32, torch.float64]), count=st.integers(1, 4), seed=st.integers(0, 1000), shared=st.booleans(),
       known=st.booleans(), norm=st.sampled_from(["l1", "l2"]), weight=st.sampled_from([0.0, 1.0]))  # fmt: skip
def test_only_what_is_below_the_mask_changes(dtype, count, seed, shared, known, norm, weight) -> None:
    model, x, y = small(seed).to(dtype), some(count, seed, dtype), labels(count, seed) if known else None
    clean = x.clone()
    found = robust_stickers(model, x, y, mask=bar(), shared=shared, norm=norm, printability=weight, **quick)
    assert torch.equal(x, clean) and found.images.shape == x.shape and found.images.dtype == dtype and not found.images.requires_grad
    assert found.paint.shape == (1 if shared else count, 3, 8, 10) and found.mask.shape == (len(found.paint), 1, 8, 10)
    assert torch.equal(found.images[:, :, bar() == 0], x[:, :, bar() == 0])
    assert torch.equal(found.images[:, :, bar() == 1], found.paint.expand_as(x)[:, :, bar() == 1]) and found.paint.min() >= 0 and found.paint.max() <= 1
    if weight:
        assert unprintable(found.paint, printable()).max() < 1e-5


@stable
@given(choice=st.data())
def test_the_model_comes_back_as_it_was(choice: st.DataObject) -> None:
    model, x = in_any_state(choice), some()
    before = trace(model)
    with torch.no_grad():
        robust_stickers(model, x, labels(), mask=bar(), **quick)
        adversarial_patch(model, x, int((runtime.predict(model, x)[0] + 1) % 4), steps=2, batch=2, side=3)
    assert trace(model) == before


def test_it_goes_where_the_loss_wants_and_each_picture_goes_its_own_way() -> None:
    model, x = small(3).double(), some(3, dtype=torch.float64)
    own = model.eval()(x).argmax(1)
    run = partial(robust_stickers, model, mask=torch.ones(8, 10), views=plain, samples=1, steps=40, printability=0)
    chance = lambda z, y: model(z).softmax(1).gather(1, y[:, None])[:, 0]  # noqa: E731
    away, goal = run(x, own), (own + 1) % 4
    assert (chance(away.images, own) < chance(x, own)).all()
    assert (chance(run(x, goal, targeted=True).images, goal) > chance(x, goal)).all()
    alone = torch.cat([run(x[k : k + 1], own[k : k + 1]).images for k in range(3)])
    assert torch.allclose(away.images, alone, atol=1e-8)


def test_a_larger_penalty_changes_less_and_l1_leaves_more_as_it_was() -> None:
    model, x = small(1), some(2)
    run = partial(robust_stickers, model, x, mask=torch.ones(8, 10), views=plain, samples=1, steps=60, printability=0)
    change = {(norm, penalty): (run(norm=norm, penalty=penalty).paint - x).abs() for norm in ("l1", "l2") for penalty in (0.0, 0.3)}
    assert change["l2", 0.3].norm() < change["l2", 0.0].norm() and change["l1", 0.3].sum() < change["l1", 0.0].sum()


def test_views_are_drawn_anew_and_one_seed_gives_one_result() -> None:
    seen = []

    def noisy(x: Tensor, *, generator: torch.Generator) -> Tensor:
        out = transforms.add_noise(x, 0.1, generator=generator)
        seen.append(out.detach())
        return out

    run = lambda seed: robust_stickers(small(), some(), mask=bar(), views=noisy, samples=2, steps=2, printability=0, generator=generator(seed)).images  # noqa: E731
    first = run(1)
    assert [len(s) for s in seen] == [6, 6] and not torch.equal(seen[0], seen[1])
    assert torch.equal(first, run(1)) and not torch.equal(first, run(2))


def test_sticker_and_mask_are_moved_together() -> None:
    sheet = torch.cat([torch.full((2, 3, 16, 16), 0.5), torch.ones(2, 1, 16, 16)], 1)
    moved = transforms.askew(sheet, shift=0.2, turn=20, generator=generator(0))
    assert torch.allclose(moved[:, :3], 0.5 * moved[:, 3:].expand(-1, 3, -1, -1), atol=1e-6) and (moved[:, 3] < 1).any() and not torch.equal(moved[0], moved[1])


def test_the_strongest_rectangles() -> None:
    change = torch.zeros(1, 3, 12, 12)
    change[0, 1, 2:4, 2:6], change[0, 2, 8:10, 5:9] = -1.0, 0.5
    mask = strongest(change, count=2, size=(2, 4))
    want = torch.zeros(12, 12)
    want[2:4, 2:6] = want[8:10, 5:9] = 1
    assert torch.equal(mask[0, 0], want)
    inside = torch.zeros(12, 12)
    inside[:, 6:] = 1
    assert (strongest(change, count=3, size=(3, 3), within=inside)[0, 0] <= inside).all()
    assert strongest(torch.rand(4, 3, 12, 12), count=4, size=(3, 4)).flatten(1).sum(1).tolist() == [48.0] * 4
    with pytest.raises(ValueError, match="there is no room"):
        strongest(change, count=2, size=(12, 12))
    with pytest.raises(ValueError, match="size is"):
        strongest(change, size=(13, 2))


@pytest.mark.parametrize(
    ("mask", "words"),
    [(torch.ones(8, 9), r"\[8, 10\]"), (torch.ones(2, 1, 8, 10), "as large as the pictures"), (torch.zeros(8, 10), "nothing to paint"), (2 * torch.ones(8, 10), r"\[0, 1\]"),
     (torch.ones(3, 3, 8, 10), "as large"), (torch.full((8, 10), torch.nan), r"\[0, 1\]"), ("all", "is a str")],
)  # fmt: skip
def test_masks_that_do_not_fit_are_refused(mask: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        robust_stickers(small(), some(), mask=mask)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"norm": "l3"}, "norm"), ({"penalty": -1}, "penalty"), ({"samples": 0}, "samples"), ({"steps": 0}, "steps"), ({"rate": 0}, "rate"), ({"views": 3}, "transform is"),
     ({"targeted": True}, "needs y"), ({"palette": printable(1)}, "palette"), ({"printability": -1}, "printability")],
)  # fmt: skip
def test_bad_options_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        robust_stickers(small(), some(), mask=bar(), **{**quick, **options})


# ---------------------------------------------------------------- the universal patch


def test_a_patch_that_is_not_turned_is_pasted_pixel_by_pixel() -> None:
    x, patch = some(2, dtype=torch.float64), torch.rand(3, 4, 4, dtype=torch.float64)
    at = Spots(*(torch.tensor(v, dtype=torch.float64) for v in ([4.0, 4.0], [5.0, 2.0], [4.0, 6.0], [0.0, 0.0])))
    found, want = paste(x, patch, torch.ones(1, 4, 4, dtype=torch.float64), at), x.clone()
    want[0, :, 2:6, 3:7] = patch
    want[1, :, 4:8, 0:4] = patch
    assert torch.allclose(found, want, atol=1e-9)


@pytest.mark.parametrize(("turn", "quarter"), [(90.0, -1), (-90.0, 1), (180.0, 2)])
def test_it_is_turned_clockwise_and_the_mask_with_it(turn: float, quarter: int) -> None:
    x, patch, mask = torch.zeros(1, 3, 8, 10, dtype=torch.float64), torch.rand(3, 4, 4, dtype=torch.float64), torch.ones(1, 4, 4, dtype=torch.float64)
    mask[0, 0, 0] = 0
    at = Spots(*(torch.tensor([v], dtype=torch.float64) for v in (4.0, 5.0, 4.0, turn)))
    found = paste(x, patch, mask, at)[0, :, 2:6, 3:7]
    assert torch.allclose(found, torch.rot90(patch * mask, quarter, (1, 2)), atol=1e-9)


@pytest.mark.parametrize("shape", ["disc", "square"])
def test_it_lies_inside_and_covers_its_share(shape: str) -> None:
    x, mask = torch.zeros(400, 1, 30, 50), outline(shape, 21)
    at = spots(x, (0.1, 0.1), 45.0, mask, generator(0))
    found = paste(x, torch.ones(1, 21, 21), mask, at)
    covered = found.flatten(1).mean(1)
    assert abs(covered.mean() - 0.1) < 0.003 and covered.min() > 0.09, "nothing is cut off"
    assert found.sum(0)[0, 12:18, 20:30].min() > 10 and at.turn.min() < -43 and at.turn.max() > 43


def test_gradients_reach_the_patch() -> None:
    patch = torch.full((3, 5, 5), 0.5, requires_grad=True)
    at = spots(some(4), (0.2, 0.3), 20.0, outline("disc", 5), generator(0))
    paste(some(4), patch, outline("disc", 5), at).sum().backward()
    assert (patch.grad[:, 1:4, 1:4] > 0).all()


def test_the_patch_wins_pictures_that_it_was_not_made_from() -> None:
    net, (x, y, *_) = models.load("signnet-signs"), data.load("signs", "test", n=120, source="drawn")
    patch = adversarial_patch(net, x[:80], 13, steps=20, batch=8, share=(0.2, 0.3), generator=generator(0))
    assert patch.patch.min() >= 0 and patch.patch.max() <= 1 and patch.target == 13 and patch.patch.shape[0] == 3
    held = x[80:][y[80:] != 13]
    rates = [(runtime.predict(net, pasted(held, p, share=0.25)) == 13).float().mean() for p in (patch, patch._replace(patch=torch.rand_like(patch.patch)))]
    assert rates[0] > rates[1] + 0.2


def test_pictures_of_the_target_are_left_out() -> None:
    model, x = small(), some(6)
    own = runtime.predict(model, x)
    kept = x[own != own[0]]
    assert 0 < len(kept) < 6
    run = partial(adversarial_patch, model, target=int(own[0]), steps=2, batch=3, side=3)
    assert torch.equal(run(images=x, generator=generator(3)).patch, run(images=kept, generator=generator(3)).patch)
    with pytest.raises(ValueError, match="takes all pictures for the target"):
        run(images=x[own == own[0]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_every_precision(dtype: torch.dtype) -> None:
    model, x = small().to(dtype), some(dtype=dtype)
    patch = adversarial_patch(model, x, int((runtime.predict(model, x)[0] + 1) % 4), steps=2, batch=2, side=3)
    assert patch.patch.dtype == dtype and patch.patch.isfinite().all() and pasted(x, patch).dtype == dtype
    assert robust_stickers(model, x, mask=bar(), **quick).images.dtype == dtype


@pytest.mark.parametrize(
    ("options", "words"),
    [({"target": 4}, "4 classes: 0 to 3"), ({"target": -1}, "target"), ({"share": 0.0}, "share"), ({"share": 0.7}, "share is 0.7"), ({"share": (0.3, 0.1)}, "smaller one first"),
     ({"rotation": -1}, "rotation"), ({"shape": "star"}, "shape"), ({"steps": 0}, "steps"), ({"batch": 0}, "batch"), ({"rate": 0}, "rate")],
)  # fmt: skip
def test_bad_patches_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        adversarial_patch(small(), some(6), **{"target": 1, **options})


def test_a_grey_patch_does_not_go_on_colour() -> None:
    with pytest.raises(ValueError, match="1 channels and the pictures 3"):
        pasted(some(), Patch(torch.zeros(1, 4, 4), torch.ones(1, 4, 4), 0))


def test_numbers_may_be_numpys() -> None:
    """ART's patch cannot be built where a number is NumPy's."""
    model, x = small(), some(6)
    target = np.int64((runtime.predict(model, x)[0] + 1) % 4)
    patch = adversarial_patch(model, x, target, share=np.float32(0.2), rotation=np.float64(10), steps=np.int64(2), batch=2)
    assert pasted(x, patch, share=np.float32(0.1)).shape == x.shape


# ---------------------------------------------------------------- what they are used with


def test_frames_leave_the_eyes_free() -> None:
    mask = faces.frames(64)
    assert mask.shape == (1, 1, 64, 64) and mask.min() == 0 and mask.max() == 1 and 0.04 < mask.mean() < 0.12
    assert torch.allclose(mask, mask.flip(3), atol=1e-5) and mask[0, 0, 31, 24] == 0 == mask[0, 0, 31, 39] and mask[0, 0, 30, 31] == 1
    with pytest.raises(ValueError, match="from 24 pixels up"):
        faces.frames(10)


def test_a_network_asked_about_some_classes() -> None:
    model, x = small().eval(), some()
    few: nn.Module = Restricted(model, (3, 1))
    assert torch.equal(few(x), model(x)[:, [3, 1]])
    for wrong in ((1,), (1, 1), (-1, 2), (0.5, 1.0)):
        with pytest.raises(ValueError, match="two different class numbers"):
            Restricted(model, wrong)
    with pytest.raises(ValueError, match="4 classes"):
        Restricted(model, (0, 9))(x)


@pytest.mark.parametrize("attack", [lambda m, x: robust_stickers(m, x, mask=bar(), **quick), lambda m, x: adversarial_patch(m, x, 0, steps=1)], ids=["rp2", "patch"])
def test_other_ranges_are_refused(attack: Callable) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        attack(small(), 255 * some())
