"""Chapter 06's measures and networks: residual blocks, blocks left out, linear probes, CKA, decoders."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import data, layers, measure, models, training, visualize
from course_utils.models import Decoder, Residual, ResNet
from course_utils.runtime import generator


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=generator(seed))


# ---------------------------------------------------------------- residual networks


@pytest.mark.parametrize("inputs, outputs, stride", [(4, 4, 1), (4, 8, 2), (3, 5, 3)])
def test_a_block_adds_to_what_its_shortcut_carries(inputs: int, outputs: int, stride: int) -> None:
    torch.manual_seed(0)
    block, x = Residual(inputs, outputs, stride), noise(2, inputs, 7, 9)
    over = block.carried(x)
    by_hand = F.conv2d(F.relu(F.conv2d(x, block[0].weight, block[0].bias, stride, 1)), block[2].weight, block[2].bias, padding=1)
    assert torch.equal(over[:, :inputs], x[:, :, ::stride, ::stride]) and not over[:, inputs:].any() and over.shape == by_hand.shape
    assert torch.allclose(block(x), F.relu(by_hand + over), atol=1e-6)
    alone = Residual(inputs, outputs, stride, shortcut=False)
    alone.load_state_dict(block.state_dict())
    assert torch.allclose(alone(x), F.relu(by_hand), atol=1e-6)


def test_a_residual_network_has_fourteen_layers_and_its_chain_the_same_weights() -> None:
    net, chain = ResNet(), ResNet(shortcuts=False)
    assert sum(isinstance(part, (nn.Conv2d, nn.Linear)) for part in net.modules()) == 14
    assert {k: v.shape for k, v in net.state_dict().items()} == {k: v.shape for k, v in chain.state_dict().items()}
    assert net(torch.rand(2, 3, 48, 48)).shape == (2, 43) and ResNet(10, width=4)(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_batch_norm_is_folded_into_blocks_as_well() -> None:
    torch.manual_seed(0)
    plain, x = ResNet(5, width=4), torch.rand(6, 3, 48, 48, generator=generator(0))
    before = {k: v.clone() for k, v in plain.state_dict().items()}
    net = training.with_batch_norm(plain)
    assert sum(isinstance(part, nn.BatchNorm2d) for part in net.modules()) == 13
    net.train()(x)  # moves the running means
    assert all(torch.equal(v, before[k]) for k, v in plain.state_dict().items()), "a copy: the plain one stays"
    fresh = ResNet(5, width=4).eval()
    training.fold_batch_norm(net, fresh)
    assert torch.allclose(fresh(x), net.eval()(x), atol=1e-4)


def test_without_a_block_its_input_goes_on_over_the_shortcut() -> None:
    net, x = models.load("resnet-signs"), torch.rand(2, 3, 48, 48, generator=generator(1))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    for block in ("3", "4"):
        less = visualize.without_block(net, block)
        carried = net[int(block)].carried(layers.representation(net, x, str(int(block) - 1))).relu()
        assert torch.equal(layers.representation(less, x, block), carried)
        assert isinstance(net[int(block)], Residual) and all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_the_share_over_the_shortcut_by_hand() -> None:
    net, x = models.load("resnet-signs"), torch.rand(3, 3, 48, 48, generator=generator(2))
    inside = layers.representation(net, x, "4")
    over, added = net[5].carried(inside), net[5].added(inside)
    squares = [v.detach().square().sum((1, 2, 3)) for v in (over, added)]
    share = visualize.shortcut_share(net, x, "5", batch_size=2)
    assert torch.allclose(share, squares[0] / sum(squares)) and not net[5]._forward_pre_hooks and not share.requires_grad
    assert visualize.shortcut_share(models.load("chain-signs"), x, "5").tolist() == [0, 0, 0]


@pytest.mark.parametrize("call", [visualize.without_block, lambda m, b: visualize.shortcut_share(m, torch.rand(1, 3, 48, 48), b)])
def test_what_is_no_block_is_named(call) -> None:
    net = models.load("resnet-signs")
    with pytest.raises(ValueError, match=r"layer '0' is Conv2d, no residual block; the blocks are \['2', '3'"):
        call(net, "0")
    with pytest.raises(ValueError, match="unknown layer '12'"):
        call(net, "12")


def test_a_left_out_block_costs_the_chain_more() -> None:
    """The chapter's claim, on a few pictures."""
    pictures = data.load("signs", "test", 150, source="drawn")
    residual, chain = (models.load(name) for name in ("resnet-signs", "chain-signs"))
    kept = [[measure.accuracy(visualize.without_block(net, b), pictures.x, pictures.y) for b in ("3", "5")] for net in (residual, chain)]
    assert min(kept[0]) > 0.2 and max(kept[1]) < 0.15


# ---------------------------------------------------------------- probes and CKA


