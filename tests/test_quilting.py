"""Quilting: by hand, the seam against all paths, the smooth stand-in, and how quick it is."""

from __future__ import annotations

import time

import pytest
import torch

from course_utils import defenses
from course_utils.defenses import quilting
from course_utils.runtime import generator
from tests.test_input_defenses import PATCHES, some



def test_a_picture_whose_patches_are_known_comes_back() -> None:
    x = some(2, 14)
    own = x.unfold(2, 5, 3).unfold(3, 5, 3).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, 5, 5)
    assert torch.allclose(defenses.quilt(x, own, neighbours=1), x)


def test_every_pixel_comes_from_a_clean_patch_and_a_small_noise_does_not_matter() -> None:
    x, patches = some(2, 13), torch.tensor([0.1, 0.4, 0.8])[:, None, None, None].expand(3, 3, 5, 5)
    assert set(defenses.quilt(x, patches, neighbours=2).unique().tolist()) <= {v.item() for v in torch.tensor([0.1, 0.4, 0.8])}
    nearest = defenses.quilt(0.4 + 0.1 * (x - 0.5), patches, neighbours=1)
    assert torch.equal(nearest, torch.full_like(nearest, 0.4))


def test_clean_patches_are_windows_of_the_pictures() -> None:
    x = some(3, 9)
    windows = {tuple(w.flatten().tolist()) for w in x.unfold(2, 5, 1).unfold(3, 5, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, 5, 5)}
    drawn = defenses.clean_patches(x, 60, generator=generator(4))
    assert drawn.shape == (60, 3, 5, 5) and all(tuple(p.flatten().tolist()) in windows for p in drawn)
    assert torch.equal(drawn, defenses.clean_patches(x, 60, generator=generator(4))) and len(drawn.unique(dim=0)) > 20


@pytest.mark.parametrize("overlap", [1, 2, 3, 4])
def test_the_seam_is_the_cheapest_path(overlap: int) -> None:
    cost = torch.rand(30, 5, overlap, generator=generator(2), dtype=torch.float64)
    stays = quilting.seam(cost, 5).long()
    columns = stays.sum(2)  # where the path goes in each row
    assert (columns < overlap).all() and (columns.diff(dim=1).abs() <= 1).all() and not stays[:, :, overlap:].any()
    own = cost.gather(2, columns[..., None])[..., 0].sum(1)
    paths = [p for p in torch.cartesian_prod(*[torch.arange(overlap)] * 5) if (p.diff().abs() <= 1).all()]
    assert torch.allclose(own, torch.stack([cost[:, torch.arange(5), p].sum(1) for p in paths]).amin(0))


def test_a_thousand_pictures_are_quilted_in_a_minute() -> None:
    x = some(100, 32)
    patches, start = defenses.clean_patches(x, 10_000), time.perf_counter()
    defenses.quilt(x, patches)
    assert time.perf_counter() - start < 6, "a tenth of the pictures in a tenth of the minute"


def test_the_soft_stand_in_is_the_nearest_patch_when_cold_and_the_mean_when_hot_and_has_a_gradient() -> None:
    x, patches = some(2, 13), torch.tensor([0.1, 0.4, 0.8])[:, None, None, None].expand(3, 3, 5, 5)
    assert torch.allclose(defenses.soft_quilt(0.4 + 0.1 * (x - 0.5), patches, heat=1e-3), torch.full_like(x, 0.4), atol=1e-4)
    assert torch.allclose(defenses.soft_quilt(x, patches, heat=1e6), torch.full_like(x, 1.3 / 3), atol=1e-4)
    watched = some(1, 12, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: defenses.soft_quilt(z, PATCHES[:6, :, :4, :4].double(), heat=3.0)[..., ::5, ::5], watched)
    with pytest.raises(ValueError, match="heat is 0"):
        defenses.soft_quilt(x, patches, heat=0)


@pytest.mark.parametrize(("side", "begins"), [(32, [*range(0, 28, 3)]), (5, [0]), (6, [0, 1]), (48, [*range(0, 43, 3), 43])])
def test_patches_cover_a_side(side: int, begins: list[int]) -> None:
    assert quilting.starts(side, 5, 2) == begins
