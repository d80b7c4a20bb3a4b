"""The parts of the arena, by hand: the network in the judge's hands, what is passed straight through, the searches, the entrance."""

from __future__ import annotations

import os
import time

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import attacks, models
from course_utils.arena import programme, wire
from course_utils.arena.entrance import entrance, votes
from course_utils.arena.material import jolted
from course_utils.arena.programme import EPS, PROGRAMME, Bout
from course_utils.arena.proxy import Averaged, Proxy, Stopped
from course_utils.arena.searching import Calmed, from_others, square
from course_utils.arena.session import Failure
from course_utils.arena.straight import straight_through

from tests.arena_help import PLAIN, Here, pictures, session

FULL = os.environ.get("COURSE_TESTS") == "all"


class Linear(nn.Module):
    """Ten scores, each a weighted sum of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(10, 784, generator=torch.Generator().manual_seed(1)) / 10)

    def forward(self, x):
        return x.flatten(1) @ self.weights.T


# ---------------------------------------------------------------- the proxy


def test_the_proxy_gives_scores_and_gradients_of_the_network() -> None:
    net, x, y = Linear(), pictures(9), torch.arange(9)
    proxy = Proxy(Here(net))
    for model in (net, proxy):
        model.found = attacks.common.input_gradient(model, x, y)
    assert torch.allclose(proxy(x), net(x), atol=1e-5) and torch.allclose(proxy.found, net.found, atol=1e-5)
    assert torch.equal(attacks.fgsm(proxy, x, y, eps=0.1), attacks.fgsm(net, x, y, eps=0.1))


def test_the_proxy_gives_several_gradients_of_one_answer() -> None:
    net, x = Linear(), pictures(3).requires_grad_()
    scores = Proxy(Here(net))(x)
    for k in (2, 5):
        found = torch.autograd.grad(scores[:, k].sum(), x, retain_graph=True)[0]
        assert torch.allclose(found.flatten(1), net.weights[k].expand(3, -1), atol=1e-6)


def test_an_answer_that_is_no_longer_kept_is_asked_for_again() -> None:
    here, x = Here(net := Linear()), pictures(3).requires_grad_()
    proxy = Proxy(here)
    scores = proxy(x)
    here.answers.kept.clear()
    found = torch.autograd.grad(scores[:, 4].sum(), x)[0]
    assert torch.allclose(found.flatten(1), net.weights[4].expand(3, -1), atol=1e-6) and here.asked == 6


def test_a_network_without_a_gradient_says_so_and_is_asked_all_the_same() -> None:
    class Shut(Linear):
        def forward(self, x):
            return super().forward(torch.from_numpy(x.numpy()))

    proxy, x = Proxy(Here(Shut())), pictures(3).requires_grad_()
    assert not proxy(x).requires_grad and "refuses" in proxy.trouble
    with pytest.raises(ValueError, match="no gradient"):
        attacks.pgd(proxy, x.detach(), torch.arange(3), eps=0.1)


def test_gradients_that_are_not_finite_become_zero_and_are_noted() -> None:
    class Broken(Linear):
        def forward(self, x):
            return super().forward(x) + (x.flatten(1).sum(1, keepdim=True) * 0).sqrt()

    proxy, x = Proxy(Here(Broken())), pictures(2).requires_grad_()
    found = torch.autograd.grad(proxy(x)[:, 0].sum(), x)[0]
    assert bool(found.isfinite().all()) and "finite" in proxy.trouble


def test_the_proxy_stops_when_its_time_is_up() -> None:
    proxy = Proxy(Here(Linear()))
    proxy.until = time.monotonic() - 1
    with pytest.raises(Stopped):
        proxy(pictures(2))
    with pytest.raises(Stopped):
        attacks.pgd(proxy, pictures(2), torch.arange(2), eps=0.1)


def test_wrong_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[N, 1, 28, 28\]"):
        Proxy(Here(Linear()))(torch.rand(2, 3, 28, 28))


def test_through_the_process_the_numbers_are_the_same(tmp_path) -> None:
    """A submission in its process and the same network here: scores and FGSM agree; and a request costs little more than the network."""
    net, held, x = models.load("stridenet-digits").cpu(), session(tmp_path, PLAIN), pictures(64)
    proxy = Proxy(held)
    y = net(x).argmax(1)
    assert torch.allclose(proxy(x), net(x), atol=1e-4)
    assert (attacks.fgsm(proxy, x, y, eps=0.1) - attacks.fgsm(net, x, y, eps=0.1)).abs().mean() < 1e-4
    held.end()


def test_the_mean_over_draws_is_the_mean() -> None:
    net, x = Linear(), pictures(4) * 0.5 + 0.25
    mean = Averaged(net, 400, 0.05, torch.Generator().manual_seed(0))
    assert (mean(x) - net(x)).abs().mean() < 0.02
    assert Averaged(net, 1, 0.0, torch.Generator())(x).allclose(net(x))


# ---------------------------------------------------------------- straight through


@pytest.mark.parametrize("hide", [
    lambda x: (x * 3).round() / 3, lambda x: torch.floor(x * 4) / 4, lambda x: x.detach(), lambda x: x.data, lambda x: (x > 0.5).float(),
    lambda x: torch.where(x > 0.5, x, torch.zeros_like(x)), lambda x: (x >= torch.full_like(x, 0.5)).to(x.dtype), lambda x: torch.sign(x - 0.5),
    lambda x: (0.5 < x).float(), lambda x: x.masked_fill(x < 0.5, 0.0), lambda x: ((x > 0.2) & (x < 0.9)).float(),
])  # fmt: skip
def test_values_stay_and_a_gradient_appears(hide) -> None:
    x = torch.linspace(0.3, 0.7, 8)[None].requires_grad_()
    with straight_through():
        value = hide(x * 1)
        found = torch.autograd.grad(value.float().sum(), x, allow_unused=True)[0] if value.requires_grad else None
    assert torch.equal(value.detach().float(), hide(x.detach()).float())
    assert found is not None and bool((found != 0).any()) and bool((found >= 0).all() or (found <= 0).any())


def test_rounding_passes_the_gradient_as_it_is() -> None:
    x = torch.tensor([[0.2, 0.8]], requires_grad=True)
    with straight_through() as mode:
        value = (x * 5).round()
    assert torch.equal(torch.autograd.grad(value.sum(), x)[0], torch.full((1, 2), 5.0)) and mode.crossed == 1


def test_no_grad_is_switched_off_inside_and_back_on_outside() -> None:
    x = torch.ones(2, requires_grad=True)
    with straight_through():
        with torch.no_grad():
            assert (2 * x).requires_grad
    with torch.no_grad():
        assert not (2 * x).requires_grad
    assert (2 * x).requires_grad


def test_a_smooth_network_crosses_nothing() -> None:
    proxy = Proxy(Here(Linear()), straight=True)
    proxy(pictures(2).requires_grad_())
    assert not proxy.crossed


def test_a_rounding_network_gets_a_gradient() -> None:
    class Rounded(Linear):
        def forward(self, x):
            return super().forward((x * 3).round() / 3)

    x = pictures(2).requires_grad_()
    plain, straight = (Proxy(Here(Rounded()), straight=s) for s in (False, True))
    found = [torch.autograd.grad(proxy(x)[:, 3].sum(), x)[0] for proxy in (plain, straight)]
    assert not bool(found[0].any()) and torch.allclose(found[1].flatten(1), Rounded().weights[3].expand(2, -1), atol=1e-5) and straight.crossed


# ---------------------------------------------------------------- attacks


def bout(net: nn.Module) -> Bout:
    here = Here(net)
    small = models.load("stridenet-digits").cpu()
    return Bout(Proxy(here), Proxy(here, straight=True), [models.load("lenet-digits-twin").cpu(), small], pictures(20), torch.Generator().manual_seed(0), lambda: small)


@pytest.mark.parametrize("attack", [a for a in PROGRAMME if FULL or a.name not in ("stand-in", "last stand", "nes", "pgd margin")], ids=lambda a: a.name)
def test_every_attack_gives_pictures_and_those_that_count_stay_in_the_budget(attack) -> None:
    x, y = pictures(2), torch.tensor([3, 5])
    try:
        found = attack.run(bout(Linear()), x, y)
    except programme.NotRun as reason:
        assert attack.name == "bpda straight", reason
        return
    assert found.shape == x.shape and 0 <= found.min() and found.max() <= 1
    if attack.counts:
        assert (found - x).abs().max() <= EPS + 1e-5


def test_square_lowers_the_right_score_without_a_gradient() -> None:
    net, x = Linear(), pictures(6) * 0.2 + 0.4
    y = net(x).argmax(1)

    def closed(x):
        with torch.no_grad():
            return net(x)

    found = square(closed, x, y, eps=0.3, queries=150, generator=torch.Generator().manual_seed(0))
    assert (net(found).argmax(1) != y).all() and (found - x).abs().max() <= 0.3 + 1e-6


def test_square_leaves_fooled_pictures_alone() -> None:
    asked = []

    def wrong(x):
        asked.append(len(x))
        return F.one_hot(torch.zeros(len(x), dtype=torch.long), 10).float()

    square(wrong, pictures(3), torch.tensor([1, 1, 0]), eps=0.3, queries=10, generator=torch.Generator())
    assert asked == [3] + [1] * 9


def test_transfer_asks_the_network_only_about_what_was_made() -> None:
    here = Here(Linear())
    from_others(Proxy(here), [models.load("lenet-digits-twin").cpu()], pictures(4), torch.arange(4), eps=0.3, steps=2, generator=torch.Generator())
    assert here.asked == 4


def test_a_calmed_network_has_its_scores_divided_by_their_lead() -> None:
    net, x = Linear(), pictures(5)
    top = net(x).topk(2).values
    assert torch.allclose(Calmed(net, x)(x), net(x) / (top[:, 0] - top[:, 1]).median(), atol=1e-5)


# ---------------------------------------------------------------- the entrance


def entering(forward, n: int = 40):
    x = pictures(n)
    y = Linear()(x).argmax(1)
    return entrance(Proxy(Here(forward)), x, y)


def test_a_sound_network_enters() -> None:
    entered = entering(Linear())
    assert entered.accuracy == 1 and not entered.random and entered.wavers == 0


def test_a_network_left_to_chance_enters_and_is_known() -> None:
    net = Linear()
    assert entering(lambda x: net(x) + 1e-2 * torch.randn(len(x), 10)).random


def constant(x):
    return torch.eye(10)[torch.zeros(len(x), dtype=torch.long)]


def in_place(x, net=Linear()):
    scores = net(x.clone())
    x.zero_()
    return scores


def company(x, net=Linear()):
    return net(x) - net(x).mean(0) * 3


def peeking(x):
    import inspect

    frame = inspect.currentframe()
    while frame is not None:  # whatever has one whole number a picture must be the labels
        for value in list(frame.f_locals.values()):
            if isinstance(value, torch.Tensor) and value.dtype == torch.int64 and value.shape == (len(x),):
                return torch.eye(10)[value]
        frame = frame.f_back
    return torch.eye(10)[torch.zeros(len(x), dtype=torch.long)]


@pytest.mark.parametrize(("forward", "words"), [
    (constant, "it says 0 to all of them"), (in_place, "in place"), (company, "depend on the other pictures"), (peeking, "looks at labels"),
    (lambda x: -Linear()(x), "of the clean pictures right"),
])  # fmt: skip
def test_unsound_networks_do_not_enter(forward, words) -> None:
    with pytest.raises(Failure, match=words):
        entering(forward)


def test_most_of_five_calls_decide() -> None:
    said = iter([1, 2, 1, 1, 3])
    proxy = Proxy(Here(lambda x: torch.eye(10)[torch.full((len(x),), next(said))]))
    assert votes(proxy, pictures(2), 5).tolist() == [1, 1]


def test_real_pictures_are_moved_a_little() -> None:
    x = torch.zeros(3, 1, 28, 28)
    x[:, :, 8:20, 8:20] = 1
    moved = jolted(x, torch.Generator().manual_seed(0))
    assert moved.shape == x.shape and 0 <= moved.min() and moved.max() <= 1
    assert (moved - x).abs().flatten(1).amax(1).min() > 0.1 and (moved - x).abs().mean() < 0.1


def test_requests_and_replies_have_fixed_heads() -> None:
    assert wire.REQUEST.unpack(wire.REQUEST.pack(wire.MARK, wire.ASK, 1, 2, 3)) == (wire.MARK, 1, 1, 2, 3)
    assert wire.REPLY.size == 14 and wire.REQUEST.size == 18
