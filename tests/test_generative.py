"""PixelDefend and Defense-GAN: masks, waves against pixel by pixel, projections, the reparameterised attack, refusals."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from course_utils import attacks, data, defenses, measure, models, runtime
from course_utils.models import Generator, MaskedConv, PixelCNN
from course_utils.models.pixelcnn import decode
from course_utils.runtime import generator
from experiments import generative_rows, train_generative


def sharp(levels: int = 5, width: int = 6, blocks: int = 3, seed: int = 0) -> PixelCNN:
    """A PixelCNN with large weights: every pixel that it sees matters. Double precision, so that no two levels are equally likely."""
    net = PixelCNN(levels, width, blocks).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(0.5 * torch.randn(p.shape, generator=generator(seed), dtype=torch.double))
    return net


def grey(n: int = 3, high: int = 7, wide: int = 9, seed: int = 1) -> Tensor:
    return torch.rand(n, 1, high, wide, generator=generator(seed), dtype=torch.double)


def one_by_one(net: PixelCNN, x: Tensor, eps: float) -> Tensor:
    """PixelDefend as the paper says it: the whole network for each pixel."""
    done, levels = torch.zeros_like(x), net.values()
    for row in range(x.shape[2]):
        for column in range(x.shape[3]):
            with torch.no_grad():
                scores = net(done)[:, :, row, column]
            near = (levels - x[:, 0, row, column, None]).abs() <= eps + 1e-6
            done[:, 0, row, column] = levels[torch.where(near, scores, -torch.inf).argmax(1)]
    return done


def artist(seed: int = 0) -> Generator:
    """A generator with large weights, whose pictures are of many greys and differ from each other."""
    with runtime.seeded_weights(seed):
        net = Generator(codes=6, hidden=(12, 16))
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(3)
    return net


def reader(seed: int = 0) -> nn.Module:
    with runtime.seeded_weights(seed):
        return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10)).eval()


# ---------------------------------------------------------------- PixelCNN


@pytest.mark.parametrize("own", [False, True])
def test_a_masked_convolution_is_one_with_zeros_in_its_kernel(own: bool) -> None:
    layer = MaskedConv(2, 3, own)
    kernel = layer.kernel()
    assert kernel.shape == (3, 2, 3, 3)
    seen = (kernel != 0).any(0).any(0).tolist()
    assert seen == [[True, True, True], [True, own, False], [False, False, False]]
    assert torch.equal(kernel.flatten(2)[..., : 4 + own], layer.weight)


def test_each_pixel_hangs_on_all_pixels_before_it_within_reach_and_on_no_other() -> None:
    x, (row, column), seen = grey(1).requires_grad_(), (4, 5), False
    for seed in range(8):  # one network's ReLUs may hide a pixel by chance
        net = sharp(seed=seed)
        net.rounded, net.values = lambda pictures: pictures, Through  # let gradients through: what is asked is who sees whom
        (slope,) = torch.autograd.grad(net(x)[0, :, row, column].square().sum(), x)
        seen = seen | (slope[0, 0] != 0)
    place = torch.arange(7 * 9).view(7, 9)
    assert not seen[place >= place[row, column]].any()
    assert seen[row, column - 4 : column].all() and seen[row - 1, column - 4 : column + 2].all() and seen[row - 2, column - 4 : column + 3].all()


class Through:
    """A table whose entry for a pixel is the pixel."""

    def to(self, _: Tensor) -> Through:
        return self

    def __getitem__(self, x: Tensor) -> Tensor:
        return x


def test_the_likelihoods_of_all_pictures_add_up_to_one() -> None:
    net = sharp(levels=2)
    every = torch.tensor([[float(k >> i & 1) for i in range(6)] for k in range(64)], dtype=torch.double).view(64, 1, 2, 3)
    assert torch.allclose((-6 * models.bits(net, every)).exp2().sum(), torch.ones((), dtype=torch.double))


def test_bits_are_the_mean_surprise_of_a_pixel() -> None:
    net, x = sharp(), grey()
    log_p = net(x).log_softmax(1).gather(1, net.rounded(x))[:, 0].mean((1, 2))
    assert torch.allclose(models.bits(net, x, batch_size=2), -log_p / torch.tensor(2.0).log(), atol=1e-6)
    even = copy.deepcopy(net)
    nn.init.zeros_(even.head.weight), nn.init.zeros_(even.head.bias)
    assert torch.allclose(models.bits(even, x), torch.tensor(5.0, dtype=torch.double).log2().expand(3)), "all levels equally likely: log2 of their number"


def test_pictures_are_rounded_to_the_levels() -> None:
    net, x = sharp(), torch.tensor([[[[0.0, 0.12, 0.13, 0.6, 1.0]]]], dtype=torch.double)
    assert net.rounded(x).flatten().tolist() == [0, 0, 1, 2, 4] and net.values().tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert torch.equal(net(x), net(net.values()[net.rounded(x)]))


# ---------------------------------------------------------------- PixelDefend


@pytest.mark.parametrize("eps", [0.125, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(7, 9), (9, 4), (1, 6), (5, 1), (1, 1)])
def test_in_waves_it_gives_what_it_gives_pixel_by_pixel(eps: float, shape: tuple[int, int]) -> None:
    net, x = sharp(), grey(4, *shape)
    assert torch.equal(defenses.pixel_defend(net, x, eps=eps), one_by_one(net, x, eps))


def test_the_shipped_one_in_waves_and_pixel_by_pixel() -> None:
    net = models.load("pixelcnn-signs").double()
    x = grey(1, 16, 16, seed=3)
    assert torch.equal(defenses.pixel_defend(net, x), one_by_one(net, x, 16 / 255))


def test_each_channel_of_a_colour_picture_is_a_grey_one() -> None:
    net, x = sharp(), torch.cat([grey(2, seed=k) for k in range(3)], 1)
    apart = [defenses.pixel_defend(net, x[:, k : k + 1], eps=0.3) for k in range(3)]
    assert torch.equal(defenses.pixel_defend(net, x, eps=0.3), torch.cat(apart, 1))
    assert torch.allclose(models.bits(net, x), torch.stack([models.bits(net, x[:, k : k + 1]) for k in range(3)]).mean(0))


def test_it_goes_to_levels_within_eps_and_without_limits_to_the_likeliest() -> None:
    net, x = sharp(), grey()
    found = defenses.pixel_defend(net, x, eps=0.2)
    assert ((found[..., None] - net.values()).abs().amin(-1) == 0).all() and (found - x).abs().max() <= 0.2 + 1e-6
    free = defenses.pixel_defend(net, x, eps=1)
    assert torch.equal(free[:1].expand_as(free), free), "where all levels are in reach, the picture does not matter"
    assert torch.equal(net(free).argmax(1)[:, None], net.rounded(free))


def test_each_picture_is_purified_alone_and_nothing_is_changed() -> None:
    net, x = sharp().train(), grey()
    kept, state = x.clone(), copy.deepcopy(net.state_dict())
    whole = defenses.pixel_defend(net, x.requires_grad_(), eps=0.3)
    assert torch.equal(whole, torch.cat([defenses.pixel_defend(net, one, eps=0.3) for one in x.split(1)]))
    assert not whole.requires_grad and whole.dtype == torch.double and torch.equal(x, kept) and net.training
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items()) and all(p.requires_grad for p in net.parameters())


def test_values_chosen_by_someone_else_are_what_is_decoded() -> None:
    x = grey()
    assert torch.equal(decode(sharp(), x, lambda scores, given: given), x)
    assert torch.equal(decode(sharp(), x, lambda scores, given: 1 - given), 1 - x)
    seen = []
    decode(sharp(), x, lambda scores, given: seen.append(tuple(scores.shape)) or given)
    assert len(seen) == 9 + 2 * 6 and sum(k for k, _, _ in seen) == 63 and {s[1:] for s in seen} == {(3, 5)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cnn": nn.Conv2d(1, 1, 1).double()}, "a models.PixelCNN is expected"),
        ({"x": torch.rand(3, 5, 5).double()}, "3 dimensions"),
        ({"x": torch.rand(2, 1, 5, 5)}, "float32"),
        ({"x": 2 + grey()}, "pixels in"),
        ({"x": grey()[:0]}, "empty batch"),
        ({"x": grey() * torch.nan}, "NaN"),
        ({"eps": 0.1}, "at least half"),
        ({"eps": -0.1}, "finite number"),
        ({"eps": torch.nan}, "finite number"),
    ],
)
def test_what_pixel_defend_refuses(change: dict, words: str) -> None:
    given = {"cnn": sharp(), "x": grey(), "eps": 0.3} | change
    with pytest.raises(ValueError, match=words):
        defenses.pixel_defend(given["cnn"], given["x"], eps=given["eps"])


def test_one_grey_level_is_refused() -> None:
    with pytest.raises(ValueError, match="levels is 1"):
        PixelCNN(levels=1)


# ---------------------------------------------------------------- Defense-GAN


def test_what_the_generator_draws_is_projected_on_itself() -> None:
    net = artist()
    x = net(net.draw(4, generator=generator(5))).detach()
    found = defenses.project(net, x, steps=400, restarts=12, rate=20.0, momentum=0.9)
    far = (net(net.draw(4, generator=generator(6))) - x).square().mean()
    assert found.distance.mean() < 0.05 * far
    assert torch.equal(found.x, net(found.z)) or torch.allclose(found.x, net(found.z), atol=1e-6)
    assert torch.allclose(found.distance, (found.x - x).square().flatten(1).mean(1), atol=1e-7)


def test_the_nearest_of_all_starts_is_kept() -> None:
    net, x = artist(), torch.rand(3, 1, 28, 28, generator=generator(2))
    starts = net.draw(3 * 5, generator=generator(9)).view(3, 5, 6)
    apart = (net(starts.flatten(0, 1)).view(3, 5, 784) - x.flatten(1)[:, None]).square().mean(2)
    found = defenses.project(net, x, steps=0, restarts=5, generator=generator(9))
    assert torch.allclose(found.distance, apart.amin(1)) and torch.equal(found.z, starts[torch.arange(3), apart.argmin(1)])


def test_a_step_goes_down_the_mean_squared_difference() -> None:
    net, x = artist(), torch.rand(2, 1, 28, 28, generator=generator(2))
    z = net.draw(2, generator=generator(4)).requires_grad_()
    speed = torch.zeros_like(z)
    for _ in range(3):
        (slope,) = torch.autograd.grad((net(z) - x).square().mean((1, 2, 3)).sum(), z)
        speed = 0.5 * speed - 3.0 * slope
        z = (z + speed).detach().requires_grad_()
    assert torch.allclose(defenses.project(net, x, steps=3, restarts=1, rate=3.0, momentum=0.5, generator=generator(4)).z, z, atol=1e-6)


def test_one_seed_gives_one_projection_and_the_network_stays() -> None:
    net, x = artist().train(), torch.rand(2, 1, 28, 28)
    state, chance = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    first, again, other = (defenses.defense_gan(net, x, steps=3, restarts=2, generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other) and not first.requires_grad
    assert torch.equal(chance, torch.get_rng_state()) and net.training and all(p.requires_grad and p.grad is None for p in net.parameters())
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


def test_a_network_behind_it_is_a_module() -> None:
    net, x = artist(), torch.rand(2, 1, 28, 28)
    whole = defenses.expectation(reader(), partial(defenses.defense_gan, net, steps=2, restarts=2), 1, generator=generator(3))
    assert torch.equal(whole(x), reader()(defenses.defense_gan(net, x, steps=2, restarts=2, generator=generator(3))))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": reader()}, "a models.Generator is expected"),
        ({"x": torch.rand(2, 1, 27, 28)}, "draws"),
        ({"x": torch.rand(2, 1, 28, 28).double()}, "float64"),
        ({"x": torch.rand(0, 1, 28, 28)}, "empty batch"),
        ({"restarts": 0}, "restarts is 0"),
        ({"steps": -1}, "steps is -1"),
        ({"rate": -1.0}, "rate is -1"),
        ({"momentum": float("nan")}, "momentum is nan"),
    ],
)
def test_what_defense_gan_refuses(change: dict, words: str) -> None:
    given = {"network": artist(), "x": torch.rand(2, 1, 28, 28), "steps": 2, "restarts": 2} | change
    with pytest.raises(ValueError, match=words):
        defenses.defense_gan(**given)


# ---------------------------------------------------------------- how they are trained, and the rows of the table


def test_a_critic_with_slope_one_has_no_penalty() -> None:
    direction = torch.randn(784, generator=generator(1))
    critic = lambda scale: lambda x: x.flatten(1) @ (scale * direction / direction.norm())  # noqa: E731
    real, fake = torch.rand(3, 1, 28, 28), torch.rand(3, 1, 28, 28)
    assert train_generative.penalty(critic(1.0), real, fake) < 1e-8
    assert torch.allclose(train_generative.penalty(critic(3.0), real, fake), torch.tensor(4.0), atol=1e-4)


def test_a_pixelcnn_learns_what_is_likely() -> None:
    with runtime.seeded_weights(0):
        net = PixelCNN(levels=4, width=8, blocks=2)
    x = (torch.arange(8) % 2).float().expand(32, 1, 8, 8).contiguous()  # stripes
    before = models.bits(net, x).mean()
    train_generative.learn_pixels(net, x, train_generative.Likelihood(epochs=30, rate=0.02, batch=8), "stripes", lambda _: 0.0)
    assert models.bits(net, x).mean() < 0.1 < 1.0 < before
    spoilt = (x + 0.45 * (2 * torch.rand(x.shape, generator=generator(2)) - 1)).clamp(0, 1)
    assert (defenses.pixel_defend(net, spoilt, eps=0.5) - x).abs().mean() < 0.05 < (spoilt - x).abs().mean()


def test_a_generator_learns_as_a_decoder_and_plays() -> None:
    with runtime.seeded_weights(0):
        net = Generator(codes=4, hidden=(16, 16))
    x = torch.zeros(64, 1, 28, 28)
    x[:32, :, :14], x[32:, :, :, 14:] = 1, 1  # two pictures
    train_generative.learn_digits(net, x, train_generative.Game(epochs=40, rate=0.01, batch=16), "halves")
    assert defenses.project(net, x[[0, 40]], steps=50, restarts=4).distance.amax() < 0.02
    state = copy.deepcopy(net.state_dict())
    mean = train_generative.play(net, x, train_generative.Game(steps=3, critic=1, batch=8), print)
    assert any(not torch.equal(value, state[key]) for key, value in mean.state_dict().items()) and all(v.isfinite().all() for v in mean.state_dict().values())


# ---------------------------------------------------------------- what ships


def test_the_shipped_pixelcnn_purifies_signs() -> None:
    """Behind it the signs are recognised, and their likelihood is better than that of noisy and of mirrored ones."""
    cnn, net, signs = models.load("pixelcnn-signs"), models.load("allconv-signs"), data.load("objects", "test", 20, source="drawn")
    assert measure.accuracy(net, defenses.pixel_defend(cnn, signs.x), signs.y) >= 0.9
    noisy = attacks.random_sign(signs.x, eps=8 / 255, generator=generator(0))
    assert (models.bits(cnn, noisy) > models.bits(cnn, signs.x) + 0.1).all() and models.bits(cnn, signs.x).mean() < 4.5 < 6


def test_the_shipped_generator_draws_digits() -> None:
    painter, net, digits = models.load("generator-digits"), models.load("lenet-digits"), data.load("digits", "test", 30, source="drawn")
    near = defenses.project(painter, digits.x, steps=100, restarts=4)
    assert measure.accuracy(net, near.x, digits.y) >= 0.9 and near.distance.sqrt().mean() < 0.13


def test_the_rows_keep_what_both_networks_have_right() -> None:
    x, y = torch.rand(6, 1, 28, 28, generator=generator(1)), torch.arange(6) % 3
    net = reader()
    kept, its = generative_rows.both(net, x, runtime.predict(net, x).where(y > 0, torch.tensor(11)))
    assert torch.equal(kept, x[y > 0]) and torch.equal(its, runtime.predict(net, x)[y > 0])
    guarded = generative_rows.guarded(net, artist(), steps=2, restarts=2)
    assert not torch.equal(guarded(x), guarded(x)), "each answer comes from another search"
