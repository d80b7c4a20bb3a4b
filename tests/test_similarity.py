"""SSIM and PASS: against scikit-image and known moves, what always holds, what is refused."""

from __future__ import annotations

import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from course_utils import attacks, data, measure, models
from course_utils.measure.alignment import alignment, warped
from course_utils.runtime import generator
from tests.test_attacks import needs_cuda

MOVES = {
    "shifted": [[1, 0, 0.08], [0, 1, -0.06], [0, 0, 1]],
    "turned": [[0.98, 0.14, 0], [-0.14, 0.98, 0], [0, 0, 1]],
    "smaller": [[1.1, 0, 0], [0, 1.07, 0], [0, 0, 1]],
    "seen from the side": [[1, 0.02, 0.01], [0, 1, 0], [0.08, -0.06, 1]],
}


def digits(count: int = 12) -> Tensor:
    return data.load("digits", "test", count, source="drawn").x


def noisy(x: Tensor, size: float = 0.1) -> Tensor:
    return measure.quantize((x + size * torch.randn(x.shape, generator=generator(0))).clamp(0, 1))


def test_around_every_pixel_ssim_is_the_mean_of_scikit_images_map() -> None:
    x = data.load("faces", "test", 3, source="drawn").x[:, :, :40]
    pairs = zip(x, noisy(x))
    maps = [
        structural_similarity(a.numpy(), b.numpy(), channel_axis=0, full=True, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)[1]
        for a, b in pairs
    ]  # fmt: skip
    assert torch.allclose(measure.ssim(x, noisy(x), whole=True), torch.tensor([m.mean() for m in maps]).float(), atol=1e-4)
    assert (measure.ssim(x, noisy(x), whole=True) - measure.ssim(x, noisy(x))).abs().max() > 1e-3, "the edges count"


@pytest.mark.parametrize("whole", [False, True])
def test_the_same_picture_has_1_and_any_other_less(whole: bool) -> None:
    for x in (digits(), data.load("faces", "test", 4, source="drawn").x, torch.zeros(2, 1, 20, 20), torch.ones(2, 3, 11, 30)):
        assert (measure.pass_score(x, x, whole=whole) == 1).all()
        other = measure.pass_score(x, noisy(x, 0.3), whole=whole)
        assert (other < 0.95).all() and other.isfinite().all()


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_a_moved_picture_is_found_again(move: list) -> None:
    """The warp back is recovered; PASS hardly minds the move, SSIM does."""
    x = data.load("faces", "test", 6, source="drawn").x
    known = torch.tensor(move).repeat(6, 1, 1)
    moved = warped(x, torch.linalg.inv(known))
    found = alignment(x, moved, 20)
    corners = torch.tensor([[-0.7, 0.7, 0.7, -0.7], [-0.7, -0.7, 0.7, 0.7], [1.0, 1, 1, 1]])
    one, two = (w @ corners for w in (found, known))
    off = (one[:, :2] / one[:, 2:] - two[:, :2] / two[:, 2:]).abs()
    assert off.max() < 0.08 and off.mean() < 0.01, "in halves of a picture"
    score = measure.pass_score(x, moved)
    assert (score > 0.9).all() and (score > measure.ssim(x, moved) + 0.03).all()


def test_it_is_never_below_ssim_and_falls_with_noise() -> None:
    x = digits(20)
    net = models.load("lenet-digits")
    for other in (attacks.fgsm(net, x, eps=0.2), noisy(x), x.roll(1, 0), torch.zeros_like(x)):
        assert (measure.pass_score(x, other) >= measure.ssim(x, other)).all()
    scores = torch.stack([measure.pass_score(x, noisy(x, size)).mean() for size in (0.02, 0.1, 0.3)])
    assert (scores.diff() < -0.02).all()


def test_a_batch_gives_what_its_pairs_give_alone_in_every_precision() -> None:
    x = digits(5)
    other = noisy(x).roll(1, 3)
    whole = measure.pass_score(x, other)
    alone = torch.cat([measure.pass_score(x[i : i + 1], other[i : i + 1]) for i in range(5)])
    assert torch.allclose(whole, alone, atol=1e-3)
    assert torch.allclose(measure.pass_score(x.double(), other.double()).float(), whole, atol=1e-3)
    assert torch.allclose(measure.pass_score(x.bfloat16(), other.bfloat16()).float(), whole, atol=0.03)
    with torch.inference_mode():
        assert torch.equal(measure.pass_score(x, other), whole)


@needs_cuda
def test_on_a_gpu_it_is_the_same() -> None:
    x = digits(8)
    assert torch.allclose(measure.pass_score(x.cuda(), noisy(x).roll(1, 3).cuda()).cpu(), measure.pass_score(x, noisy(x).roll(1, 3)), atol=1e-3)


@pytest.mark.parametrize(
    ("one", "other", "options", "words"),
    [
        (torch.zeros(2, 1, 28, 28), torch.zeros(3, 1, 28, 28), {}, "x has shape .2, 1, 28, 28. and x_adv .3"),
        (torch.zeros(2, 1, 28, 28), torch.zeros(2, 1, 30, 28), {}, "the same shape is expected"),
        (torch.zeros(2, 1, 8, 28), torch.zeros(2, 1, 8, 28), {}, "H and W at least 11"),
        (torch.zeros(1, 28, 28), torch.zeros(1, 28, 28), {}, "x has 3 dimensions"),
        (torch.full((1, 1, 28, 28), 255.0), torch.zeros(1, 1, 28, 28), {}, r"pixels in \[0, 1\] are expected"),
        (torch.zeros(1, 1, 28, 28), torch.full((1, 1, 28, 28), torch.nan), {}, "x_adv holds NaN"),
        (torch.zeros(1, 1, 28, 28), torch.zeros(1, 1, 28, 28), {"steps": 0}, "steps is 0"),
    ],
)
def test_bad_pairs_are_refused(one: Tensor, other: Tensor, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        measure.pass_score(one, other, **options)