def test_a_probe_is_ridge_regression() -> None:
    x, held = noise(40, 6), noise(30, 6, seed=1)
    y, held_y = (v[:, :3].argmax(1) for v in (x + 0.3 * noise(40, 6, seed=2), held))
    a, wanted = (x - x.mean(0)).double(), F.one_hot(y).double()
    ridge = 0.1 * a.square().sum(1).mean()
    table = torch.linalg.solve(a.T @ a + ridge * torch.eye(6).double(), a.T @ (wanted - wanted.mean(0)))
    scores = (held - x.mean(0)).double() @ table + wanted.mean(0)
    assert measure.separability(x, y, held, held_y, ridges=[0.1]) == pytest.approx((scores.argmax(1) == held_y).double().mean().item())


def test_a_probe_picks_its_ridge_on_the_training_pictures_by_leaving_one_out() -> None:
    x, y = noise(30, 40), torch.arange(30) % 3
    x[:, 0] += 2 * (y == 1)
    x[:, 1] += 2 * (y == 2)

    def alone(ridge: float) -> int:
        """How many are told right by probes that were trained without them, with the same mean and the same ridge."""
        a, wanted = (x - x.mean(0)).double(), F.one_hot(y).double()
        right = 0
        for i in range(30):
            rest = torch.arange(30) != i
            k = a[rest] @ a[rest].T + ridge * a.square().sum(1).mean() * torch.eye(29).double()
            scores = (a[i] @ a[rest].T) @ torch.linalg.solve(k, wanted[rest] - wanted.mean(0)) + wanted.mean(0)
            right += int(scores.argmax() == y[i])
        return right

    held, held_y = noise(60, 40, seed=3), torch.arange(60) % 3
    held[:, 0] += 2 * (held_y == 1)
    held[:, 1] += 2 * (held_y == 2)
    best = max((1e-4, 1.0), key=alone)
    assert alone(1e-4) != alone(1.0)
    assert measure.separability(x, y, held, held_y, ridges=(1e-4, 1.0)) == measure.separability(x, y, held, held_y, ridges=(best,))


def test_a_probe_finds_what_is_separable_and_nothing_in_noise() -> None:
    y = torch.arange(200) % 4
    apart = F.one_hot(y, 4).float()[:, :, None, None] + 0.1 * noise(200, 4, 3, 3)
    assert measure.separability(apart[:100], y[:100], apart[100:], y[100:]) == 1
    assert measure.separability(noise(100, 9), y[:100], noise(100, 9, seed=1), y[100:]) < 0.45


def test_cka_knows_turned_and_scaled_answers_and_no_others() -> None:
    a, turn = noise(200, 5), torch.linalg.qr(noise(5, 5, seed=1)).Q
    assert measure.cka(a, 3 * a @ turn + 7) == pytest.approx(1, abs=1e-6)
    assert measure.cka(a, noise(200, 5, seed=2)) < 0.1
    b = a + noise(200, 5, seed=3)
    (one, other) = (v - v.mean(0) for v in (a, b))
    by_hand = (one.T @ other).square().sum() / ((one.T @ one).norm() * (other.T @ other).norm())
    assert measure.cka(a.reshape(200, 5, 1), b) == pytest.approx(by_hand.item(), abs=1e-5)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: measure.separability(noise(4, 3), torch.arange(3), noise(2, 3), torch.arange(2)), "a label a picture"),
        (lambda: measure.separability(noise(4, 3), torch.arange(4), noise(2, 5), torch.arange(2)), "the same layer for both"),
        (lambda: measure.cka(noise(4, 3), noise(5, 3)), "the same pictures"),
        (lambda: measure.cka(noise(1, 3), noise(1, 3)), "at least two"),
        (lambda: models.decoder("digits", "2"), "unknown layer with a decoder '2'"),
        (lambda: models.decoder("photos", "2"), "unknown layer with a decoder '2'"),
    ],
)
def test_bad_input_is_refused_in_words(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


# ---------------------------------------------------------------- decoders


def test_a_decoder_is_clipped_only_when_it_has_learned() -> None:
    torch.manual_seed(0)
    net, codes = Decoder((7,), (1, 28, 28), 8), 30 * noise(4, 7)
    net[0].factor.fill_(9.0)
    assert net.train()(codes).max() > 1 and net.eval()(codes).max() <= 1 and net(codes).min() >= 0
    assert torch.allclose(visualize.decode(net.train(), codes, batch_size=3), net.eval()(codes), atol=1e-6)


@pytest.mark.parametrize("layer", ["3", "7"])
def test_a_shipped_decoder_gives_digits_back(layer: str) -> None:
    net, pictures = models.load("lenet-digits"), data.load("digits", "test", 100, source="drawn")
    back = visualize.decode(models.decoder("digits", layer, source="drawn"), layers.representation(net, pictures.x, layer))
    error = lambda x: (x - pictures.x).square().mean()  # noqa: E731
    assert error(back) < 0.75 * error(pictures.x.mean(0)) and measure.accuracy(models.load("fc200-digits"), back, pictures.y) > 0.8
