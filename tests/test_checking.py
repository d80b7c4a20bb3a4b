"""The toolbox for checkers: what it expects of an answer, and the sentence for each thing that is not so."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from course_utils.checking import (
    Mistake, call, call_attack, call_loss, expect_close, expect_inside, expect_trains, probe, returned, rule_out, untouched,
)  # fmt: skip


def test_missing_return_is_named() -> None:
    with pytest.raises(Mistake, match="your function returns nothing; end it with `return`"):
        returned(None, torch.ones(2), "r")


@pytest.mark.parametrize(
    "got, words",
    [
        ([1.0], r"r is list; a torch tensor of shape \[2\] is expected"),
        (torch.ones(2, 1), r"r has shape \[2, 1\]; \[2\] is expected"),
        (torch.ones(2).double(), "r holds torch.float64; torch.float32 is expected"),
        (torch.tensor([1.0, torch.nan]), "r holds NaN; do you divide by 0"),
    ],
)
def test_returned_says_what_is_wrong(got, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        returned(got, torch.ones(2), "r")


@pytest.mark.parametrize(
    "got, words",
    [
        ([1.0], "r is list; a tensor is expected"),
        (torch.ones(3), r"r has shape \[3\]; \[2\] is expected"),
        (torch.tensor([1.0, torch.nan]), "r holds NaN"),
        (torch.tensor([1.0, 2.0]), "r is off by up to 1: 2 where 1 is expected"),
    ],
)
def test_expect_close_says_what_differs(got, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        expect_close(got, torch.ones(2), "r")


def test_expect_close_prefers_the_reason() -> None:
    with pytest.raises(Mistake, match="^the sign is wrong$"):
        expect_close(-torch.ones(2), torch.ones(2), why="the sign is wrong")


def touch_mode(net):
    net.eval()


def touch_gradient(net):
    net(torch.ones(1, 2)).sum().backward()


def touch_weights(net):
    net.weight.data += 1


def touch_flags(net):
    net.requires_grad_(False)


def touch_hooks(net):
    net.register_forward_hook(lambda *_: None)


@pytest.mark.parametrize(
    "touch, words",
    [
        (touch_mode, "its mode"),
        (touch_gradient, "its parameters now hold gradients"),
        (touch_weights, "its weights changed"),
        (touch_flags, "its parameters' requires_grad changed"),
        (touch_hooks, "its hooks changed"),
    ],
)
def test_untouched_sees_changes_of_a_model(touch, words: str) -> None:
    net = torch.nn.Linear(2, 2)
    with pytest.raises(Mistake, match=f"net is not as it was: .*{words}"), untouched(net=net):
        touch(net)


def test_untouched_lets_reading_pass() -> None:
    net, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    with untouched(net=net, x=x):
        net(x)


def test_untouched_sees_a_gradient_on_the_input() -> None:
    x = torch.ones(2)
    with pytest.raises(Mistake, match="x now asks for gradients"), untouched(x=x):
        x.requires_grad_(True)


def test_untouched_sees_a_gradient_left_on_the_input() -> None:
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(Mistake, match="x now holds a gradient; at the next call the new one is added to this old gradient"), untouched(x=x):
        (2 * x).sum().backward()


def test_rule_out_names_the_wrong_result() -> None:
    known = ((torch.zeros(2), "these are zeros."), (torch.ones(2), "these are ones."))
    with pytest.raises(Mistake, match="^these are ones.$"):
        rule_out(torch.ones(2, dtype=torch.float64), *known)
    with pytest.raises(Mistake, match="^a half.$"):
        rule_out(0.5, (0.25, "a quarter."), (1 / 2, "a half."))


def test_rule_out_lets_others_pass() -> None:
    rule_out(torch.ones(2), (torch.tensor(1.0), "one number"), (torch.ones(1), "another shape"), (torch.zeros(2), "zeros"))
    with pytest.raises(Mistake, match="near"):
        rule_out(torch.ones(2), (torch.full((2,), 1.01), "near"), rtol=0.02)


def test_expect_inside_names_the_range() -> None:
    expect_inside(torch.tensor([0.0, 1.0]))
    with pytest.raises(Mistake, match=r"pixels leave \[0, 1\], from -0.50 up to 1.00; clip"):
        expect_inside(torch.tensor([-0.5, 1.0]))


def test_call_gives_the_arguments_in_order_and_the_result_back() -> None:
    assert call(lambda a, b: (b, a), first=1, second=2) == (2, 1)


@pytest.mark.parametrize(
    "f, words",
    [
        (lambda x, net: None, "your function returns nothing"),
        (lambda x, net: x.add_(1), "x was changed in place"),
        (lambda x, net: net.eval() and 1, "net is not as it was: its mode"),
    ],
)
def test_call_names_what_was_changed(f, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        call(f, x=torch.ones(2), net=torch.nn.Linear(2, 2))


def step(model, x, y, eps):
    z = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(z), y), z)
    return (x + eps * gradient.sign()).clamp(0, 1)


def attached(model, x, y, eps):
    z = x.clone().requires_grad_()
    return (z + eps * torch.autograd.grad(F.cross_entropy(model(z), y), z)[0].sign()).clamp(0, 1)


class Piling:
    """An attack whose gradient adds up from call to call, where no one sees it."""

    total = 0

    def __call__(self, model, x, y, eps):
        self.total = self.total + (step(model, x, y, 1e-3) - x)
        return (x + eps * self.total.sign()).clamp(0, 1)


@pytest.mark.parametrize(
    "f, words",
    [
        (lambda m, x, y, e: step(m, x, y, e)[0], "attacked pictures has shape"),
        (lambda m, x, y, e: step(m, x, y, e).double(), "holds torch.float64"),
        (attached, "still carries the graph"),
        (lambda m, x, y, e: x + 2, "pixels leave"),
        (lambda m, x, y, e: step(m, x, y, 2 * e), "a pixel moved by 0.200 with eps 0.1"),
        (lambda m, x, y, e: step(m, x, y, 0.1), "half the eps"),
        (Piling(), "something of an earlier call is left over"),
    ],
)
def test_call_attack_names_what_an_attack_must_keep(f, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        call_attack(f, *probe(), 0.1)


def test_call_attack_gives_the_pictures_back() -> None:
    model, x, y = probe()
    assert torch.equal(call_attack(step, model, x, y, 0.1), step(model, x, y, 0.1))


@pytest.mark.parametrize(
    "f, words",
    [
        (lambda net, x: net(x), "one number for the batch"),
        (lambda net, x: net(x).sum().item(), "one number for the batch"),
        (lambda net, x: net(x).sum().detach(), "no gradient for the weights"),
    ],
)
def test_call_loss_wants_a_number_that_can_train(f, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        call_loss(f, net=torch.nn.Linear(2, 2), x=torch.ones(3, 2))


def test_expect_trains_compares_the_gradients_of_the_weights() -> None:
    net, x = torch.nn.Linear(2, 2), torch.ones(3, 2)
    expect_trains(call_loss(lambda net, x: net(x).sum(), net=net, x=x), net(x).sum(), net, "it lacks something.")
    whole, cut = net(x).sum() + net(x).square().sum(), net(x).sum() + net(x).square().sum().detach()
    with pytest.raises(Mistake, match="the value is right but it lacks something."):
        expect_trains(cut, whole, net, "it lacks something.")
    loss = net(x).square().sum()
    torch.autograd.grad(loss, list(net.parameters()))
    with pytest.raises(Mistake, match="the value is right but it cannot train: it lacks something."):
        expect_trains(loss, net(x).sum(), net, "it lacks something.")
