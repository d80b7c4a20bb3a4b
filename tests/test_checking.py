"""The toolbox for checkers: what it expects of an answer, and the sentence for each thing that is not so."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F

from course_utils import runtime
from course_utils.checking import (
    ATTACK, Exercise, Item, Mistake, attack_cases, call, deletion, expect_budget, expect_close, expect_inside, expect_trains, noise,
    objection, probe, returned, slips, untouched,
)  # fmt: skip
from course_utils.checking import battery


def test_missing_return_is_named() -> None:
    with pytest.raises(Mistake, match="your function returns nothing, None; end it with `return`"):
        returned(None, torch.ones(2), "r")


@pytest.mark.parametrize(
    "got, words",
    [
        ([1.0], r"r is list; a torch tensor of shape \[2\] is expected"),
        (torch.ones(2, 1), r"r has shape \[2, 1\]; \[2\] is expected"),
        (torch.ones(2).double(), "r holds torch.float64; torch.float32 is expected"),
        (torch.tensor([1.0, torch.nan]), "r holds NaN; do you divide by 0"),
        (torch.ones(2, device="meta"), "r is on meta; cpu is expected"),
    ],
)
def test_returned_says_what_is_wrong(got, words: str) -> None:
    with pytest.raises(Mistake, match=words):
        returned(got, torch.ones(2), "r")


@pytest.mark.parametrize(
    "case, words",
    [
        (None, "torch.float32 is expected, as in the input."),
        ({"x": torch.ones(3), "y": torch.arange(3)}, "torch.float32 is expected, as in the input."),
        ({"y": torch.arange(3)}, "torch.float32 is expected: .to(torch.float32)."),
        ({"size": 3}, "torch.float32 is expected: .to(torch.float32)."),
    ],
)
def test_the_precision_is_the_inputs_only_where_the_input_has_it(case, words: str) -> None:
    with pytest.raises(Mistake, match=re.escape(words)):
        returned(torch.ones(2).double(), torch.ones(2), "r", case)


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


# ---------------------------------------------------------------- what must stay as it was


def touch_mode(net):
    net.eval()


def touch_one_mode(net):
    net.part.train()


def touch_gradient(net):
    net(torch.ones(1, 2)).sum().backward()


def wipe_gradient(net):
    net.zero_grad()


def touch_weights(net):
    net.weight.data += 1


def touch_flags(net):
    net.requires_grad_(False)


def touch_hooks(net):
    net.register_forward_hook(lambda *_: None)


def touch_forward(net):
    net.forward = lambda x: x


@pytest.mark.parametrize(
    "touch, words",
    [
        (touch_mode, "its mode"),
        (touch_one_mode, "its mode"),
        (touch_gradient, "its parameters' gradients changed"),
        (wipe_gradient, "zero_grad\\(\\) wipes them"),
        (touch_weights, "its weights changed"),
        (touch_flags, "its parameters' requires_grad changed"),
        (touch_hooks, "its hooks changed"),
        (touch_forward, "its forward was replaced"),
    ],
)
def test_untouched_sees_changes_of_a_model(touch, words: str) -> None:
    net = torch.nn.Linear(2, 2)
    net.part = torch.nn.Identity().eval()
    for weights in net.parameters():
        weights.grad = torch.ones_like(weights)
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
    with pytest.raises(Mistake, match="the .grad of x is another one than before; at the next call"), untouched(x=x):
        (2 * x).sum().backward()


def test_expect_inside_names_the_range() -> None:
    expect_inside(torch.tensor([0.0, 1.0]))
    with pytest.raises(Mistake, match=r"pixels leave \[0, 1\], from -0.50 up to 1.00; clip"):
        expect_inside(torch.tensor([-0.5, 1.0]))


def test_expect_budget_names_the_step() -> None:
    case = {"x": torch.zeros(2), "eps": 0.1}
    expect_budget(torch.tensor([0.1, -0.1]), case)
    with pytest.raises(Mistake, match="something moved by 0.200 with eps 0.1"):
        expect_budget(torch.tensor([0.0, 0.2]), case)


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


def test_expect_trains_compares_the_gradients_of_the_weights() -> None:
    net, x = torch.nn.Linear(2, 2), torch.ones(3, 2)
    expect_trains(net(x).sum(), net(x).sum(), net, "it lacks something.")
    whole, cut = net(x).sum() + net(x).square().sum(), net(x).sum() + net(x).square().sum().detach()
    with pytest.raises(Mistake, match="the value is right but it lacks something."):
        expect_trains(cut, whole, net, "it lacks something.")
    loss = net(x).square().sum()
    torch.autograd.grad(loss, list(net.parameters()))
    with pytest.raises(Mistake, match="the value is right but it cannot train: it lacks something."):
        expect_trains(loss, net(x).sum(), net, "it lacks something.")


# ---------------------------------------------------------------- an attack, on the whole battery


def step(model, x, y, eps):
    z = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(z), y), z)
    return (x + eps * gradient.sign()).clamp(0, 1).detach()


TASK = Exercise("step", step, attack_cases(), hints=(), battery=ATTACK, rules=(expect_inside, expect_budget), mistakes=slips.of_a_step(1))


class Piling:
    """An attack whose gradient adds up from call to call, where no one sees it."""

    total = 0

    def __call__(self, model, x, y, eps):
        new = step(model, x, y, 1e-3) - x
        self.total = (self.total if getattr(self.total, "shape", None) == new.shape else 0) + new
        return (x + eps * self.total.sign()).clamp(0, 1).detach()


class Second:
    """Right at first, and wrong when it is asked the same again."""

    asked = 0

    def __call__(self, model, x, y, eps):
        self.asked += len(x) == 8 and eps == 0.0973
        return step(model, x, y, eps if self.asked < 6 else 0.9 * eps)


def on_leaf(model, x, y, eps):
    z = x.clone().requires_grad_()
    return (z + eps * torch.autograd.grad(F.cross_entropy(model(z), y), z)[0].sign()).clamp(0, 1)


def random_start(model, x, y, eps):
    z = (x + eps * (2 * torch.rand(x.shape) - 1)).clamp(0, 1)
    return (z + (step(model, z, y, eps) - z)).clamp(x - eps, x + eps).clamp(0, 1)


@pytest.mark.parametrize(
    "f, words",
    [
        (lambda m, x, y, e: step(m, x, y, e)[0], "result has shape [3, 6, 5]; [8, 3, 6, 5] is expected"),
        (lambda m, x, y, e: step(m, x, y, e).double(), "holds torch.float64"),
        (lambda m, x, y, e: step(m, x, y, e).float(), "in double precision: the result holds torch.float32"),
        (on_leaf, "still carries the graph"),
        (lambda m, x, y, e: x + 2, "pixels leave"),
        (lambda m, x, y, e: step(m, x, y, 2 * e), "moved by 0.195 with eps 0.0973"),
        (lambda m, x, y, e: step(m, x, y, 0.0973), "with eps = 0.0317 the result is the one for eps = 0.0973"),
        (Piling(), "something of an earlier call is left over"),
        (Second(), "something of an earlier call is left over"),
        (random_start, "no random start"),
        (lambda m, x, y, e: step(m, x, y, e).squeeze(), "for one picture alone (a batch of one): the result has shape [3, 6, 5]"),
        (lambda m, x, y, e: step(m, x, y, e) if len(x) > 1 else x, "for one picture alone (a batch of one): "),
        (lambda m, x, y, e: step(m, x.view(len(x), -1).view(x.shape), y, e), "another order (after a transpose): this tensor lies in memory"),
        (lambda m, x, y, e: step(m, x, y, e).clamp(x.min(), x.max()), "range found in x"),
        (lambda m, x, y, e: (x + (step(m, x, y, e) - x).detach()), "gradients themselves: the result still carries the graph"),
    ],
)
def test_the_battery_names_what_an_attack_must_keep(f, words: str) -> None:
    assert words in (objection(TASK, f) or "accepted")


def test_the_battery_accepts_the_attack_itself() -> None:
    assert objection(TASK, step) is None


@pytest.mark.parametrize("wrong, words", slips.of_a_step(1))
def test_every_slip_is_named(wrong, words: str) -> None:
    assert words in (objection(TASK, lambda *arguments: wrong(*arguments).detach()) or "accepted")


def test_slips_of_a_score_are_named() -> None:
    task = Exercise("gradient", lambda m, x, y: slips.gradient_of(slips.own_score, m, x, y), lambda: some(probe(2)), hints=(), tol=1e-4,
                    mistakes=slips.of_the_score(lambda gradient, x: gradient))  # fmt: skip
    assert objection(task, task.reference) is None
    for wrong, words in slips.of_the_score(lambda gradient, x: gradient):
        assert words in (objection(task, wrong) or "accepted")


def some(given):
    yield dict(zip(("model", "x", "y"), given))


def test_an_item_of_the_battery_is_tried_on_all_that_name_it(monkeypatch) -> None:
    """One place to add an item: here one that makes everything black."""
    black = Item(lambda case: [battery.each(case, lambda v: torch.zeros_like(v) if isinstance(v, torch.Tensor) else v)], "for black pictures", "")
    task = Exercise("twice", lambda x: 2 * x, lambda: [{"x": torch.ones(2)}], hints=(), battery=(black,))
    assert "for black pictures: the result" in (objection(task, lambda x: 2 * x.clamp(min=0.5)) or "accepted")
    assert objection(task, lambda x: x + x) is None


def test_the_device_in_use_is_tried(monkeypatch) -> None:
    """Where a GPU is used the arguments lie there; shown with the device that every torch has and no one computes on."""
    monkeypatch.setattr(runtime, "device", lambda: torch.device("meta"))
    model, x, y = probe()
    (case,) = battery.on_device({"model": model, "x": x, "y": y, "eps": 0.1})
    assert case["x"].is_meta and next(case["model"].parameters()).is_meta and case["eps"] == 0.1
    assert not next(model.parameters()).is_meta
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cpu"))
    assert not list(battery.on_device({"x": x}))


def test_the_battery_leaves_the_case_alone() -> None:
    (case, _) = attack_cases()()
    before = {name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in case.items()}
    for item in ATTACK:
        for varied in item.vary(case):
            assert list(varied) == list(case)
    assert torch.equal(case["x"], before["x"]) and case["x"].dtype == torch.float32 and not case["x"].requires_grad
    assert next(case["model"].parameters()).dtype == torch.float32


# ---------------------------------------------------------------- losses, tuples, numbers


def loss(model, x, strength):
    scores = model(x)
    return scores.mean() + strength * scores.square().mean()


LOSS = Exercise("loss", loss, lambda: [{"model": probe()[0], "x": probe()[1], "strength": 0.1}], hints=(), what="the loss")


@pytest.mark.parametrize(
    "f, words",
    [
        (lambda m, x, s: m(x), "one number for the batch"),
        (lambda m, x, s: loss(m, x, s).item(), "one number for the batch"),
        (lambda m, x, s: loss(m, x, s).detach(), "no gradient for the weights"),
        (lambda m, x, s: m(x).mean() + s * m(x).square().mean().detach(), "the value is right but its gradient for the weights"),
        (lambda m, x, s: loss(m, x, s) + 1, "the loss is off by up to 1"),
        (lambda m, x, s: loss(m, x, s).double(), "the loss is torch.float64"),
    ],
)
def test_a_loss_must_train(f, words: str) -> None:
    assert words in (objection(LOSS, f) or "accepted")
    assert objection(LOSS, LOSS.reference) is None


def test_tuples_are_compared_one_by_one() -> None:
    task = Exercise("both", lambda x: (x, 2 * x), lambda: [{"x": torch.ones(2)}], hints=(), what="the pair")
    assert objection(task, lambda x: (x.clone(), x + x)) is None
    assert "result 2 of 2 is off by up to 1" in objection(task, lambda x: (x, x))
    assert "the pair is not 2 things: return a, b, ... It is a Tensor." in objection(task, lambda x: x)
    assert "It is a list. tuple(...) makes a tuple of it." in objection(task, lambda x: [x, 2 * x])
    assert "It holds 3." in objection(task, lambda x: (x, 2 * x, 3 * x))


def test_a_number_is_a_number() -> None:
    task = Exercise("most", lambda x: x.max().item(), lambda: [{"x": torch.ones(2)}], hints=())
    assert objection(task, lambda x: 1) is None
    for wrong in (lambda x: x.max(), lambda x: True, lambda x: "1"):
        assert "one number is expected" in objection(task, wrong)


# ---------------------------------------------------------------- noise and deletion

COINS = Exercise("coins", lambda x, e, g: (x + e * (2 * torch.randint(0, 2, x.shape, generator=g) - 1)).clamp(0, 1), noise.cases, hints=(),
                 agree=noise.agree, also=noise.fair)  # fmt: skip


@pytest.mark.parametrize(
    "share, words", [(0.45, "up and down are not equally likely"), (0.55, "up and down are not equally likely"), (0.5, None)]
)
def test_unfair_coins_are_seen(share: float, words: str | None) -> None:
    said = objection(COINS, lambda x, e, g: (x + e * (2 * (torch.rand(x.shape, generator=g) < share).to(x) - 1)).clamp(0, 1))
    assert said is None if words is None else words in said


def test_deletion_accepts_any_of_equal_pixels() -> None:
    case = list(deletion.cases())[2]
    heat = case["heat"]
    assert any(len(h.unique()) < h.numel() / 2 for h in heat), "the case has ties"

    def deleted(flip: bool) -> torch.Tensor:
        flat = heat.flatten(1).flip(1) if flip else heat.flatten(1)
        rank = flat.argsort(dim=1, descending=True, stable=True).argsort(1)
        rank = rank.flip(1) if flip else rank
        return case["x"].where((rank.reshape(heat.shape) >= 14)[:, None], torch.tensor(case["fill"]))

    first, last = deleted(False), deleted(True)
    assert not torch.equal(first, last)
    deletion.agree(first, last, case)
    deletion.agree(last, first, case)
    with pytest.raises(Mistake, match="other pixels than the hottest"):
        deletion.agree(deleted(False).flip(3), first, case | {"x": case["x"].flip(3)})


def test_deletion_takes_a_fill_that_was_rounded_to_float32() -> None:
    case = next(deletion.cases())
    double = case | {"x": case["x"].double(), "heat": case["heat"].double()}
    rank = double["heat"].flatten(1).argsort(1, descending=True).argsort(1).reshape(double["heat"].shape)
    for fill in (double["fill"], torch.tensor(double["fill"], dtype=torch.float32).item()):
        got = double["x"].masked_fill((rank < 9)[:, None], fill)
        deletion.agree(got, got, double)
    with pytest.raises(Mistake, match="pixels that stay were changed"):
        deletion.agree(got.masked_fill((rank == 20)[:, None], 0.3), got, double)


def test_a_mask_stays_a_mask_in_pictures_without_black_and_white() -> None:
    x, mask = torch.rand(2, 1, 3, 3, generator=runtime.generator(0)), torch.eye(3).expand(2, 1, 3, 3)
    (case,) = battery.NARROW.vary({"x": x, "inside": mask})
    assert torch.equal(case["inside"], mask) and 0.2 <= case["x"].min() and case["x"].max() <= 0.7


def test_what_is_left_over_is_not_taken_for_chance() -> None:
    calls = []

    def counted(x):
        calls.append(0)
        return 2 * x + len(calls)

    task = Exercise("double", lambda x: 2 * x, lambda: [{"x": torch.ones(2)}], hints=())
    assert "left over" in objection(task, counted)
    assert "nothing is random" in objection(task, lambda x: 2 * x + torch.rand(2))


def test_small_slopes_beside_large_ones_may_carry_their_rounding() -> None:
    net = torch.nn.Linear(2, 1)
    with torch.no_grad():
        net.weight.fill_(1.0)
        net.bias.fill_(1.0)

    def loss(extra: float) -> torch.Tensor:
        return 1e4 * net.weight.square().sum() + extra * net.bias.sum()

    expect_trains(loss(0.01), loss(0.0), net, "cut off")
    with pytest.raises(Mistake, match="cut off"):
        expect_trains(loss(1.0), loss(0.0), net, "cut off")


@pytest.mark.parametrize("touch", [lambda things: things.pop(), lambda things: things.append(3), lambda things: things.reverse()])
def test_a_call_may_not_change_a_list(touch) -> None:
    with pytest.raises(Mistake, match="the list things was changed"):
        call(lambda things: (touch(things), 1)[1], things=[1, 2])
